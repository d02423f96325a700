/*
 * SEARCH and UID SEARCH (RFC 9051, 6.4.4; RFC 3501, 4731, 5182), in slices.
 * Where the answer is SEARCH, results are written as they are found and nothing
 * of them is kept; for ESEARCH and for "$" they are gathered first.
 */
#include "common/mem.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_match.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_turn.h"

enum want {
	WANT_MIN = 1 << 0,
	WANT_MAX = 1 << 1,
	WANT_ALL = 1 << 2,
	WANT_COUNT = 1 << 3,
	WANT_SAVE = 1 << 4,
};

/* clang-format off */
static const struct {
	const char *name;
	enum want want;
} options[] = {
	{ "MIN",   WANT_MIN },
	{ "MAX",   WANT_MAX },
	{ "ALL",   WANT_ALL },
	{ "COUNT", WANT_COUNT },
	{ "SAVE",  WANT_SAVE },
};
/* clang-format on */

struct hit {
	uint32_t uid;
	uint64_t modseq;
};

struct search {
	struct imap_search what;
	struct imap_match match;
	unsigned want;      /* 0: the answer is SEARCH */
	uint32_t at;        /* the next UID */
	bool open, damaged; /* a message is being read; one could not be */
	struct store_row row;
	uint32_t count;
	struct hit first, last;
	uint64_t highest;      /* modseq of what was found */
	struct imap_set found; /* UIDs, if they have to be gathered */
	struct imap_set all;   /* what ALL tells, and how far it is told */
	uint32_t told;
};

static void
release(void *state)
{
	struct search *q = state;

	imap_search_free(&q->what);
	imap_match_free(&q->match);
	imap_set_free(&q->found);
	imap_set_free(&q->all);
}

static bool
by_uid(const struct imap_request *r)
{
	return (r->command->traits & IMAP_BY_UID) != 0;
}

/* ---- what is found ---- */

static void
found(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	uint32_t uid = q->row.uid, seq = store_view_seq(s->view, uid);
	struct buf *out = conn_output(s->conn);

	if (seq == 0)
		return;
	if (q->row.modseq > q->highest)
		q->highest = q->row.modseq;
	q->last = (struct hit){ uid, q->row.modseq };
	if (q->count++ == 0)
		q->first = q->last;
	if (q->want & (WANT_ALL | WANT_SAVE))
		imap_set_add(&q->found, uid, uid);
	if (q->want != 0)
		return;
	buf_byte(out, ' ');
	buf_number(out, by_uid(r) ? uid : seq);
}

/* Whether nothing that is still to be found matters. */
static bool
is_enough(const struct search *q)
{
	return q->count > 0 && (q->want & WANT_MIN) &&
	       !(q->want & (WANT_MAX | WANT_ALL | WANT_COUNT));
}

/* ---- ESEARCH ---- */

static void
put_hit(struct imap_session *s, const struct imap_request *r, const char *name,
    uint32_t uid)
{
	struct buf *out = conn_output(s->conn);

	buf_text(out, name);
	buf_number(out, by_uid(r) ? uid : store_view_seq(s->view, uid));
}

/* RFC 4731, 3.2: of the messages that are told. */
static uint64_t
modseq_told(const struct search *q)
{
	uint64_t modseq = 0;

	if (q->want & (WANT_ALL | WANT_COUNT))
		return q->highest;
	if (q->want & WANT_MIN)
		modseq = q->first.modseq;
	if ((q->want & WANT_MAX) && q->last.modseq > modseq)
		modseq = q->last.modseq;
	return modseq;
}

static enum imap_step
end(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct buf *out = conn_output(s->conn);

	if (q->want & WANT_COUNT) {
		buf_text(out, " COUNT ");
		buf_number(out, q->count);
	}
	if (q->what.by_modseq && q->count > 0) {
		buf_text(out, " MODSEQ ");
		buf_number(out, modseq_told(q));
	}
	buf_text(out, "\r\n");
	return imap_done(r, r->reply);
}

static enum imap_step
put_all(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct imap_range range;

	while (imap_set_from(&q->all, q->told, &range)) {
		struct imap_set one = { &range, 1, 1 };
		struct buf *out = conn_output(s->conn);

		buf_text(out, q->told == 1 ? " ALL " : ",");
		imap_set_put(out, &one);
		if (range.last == UINT32_MAX)
			break;
		q->told = range.last + 1;
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	return end(s, r);
}

static enum imap_step
put_esearch(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct buf *out = conn_output(s->conn);

	buf_text(out, "* ESEARCH (TAG ");
	imap_put_quoted(out, r->tag);
	buf_text(out, by_uid(r) ? ") UID" : ")");
	if ((q->want & WANT_MIN) && q->count > 0)
		put_hit(s, r, " MIN ", q->first.uid);
	if ((q->want & WANT_MAX) && q->count > 0)
		put_hit(s, r, " MAX ", q->last.uid);
	if (!(q->want & WANT_ALL))
		return end(s, r);
	if (by_uid(r)) {
		q->all = q->found;
		q->found = (struct imap_set){ 0 };
	} else {
		imap_numbers_of(s, &q->found, &q->all);
	}
	q->told = 1;
	r->run = put_all;
	return put_all(s, r);
}

/* "$" is what RFC 5182, 2.4, says for what is asked besides. */
static enum imap_reply
save(struct imap_session *s, struct search *q)
{
	imap_set_clear(&s->saved);
	if (q->damaged)
		return IMAP_REPLY_BROKEN;
	if (q->count == 0)
		return IMAP_REPLY_DONE;
	if ((q->want & (WANT_MIN | WANT_MAX)) &&
	    !(q->want & (WANT_ALL | WANT_COUNT))) {
		if (q->want & WANT_MIN)
			imap_set_add(&s->saved, q->first.uid, q->first.uid);
		if (q->want & WANT_MAX)
			imap_set_add(&s->saved, q->last.uid, q->last.uid);
		return IMAP_REPLY_DONE;
	}
	if (q->found.len > IMAP_SAVED_RANGES_MAX)
		return IMAP_REPLY_NOT_SAVED;
	for (size_t i = 0; i < q->found.len; i++)
		imap_set_add(
		    &s->saved, q->found.range[i].first, q->found.range[i].last);
	return IMAP_REPLY_DONE;
}

static enum imap_step
finish(struct imap_session *s, struct imap_request *r)
{
	struct search *q = r->state;
	struct buf *out = conn_output(s->conn);

	r->reply = q->damaged ? IMAP_REPLY_BROKEN : IMAP_REPLY_DONE;
	if (q->want & WANT_SAVE)
		r->reply = save(s, q);
	if (q->want == WANT_SAVE)
		return IMAP_DONE;
	if (q->want != 0)
		return put_esearch(s, r);
	if (q->what.by_modseq && q->highest > 0) {
		buf_text(out, " (MODSEQ ");
		buf_number(out, q->highest);
		buf_byte(out, ')');
	}
	buf_text(out, "\r\n");
	return IMAP_DONE;
}

/* ---- the search ---- */

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

	while (step == IMAP_DONE && !is_enough(q) && store_error(txn) == H_OK &&
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
	while (!is_enough(q) && imap_set_from(&q->what.among, q->at, &range)) {
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

/* ---- the command ---- */

/* "(" [option *(SP option)] ")"; none is ALL. */
static void
parse_return(struct imap_args *a, struct search *q)
{
	scan_need(&a->scan, '(');
	while (scan_more(&a->scan) && !scan_try(&a->scan, ')')) {
		struct span name = imap_atom(a);
		unsigned want = 0;

		for (size_t i = 0; i < COUNT_OF(options); i++)
			if (span_is_nocase(name, options[i].name))
				want = options[i].want;
		if (want == 0)
			scan_fail(&a->scan);
		q->want |= want;
		if (scan_peek(&a->scan) != ')')
			imap_sp(a);
	}
	if (q->want == 0)
		q->want = WANT_ALL;
	imap_sp(a);
}

static enum imap_reply
parse_charset(struct imap_session *s, struct imap_args *a)
{
	struct span charset = imap_astring(a);

	imap_sp(a);
	if (a->scan.bad || span_is_nocase(charset, "UTF-8") ||
	    span_is_nocase(charset, "US-ASCII"))
		return IMAP_REPLY_DONE;
	return s->utf8 ? IMAP_REPLY_CHARSET_GIVEN : IMAP_REPLY_CHARSET;
}

/* [SP "RETURN" SP options] [SP "CHARSET" SP astring] SP keys */
static enum imap_reply
parse(struct imap_session *s, struct imap_request *r, struct search *q)
{
	struct imap_args a = imap_request_args(s, r);
	enum imap_reply reply = IMAP_REPLY_DONE;

	imap_sp(&a);
	if (scan_try_word(&a.scan, "RETURN "))
		parse_return(&a, q);
	else if (s->rev2)
		q->want = WANT_ALL;
	if (scan_try_word(&a.scan, "CHARSET "))
		reply = parse_charset(s, &a);
	return reply == IMAP_REPLY_DONE ? imap_search_parse(s, &a, &q->what)
	                                : reply;
}

enum imap_step
imap_cmd_search(struct imap_session *s, struct imap_request *r)
{
	struct search *q = mem_alloc(sizeof(*q));
	enum imap_reply reply;

	r->state = q;
	r->release = release;
	if ((reply = parse(s, r, q)) != IMAP_REPLY_DONE) {
		if ((q->want & WANT_SAVE) && !imap_reply_is_bad(reply))
			imap_set_clear(&s->saved);
		return imap_done(r, reply);
	}
	if (q->what.by_modseq)
		imap_condstore_on(s);
	if (q->what.by_numbers) /* RFC 7162, 3.2.10.2 */
		r->holds_seq = true;
	if (q->want == 0)
		conn_text(s->conn, "* SEARCH");
	q->at = 1;
	r->run = search;
	return search(s, r);
}
