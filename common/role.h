/*
 * A role from the inside: a program started by its daemon's parent with a
 * channel to it as descriptor 3.  The order is always the same and visible in
 * each role's main():
 *
 *	struct role *r = role_begin("imapd", ROLE_IMAP_ACCOUNT, handler, arg);
 *	role_settings(r)          what the parent said; opens what must be opened
 *	... open the store, make the buffers ...
 *	role_lock_in(r);          seccomp, Landlock, no new privileges; READY
 *	role_run(r);              until DRAIN and nothing left to do
 *
 * role_begin() reads from the parent only, up to IPC_START.  Nothing from the
 * network is read before role_lock_in() has returned.
 *
 * The program is started as: PROGRAM ROLE DAEMON [ACCOUNT], for instance
 * "hearth-smtp-front mx smtpd".  A program that plays one role may ignore that;
 * the words are also what ps(1) shows.  Its environment is empty.
 */
#ifndef COMMON_ROLE_H
#define COMMON_ROLE_H

#include "common/channel.h"
#include "common/settings.h"

enum role_kind {
	ROLE_SMTP_MX = 1,
	ROLE_SMTP_SUBMISSION,
	ROLE_SMTP_DELIVER,
	ROLE_SMTP_QUEUE,
	ROLE_IMAP_FRONT,
	ROLE_IMAP_ACCOUNT,
	ROLE_POP3_FRONT,
	ROLE_POP3_ACCOUNT,
	ROLE_AUTH,
	ROLE_TOOL_CHILD,
	ROLE_TOOL_COPY, /* the same, for LMDB's copying, which makes a thread */
};

struct role;

struct role_handler {
	/* A message from the parent that role.c does not handle itself (it handles PING, DRAIN). */
	void (*message)(void *arg, struct channel_msg *);
	/* The parent asks to finish: stop accepting; call role_exit() when done (at once if nothing is open). */
	void (*drain)(void *arg);
};

/* Exits with a message on standard error if not started by a parent. */
struct role *role_begin(const char *daemon, enum role_kind, const struct role_handler *, void *arg);
const struct settings *role_settings(const struct role *);
uint64_t role_account(const struct role *); /* whose role this is; 0 for roles of nobody */
struct loop *role_loop(struct role *);
struct channel *role_parent(struct role *);
/* Messages that came between IPC_SETTINGS and IPC_START (listeners, TLS, peers) are given to handler->message here, before locking in. */
void role_lock_in(struct role *);
void role_run(struct role *);
NORETURN void role_exit(struct role *);
/* Tells the parent that there is nothing to do; only roles on demand. */
void role_idle(struct role *);

/* Asks the parent for a channel to another role.  `got` is called once, with a descriptor (now the callee's) or an error. */
void role_want_peer(struct role *, uint8_t peer, uint64_t account, void (*got)(void *arg, enum herr, int fd), void *arg);
/* Asks for an unlinked file under state/, for a message larger than memory should hold. */
void role_want_spool(struct role *, void (*got)(void *arg, enum herr, int fd), void *arg);

const char *role_name(enum role_kind); /* "mx", "account", ... */

/* Where it is linked in, it is called as soon as the role is locked in: how tests look at a role from inside.  No program of Hearth has it. */
void role_locked_hook(enum role_kind) __attribute__((weak));

#endif
