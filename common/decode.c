/*
 * Transfer encodings (RFC 2045, 6.7 and 6.8), as mail has them: what is not of
 * the encoding is passed over in base64 and kept in quoted-printable.
 */
#include "common/decode.h"

#include "common/scan.h"

enum decode_encoding
decode_encoding(struct span name)
{
	name = span_trim(name);
	if (span_is_nocase(name, "base64"))
		return DECODE_BASE64;
	/* A blank in place of the hyphen has been seen. */
	if (span_is_nocase(name, "quoted-printable") ||
	    span_is_nocase(name, "quoted printable"))
		return DECODE_QUOTED_PRINTABLE;
	return DECODE_IDENTITY;
}

bool
decode_knows(struct span name)
{
	static const char *const identity[] = { "7bit", "8bit", "binary" };

	name = span_trim(name);
	for (size_t i = 0; i < COUNT_OF(identity); i++)
		if (span_is_nocase(name, identity[i]))
			return true;
	return decode_encoding(name) != DECODE_IDENTITY;
}

void
decode_begin(struct decode *d, enum decode_encoding encoding)
{
	*d = (struct decode){ .encoding = encoding };
}

/* ---- base64 ---- */

/* The value of a digit, or -1. */
static int
sextet(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What the held digits are worth: 4 give 3 bytes, 3 give 2, 2 give 1. */
static char *
put_held(struct decode *d, char *to)
{
	const unsigned char *h = d->held;

	if (d->nheld > 1)
		*to++ = (char)(h[0] << 2 | h[1] >> 4);
	if (d->nheld > 2)
		*to++ = (char)(h[1] << 4 | h[2] >> 2);
	if (d->nheld > 3)
		*to++ = (char)(h[2] << 6 | h[3]);
	d->nheld = 0;
	return to;
}

/* Padding ends a run of digits, but not the data: there is mail in which
 * several such runs follow one another. */
static void
feed_base64(struct decode *d, struct span in, struct buf *out)
{
	char *start = buf_want(out, in.len / 4 * 3 + 6);
	char *to = start;

	if (start == NULL)
		return;
	for (size_t i = 0; i < in.len; i++) {
		int value = sextet((unsigned char)in.ptr[i]);

		if (value >= 0)
			d->held[d->nheld++] = (unsigned char)value;
		if (d->nheld == 4 || in.ptr[i] == '=')
			to = put_held(d, to);
	}
	buf_grew(out, (size_t)(to - start));
}

/* ---- quoted-printable ---- */

int
decode_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Blanks at the end of a line are not of the text (RFC 2045, 6.7, rule 3), so
 * they wait for what follows. */
static void
hold_blank(struct decode *d, char c, struct buf *out)
{
	if (d->nblanks == sizeof(d->blanks)) {
		buf_add(out, (struct span){ d->blanks, d->nblanks });
		d->nblanks = 0;
	}
	d->blanks[d->nblanks++] = c;
}

/* What is held is text after all: blanks inside a line, an escape that is none.
 */
static void
keep_held(struct decode *d, struct buf *out)
{
	if (d->nheld > 0)
		buf_add(out, (struct span){ (const char *)d->held, d->nheld });
	buf_add(out, (struct span){ d->blanks, d->nblanks });
	d->nheld = d->nblanks = 0;
}

/* Behind `=`: two digits, or the end of the line, with blanks before it. False:
 * neither, and `c` is not taken. */
static bool
escaped_byte(struct decode *d, char c, struct buf *out)
{
	int value = decode_hex(c);

	if (d->nheld == 2 && value >= 0) {
		buf_byte(
		    out, (char)(decode_hex((char)d->held[1]) << 4 | value));
		d->nheld = 0;
		return true;
	}
	if (d->nheld == 1 && d->nblanks == 0 && value >= 0) {
		d->held[d->nheld++] = (unsigned char)c;
		return true;
	}
	if (d->nheld == 1 && c == '\n') {
		d->nheld = d->nblanks = 0;
		return true;
	}
	if (d->nheld == 1 && (c == ' ' || c == '\t' || c == '\r') &&
	    d->nblanks < sizeof(d->blanks)) {
		d->blanks[d->nblanks++] = c;
		return true;
	}
	keep_held(d, out);
	return false;
}

/* Text without `=` and line ends. */
static void
plain_run(struct decode *d, struct span run, struct buf *out)
{
	size_t text = run.len;

	while (
	    text > 0 && (run.ptr[text - 1] == ' ' || run.ptr[text - 1] == '\t'))
		text--;
	if (text > 0) {
		keep_held(d, out);
		buf_add(out, (struct span){ run.ptr, text });
	}
	for (size_t i = text; i < run.len; i++)
		hold_blank(d, run.ptr[i], out);
}

static void
feed_quoted_printable(struct decode *d, struct span in, struct buf *out)
{
	size_t at = 0;

	while (at < in.len) {
		size_t run = at;

		if (d->nheld > 0 && escaped_byte(d, in.ptr[at], out)) {
			at++;
			continue;
		}
		while (run < in.len && in.ptr[run] != '=' &&
		       in.ptr[run] != '\r' && in.ptr[run] != '\n')
			run++;
		plain_run(d, (struct span){ in.ptr + at, run - at }, out);
		if (run < in.len && in.ptr[run] == '=') {
			keep_held(d, out);
			d->held[d->nheld++] = '=';
		} else if (run < in.len) {
			d->nblanks = 0;
			buf_byte(out, in.ptr[run]);
		}
		at = run + 1;
	}
}

/* ---- any ---- */

void
decode_feed(struct decode *d, struct span in, struct buf *out)
{
	switch (d->encoding) {
	case DECODE_IDENTITY: buf_add(out, in); break;
	case DECODE_QUOTED_PRINTABLE: feed_quoted_printable(d, in, out); break;
	case DECODE_BASE64: feed_base64(d, in, out); break;
	}
}

void
decode_end(struct decode *d, struct buf *out)
{
	char last[3];

	if (d->encoding == DECODE_BASE64)
		buf_add(out,
		    (struct span){ last, (size_t)(put_held(d, last) - last) });
	else if (d->nheld > 1)
		buf_add(out, (struct span){ (const char *)d->held, d->nheld });
	/* A lone `=` is a line that goes on, though nothing follows; blanks are
	 * the end of a line. */
	d->nheld = d->nblanks = 0;
}
