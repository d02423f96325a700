/*
 * Group commit without threads: what the sockets hold is gathered (its bytes
 * compressed on the way in), then written in one transaction; while that one
 * is synced the next gathers in the sockets; then everybody gets his answer.
 */
#include "smtpd/deliver.h"

#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/record.h"
#include "common/wire.h"
#include "smtpd/content.h"
#include "smtpd/delivery.h"
#include "smtpd/peers.h"

enum {
	BATCH_MAX = 64,
	BATCH_BYTES_MAX = 4 * 1024 * 1024,
	PEERS_MAX = 256,
	TIDY_MS = 60 * 1000,
	TIDY_MORE_MS = 100,
	IDLE_MS = 30 * 1000, /* without a peer */
};

/* A message between its arrival here and its answer. */
struct job {
	struct peer *peer; /* NULL: nobody waits for the answer any more */
	uint64_t number;
	uint8_t id[DELIVERY_ID_LEN];
	char *trace, *mailbox;
	bool look_up;
	int64_t internaldate;
	uint64_t size;
	struct store_blob *blob;
	struct buf record;
	uint32_t uid;
	enum herr err;
};

struct deliver {
	struct role *role;
	struct store *store;
	struct peers peers;
	struct job jobs[BATCH_MAX];
	size_t njobs;
	uint64_t bytes; /* of the jobs */
	bool commit_due;
	struct timer *tidy, *idle;
};

static void commit(struct deliver *);

/* ---- answers ---- */

static void
answer(struct peer *p, uint64_t number, enum herr err)
{
	char byte = (char)err;

	channel_send(
	    p->channel, IPC_DELIVER_RESULT, number, (struct span){ &byte, 1 });
}

static void
log_job(const struct deliver *d, const struct job *j)
{
	struct log_line l;

	log_begin(&l, j->err == H_OK ? LOG_INFO : LOG_WARN,
	    j->err == H_OK ? "delivered" : "not-delivered");
	log_text(&l, "trace", j->trace);
	log_number(&l, "account", (int64_t)store_account(d->store));
	log_text(&l, "mailbox", j->mailbox);
	log_number(&l, "size", (int64_t)j->size);
	if (j->err == H_OK) {
		log_number(&l, "uid", j->uid);
		log_number(&l, "batch", (int64_t)d->njobs);
	} else {
		log_text(&l, "why", herr_text(j->err));
	}
	log_end(&l);
}

/* ---- what a message brings ---- */

static void
release_job(struct job *j)
{
	store_blob_free(&j->blob);
	buf_free(&j->record);
	mem_free(&j->trace);
	mem_free(&j->mailbox);
}

static enum herr
write_piece(void *arg, struct span piece)
{
	return store_blob_write(arg, piece);
}

static enum herr
keep_piece(void *arg, struct span piece)
{
	struct buf *record = arg;

	buf_add(record, piece);
	return record->bad ? H_INVALID : H_OK;
}

/* A descriptor's content: the message, then the record to its end. */
static enum herr
read_content(struct job *j, int fd, uint64_t size, struct buf *record)
{
	uint64_t got;
	enum herr err = content_read(fd, 0, size, write_piece, j->blob, &got);

	if (err == H_OK && got < size)
		err = H_INVALID;
	if (err == H_OK)
		err = content_read(
		    fd, size, RECORD_MAX, keep_piece, record, &got);
	return err;
}

/*
 * The account's prefix, then the message, and the record moved by the prefix.
 */
static enum herr
take_content(struct job *j, const struct delivery *d, int fd)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct span bytes = d->record;
	enum herr err = store_blob_write(j->blob, d->prefix);

	if (err == H_OK && fd >= 0) {
		err = read_content(j, fd, d->size, &record);
		bytes = buf_span(&record);
	} else if (err == H_OK) {
		err = store_blob_write(j->blob, d->message);
	}
	if (err == H_OK)
		record_shift(&j->record, bytes, d->prefix.len);
	if (err == H_OK && j->record.bad)
		err = H_INVALID;
	buf_free(&record);
	return err;
}

static void
commit_later(void *arg)
{
	struct deliver *d = arg;

	d->commit_due = false;
	commit(d);
}

static void
take_delivery(struct deliver *d, struct peer *p, struct channel_msg *m,
    const struct delivery *in)
{
	struct job *j = &d->jobs[d->njobs++];

	*j = (struct job){
		.peer = p,
		.number = m->id,
		.trace = mem_string(in->trace),
		.mailbox = mem_string(
		    in->mailbox.len > 0 ? in->mailbox : SPAN("INBOX")),
		.look_up = (in->flags & DELIVERY_LOOK_UP) != 0,
		.internaldate = in->internaldate,
		.size = in->size + in->prefix.len,
		.blob = store_blob_new(d->store),
		.record = BUF_INIT(RECORD_MAX),
	};
	memcpy(j->id, in->id, sizeof(j->id));
	j->err = take_content(j, in, m->fd[0]);
	d->bytes += j->size;
	if (d->njobs == BATCH_MAX || d->bytes >= BATCH_BYTES_MAX) {
		commit(d);
	} else if (!d->commit_due) {
		d->commit_due = true;
		loop_later(role_loop(d->role), commit_later, d);
	}
}

/* ---- the commit ---- */

/*
 * A mailbox that is gone (or never was) must not cost a message: there is
 * always INBOX.
 */
static enum herr
find_mailbox(struct store_txn *t, const struct job *j, uint32_t *mailbox)
{
	struct store_mailbox box;
	enum herr err = store_find_mailbox(t, span_of(j->mailbox), &box);

	if (err == H_NOTFOUND || (err == H_OK && !box.exists))
		err = store_find_mailbox(t, SPAN("INBOX"), &box);
	*mailbox = box.id;
	return err;
}

static enum herr
append(struct store_txn *t, struct job *j)
{
	struct store_append a = {
		.internaldate = j->internaldate,
		.delivery_id = j->id,
		.look_up = j->look_up,
		.record = buf_span(&j->record),
	};
	enum herr err = find_mailbox(t, j, &a.mailbox);

	return err != H_OK ? err : store_append(t, j->blob, &a, &j->uid);
}

/*
 * After a failed commit its return code says nothing: what holds is what is
 * found.
 */
static void
look_up_all(struct deliver *d, enum herr err)
{
	struct store_txn *t = store_begin(d->store, STORE_READ);

	for (size_t i = 0; i < d->njobs; i++) {
		struct job *j = &d->jobs[i];

		if (j->err == H_OK && !store_delivered(t, j->id))
			j->err = err;
	}
	store_abort(&t);
}

static void
end_role(void *arg)
{
	struct deliver *d = arg;
	struct role *role = d->role;

	deliver_free(&d);
	role_exit(role);
}

static void
write_batch(struct deliver *d)
{
	struct store_txn *t = store_begin(d->store, STORE_WRITE);
	enum herr err;

	for (size_t i = 0; i < d->njobs; i++)
		if (d->jobs[i].err == H_OK)
			d->jobs[i].err = append(t, &d->jobs[i]);
	if ((err = store_commit(&t)) == H_OK)
		return;
	look_up_all(d, err);
	/*
	 * An environment that failed to write is opened afresh: by the next
	 * process.
	 */
	if (err == H_IO || err == H_CORRUPT)
		loop_later(role_loop(d->role), end_role, d);
}

static void
commit(struct deliver *d)
{
	if (d->njobs == 0)
		return;
	write_batch(d);
	/* From here on what was H_OK is on disk. */
	for (size_t i = 0; i < d->njobs; i++) {
		struct job *j = &d->jobs[i];

		if (j->err == H_EXISTS)
			j->err = H_OK;
		if (j->peer != NULL)
			answer(j->peer, j->number, j->err);
	}
	/* People wait for answers, nobody for these. */
	for (size_t i = 0; i < d->njobs; i++) {
		log_job(d, &d->jobs[i]);
		release_job(&d->jobs[i]);
	}
	d->njobs = 0;
	d->bytes = 0;
}

/* ---- peers ---- */

static void
peer_gone(void *arg, struct peer *p)
{
	struct deliver *d = arg;

	for (size_t i = 0; i < d->njobs; i++)
		if (d->jobs[i].peer == p)
			d->jobs[i].peer = NULL;
	if (d->peers.count == 0)
		timer_set(d->idle, IDLE_MS);
}

static bool
look_up(struct deliver *d, struct peer *p, const struct channel_msg *m)
{
	struct store_txn *t;
	bool there;

	if (m->payload.len != DELIVERY_ID_LEN)
		return false;
	/* It may be among those that wait. */
	commit(d);
	t = store_begin(d->store, STORE_READ);
	there = store_delivered(t, (const uint8_t *)m->payload.ptr);
	store_abort(&t);
	answer(p, m->id, there ? H_OK : H_NOTFOUND);
	return true;
}

/*
 * What a message needs beside its bytes is left to the commit to find out; this
 * is for telling a sender before he sends.
 */
static bool
tell_room(struct deliver *d, struct peer *p, const struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint64_t wanted = wire_u64(&w), room = UINT64_MAX;
	struct store_txn *t = store_begin(d->store, STORE_READ);
	struct store_usage usage = { 0 };
	enum herr err = H_OK;
	char payload[9];

	store_usage(t, &usage);
	store_abort(&t);
	if (usage.quota != 0)
		room =
		    usage.quota > usage.bytes ? usage.quota - usage.bytes : 0;
	if (room < wanted)
		err = H_QUOTA;
	else if (wanted > DELIVERY_SIZE_MAX ||
		 !store_has_room(d->store, wanted))
		err = H_FULL;
	else if (room > wanted && !store_has_room(d->store, DELIVERY_PLENTY))
		room = wanted;
	payload[0] = (char)err;
	put_le64(payload + 1, room);
	channel_send(p->channel, IPC_ROOM_IS, m->id,
	    (struct span){ payload, sizeof(payload) });
	return wire_end(&w);
}

static bool
deliver(struct deliver *d, struct peer *p, struct channel_msg *m)
{
	struct delivery in;

	if (!delivery_get(m->payload, &in) ||
	    (in.message.len == 0) != (m->fd[0] >= 0))
		return false;
	take_delivery(d, p, m, &in);
	return true;
}

static bool
message(void *arg, struct peer *p, struct channel_msg *m)
{
	struct deliver *d = arg;

	switch (m->type) {
	case IPC_DELIVER: return deliver(d, p, m);
	case IPC_DELIVERED_LOOKUP: return look_up(d, p, m);
	case IPC_ROOM: return tell_room(d, p, m);
	}
	return false;
}

void
deliver_add_peer(struct deliver *d, int fd)
{
	peers_add(&d->peers, fd, 0);
	timer_stop(d->idle);
}

/* ---- life ---- */

static void
tidy(void *arg)
{
	struct deliver *d = arg;

	timer_set(d->tidy, store_tidy(d->store) ? TIDY_MORE_MS : TIDY_MS);
}

static void
idle(void *arg)
{
	struct deliver *d = arg;

	role_idle(d->role);
	/* The parent may have just sent somebody, and not have let us go. */
	timer_set(d->idle, IDLE_MS);
}

struct deliver *
deliver_new(struct role *role, struct store *store)
{
	struct deliver *d = mem_alloc(sizeof(*d));

	d->role = role;
	d->store = store;
	d->peers = (struct peers){
		.loop = role_loop(role),
		.most = PEERS_MAX,
		.message = message,
		.gone = peer_gone,
		.arg = d,
	};
	d->tidy = timer_new(role_loop(role), tidy, d);
	d->idle = timer_new(role_loop(role), idle, d);
	timer_set(d->tidy, TIDY_MS);
	timer_set(d->idle, IDLE_MS);
	return d;
}

void
deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	if (d == NULL)
		return;
	commit(d);
	peers_end(&d->peers);
	timer_free(&d->tidy);
	timer_free(&d->idle);
	store_close(&d->store);
	mem_free(dp);
}
