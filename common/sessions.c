/*
 * An account role: all sessions of one account, whatever their protocol.  The
 * store is opened before the role locks itself in; afterwards it hears its
 * parent (new sessions), its sessions, and the store's wake descriptor.
 */
#include "common/sessions.h"

#include <unistd.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	POLL_MS = 15 * 1000, /* also where notices come: one may be lost */
	TIDY_MS = 60 * 1000,
	LINGER_MS = 30 * 1000, /* without sessions; a client often comes back */
	GOODBYE_MS = 5 * 1000,
};

struct sessions {
	const struct sessions_protocol *protocol;
	struct role *role;
	unsigned count;
	bool ending;
	uint64_t without;
	struct watch *wake;
	struct timer *poll, *tidy, *linger;
};

/* ---- time ---- */

static void
poll_due(void *arg)
{
	struct sessions *s = arg;

	if (s->count == 0)
		return; /* set again with the next session */
	s->protocol->woken(s);
	timer_set(s->poll, POLL_MS);
}

static void
tidy_due(void *arg)
{
	struct sessions *s = arg;

	s->protocol->tidy(s);
	timer_set(s->tidy, TIDY_MS);
}

static void
linger_due(void *arg)
{
	struct sessions *s = arg;

	if (s->ending)
		role_exit(s->role);
	if (s->count > 0)
		return;
	role_idle(s->role);
	timer_set(
	    s->linger, LINGER_MS); /* the parent may have a reason to keep us */
}

static void
woken(void *arg, unsigned events)
{
	struct sessions *s = arg;

	(void)events;
	s->protocol->woken(s);
}

void
sessions_watch(struct sessions *s, bool on)
{
	if (s->wake != NULL)
		watch_set(s->wake, on ? LOOP_READ : 0);
}

/* ---- sessions ---- */

static void
begin(struct sessions *s, struct channel_msg *m)
{
	enum herr err = H_BUSY;
	char answer;
	struct wire w = wire_over(m->payload);

	s->without = wire_u64(&w);
	if (m->fd[0] < 0 || !wire_end(&w))
		return;
	if (!s->ending)
		err = s->protocol->begin(s, m->id, m->fd[0], m->fd[1]);
	if (err == H_OK) {
		m->fd[0] = m->fd[1] = -1;
		if (s->count++ == 0)
			timer_set(s->poll, POLL_MS);
	} else if (s->count == 0) {
		timer_set(s->linger, LINGER_MS);
	}
	answer = (char)err;
	channel_send(role_parent(s->role), IPC_SESSION_TAKEN, m->id,
	    (struct span){ &answer, 1 });
}

void
sessions_over(struct sessions *s, uint64_t id)
{
	assert(s->count > 0);
	channel_send(role_parent(s->role), IPC_SESSION_OVER, id, NO_SPAN);
	if (--s->count == 0)
		timer_set(s->linger, s->ending ? 0 : LINGER_MS);
}

static void
parent_says(void *arg, struct channel_msg *m)
{
	if (m->type == IPC_SESSION)
		begin(arg, m);
}

static void
drain(void *arg)
{
	struct sessions *s = arg;

	s->ending = true;
	if (s->count > 0)
		s->protocol->goodbye(s);
	/* Sessions that do not end by themselves have had their time then. */
	timer_set(s->linger, s->count > 0 ? GOODBYE_MS : 0);
}

/* ---- the role ---- */

struct loop *
sessions_loop(struct sessions *s)
{
	return role_loop(s->role);
}

const struct settings *
sessions_settings(const struct sessions *s)
{
	return role_settings(s->role);
}

uint64_t
sessions_without(const struct sessions *s)
{
	return s->without;
}

unsigned
sessions_count(const struct sessions *s)
{
	return s->count;
}

void
sessions_main(const struct sessions_protocol *protocol)
{
	static const struct role_handler handler = { parent_says, drain };
	struct sessions s = { .protocol = protocol };
	char path[64];
	uint64_t account;
	int wake;

	s.role = role_begin(protocol->daemon, protocol->role, &handler, &s);
	account = role_account(s.role);
	snprintf(path, sizeof(path), "accounts/%016llx",
	    (unsigned long long)account);
	s.poll = timer_new(role_loop(s.role), poll_due, &s);
	s.tidy = timer_new(role_loop(s.role), tidy_due, &s);
	s.linger = timer_new(role_loop(s.role), linger_due, &s);
	wake = protocol->open(&s, path, account);
	if (wake >= 0)
		s.wake = watch_new(role_loop(s.role), wake, 0, woken, &s);
	else
		log_event(LOG_WARN, "inotify-missing",
		    "changes are looked for every 15 s");
	timer_set(s.tidy, TIDY_MS);
	timer_set(s.linger, LINGER_MS);
	role_lock_in(s.role);
	role_run(s.role);
	role_exit(s.role);
}
