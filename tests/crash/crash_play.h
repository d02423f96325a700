/*
 * A play that can be given twice: transactions on a store that follow from a
 * seed alone, and what the store must hold after each.  The writer performs it;
 * whoever looks after a crash performs it again, in memory, as far as it was
 * acknowledged, and compares.
 */
#ifndef TESTS_CRASH_PLAY_H
#define TESTS_CRASH_PLAY_H

#include "mailstore/store.h"

struct play;

struct play *play_new(uint64_t seed);
void play_free(struct play **);
void play_end(void); /* of all plays of the process */

/* Performs transaction number `n`: on the store, if one is given, and in memory.  The transaction is open; it is the caller's to commit. */
enum herr play_step(struct play *, unsigned n, struct store *, struct store_txn *);
/* What has to be done before transaction `n` may begin: bytes of large messages. */
enum herr play_prepare(struct play *, unsigned n, struct store *);
/* The step was not committed: back to what was before it. */
void play_undo(struct play *);

/* NULL, or what differs.  Reads everything. */
const char *play_compare(const struct play *, struct store *);

/* The clock of whoever plays: it moves with the steps. */
void play_clock(unsigned n);

#endif
