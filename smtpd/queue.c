#include "smtpd/queue.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "smtpd/queue_private.h"

enum { REPORT_MAX = CHANNEL_PAYLOAD_MAX - 64, PEERS_MAX = 2000 };

/* ---- the turn ---- */

static void
end_role(void *arg)
{
	struct queue *q = arg;
	struct role *role = q->role;

	queue_end(q);
	role_exit(role);
}

/*
 * What came in and what is done, in one transaction: while it is synced the
 * next gather in the sockets.  Nobody hears anything before.
 */
void
queue_turn(struct queue *q)
{
	struct spool_txn *t;
	enum herr err;

	if (q->jobs == NULL && !queue_fanout_has_results(q->fanout))
		return;
	t = spool_begin(q->spool, true);
	queue_fanout_write(q->fanout, t);
	queue_intake_add(q, t);
	err = spool_commit(&t);
	queue_intake_answer(q, err);
	queue_fanout_settled(q->fanout, err);
	queue_fanout_go(q->fanout);
	/*
	 * An environment that failed to write is opened afresh: by the next
	 * process.
	 */
	if (err == H_IO || err == H_CORRUPT)
		loop_later(role_loop(q->role), end_role, q);
	else
		spool_tidy(q->spool);
}

static void
turn(void *arg)
{
	struct queue *q = arg;

	q->turn_due = false;
	queue_turn(q);
}

void
queue_turn_later(struct queue *q)
{
	if (q->turn_due)
		return;
	q->turn_due = true;
	loop_later(role_loop(q->role), turn, q);
}

/* ---- the tool ---- */

void
queue_report(struct queue *q, uint8_t verb, uint64_t id, struct buf *payload)
{
	struct buf text = BUF_INIT(REPORT_MAX);
	struct spool_txn *t = spool_begin(q->spool, false);

	spool_report(t, verb, id, &text);
	spool_abort(&t);
	wire_put_bytes(payload, buf_span(&text));
	buf_free(&text);
}

/* ---- life ---- */

void
queue_add_peer(struct queue *q, int fd, uint64_t login)
{
	peers_add(&q->peers, fd, login);
}

struct queue *
queue_new(struct role *role, struct spool *spool)
{
	struct queue *q = mem_alloc(sizeof(*q));

	q->role = role;
	q->spool = spool;
	q->last_job = &q->jobs;
	q->peers = (struct peers){
		.loop = role_loop(role),
		.most = PEERS_MAX,
		.message = queue_intake_message,
		.gone = queue_intake_gone,
		.arg = q,
	};
	q->sender = queue_sender_new(q);
	q->fanout = queue_fanout_new(q);
	return q;
}

static bool
waits_for_account(const struct spool_entry *e)
{
	for (size_t i = 0; i < e->nrecipients; i++)
		if (e->recipients[i].account != 0 &&
		    e->recipients[i].state == SPOOL_WAITING)
			return true;
	return false;
}

/*
 * Whatever was under way when an earlier life ended may have arrived: looked
 * up first.
 */
void
queue_start(struct queue *q)
{
	uint64_t id = 0;
	bool more = true;

	/*
	 * A damaged row ends its transaction, and must not end the delivery of
	 * those behind it: so one for each.
	 */
	while (more) {
		struct spool_txn *t = spool_begin(q->spool, false);
		struct spool_entry e = { 0 };

		if ((more = spool_next(t, &id)) &&
		    spool_get(t, id, &e) == H_OK && waits_for_account(&e))
			queue_fanout_add(q->fanout, id, true);
		spool_entry_release(&e);
		spool_abort(&t);
	}
	queue_fanout_go(q->fanout);
}

void
queue_end(struct queue *q)
{
	queue_turn(q);
	peers_end(&q->peers);
	spool_close(&q->spool);
}
