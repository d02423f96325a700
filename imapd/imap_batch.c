/*
 * Group commit.  If one request fails in the middle, or the disk is too full
 * for all of them, the transaction is given up and each gets one of its own, so
 * that none suffers from another.
 */
#include "imapd/imap_batch.h"

#include "common/log.h"
#include "imapd/imap_turn.h"

enum { BATCH_MAX = 256 };

struct write {
	struct imap_session *session;
	struct imap_request *request;
	bool waits; /* for one before it, which has more to do */
};

struct batch {
	struct write write[BATCH_MAX];
	size_t len;
};

void
imap_batch_touch(struct imap_request *r, uint32_t mailbox)
{
	r->touched[r->touched[0] != 0 && r->touched[0] != mailbox] = mailbox;
	r->clean = false;
}

void
imap_batch_touch_flags(
    struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	uint64_t modseq = store_modseq(txn);
	struct store_mailbox mb;

	if (r->touched[0] != 0)
		return;
	imap_batch_touch(r, s->mailbox);
	if (store_get_mailbox(txn, s->mailbox, &mb) != H_OK)
		return;
	if (mb.highestmodseq ==
	    modseq) /* before, in this batch: by us alone? */
		r->clean = s->clean_at == modseq;
	else
		r->clean = mb.highestmodseq <= s->modseq;
	if (r->clean)
		s->clean_at = modseq;
}

static void
forget_touch(struct imap_request *r)
{
	r->touched[0] = r->touched[1] = 0;
	r->clean = false;
}

/* Commands of a session take effect in the order they came. */
static bool
must_wait(const struct write *w)
{
	const struct imap_request *r = w->session->queue;

	for (; r != w->request; r = r->next)
		if (r->more)
			return true;
	return false;
}

static void
go_on(struct write *w)
{
	if (w->waits) /* that one will want it again, or be done with */
		return;
	if (w->request->phase == IMAP_PHASE_WRITE)
		w->request->phase =
		    w->request->run != NULL ? IMAP_PHASE_RUN : IMAP_PHASE_TELL;
	imap_ready(w->session);
}

static void
fail(struct write *w, enum herr err)
{
	struct imap_request *r = w->request;

	forget_touch(r);
	buf_clear(&r->code);
	r->more = false;
	r->failed = err;
	if (!r->may_fail) {
		r->reply = imap_reply_for(err);
		r->phase = IMAP_PHASE_TELL;
	}
	go_on(w);
}

/* Whether anything else happened in that mailbox in this batch: other than our
 * own changes of flags, that is. */
static bool
shared(const struct write *w, size_t n, const struct write *me)
{
	uint32_t mailbox = me->request->touched[0];

	for (size_t i = 0; i < n; i++) {
		const struct imap_request *r = w[i].request;

		if ((w[i].session != me->session || !r->clean) &&
		    (r->touched[0] == mailbox || r->touched[1] == mailbox))
			return true;
	}
	return false;
}

static void
committed(struct write *w, size_t n, uint64_t modseq)
{
	for (size_t i = 0; i < n; i++) {
		struct imap_session *s = w[i].session;

		if (!w[i].waits && w[i].request->clean && !shared(w, n, &w[i]))
			s->modseq = modseq;
	}
	for (size_t i = 0; i < n; i++) {
		forget_touch(w[i].request);
		go_on(&w[i]);
	}
}

/* A failed commit may have reached the disk: what is there decides, as far as
 * a request can tell. */
static void
ask_what_holds(struct imap_account *a, struct write *w, size_t n, enum herr err)
{
	for (size_t i = 0; i < n; i++) {
		struct imap_request *r = w[i].request;

		bool refused = r->phase != IMAP_PHASE_WRITE;

		if (w[i].waits || refused ||
		    (r->check != NULL &&
			r->check(w[i].session, r, imap_read(a))))
			go_on(&w[i]);
		else
			fail(&w[i], err);
	}
	imap_read_end(a);
}

/* Applies them in one transaction.  False: nothing was changed, and they should
 * be tried one by one. */
static bool
apply(struct imap_account *a, struct write *w, size_t n)
{
	struct store_txn *txn = store_begin(a->store, STORE_WRITE);
	uint64_t modseq = store_modseq(txn);
	enum herr err = H_OK;

	imap_slice_begin(a);
	for (size_t i = 0; i < n && err == H_OK; i++) {
		struct imap_request *r = w[i].request;

		r->phase = IMAP_PHASE_WRITE;
		forget_touch(r);
		r->more = false;
		if ((w[i].waits = must_wait(&w[i])))
			continue;
		r->reply = IMAP_REPLY_DONE;
		r->failed = H_OK;
		buf_clear(&r->code);
		err = r->apply(w[i].session, r, txn);
		if (err == H_OK)
			err = store_error(txn);
	}
	if (err != H_OK) {
		store_abort(&txn);
		if (n > 1)
			return false;
		fail(&w[0], err);
		return true;
	}
	if ((err = store_commit(&txn)) == H_OK) {
		committed(w, n, modseq);
		return true;
	}
	log_event(LOG_ERROR, "commit-failed", herr_text(err));
	if (err == H_FULL && n > 1)
		return false;
	ask_what_holds(a, w, n, err);
	return true;
}

static void
gather(struct imap_account *a, struct batch *b)
{
	struct imap_session *s;

	b->len = 0;
	while (b->len < BATCH_MAX && (s = a->writers) != NULL) {
		struct imap_request *r = s->queue;

		for (; r != NULL && b->len < BATCH_MAX; r = r->next)
			if (r->phase == IMAP_PHASE_WRITE && r->apply != NULL)
				b->write[b->len++] =
				    (struct write){ s, r, false };
		if (r != NULL)
			break; /* the rest is the next batch */
		a->writers = s->next_writer;
		s->is_writer = false;
	}
}

void
imap_batch_run(struct imap_account *a)
{
	struct batch b;

	imap_read_end(a);
	gather(a, &b);
	if (b.len == 0 || apply(a, b.write, b.len))
		return;
	for (size_t i = 0; i < b.len; i++)
		b.write[i].request->more = false;
	for (size_t i = 0; i < b.len; i++)
		(void)apply(a, &b.write[i], 1);
}
