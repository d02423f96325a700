/*
 * A maildrop: what INBOX held when the session began.  Numbers stay as they
 * were, whatever others deliver or remove meanwhile; nothing is removed before
 * pop3_drop_update().  No transaction of the store outlives a call.
 */
#ifndef POP3D_POP3_DROP_H
#define POP3D_POP3_DROP_H

#include "mailstore/store.h"
#include "pop3d/pop3_dot.h"

struct pop3_drop;

struct pop3_entry {
	uint64_t uidl, size;
	uint32_t uid;
	bool deleted;
};

enum herr pop3_drop_open(struct pop3_drop **, struct store *) MUST_USE;
void pop3_drop_close(struct pop3_drop **);

uint32_t pop3_drop_last(const struct pop3_drop *); /* the highest number */
/* NULL: there is none of that number, or it is marked as deleted. */
const struct pop3_entry *pop3_drop_entry(const struct pop3_drop *, uint32_t number);
void pop3_drop_total(const struct pop3_drop *, uint32_t *messages, uint64_t *bytes); /* without the deleted */

void pop3_drop_mark(struct pop3_drop *, uint32_t number);
void pop3_drop_unmark_all(struct pop3_drop *);

/* Where its bytes are; H_NOTFOUND if somebody removed it meanwhile, else why it cannot be read.  The entry of that number exists. */
enum herr pop3_drop_find(struct pop3_drop *, uint32_t number, struct store_row *) MUST_USE;
/* Writes the next block and moves `offset` on; `more` is false after the last one that is needed. */
enum herr pop3_drop_block(struct pop3_drop *, const struct store_row *, uint64_t *offset, struct pop3_dot *, struct buf *out, bool *more) MUST_USE;

/* Removes what is marked, all of it or nothing. */
enum herr pop3_drop_update(struct pop3_drop *) MUST_USE;

#endif
