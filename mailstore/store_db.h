/*
 * Trees of rows on disk, with transactions: the only page that knows LMDB is
 * store_db.c.  Three environments stand on it: an account's mail, the queue,
 * the directory.
 *
 * A transaction remembers the first failure; after that every call on it does
 * nothing and finds nothing, and db_commit() reports it.  "Not there" is no
 * failure.  At most one transaction is open per environment and process.
 *
 * Every row carries a check of its tree, key and value (4 bytes that nobody
 * above sees), verified whenever it is read: what was read is what was written.
 *
 * Spans got from a transaction are lent: in a read until its end, in a write
 * until the next call that changes something.
 */
#ifndef MAILSTORE_STORE_DB_H
#define MAILSTORE_STORE_DB_H

#include "common/buf.h"

enum {
	DB_MAIN = 0,	     /* LMDB's own tree, which every commit writes: for one row or two */
	DB_TREES_MAX = 8,
	DB_KEY_MAX = 500,
	DB_VALUE_MAX = 2 * 1024 * 1024,
	DB_CHECK = 4,	     /* bytes the check takes at the end of a value */
	/* Values that fill whole pages of their own; and one that stands among others. */
	DB_PAGE = 4096,
	DB_PAGE_HEAD = 16,
	DB_INLINE_MAX = 2000,
};

struct db;
struct db_txn;
struct db_cursor;

/* What an environment looks like.  Must live as long as it. */
struct db_shape {
	const char *what;		 /* for the log: "account", "queue", ... */
	const char *trees[DB_TREES_MAX]; /* names of the trees 1, 2, ...; NULL ends */
	uint64_t reserve;		 /* disk space kept for deleting when the disk is full; 0: none */
};

/* ---- environments ---- */

/* Makes the folder and an empty environment in it, durable on return; one that is there is left alone. */
enum herr db_create(const char *folder) MUST_USE;
/* Opens it (H_NOTFOUND: there is none; H_CORRUPT: cut off or damaged), makes trees that are missing.  After exec, never across a fork. */
enum herr db_open(struct db **, const char *folder, const struct db_shape *) MUST_USE;
/* One file that nobody changes (made by db_publish), read without locks. */
enum herr db_open_published(struct db **, const char *file, const struct db_shape *) MUST_USE;
/* Writes a compact copy of the newest state into an empty file.  The caller syncs and renames it. */
enum herr db_publish(struct db *, int fd) MUST_USE;
void db_close(struct db **);

/* Number of the last committed transaction, by whichever process. */
uint64_t db_last(struct db *);
/* About once a minute: clears readers that died, gives pages of the map back. */
void db_tidy(struct db *);

/* ---- transactions ---- */

/* Never NULL.  Only one process writes at a time: a write waits for the others. */
struct db_txn *db_begin(struct db *, bool write);
/* H_OK: on disk (if it was a write that changed anything). */
enum herr db_commit(struct db_txn **) MUST_USE;
void db_abort(struct db_txn **);
enum herr db_error(const struct db_txn *);
/* Makes the transaction fail: for those who find that rows contradict each other (logged with the key). */
void db_corrupt(struct db_txn *, unsigned tree, struct span key, const char *why);
bool db_writes(const struct db_txn *);
/* Before rows of about `bytes` of new mail are put: H_FULL (which does not stick) if the disk would be left without its reserve. */
enum herr db_want_space(struct db_txn *, uint64_t bytes) MUST_USE;
/* Would it say H_OK?  While no transaction is open. */
bool db_has_space(struct db *, uint64_t bytes);

/* ---- rows ---- */

bool db_get(struct db_txn *, unsigned tree, struct span key, struct span *value);
void db_put(struct db_txn *, unsigned tree, struct span key, struct span value);
/* A value in pieces.  `last`: the caller knows the key to be beyond all others of the tree (it is an error if it is not); pages are filled better so. */
void db_put_pieces(struct db_txn *, unsigned tree, struct span key, const struct span *pieces, size_t n, bool last);
/* True if there was one. */
bool db_delete(struct db_txn *, unsigned tree, struct span key);

/* ---- walking ---- */

/*
 * Closed by its transaction at the latest.  While a cursor is on its way nothing
 * may be changed in its tree but with db_seek() before the next step.
 * Keys must rise (or fall) from step to step, so a damaged tree ends a walk.
 */
struct db_cursor *db_cursor(struct db_txn *, unsigned tree);
void db_cursor_close(struct db_cursor **);
bool db_seek(struct db_cursor *, struct span key); /* the first row with a key >= this */
bool db_seek_before(struct db_cursor *, struct span key); /* the last row with a key < this */
bool db_next(struct db_cursor *);
bool db_prev(struct db_cursor *);
struct span db_key(const struct db_cursor *);
struct span db_value(const struct db_cursor *);

#endif
