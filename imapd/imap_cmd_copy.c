/*
 * COPY and MOVE (RFC 3501, 6.4.7; RFC 6851; COPYUID: RFC 4315).  All or
 * nothing, in one transaction.  What is gone by now is passed over.
 */
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_name.h"
#include "imapd/imap_numbers.h"

enum { ROWS = 256 };

struct copy {
	bool move;
	struct imap_set uids;
	struct buf name;
	uint32_t target, uidvalidity;
	struct imap_set from, to; /* ascending together */
};

static void
release(void *state)
{
	struct copy *c = state;

	imap_set_free(&c->uids);
	imap_set_free(&c->from);
	imap_set_free(&c->to);
	buf_free(&c->name);
}

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
	imap_set_add(&c->from, uid, uid);
	imap_set_add(&c->to, newuid, newuid);
	return H_OK;
}

/* The rows of a range, some at a time: each batch is read before it is changed.
 */
static enum herr
copy_range(struct imap_session *s, struct copy *c, struct store_txn *txn,
    struct imap_range range)
{
	struct store_row row;
	uint32_t uid[ROWS];
	size_t n;

	do {
		struct store_row_cursor rows = { 0 };

		for (n = 0;
		     n < ROWS && store_next_row(txn, s->mailbox, range.first,
				     range.last, &rows, &row);
		     n++)
			uid[n] = row.uid;
		store_end_rows(&rows);
		for (size_t i = 0; i < n; i++) {
			enum herr err = copy_one(s, c, txn, uid[i]);

			if (err != H_OK)
				return err;
		}
		if (n > 0)
			range.first = uid[n - 1] + 1;
	} while (n == ROWS && range.first <= range.last);
	return store_error(txn);
}

static enum herr
apply(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct copy *c = r->state;
	struct store_mailbox mb;

	imap_set_clear(&c->from);
	imap_set_clear(&c->to);
	if (store_find_mailbox(txn, buf_span(&c->name), &mb) != H_OK ||
	    !mb.exists)
		return store_error(txn) != H_OK
		           ? store_error(txn)
		           : imap_refuse(r, IMAP_REPLY_TRY_CREATE);
	c->target = mb.id;
	c->uidvalidity = mb.uidvalidity;
	imap_batch_touch(r, mb.id);
	if (c->move)
		imap_batch_touch(r, s->mailbox);
	for (size_t i = 0; i < c->uids.len; i++) {
		enum herr err = copy_range(s, c, txn, c->uids.range[i]);

		if (err != H_OK)
			return err;
	}
	return H_OK;
}

/* After a commit that failed: are the copies there? */
static bool
check(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct copy *c = r->state;
	struct store_row from, to;
	struct imap_range range;
	uint32_t at = 1;

	if (c->move || c->from.len == 0)
		return false;
	while (imap_set_from(&c->to, at, &range)) {
		if (store_get_row(txn, c->target, range.first, &to) != H_OK)
			return false;
		if (at == 1 && (store_get_row(txn, s->mailbox,
				    c->from.range[0].first, &from) != H_OK ||
				   from.message != to.message))
			return false;
		at = range.first + 1;
	}
	return true;
}

static enum imap_step
answer(struct imap_session *s, struct imap_request *r)
{
	struct copy *c = r->state;

	r->tell_modseq = c->move;
	if (c->from.len == 0)
		return imap_done(r, IMAP_REPLY_DONE);
	buf_text(&r->code, "COPYUID ");
	buf_number(&r->code, c->uidvalidity);
	buf_byte(&r->code, ' ');
	imap_set_put(&r->code, &c->from);
	buf_byte(&r->code, ' ');
	imap_set_put(&r->code, &c->to);
	if (!c->move)
		return imap_done(r, IMAP_REPLY_DONE);
	/* Where the messages went is told before they go (RFC 6851, 4.3). */
	imap_put_reply(conn_output(s->conn), SPAN("*"), IMAP_REPLY_DONE,
	    buf_span(&r->code));
	buf_clear(&r->code);
	return imap_done(r, IMAP_REPLY_DONE);
}

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
