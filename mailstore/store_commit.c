/*
 * Transactions from begin to end, and the one order in which a commit puts down
 * what they did.
 */
#include "mailstore/store_int.h"

struct store_txn *
store_begin(struct store *st, enum store_mode mode)
{
	struct store_txn *t = &st->txn;
	struct key key = key_account();
	struct span row;

	assert(!t->open);
	/* Not the blocks: they are large, and say by their mailbox that they
	 * are empty. */
	memset(t, 0, offsetof(struct store_txn, blocks));
	for (unsigned i = 0; i < SLOTS; i++) {
		t->blocks[i].mailbox = 0;
		t->blocks[i].changed = false;
	}
	t->store = st;
	t->open = true;
	t->write = mode == STORE_WRITE;
	t->db = db_begin(st->db, t->write);
	if (db_get(t->db, TREE_MAIN, key_span(&key), &row)) {
		if (!account_get(row, &t->account) ||
		    t->account.schema != STORE_SCHEMA)
			txn_corrupt(t, TREE_MAIN, key, "the account's row");
	} else
		txn_corrupt(t, TREE_MAIN, key, "the account's row is missing");
	return t;
}

static void
finish(struct store_txn **tp)
{
	struct store_txn *t = *tp;

	run_list_free(&t->changes);
	run_list_free(&t->vanished.list);
	t->open = false;
	*tp = NULL;
}

/* What this process remembers of names and keywords, or of a block, may be of a
 * state that never was. */
static void
forget(struct store_txn *t)
{
	body_reader_forget(&t->store->reader);
	if (!t->caches_used)
		return;
	names_forget(t->store);
	keywords_forget(t->store);
}

void
store_abort(struct store_txn **tp)
{
	struct store_txn *t = *tp;

	if (t == NULL)
		return;
	db_abort(&t->db);
	if (t->write)
		forget(t);
	finish(tp);
}

enum herr
store_commit(struct store_txn **tp)
{
	struct store_txn *t = *tp;
	struct store *st = t->store;
	unsigned char row[ACCOUNT_ROW_LEN];
	struct key key = key_account();
	enum herr err = db_error(t->db);

	if (err != H_OK || !t->write || !t->changed) {
		store_abort(tp);
		return err;
	}
	txn_write_back(t);
	if (t->logged)
		change_write(t);
	account_put(row, &t->account);
	db_put(t->db, TREE_MAIN, key_span(&key),
	    (struct span){ (char *)row, sizeof row });
	err = db_commit(&t->db);
	if (err != H_OK)
		forget(t);
	/* Uploads and housekeeping are nobody's news. */
	else if (t->logged)
		notify_wake(st);
	if (err == H_FULL)
		st->space_is_short = true;
	finish(tp);
	return err;
}
