/* hearth-smtpd: the parent, and the table of its roles. */
#include "common/parent.h"

static const struct conf_daemon *
section(const struct conf *conf)
{
	return &conf->smtpd;
}

#define MAY(peer)     (1U << (peer))
#define LISTENS(kind) (1U << (kind))

/*
 * Who there is, and who may ask for a channel to whom.  The queue takes outside
 * recipients only over a channel that the parent opens when somebody logs in
 * (PEER_QUEUE_LOGIN), which nobody may ask for.
 */
/* clang-format off */
static const struct parent_role roles[] = {
	{ .kind = ROLE_SMTP_MX,		.program = "hearth-smtp-front",
	  .listeners = LISTENS(LISTEN_SMTP),
	  .may_ask = MAY(PEER_AUTH) | MAY(PEER_DELIVER) | MAY(PEER_QUEUE), .may_spool = true },
	{ .kind = ROLE_SMTP_SUBMISSION, .program = "hearth-smtp-front",
	  .listeners = LISTENS(LISTEN_SUBMISSION) | LISTENS(LISTEN_SUBMISSIONS), .on_demand = true,
	  .may_ask = MAY(PEER_AUTH) | MAY(PEER_DELIVER) | MAY(PEER_QUEUE), .may_spool = true },
	{ .kind = ROLE_SMTP_QUEUE,	.program = "hearth-smtp-queue",
	  .may_ask = MAY(PEER_AUTH) | MAY(PEER_DELIVER), .may_spool = true },
	{ .kind = ROLE_SMTP_DELIVER,	.program = "hearth-smtp-deliver",
	  .per_account = true, .on_demand = true },
	{ .kind = ROLE_AUTH,		.program = "../mailstore/hearth-auth",
	  .on_demand = true },
};
/* clang-format on */

int
main(int argc, char **argv)
{
	static const struct parent_daemon daemon = {
		.name = "smtpd",
		.roles = roles,
		.nroles = COUNT_OF(roles),
		.section = section,
	};

	return parent_main(argc, argv, &daemon);
}
