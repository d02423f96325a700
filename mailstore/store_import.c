/*
 * What was imported.  A row for each import id, in a tree of its own; rows are
 * numbered, so that an import remembers what it has met of them in an array.
 */
#include "common/wire.h"
#include "mailstore/store_int.h"

enum { ROW_LEN = 8, COUNT_LEN = 4 };

/* Shorter than any id. */
static const struct key count_key = { .bytes = { 0 }, .len = 1 };

static struct key
key_import(const uint8_t *id)
{
	struct key k = { .len = STORE_IMPORT_ID_LEN };

	memcpy(k.bytes, id, STORE_IMPORT_ID_LEN);
	return k;
}

static uint32_t
rows(struct store_txn *t)
{
	struct span value;

	if (!db_get(t->db, TREE_IMPORT, key_span(&count_key), &value))
		return 0;
	if (value.len != COUNT_LEN) {
		txn_corrupt(t, TREE_IMPORT, count_key, "number of imports");
		return 0;
	}
	return le32(value.ptr);
}

bool
store_imported(struct store_txn *t, const uint8_t id[STORE_IMPORT_ID_LEN],
    struct store_import *got)
{
	struct key key = key_import(id);
	struct span value;

	*got = (struct store_import){ 0 };
	if (!db_get(t->db, TREE_IMPORT, key_span(&key), &value))
		return false;
	if (value.len != ROW_LEN) {
		txn_corrupt(t, TREE_IMPORT, key, "import");
		return false;
	}
	got->number = le32(value.ptr);
	got->times = le32(value.ptr + 4);
	return true;
}

enum herr
store_note_import(struct store_txn *t, const uint8_t id[STORE_IMPORT_ID_LEN],
    struct store_import *now)
{
	struct key key = key_import(id);
	char row[ROW_LEN];
	bool fresh;

	if (!txn_may_write(t))
		return store_error(t);
	fresh = !store_imported(t, id, now);
	if (fresh)
		now->number = rows(t);
	if (now->number == UINT32_MAX || now->times == UINT32_MAX)
		return H_LIMIT;
	if (fresh) {
		put_le32(row, now->number + 1);
		db_put(t->db, TREE_IMPORT, key_span(&count_key),
		    (struct span){ row, COUNT_LEN });
	}
	now->times++;
	put_le32(row, now->number);
	put_le32(row + 4, now->times);
	t->changed = true;
	db_put(
	    t->db, TREE_IMPORT, key_span(&key), (struct span){ row, ROW_LEN });
	return store_error(t);
}
