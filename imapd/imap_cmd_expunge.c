/*
 * EXPUNGE, UID EXPUNGE and CLOSE (RFC 3501, 6.4.2, 6.4.3; RFC 4315, 2.1).  In
 * slices: each is committed by itself.  Only what the client knows is removed.
 */
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

enum { LOOK_AT_CLOCK = 32 };

struct expunge {
	struct imap_set uids;
	uint32_t at, next; /* the next UID; after the slice under way */
	bool any, slice_any;
};

static void
release(void *state)
{
	struct expunge *e = state;

	imap_set_free(&e->uids);
}

/* The next message with \Deleted that is asked for; 0: none. */
static uint32_t
next_deleted(struct imap_session *s, struct expunge *e, struct store_txn *txn)
{
	struct imap_range r;
	uint32_t uid;

	while (imap_set_from(&e->uids, e->next, &r)) {
		uid = store_next_flagged(
		    txn, s->mailbox, STORE_DELETED, true, r.first);
		if (uid == 0)
			break;
		e->next = uid;
		if (uid <= r.last)
			return uid;
	}
	e->next = UINT32_MAX;
	return 0;
}

static enum herr
apply(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct expunge *e = r->state;
	uint32_t uid;

	e->next = e->at;
	e->slice_any = false;
	imap_batch_touch(r, s->mailbox);
	for (unsigned n = 1; (uid = next_deleted(s, e, txn)) != 0; n++) {
		enum herr err = store_expunge(txn, s->mailbox, uid);

		if (err != H_OK)
			return err;
		e->slice_any = true;
		e->next = uid + 1;
		if (n % LOOK_AT_CLOCK == 0 && imap_slice_over(s->account))
			break;
	}
	r->more = e->next != UINT32_MAX;
	return H_OK;
}

static enum imap_step
answer(struct imap_session *s, struct imap_request *r)
{
	struct expunge *e = r->state;

	(void)s;
	e->at = e->next;
	e->any |= e->slice_any;
	if (e->at != UINT32_MAX)
		return IMAP_WAIT_WRITE;
	r->tell_modseq = e->any;
	return imap_done(r, IMAP_REPLY_DONE);
}

/* CLOSE tells nothing of what it removed. */
static enum imap_step
answer_close(struct imap_session *s, struct imap_request *r)
{
	enum imap_step step = answer(s, r);

	r->tell_modseq = false;
	if (step == IMAP_DONE)
		imap_sync_leave(s);
	return step;
}

static enum imap_step
begin(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);
	struct expunge *e = mem_alloc(sizeof(*e));
	uint32_t last = store_view_uid(s->view, store_view_count(s->view));

	r->state = e;
	r->release = release;
	r->apply = apply;
	r->run = answer;
	e->at = 1;
	if (r->command->traits & IMAP_BY_UID) {
		imap_sp(&a);
		(void)imap_numbers_parse(s, &a, true, &e->uids);
	} else if (last != 0) {
		imap_set_add(&e->uids, 1, last);
	}
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	return IMAP_WAIT_WRITE;
}

enum imap_step
imap_cmd_expunge(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r);
}

enum imap_step
imap_cmd_close(struct imap_session *s, struct imap_request *r)
{
	enum imap_step step = begin(s, r);

	r->run = answer_close;
	if (step == IMAP_WAIT_WRITE && s->read_only) {
		imap_sync_leave(s);
		return imap_done(r, IMAP_REPLY_DONE);
	}
	return step;
}
