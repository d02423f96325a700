/*
 * What every account role shares: one process for all sessions of one account.
 * The parent hands over sessions; the role watches the store's wake descriptor;
 * it says that it is idle when its last session has been gone for a while.
 */
#ifndef COMMON_SESSIONS_H
#define COMMON_SESSIONS_H

#include "common/conn.h"
#include "common/role.h"

struct sessions;

struct sessions_protocol {
	const char *daemon;
	enum role_kind role;
	/* Opens the store (before lock-in); returns the wake descriptor (-1: poll every 15 s while sessions are open). */
	int (*open)(struct sessions *, const char *folder, uint64_t account);
	/* A new session: H_OK and it owns `fd` and `ahead` (a channel to the front, or -1), else the reason (they are closed by the caller). `id` for logs. */
	enum herr (*begin)(struct sessions *, uint64_t id, int fd, int ahead);
	void (*woken)(struct sessions *);   /* the wake descriptor is readable (while sessions_watch() is on), or 15 s passed */
	void (*tidy)(struct sessions *);    /* about once a minute */
	void (*goodbye)(struct sessions *); /* the process ends: tell every session (BYE), close them */
};

NORETURN void sessions_main(const struct sessions_protocol *);
struct loop *sessions_loop(struct sessions *);
const struct settings *sessions_settings(const struct sessions *);
unsigned sessions_count(const struct sessions *);
/* Capabilities left out for the account (capability.h), as of its newest session. */
uint64_t sessions_without(const struct sessions *);
/* Does somebody wait for changes?  While nobody does, commits elsewhere do not wake this process.  Off at first. */
void sessions_watch(struct sessions *, bool);
void sessions_over(struct sessions *, uint64_t id); /* a session has ended; tells the parent */

#endif
