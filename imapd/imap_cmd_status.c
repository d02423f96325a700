/* STATUS (RFC 9051, 6.3.11). */
#include "imapd/imap_cmd.h"
#include "imapd/imap_name.h"
#include "imapd/imap_status.h"
#include "imapd/imap_turn.h"

static enum imap_step
status(struct imap_session *s, struct imap_request *r, struct span name,
    const struct imap_status *st)
{
	struct store_txn *txn = imap_read(s->account);
	struct store_mailbox mb;

	imap_status_begin(s, st);
	if (store_find_mailbox(txn, name, &mb) != H_OK || !mb.exists)
		return imap_done(r, store_error(txn) == H_OK
					? IMAP_REPLY_NO_MAILBOX
					: imap_reply_for(store_error(txn)));
	imap_status_put(
	    s, st, span_is_nocase(name, "INBOX") ? SPAN("INBOX") : name, &mb);
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_status(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);
	struct buf name = BUF_INIT(STORE_NAME_MAX);
	struct imap_status st = { .len = 0 };
	enum imap_step step;
	bool good;

	imap_sp(&a);
	good = imap_name_get(&a, &name);
	imap_sp(&a);
	imap_status_parse(&a, &st);
	if (!imap_end(&a))
		step = imap_done(r, IMAP_REPLY_SYNTAX);
	else if (!good)
		step = imap_done(r, IMAP_REPLY_NO_MAILBOX);
	else
		step = status(s, r, buf_span(&name), &st);
	buf_free(&name);
	return step;
}
