/* RFC 1939, 3 (multi-line responses) and 7 (TOP). */
#include "pop3d/pop3_dot.h"

enum {
	RUN_MAX = 1024, /* looked at together: lines of more go one by one */
};

void
pop3_dot_begin(struct pop3_dot *d)
{
	*d = (struct pop3_dot){ 0 };
}

void
pop3_dot_begin_top(struct pop3_dot *d, uint32_t lines)
{
	*d = (struct pop3_dot){ .top = true, .lines = lines };
}

static void
put_bytes(struct pop3_dot *d, const char *bytes, size_t len, struct buf *out)
{
	if (len == 0)
		return;
	if (d->column == 0 && bytes[0] == '.')
		buf_byte(out, '.');
	d->column += len;
	d->last = bytes[len - 1];
	while (len > 0) {
		const char *nul = memchr(bytes, '\0', len);
		size_t run = nul != NULL ? (size_t)(nul - bytes) : len;

		buf_add(out, (struct span){ bytes, run });
		if (nul != NULL) {
			buf_byte(out, (char)0x80);
			run++;
		}
		bytes += run;
		len -= run;
	}
}

/* Writes the end of a line whose CR, if it had one, was written. */
static void
put_end(struct pop3_dot *d, struct buf *out)
{
	bool cr = d->column > 0 && d->last == '\r';

	if (!cr)
		buf_byte(out, '\r');
	buf_byte(out, '\n');
	if (!d->in_body)
		d->in_body = d->column == (cr ? 1 : 0);
	else if (d->lines > 0)
		d->lines--;
	d->enough = d->top && d->in_body && d->lines == 0;
	d->column = 0;
}

/* How much of `in`, which begins a line, are lines that go out as they are:
 * they end in CRLF, none begins with a dot, there is no NUL. */
static size_t
as_it_is(struct span in)
{
	const char *end = in.ptr + (in.len < RUN_MAX ? in.len : RUN_MAX);
	const char *at = in.ptr;

	while (at < end && *at != '.') {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		if (lf == NULL || lf == at || lf[-1] != '\r')
			break;
		at = lf + 1;
	}
	return memchr(in.ptr, '\0', (size_t)(at - in.ptr)) == NULL
	           ? (size_t)(at - in.ptr)
	           : 0;
}

bool
pop3_dot_feed(struct pop3_dot *d, struct span in, struct buf *out)
{
	while (in.len > 0 && !d->enough) {
		const char *lf;
		size_t len = d->column == 0 && !d->top ? as_it_is(in) : 0;

		if (len > 0) {
			buf_add(out, (struct span){ in.ptr, len });
			in.ptr += len;
			in.len -= len;
			continue;
		}
		lf = memchr(in.ptr, '\n', in.len);
		len = lf != NULL ? (size_t)(lf - in.ptr) : in.len;
		put_bytes(d, in.ptr, len, out);
		if (lf != NULL) {
			put_end(d, out);
			len++;
		}
		in.ptr += len;
		in.len -= len;
	}
	return !d->enough;
}

void
pop3_dot_end(struct pop3_dot *d, struct buf *out)
{
	if (d->column > 0)
		put_end(d, out);
	buf_text(out, ".\r\n");
}
