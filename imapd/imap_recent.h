/*
 * Which messages are \Recent (RFC 3501, 2.3.2): those that no session was told
 * of yet.  Kept in the memory of this process only, so that reading mail writes
 * nothing: what is there when it starts is not recent.
 */
#ifndef IMAPD_IMAP_RECENT_H
#define IMAPD_IMAP_RECENT_H

#include "imapd/imap.h"

void imap_recent_begin(struct imap_account *); /* notes what is there now */
void imap_recent_end(struct imap_account *);
/* From which UID on messages of a mailbox are known to no session yet. */
uint32_t imap_recent_from(const struct imap_account *, uint32_t mailbox);
/* The session's client is being told of all that its view holds: what is recent in it is so for this session alone. */
void imap_recent_claim(struct imap_session *);
bool imap_is_recent(const struct imap_session *, uint32_t uid);
/* "* 1 RECENT", to those who want to know: IMAP4rev2 has it no more. */
void imap_recent_put(struct imap_session *);

#endif
