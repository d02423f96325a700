/*
 * SELECT, EXAMINE, UNSELECT (RFC 3501, 6.3.1; RFC 3691), with CONDSTORE and
 * QRESYNC as parameters (RFC 7162, 3.1.8, 3.2.5).
 */
#include "common/mem.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_name.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

struct select {
	struct span said; /* how the client wrote the name, if it is another */
	bool condstore, qresync;
	uint32_t uidvalidity;
	uint64_t since;
	bool has_known;
	struct imap_set known, match_seqs, match_uids;
	/* the resynchronization under way */
	struct imap_earlier earlier;
	struct imap_set changed;
	uint32_t at;
};

static void
release(void *state)
{
	struct select *sel = state;

	imap_set_free(&sel->known);
	imap_set_free(&sel->match_seqs);
	imap_set_free(&sel->match_uids);
	imap_set_free(&sel->changed);
}

/* ---- parameters ---- */

/* "(" uidvalidity SP modseq [SP known-uids] [SP "(" seqs SP uids ")"] ")" */
static void
parse_qresync(struct imap_args *a, struct select *sel)
{
	imap_sp(a);
	scan_need(&a->scan, '(');
	sel->qresync = true;
	sel->uidvalidity = imap_number(a);
	imap_sp(a);
	sel->since = imap_modseq(a);
	if (scan_try(&a->scan, ' ') && scan_peek(&a->scan) != '(') {
		sel->has_known = true;
		imap_set_parse(&a->scan, 0, UINT32_MAX, &sel->known);
		(void)scan_try(&a->scan, ' ');
	}
	if (scan_try(&a->scan, '(')) {
		imap_set_parse(&a->scan, 0, UINT32_MAX, &sel->match_seqs);
		imap_sp(a);
		imap_set_parse(&a->scan, 0, UINT32_MAX, &sel->match_uids);
		scan_need(&a->scan, ')');
	}
	scan_need(&a->scan, ')');
}

static void
parse_parameters(struct imap_args *a, struct select *sel)
{
	if (!scan_try_word(&a->scan, " ("))
		return;
	do {
		struct span name = imap_atom(a);

		if (span_is_nocase(name, "CONDSTORE"))
			sel->condstore = true;
		else if (span_is_nocase(name, "QRESYNC") && !sel->qresync)
			parse_qresync(a, sel);
		else
			scan_fail(&a->scan);
	} while (scan_try(&a->scan, ' '));
	scan_need(&a->scan, ')');
}

/* ---- resynchronization ---- */

/* The UID up to which the client's numbers are still right, so that it knows of
 * every expunge before it. */
static uint32_t
matched_up_to(const struct imap_session *s, const struct select *sel)
{
	struct imap_range seq, uid;
	uint32_t at_seq = 1, at_uid = 1, known = 0;

	while (imap_set_from(&sel->match_seqs, at_seq, &seq) &&
	       imap_set_from(&sel->match_uids, at_uid, &uid) &&
	       store_view_uid(s->view, seq.first) == uid.first) {
		known = uid.first;
		if (seq.first == UINT32_MAX || uid.first == UINT32_MAX)
			break;
		at_seq = seq.first + 1;
		at_uid = uid.first + 1;
	}
	return known;
}

static enum imap_step
tell_changed(struct imap_session *s, struct imap_request *r)
{
	struct select *sel = r->state;
	struct store_txn *txn = imap_read(s->account);
	struct imap_range c, k;

	while (imap_set_from(&sel->changed, sel->at, &c) &&
	       imap_set_from(&sel->known, c.first, &k)) {
		struct store_row_cursor rows = { 0 };
		struct store_row row;
		enum imap_step wait = IMAP_DONE;

		if (k.first > c.last) {
			sel->at = k.first;
			continue;
		}
		if (k.last > c.last)
			k.last = c.last;
		while (wait == IMAP_DONE && store_next_row(txn, s->mailbox,
						k.first, k.last, &rows, &row)) {
			imap_sync_put_fetch(s, &row, true, true);
			sel->at = row.uid + 1;
			if (!imap_has_room(s))
				wait = IMAP_WAIT_ROOM;
			else if (imap_slice_over(s->account))
				wait = IMAP_AGAIN;
		}
		store_end_rows(&rows);
		if (wait != IMAP_DONE)
			return wait;
		if (k.last == UINT32_MAX)
			break;
		sel->at = k.last + 1;
	}
	return IMAP_DONE;
}

static enum imap_step
tell_vanished(struct imap_session *s, struct imap_request *r)
{
	struct select *sel = r->state;
	enum imap_step step =
	    imap_condstore_put_earlier(s, &sel->earlier, &sel->known);

	if (step != IMAP_DONE)
		return step;
	imap_sync_changed(
	    imap_read(s->account), s->mailbox, sel->since, true, &sel->changed);
	sel->at = 1;
	r->run = tell_changed;
	return tell_changed(s, r);
}

static enum imap_step
begin_resync(struct imap_session *s, struct imap_request *r)
{
	struct select *sel = r->state;
	uint32_t most = store_view_uidnext(s->view) - 1;

	if (most == 0)
		return IMAP_DONE;
	if (!sel->has_known)
		imap_set_add(&sel->known, 1, most);
	sel->earlier = (struct imap_earlier){ .since = sel->since,
		.at = matched_up_to(s, sel) + 1 };
	r->run = tell_vanished;
	return tell_vanished(s, r);
}

/* ---- the commands ---- */

static void
put_ok(struct buf *out, const char *code, uint64_t n, const char *text)
{
	buf_text(out, "* OK [");
	buf_text(out, code);
	buf_number(out, n);
	buf_text(out, text);
}

/* RFC 9051, 6.3.2; what it is called may not be what the client called it. */
static void
put_list(struct imap_session *s, const struct store_mailbox *mb,
    struct span name, struct span said)
{
	struct imap_list_line line = {
		.name = name, .said = said, .extended = true, .utf8 = true
	};

	imap_put_list(conn_output(s->conn), &line, mb);
}

static void
tell_mailbox(
    struct imap_session *s, const struct store_mailbox *mb, uint32_t unseen)
{
	struct buf *out;

	imap_flags_announce(s);
	out = conn_output(s->conn);
	buf_text(out, "* ");
	buf_number(out, store_view_count(s->view));
	buf_text(out, " EXISTS\r\n");
	imap_recent_put(s);
	if (unseen != 0 && !s->rev2)
		put_ok(out, "UNSEEN ", store_view_seq(s->view, unseen),
		    "] The first unseen\r\n");
	put_ok(out, "UIDVALIDITY ", mb->uidvalidity, "] UIDs are valid\r\n");
	put_ok(out, "UIDNEXT ", mb->uidnext, "] The next UID\r\n");
	put_ok(out, "HIGHESTMODSEQ ",
	    mb->highestmodseq > 0 ? mb->highestmodseq : 1,
	    "] Changes are counted\r\n");
}

static enum imap_step
open_mailbox(struct imap_session *s, struct imap_request *r, struct span name,
    bool read_only)
{
	struct store_txn *txn = imap_read(s->account);
	struct select *sel = r->state;
	struct store_mailbox mb;
	struct store_view *view;

	if (s->mailbox != 0) {
		imap_sync_leave(s);
		conn_text(
		    s->conn, "* OK [CLOSED] The other mailbox is closed\r\n");
	}
	if (store_find_mailbox(txn, name, &mb) != H_OK || !mb.exists ||
	    (view = store_view_get(txn, mb.id)) == NULL)
		return imap_done(r, store_error(txn) == H_OK
					? IMAP_REPLY_NO_MAILBOX
					: imap_reply_for(store_error(txn)));
	imap_sync_select(s, &mb, view, read_only);
	if (s->rev2)
		put_list(s, &mb,
		    span_is_nocase(name, "INBOX") ? SPAN("INBOX") : name,
		    sel->said);
	tell_mailbox(s, &mb, store_first_unseen(txn, mb.id));
	r->reply = read_only ? IMAP_REPLY_EXAMINED : IMAP_REPLY_SELECTED;
	s->condstore |= sel->condstore || sel->qresync;
	if (!sel->qresync || sel->uidvalidity != mb.uidvalidity)
		return IMAP_DONE;
	return begin_resync(s, r);
}

static enum imap_step
select_mailbox(struct imap_session *s, struct imap_request *r, bool read_only)
{
	struct imap_args a = imap_request_args(s, r);
	struct buf name = BUF_INIT(STORE_NAME_MAX);
	struct select *sel = mem_alloc(sizeof(*sel));
	enum imap_step step;
	bool good;

	r->state = sel;
	r->release = release;
	imap_sp(&a);
	good = imap_name_get_said(&a, &name, &sel->said);
	parse_parameters(&a, sel);
	if (!imap_end(&a))
		step = imap_done(r, IMAP_REPLY_SYNTAX);
	else if (sel->qresync && !s->qresync)
		step = imap_done(r, IMAP_REPLY_NEEDS_QRESYNC);
	else
		step = open_mailbox(
		    s, r, good ? buf_span(&name) : SPAN(""), read_only);
	buf_free(&name);
	return step;
}

enum imap_step
imap_cmd_select(struct imap_session *s, struct imap_request *r)
{
	return select_mailbox(s, r, false);
}

enum imap_step
imap_cmd_examine(struct imap_session *s, struct imap_request *r)
{
	return select_mailbox(s, r, true);
}

enum imap_step
imap_cmd_unselect(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	imap_sync_leave(s);
	return imap_done(r, IMAP_REPLY_DONE);
}
