/*
 * Index rows: a mailbox's messages, one row each.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "mailstore/store_int.h"

bool
row_get(
    struct store_txn *t, uint32_t mailbox, uint32_t uid, struct index_row *row)
{
	struct key key = key_box(mailbox, uid, BOX_INDEX);
	struct span value;

	if (!txn_get(t, key, &value))
		return false;
	if (!index_get(value, row)) {
		txn_corrupt(t, TREE_MAILBOX, key, "index row");
		return false;
	}
	return true;
}

void
row_put(struct store_txn *t, uint32_t mailbox, uint32_t uid,
    const struct index_row *row)
{
	unsigned char value[INDEX_ROW_LEN];

	index_put(value, row);
	txn_put(t, key_box(mailbox, uid, BOX_INDEX),
	    (struct span){ (char *)value, sizeof value });
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

enum herr
row_add(
    struct store_txn *t, struct box *b, struct index_row *row, uint32_t *uid)
{
	/* The last number is no UID, so that "one more than the last" always
	 * fits. */
	if (b->row.uidnext >= UINT32_MAX - 1)
		return H_LIMIT;
	*uid = b->row.uidnext++;
	row->modseq = store_modseq(t);
	row->uidl = t->account.next_uidl++;
	row->saved = clock_wall();
	b->row.bytes += row->size;
	t->account.bytes += row->size;
	t->account.messages++;
	pages_add(t, b, *uid, row->system);
	row_put(t, b->id, *uid, row);
	change_note(t, b->id, STORE_ADDED, *uid);
	return store_error(t);
}

void
row_remove(struct store_txn *t, struct box *b, uint32_t uid,
    const struct index_row *row)
{
	uint32_t mailbox = b->id;

	b->row.bytes -= row->size;
	t->account.bytes -= row->size;
	t->account.messages--;
	pages_remove(t, b, uid, row->system);
	txn_delete(t, key_box(mailbox, uid, BOX_INDEX));
	message_let_go(t, row->message);
	change_note(t, mailbox, STORE_EXPUNGED, uid);
}

/* ---- asked from outside ---- */

static void
row_tell(const struct index_row *row, uint32_t uid, struct store_row *out)
{
	*out = (struct store_row){
		.uid = uid,
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
	row_tell(&row, uid, out);
	return H_OK;
}

/* The walk of a cursor; the transaction closes what is left of it. */
struct walk {
	struct db_cursor *cursor;
	uint32_t mailbox;
	uint32_t next; /* UID to go on from */
	bool begun;
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

/* In a write, rows may have changed since the last step: look from where we
 * are. */
static bool
walk_step(struct store_txn *t, struct walk *w)
{
	struct key key = key_box(w->mailbox, w->next, BOX_INDEX);

	if (w->begun && !t->write)
		return db_next(w->cursor);
	w->begun = true;
	return db_seek(w->cursor, key_span(&key));
}

bool
store_next_row(struct store_txn *t, uint32_t mailbox, uint32_t from,
    uint32_t to, struct store_row_cursor *at, struct store_row *out)
{
	struct walk *w = at->opaque;
	struct index_row row;
	enum box_kind kind;
	uint32_t uid;

	if (w == NULL) {
		if (store_error(t) != H_OK || mailbox == 0)
			return false;
		at->opaque = w = mem_alloc(sizeof *w);
		w->cursor = db_cursor(t->db, TREE_MAILBOX);
		w->mailbox = mailbox;
		w->next = from;
	}
	while (walk_step(t, w)) {
		if (!key_is_box(db_key(w->cursor), mailbox, &uid, &kind) ||
		    uid > to)
			break;
		w->next = uid + 1;
		if (kind == BOX_PAGE && uid != UINT32_MAX)
			continue;
		if (kind != BOX_INDEX)
			break;
		if (!index_get(db_value(w->cursor), &row)) {
			db_corrupt(t->db, TREE_MAILBOX, db_key(w->cursor),
			    "index row");
			break;
		}
		row_tell(&row, uid, out);
		return true;
	}
	store_end_rows(at);
	return false;
}
