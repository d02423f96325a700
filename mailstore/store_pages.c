/*
 * The UID sets of a mailbox: which UIDs exist, which are \Seen, which are
 * \Deleted, as bitmaps of 2,048 UIDs, each with its count.  What the mailbox's
 * own row counts is kept here too, so that sets and counts cannot part.
 */
#include "mailstore/store_int.h"

static bool
page_has(const struct page_row *p, enum page_set set, uint32_t uid)
{
	uint32_t n = uid % PAGE_UIDS;

	return p->bits[set][n / 64] >> (n % 64) & 1;
}

/* False: it was so before, which cannot be. */
static bool
page_turn(struct page_row *p, enum page_set set, uint32_t uid, bool on)
{
	uint32_t n = uid % PAGE_UIDS;

	if (page_has(p, set, uid) == on)
		return false;
	p->bits[set][n / 64] ^= UINT64_C(1) << (n % 64);
	if (on)
		p->count[set]++;
	else
		p->count[set]--;
	return true;
}

static bool
turn_flags(struct page *p, struct box *b, uint32_t uid, unsigned which, bool on)
{
	bool good = true;

	if (which & STORE_SEEN) {
		good = page_turn(&p->row, SET_SEEN, uid, on);
		b->row.unseen += on ? -1u : 1u;
	}
	if (which & STORE_DELETED) {
		good = page_turn(&p->row, SET_DELETED, uid, on) && good;
		b->row.deleted += on ? 1u : -1u;
	}
	return good;
}

static struct page *
page_to_change(struct store_txn *t, struct box *b, uint32_t uid)
{
	struct page *p = txn_page(t, b->id, page_of(uid));

	if (p == NULL)
		return NULL;
	p->changed = b->changed = t->changed = true;
	b->row.highestmodseq = store_modseq(t);
	return p;
}

static void
contradiction(struct store_txn *t, const struct box *b, uint32_t uid)
{
	txn_corrupt(t, TREE_MAILBOX, key_box(b->id, BOX_PAGE, page_of(uid)),
	    "rows and set of UIDs differ");
}

void
pages_add(struct store_txn *t, struct box *b, uint32_t uid, unsigned system)
{
	struct page *p = page_to_change(t, b, uid);

	if (p == NULL)
		return;
	p->row.modseq = b->row.set_modseq = store_modseq(t);
	b->row.messages++;
	b->row.unseen++;
	if (!page_turn(&p->row, SET_EXISTS, uid, true) ||
	    !turn_flags(p, b, uid, system, true))
		contradiction(t, b, uid);
}

void
pages_remove(struct store_txn *t, struct box *b, uint32_t uid, unsigned system)
{
	struct page *p = page_to_change(t, b, uid);

	if (p == NULL)
		return;
	p->row.modseq = b->row.set_modseq = store_modseq(t);
	if (!turn_flags(p, b, uid, system, false) ||
	    !page_turn(&p->row, SET_EXISTS, uid, false))
		contradiction(t, b, uid);
	b->row.messages--;
	b->row.unseen--;
}

void
pages_mark(struct store_txn *t, struct box *b, uint32_t uid, unsigned before,
    unsigned after)
{
	struct page *p;

	b->changed = t->changed = true;
	b->row.highestmodseq = store_modseq(t);
	if (((before ^ after) & (STORE_SEEN | STORE_DELETED)) == 0)
		return;
	if ((p = page_to_change(t, b, uid)) == NULL)
		return;
	if (!page_has(&p->row, SET_EXISTS, uid) ||
	    !turn_flags(p, b, uid, before & ~after, false) ||
	    !turn_flags(p, b, uid, after & ~before, true))
		contradiction(t, b, uid);
}

/* Where a page is empty, the next row says how far the next can be at least. */
bool
pages_next(struct store_txn *t, struct db_cursor *c, uint32_t mailbox,
    uint32_t *number, struct page_row *row)
{
	enum box_kind kind = BOX_INDEX;

	while (kind != BOX_PAGE) {
		struct key key = key_box(mailbox, BOX_PAGE, *number);
		uint32_t at, wanted = *number;

		if (wanted > page_of(UINT32_MAX) ||
		    !db_seek(c, key_span(&key)) ||
		    !key_is_box(db_key(c), mailbox, &kind, &at) ||
		    kind == BOX_STATE)
			return false;
		*number = kind == BOX_PAGE ? at : page_of(at * BLOCK_UIDS);
		if (kind == BOX_INDEX && *number <= wanted)
			*number = wanted + 1;
	}
	if (!page_get(db_value(c), row)) {
		db_corrupt(t->db, TREE_MAILBOX, db_key(c), "page of a UID set");
		return false;
	}
	return true;
}

/* ---- asked from outside ---- */

static unsigned
lowest_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

/* The smallest number >= `from` of the page with (or without) the flag;
 * PAGE_UIDS: none. */
static uint32_t
page_flagged(
    const struct page_row *p, enum page_set set, bool with, uint32_t from)
{
	for (uint32_t w = from / 64; w < PAGE_WORDS; w++) {
		uint64_t word = p->bits[SET_EXISTS][w] &
		                (with ? p->bits[set][w] : ~p->bits[set][w]);

		if (w == from / 64)
			word &= ~UINT64_C(0) << (from % 64);
		if (word != 0)
			return w * 64 + lowest_bit(word);
	}
	return PAGE_UIDS;
}

uint32_t
store_next_flagged(struct store_txn *t, uint32_t mailbox, enum store_flag flag,
    bool with, uint32_t from)
{
	enum page_set set = flag == STORE_SEEN ? SET_SEEN : SET_DELETED;
	uint32_t number = page_of(from), first = from % PAGE_UIDS, found = 0;
	struct db_cursor *c;
	struct page_row row;

	assert(flag == STORE_SEEN || flag == STORE_DELETED);
	if (txn_box(t, mailbox) == NULL)
		return 0;
	if (t->write)
		txn_write_back(t);
	c = db_cursor(t->db, TREE_MAILBOX);
	for (; found == 0 && pages_next(t, c, mailbox, &number, &row);
	     number++) {
		uint32_t n;

		if (number != page_of(from))
			first = 0;
		n = page_flagged(&row, set, with, first);
		if (n < PAGE_UIDS)
			found = number * PAGE_UIDS + n;
	}
	db_cursor_close(&c);
	return found;
}

uint32_t
store_first_unseen(struct store_txn *t, uint32_t mailbox)
{
	return store_next_flagged(t, mailbox, STORE_SEEN, false, 1);
}
