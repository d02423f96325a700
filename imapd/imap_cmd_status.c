/* STATUS (RFC 3501, 6.3.10; HIGHESTMODSEQ: RFC 7162, 3.1.7). */
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_turn.h"

enum item {
	MESSAGES,
	RECENT,
	UIDNEXT,
	UIDVALIDITY,
	UNSEEN,
	HIGHESTMODSEQ,
	ITEMS
};

static const char *const names[] = {
	[MESSAGES] = "MESSAGES",
	[RECENT] = "RECENT",
	[UIDNEXT] = "UIDNEXT",
	[UIDVALIDITY] = "UIDVALIDITY",
	[UNSEEN] = "UNSEEN",
	[HIGHESTMODSEQ] = "HIGHESTMODSEQ",
};
static_assert(COUNT_OF(names) == ITEMS, "an item lacks its name");

/* In the order asked, each once. */
struct items {
	enum item item[ITEMS];
	size_t len;
};

static void
parse_item(struct imap_args *a, struct items *items)
{
	struct span name = imap_atom(a);

	for (enum item i = MESSAGES; i < ITEMS; i++) {
		if (!span_is_nocase(name, names[i]))
			continue;
		for (size_t n = 0; n < items->len; n++)
			if (items->item[n] == i)
				return;
		items->item[items->len++] = i;
		return;
	}
	scan_fail(&a->scan);
}

static uint32_t
count_recent(struct imap_session *s, const struct store_mailbox *mb)
{
	uint32_t from = imap_recent_from(s->account, mb->id), n;
	struct store_view *view;

	if (from >= mb->uidnext)
		return 0;
	view = store_view_get(imap_read(s->account), mb->id);
	if (view == NULL)
		return 0;
	n = store_view_count(view) - store_view_rank(view, from - 1);
	store_view_unref(&view);
	return n;
}

static uint64_t
value(struct imap_session *s, const struct store_mailbox *mb, enum item item)
{
	switch (item) {
	case MESSAGES: return mb->messages;
	case RECENT: return count_recent(s, mb);
	case UIDNEXT: return mb->uidnext;
	case UIDVALIDITY: return mb->uidvalidity;
	case UNSEEN: return mb->unseen;
	case HIGHESTMODSEQ:
		imap_condstore_on(s);
		return mb->highestmodseq > 0 ? mb->highestmodseq : 1;
	case ITEMS: break;
	}
	return 0;
}

static enum imap_step
status(struct imap_session *s, struct imap_request *r, struct span name,
    const struct items *items)
{
	struct store_txn *txn = imap_read(s->account);
	struct store_mailbox mb;
	uint64_t values[ITEMS];
	struct buf *out;

	if (store_find_mailbox(txn, name, &mb) != H_OK || !mb.exists)
		return imap_done(r, store_error(txn) == H_OK
					? IMAP_REPLY_NO_MAILBOX
					: imap_reply_for(store_error(txn)));
	/* Values first: asking for one may tell the client something. */
	for (size_t i = 0; i < items->len; i++)
		values[i] = value(s, &mb, items->item[i]);
	out = conn_output(s->conn);
	buf_text(out, "* STATUS ");
	imap_put_mailbox(
	    out, span_is_nocase(name, "INBOX") ? SPAN("INBOX") : name);
	buf_text(out, " (");
	for (size_t i = 0; i < items->len; i++) {
		if (i > 0)
			buf_byte(out, ' ');
		buf_text(out, names[items->item[i]]);
		buf_byte(out, ' ');
		buf_number(out, values[i]);
	}
	buf_text(out, ")\r\n");
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_status(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);
	struct buf name = BUF_INIT(STORE_NAME_MAX);
	struct items items = { .len = 0 };
	enum imap_step step;
	bool good;

	imap_sp(&a);
	good = imap_mailbox(&a, &name);
	imap_sp(&a);
	scan_need(&a.scan, '(');
	do
		parse_item(&a, &items);
	while (scan_try(&a.scan, ' '));
	scan_need(&a.scan, ')');
	if (!imap_end(&a))
		step = imap_done(r, IMAP_REPLY_SYNTAX);
	else if (!good)
		step = imap_done(r, IMAP_REPLY_NO_MAILBOX);
	else
		step = status(s, r, buf_span(&name), &items);
	buf_free(&name);
	return step;
}
