/* ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501, 7.4.2; RFC 9051, 7.5.2), written from a message's record. */
#ifndef IMAPD_IMAP_STRUCTURE_H
#define IMAPD_IMAP_STRUCTURE_H

#include "common/record.h"

enum imap_structure {
	IMAP_STRUCTURE_EXTENDED = 1 << 0, /* BODYSTRUCTURE */
	IMAP_STRUCTURE_DECODED = 1 << 1,  /* IMAP4rev2: see imap_param.h */
};

/* `record` as the store has it; what cannot be read is shown as a message without fields, one text part of `size` bytes. */
void imap_put_envelope(struct buf *, struct span record);
void imap_put_structure(struct buf *, struct span record, uint64_t size, unsigned how /* enum imap_structure */);

#endif
