/*
 * Tokens, comments and parameters of MIME fields (RFC 2045, 5.1; RFC 2231), on
 * text without folds.  Read as mail has them: quotes without an end, values with
 * blanks in them, semicolons too many.
 */
#ifndef COMMON_MIME_PARAM_H
#define COMMON_MIME_PARAM_H

#include "common/buf.h"
#include "common/scan.h"

void mime_param_skip(struct scan *);	    /* blanks and comments */
struct span mime_param_item(struct scan *); /* what stands before the next `;`, without a comment behind it */
/* "text/html"; false if that is none (RFC 2045, 5.1). */
bool mime_param_type(struct scan *, struct span *type, struct span *subtype);
/* The next parameter, its value without quotes (lent from `room` or the text); the cursor stands before its `;`, if it has one.  False at the end. */
bool mime_param_next(struct scan *, struct buf *room, struct span *name, struct span *value);
/* The value of a parameter whose name ends in `*`; `first`: it begins with charset'language' (RFC 2231, 4). */
void mime_param_decode(struct buf *, struct span value, bool first);

#endif
