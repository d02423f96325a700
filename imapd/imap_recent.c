/* Which messages are \Recent. */
#include "imapd/imap_recent.h"

#include "common/mem.h"
#include "imapd/imap_turn.h"

/* Where the mailbox is, or would be, in the list. */
static size_t
place_of(const struct imap_account *a, uint32_t mailbox)
{
	size_t low = 0, high = a->nrecent;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->recent[middle].mailbox < mailbox)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
put(struct imap_account *a, uint32_t mailbox, uint32_t from)
{
	size_t i = place_of(a, mailbox);

	if (i == a->nrecent || a->recent[i].mailbox != mailbox) {
		a->recent =
		    mem_resize(a->recent, a->nrecent + 1, sizeof(a->recent[0]));
		memmove(a->recent + i + 1, a->recent + i,
		    (a->nrecent - i) * sizeof(a->recent[0]));
		a->nrecent++;
		a->recent[i].mailbox = mailbox;
		a->recent[i].from = from;
	} else if (from > a->recent[i].from) {
		a->recent[i].from = from;
	}
}

void
imap_recent_begin(struct imap_account *a)
{
	struct store_mailbox_cursor *cursor = mem_alloc(sizeof(*cursor));
	struct store_mailbox mb;

	while (store_next_mailbox(imap_read(a), cursor, &mb))
		if (mb.exists)
			put(a, mb.id, mb.uidnext);
	imap_read_end(a);
	mem_free(&cursor);
}

void
imap_recent_end(struct imap_account *a)
{
	mem_free(&a->recent);
	a->nrecent = 0;
}

uint32_t
imap_recent_from(const struct imap_account *a, uint32_t mailbox)
{
	size_t i = place_of(a, mailbox);

	/* A mailbox made since then: all in it has come since then. */
	if (i == a->nrecent || a->recent[i].mailbox != mailbox)
		return 1;
	return a->recent[i].from;
}

void
imap_recent_claim(struct imap_session *s)
{
	uint32_t from = imap_recent_from(s->account, s->mailbox);
	uint32_t to = store_view_uidnext(s->view);

	if (from >= to)
		return;
	/* Where another session was told of some in between, they are recent
	 * here too: RFC 3501 says to err on that side. */
	if (s->recent_from == s->recent_to)
		s->recent_from = from;
	s->recent_to = to;
	if (!s->read_only)
		put(s->account, s->mailbox, to);
}

bool
imap_is_recent(const struct imap_session *s, uint32_t uid)
{
	return uid >= s->recent_from && uid < s->recent_to;
}

void
imap_recent_put(struct imap_session *s)
{
	struct buf *out = conn_output(s->conn);
	uint32_t n = 0;

	if (s->rev2)
		return;
	if (s->recent_from != s->recent_to)
		n = store_view_rank(s->view, s->recent_to - 1) -
		    store_view_rank(s->view, s->recent_from - 1);
	buf_text(out, "* ");
	buf_number(out, n);
	buf_text(out, " RECENT\r\n");
}
