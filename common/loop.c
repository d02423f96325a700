/*
 * The event loop, on libevent's core.  What is added to it: a turn has an end,
 * at which the work that loop_later() collected is done.
 */
#include "common/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/log.h"
#include "common/mem.h"

struct later {
	void (*fn)(void *arg);
	void *arg;
};

struct laters {
	struct later *item;
	size_t len, room;
};

struct loop {
	struct event_base *base;
	struct laters next; /* for the end of this turn */
	struct laters now;  /* being run */
	bool stopped;
};

struct watch {
	struct event event;
	struct loop *loop;
	unsigned events;
	void (*ready)(void *arg, unsigned events);
	void *arg;
};

struct timer {
	struct event event;
	void (*fired)(void *arg);
	void *arg;
};

struct signal_watch {
	struct event event;
	void (*caught)(void *arg, int signo);
	void *arg;
};

static void
heard(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_event(LOG_WARN, "loop", text);
}

struct loop *
loop_new(void)
{
	struct loop *l = mem_alloc(sizeof(*l));
	struct event_config *config;

	event_set_log_callback(heard);
	if ((config = event_config_new()) == NULL)
		PANIC("no memory for an event loop");
	/* One thread, and nothing from the environment of whoever started us.
	 */
	if (event_config_set_flag(config,
		EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) != 0 ||
	    (l->base = event_base_new_with_config(config)) == NULL)
		PANIC("cannot make an event loop");
	event_config_free(config);
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	event_base_free(l->base);
	mem_free(&l->next.item);
	mem_free(&l->now.item);
	mem_free(lp);
}

static void
run_laters(struct loop *l)
{
	struct laters run = l->next;

	/* What these add is for the next turn, so that sockets get their
	 * chance. */
	l->next = l->now;
	l->now = run;
	for (size_t i = 0; i < l->now.len; i++)
		l->now.item[i].fn(l->now.item[i].arg);
	l->now.len = 0;
}

void
loop_run(struct loop *l)
{
	l->stopped = false;
	while (!l->stopped) {
		int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

		/* Still once: or it would go on until no socket has anything.
		 */
		if (l->next.len > 0)
			flags |= EVLOOP_NONBLOCK;
		if (event_base_loop(l->base, flags) < 0)
			PANIC("the event loop failed");
		run_laters(l);
	}
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}

void
loop_later(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct laters *q = &l->next;

	if (q->len == q->room) {
		q->room = q->room == 0 ? 8 : 2 * q->room;
		q->item = mem_resize(q->item, q->room, sizeof(q->item[0]));
	}
	q->item[q->len++] = (struct later){ .fn = fn, .arg = arg };
}

/* ---- descriptors ---- */

static void
watch_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	unsigned events = 0;

	(void)fd;
	if (what & EV_READ)
		events |= LOOP_READ;
	if (what & EV_WRITE)
		events |= LOOP_WRITE;
	w->ready(w->arg, events);
}

static void
watch_arm(struct watch *w, int fd)
{
	short what = EV_PERSIST;

	if (w->events & LOOP_READ)
		what |= EV_READ;
	if (w->events & LOOP_WRITE)
		what |= EV_WRITE;
	if (event_assign(&w->event, w->loop->base, fd, what, watch_event, w) !=
	    0)
		PANIC("cannot watch a descriptor");
	if (w->events != 0 && event_add(&w->event, NULL) != 0)
		PANIC("cannot watch a descriptor");
}

struct watch *
watch_new(struct loop *l, int fd, unsigned events,
    void (*ready)(void *arg, unsigned events), void *arg)
{
	struct watch *w = mem_alloc(sizeof(*w));

	w->loop = l;
	w->events = events;
	w->ready = ready;
	w->arg = arg;
	watch_arm(w, fd);
	return w;
}

void
watch_set(struct watch *w, unsigned events)
{
	if (w->events == events)
		return;
	event_del(&w->event);
	w->events = events;
	watch_arm(w, event_get_fd(&w->event));
}

void
watch_free(struct watch **wp)
{
	if (*wp == NULL)
		return;
	event_del(&(*wp)->event);
	mem_free(wp);
}

/* ---- timers ---- */

static void
timer_event(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	(void)fd;
	(void)what;
	t->fired(t->arg);
}

struct timer *
timer_new(struct loop *l, void (*fired)(void *arg), void *arg)
{
	struct timer *t = mem_alloc(sizeof(*t));

	t->fired = fired;
	t->arg = arg;
	if (event_assign(&t->event, l->base, -1, 0, timer_event, t) != 0)
		PANIC("cannot make a timer");
	return t;
}

void
timer_set(struct timer *t, int64_t ms)
{
	struct timeval tv;

	if (ms < 0)
		ms = 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (event_add(&t->event, &tv) != 0)
		PANIC("cannot set a timer");
}

void
timer_stop(struct timer *t)
{
	event_del(&t->event);
}

void
timer_free(struct timer **tp)
{
	if (*tp == NULL)
		return;
	event_del(&(*tp)->event);
	mem_free(tp);
}

/* ---- signals ---- */

static void
signal_event(evutil_socket_t signo, short what, void *arg)
{
	struct signal_watch *s = arg;

	(void)what;
	s->caught(s->arg, (int)signo);
}

struct signal_watch *
signal_watch_new(
    struct loop *l, int signo, void (*caught)(void *arg, int signo), void *arg)
{
	struct signal_watch *s = mem_alloc(sizeof(*s));

	s->caught = caught;
	s->arg = arg;
	if (event_assign(&s->event, l->base, signo, EV_SIGNAL | EV_PERSIST,
		signal_event, s) != 0 ||
	    event_add(&s->event, NULL) != 0)
		PANIC("cannot watch a signal");
	return s;
}

void
signal_watch_free(struct signal_watch **sp)
{
	if (*sp == NULL)
		return;
	event_del(&(*sp)->event);
	mem_free(sp);
}
