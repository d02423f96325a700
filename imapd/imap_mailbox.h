/* What is told of a mailbox in LIST, LSUB, XLIST and SELECT: attributes, special use (RFC 6154), name. */
#ifndef IMAPD_IMAP_MAILBOX_H
#define IMAPD_IMAP_MAILBOX_H

#include "common/buf.h"
#include "mailstore/store.h"

enum imap_list_kind { IMAP_LIST, IMAP_LSUB, IMAP_XLIST };

struct imap_list_line {
	enum imap_list_kind kind;
	struct span name;
	struct span said;  /* OLDNAME: how the client called it; empty: the same */
	bool extended;	   /* the client knows \NonExistent */
	bool only_parent;  /* LSUB: told for the sake of what is below it */
	bool subscribed;   /* \Subscribed is told */
	bool child_info;   /* something below it is subscribed (RFC 5258, 3.5) */
	bool utf8;
};

void imap_put_list(struct buf *, const struct imap_list_line *, const struct store_mailbox *);

/* "\Sent".  False: no use that a mailbox can be given here. */
bool imap_special_use(struct span attribute, enum store_role *);

#endif
