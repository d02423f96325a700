/*
 * COPY and MOVE (RFC 9051, 6.4.7, 6.4.8; RFC 4315).  What fits into a slice is
 * one transaction; of many messages it takes several.  If a COPY fails after
 * the first of them, the copies are taken back; what was moved stays moved, and
 * is told (RFC 6851, 3.3).  What is gone by now is passed over.
 */
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_name.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_turn.h"

enum { ROWS = 32 }; /* messages between two looks at the clock */

struct copy {
	bool move, begun;
	struct imap_set uids;
	struct buf name;
	uint32_t target, uidvalidity;
	struct imap_set from, to; /* what is done; ascending together */
	uint32_t at;              /* the next UID */
	/* the slice under way */
	struct imap_set slice_from, slice_to;
	uint32_t next;
	enum imap_reply refusal; /* why there will be no other */
};

static void
release(void *state)
{
	struct copy *c = state;

	imap_set_free(&c->uids);
	imap_set_free(&c->from);
	imap_set_free(&c->to);
	imap_set_free(&c->slice_from);
	imap_set_free(&c->slice_to);
	buf_free(&c->name);
}

/* ---- a slice ---- */

static enum herr
copy_one(
    struct imap_session *s, struct copy *c, struct store_txn *txn, uint32_t uid)
{
	uint32_t newuid;
	enum herr err;

	if (c->move)
		err = store_move(txn, s->mailbox, uid, c->target, &newuid);
	else
		err = store_copy(txn, s->mailbox, uid, c->target, &newuid);
	if (err != H_OK)
		return err;
	imap_set_add(&c->slice_from, uid, uid);
	imap_set_add(&c->slice_to, newuid, newuid);
	return H_OK;
}

/* Some of the next UIDs; they are read before anything is changed. */
static size_t
next_uids(struct imap_session *s, struct copy *c, struct store_txn *txn,
    uint32_t uid[ROWS])
{
	struct imap_range r;
	size_t n = 0;

	while (n == 0 && imap_set_from(&c->uids, c->next, &r)) {
		struct store_row_cursor rows = { 0 };
		struct store_row row;

		while (n < ROWS && store_next_row(txn, s->mailbox, r.first,
				       r.last, &rows, &row))
			uid[n++] = row.uid;
		store_end_rows(&rows);
		c->next = (n < ROWS ? r.last : uid[n - 1]) + 1;
	}
	return n;
}

static enum herr
copy_slice(struct imap_session *s, struct copy *c, struct store_txn *txn)
{
	uint32_t uid[ROWS];
	size_t n;

	do {
		n = next_uids(s, c, txn, uid);
		for (size_t i = 0; i < n; i++) {
			enum herr err = copy_one(s, c, txn, uid[i]);

			if (err != H_OK)
				return err;
		}
	} while (n > 0 && !imap_slice_over(s->account));
	return store_error(txn);
}

/* The mailbox that is meant is the one that had the name at the beginning. */
static enum imap_reply
find_target(struct copy *c, struct store_txn *txn)
{
	struct store_mailbox mb;
	enum herr err;

	if (c->begun)
		err = store_get_mailbox(txn, c->target, &mb);
	else
		err = store_find_mailbox(txn, buf_span(&c->name), &mb);
	if (err != H_OK || !mb.exists)
		return IMAP_REPLY_TRY_CREATE;
	c->target = mb.id;
	c->uidvalidity = mb.uidvalidity;
	return IMAP_REPLY_DONE;
}

static enum herr
apply(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct copy *c = r->state;
	struct imap_range rest;
	enum herr err;

	imap_set_clear(&c->slice_from);
	imap_set_clear(&c->slice_to);
	c->next = c->at;
	c->refusal = find_target(c, txn);
	if (store_error(txn) != H_OK)
		return store_error(txn);
	if (c->refusal != IMAP_REPLY_DONE)
		return H_OK;
	imap_batch_touch(r, c->target);
	if (c->move)
		imap_batch_touch(r, s->mailbox);
	err = copy_slice(s, c, txn);
	if (err == H_OK)
		r->more = imap_set_from(&c->uids, c->next, &rest);
	return err;
}

/* After a commit that failed: is the slice there? */
static bool
check(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct copy *c = r->state;
	struct store_row from, to;
	struct imap_range range;
	uint32_t at = 1;

	if (c->slice_from.len == 0)
		return false;
	while (imap_set_from(&c->slice_to, at, &range)) {
		if (store_get_row(txn, c->target, range.first, &to) != H_OK)
			return false;
		at = range.first + 1;
	}
	if (store_get_row(
		txn, s->mailbox, c->slice_from.range[0].first, &from) != H_OK)
		return c->move;
	return !c->move &&
	       store_get_row(txn, c->target, c->slice_to.range[0].first, &to) ==
	           H_OK &&
	       from.message == to.message;
}

/* ---- taking back ---- */

static enum herr
take_back(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct copy *c = r->state;
	struct imap_range range;
	unsigned n = 0;

	c->next = c->at;
	imap_batch_touch(r, c->target);
	while (imap_set_from(&c->to, c->next, &range)) {
		enum herr err = store_expunge(txn, c->target, range.first);

		if (err != H_OK && err != H_NOTFOUND)
			return err;
		c->next = range.first + 1;
		if (++n % ROWS == 0 && imap_slice_over(s->account))
			break;
	}
	r->more = imap_set_from(&c->to, c->next, &range);
	return store_error(txn);
}

static enum imap_step
taken_back(struct imap_session *s, struct imap_request *r)
{
	struct copy *c = r->state;
	struct imap_range rest;

	(void)s;
	c->at = c->next;
	if (r->failed == H_OK && imap_set_from(&c->to, c->at, &rest))
		return IMAP_WAIT_WRITE;
	return imap_done(r, c->refusal);
}

/* ---- the answer ---- */

static void
put_copyuid(struct imap_request *r)
{
	struct copy *c = r->state;

	buf_text(&r->code, "COPYUID ");
	buf_number(&r->code, c->uidvalidity);
	buf_byte(&r->code, ' ');
	imap_set_put(&r->code, &c->from);
	buf_byte(&r->code, ' ');
	imap_set_put(&r->code, &c->to);
	if (r->code.bad) /* better none than half of it */
		buf_clear(&r->code);
}

static enum imap_step
finish(struct imap_session *s, struct imap_request *r)
{
	struct copy *c = r->state;

	r->tell_modseq = c->move;
	r->reply = c->refusal;
	if (c->from.len == 0)
		return IMAP_DONE;
	if (!c->move && c->refusal != IMAP_REPLY_DONE) {
		r->apply = take_back;
		r->check = NULL;
		r->run = taken_back;
		c->at = 1;
		return IMAP_WAIT_WRITE;
	}
	put_copyuid(r);
	if (!c->move || r->code.len == 0)
		return IMAP_DONE;
	/* Where the messages went is told before they go (RFC 6851, 4.3). */
	imap_put_reply(conn_output(s->conn), SPAN("*"), IMAP_REPLY_DONE,
	    buf_span(&r->code));
	buf_clear(&r->code);
	return IMAP_DONE;
}

static void
add_all(struct imap_set *to, const struct imap_set *from)
{
	for (size_t i = 0; i < from->len; i++)
		imap_set_add(to, from->range[i].first, from->range[i].last);
}

/* After a slice. */
static enum imap_step
answer(struct imap_session *s, struct imap_request *r)
{
	struct copy *c = r->state;
	struct imap_range rest;

	if (r->failed != H_OK) {
		c->refusal = imap_reply_for(r->failed);
		return finish(s, r);
	}
	add_all(&c->from, &c->slice_from);
	add_all(&c->to, &c->slice_to);
	c->at = c->next;
	c->begun = true;
	if (c->refusal == IMAP_REPLY_DONE &&
	    imap_set_from(&c->uids, c->at, &rest))
		return IMAP_WAIT_WRITE;
	return finish(s, r);
}

/* ---- the commands ---- */

static enum imap_step
begin(struct imap_session *s, struct imap_request *r, bool move)
{
	struct imap_args a = imap_request_args(s, r);
	struct copy *c = mem_alloc(sizeof(*c));
	enum imap_reply reply;
	bool good;

	r->state = c;
	r->release = release;
	c->move = move;
	c->at = 1;
	c->name = BUF_INIT(STORE_NAME_MAX);
	imap_sp(&a);
	reply = imap_numbers_parse(
	    s, &a, (r->command->traits & IMAP_BY_UID) != 0, &c->uids);
	imap_sp(&a);
	good = imap_name_get(&a, &c->name);
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (reply != IMAP_REPLY_DONE)
		return imap_done(r, reply);
	if (!good)
		return imap_done(r, IMAP_REPLY_NO_MAILBOX);
	r->apply = apply;
	r->check = check;
	r->run = answer;
	r->may_fail = true;
	return IMAP_WAIT_WRITE;
}

enum imap_step
imap_cmd_copy(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, false);
}

enum imap_step
imap_cmd_move(struct imap_session *s, struct imap_request *r)
{
	return begin(s, r, true);
}
