/*
 * Telling a client what changed in its mailbox: EXPUNGE or VANISHED, EXISTS and
 * RECENT, then FETCH with flags (RFC 9051, 5.2, 7.5.1; RFC 7162, 3.2).
 *
 * A session's view is what its client knows; it is replaced as a whole, once
 * the difference was told.  While EXPUNGE may not be told, the view stays.
 */
#ifndef IMAPD_IMAP_SYNC_H
#define IMAPD_IMAP_SYNC_H

#include "imapd/imap.h"

/* Begins, or goes on.  IMAP_DONE, IMAP_AGAIN or IMAP_WAIT_ROOM. */
enum imap_step imap_sync(struct imap_session *, bool expunge);
/* Whether IDLE has something to tell. */
bool imap_sync_needed(struct imap_session *);
void imap_sync_free(struct imap_session *);

/* UIDs of a mailbox whose flags changed, or that came, after `since`; from the change log, or from the rows where it does not reach back that far. */
void imap_sync_changed(struct store_txn *, uint32_t mailbox, uint64_t since, bool with_new, struct imap_set *);

/* "* 5 FETCH (UID 7 FLAGS (...) MODSEQ (9))" as this session wants it; nothing if the view does not have it. */
void imap_sync_put_fetch(struct imap_session *, const struct store_row *, bool flags, bool uid);

/* Puts the session into a mailbox, or (mailbox 0) out of one. */
void imap_sync_select(struct imap_session *, const struct store_mailbox *, struct store_view *, bool read_only);
void imap_sync_leave(struct imap_session *);

#endif
