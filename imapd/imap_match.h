/*
 * The keys of SEARCH that need a message read: its record, its header, its
 * text.  Exact substrings of the decoded text, without case.  Text is decoded
 * and looked through as it comes from the store, in slices.
 */
#ifndef IMAPD_IMAP_MATCH_H
#define IMAPD_IMAP_MATCH_H

#include "common/decode.h"
#include "imapd/imap_search.h"

struct imap_match { /* zeroed: nothing under way.  Memory is kept from message to message */
	bool in_text;
	bool in_part;	   /* in the body of a part, else before its header */
	unsigned part;	   /* index of the part at hand */
	uint64_t at, left; /* of its body */
	struct decode decode;
	struct buf charset;
	bool wide;	     /* its text is decoded whole */
	size_t overlap;	     /* of one piece of text with the next: the longest needle less one */
	struct buf raw;	     /* decoded bytes that are not text yet */
	struct buf text, window; /* UTF-8; folded, with the overlap in front */
	struct buf value;    /* one header field */
};

void imap_match_free(struct imap_match *);
/*
 * Answers the keys that are open for this message, the cheap ones first, until
 * the whole is certain.  IMAP_DONE, or IMAP_AGAIN: call again with the same row.
 */
enum imap_step imap_match(struct imap_session *, struct imap_match *, struct imap_search *, const struct store_row *);

#endif
