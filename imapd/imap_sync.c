/* Telling a client what changed in its mailbox. */
#include "imapd/imap_sync.h"

#include "common/mem.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_turn.h"

enum {
	VANISHED_LINE = 8000
}; /* readers have limits: a longer list goes on in the next line */

struct imap_sync {
	enum { GONE, FLAGS } phase;
	struct store_view *to; /* the view the client is being brought to; NULL:
	                          it keeps its own */
	uint32_t below;        /* expunges from here on were told */
	uint64_t modseq, looked; /* what is being told */
	struct imap_set changed;
	uint32_t at;   /* flags before this UID were told */
	uint32_t most; /* UIDs from here on are new to the client, who will ask
	                  for their flags */
};

void
imap_sync_free(struct imap_session *s)
{
	if (s->sync == NULL)
		return;
	store_view_unref(&s->sync->to);
	imap_set_free(&s->sync->changed);
	mem_free(&s->sync);
}

void
imap_sync_select(struct imap_session *s, const struct store_mailbox *mb,
    struct store_view *view, bool read_only)
{
	imap_sync_leave(s);
	s->mailbox = mb->id;
	s->view = view;
	s->read_only = read_only;
	s->modseq = s->view_modseq = mb->highestmodseq;
	imap_recent_claim(s);
}

void
imap_sync_leave(struct imap_session *s)
{
	imap_sync_free(s);
	store_view_unref(&s->view);
	s->mailbox = 0;
	s->read_only = s->behind = false;
	s->modseq = s->view_modseq = s->looked = 0;
	s->recent_from = s->recent_to = 0;
	s->keywords = 0;
	imap_set_free(&s->saved);
}

void
imap_sync_changed(struct store_txn *txn, uint32_t mailbox, uint64_t since,
    bool with_new, struct imap_set *set)
{
	struct store_change_cursor at = { .modseq = since };
	struct store_row_cursor rows = { 0 };
	struct store_change change;
	struct store_row row;

	if (store_log_covers(txn, since)) {
		while (store_next_change(txn, &at, &change))
			if (change.mailbox == mailbox &&
			    (change.kind == STORE_FLAGS ||
				(with_new && change.kind == STORE_ADDED)))
				imap_set_collect(
				    set, change.first, change.last);
		imap_set_sort(set);
		return;
	}
	while (store_next_row(txn, mailbox, 1, UINT32_MAX, &rows, &row))
		if (row.modseq > since)
			imap_set_add(set, row.uid, row.uid);
}

/* False: there is nothing to tell, or the mailbox is no more. */
static bool
begin(struct imap_session *s, bool expunge)
{
	struct store_txn *txn = imap_read(s->account);
	struct imap_sync *sync;
	struct store_view *to;
	struct store_mailbox mb;
	uint64_t looked = store_modseq(txn);

	if (looked == s->looked && !(s->behind && expunge))
		return false;
	if (store_get_mailbox(txn, s->mailbox, &mb) != H_OK || !mb.exists ||
	    (to = store_view_get(txn, s->mailbox)) == NULL) {
		if (store_error(txn) == H_OK) {
			conn_text(s->conn,
			    "* BYE The selected mailbox was deleted\r\n");
			s->over = true;
		}
		return false;
	}
	if (mb.highestmodseq == s->modseq && !s->behind) {
		store_view_unref(&to);
		s->view_modseq = s->modseq;
		s->looked = looked;
		return false;
	}
	sync = s->sync = mem_alloc(sizeof(*sync));
	s->behind = !expunge && store_view_gone(s->view, to, UINT32_MAX) != 0;
	sync->below = UINT32_MAX;
	sync->modseq = mb.highestmodseq;
	sync->looked = looked;
	sync->most = store_view_uidnext(s->view);
	if (s->behind)
		store_view_unref(&to);
	else
		sync->to = to;
	imap_sync_changed(txn, s->mailbox, s->modseq, false, &sync->changed);
	return true;
}

/* ---- what is gone ---- */

/* The largest UID not told yet that is gone; 0: none. */
static uint32_t
next_gone(struct imap_session *s)
{
	struct imap_sync *sync = s->sync;

	if (sync->to == NULL || sync->below == 0)
		return 0;
	sync->below = store_view_gone(s->view, sync->to, sync->below);
	return sync->below;
}

static enum imap_step
tell_expunge(struct imap_session *s)
{
	uint32_t uid;

	while (imap_has_room(s)) {
		struct buf *out = conn_output(s->conn);

		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
		/* Downwards, so that a number stays right whatever was told
		 * before it. */
		for (unsigned n = 0; n < 256; n++) {
			if ((uid = next_gone(s)) == 0)
				return IMAP_DONE;
			buf_text(out, "* ");
			buf_number(out, store_view_seq(s->view, uid));
			buf_text(out, " EXPUNGE\r\n");
		}
	}
	return IMAP_WAIT_ROOM;
}

static enum imap_step
tell_vanished(struct imap_session *s)
{
	struct buf *out = conn_output(s->conn);
	size_t start = out->len;
	uint32_t uid = next_gone(s), first, last;

	while (uid != 0) {
		buf_text(out, out->len == start ? "* VANISHED " : ",");
		first = last = uid;
		while ((uid = next_gone(s)) != 0 && uid + 1 == first)
			first = uid;
		buf_number(out, first);
		if (first != last) {
			buf_byte(out, ':');
			buf_number(out, last);
		}
		if (uid != 0 && out->len - start < VANISHED_LINE)
			continue;
		buf_text(out, "\r\n");
		if (uid == 0)
			break;
		s->sync->below = uid + 1; /* it begins the next line */
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
		out = conn_output(s->conn);
		start = out->len;
		uid = next_gone(s);
	}
	return IMAP_DONE;
}

/* ---- what has come ---- */

static void
tell_counts(struct imap_session *s)
{
	struct imap_sync *sync = s->sync;
	struct buf *out = conn_output(s->conn);
	bool more;

	if (sync->to == NULL)
		return;
	more = store_view_next(sync->to, store_view_uidnext(s->view)) != 0;
	store_view_unref(&s->view);
	s->view = sync->to;
	sync->to = NULL;
	if (!more)
		return;
	imap_recent_claim(s);
	buf_text(out, "* ");
	buf_number(out, store_view_count(s->view));
	buf_text(out, " EXISTS\r\n");
	imap_recent_put(s);
}

/* ---- what has other flags ---- */

void
imap_sync_put_fetch(
    struct imap_session *s, const struct store_row *row, bool flags, bool uid)
{
	uint32_t seq = store_view_seq(s->view, row->uid);
	struct buf *out;
	bool space = false;

	if (seq == 0)
		return;
	if (flags && (row->flags.keyword[0] | row->flags.keyword[1]) != 0)
		imap_flags_update(s);
	out = conn_output(s->conn);
	buf_text(out, "* ");
	buf_number(out, seq);
	buf_text(out, " FETCH (");
	/* RFC 7162, 3.2.4: both, as soon as one of them matters; RFC 9051,
	 * 7.5.2: the UID always. */
	if (uid || s->condstore || s->rev2) {
		buf_text(out, "UID ");
		buf_number(out, row->uid);
		space = true;
	}
	if (flags) {
		buf_text(out, space ? " FLAGS " : "FLAGS ");
		imap_flags_put(s, row);
		space = true;
	}
	if (s->condstore) {
		buf_text(out, space ? " MODSEQ (" : "MODSEQ (");
		buf_number(out, row->modseq);
		buf_byte(out, ')');
	}
	buf_text(out, ")\r\n");
}

static enum imap_step
tell_flags(struct imap_session *s)
{
	struct imap_sync *sync = s->sync;
	struct store_txn *txn = imap_read(s->account);
	struct imap_range r;

	while (imap_set_from(&sync->changed, sync->at, &r) &&
	       r.first < sync->most) {
		struct store_row_cursor rows = { 0 };
		struct store_row row;
		enum imap_step wait = IMAP_DONE;

		while (wait == IMAP_DONE &&
		       store_next_row(
			   txn, s->mailbox, r.first, r.last, &rows, &row) &&
		       row.uid < sync->most) {
			imap_sync_put_fetch(s, &row, true, false);
			sync->at = row.uid + 1;
			if (!imap_has_room(s))
				wait = IMAP_WAIT_ROOM;
			else if (imap_slice_over(s->account))
				wait = IMAP_AGAIN;
		}
		store_end_rows(&rows);
		if (wait != IMAP_DONE)
			return wait;
		if (r.last == UINT32_MAX)
			break;
		sync->at = r.last + 1;
	}
	return IMAP_DONE;
}

static void
end(struct imap_session *s)
{
	struct imap_sync *sync = s->sync;

	/* Modseqs were told that are newer than an expunge that was not: the
	 * client must not believe it has seen all before them (RFC 7162, 3.2).
	 */
	if (s->behind && s->qresync && sync->changed.len > 0) {
		struct buf *out = conn_output(s->conn);

		buf_text(out, "* OK [HIGHESTMODSEQ ");
		buf_number(out, s->view_modseq);
		buf_text(out, "] Expunges are still to be told\r\n");
	}
	s->modseq = sync->modseq;
	if (!s->behind)
		s->view_modseq = sync->modseq;
	s->looked = sync->looked;
	imap_sync_free(s);
}

enum imap_step
imap_sync(struct imap_session *s, bool expunge)
{
	enum imap_step step;

	if (s->sync == NULL && (s->mailbox == 0 || !begin(s, expunge)))
		return IMAP_DONE;
	if (s->sync->phase == GONE) {
		step = s->qresync ? tell_vanished(s) : tell_expunge(s);
		if (step != IMAP_DONE)
			return step;
		tell_counts(s);
		s->sync->phase = FLAGS;
	}
	step = tell_flags(s);
	if (step == IMAP_DONE)
		end(s);
	return step;
}

bool
imap_sync_needed(struct imap_session *s)
{
	if (s->mailbox == 0)
		return false;
	return s->sync != NULL || s->behind ||
	       store_modseq(imap_read(s->account)) != s->looked;
}
