/* One BINARY[...] or BINARY.SIZE[...] of one message: a part without its transfer encoding (RFC 9051, 6.4.5; RFC 3516). */
#ifndef IMAPD_IMAP_BINARY_H
#define IMAPD_IMAP_BINARY_H

#include "common/decode.h"
#include "imapd/imap.h"
#include "imapd/imap_fetch.h"

struct imap_binary { /* zeroed: nothing under way */
	enum { IMAP_BINARY_NOT, IMAP_BINARY_COUNTS, IMAP_BINARY_SENDS } phase;
	uint64_t message, start, len; /* the encoded bytes */
	enum decode_encoding encoding;
	uint64_t from, to;	      /* what is wanted of the decoded ones */
	struct decode decode;
	uint64_t at, left;	      /* encoded bytes still to be read */
	uint64_t decoded;	      /* bytes decoded so far */
	bool nul;		      /* one is wanted */
	struct buf piece;
};

void imap_binary_free(struct imap_binary *);
/* Whether we know the transfer encoding of what the item names; if not, nothing can be told of it. */
bool imap_binary_known(struct imap_session *, const struct imap_item *, const struct store_row *);
/* As imap_body_put(), and IMAP_AGAIN: decoding takes long. */
enum imap_step imap_binary_put(struct imap_session *, struct imap_binary *, const struct imap_item *, struct span label, const struct store_row *, bool *damaged);

#endif
