/*
 * Index rows: a mailbox's messages, one row each, in blocks that fill pages.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/store_int.h"

static uint32_t
uid_at(const struct block *b, size_t i)
{
	return le32(b->rows + i * INDEX_ROW_LEN);
}

/* The first row with a UID >= `uid`. */
static size_t
row_at(const struct block *b, uint32_t uid)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (uid_at(b, middle) >= uid)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool
row_get(
    struct store_txn *t, uint32_t mailbox, uint32_t uid, struct index_row *row)
{
	const struct block *b = txn_block(t, mailbox, block_of(uid));
	size_t i;

	if (b == NULL || (i = row_at(b, uid)) == b->n || uid_at(b, i) != uid)
		return false;
	index_get(b->rows + i * INDEX_ROW_LEN, row);
	return true;
}

void
row_put(struct store_txn *t, uint32_t mailbox, const struct index_row *row)
{
	struct block *b = txn_block(t, mailbox, block_of(row->uid));
	size_t i;
	char *at;

	if (b == NULL)
		return;
	i = row_at(b, row->uid);
	at = b->own + i * INDEX_ROW_LEN;
	if (i == b->n || uid_at(b, i) != row->uid) {
		assert(b->n < BLOCK_UIDS);
		memmove(at + INDEX_ROW_LEN, at, (b->n - i) * INDEX_ROW_LEN);
		b->n++;
	}
	index_put(at, row);
	b->changed = t->changed = true;
}

static void
row_take_out(struct store_txn *t, uint32_t mailbox, uint32_t uid)
{
	struct block *b = txn_block(t, mailbox, block_of(uid));
	size_t i;

	if (b == NULL || (i = row_at(b, uid)) == b->n || uid_at(b, i) != uid)
		return;
	b->n--;
	memmove(b->own + i * INDEX_ROW_LEN, b->own + (i + 1) * INDEX_ROW_LEN,
	    (b->n - i) * INDEX_ROW_LEN);
	b->changed = t->changed = true;
}

enum herr
row_quota(const struct store_txn *t, uint64_t bytes)
{
	const struct account_row *a = &t->account;

	return a->quota != 0 &&
	               (a->bytes > a->quota || bytes > a->quota - a->bytes)
	           ? H_QUOTA
	           : H_OK;
}

void
row_enter(struct store_txn *t, struct box *b, const struct index_row *row)
{
	b->row.bytes += row->size;
	t->account.bytes += row->size;
	t->account.messages++;
	pages_add(t, b, row->uid, row->system);
	row_put(t, b->id, row);
	change_note(t, b->id, STORE_ADDED, row->uid);
}

enum herr
row_add(struct store_txn *t, struct box *b, struct index_row *row)
{
	/* The last number is no UID, so that "one more than the last" always
	 * fits. */
	if (b->row.uidnext >= UINT32_MAX - 1)
		return H_LIMIT;
	row->uid = b->row.uidnext++;
	row->modseq = store_modseq(t);
	row->uidl = t->account.next_uidl++;
	row->saved = clock_wall();
	row_enter(t, b, row);
	return store_error(t);
}

void
row_remove(struct store_txn *t, struct box *b, const struct index_row *row)
{
	b->row.bytes -= row->size;
	t->account.bytes -= row->size;
	t->account.messages--;
	pages_remove(t, b, row->uid, row->system);
	row_take_out(t, b->id, row->uid);
	message_let_go(t, row->message);
	change_note(t, b->id, STORE_EXPUNGED, row->uid);
}

/* ---- asked from outside ---- */

static void
row_tell(const struct index_row *row, struct store_row *out)
{
	*out = (struct store_row){
		.uid = row->uid,
		.message = row->message,
		.modseq = row->modseq,
		.internaldate = row->internaldate,
		.saved = row->saved,
		.size = row->size,
		.uidl = row->uidl,
		.flags = { row->system, { row->keyword[0], row->keyword[1] } },
	};
}

enum herr
store_get_row(
    struct store_txn *t, uint32_t mailbox, uint32_t uid, struct store_row *out)
{
	struct index_row row;

	if (mailbox == 0 || !row_get(t, mailbox, uid, &row))
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	row_tell(&row, out);
	return H_OK;
}

/* The walk of a cursor; the transaction closes what is left of it. */
struct walk {
	struct db_cursor *cursor;
	uint32_t mailbox;
	uint32_t next; /* UID to go on from */
	bool begun;
	struct span
	    rows; /* of the block stood in that are not told yet; in a read */
};

void
store_end_rows(struct store_row_cursor *at)
{
	struct walk *w = at->opaque;

	if (w == NULL)
		return;
	db_cursor_close(&w->cursor);
	mem_free(&at->opaque);
}

/* To the next block of rows, at or behind the one of `number`. */
static bool
walk_to(struct store_txn *t, struct walk *w, uint32_t *number)
{
	struct key key = key_box(w->mailbox, BOX_INDEX, *number);
	enum box_kind kind = BOX_PAGE;
	bool more = w->begun && !t->write ? db_next(w->cursor)
	                                  : db_seek(w->cursor, key_span(&key));

	w->begun = true;
	while (more &&
	       key_is_box(db_key(w->cursor), w->mailbox, &kind, number) &&
	       kind == BOX_PAGE)
		more = db_next(w->cursor);
	if (!more || kind != BOX_INDEX)
		return false;
	if (index_block_is_good(db_value(w->cursor), *number))
		return true;
	db_corrupt(
	    t->db, TREE_MAILBOX, db_key(w->cursor), "block of index rows");
	return false;
}

/* In a read, blocks are walked through where they lie. */
static bool
walk_read(struct store_txn *t, struct walk *w, struct index_row *row)
{
	for (;;) {
		while (w->rows.len > 0) {
			const char *at = w->rows.ptr;

			w->rows.ptr += INDEX_ROW_LEN;
			w->rows.len -= INDEX_ROW_LEN;
			if (le32(at) < w->next)
				continue;
			index_get(at, row);
			return true;
		}
		uint32_t number = block_of(w->next);
		if (!walk_to(t, w, &number))
			return false;
		w->rows = db_value(w->cursor);
	}
}

/* In a write, rows may have changed since the last step: the working copies say
 * what is next. */
static bool
walk_write(struct store_txn *t, struct walk *w, struct index_row *row)
{
	uint32_t number = block_of(w->next);

	for (;;) {
		const struct block *b = txn_block(t, w->mailbox, number);
		size_t i = b == NULL ? 0 : row_at(b, w->next);

		if (b == NULL)
			return false;
		if (i < b->n) {
			index_get(b->rows + i * INDEX_ROW_LEN, row);
			return true;
		}
		txn_write_back(t);
		number++;
		if (!walk_to(t, w, &number))
			return false;
	}
}

bool
store_next_row(struct store_txn *t, uint32_t mailbox, uint32_t from,
    uint32_t to, struct store_row_cursor *at, struct store_row *out)
{
	struct walk *w = at->opaque;
	struct index_row row;

	if (w == NULL) {
		if (store_error(t) != H_OK || mailbox == 0)
			return false;
		at->opaque = w = mem_alloc(sizeof *w);
		w->cursor = db_cursor(t->db, TREE_MAILBOX);
		w->mailbox = mailbox;
		w->next = from;
	}
	if ((t->write ? walk_write : walk_read)(t, w, &row) && row.uid <= to) {
		w->next = row.uid + 1;
		row_tell(&row, out);
		return true;
	}
	store_end_rows(at);
	return false;
}
