/*
 * The slow part of a login, in two threads: PBKDF2 over a password, and the
 * count of tries around it.  Jobs wait in a bounded queue and are taken from
 * different addresses in turn, so that a flood from one delays it, not others.
 *
 * The threads are made when there is work for them, after the role has locked
 * itself in, so that all it may not do they may not either.  They touch nothing
 * but their job and the throttle's table.
 */
#ifndef MAILSTORE_AUTH_WORK_H
#define MAILSTORE_AUTH_WORK_H

#include "common/loop.h"
#include "mailstore/auth_throttle.h"
#include "mailstore/password.h"

enum {
	AUTH_WORK_THREADS = 2,
	AUTH_WORK_QUEUE_MAX = 128,
};

struct auth_job {
	/* The question. */
	struct auth_throttle_peer peer;
	struct directory_credential credential; /* of the account, or made up */
	char password[PASSWORD_MAX]; /* wiped when the work is done */
	size_t password_len;

	/* The answer. */
	bool throttled; /* the address has had its fill: nothing was computed */
	bool same;	/* it is the password */
	uint32_t guess; /* for auth_throttle_failed() */
	int64_t taken;	/* wall clock at which the try was counted */

	struct auth_job *next; /* the queue's */
};

struct auth_work;

/* Before locking in.  `done` is called from the loop, once for each job that was added; the job is its again. */
struct auth_work *auth_work_new(struct loop *, struct auth_throttle *, void (*done)(void *arg, struct auth_job *), void *arg);
/* Waits for jobs that have begun; others are forgotten. */
void auth_work_free(struct auth_work **);
/* False: the queue is full. */
bool auth_work_add(struct auth_work *, struct auth_job *) MUST_USE;

#endif
