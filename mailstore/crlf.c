/* Line ends: see crlf.h. */
#include "mailstore/crlf.h"

/* The length of the line at the front, with its LF; all if there is none. */
static size_t
to_line_end(struct span s)
{
	const char *lf = memchr(s.ptr, '\n', s.len);

	return lf == NULL ? s.len : (size_t)(lf - s.ptr) + 1;
}

void
crlf_in(struct crlf_in *c, struct span in, struct buf *out)
{
	while (in.len > 0) {
		size_t len = to_line_end(in);
		bool lf = in.ptr[len - 1] == '\n';
		size_t text = len - lf;

		buf_add(out, (struct span){ in.ptr, text });
		if (text > 0)
			c->cr = in.ptr[text - 1] == '\r';
		if (lf) {
			buf_add(out, c->cr ? SPAN("\n") : SPAN("\r\n"));
			c->cr = false;
		}
		in.ptr += len;
		in.len -= len;
	}
}

void
crlf_look(struct crlf_look *c, struct span in)
{
	while (in.len > 0) {
		size_t len = to_line_end(in);
		bool lf = in.ptr[len - 1] == '\n';

		/* (of a long line only the last two bytes matter) */
		for (size_t i = len > 3 ? len - 3 : 0; i < len - lf; i++) {
			c->cr_cr = c->cr && in.ptr[i] == '\r';
			c->cr = in.ptr[i] == '\r';
		}
		if (lf) {
			if (!c->cr || c->cr_cr)
				c->no = true;
			c->lines++;
			c->cr = c->cr_cr = false;
		}
		in.ptr += len;
		in.len -= len;
	}
}

void
crlf_out(struct crlf_out *c, struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.len;) {
		const char *cr = memchr(in.ptr + i, '\r', in.len - i);
		size_t end = cr == NULL ? in.len : (size_t)(cr - in.ptr);

		if (c->cr && in.ptr[i] != '\n')
			buf_byte(out, '\r');
		c->cr = cr != NULL;
		buf_add(out, (struct span){ in.ptr + i, end - i });
		i = end + (cr != NULL);
	}
}

void
crlf_out_end(struct crlf_out *c, struct buf *out)
{
	if (c->cr)
		buf_byte(out, '\r');
	c->cr = false;
}
