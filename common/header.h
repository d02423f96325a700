/*
 * Header fields of a message (RFC 5322, 2.2), read as real mail has them: a
 * line that is no field and no continuation is skipped, never an end.
 */
#ifndef COMMON_HEADER_H
#define COMMON_HEADER_H

#include "common/buf.h"

struct header_field {
	struct span name;  /* without the colon and blanks before it */
	struct span value; /* raw: with folds, without the final line end */
	struct span whole; /* name to line end, with it, as received */
};

/* Walks a header: `*pos` starts at 0; false at the empty line or the end, where `*pos` then stands. */
bool header_next(struct span header, size_t *pos, struct header_field *);
/* The first field of that name, in any case. */
bool header_find(struct span header, const char *name, struct header_field *);
/* The value on one line: folds removed (RFC 5322, 2.2.3), CR LF NUL never in it, blanks at the ends trimmed. */
void header_unfold(struct buf *, struct span value);

#endif
