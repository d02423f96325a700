/*
 * Messages on their way in: read, perhaps checked by auth, then committed with
 * whatever else is there, and answered.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/record.h"
#include "common/wire.h"
#include "smtpd/content.h"
#include "smtpd/queue_private.h"

enum {
	BATCH_MAX = 64,
	BATCH_BYTES_MAX = 4 * 1024 * 1024,
};

/* ---- answers ---- */

static void
answer(struct peer *p, uint64_t number, enum herr err, uint64_t id)
{
	char payload[9];

	payload[0] = (char)err;
	put_le64(payload + 1, id);
	channel_send(p->channel, IPC_ENQUEUE_RESULT, number,
	    (struct span){ payload, sizeof(payload) });
}

static void
log_job(const struct queue_job *j)
{
	struct log_line l;

	log_begin(&l, j->err == H_OK ? LOG_INFO : LOG_WARN,
	    j->err == H_OK ? "queued" : "not-queued");
	log_text(&l, "trace", j->entry.trace);
	log_number(&l, "login", (int64_t)j->entry.login);
	log_text(&l, "from", j->entry.reverse_path);
	log_number(&l, "size", (int64_t)j->entry.size);
	log_number(&l, "rcpt", (int64_t)j->entry.nrecipients);
	if (j->err == H_OK)
		log_hex(&l, "queue", j->entry.id);
	else
		log_text(&l, "why", herr_text(j->err));
	log_end(&l);
}

static void
free_job(struct queue_job *j)
{
	spool_blob_free(&j->blob);
	spool_entry_release(&j->entry);
	mem_free(&j);
}

/* ---- what a message brings ---- */

static struct spool_recipient
recipient(const struct enqueue_recipient *from, int64_t now)
{
	struct spool_recipient r = {
		.account = from->account,
		.address = mem_string(from->address),
		.prefix = mem_string(from->prefix),
		.state = SPOOL_WAITING,
		.next_try = now,
		.answer = mem_string(SPAN("")),
	};

	delivery_new_id(r.delivery_id);
	return r;
}

static void
fill_entry(struct spool_entry *e, const struct enqueue *in, uint64_t login)
{
	int64_t now = clock_wall();

	*e = (struct spool_entry){
		.arrived = now,
		.internaldate = in->internaldate,
		.login = login,
		.size = in->size,
		.trace = mem_string(in->trace),
		.reverse_path = mem_string(in->reverse_path),
		.recipients =
		    mem_array(in->nrecipients, sizeof(*e->recipients)),
		.nrecipients = in->nrecipients,
	};
	memcpy(e->enqueue_id, in->id, sizeof(e->enqueue_id));
	for (size_t i = 0; i < in->nrecipients; i++)
		e->recipients[i] = recipient(&in->recipients[i], now);
}

static enum herr
write_piece(void *arg, struct span piece)
{
	return spool_blob_write(arg, piece);
}

static enum herr
take_content(struct spool_blob *blob, const struct enqueue *in, int fd)
{
	uint64_t got;
	enum herr err;

	if (fd < 0) {
		if ((err = spool_blob_write(blob, in->message)) == H_OK)
			err = spool_blob_write(blob, in->record);
		return err;
	}
	err = content_read(fd, 0, in->size, write_piece, blob, &got);
	if (err == H_OK && got < in->size)
		err = H_INVALID;
	if (err == H_OK)
		err = content_read(
		    fd, in->size, RECORD_MAX, write_piece, blob, &got);
	return err;
}

/* ---- jobs ---- */

static void
job_ready(struct queue *q, struct queue_job *j)
{
	j->next = NULL;
	*q->last_job = j;
	q->last_job = &j->next;
	q->njobs++;
	q->bytes += j->entry.size;
	if (q->njobs >= BATCH_MAX || q->bytes >= BATCH_BYTES_MAX)
		queue_turn(q);
	else
		queue_turn_later(q);
}

static void
sender_is(void *arg, enum herr err)
{
	struct queue_job *j = arg;
	struct queue *q = j->queue;
	struct queue_job **at = &q->asking;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	j->err = err;
	job_ready(q, j);
}

static bool
goes_outside(const struct enqueue *in)
{
	for (size_t i = 0; i < in->nrecipients; i++)
		if (in->recipients[i].account == 0)
			return true;
	return false;
}

static void
take_message(struct queue *q, struct peer *p, struct channel_msg *m,
    const struct enqueue *in)
{
	struct queue_job *j = mem_alloc(sizeof(*j));

	j->queue = q;
	j->peer = p;
	j->number = m->id;
	j->blob = spool_blob_new(q->spool);
	fill_entry(&j->entry, in, p->login);
	j->err = take_content(j->blob, in, m->fd[0]);
	/* Nobody relays without a login, and nobody in another's name. */
	if (j->err == H_OK && goes_outside(in) && p->login == 0)
		j->err = H_DENIED;
	if (j->err == H_OK && goes_outside(in) && in->reverse_path.len > 0) {
		j->next = q->asking;
		q->asking = j;
		queue_sender_ask(
		    q->sender, p->login, in->reverse_path, sender_is, j);
		return;
	}
	job_ready(q, j);
}

void
queue_intake_add(struct queue *q, struct spool_txn *t)
{
	for (struct queue_job *j = q->jobs; j != NULL; j = j->next)
		if (j->err == H_OK)
			j->err = spool_add(t, j->blob, &j->entry);
}

static bool
has_local(const struct spool_entry *e)
{
	for (size_t i = 0; i < e->nrecipients; i++)
		if (e->recipients[i].account != 0)
			return true;
	return false;
}

void
queue_intake_answer(struct queue *q, enum herr committed)
{
	struct spool_txn *t =
	    committed != H_OK ? spool_begin(q->spool, false) : NULL;
	struct queue_job *j;

	while ((j = q->jobs) != NULL) {
		bool added = j->err == H_OK;

		/*
		 * After a failed commit its return code says nothing: what
		 * holds is what is found.
		 */
		if (added && t != NULL &&
		    !spool_known(t, j->entry.enqueue_id, &j->entry.id))
			j->err = committed;
		/* The same message, come twice: it is here, and on its way. */
		if (j->err == H_EXISTS)
			j->err = H_OK;
		log_job(j);
		if (j->peer != NULL)
			answer(j->peer, j->number, j->err, j->entry.id);
		if (added && j->err == H_OK && has_local(&j->entry))
			queue_fanout_add(q->fanout, j->entry.id, false);
		q->jobs = j->next;
		free_job(j);
	}
	spool_abort(&t);
	q->last_job = &q->jobs;
	q->njobs = 0;
	q->bytes = 0;
}

/* ---- peers ---- */

static void
forget_peer(struct queue_job *j, const struct peer *p)
{
	for (; j != NULL; j = j->next)
		if (j->peer == p)
			j->peer = NULL;
}

void
queue_intake_gone(void *arg, struct peer *p)
{
	struct queue *q = arg;

	forget_peer(q->jobs, p);
	forget_peer(q->asking, p);
}

static bool
look_up(struct queue *q, struct peer *p, const struct channel_msg *m)
{
	struct spool_txn *t;
	uint64_t id = 0;
	bool there;

	if (m->payload.len != DELIVERY_ID_LEN)
		return false;
	/* It may be among those that wait. */
	queue_turn(q);
	t = spool_begin(q->spool, false);
	there = spool_known(t, (const uint8_t *)m->payload.ptr, &id);
	spool_abort(&t);
	answer(p, m->id, there ? H_OK : H_NOTFOUND, id);
	return true;
}

static bool
enqueue(struct queue *q, struct peer *p, struct channel_msg *m)
{
	struct enqueue in;
	bool fine;

	if (!enqueue_get(m->payload, &in))
		return false;
	fine = (in.message.len == 0) == (m->fd[0] >= 0);
	if (fine)
		take_message(q, p, m, &in);
	enqueue_release(&in);
	return fine;
}

bool
queue_intake_message(void *arg, struct peer *p, struct channel_msg *m)
{
	struct queue *q = arg;

	switch (m->type) {
	case IPC_ENQUEUE: return enqueue(q, p, m);
	case IPC_ENQUEUED_LOOKUP: return look_up(q, p, m);
	}
	return false;
}
