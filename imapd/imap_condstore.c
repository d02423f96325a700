/* CONDSTORE and QRESYNC: what several commands share of them. */
#include "imapd/imap_condstore.h"

#include "imapd/imap_turn.h"

enum { LINE = 8000 };

void
imap_condstore_on(struct imap_session *s)
{
	struct buf *out;

	if (s->condstore)
		return;
	s->condstore = true;
	if (s->mailbox == 0)
		return;
	out = conn_output(s->conn);
	buf_text(out, "* OK [HIGHESTMODSEQ ");
	buf_number(out, s->view_modseq);
	buf_text(out, "] Changes are counted\r\n");
}

static void
put_range(struct buf *out, size_t *start, uint32_t first, uint32_t last)
{
	if (*start != 0 && out->len - *start > LINE) {
		buf_text(out, "\r\n");
		*start = 0;
	}
	if (*start == 0) {
		*start = out->len + 1; /* never 0 */
		buf_text(out, "* VANISHED (EARLIER) ");
	} else {
		buf_byte(out, ',');
	}
	buf_number(out, first);
	if (first != last) {
		buf_byte(out, ':');
		buf_number(out, last);
	}
}

void
imap_condstore_put_earlier(struct imap_session *s, uint64_t since,
    const struct imap_set *among, uint32_t above)
{
	struct store_txn *txn = imap_read(s->account);
	struct store_vanished_cursor at = { .from = above + 1 };
	struct buf *out = conn_output(s->conn);
	uint32_t first, last;
	size_t start = 0;

	while (
	    store_next_vanished(txn, s->mailbox, since, &at, &first, &last)) {
		struct imap_range r;

		for (uint32_t from = first > above ? first : above + 1;
		     from <= last && imap_set_from(among, from, &r) &&
		     r.first <= last;
		     from = r.last + 1) {
			if (r.last > last)
				r.last = last;
			put_range(out, &start, r.first, r.last);
			if (r.last == UINT32_MAX)
				break;
		}
	}
	if (start != 0)
		buf_text(out, "\r\n");
}
