/*
 * Group commit: the writes that wait in all sessions become one transaction.
 * Nobody is answered before it is on disk.
 */
#ifndef IMAPD_IMAP_BATCH_H
#define IMAPD_IMAP_BATCH_H

#include "imapd/imap.h"

/* Applies and commits what waits, and lets those sessions go on. */
void imap_batch_run(struct imap_account *);

/* apply() changes which messages are in that mailbox. */
void imap_batch_touch(struct imap_request *, uint32_t mailbox);
/*
 * apply() is about to change flags in the selected mailbox, really (a
 * transaction that changes nothing has no modseq).  For a session is not told
 * its own changes, unless somebody else's are among them.
 */
void imap_batch_touch_flags(struct imap_session *, struct imap_request *, struct store_txn *);

#endif
