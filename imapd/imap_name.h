/*
 * Mailbox names on the wire.  The store keeps UTF-8, normalized (Net-Unicode,
 * RFC 5198; RFC 9051, 5.1).  A client says and hears modified UTF-7, until it
 * enables UTF8=ACCEPT or IMAP4rev2: then UTF-8 as it stands, "&" included.
 * What holds a byte beyond ASCII is UTF-8 in either case (RFC 6855, 3).
 */
#ifndef IMAPD_IMAP_NAME_H
#define IMAPD_IMAP_NAME_H

#include "imapd/imap_parse.h"

/* Appends the name, or a pattern of names, as the store has it; false if it is not well-formed. */
bool imap_name_decode(struct buf *name, struct span wire, bool utf8) MUST_USE;
/* A name as an argument; "/" at its end is taken off ("Projects/" is what some clients create and select).  The cursor is bad, or false: no mailbox can have it. */
bool imap_name_get(struct imap_args *, struct buf *name);
/* The same; `said` is how the client wrote it, lent from the command, where that had to be normalized, else empty. */
bool imap_name_get_said(struct imap_args *, struct buf *name, struct span *said);

void imap_name_put(struct buf *, struct span name, bool utf8);

#endif
