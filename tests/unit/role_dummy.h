/*
 * A role without a process, for tests of what roles do: the loop is the test's,
 * channels to others are made by the test, files come from memory.  For one
 * file of a program only.
 */
#ifndef TESTS_UNIT_ROLE_DUMMY_H
#define TESTS_UNIT_ROLE_DUMMY_H

#include <sys/mman.h>

#include "common/role.h"

struct role {
	struct loop *loop;
	unsigned idle; /* how often it said that it is */
	/* The descriptor that the role gets, or an error. */
	enum herr (*want_peer)(uint8_t peer, uint64_t account, int *fd);
};

struct dummy_want {
	struct role *role;
	uint8_t peer;
	uint64_t account;
	void (*got)(void *arg, enum herr, int fd);
	void *arg;
};

static void
dummy_answer(void *arg)
{
	struct dummy_want *w = arg;
	int fd = -1;
	enum herr err = H_OK;

	if (w->peer != 0)
		err = w->role->want_peer(w->peer, w->account, &fd);
	else
		fd = memfd_create("spool", MFD_CLOEXEC);
	w->got(w->arg, err, fd);
	free(w);
}

/* Answers come from the loop, as those of a parent do. */
static void
dummy_want(struct role *r, uint8_t peer, uint64_t account, void (*got)(void *arg, enum herr, int fd), void *arg)
{
	struct dummy_want *w = calloc(1, sizeof(*w));

	*w = (struct dummy_want){ r, peer, account, got, arg };
	loop_later(r->loop, dummy_answer, w);
}

struct loop *
role_loop(struct role *r)
{
	return r->loop;
}

void
role_want_peer(struct role *r, uint8_t peer, uint64_t account, void (*got)(void *arg, enum herr, int fd), void *arg)
{
	dummy_want(r, peer, account, got, arg);
}

void
role_want_spool(struct role *r, void (*got)(void *arg, enum herr, int fd), void *arg)
{
	dummy_want(r, 0, 0, got, arg);
}

void
role_idle(struct role *r)
{
	r->idle++;
}

NORETURN void
role_exit(struct role *r)
{
	(void)r;
	PANIC("the role wants to end");
}

#endif
