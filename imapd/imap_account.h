/* The account role: all sessions of one account, and the turns they take. */
#ifndef IMAPD_IMAP_ACCOUNT_H
#define IMAPD_IMAP_ACCOUNT_H

#include "imapd/imap.h"

struct imap_account *imap_account_new(struct loop *, struct store *);
void imap_account_free(struct imap_account **); /* sessions are cut off; the store stays its owner's */
/* A session for the front at the other end of `fd`, which is taken if the answer is H_OK. */
enum herr imap_account_begin(struct imap_account *, uint64_t id, int fd) MUST_USE;
void imap_account_woken(struct imap_account *);	  /* something was committed, perhaps elsewhere */
void imap_account_goodbye(struct imap_account *); /* BYE to everybody */

#endif
