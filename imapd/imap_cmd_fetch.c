/*
 * FETCH (RFC 9051, 6.4.5; RFC 7162, 3.1.4, 3.2.6).  Answers are written message
 * by message, as fast as the client reads, in slices.  Where \Seen is to be
 * set, that is done for some messages ahead, in one transaction.
 */
#include "common/date.h"
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_binary.h"
#include "imapd/imap_body.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_structure.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

enum { SEEN_AHEAD = 256 };

struct fetch {
	struct imap_fetch what;
	size_t set_at; /* where the set stands in the command */
	struct imap_set uids;
	struct imap_set asked; /* VANISHED: UIDs, also of what is gone */
	struct imap_earlier earlier;
	uint32_t expected, met; /* messages */
	uint32_t at;            /* the next UID */
	bool damaged, unknown;  /* of a part, how it is encoded */
	/* the message under way */
	bool open;
	struct store_row row;
	size_t item;
	bool any; /* item of it was told */
	struct imap_body body;
	struct imap_binary binary;
	/* \Seen */
	uint32_t seen_to; /* set for UIDs before this one */
	struct imap_set newly;
};

static void
release(void *state)
{
	struct fetch *f = state;

	imap_fetch_free(&f->what);
	imap_set_free(&f->uids);
	imap_set_free(&f->newly);
	imap_set_free(&f->asked);
	imap_body_free(&f->body);
	imap_binary_free(&f->binary);
}

/* ---- one message ---- */

static struct span
label_of(const struct fetch *f, const struct imap_item *item)
{
	return (
	    struct span){ f->what.labels.ptr + item->label, item->label_len };
}

static void
put_modseq(struct buf *out, uint64_t modseq)
{
	buf_byte(out, '(');
	buf_number(out, modseq);
	buf_byte(out, ')');
}

static void
put_date(struct buf *out, int64_t seconds)
{
	buf_byte(out, '"');
	date_put_imap(out, seconds);
	buf_byte(out, '"');
}

/* Everything but sections. */
static void
put_value(
    struct imap_session *s, const struct fetch *f, enum imap_item_kind kind)
{
	const struct store_row *row = &f->row;
	struct buf *out = conn_output(s->conn);
	struct store_txn *txn;

	switch (kind) {
	case IMAP_ITEM_UID: buf_number(out, row->uid); break;
	case IMAP_ITEM_FLAGS: imap_flags_put(s, row); break;
	case IMAP_ITEM_INTERNALDATE: put_date(out, row->internaldate); break;
	case IMAP_ITEM_SIZE: buf_number(out, row->size); break;
	case IMAP_ITEM_MODSEQ: put_modseq(out, row->modseq); break;
	case IMAP_ITEM_ENVELOPE:
		txn = imap_read(s->account);
		imap_put_envelope(out, store_record(txn, row->message));
		break;
	case IMAP_ITEM_BODY:
	case IMAP_ITEM_BODYSTRUCTURE:
		txn = imap_read(s->account);
		imap_put_structure(out, store_record(txn, row->message),
		    row->size,
		    (kind == IMAP_ITEM_BODYSTRUCTURE ? IMAP_STRUCTURE_EXTENDED
						     : 0) |
			(s->rev2 ? IMAP_STRUCTURE_DECODED : 0));
		break;
	case IMAP_ITEM_SECTION:
	case IMAP_ITEM_BINARY:
	case IMAP_ITEM_BINARY_SIZE:
	case IMAP_ITEM_KINDS: break;
	}
}

/* What the client did not ask for but must know: that reading set \Seen. */
static void
put_seen(struct imap_session *s, const struct fetch *f)
{
	struct buf *out = conn_output(s->conn);
	unsigned kinds = f->what.kinds;

	if (!(kinds & 1U << IMAP_ITEM_FLAGS)) {
		buf_text(out, " FLAGS ");
		imap_flags_put(s, &f->row);
	}
	if ((s->condstore || s->rev2) && !(kinds & 1U << IMAP_ITEM_UID)) {
		buf_text(out, " UID ");
		buf_number(out, f->row.uid);
	}
	if (s->condstore && !(kinds & 1U << IMAP_ITEM_MODSEQ)) {
		buf_text(out, " MODSEQ ");
		put_modseq(out, f->row.modseq);
	}
}

/* Begins or goes on with one item. */
static enum imap_step
put_item(struct imap_session *s, struct fetch *f, const struct imap_item *item)
{
	struct span label = label_of(f, item);
	bool begun = f->body.begun || f->binary.phase != IMAP_BINARY_NOT;
	bool binary = item->kind == IMAP_ITEM_BINARY ||
	              item->kind == IMAP_ITEM_BINARY_SIZE;

	if (!begun && binary && !imap_binary_known(s, item, &f->row)) {
		f->unknown = true;
		return IMAP_DONE;
	}
	if (!begun && f->any)
		buf_byte(conn_output(s->conn), ' ');
	f->any = true;
	if (binary)
		return imap_binary_put(
		    s, &f->binary, item, label, &f->row, &f->damaged);
	if (item->kind == IMAP_ITEM_SECTION)
		return imap_body_put(
		    s, &f->body, item, label, &f->row, &f->damaged);
	buf_add(conn_output(s->conn), label);
	put_value(s, f, item->kind);
	return IMAP_DONE;
}

/* Begins or goes on with the message in f->row. */
static enum imap_step
put_message(struct imap_session *s, struct fetch *f)
{
	struct buf *out = conn_output(s->conn);

	if (!f->open) {
		uint32_t seq = store_view_seq(s->view, f->row.uid);

		if (seq == 0)
			return IMAP_DONE;
		if ((f->row.flags.keyword[0] | f->row.flags.keyword[1]) != 0)
			imap_flags_update(s);
		buf_add(out, SPAN("* "));
		buf_number(out, seq);
		buf_add(out, SPAN(" FETCH ("));
		f->open = true;
		f->any = false;
		f->item = 0;
	}
	for (; f->item < f->what.len; f->item++) {
		enum imap_step step = put_item(s, f, &f->what.item[f->item]);

		if (step != IMAP_DONE || s->over)
			return step;
	}
	if (!f->any) { /* an empty list would be none */
		buf_text(conn_output(s->conn), "UID ");
		buf_number(conn_output(s->conn), f->row.uid);
	}
	if (imap_set_has(&f->newly, f->row.uid))
		put_seen(s, f);
	buf_add(conn_output(s->conn), SPAN(")\r\n"));
	f->open = false;
	return IMAP_DONE;
}

/* ---- \Seen ---- */

/* The next messages of those asked for that lack \Seen, up to `most` that are
 * met; false: none. */
static size_t
unseen_ahead(struct imap_session *s, struct fetch *f, struct store_txn *txn,
    struct store_row *found, uint32_t *to)
{
	struct imap_range r;
	uint32_t at = f->at;
	size_t n = 0, met = 0;

	while (met < SEEN_AHEAD && imap_set_from(&f->uids, at, &r)) {
		struct store_row_cursor rows = { 0 };
		struct store_row row;

		at = r.last + 1;
		while (store_next_row(
		    txn, s->mailbox, r.first, r.last, &rows, &row)) {
			if (f->what.has_since && row.modseq <= f->what.since)
				continue;
			if (!(row.flags.system & STORE_SEEN))
				found[n++] = row;
			if (++met < SEEN_AHEAD)
				continue;
			at = row.uid + 1;
			break;
		}
		store_end_rows(&rows);
	}
	*to = met < SEEN_AHEAD ? UINT32_MAX : at;
	return n;
}

static enum herr
set_seen(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct store_row row[SEEN_AHEAD];
	struct fetch *f = r->state;
	uint32_t to;
	size_t n = unseen_ahead(s, f, txn, row, &to);

	imap_set_clear(&f->newly);
	if (n > 0)
		imap_batch_touch_flags(s, r, txn);
	for (size_t i = 0; i < n; i++) {
		enum herr err;

		row[i].flags.system |= STORE_SEEN;
		err =
		    store_set_flags(txn, s->mailbox, row[i].uid, &row[i].flags);
		if (err != H_OK)
			return err;
		imap_set_add(&f->newly, row[i].uid, row[i].uid);
	}
	return H_OK;
}

/* Whether \Seen has to be set for the next messages; if not, it is known how
 * far that goes. */
static bool
must_set_seen(struct imap_session *s, struct fetch *f)
{
	struct store_row row[SEEN_AHEAD];
	uint32_t to;
	size_t n;

	if (!f->what.sets_seen || s->read_only || f->at < f->seen_to)
		return false;
	imap_set_clear(&f->newly);
	n = unseen_ahead(s, f, imap_read(s->account), row, &to);
	f->seen_to = to;
	return n > 0;
}

/* ---- the command ---- */

static enum imap_step
finish(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = r->state;

	(void)s;
	if (f->damaged)
		return imap_done(r, IMAP_REPLY_BROKEN);
	if (f->unknown)
		return imap_done(r, IMAP_REPLY_UNKNOWN_CTE);
	if (f->met < f->expected && (r->command->traits & IMAP_USES_SEQ))
		return imap_done(r, IMAP_REPLY_ISSUED);
	return imap_done(r, IMAP_REPLY_DONE);
}

/* The rows from f->at to the end of a range, or to where something has to be
 * waited for. */
static enum imap_step
fetch_range(struct imap_session *s, struct fetch *f, struct imap_range range)
{
	struct store_row_cursor rows = { 0 };
	struct store_txn *txn = imap_read(s->account);
	enum imap_step step = IMAP_DONE;

	while (step == IMAP_DONE && f->at < f->seen_to &&
	       store_error(txn) == H_OK &&
	       store_next_row(
		   txn, s->mailbox, range.first, range.last, &rows, &f->row)) {
		f->at = f->row.uid + 1;
		f->met++;
		if (f->what.has_since && f->row.modseq <= f->what.since)
			continue;
		step = put_message(s, f);
		if (s->over || step != IMAP_DONE)
			break;
		if (!imap_has_room(s))
			step = IMAP_WAIT_ROOM;
		else if (imap_slice_over(s->account))
			step = IMAP_AGAIN;
	}
	store_end_rows(&rows);
	return step;
}

static enum imap_step
fetch(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = r->state;
	struct imap_range range;
	enum imap_step step;

	if (f->open) {
		step = put_message(s, f);
		if (step != IMAP_DONE || s->over)
			return step;
	}
	while (imap_set_from(&f->uids, f->at, &range)) {
		uint32_t before = f->at;

		if (must_set_seen(s, f))
			return IMAP_WAIT_WRITE;
		step = fetch_range(s, f, range);
		if (step != IMAP_DONE || s->over)
			return step;
		if (store_error(imap_read(s->account)) != H_OK) {
			/* That message was answered as far as it can be; the
			 * others deserve a transaction that works. */
			f->damaged = true;
			imap_read_end(s->account);
			if (f->at == before)
				break;
			continue;
		}
		if (f->at < f->seen_to)
			f->at = range.last + 1;
	}
	return finish(s, r);
}

static enum imap_reply
parse(struct imap_session *s, struct imap_request *r, struct fetch *f)
{
	struct imap_args a = imap_request_args(s, r);
	bool by_uid = (r->command->traits & IMAP_BY_UID) != 0;
	enum imap_reply reply;

	imap_sp(&a);
	f->set_at = imap_args_pos(&a);
	reply = imap_numbers_parse(s, &a, by_uid, &f->uids);
	imap_sp(&a);
	if (!imap_fetch_parse(&a, by_uid, &f->what))
		return IMAP_REPLY_TOO_MANY;
	if (!imap_end(&a))
		return IMAP_REPLY_SYNTAX;
	if (f->what.vanished && (!by_uid || !f->what.has_since))
		return IMAP_REPLY_SYNTAX;
	if (f->what.vanished && !s->qresync)
		return IMAP_REPLY_NEEDS_QRESYNC;
	return reply;
}

/* With CHANGEDSINCE, the log says which messages need be looked at. */
static void
narrow(struct imap_session *s, struct fetch *f)
{
	struct store_txn *txn = imap_read(s->account);
	struct imap_set changed = { 0 };

	if (!store_log_covers(txn, f->what.since))
		return;
	imap_sync_changed(txn, s->mailbox, f->what.since, true, &changed);
	imap_set_and(&f->uids, &changed);
	imap_set_free(&changed);
}

static enum imap_step
begin(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = r->state;

	if (f->what.has_since)
		narrow(s, f);
	f->expected = imap_numbers_count(s, &f->uids);
	f->at = 1;
	if (!f->what.sets_seen || s->read_only)
		f->seen_to = UINT32_MAX;
	r->run = fetch;
	r->apply = set_seen;
	r->may_fail = true;
	return fetch(s, r);
}

static enum imap_step
tell_vanished(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = r->state;
	enum imap_step step =
	    imap_condstore_put_earlier(s, &f->earlier, &f->asked);

	return step == IMAP_DONE ? begin(s, r) : step;
}

/* What went is asked about by UIDs that are not in the view any more. */
static enum imap_step
begin_vanished(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = r->state;
	struct imap_args a = imap_args_from(&r->text, f->set_at);

	if (scan_peek(&a.scan) == '$')
		(void)imap_numbers_parse(s, &a, true, &f->asked);
	else
		imap_set_parse(&a.scan, store_view_uidnext(s->view) - 1,
		    UINT32_MAX, &f->asked);
	f->earlier = (struct imap_earlier){ .since = f->what.since, .at = 1 };
	r->run = tell_vanished;
	return tell_vanished(s, r);
}

enum imap_step
imap_cmd_fetch(struct imap_session *s, struct imap_request *r)
{
	struct fetch *f = mem_alloc(sizeof(*f));
	enum imap_reply reply;

	r->state = f;
	r->release = release;
	if ((reply = parse(s, r, f)) != IMAP_REPLY_DONE)
		return imap_done(r, reply);
	if (f->what.kinds & 1U << IMAP_ITEM_MODSEQ)
		imap_condstore_on(s);
	return f->what.vanished ? begin_vanished(s, r) : begin(s, r);
}
