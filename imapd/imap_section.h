/*
 * What BODY[...] names (RFC 3501, 6.4.5): which bytes of a message, or which of
 * its header fields.
 */
#ifndef IMAPD_IMAP_SECTION_H
#define IMAPD_IMAP_SECTION_H

#include "imapd/imap_parse.h"
#include "mailstore/store.h"

enum imap_section_kind {
	IMAP_SECTION_WHOLE, /* the message, or the part's body */
	IMAP_SECTION_HEADER,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME,
	IMAP_SECTION_FIELDS,	 /* HEADER.FIELDS */
	IMAP_SECTION_FIELDS_NOT, /* HEADER.FIELDS.NOT */
};

struct imap_section {
	enum imap_section_kind kind;
	uint32_t *number; /* of the part; NULL: the message itself */
	size_t depth;
	struct span *field; /* names, lent from the command */
	size_t nfields;
};

void imap_section_free(struct imap_section *);
/* From behind "[" to behind "]". */
void imap_section_parse(struct imap_args *, struct imap_section *);
/* The section as the client will find it in the answer, with brackets. */
void imap_section_put(struct buf *, const struct imap_section *);
/* Whether two name the same bytes. */
bool imap_section_same(const struct imap_section *, const struct imap_section *);

/* Where the section's bytes lie (for HEADER.FIELDS: the header they come from).  False: the message has no such part.  `encoding` (may be NULL) is the transfer encoding of these bytes, lent from the record. */
bool imap_section_find(const struct imap_section *, struct store_txn *, const struct store_row *, uint64_t *start, uint64_t *len, struct span *encoding);

/* The pieces of a header that HEADER.FIELDS wants: fields that stand together are one. */
struct imap_pieces { /* zeroed: empty; used again for the next message without a new allocation */
	struct span *piece;
	size_t len, room;
	uint64_t total; /* bytes, with the empty line at the end */
};
void imap_pieces_free(struct imap_pieces *);
/* Lent from `header`.  Returns where the header ended: at its empty line, or at the end of the bytes. */
size_t imap_section_pick(const struct imap_section *, struct span header, struct imap_pieces *);
/* Appends the bytes of them from `skip` on, at most `most`. */
void imap_pieces_put(struct buf *, const struct imap_pieces *, uint64_t skip, uint64_t most);

#endif
