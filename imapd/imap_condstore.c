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
end_line(struct imap_session *s, struct imap_earlier *e)
{
	if (e->line > 0)
		buf_text(conn_output(s->conn), "\r\n");
	e->line = 0;
}

static void
put_range(struct imap_session *s, struct imap_earlier *e, struct imap_range r)
{
	struct imap_set one = { &r, 1, 1 };
	struct buf *out = conn_output(s->conn);
	size_t before = out->len;

	buf_text(out, e->line == 0 ? "* VANISHED (EARLIER) " : ",");
	imap_set_put(out, &one);
	e->line += out->len - before;
	if (e->line > LINE)
		end_line(s, e);
}

/* The parts of first:last that are asked for, until something has to be waited
 * for. */
static enum imap_step
put_run(struct imap_session *s, struct imap_earlier *e,
    const struct imap_set *among, uint32_t last)
{
	struct imap_range r;

	while (imap_set_from(among, e->at, &r) && r.first <= last) {
		if (r.last > last)
			r.last = last;
		put_range(s, e, r);
		e->at = r.last + 1;
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
		if (r.last == UINT32_MAX)
			break;
	}
	return IMAP_DONE;
}

enum imap_step
imap_condstore_put_earlier(struct imap_session *s, struct imap_earlier *e,
    const struct imap_set *among)
{
	struct store_txn *txn = imap_read(s->account);
	struct store_vanished_cursor at = { .from = e->at };
	enum imap_step step = IMAP_DONE;
	uint32_t first, last;

	while (step == IMAP_DONE && e->at != 0 &&
	       store_next_vanished(
		   txn, s->mailbox, e->since, &at, &first, &last)) {
		if (first > e->at)
			e->at = first;
		step = put_run(s, e, among, last);
		if (step == IMAP_DONE)
			e->at = last + 1;
	}
	end_line(s, e);
	return step;
}
