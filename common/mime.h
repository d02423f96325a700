/*
 * The MIME scanner: fed a message as its bytes arrive, in pieces of any size,
 * it finds the tree of parts in one pass and ends with a record (record.h).
 *
 * It never fails.  What it cannot read it keeps opaque: a multipart without a
 * boundary is a leaf, depth and part limits leave the rest inside its parent, a
 * line that is no header field is passed over.  Time is linear in the bytes,
 * memory bounded by the limits in record.h plus one header (MIME_HEADER_MAX).
 * Lines end in LF; a CR before it belongs to the line end (submitted and
 * imported mail may hold bare LF).
 */
#ifndef COMMON_MIME_H
#define COMMON_MIME_H

#include "common/buf.h"

enum {
	MIME_HEADER_MAX = 256 * 1024, /* of one header are looked at; the rest is passed over */
	MIME_FIELD_MAX = 64 * 1024,
	MIME_BOUNDARY_MAX = 256,
};

struct mime;

/* What policy asks of the top header, gathered in the same pass. */
struct mime_summary {
	unsigned received;   /* Received fields (loops: RFC 5321, 6.3) */
	unsigned froms, dates, message_ids, bccs;
	bool bare_cr, bare_lf, nul, eight_bit, eight_bit_header;
	uint64_t size, header_len; /* header_len: with the empty line */
	uint64_t longest_line;	   /* without its line end */
};

struct mime *mime_new(void);
void mime_free(struct mime **);
void mime_feed(struct mime *, struct span);
/* Once, at the end: the record is appended to `record` (limit RECORD_MAX). */
void mime_end(struct mime *, struct buf *record);
const struct mime_summary *mime_summary(const struct mime *);

#endif
