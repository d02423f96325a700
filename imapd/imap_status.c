/* What STATUS tells of a mailbox. */
#include "imapd/imap_status.h"

#include "imapd/imap_condstore.h"
#include "imapd/imap_name.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_turn.h"

/* clang-format off */
static const char *const names[] = {
	[IMAP_STATUS_MESSAGES]      = "MESSAGES",
	[IMAP_STATUS_RECENT]        = "RECENT",
	[IMAP_STATUS_UIDNEXT]       = "UIDNEXT",
	[IMAP_STATUS_UIDVALIDITY]   = "UIDVALIDITY",
	[IMAP_STATUS_UNSEEN]        = "UNSEEN",
	[IMAP_STATUS_DELETED]       = "DELETED",       /* RFC 9051 */
	[IMAP_STATUS_SIZE]          = "SIZE",          /* RFC 8438 */
	[IMAP_STATUS_APPENDLIMIT]   = "APPENDLIMIT",   /* RFC 7889 */
	[IMAP_STATUS_HIGHESTMODSEQ] = "HIGHESTMODSEQ", /* RFC 7162 */
};
/* clang-format on */
static_assert(COUNT_OF(names) == IMAP_STATUS_ITEMS, "an item lacks its name");

static bool
asks_for(const struct imap_status *st, enum imap_status_item item)
{
	for (size_t i = 0; i < st->len; i++)
		if (st->item[i] == item)
			return true;
	return false;
}

static void
parse_item(struct imap_args *a, struct imap_status *st)
{
	struct span name = imap_atom(a);

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		enum imap_status_item item = (enum imap_status_item)i;

		if (!span_is_nocase(name, names[i]))
			continue;
		if (!asks_for(st, item))
			st->item[st->len++] = item;
		return;
	}
	scan_fail(&a->scan);
}

void
imap_status_parse(struct imap_args *a, struct imap_status *st)
{
	scan_need(&a->scan, '(');
	do
		parse_item(a, st);
	while (scan_try(&a->scan, ' '));
	scan_need(&a->scan, ')');
}

void
imap_status_begin(struct imap_session *s, const struct imap_status *st)
{
	if (asks_for(st, IMAP_STATUS_HIGHESTMODSEQ))
		imap_condstore_on(s);
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
value(struct imap_session *s, const struct store_mailbox *mb,
    enum imap_status_item item)
{
	switch (item) {
	case IMAP_STATUS_MESSAGES: return mb->messages;
	case IMAP_STATUS_RECENT: return count_recent(s, mb);
	case IMAP_STATUS_UIDNEXT: return mb->uidnext;
	case IMAP_STATUS_UIDVALIDITY: return mb->uidvalidity;
	case IMAP_STATUS_UNSEEN: return mb->unseen;
	case IMAP_STATUS_DELETED: return mb->deleted;
	case IMAP_STATUS_SIZE: return mb->bytes;
	case IMAP_STATUS_APPENDLIMIT: return s->account->message_size_limit;
	case IMAP_STATUS_HIGHESTMODSEQ:
		return mb->highestmodseq > 0 ? mb->highestmodseq : 1;
	case IMAP_STATUS_ITEMS: break;
	}
	return 0;
}

void
imap_status_put(struct imap_session *s, const struct imap_status *st,
    struct span name, const struct store_mailbox *mb)
{
	struct buf *out = conn_output(s->conn);

	buf_text(out, "* STATUS ");
	imap_name_put(out, name, s->utf8 || s->rev2);
	buf_text(out, " (");
	for (size_t i = 0; i < st->len; i++) {
		if (i > 0)
			buf_byte(out, ' ');
		buf_text(out, names[st->item[i]]);
		buf_byte(out, ' ');
		buf_number(out, value(s, mb, st->item[i]));
	}
	buf_text(out, ")\r\n");
}
