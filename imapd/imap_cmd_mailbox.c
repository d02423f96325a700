/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051, 6.3.4 to 6.3.8;
 * special use: RFC 6154, 3).
 */
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_name.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

enum { ROWS = 32 }; /* messages between two looks at the clock */

struct names {
	struct buf name, to; /* UTF-8 */
	struct span
	    said; /* how the client wrote the new name, if it is another */
	enum store_role role;
	bool impossible; /* a use that no mailbox can have */
	uint32_t deleted;
};

static imap_apply create;

static void
release(void *state)
{
	struct names *n = state;

	buf_free(&n->name);
	buf_free(&n->to);
}

/* "(" "USE" SP "(" [attribute *(SP attribute)] ")" ")" */
static void
parse_uses(struct imap_args *a, struct names *n)
{
	if (!scan_try_word(&a->scan, " (USE ("))
		return;
	while (scan_more(&a->scan) && !scan_try(&a->scan, ')')) {
		const char *start = a->scan.pos;
		enum store_role role = STORE_NO_ROLE;
		struct span word;

		scan_need(&a->scan, '\\');
		word = imap_atom(a);
		if (a->scan.bad)
			return;
		word = (struct span){ start, word.len + 1 };
		/* A mailbox has one use. */
		n->impossible |= !imap_special_use(word, &role) ||
		                 (n->role != STORE_NO_ROLE && n->role != role);
		n->role = role;
		if (scan_peek(&a->scan) != ')')
			imap_sp(a);
	}
	scan_need(&a->scan, ')');
}

/* One name, or two; and what is to be done with them. */
static enum imap_step
parse(struct imap_session *s, struct imap_request *r, unsigned count,
    imap_apply *apply)
{
	struct imap_args a = imap_request_args(s, r);
	struct names *n = mem_alloc(sizeof(*n));
	bool good;

	r->state = n;
	r->release = release;
	r->apply = apply;
	n->name = n->to = BUF_INIT(STORE_NAME_MAX);
	imap_sp(&a);
	good = imap_name_get_said(&a, &n->name, &n->said);
	if (count == 2) {
		imap_sp(&a);
		good &= imap_name_get_said(&a, &n->to, &n->said);
	} else if (apply == create) {
		parse_uses(&a, n);
	}
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (!good)
		return imap_done(r, IMAP_REPLY_NAME);
	if (n->impossible)
		return imap_done(r, IMAP_REPLY_USE);
	return IMAP_WAIT_WRITE;
}

/* The store's answer to a request that it does whole or not at all. */
static enum herr
answer(struct imap_request *r, struct store_txn *txn, enum herr err)
{
	if (store_error(txn) != H_OK)
		return store_error(txn);
	return err == H_OK ? H_OK : imap_refuse(r, imap_reply_for(err));
}

/* RFC 9051, 6.3.4: a name that had to be normalized is told. */
static enum imap_step
named(struct imap_session *s, struct imap_request *r)
{
	struct names *n = r->state;
	struct span name = buf_span(n->to.len > 0 ? &n->to : &n->name);
	struct imap_list_line line = {
		.name = name, .said = n->said, .extended = true, .utf8 = true
	};
	struct store_mailbox mb;

	if (s->rev2 && n->said.len > 0 &&
	    store_find_mailbox(imap_read(s->account), name, &mb) == H_OK)
		imap_put_list(conn_output(s->conn), &line, &mb);
	return imap_done(r, IMAP_REPLY_DONE);
}

static enum herr
create(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;
	enum herr err;
	uint32_t id;

	(void)s;
	err = store_create_mailbox(txn, buf_span(&n->name), n->role, &id);
	if (err == H_DENIED)
		return imap_refuse(r, IMAP_REPLY_USE);
	return answer(r, txn, err);
}

enum imap_step
imap_cmd_create(struct imap_session *s, struct imap_request *r)
{
	r->run = named;
	return parse(s, r, 1, create);
}

/* Of many messages some at a time; false: there are more. */
static bool
emptied(struct imap_session *s, struct store_txn *txn, uint32_t mailbox)
{
	uint32_t uid[ROWS];
	size_t n;

	do {
		struct store_row_cursor rows = { 0 };
		struct store_row row;

		for (n = 0; n < ROWS && store_next_row(txn, mailbox, 1,
					    UINT32_MAX, &rows, &row);
		     n++)
			uid[n] = row.uid;
		store_end_rows(&rows);
		for (size_t i = 0; i < n; i++)
			if (store_expunge(txn, mailbox, uid[i]) != H_OK)
				return true; /* what it met is met again */
	} while (n == ROWS && !imap_slice_over(s->account));
	return n < ROWS;
}

static enum herr
delete_it(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;
	struct store_mailbox mb;

	n->deleted = 0;
	if (!span_is_nocase(buf_span(&n->name), "INBOX") &&
	    store_find_mailbox(txn, buf_span(&n->name), &mb) == H_OK &&
	    mb.exists) {
		n->deleted = mb.id;
		imap_batch_touch(r, mb.id);
		if (!emptied(s, txn, mb.id)) {
			r->more = true;
			return store_error(txn);
		}
	}
	return answer(r, txn, store_delete_mailbox(txn, buf_span(&n->name)));
}

/* Whoever deletes the mailbox that is selected is not in one afterwards. */
static enum imap_step
deleted(struct imap_session *s, struct imap_request *r)
{
	struct names *n = r->state;

	if (r->more)
		return IMAP_WAIT_WRITE;
	if (s->mailbox != 0 && s->mailbox == n->deleted)
		imap_sync_leave(s);
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_delete(struct imap_session *s, struct imap_request *r)
{
	r->run = deleted;
	return parse(s, r, 1, delete_it);
}

static enum herr
rename_it(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;

	(void)s;
	return answer(r, txn,
	    store_rename_mailbox(txn, buf_span(&n->name), buf_span(&n->to)));
}

enum imap_step
imap_cmd_rename(struct imap_session *s, struct imap_request *r)
{
	r->run = named;
	return parse(s, r, 2, rename_it);
}

static enum herr
subscribe(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;

	(void)s;
	return answer(r, txn, store_subscribe(txn, buf_span(&n->name), true));
}

enum imap_step
imap_cmd_subscribe(struct imap_session *s, struct imap_request *r)
{
	return parse(s, r, 1, subscribe);
}

static enum herr
unsubscribe(
    struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;
	enum herr err = store_subscribe(txn, buf_span(&n->name), false);

	(void)s;
	/* What is not subscribed is as the client wants it. */
	return answer(r, txn, err == H_NOTFOUND ? H_OK : err);
}

enum imap_step
imap_cmd_unsubscribe(struct imap_session *s, struct imap_request *r)
{
	return parse(s, r, 1, unsubscribe);
}
