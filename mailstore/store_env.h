/*
 * An environment as LMDB sees it.  The one page that includes lmdb.h, for
 * store_env.c (opening, what errors mean) and store_db.c (transactions, rows)
 * alone.
 */
#ifndef MAILSTORE_STORE_ENV_H
#define MAILSTORE_STORE_ENV_H

#include <lmdb.h>

#include "mailstore/store_db.h"
#include "mailstore/store_space.h"

struct db_cursor {
	struct db_txn *txn;
	struct db_cursor *next, **at; /* list of the transaction */
	unsigned tree;
	MDB_cursor *mdb;
	size_t key_len; /* of the row stood on; 0: none */
	char key[DB_KEY_MAX];
	struct span value;
};

struct db_txn {
	struct db *db;
	MDB_txn *mdb;
	enum herr err;
	bool open, write;
	uint64_t end;    /* of the file, when it began */
	uint64_t growth; /* asked for by db_want_space() */
	struct db_cursor *cursors;
};

struct db {
	const struct db_shape *shape;
	char *path; /* the folder, or the published file */
	bool published;
	MDB_env *env;
	MDB_dbi tree[DB_TREES_MAX + 1];
	MDB_txn *reader; /* kept between reads: renewing it costs nothing */
	struct space space;
	bool map_full; /* grow it before the next transaction */
	bool suspect;  /* a commit failed: open anew before the next write */
	struct db_txn txn;
};

/* What LMDB's number means; some leave their mark in `db`. */
enum herr env_error(struct db *, int rc);
void env_say(const struct db *, const char *what, int rc);
/* So that the parent starts it anew, with a clean environment. */
NORETURN void env_end_process(const struct db *, const char *why);

/* A transaction begins or has ended: faults between are the store's. */
void env_in_use(bool begins);

/* Begins or renews the reader that is kept. */
int env_begin_read(struct db *);
/* After a failed commit: what LMDB remembers is thrown away; ends the process if that cannot be. */
void env_open_anew(struct db *);
/* Bytes the file should have, as of the newest commit. */
uint64_t env_end(struct db *);
/* Pages inside the file that are free. */
uint64_t env_free_pages(struct db *);

#endif
