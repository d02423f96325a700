/*
 * A daemon's parent: binds ports, reads configuration, starts roles, connects
 * them, restarts those that die, ends those that hang.  It reads no byte from
 * the network and opens no environment.  What a role may ask for is a closed
 * table per daemon (struct parent_role.may_ask).
 */
#ifndef COMMON_PARENT_H
#define COMMON_PARENT_H

#include "common/conf.h"
#include "common/role.h"

struct parent_role {
	enum role_kind kind;
	const char *program;  /* beside the daemon's own program, or in a sibling folder of the source tree: "../mailstore/hearth-auth" */
	bool per_account;     /* one for each account that needs it */
	bool on_demand;	      /* else started at once and kept */
	unsigned listeners;   /* bit set of 1 << enum listener_kind that it gets */
	unsigned may_ask;     /* bit set of 1 << enum ipc_peer */
	bool may_spool;	      /* IPC_WANT_SPOOL */
};

struct parent_daemon {
	const char *name; /* "smtpd" */
	const struct parent_role *roles;
	size_t nroles;
	enum role_kind session_role; /* where a login leads: the account role, or 0 (smtpd: a channel to the queue) */
	const struct conf_daemon *(*section)(const struct conf *);
	bool answers_ahead; /* a session has a channel beside its stream, for IPC_AHEAD */
};

/* -c FILE, --version; the whole life of the daemon.  Returns the exit status. */
int parent_main(int argc, char **argv, const struct parent_daemon *);

#endif
