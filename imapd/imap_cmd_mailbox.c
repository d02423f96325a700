/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501, 6.3.3 to 6.3.7). */
#include "common/mem.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_sync.h"

struct names {
	struct buf name, to; /* UTF-8 */
	uint32_t deleted;
};

static void
release(void *state)
{
	struct names *n = state;

	buf_free(&n->name);
	buf_free(&n->to);
}

/* One name, or two; and what is to be done with them. */
static enum imap_step
parse(struct imap_request *r, unsigned count, imap_apply *apply)
{
	struct imap_args a = imap_request_args(r);
	struct names *n = mem_alloc(sizeof(*n));
	bool good;

	r->state = n;
	r->release = release;
	r->apply = apply;
	n->name = n->to = BUF_INIT(STORE_NAME_MAX);
	imap_sp(&a);
	good = imap_mailbox(&a, &n->name);
	if (count == 2) {
		imap_sp(&a);
		good &= imap_mailbox(&a, &n->to);
	}
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (!good)
		return imap_done(r, IMAP_REPLY_NAME);
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

static enum herr
create(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;
	uint32_t id;

	(void)s;
	return answer(r, txn,
	    store_create_mailbox(txn, buf_span(&n->name), STORE_NO_ROLE, &id));
}

enum imap_step
imap_cmd_create(struct imap_session *s, struct imap_request *r)
{
	(void)s;
	return parse(r, 1, create);
}

static enum herr
delete_it(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct names *n = r->state;
	struct store_mailbox mb;

	(void)s;
	n->deleted = 0;
	if (store_find_mailbox(txn, buf_span(&n->name), &mb) == H_OK &&
	    mb.exists)
		n->deleted = mb.id;
	return answer(r, txn, store_delete_mailbox(txn, buf_span(&n->name)));
}

/* Whoever deletes the mailbox that is selected is not in one afterwards. */
static enum imap_step
deleted(struct imap_session *s, struct imap_request *r)
{
	struct names *n = r->state;

	if (s->mailbox != 0 && s->mailbox == n->deleted)
		imap_sync_leave(s);
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_delete(struct imap_session *s, struct imap_request *r)
{
	(void)s;
	r->run = deleted;
	return parse(r, 1, delete_it);
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
	(void)s;
	return parse(r, 2, rename_it);
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
	(void)s;
	return parse(r, 1, subscribe);
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
	(void)s;
	return parse(r, 1, unsubscribe);
}
