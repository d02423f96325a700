/*
 * Whoever logged in may send to the outside, but only as somebody that he is:
 * the receiver has asked auth, and the queue, which need not believe the
 * receiver, asks again.
 */
#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "smtpd/queue_private.h"

enum {
	TICK_MS = 5 * 1000,
	AGAIN_MS = 20,
	LOST_MAX = 5,
	PATIENCE_MS = 30 * 1000,
	UNUSED_MS = 60 * 1000, /* then auth may end */
	CANONICAL_MAX = 1024,
};

struct question {
	struct question *next;
	uint64_t id;
	struct buf payload;
	int64_t since;
	unsigned lost; /* how often its channel was */
	void (*answer)(void *arg, enum herr);
	void *arg;
};

struct queue_sender {
	struct queue *queue;
	struct channel *auth;
	bool asking; /* the parent, for a channel */
	struct question *first;
	uint64_t last_id;
	int64_t used;
	struct timer *tick;
};

static void
finish(struct question **at, enum herr err)
{
	struct question *q = *at;

	*at = q->next;
	q->answer(q->arg, err);
	buf_free(&q->payload);
	mem_free(&q);
}

static void
send_question(struct queue_sender *s, const struct question *q)
{
	s->used = clock_mono_ms();
	channel_send(s->auth, IPC_LOOKUP_SENDER, q->id, buf_span(&q->payload));
}

/* ---- the channel ---- */

static void
closed(void *arg, struct channel *c)
{
	struct queue_sender *s = arg;
	struct question **at = &s->first;

	(void)c;
	channel_free(&s->auth);
	while (*at != NULL) {
		struct question *q = *at;

		if (++q->lost >= LOST_MAX)
			finish(at, H_BUSY);
		else
			at = &q->next;
	}
	/* A moment, so that the parent has noticed as well. */
	timer_set(s->tick, AGAIN_MS);
}

static void
message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct queue_sender *s = arg;
	struct wire w = wire_over(m->payload);
	uint8_t err = wire_u8(&w);
	struct question **at = &s->first;

	if (m->type != IPC_SENDER_IS || !wire_end(&w)) {
		log_event(LOG_ERROR, "auth", "an answer that is none");
		closed(s, c);
		return;
	}
	while (*at != NULL && (*at)->id != m->id)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	if (err == H_OK)
		finish(at, H_OK);
	else
		finish(at,
		    err == H_DENIED || err == H_NOTFOUND ? H_DENIED : H_BUSY);
}

static void
got_auth(void *arg, enum herr err, int fd)
{
	static const struct channel_handler handler = { message, closed };
	struct queue_sender *s = arg;

	s->asking = false;
	if (err != H_OK) {
		timer_set(s->tick, AGAIN_MS);
		return;
	}
	s->auth = channel_new(role_loop(s->queue->role), fd, &handler, s);
	for (struct question *q = s->first; q != NULL; q = q->next)
		send_question(s, q);
}

static void
want_auth(struct queue_sender *s)
{
	if (s->asking)
		return;
	s->asking = true;
	role_want_peer(s->queue->role, PEER_AUTH, 0, got_auth, s);
}

static void
tick(void *arg)
{
	struct queue_sender *s = arg;
	int64_t now = clock_mono_ms();

	/* The oldest stands first. */
	while (s->first != NULL && now - s->first->since >= PATIENCE_MS)
		finish(&s->first, H_BUSY);
	if (s->first != NULL && s->auth == NULL)
		want_auth(s);
	if (s->first == NULL && now - s->used >= UNUSED_MS)
		channel_free(&s->auth);
	if (s->first != NULL || s->auth != NULL)
		timer_set(s->tick, TICK_MS);
}

/* ---- questions ---- */

void
queue_sender_ask(struct queue_sender *s, uint64_t account,
    struct span reverse_path, void (*answer)(void *arg, enum herr), void *arg)
{
	struct question *q = mem_alloc(sizeof(*q)), **last = &s->first;
	struct buf canonical = BUF_INIT(CANONICAL_MAX);
	struct addr addr;

	q->payload = BUF_INIT(CANONICAL_MAX + 16);
	q->id = ++s->last_id;
	q->since = clock_mono_ms();
	q->answer = answer;
	q->arg = arg;
	/* What is no address belongs to nobody, and auth will say so. */
	if (addr_parse(reverse_path, true, &addr))
		addr_canonical(&canonical, &addr);
	wire_put_u64(&q->payload, account);
	wire_put_bytes(&q->payload, buf_span(&canonical));
	buf_free(&canonical);
	while (*last != NULL)
		last = &(*last)->next;
	*last = q;
	timer_set(s->tick, TICK_MS);
	if (s->auth != NULL)
		send_question(s, q);
	else
		want_auth(s);
}

struct queue_sender *
queue_sender_new(struct queue *queue)
{
	struct queue_sender *s = mem_alloc(sizeof(*s));

	s->queue = queue;
	s->tick = timer_new(role_loop(queue->role), tick, s);
	return s;
}
