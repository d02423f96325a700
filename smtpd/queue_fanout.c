/*
 * From the queue to the accounts.  An entry is loaded, a copy goes to the
 * deliver role of each local recipient that waits, several at once; when all
 * have answered, what came of it is written in the queue's next transaction.
 *
 * A delivery is idempotent by its id, which was fixed when the message came:
 * after a crash, or a commit whose end nobody heard, it is simply tried again,
 * and looked up first.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "smtpd/queue_private.h"

enum {
	ENTRIES_MAX = 128,     /* on their way at once */
	SAME_ACCOUNT_MAX = 64, /* of them to one account: one that hangs must
	                          not hold up the rest */
	PACKET_OTHERS = 8192,  /* envelope and prefix beside a message */
	BUSY_MS = 1000,
};

/*
 * How long until the next try: a role that died is back at once, a full
 * mailbox is not.
 */
static const int64_t pauses_ms[] = { 5000, 30000, 120000, 600000, 1800000,
	3600000 };

/* One recipient's copy on its way. */
struct copy {
	struct queue_entry *entry;
	struct spool_recipient *to;
	struct parcel parcel;
};

struct queue_entry {
	struct queue_fanout *fanout;
	struct queue_entry *next;
	uint64_t id;
	bool look_up;
	int64_t due; /* monotonic ms */
	/* while it is on its way */
	struct spool_entry spool;
	struct content content;
	struct copy *copies;
	size_t ncopies, under_way;
	bool put_off; /* somebody's account had enough to do */
};

struct queue_fanout {
	struct queue *queue;
	struct outlets *outlets;
	struct queue_entry *ready, **last_ready; /* in the order they came */
	struct queue_entry *later;               /* in the order they are due */
	struct queue_entry *active;              /* on their way */
	struct queue_entry *settled;             /* all have answered */
	size_t nactive;
	struct timer *timer;
};

/* ---- lists ---- */

static void
append_ready(struct queue_fanout *f, struct queue_entry *e)
{
	e->next = NULL;
	*f->last_ready = e;
	f->last_ready = &e->next;
}

static void
wait_until(struct queue_fanout *f, struct queue_entry *e, int64_t due)
{
	struct queue_entry **at = &f->later;
	int64_t now = clock_mono_ms();

	e->due = due;
	while (*at != NULL && (*at)->due <= due)
		at = &(*at)->next;
	e->next = *at;
	*at = e;
	timer_set(f->timer, f->later->due - now);
}

static void
due(void *arg)
{
	struct queue_fanout *f = arg;
	int64_t now = clock_mono_ms();

	while (f->later != NULL && f->later->due <= now) {
		struct queue_entry *e = f->later;

		f->later = e->next;
		append_ready(f, e);
	}
	if (f->later != NULL)
		timer_set(f->timer, f->later->due - now);
	queue_fanout_go(f);
}

static void
remove_active(struct queue_fanout *f, struct queue_entry *e)
{
	struct queue_entry **at = &f->active;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	f->nactive--;
}

static void
unload(struct queue_entry *e)
{
	spool_entry_release(&e->spool);
	content_release(&e->content);
	mem_free(&e->copies);
	e->ncopies = 0;
}

/* ---- what came of it ---- */

static void
log_result(const struct copy *c, enum log_level level, const char *event,
    enum herr err)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_text(&l, "trace", c->entry->spool.trace);
	log_hex(&l, "queue", c->entry->id);
	log_number(&l, "account", (int64_t)c->to->account);
	log_text(&l, "to", c->to->address);
	log_number(&l, "tries", c->to->tries);
	if (err != H_OK)
		log_text(&l, "why", herr_text(err));
	log_end(&l);
}

static void
settle_recipient(struct copy *c, enum herr err)
{
	struct spool_recipient *to = c->to;
	size_t step = to->tries < COUNT_OF(pauses_ms) ? to->tries
	                                              : COUNT_OF(pauses_ms) - 1;

	to->tries++;
	mem_free(&to->answer);
	to->answer =
	    mem_string(err == H_OK ? SPAN("") : span_of(herr_text(err)));
	switch (err) {
	case H_OK:
	case H_EXISTS: to->state = SPOOL_DONE; return;
	case H_NOTFOUND: /* the account was removed */
	case H_INVALID:
	case H_DENIED:
		to->state = SPOOL_FAILED;
		log_result(c, LOG_ERROR, "queue-failed", err);
		return;
	case H_QUOTA:
	case H_LIMIT:
	case H_FULL:
	case H_BUSY:
	case H_CORRUPT:
	case H_VERSION:
	case H_IO: break;
	}
	to->next_try = clock_wall() + pauses_ms[step] / 1000;
	log_result(c, LOG_WARN, "queue-deferred", err);
}

static void
one_less(struct queue_entry *e)
{
	struct queue_fanout *f = e->fanout;

	if (--e->under_way > 0)
		return;
	remove_active(f, e);
	e->next = f->settled;
	f->settled = e;
	queue_turn_later(f->queue);
}

static void
copy_done(void *arg, enum herr err, uint64_t value)
{
	struct copy *c = arg;
	struct queue_entry *e = c->entry;

	(void)value;
	settle_recipient(c, err);
	one_less(e);
}

bool
queue_fanout_has_results(const struct queue_fanout *f)
{
	return f->settled != NULL;
}

static bool
is_over(const struct spool_entry *e)
{
	for (size_t i = 0; i < e->nrecipients; i++)
		if (e->recipients[i].state != SPOOL_DONE)
			return false;
	return true;
}

void
queue_fanout_write(struct queue_fanout *f, struct spool_txn *t)
{
	for (struct queue_entry *e = f->settled; e != NULL; e = e->next) {
		/* What goes wrong stays with the transaction. */
		if (is_over(&e->spool))
			(void)!spool_remove(t, e->id);
		else
			(void)!spool_update(t, &e->spool);
	}
}

/* When somebody local is to be tried again (monotonic ms); 0: nobody. */
static int64_t
next_try(const struct queue_entry *e)
{
	int64_t now = clock_mono_ms(), soonest = 0;

	for (size_t i = 0; i < e->spool.nrecipients; i++) {
		const struct spool_recipient *r = &e->spool.recipients[i];
		size_t step = r->tries > 0 ? r->tries - 1 : 0;
		int64_t at;

		if (r->account == 0 || r->state != SPOOL_WAITING)
			continue;
		if (step >= COUNT_OF(pauses_ms))
			step = COUNT_OF(pauses_ms) - 1;
		at = now + (e->put_off ? BUSY_MS : pauses_ms[step]);
		if (soonest == 0 || at < soonest)
			soonest = at;
	}
	return soonest;
}

void
queue_fanout_settled(struct queue_fanout *f, enum herr committed)
{
	struct queue_entry *e;

	while ((e = f->settled) != NULL) {
		int64_t again = next_try(e);

		f->settled = e->next;
		/*
		 * Not written, so not known after a restart either: all of it
		 * again, by look-up.
		 */
		if (committed != H_OK)
			again = clock_mono_ms() + pauses_ms[0];
		unload(e);
		e->look_up = true;
		e->put_off = false;
		if (again != 0)
			wait_until(f, e, again);
		else
			mem_free(&e);
	}
}

/* ---- on the way ---- */

static void
pack(void *arg, unsigned flags, struct buf *payload)
{
	struct copy *c = arg;
	struct queue_entry *e = c->entry;
	struct buf prefix = BUF_INIT(DELIVERY_PREFIX_MAX);
	struct delivery d = {
		.flags = flags | (e->look_up ? DELIVERY_LOOK_UP : 0),
		.trace = span_of(e->spool.trace),
		.mailbox = SPAN(""),
		.record = content_inline_record(&e->content),
		.message = content_inline_message(&e->content),
		.internaldate = e->spool.internaldate,
		.size = e->spool.size,
	};

	/* Here the delivery is final (RFC 5321, 4.4). */
	buf_text(&prefix, "Return-Path: <");
	buf_text(&prefix, e->spool.reverse_path);
	buf_text(&prefix, ">\r\n");
	buf_text(&prefix, c->to->prefix);
	d.prefix = buf_span(&prefix);
	memcpy(d.id, c->to->delivery_id, sizeof(d.id));
	delivery_put(payload, &d);
	buf_free(&prefix);
}

static void
send_copies(struct queue_entry *e)
{
	struct queue_fanout *f = e->fanout;

	e->copies = mem_array(e->spool.nrecipients, sizeof(*e->copies));
	for (size_t i = 0; i < e->spool.nrecipients; i++) {
		struct spool_recipient *to = &e->spool.recipients[i];
		struct copy *c = &e->copies[e->ncopies];
		struct outlet *outlet;

		if (to->account == 0 || to->state != SPOOL_WAITING)
			continue;
		outlet = outlet_deliver(f->outlets, to->account);
		if (outlet_load(outlet) >= SAME_ACCOUNT_MAX) {
			e->put_off = true;
			continue;
		}
		*c = (struct copy){ .entry = e, .to = to };
		c->parcel = (struct parcel){
			.kind = PARCEL_DELIVER,
			.id = to->delivery_id,
			.content = &e->content,
			.pack = pack,
			.done = copy_done,
			.arg = c,
		};
		e->ncopies++;
		e->under_way++;
		parcel_send(outlet, &c->parcel);
	}
}

/* ---- loading ---- */

static enum herr
read_bytes(struct queue_entry *e, struct spool_txn *t)
{
	enum herr err = H_OK;
	uint64_t at = 0;
	struct span piece;

	while (err == H_OK && (piece = spool_bytes(t, e->id, at)).len > 0) {
		size_t message =
		    at < e->spool.size ? (size_t)(e->spool.size - at) : 0;

		if (message > piece.len)
			message = piece.len;
		buf_add(&e->content.bytes, (struct span){ piece.ptr, message });
		buf_add(&e->content.record,
		    (struct span){ piece.ptr + message, piece.len - message });
		err = content_grew(&e->content, message);
		at += piece.len;
	}
	if (err == H_OK &&
	    (e->content.size < e->spool.size || e->content.record.bad))
		err = H_CORRUPT;
	return err == H_OK ? content_seal(&e->content, PACKET_OTHERS) : err;
}

/* It cannot be sent now; later, perhaps. */
static void
defer(struct queue_entry *e, enum herr err)
{
	struct queue_fanout *f = e->fanout;
	struct log_line l;

	log_begin(&l, LOG_ERROR, "queue-entry");
	log_hex(&l, "queue", e->id);
	log_text(&l, "why", herr_text(err));
	log_end(&l);
	unload(e);
	remove_active(f, e);
	/* (removed meanwhile by the tool) */
	if (err == H_NOTFOUND)
		mem_free(&e);
	else
		wait_until(
		    f, e, clock_mono_ms() + pauses_ms[COUNT_OF(pauses_ms) - 1]);
}

static void
load_and_send(struct queue_entry *e)
{
	struct queue_fanout *f = e->fanout;
	struct spool_txn *t = spool_begin(f->queue->spool, false);
	enum herr err = read_bytes(e, t);

	spool_abort(&t);
	if (err != H_OK) {
		defer(e, err);
		return;
	}
	/* (one more, so that an answer on the spot does not settle it) */
	e->under_way = 1;
	send_copies(e);
	one_less(e);
}

static void
got_file(void *arg, enum herr err, int fd)
{
	struct queue_entry *e = arg;

	if (err == H_OK)
		err = content_set_file(&e->content, fd);
	if (err == H_OK)
		load_and_send(e);
	else
		defer(e, err);
}

static void
start(struct queue_fanout *f, struct queue_entry *e)
{
	struct spool_txn *t = spool_begin(f->queue->spool, false);
	enum herr err = spool_get(t, e->id, &e->spool);

	spool_abort(&t);
	e->next = f->active;
	f->active = e;
	f->nactive++;
	content_init(&e->content);
	if (err != H_OK)
		defer(e, err);
	else if (e->spool.size > CONTENT_MEMORY_MAX)
		role_want_spool(f->queue->role, got_file, e);
	else
		load_and_send(e);
}

void
queue_fanout_go(struct queue_fanout *f)
{
	while (f->ready != NULL && f->nactive < ENTRIES_MAX) {
		struct queue_entry *e = f->ready;

		if ((f->ready = e->next) == NULL)
			f->last_ready = &f->ready;
		start(f, e);
	}
}

/* ---- life ---- */

void
queue_fanout_add(struct queue_fanout *f, uint64_t id, bool look_up)
{
	struct queue_entry *e = mem_alloc(sizeof(*e));

	e->fanout = f;
	e->id = id;
	e->look_up = look_up;
	append_ready(f, e);
}

struct queue_fanout *
queue_fanout_new(struct queue *queue)
{
	struct queue_fanout *f = mem_alloc(sizeof(*f));

	f->queue = queue;
	f->outlets = outlets_new(queue->role);
	f->last_ready = &f->ready;
	f->timer = timer_new(role_loop(queue->role), due, f);
	return f;
}
