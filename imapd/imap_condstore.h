/* CONDSTORE (RFC 7162): what several commands share of it. */
#ifndef IMAPD_IMAP_CONDSTORE_H
#define IMAPD_IMAP_CONDSTORE_H

#include "imapd/imap.h"

/* A CONDSTORE enabling command was given: from now on MODSEQ is told.  The first one in a mailbox is answered with HIGHESTMODSEQ (RFC 7162, 3.1). */
void imap_condstore_on(struct imap_session *);

struct imap_earlier {
	uint64_t since;
	uint32_t at; /* UIDs before this one are known, or told */
	size_t line; /* how long the line is so far */
};

/* "* VANISHED (EARLIER) ..." for UIDs of `among` that went after `since`.  IMAP_DONE, IMAP_AGAIN or IMAP_WAIT_ROOM: call again. */
enum imap_step imap_condstore_put_earlier(struct imap_session *, struct imap_earlier *, const struct imap_set *among);

#endif
