/* The messages that a command names, by sequence number or UID, as UIDs of the session's view. */
#ifndef IMAPD_IMAP_NUMBERS_H
#define IMAPD_IMAP_NUMBERS_H

#include "imapd/imap.h"

/* Reads a set, or "$".  IMAP_REPLY_DONE, or IMAP_REPLY_NUMBER: a sequence number beyond the last; the cursor is bad if it is no set. */
enum imap_reply imap_numbers_parse(struct imap_session *, struct imap_args *, bool by_uid, struct imap_set *uids);
/* The same for SEARCH, where a number beyond the last names nothing and is no error. */
void imap_numbers_parse_loosely(struct imap_session *, struct imap_args *, bool by_uid, struct imap_set *uids);
/* How many messages of the view the set names. */
uint32_t imap_numbers_count(const struct imap_session *, const struct imap_set *uids);
/* A set of UIDs as sequence numbers; `seqs` is empty before. */
void imap_numbers_of(const struct imap_session *, const struct imap_set *uids, struct imap_set *seqs);
/* A set of UIDs in the numbers that the client used. */
void imap_numbers_put(struct buf *, const struct imap_session *, const struct imap_set *uids, bool by_uid);

#endif
