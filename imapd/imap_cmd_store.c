/*
 * STORE (RFC 3501, 6.4.6; UNCHANGEDSINCE: RFC 7162, 3.1.3).  Many messages are
 * changed in slices, each of which is committed and answered by itself; STORE
 * promises no more.
 */
#include "common/mem.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_numbers.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_turn.h"

enum { ROWS = 256 };

struct store_cmd {
	struct imap_set uids;
	struct imap_flags flags;
	char op; /* '+', '-', or '=' */
	bool silent, conditional;
	uint64_t unchanged_since;
	uint32_t expected, met;
	uint32_t at; /* the next UID */
	struct imap_set
	    modified; /* those that the condition kept as they were */
	/* the slice under way */
	uint32_t next, slice_met;
	struct imap_set done, slice_modified;
	uint32_t told; /* UIDs before this one */
};

static void
release(void *state)
{
	struct store_cmd *c = state;

	imap_set_free(&c->uids);
	imap_flags_free(&c->flags);
	imap_set_free(&c->modified);
	imap_set_free(&c->done);
	imap_set_free(&c->slice_modified);
}

/* ---- the change ---- */

static struct store_flags
combine(const struct store_cmd *c, const struct store_flags *old,
    const struct store_flags *given)
{
	struct store_flags f = *given;

	switch (c->op) {
	case '+':
		f.system |= old->system;
		f.keyword[0] |= old->keyword[0];
		f.keyword[1] |= old->keyword[1];
		break;
	case '-':
		f.system = old->system & (uint8_t)~f.system;
		f.keyword[0] = old->keyword[0] & ~f.keyword[0];
		f.keyword[1] = old->keyword[1] & ~f.keyword[1];
		break;
	default: break;
	}
	return f;
}

static bool
same(const struct store_flags *a, const struct store_flags *b)
{
	return a->system == b->system && a->keyword[0] == b->keyword[0] &&
	       a->keyword[1] == b->keyword[1];
}

/* Some of the next rows, read before any is changed. */
static size_t
next_rows(struct imap_session *s, struct store_cmd *c, struct store_txn *txn,
    struct store_row *row)
{
	struct store_row_cursor rows = { 0 };
	struct imap_range r;
	size_t n = 0;

	while (n == 0 && imap_set_from(&c->uids, c->next, &r)) {
		while (n < ROWS && store_next_row(txn, s->mailbox, r.first,
				       r.last, &rows, &row[n])) {
			c->next = row[n].uid + 1;
			n++;
		}
		store_end_rows(&rows);
		if (n < ROWS)
			c->next = r.last + 1;
	}
	return n;
}

static enum herr
apply(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct store_cmd *c = r->state;
	struct imap_range rest;
	struct store_flags given;
	struct store_row row[ROWS];
	enum herr err;
	size_t n;

	imap_set_clear(&c->done);
	imap_set_clear(&c->slice_modified);
	c->next = c->at;
	c->slice_met = 0;
	err = imap_flags_resolve(txn, &c->flags, c->op != '-', &given);
	if (err != H_OK)
		return err;
	do {
		n = next_rows(s, c, txn, row);
		for (size_t i = 0; i < n; i++) {
			struct store_flags f =
			    combine(c, &row[i].flags, &given);

			c->slice_met++;
			if (c->conditional &&
			    row[i].modseq > c->unchanged_since) {
				imap_set_add(
				    &c->slice_modified, row[i].uid, row[i].uid);
				continue;
			}
			if (!same(&f, &row[i].flags)) {
				imap_batch_touch_flags(s, r, txn);
				err = store_set_flags(
				    txn, s->mailbox, row[i].uid, &f);
			}
			if (err != H_OK)
				return err;
			imap_set_add(&c->done, row[i].uid, row[i].uid);
		}
	} while (n > 0 && !imap_slice_over(s->account));
	r->more = imap_set_from(&c->uids, c->next, &rest);
	return H_OK;
}

/* ---- the answer ---- */

static enum imap_step
tell(struct imap_session *s, struct imap_request *r)
{
	struct store_cmd *c = r->state;
	bool uid = (r->command->traits & IMAP_BY_UID) != 0;
	struct store_txn *txn = imap_read(s->account);
	struct imap_range range;

	if (c->silent && !s->condstore)
		return IMAP_DONE;
	while (imap_set_from(&c->done, c->told, &range)) {
		struct store_row_cursor rows = { 0 };
		struct store_row row;
		enum imap_step wait = IMAP_DONE;

		while (wait == IMAP_DONE &&
		       store_next_row(txn, s->mailbox, range.first, range.last,
			   &rows, &row)) {
			c->told = row.uid + 1;
			imap_sync_put_fetch(s, &row, !c->silent, uid);
			if (!imap_has_room(s))
				wait = IMAP_WAIT_ROOM;
			else if (imap_slice_over(s->account))
				wait = IMAP_AGAIN;
		}
		store_end_rows(&rows);
		if (wait != IMAP_DONE)
			return wait;
		c->told = range.last + 1;
	}
	return IMAP_DONE;
}

static enum imap_step
finish(struct imap_session *s, struct imap_request *r)
{
	struct store_cmd *c = r->state;
	bool by_uid = (r->command->traits & IMAP_BY_UID) != 0;

	if (c->modified.len > 0) {
		buf_text(&r->code, "MODIFIED ");
		imap_numbers_put(&r->code, s, &c->modified, by_uid);
		return imap_done(r, IMAP_REPLY_DONE);
	}
	if (c->met < c->expected && !by_uid)
		return imap_done(r, IMAP_REPLY_ISSUED);
	return imap_done(r, IMAP_REPLY_DONE);
}

/* After a slice was committed. */
static enum imap_step
answer(struct imap_session *s, struct imap_request *r)
{
	struct store_cmd *c = r->state;
	enum imap_step step = tell(s, r);
	struct imap_range rest;

	if (step != IMAP_DONE)
		return step;
	c->at = c->next;
	c->met += c->slice_met;
	for (size_t i = 0; i < c->slice_modified.len; i++)
		imap_set_add(&c->modified, c->slice_modified.range[i].first,
		    c->slice_modified.range[i].last);
	imap_set_clear(&c->done);
	imap_set_clear(&c->slice_modified);
	if (imap_set_from(&c->uids, c->at, &rest))
		return IMAP_WAIT_WRITE;
	return finish(s, r);
}

/* ---- the command ---- */

/* [SP "(" "UNCHANGEDSINCE" SP modseq ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP
 * flags */
static void
parse_change(struct imap_args *a, struct store_cmd *c)
{
	imap_sp(a);
	if (scan_try(&a->scan, '(')) {
		c->conditional = true;
		scan_word(&a->scan, "UNCHANGEDSINCE");
		imap_sp(a);
		c->unchanged_since = imap_modseq(a);
		scan_need(&a->scan, ')');
		imap_sp(a);
	}
	c->op = '=';
	if (scan_try(&a->scan, '+'))
		c->op = '+';
	else if (scan_try(&a->scan, '-'))
		c->op = '-';
	scan_word(&a->scan, "FLAGS");
	c->silent = scan_try_word(&a->scan, ".SILENT");
	imap_sp(a);
	imap_flags_parse_loose(a, &c->flags);
}

enum imap_step
imap_cmd_store(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);
	struct store_cmd *c = mem_alloc(sizeof(*c));
	enum imap_reply reply;

	r->state = c;
	r->release = release;
	imap_sp(&a);
	reply = imap_numbers_parse(
	    s, &a, (r->command->traits & IMAP_BY_UID) != 0, &c->uids);
	parse_change(&a, c);
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	if (reply != IMAP_REPLY_DONE)
		return imap_done(r, reply);
	if (c->conditional)
		imap_condstore_on(s);
	c->expected = imap_numbers_count(s, &c->uids);
	c->at = c->told = 1;
	r->apply = apply;
	r->run = answer;
	return IMAP_WAIT_WRITE;
}
