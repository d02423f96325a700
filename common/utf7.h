/*
 * Mailbox names on the wire: modified UTF-7 (RFC 3501, 5.1.3).  The store keeps
 * UTF-8.  Each name has one form only: what would not come back the same is
 * refused, so no two spellings name one mailbox.
 */
#ifndef COMMON_UTF7_H
#define COMMON_UTF7_H

#include "common/buf.h"

/* Appends the UTF-8 form; false (and perhaps a part of it appended) if this is no modified UTF-7. */
bool utf7_decode(struct buf *utf8, struct span mutf7) MUST_USE;
/* Appends the modified UTF-7 form; bytes that are no UTF-8 become U+FFFD. */
void utf7_encode(struct buf *mutf7, struct span utf8);

/* Whether these bytes are well-formed UTF-8 (RFC 3629). */
bool utf8_is_good(struct span);

#endif
