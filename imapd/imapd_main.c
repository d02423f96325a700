/* hearth-imapd: the parent of the IMAP server. */
#include "common/parent.h"

/* clang-format off */
static const struct parent_role roles[] = {
	{ .kind = ROLE_IMAP_FRONT, .program = "hearth-imap-front",
	  .listeners = 1U << LISTEN_IMAP | 1U << LISTEN_IMAPS,
	  .may_ask = 1U << PEER_AUTH },
	{ .kind = ROLE_IMAP_ACCOUNT, .program = "hearth-imap-account",
	  .per_account = true, .on_demand = true },
	{ .kind = ROLE_AUTH, .program = "../mailstore/hearth-auth",
	  .on_demand = true },
};
/* clang-format on */

static const struct conf_daemon *
section(const struct conf *conf)
{
	return &conf->imapd;
}

int
main(int argc, char **argv)
{
	static const struct parent_daemon daemon = {
		.name = "imapd",
		.roles = roles,
		.nroles = COUNT_OF(roles),
		.session_role = ROLE_IMAP_ACCOUNT,
		.section = section,
	};

	return parent_main(argc, argv, &daemon);
}
