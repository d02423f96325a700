/*
 * Messages of another life of the same account; for store_restore.c.
 */
#ifndef MAILSTORE_STORE_BRING_H
#define MAILSTORE_STORE_BRING_H

#include "mailstore/store_int.h"

struct bring_order {
	struct span from, to; /* mailboxes; `to` is made if it is missing */
	uint64_t since;	      /* only messages with that number or a larger one; 0: all, also none */
	bool same;	      /* UIDLs of both are from one counter: kept where they are free */
	bool quota;	      /* applies */
};
/* Adds to `messages`. */
enum herr bring_mailbox(struct store *to, struct store *from, const struct bring_order *, uint64_t *messages) MUST_USE;

#endif
