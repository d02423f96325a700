/* hearth-pop3d: the parent of the POP3 server. */
#include "common/parent.h"

/* clang-format off */
static const struct parent_role roles[] = {
	{ .kind = ROLE_POP3_FRONT, .program = "hearth-pop3-front",
	  .listeners = 1U << LISTEN_POP3 | 1U << LISTEN_POP3S,
	  .may_ask = 1U << PEER_AUTH },
	{ .kind = ROLE_POP3_ACCOUNT, .program = "hearth-pop3-account",
	  .per_account = true, .on_demand = true },
	{ .kind = ROLE_AUTH, .program = "../mailstore/hearth-auth",
	  .on_demand = true },
};
/* clang-format on */

static const struct conf_daemon *
section(const struct conf *conf)
{
	return &conf->pop3d;
}

int
main(int argc, char **argv)
{
	static const struct parent_daemon daemon = {
		.name = "pop3d",
		.roles = roles,
		.nroles = COUNT_OF(roles),
		.session_role = ROLE_POP3_ACCOUNT,
		.section = section,
		.answers_ahead = true,
	};

	return parent_main(argc, argv, &daemon);
}
