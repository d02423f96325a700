/* What STATUS tells of a mailbox, asked by itself or in LIST (RFC 9051, 6.3.11; RFC 5819). */
#ifndef IMAPD_IMAP_STATUS_H
#define IMAPD_IMAP_STATUS_H

#include "imapd/imap.h"

enum imap_status_item {
	IMAP_STATUS_MESSAGES,
	IMAP_STATUS_RECENT,
	IMAP_STATUS_UIDNEXT,
	IMAP_STATUS_UIDVALIDITY,
	IMAP_STATUS_UNSEEN,
	IMAP_STATUS_DELETED,
	IMAP_STATUS_SIZE,
	IMAP_STATUS_APPENDLIMIT,
	IMAP_STATUS_HIGHESTMODSEQ,
	IMAP_STATUS_ITEMS
};

struct imap_status { /* zeroed: nothing; in the order asked, each once */
	enum imap_status_item item[IMAP_STATUS_ITEMS];
	size_t len;
};

/* "(" item *(SP item) ")"; bad if it cannot be read. */
void imap_status_parse(struct imap_args *, struct imap_status *);
/* Before the first mailbox is told: asking for modseqs switches them on. */
void imap_status_begin(struct imap_session *, const struct imap_status *);
void imap_status_put(struct imap_session *, const struct imap_status *, struct span name, const struct store_mailbox *);

#endif
