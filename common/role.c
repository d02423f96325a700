/*
 * A role's life, and what every role says to its parent.  Until it is locked in
 * a role only hears what its parent tells it before IPC_START; that is kept and
 * handed to the role's own code in one go, just before the door closes.
 */
#include "common/role.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sandbox.h"
#include "common/wire.h"

enum {
	PARENT_FD = 3,
	KEPT_MAX = 64,        /* messages before IPC_START */
	QUESTIONS_MAX = 4096, /* unanswered, to the parent */
	ORPHAN_MS = 700,      /* to finish in when the parent is gone */
};

/* A message that came before its time. */
struct kept {
	struct kept *next;
	struct channel_msg msg;
	char payload[];
};

struct question {
	struct question *next;
	uint64_t id;
	uint16_t type; /* IPC_WANT_PEER or IPC_WANT_SPOOL */
	void (*got)(void *arg, enum herr, int fd);
	void *arg;
};

struct role {
	enum role_kind kind;
	const struct role_handler *handler;
	void *arg;
	struct loop *loop;
	struct channel *parent;
	struct settings settings;
	uint64_t account;
	bool have_settings, started, locked, draining;
	struct kept *first_kept, **last_kept;
	size_t nkept;
	struct question *questions;
	size_t nquestions;
	uint64_t last_question;
	struct timer *orphan;
};

const char *
role_name(enum role_kind kind)
{
	switch (kind) {
	case ROLE_SMTP_MX: return "mx";
	case ROLE_SMTP_SUBMISSION: return "submission";
	case ROLE_SMTP_DELIVER: return "deliver";
	case ROLE_SMTP_QUEUE: return "queue";
	case ROLE_IMAP_FRONT:
	case ROLE_POP3_FRONT: return "front";
	case ROLE_IMAP_ACCOUNT:
	case ROLE_POP3_ACCOUNT: return "account";
	case ROLE_AUTH: return "auth";
	case ROLE_TOOL_CHILD:
	case ROLE_TOOL_COPY: return "tool";
	}
	return "nobody";
}

/* ---- what the parent says ---- */

NORETURN static void
misled(const char *why)
{
	log_event(LOG_ERROR, "bad-parent", why);
	_exit(1);
}

static void
keep(struct role *r, const struct channel_msg *m)
{
	struct kept *k;

	if (r->nkept++ == KEPT_MAX)
		misled("too much said before the start");
	k = mem_alloc(sizeof(*k) + m->payload.len);
	k->msg = *m;
	if (m->payload.len > 0)
		memcpy(k->payload, m->payload.ptr, m->payload.len);
	k->msg.payload.ptr = k->payload;
	*r->last_kept = k;
	r->last_kept = &k->next;
}

static void
take_settings(struct role *r, const struct channel_msg *m)
{
	if (r->have_settings || !settings_get(m->payload, &r->settings))
		misled("settings");
	r->have_settings = true;
	r->account = m->id;
}

static void
answered(struct role *r, uint16_t type, uint64_t id, enum herr err, int *fd)
{
	for (struct question **at = &r->questions; *at != NULL;
	     at = &(*at)->next) {
		struct question *q = *at;

		if (q->id != id || q->type != type)
			continue;
		*at = q->next;
		r->nquestions--;
		if (err == H_OK && *fd < 0)
			err = H_IO;
		q->got(q->arg, err, err == H_OK ? *fd : -1);
		if (err == H_OK)
			*fd = -1;
		mem_free(&q);
		return;
	}
}

static bool
is_answer(const struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t peer = wire_u8(&w);

	return peer == PEER_AUTH || peer == PEER_DELIVER || peer == PEER_QUEUE;
}

static enum herr
reason(const struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t err = wire_u8(&w);

	return wire_end(&w) && err <= H_IO ? (enum herr)err : H_IO;
}

static void
drain(struct role *r)
{
	if (r->draining)
		return;
	r->draining = true;
	r->handler->drain(r->arg);
}

static void
dispatch(struct role *r, struct channel_msg *m)
{
	switch (m->type) {
	case IPC_PING: channel_send(r->parent, IPC_PONG, m->id, NO_SPAN); break;
	case IPC_DRAIN: drain(r); break;
	case IPC_PEER:
		if (is_answer(m))
			answered(r, IPC_WANT_PEER, m->id, H_OK, &m->fd[0]);
		else
			r->handler->message(r->arg, m);
		break;
	case IPC_NO_PEER:
		answered(r, IPC_WANT_PEER, m->id, reason(m), &m->fd[0]);
		break;
	case IPC_SPOOL:
		answered(r, IPC_WANT_SPOOL, m->id, reason(m), &m->fd[0]);
		break;
	default: r->handler->message(r->arg, m); break;
	}
}

static void
close_rest(const struct channel_msg *m)
{
	for (size_t i = 0; i < CHANNEL_FDS_MAX; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
}

static void
dispatch_kept(struct role *r)
{
	struct kept *k;

	while ((k = r->first_kept) != NULL) {
		if ((r->first_kept = k->next) == NULL)
			r->last_kept = &r->first_kept;
		r->nkept--;
		dispatch(r, &k->msg);
		close_rest(&k->msg);
		mem_free(&k);
	}
}

static void
parent_said(void *arg, struct channel *c, struct channel_msg *m)
{
	struct role *r = arg;

	(void)c;
	if (r->locked) {
		dispatch(r, m);
	} else if (m->type == IPC_SETTINGS) {
		take_settings(r, m);
	} else if (m->type == IPC_START) {
		r->started = true;
		channel_pause(r->parent, true);
		loop_stop(r->loop);
	} else {
		keep(r, m);
		m->fd[0] = m->fd[1] = -1;
	}
}

static void
orphaned(void *arg)
{
	(void)arg;
	_exit(0);
}

/* It cannot come back: finish what is begun, quickly. */
static void
parent_gone(void *arg, struct channel *c)
{
	struct role *r = arg;

	(void)c;
	log_event(LOG_WARN, "parent-gone", "this role ends");
	if (!r->locked)
		_exit(1);
	r->orphan = timer_new(r->loop, orphaned, r);
	timer_set(r->orphan, ORPHAN_MS);
	drain(r);
}

/* ---- life ---- */

/* A page of a mapped file is gone: somebody cut the file off, or the disk
 * cannot read it. */
static void
bus_error(int signo)
{
	struct log_line l;

	(void)signo;
	log_begin(&l, LOG_ERROR, "file-damaged");
	log_text(&l, "why", "a page of a mapped file could not be read");
	log_end(&l);
	_exit(1);
}

static void
set_signals(void)
{
	/* Ctrl-C and systemd's SIGTERM reach every process; only the parent
	 * acts on them, and drains its roles in order. */
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGQUIT,
		SIGTERM };
	struct sigaction sa = { .sa_handler = bus_error };

	for (size_t i = 0; i < COUNT_OF(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigaction(SIGBUS, &sa, NULL);
}

struct role *
role_begin(const char *daemon, enum role_kind kind,
    const struct role_handler *handler, void *arg)
{
	static const struct channel_handler from_parent = { parent_said,
		parent_gone };
	struct role *r = mem_alloc(sizeof(*r));
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(PARENT_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_SEQPACKET) {
		fprintf(
		    stderr, "This program is started by hearth-%s.\n", daemon);
		exit(2);
	}
	/* Whoever kills the parent takes its roles along, whatever they do. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	log_open(daemon, role_name(kind), LOG_INFO);
	prctl(PR_SET_NAME, role_name(kind), 0, 0, 0);
	set_signals();
	r->kind = kind;
	r->handler = handler;
	r->arg = arg;
	r->last_kept = &r->first_kept;
	r->loop = loop_new();
	r->parent = channel_new(r->loop, PARENT_FD, &from_parent, r);
	loop_run(r->loop);
	if (!r->started || !r->have_settings)
		misled("it said start, but not what to do");
	return r;
}

void
role_lock_in(struct role *r)
{
	dispatch_kept(r);
	sandbox_enter(r->kind);
	r->locked = true;
	channel_send(r->parent, IPC_READY, 0, NO_SPAN);
	channel_pause(r->parent, false);
}

void
role_run(struct role *r)
{
	loop_run(r->loop);
}

/* Without exit handlers: all that must last is on disk, and what libraries
 * would tidy up needs calls that are not allowed any more. */
void
role_exit(struct role *r)
{
	(void)r;
	_exit(0);
}

const struct settings *
role_settings(const struct role *r)
{
	return &r->settings;
}

uint64_t
role_account(const struct role *r)
{
	return r->account;
}

struct loop *
role_loop(struct role *r)
{
	return r->loop;
}

struct channel *
role_parent(struct role *r)
{
	return r->parent;
}

/* ---- questions ---- */

void
role_idle(struct role *r)
{
	channel_send(r->parent, IPC_IDLE, 0, NO_SPAN);
}

static void
ask(struct role *r, uint16_t type, struct span payload,
    void (*got)(void *arg, enum herr, int fd), void *arg)
{
	struct question *q;

	if (r->nquestions == QUESTIONS_MAX) {
		got(arg, H_LIMIT, -1);
		return;
	}
	q = mem_alloc(sizeof(*q));
	q->id = ++r->last_question;
	q->type = type;
	q->got = got;
	q->arg = arg;
	q->next = r->questions;
	r->questions = q;
	r->nquestions++;
	channel_send(r->parent, type, q->id, payload);
}

void
role_want_peer(struct role *r, uint8_t peer, uint64_t account,
    void (*got)(void *arg, enum herr, int fd), void *arg)
{
	struct buf b = BUF_INIT(16);

	wire_put_u8(&b, peer);
	wire_put_u64(&b, account);
	ask(r, IPC_WANT_PEER, buf_span(&b), got, arg);
	buf_free(&b);
}

void
role_want_spool(
    struct role *r, void (*got)(void *arg, enum herr, int fd), void *arg)
{
	ask(r, IPC_WANT_SPOOL, NO_SPAN, got, arg);
}
