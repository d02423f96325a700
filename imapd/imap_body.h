/* One BODY[...] of one message on its way to the client, as fast as the client reads. */
#ifndef IMAPD_IMAP_BODY_H
#define IMAPD_IMAP_BODY_H

#include "imapd/imap.h"
#include "imapd/imap_fetch.h"

struct imap_body { /* zeroed: nothing under way */
	bool begun;
	uint64_t message, at, left; /* the bytes that are still to be sent */
	struct imap_pieces pieces;
	struct buf header; /* one that does not lie in one block */
};

void imap_body_free(struct imap_body *);
/* What was announced cannot be read: the session is over. */
void imap_body_lost(struct imap_session *, uint64_t message, uint64_t at);
/*
 * Begins or goes on: label, size, bytes.  IMAP_DONE or IMAP_WAIT_ROOM.  If the
 * store cannot read what was announced, the session is over; what cannot be
 * read at all is NIL, and `*damaged` is set: the read transaction is spoiled.
 */
enum imap_step imap_body_put(struct imap_session *, struct imap_body *, const struct imap_item *, struct span label, const struct store_row *, bool *damaged);

#endif
