#include "smtpd/outlet.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "smtpd/delivery.h"

enum {
	TRIES_MAX = 6, /* the first; with a look-up; the last only looks up */
	TICK_MS = 30 * 1000,
	UNUSED_MS = 60 * 1000, /* then a channel is given back */
	PATIENCE_MS =
	    10 * 60 * 1000, /* clients wait that long (RFC 5321, 4.5.3.2.6) */
	AGAIN_MS = 20, /* between questions for a role that cannot start yet */
	START_MS = 20 * 1000, /* how long it is asked for */
	PLENTY_MS = 200,      /* how long a comfortable answer is believed */
};

struct outlet {
	struct outlets *all;
	struct outlet *next, **link;
	uint8_t peer; /* PEER_DELIVER, PEER_QUEUE, PEER_QUEUE_LOGIN */
	uint64_t account;
	struct channel *channel;
	bool asking; /* the parent was asked for a channel */
	bool lost;   /* a login's channel is gone for good */
	bool orphan; /* a login's owner is gone */
	struct parcel *first;
	size_t load;
	int64_t wanted; /* a channel, since then; 0: not, or there is one */
	int64_t used, plenty_until;
};

struct outlets {
	struct role *role;
	struct outlet *first;
	struct timer *tick, *again;
	bool ticking;
	uint64_t last_number;
	struct buf payload; /* of the parcel that is being sent */
};

static void message(void *arg, struct channel *, struct channel_msg *);
static void closed(void *arg, struct channel *);
static void tick(void *arg);
static void again(void *arg);
static void want_channel(struct outlet *);

static const struct channel_handler handler = { .message = message,
	.closed = closed };

struct outlets *
outlets_new(struct role *role)
{
	struct outlets *all = mem_alloc(sizeof(*all));

	all->role = role;
	all->tick = timer_new(role_loop(role), tick, all);
	all->again = timer_new(role_loop(role), again, all);
	all->payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	return all;
}

/* ---- outlets ---- */

static struct outlet *
new_outlet(struct outlets *all, uint8_t peer, uint64_t account)
{
	struct outlet *o = mem_alloc(sizeof(*o));

	o->all = all;
	o->peer = peer;
	o->account = account;
	o->used = clock_mono_ms();
	if ((o->next = all->first) != NULL)
		o->next->link = &o->next;
	o->link = &all->first;
	all->first = o;
	if (!all->ticking)
		timer_set(all->tick, TICK_MS);
	all->ticking = true;
	return o;
}

static void
remove_outlet(struct outlet *o)
{
	if ((*o->link = o->next) != NULL)
		o->next->link = o->link;
	channel_free(&o->channel);
	mem_free(&o);
}

static struct outlet *
find_outlet(struct outlets *all, uint8_t peer, uint64_t account)
{
	for (struct outlet *o = all->first; o != NULL; o = o->next)
		if (o->peer == peer && o->account == account)
			return o;
	return new_outlet(all, peer, account);
}

struct outlet *
outlet_deliver(struct outlets *all, uint64_t account)
{
	return find_outlet(all, PEER_DELIVER, account);
}

struct outlet *
outlet_queue(struct outlets *all)
{
	return find_outlet(all, PEER_QUEUE, 0);
}

struct outlet *
outlet_login(struct outlets *all, int fd)
{
	struct outlet *o = new_outlet(all, PEER_QUEUE_LOGIN, 0);

	o->channel = channel_new(role_loop(all->role), fd, &handler, o);
	return o;
}

void
outlet_free(struct outlet **op)
{
	if (*op == NULL)
		return;
	/* Answers may still be under way; the tick clears up behind them. */
	(*op)->orphan = true;
	if ((*op)->first == NULL)
		channel_free(&(*op)->channel);
	*op = NULL;
}

bool
outlet_is_lost(const struct outlet *o)
{
	return o->lost;
}

size_t
outlet_load(const struct outlet *o)
{
	return o->load;
}

bool
outlet_has_plenty(const struct outlet *o)
{
	return o->plenty_until > clock_mono_ms();
}

/* ---- parcels ---- */

static void
attach(struct outlet *o, struct parcel *p)
{
	struct parcel **last = &o->first;

	while (*last != NULL)
		last = &(*last)->next;
	p->outlet = o;
	p->next = NULL;
	p->link = last;
	*last = p;
	o->load++;
	o->used = clock_mono_ms();
}

static void
detach(struct parcel *p)
{
	if ((*p->link = p->next) != NULL)
		p->next->link = p->link;
	p->outlet->load--;
	p->outlet = NULL;
}

static void
finish(struct parcel *p, enum herr err, uint64_t value)
{
	if (p->outlet != NULL)
		p->outlet->used = clock_mono_ms();
	detach(p);
	p->done(p->arg, err, value);
}

static void
send_content(struct parcel *p, uint16_t type, unsigned flags)
{
	struct outlet *o = p->outlet;
	struct buf *payload = &o->all->payload;

	buf_clear(payload);
	p->pack(p->arg, flags, payload);
	if (payload->bad)
		PANIC("a parcel larger than a packet");
	channel_send_fds(o->channel, type, p->number, buf_span(payload),
	    &p->content->fd, p->content->fd >= 0);
}

static void
look_up(struct parcel *p, uint16_t type)
{
	channel_send(p->outlet->channel, type, p->number,
	    (struct span){ (const char *)p->id, DELIVERY_ID_LEN });
}

static void
transmit(struct parcel *p)
{
	unsigned flags = p->tries > 0 ? DELIVERY_LOOK_UP : 0;
	bool only_look = p->tries + 1 >= TRIES_MAX;
	char wanted[8];

	p->tries++;
	switch (p->kind) {
	case PARCEL_DELIVER:
		if (only_look)
			look_up(p, IPC_DELIVERED_LOOKUP);
		else
			send_content(p, IPC_DELIVER, flags);
		break;
	case PARCEL_ENQUEUE:
		if (only_look)
			look_up(p, IPC_ENQUEUED_LOOKUP);
		else
			send_content(p, IPC_ENQUEUE, flags);
		break;
	case PARCEL_ROOM:
		put_le64(wanted, p->wanted);
		channel_send(p->outlet->channel, IPC_ROOM, p->number,
		    (struct span){ wanted, sizeof(wanted) });
		break;
	}
}

void
parcel_send(struct outlet *o, struct parcel *p)
{
	p->number = ++o->all->last_number;
	p->tries = 0;
	p->since = clock_mono_ms();
	attach(o, p);
	if (o->channel != NULL)
		transmit(p);
	else
		want_channel(o);
}

void
parcel_cancel(struct parcel *p)
{
	if (p->outlet != NULL)
		detach(p);
}

/* ---- answers ---- */

static enum herr
known_herr(uint8_t value)
{
	return value <= H_IO ? (enum herr)value : H_IO;
}

static struct parcel *
find_parcel(struct outlet *o, uint64_t number)
{
	struct parcel *p = o->first;

	while (p != NULL && p->number != number)
		p = p->next;
	return p;
}

static bool
read_answer(const struct parcel *p, const struct channel_msg *m, enum herr *err,
    uint64_t *value)
{
	static const uint16_t types[] = {
		[PARCEL_DELIVER] = IPC_DELIVER_RESULT,
		[PARCEL_ENQUEUE] = IPC_ENQUEUE_RESULT,
		[PARCEL_ROOM] = IPC_ROOM_IS,
	};
	struct wire w = wire_over(m->payload);

	if (m->type != types[p->kind])
		return false;
	*err = known_herr(wire_u8(&w));
	*value = p->kind == PARCEL_DELIVER ? 0 : wire_u64(&w);
	/* Only looked up, and not there: it was never stored. */
	if (p->kind != PARCEL_ROOM && p->tries == TRIES_MAX &&
	    *err == H_NOTFOUND)
		*err = H_BUSY;
	return wire_end(&w);
}

static void
message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct outlet *o = arg;
	struct parcel *p = find_parcel(o, m->id);
	enum herr err;
	uint64_t value;

	/* Nobody waits for it any more. */
	if (p == NULL)
		return;
	if (!read_answer(p, m, &err, &value)) {
		log_event(LOG_ERROR, "outlet", "an answer that is none");
		closed(o, c);
		return;
	}
	if (p->kind == PARCEL_ROOM && err == H_OK && value >= DELIVERY_PLENTY)
		o->plenty_until = clock_mono_ms() + PLENTY_MS;
	finish(p, err, value);
}

/* ---- channels ---- */

/* Takes all parcels off: a `done` may send new ones. */
static void
take_parcels(struct outlet *o, struct parcel **list)
{
	if ((*list = o->first) != NULL)
		(*list)->link = list;
	o->first = NULL;
}

/* There will be no channel for a while. */
static void
refuse_parcels(struct outlet *o, enum herr err)
{
	struct parcel *list;

	take_parcels(o, &list);
	while (list != NULL)
		/* (one that was sent before may be stored: nothing final) */
		finish(list, list->tries == 0 ? err : H_BUSY, 0);
}

static void
use_channel(struct outlet *o)
{
	struct parcel *list;

	take_parcels(o, &list);
	while (list != NULL) {
		struct parcel *p = list;

		detach(p);
		attach(o, p);
		transmit(p);
	}
}

/* A role that died is started again, after a pause if it died young. */
static void
got_channel(void *arg, enum herr err, int fd)
{
	struct outlet *o = arg;

	o->asking = false;
	if (err == H_OK) {
		o->wanted = 0;
		o->channel =
		    channel_new(role_loop(o->all->role), fd, &handler, o);
		use_channel(o);
	} else if (err == H_BUSY && o->first != NULL &&
		   clock_mono_ms() - o->wanted < START_MS) {
		timer_set(o->all->again, AGAIN_MS);
	} else {
		o->wanted = 0;
		refuse_parcels(o, err);
	}
}

static void
want_channel(struct outlet *o)
{
	if (o->asking)
		return;
	o->asking = true;
	if (o->wanted == 0)
		o->wanted = clock_mono_ms();
	role_want_peer(o->all->role, o->peer, o->account, got_channel, o);
}

static void
again(void *arg)
{
	struct outlets *all = arg;

	for (struct outlet *o = all->first; o != NULL; o = o->next)
		if (o->first != NULL && o->channel == NULL && !o->lost)
			want_channel(o);
}

static void
closed(void *arg, struct channel *c)
{
	struct outlet *o = arg, *next = o;
	struct parcel *list;

	(void)c;
	channel_free(&o->channel);
	o->plenty_until = 0;
	o->lost = o->peer == PEER_QUEUE_LOGIN;
	take_parcels(o, &list);
	while (list != NULL) {
		struct parcel *p = list;

		if (p->tries >= TRIES_MAX) {
			finish(p, H_BUSY, 0);
			continue;
		}
		detach(p);
		if (o->lost) {
			/*
			 * Any channel to the queue may look up; none but a
			 * login's may enqueue.
			 */
			next = outlet_queue(o->all);
			p->tries = TRIES_MAX - 1;
		}
		attach(next, p);
		if (next->channel != NULL)
			transmit(p);
	}
	/* A moment, so that the parent has noticed as well. */
	if (next->first != NULL)
		timer_set(o->all->again, AGAIN_MS);
}

static void
tick(void *arg)
{
	struct outlets *all = arg;
	int64_t now = clock_mono_ms();
	struct outlet *o, *next;

	for (o = all->first; o != NULL; o = next) {
		struct parcel *p = o->first;
		bool useless = o->orphan || (o->peer != PEER_QUEUE_LOGIN &&
						now - o->used >= UNUSED_MS);

		next = o->next;
		if (p == NULL && !o->asking && useless)
			remove_outlet(o);
		/*
		 * The oldest stands first; one a tick is enough for what
		 * should not happen.
		 */
		else if (p != NULL && now - p->since >= PATIENCE_MS)
			finish(p, H_BUSY, 0);
	}
	all->ticking = all->first != NULL;
	if (all->ticking)
		timer_set(all->tick, TICK_MS);
}
