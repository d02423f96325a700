/*
 * Flags on the wire and in the store: five system flags and the account's
 * keywords.  \Recent is nobody's to set; it is accepted and ignored.
 */
#ifndef IMAPD_IMAP_FLAGS_H
#define IMAPD_IMAP_FLAGS_H

#include "imapd/imap.h"

struct imap_flags { /* as a client named them; zeroed: none */
	uint8_t system; /* enum store_flag */
	struct buf keywords; /* each with a NUL behind it */
};

void imap_flags_free(struct imap_flags *);
/* "(" *flag ")" */
void imap_flags_parse(struct imap_args *, struct imap_flags *);
/* The same, or flags without parentheses up to the end (STORE). */
void imap_flags_parse_loose(struct imap_args *, struct imap_flags *);
/* In the store's numbers.  Unknown keywords are made, or (`create` false) left out.  H_LIMIT: the account has its fill. */
enum herr imap_flags_resolve(struct store_txn *, const struct imap_flags *, bool create, struct store_flags *) MUST_USE;

/* One system flag or keyword by its name, for SEARCH KEYWORD: the number, or -1. */
int imap_flags_keyword(struct imap_account *, struct span name);

/* "(\Seen $label1)", to the session */
void imap_flags_put(struct imap_session *, const struct store_row *);
/* The untagged FLAGS and PERMANENTFLAGS, with all keywords there are; remembers how many the client knows. */
void imap_flags_announce(struct imap_session *);
/* The same if there are more keywords than the client knows. */
void imap_flags_update(struct imap_session *);

#endif
