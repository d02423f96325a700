/*
 * From what is in a message to text: transfer encodings (RFC 2045, 6), encoded
 * words (RFC 2047), RFC 2231 values, charsets to UTF-8.  All tolerant, all
 * incremental where bodies are concerned.
 */
#ifndef COMMON_DECODE_H
#define COMMON_DECODE_H

#include "common/buf.h"

enum decode_encoding { DECODE_IDENTITY, DECODE_QUOTED_PRINTABLE, DECODE_BASE64 };
enum decode_encoding decode_encoding(struct span name); /* unknown names: identity */
bool decode_knows(struct span name); /* it is one of RFC 2045, in any spelling that decode_encoding() takes */

int decode_hex(char); /* the value of a hexadecimal digit in any case, or -1 */

/* Streaming: state between pieces is in the struct. */
struct decode {
	enum decode_encoding encoding;
	unsigned char held[4]; /* the beginning of an escape or of a group */
	unsigned nheld, nblanks;
	char blanks[80]; /* longer than any line of quoted-printable */
};
void decode_begin(struct decode *, enum decode_encoding);
void decode_feed(struct decode *, struct span, struct buf *out);
void decode_end(struct decode *, struct buf *out);

/*
 * Text in `charset` to UTF-8, always well-formed; what means nothing becomes
 * U+FFFD.  Charsets of one byte a character and UTF-8 by own tables; those of
 * several (ISO-2022-JP, GB18030, ...) by iconv if decode_open_charsets() was
 * called before the role locked itself in, else U+FFFD for what is not ASCII.
 * What calls itself ASCII, or a name nobody knows, is UTF-8 if it can be, and
 * windows-1252 (unknown names: U+FFFD) if not.
 */
void decode_charset(struct buf *out, struct span charset, struct span text);
void decode_open_charsets(void);
/* UTF-16: a byte LF in it need not be the end of a line, so it is decoded whole. */
bool decode_is_wide(struct span charset);

/* A header value with its encoded words decoded to UTF-8. */
void decode_words(struct buf *out, struct span value);

/* Normalization form C (RFC 5198).  False: no well-formed UTF-8. */
bool decode_normalize(struct buf *out, struct span utf8) MUST_USE;

/* Lower case and decomposed for search (RFC 5051 in spirit: Unicode case folding by utf8proc; ASCII by a fast path). */
void decode_fold(struct buf *out, struct span utf8);

#endif
