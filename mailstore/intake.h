/*
 * Imported messages on their way into an account's store.
 *
 * Many are published by one transaction: 256, or as many as have a mebibyte.  It
 * is all prepared before it begins, so that deliveries never wait longer than
 * for such a one to be written and synced.
 *
 * Nothing is taken twice: a message's import id is the digest of its bytes and
 * of the name of the mailbox it came from.  The n-th message with an id is taken
 * if fewer than n were ever taken, by this import or by those before; that is
 * written in the same transaction.  So copies within the source are kept, an
 * import may be repeated or go on after it was interrupted, and what somebody
 * has deleted, moved or flagged since then stays so.
 */
#ifndef MAILSTORE_INTAKE_H
#define MAILSTORE_INTAKE_H

#include "mailstore/store.h"

struct intake;

/* Where the bytes of a message come from; a large one is read twice. */
struct intake_source {
	bool (*piece)(void *arg, struct buf *out); /* appends some; false: the end, or `failed` */
	void (*again)(void *arg);
	void *arg;
	bool failed;
};

struct intake_message {
	uint32_t mailbox; /* 0: ask, once it is known to be new */
	enum herr (*open)(void *arg, uint32_t *mailbox);
	void *arg;
	struct span origin; /* the name of the mailbox it came from */
	struct store_flags flags;
	int64_t date;
	bool raw; /* line ends stay as they are */
	struct intake_source *source;
};

struct intake_stand { uint64_t added, known, bytes; };

/* Before the process locks itself in. */
struct intake *intake_new(struct store *);
void intake_free(struct intake **);
/* H_OK: taken (on disk after the next intake_flush()), or known.  H_INVALID: not, `why` says why; the next may be.  Else: no more can come in. */
enum herr intake_add(struct intake *, struct intake_message *, const char **why) MUST_USE;
enum herr intake_flush(struct intake *) MUST_USE;
/* What is on disk. */
const struct intake_stand *intake_stand(const struct intake *);

#endif
