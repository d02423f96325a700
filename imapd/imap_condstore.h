/* CONDSTORE (RFC 7162): what several commands share of it. */
#ifndef IMAPD_IMAP_CONDSTORE_H
#define IMAPD_IMAP_CONDSTORE_H

#include "imapd/imap.h"

/* A CONDSTORE enabling command was given: from now on MODSEQ is told.  The first one in a mailbox is answered with HIGHESTMODSEQ (RFC 7162, 3.1). */
void imap_condstore_on(struct imap_session *);

/* "* VANISHED (EARLIER) ..." for UIDs of `among` that went after `since` and are above `above`. */
void imap_condstore_put_earlier(struct imap_session *, uint64_t since, const struct imap_set *among, uint32_t above);

#endif
