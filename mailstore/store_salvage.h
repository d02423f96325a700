/*
 * Rows of an environment that may be damaged, read without LMDB, which believes
 * its pages.  Every page is looked at with bounds, every row is kept only if its
 * check is right; a check also says which tree a row is of.  So what stands
 * below a page that is lost is found all the same: it is a page that no tree
 * reaches and that is not in the list of free ones.
 *
 * Nobody may be writing to the file.
 */
#ifndef MAILSTORE_STORE_SALVAGE_H
#define MAILSTORE_STORE_SALVAGE_H

#include "common/buf.h"
#include "mailstore/store_db.h"

struct salvage;

/* Reads the whole file (any descriptor for reading; it stays the caller's). `trees`: names of the trees 1, 2, ..., NULL ends. */
struct salvage *salvage_new(int fd, const char *const *trees);
void salvage_free(struct salvage **);
/* Pages and rows that were not as they should be. */
uint64_t salvage_damaged(const struct salvage *);

/* Rows are numbered, sorted by tree and key.  The first of that tree with a key >= `key`; salvage_end() if there is none. */
size_t salvage_seek(const struct salvage *, unsigned tree, struct span key);
bool salvage_is_in(const struct salvage *, size_t row, unsigned tree);
struct span salvage_key(const struct salvage *, size_t row);
/* False: it can no longer be read. */
bool salvage_value(const struct salvage *, size_t row, struct buf *value);
/* The first bytes of a value; false: it has fewer. */
bool salvage_head(const struct salvage *, size_t row, void *bytes, size_t len);

#endif
