/*
 * Sets of message numbers: "1:5,9,*" (RFC 9051, 9: sequence-set).  Kept as
 * sorted ranges that neither touch nor overlap.
 */
#ifndef IMAPD_IMAP_SET_H
#define IMAPD_IMAP_SET_H

#include "common/buf.h"
#include "common/scan.h"

struct imap_range {
	uint32_t first, last; /* never 0, first <= last */
};

struct imap_set { /* zeroed: empty */
	struct imap_range *range;
	size_t len, room;
};

void imap_set_free(struct imap_set *);
void imap_set_clear(struct imap_set *); /* memory kept */

/*
 * Reads a set; `star` is what "*" means, 0 in an empty mailbox, where "*" and
 * ranges up to it are empty.  Bad if a number is larger than `most`; a range
 * that reaches up to "*" is cut there instead (clients ask for "next:*").
 */
void imap_set_parse(
    struct scan *, uint32_t star, uint32_t most, struct imap_set *);
/* Adding in ascending order is quick, any other order costs a move. */
void imap_set_add(struct imap_set *, uint32_t first, uint32_t last);

/* Many in any order: collected as they come, then sorted; no other call in between. */
void imap_set_collect(struct imap_set *, uint32_t first, uint32_t last);
void imap_set_sort(struct imap_set *);
/* Leaves in the first what is in the second too. */
void imap_set_and(struct imap_set *, const struct imap_set *);

bool imap_set_has(const struct imap_set *, uint32_t);
/* The first stretch of the set that begins at `from` or later. */
bool imap_set_from(
    const struct imap_set *, uint32_t from, struct imap_range *);
uint64_t imap_set_count(const struct imap_set *);
uint32_t imap_set_last(const struct imap_set *); /* 0: empty */
void imap_set_put(struct buf *, const struct imap_set *);

#endif
