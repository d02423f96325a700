/*
 * Transactions, rows and walks.
 */
#include "mailstore/store_db.h"

#include <xxhash.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/store_env.h"

enum {
	KEEP_TOUCHED =
	    4 * 1024 * 1024, /* bytes of the map that may stay in memory */
};

static void
fail(struct db_txn *t, const char *what, int rc)
{
	if (t->err != H_OK)
		return;
	t->err = env_error(t->db, rc);
	if (t->err == H_NOTFOUND) /* where it cannot be */
		t->err = H_CORRUPT;
	env_say(t->db, what, rc);
}

void
db_corrupt(struct db_txn *t, unsigned tree, struct span key, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "store-corrupt");
	log_text(&l, "store", t->db->shape->what);
	log_text(&l, "path", t->db->path);
	log_text(&l, "tree",
	    tree == DB_MAIN ? "main" : t->db->shape->trees[tree - 1]);
	log_span(&l, "key", key);
	log_text(&l, "why", why);
	log_end(&l);
	if (t->err == H_OK)
		t->err = H_CORRUPT;
}

/* ---- transactions ---- */

static int
begin(struct db *db, bool write)
{
	int rc = 0, dead;
	MDB_envinfo info;

	if (db->map_full) {
		if ((rc = mdb_env_info(db->env, &info)) != 0 ||
		    (rc = mdb_env_set_mapsize(db->env, info.me_mapsize * 2)) !=
			0)
			return rc;
		db->map_full = false;
	}
	for (int tries = 0; tries < 2; tries++) {
		rc = write ? mdb_txn_begin(db->env, NULL, 0, &db->txn.mdb)
		           : env_begin_read(db);
		if (rc == MDB_MAP_RESIZED)
			rc = mdb_env_set_mapsize(db->env, 0);
		else if (rc == MDB_READERS_FULL)
			rc = mdb_reader_check(db->env, &dead);
		else
			break;
		if (rc != 0)
			break;
		rc = MDB_READERS_FULL;
	}
	return rc;
}

struct db_txn *
db_begin(struct db *db, bool write)
{
	struct db_txn *t = &db->txn;
	int rc;

	assert(!t->open);
	if (write && db->suspect)
		env_open_anew(db);
	*t = (struct db_txn){ .db = db, .open = true, .write = write };
	env_in_use(true);
	if ((rc = begin(db, write)) == MDB_PANIC)
		env_end_process(db, "the environment is beyond hope");
	if (rc != 0) {
		fail(t, "begin", rc);
		t->mdb = NULL;
		return t;
	}
	if (!write) {
		t->mdb = db->reader;
		return t;
	}
	t->end = env_end(db);
	/* The reserve is there for what this may be: a delete.  If it cannot be
	 * had whole, it goes on with what there is. */
	if (space_want(&db->space, t->end, 0) == H_IO)
		t->err = H_IO;
	space_prepare(&db->space, t->end);
	return t;
}

enum herr
db_error(const struct db_txn *t)
{
	return t->err;
}

bool
db_writes(const struct db_txn *t)
{
	return t->write;
}

static void
finish(struct db_txn **tp)
{
	struct db_txn *t = *tp;
	struct db *db = t->db;

	*tp = NULL;
	t->open = false;
	t->mdb = NULL;
	env_in_use(false);
	if (db->space.touched > KEEP_TOUCHED)
		space_drop(&db->space, env_end(db), KEEP_TOUCHED);
}

void
db_abort(struct db_txn **tp)
{
	struct db_txn *t = *tp;

	if (t == NULL)
		return;
	while (t->cursors != NULL)
		db_cursor_close(&(struct db_cursor *){ t->cursors });
	if (t->mdb != NULL && t->write)
		mdb_txn_abort(t->mdb);
	else if (t->mdb != NULL)
		mdb_txn_reset(t->mdb);
	finish(tp);
}

enum herr
db_commit(struct db_txn **tp)
{
	struct db_txn *t = *tp;
	struct db *db = t->db;
	enum herr err = t->err;
	int rc;

	if (err != H_OK || !t->write) {
		db_abort(tp);
		return err;
	}
	while (t->cursors != NULL)
		db_cursor_close(&(struct db_cursor *){ t->cursors });
	rc = mdb_txn_commit(t->mdb);
	if (rc != 0) {
		err = env_error(db, rc);
		env_say(db, "commit", rc);
		db->suspect = err != H_FULL;
		/* If the page that says which state holds could not be written,
		 * no one can say which does: a fresh process finds out. */
		if (env_begin_read(db) == MDB_PANIC)
			env_end_process(db, "the environment is beyond hope");
		mdb_txn_reset(db->reader);
	}
	finish(tp);
	return err;
}

/* Mail that was deleted left room inside the file.  Four times as much: not
 * every gap fits. */
static bool
fits_inside(struct db *db, uint64_t end, uint64_t growth)
{
	return space_reserve_whole(&db->space, end) &&
	       env_free_pages(db) * DB_PAGE >= 4 * growth + 1024 * 1024;
}

bool
db_has_space(struct db *db, uint64_t bytes)
{
	uint64_t end = env_end(db);

	assert(!db->txn.open);
	return space_has(&db->space, end, bytes) || fits_inside(db, end, bytes);
}

enum herr
db_want_space(struct db_txn *t, uint64_t bytes)
{
	struct db *db = t->db;
	enum herr err;

	if (t->err != H_OK)
		return t->err;
	t->growth += bytes;
	err = space_want(&db->space, t->end, t->growth);
	if (err == H_FULL && fits_inside(db, t->end, t->growth))
		err = H_OK;
	if (err == H_FULL)
		t->growth -= bytes;
	return err;
}

/* ---- rows ---- */

static uint32_t
check_of(unsigned tree, struct span key, const char *value, size_t len)
{
	XXH64_hash_t of_key = XXH3_64bits_withSeed(key.ptr, key.len, tree);

	return (uint32_t)XXH3_64bits_withSeed(value, len, of_key);
}

static bool
row_is_good(struct db_txn *t, unsigned tree, struct span key,
    const MDB_val *stored, struct span *value)
{
	const char *bytes = stored->mv_data;
	size_t len = stored->mv_size;

	/* The length first: a wrong one would read far beyond. */
	if (len < DB_CHECK || len > DB_VALUE_MAX + DB_CHECK ||
	    check_of(tree, key, bytes, len - DB_CHECK) !=
		le32(bytes + len - DB_CHECK)) {
		db_corrupt(t, tree, key, "check");
		return false;
	}
	*value = (struct span){ bytes, len - DB_CHECK };
	t->db->space.touched += DB_PAGE + len;
	return true;
}

static MDB_val
val_of(struct span s)
{
	union {
		const char *in;
		void *out;
	} unconst = { .in = s.ptr };

	return (MDB_val){ s.len, unconst.out };
}

bool
db_get(struct db_txn *t, unsigned tree, struct span key, struct span *value)
{
	MDB_val k = val_of(key), v;
	int rc;

	*value = NO_SPAN;
	if (t->err != H_OK)
		return false;
	rc = mdb_get(t->mdb, t->db->tree[tree], &k, &v);
	if (rc != 0) {
		if (rc != MDB_NOTFOUND)
			fail(t, "get", rc);
		return false;
	}
	return row_is_good(t, tree, key, &v, value);
}

void
db_put_pieces(struct db_txn *t, unsigned tree, struct span key,
    const struct span *pieces, size_t n, bool last)
{
	MDB_val k = val_of(key), v = { DB_CHECK, NULL };
	char *at;
	int rc;

	assert(t->write && key.len > 0 && key.len <= DB_KEY_MAX);
	if (t->err != H_OK)
		return;
	for (size_t i = 0; i < n; i++)
		v.mv_size += pieces[i].len;
	assert(v.mv_size <= DB_VALUE_MAX + DB_CHECK);
	rc = mdb_put(t->mdb, t->db->tree[tree], &k, &v,
	    MDB_RESERVE | (last ? MDB_APPEND : 0));
	if (rc != 0) {
		if (rc == MDB_KEYEXIST)
			db_corrupt(t, tree, key, "not beyond all others");
		else
			fail(t, "put", rc);
		return;
	}
	t->db->space.touched += DB_PAGE; /* what it was copied from */
	at = v.mv_data;
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].len > 0)
			memcpy(at, pieces[i].ptr, pieces[i].len);
		at += pieces[i].len;
	}
	put_le32(at,
	    check_of(tree, key, v.mv_data, (size_t)(at - (char *)v.mv_data)));
}

void
db_put(struct db_txn *t, unsigned tree, struct span key, struct span value)
{
	db_put_pieces(t, tree, key, &value, 1, false);
}

bool
db_delete(struct db_txn *t, unsigned tree, struct span key)
{
	MDB_val k = val_of(key);
	int rc;

	assert(t->write);
	if (t->err != H_OK)
		return false;
	rc = mdb_del(t->mdb, t->db->tree[tree], &k, NULL);
	if (rc != 0 && rc != MDB_NOTFOUND)
		fail(t, "delete", rc);
	t->db->space.touched += DB_PAGE;
	return rc == 0;
}

/* ---- walking ---- */

struct db_cursor *
db_cursor(struct db_txn *t, unsigned tree)
{
	struct db_cursor *c = mem_alloc(sizeof *c);
	int rc;

	c->txn = t;
	c->tree = tree;
	c->next = t->cursors;
	c->at = &t->cursors;
	if (c->next != NULL)
		c->next->at = &c->next;
	t->cursors = c;
	if (t->err == H_OK &&
	    (rc = mdb_cursor_open(t->mdb, t->db->tree[tree], &c->mdb)) != 0)
		fail(t, "cursor", rc);
	return c;
}

void
db_cursor_close(struct db_cursor **cp)
{
	struct db_cursor *c = *cp;

	if (c == NULL)
		return;
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	if (c->mdb != NULL)
		mdb_cursor_close(c->mdb);
	mem_free(cp);
}

/* How the key of a step must stand to another: a damaged tree may hold
 * anything, and a walk over it must end. */
enum order { ANYHOW, ABOVE, NOT_BELOW, BELOW };

static bool
stands(const MDB_val *key, enum order order, struct span to)
{
	size_t len = to.len < key->mv_size ? to.len : key->mv_size;
	int cmp = len == 0 ? 0 : memcmp(key->mv_data, to.ptr, len);

	if (cmp == 0)
		cmp = (key->mv_size > to.len) - (key->mv_size < to.len);
	switch (order) {
	case ANYHOW: return true;
	case ABOVE: return cmp > 0;
	case NOT_BELOW: return cmp >= 0;
	case BELOW: return cmp < 0;
	}
	return false;
}

static bool
step(struct db_cursor *c, MDB_val *k, MDB_cursor_op op, enum order order,
    struct span to)
{
	struct db_txn *t = c->txn;
	MDB_val v;
	int rc;

	if (t->err != H_OK)
		return false;
	if ((rc = mdb_cursor_get(c->mdb, k, &v, op)) != 0) {
		if (rc != MDB_NOTFOUND)
			fail(t, "walk", rc);
		return false;
	}
	if (k->mv_size == 0 || k->mv_size > DB_KEY_MAX ||
	    !stands(k, order, to)) {
		db_corrupt(t, c->tree, to, "the key found from this one");
		return false;
	}
	memcpy(c->key, k->mv_data, k->mv_size);
	c->key_len = k->mv_size;
	return row_is_good(t, c->tree, db_key(c), &v, &c->value);
}

bool
db_seek(struct db_cursor *c, struct span key)
{
	MDB_val k = val_of(key);

	c->key_len = 0;
	return step(c, &k, MDB_SET_RANGE, NOT_BELOW, key);
}

bool
db_seek_before(struct db_cursor *c, struct span key)
{
	MDB_val k = val_of(key), v;
	int rc;

	c->key_len = 0;
	if (c->txn->err != H_OK)
		return false;
	rc = mdb_cursor_get(c->mdb, &k, &v, MDB_SET_RANGE);
	if (rc != 0 && rc != MDB_NOTFOUND) {
		fail(c->txn, "walk", rc);
		return false;
	}
	return step(c, &k, rc == 0 ? MDB_PREV : MDB_LAST, BELOW, key);
}

bool
db_next(struct db_cursor *c)
{
	MDB_val k;

	return step(
	    c, &k, MDB_NEXT, c->key_len > 0 ? ABOVE : ANYHOW, db_key(c));
}

bool
db_prev(struct db_cursor *c)
{
	MDB_val k;

	return step(
	    c, &k, MDB_PREV, c->key_len > 0 ? BELOW : ANYHOW, db_key(c));
}

struct span
db_key(const struct db_cursor *c)
{
	return (struct span){ c->key, c->key_len };
}

struct span
db_value(const struct db_cursor *c)
{
	return c->value;
}
