/*
 * A turn of the account role: who goes on, until when, and the one read
 * transaction that everybody in it shares.
 */
#ifndef IMAPD_IMAP_TURN_H
#define IMAPD_IMAP_TURN_H

#include "imapd/imap.h"

/* This session can go on: it gets a turn. */
void imap_ready(struct imap_session *);
/* Takes the next of those off the list; NULL: none. */
struct imap_session *imap_next_ready(struct imap_account *);
/* Its requests want the write transaction of this turn. */
void imap_want_write(struct imap_session *);
void imap_forget_session(struct imap_session *); /* takes it off both lists */

void imap_slice_begin(struct imap_account *);
bool imap_slice_over(const struct imap_account *);

/* The read transaction of this turn, begun if there is none. */
struct store_txn *imap_read(struct imap_account *);
/* Ends it: before anything that writes, and for a fresh look. */
void imap_read_end(struct imap_account *);

/* Sends what has gathered; whether there is room for more. */
bool imap_has_room(struct imap_session *);

#endif
