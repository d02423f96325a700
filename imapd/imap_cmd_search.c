/*
 * SEARCH and UID SEARCH (RFC 3501, 6.4.4).  Results are written as they are
 * found, in slices; nothing of them is kept.
 */
#include "common/mem.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_match.h"
#include "imapd/imap_turn.h"

struct search {
	struct imap_search what;
	struct imap_match match;
	uint32_t at;        /* the next UID */
	bool open, damaged; /* a message is being read; one could not be */
	struct store_row row;
	uint64_t highest; /* modseq of what was found */
};

static void
release(void *state)
{
	struct search *q = state;

	imap_search_free(&q->what);
	imap_match_free(&q->match);
}

static void
found(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct buf *out = conn_output(s->conn);
	bool by_uid = (r->command->traits & IMAP_BY_UID) != 0;
	uint32_t seq = store_view_seq(s->view, q->row.uid);

	if (seq == 0)
		return;
	buf_byte(out, ' ');
	buf_number(out, by_uid ? q->row.uid : seq);
	if (q->row.modseq > q->highest)
		q->highest = q->row.modseq;
}

/* The message in q->row: IMAP_DONE, or IMAP_AGAIN with q->open. */
static enum imap_step
judge(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;

	if (!q->open) {
		imap_search_reset(&q->what);
		imap_search_row(s, &q->what, &q->row);
	}
	q->open = imap_search_truth(&q->what) == IMAP_MAYBE &&
	          imap_match(s, &q->match, &q->what, &q->row) == IMAP_AGAIN;
	if (q->open)
		return IMAP_AGAIN;
	if (imap_search_truth(&q->what) == IMAP_YES)
		found(s, r);
	return IMAP_DONE;
}

static enum imap_step
finish(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct buf *out = conn_output(s->conn);

	if (q->what.by_modseq && q->highest > 0) {
		buf_text(out, " (MODSEQ ");
		buf_number(out, q->highest);
		buf_byte(out, ')');
	}
	buf_text(out, "\r\n");
	return imap_done(r, q->damaged ? IMAP_REPLY_BROKEN : IMAP_REPLY_DONE);
}

/* What could not be read spoils its transaction, not the rest of the search. */
static void
look_for_damage(struct imap_session *s, struct search *q)
{
	if (store_error(imap_read(s->account)) == H_OK)
		return;
	q->damaged = true;
	imap_read_end(s->account);
}

static enum imap_step
search_range(
    struct imap_session *s, struct imap_request *r, struct imap_range range)
{
	struct search *q = r->state;
	struct store_row_cursor rows = { 0 };
	struct store_txn *txn = imap_read(s->account);
	enum imap_step step = IMAP_DONE;

	while (step == IMAP_DONE && store_error(txn) == H_OK &&
	       store_next_row(
		   txn, s->mailbox, range.first, range.last, &rows, &q->row)) {
		q->at = q->row.uid + 1;
		step = judge(s, r);
		if (step == IMAP_DONE && !imap_has_room(s))
			step = IMAP_WAIT_ROOM;
		else if (step == IMAP_DONE && imap_slice_over(s->account))
			step = IMAP_AGAIN;
	}
	store_end_rows(&rows);
	return step;
}

static enum imap_step
search(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct imap_range range;

	if (q->open && judge(s, r) != IMAP_DONE)
		return IMAP_AGAIN;
	look_for_damage(s, q);
	while (imap_set_from(&q->what.among, q->at, &range)) {
		uint32_t before = q->at;
		enum imap_step step = search_range(s, r, range);

		if (step != IMAP_DONE)
			return step;
		if (store_error(imap_read(s->account)) == H_OK)
			q->at = range.last + 1;
		else if (q->at == before)
			break;
		look_for_damage(s, q);
	}
	look_for_damage(s, q);
	return finish(s, r);
}

/* [SP "CHARSET" SP astring] SP keys */
static enum imap_reply
parse(struct imap_session *s, struct imap_request *r, struct search *q)
{
	struct imap_args a = imap_request_args(r);

	imap_sp(&a);
	if (scan_try_word(&a.scan, "CHARSET ")) {
		struct span charset = imap_astring(&a);

		if (!a.scan.bad && !span_is_nocase(charset, "UTF-8") &&
		    !span_is_nocase(charset, "US-ASCII"))
			return IMAP_REPLY_CHARSET;
		imap_sp(&a);
	}
	return imap_search_parse(s, &a, &q->what);
}

enum imap_step
imap_cmd_search(struct imap_session *s, struct imap_request *r)
{
	struct search *q = mem_alloc(sizeof(*q));
	enum imap_reply reply;

	r->state = q;
	r->release = release;
	if ((reply = parse(s, r, q)) != IMAP_REPLY_DONE)
		return imap_done(r, reply);
	if (q->what.by_modseq)
		imap_condstore_on(s);
	if (q->what.by_numbers) /* RFC 7162, 3.2.10.2 */
		r->holds_seq = true;
	conn_text(s->conn, "* SEARCH");
	q->at = 1;
	r->run = search;
	return search(s, r);
}
