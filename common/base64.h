/* Base64 (RFC 4648, 4), strict: canonical padding, no line breaks, no junk. */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include "common/buf.h"

void base64_encode(struct buf *, struct span);
bool base64_decode(struct buf *, struct span) MUST_USE; /* false: malformed or over the buffer's limit; nothing added */

#endif
