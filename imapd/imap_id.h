/* ID (RFC 2971): who the client says it is goes to the log, who we are to the client. */
#ifndef IMAPD_IMAP_ID_H
#define IMAPD_IMAP_ID_H

#include "imapd/imap_parse.h"

/* Reads the arguments, logs name and version (once a session: `*logged`), and writes the untagged ID.  False: malformed. */
bool imap_id(struct imap_args *, uint64_t session, bool *logged, struct buf *out);

#endif
