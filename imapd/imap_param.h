/* Parameters of BODYSTRUCTURE: as they stand in the message, or (IMAP4rev2) put together and decoded (RFC 2231; RFC 9051, 7.5.2). */
#ifndef IMAPD_IMAP_PARAM_H
#define IMAPD_IMAP_PARAM_H

#include "common/buf.h"

/* "(" name SP value ... ")", or NIL; `list` is one of a record. */
void imap_put_params(struct buf *, struct span list, bool decoded);

#endif
