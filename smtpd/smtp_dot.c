#include "smtpd/smtp_dot.h"

enum {
	STRIDE = 512
}; /* looked at in one go: bounds the work for bytes that are all special */

struct feed {
	const char *
	    from; /* content from here to the reading position is not out yet */
	void (*out)(void *arg, struct span);
	void *arg;
};

static void
put(struct feed *f, const char *upto)
{
	if (upto > f->from)
		f->out(
		    f->arg, (struct span){ f->from, (size_t)(upto - f->from) });
	f->from = upto;
}

/* The first CR, LF or NUL; lines are short, and memchr() is fast on each. */
static const char *
special(const char *p, const char *end)
{
	static const char specials[] = { '\n', '\r', '\0' };

	for (size_t i = 0; i < COUNT_OF(specials) && p < end; i++) {
		const char *found = memchr(p, specials[i], (size_t)(end - p));

		if (found != NULL)
			end = found;
	}
	return end;
}

/* Inside a line: up to the next byte that matters, and over it. */
static const char *
in_line(struct smtp_dot *d, struct feed *f, const char *p, const char *end)
{
	if (end - p > STRIDE)
		end = p + STRIDE;
	p = special(p, end);
	if (p == end)
		return p;
	switch (*p) {
	case '\r': d->at = DOT_AFTER_CR; break;
	case '\n':
		/* No end of a line, so a dot behind it is just a dot. */
		d->faults |= DOT_BARE_LF;
		if (d->mend_lf) {
			put(f, p);
			f->out(f->arg, SPAN("\r\n"));
			f->from = p + 1;
		}
		break;
	default: d->faults |= DOT_NUL; break;
	}
	return p + 1;
}

size_t
smtp_dot_feed(struct smtp_dot *d, struct span in,
    void (*out)(void *arg, struct span), void *arg)
{
	struct feed f = { .from = in.ptr, .out = out, .arg = arg };
	const char *p = in.ptr, *end = in.ptr + in.len;

	while (p < end && !d->done) {
		switch (d->at) {
		case DOT_AT_START:
			d->at = DOT_IN_LINE;
			if (*p == '.') {
				put(&f, p);
				f.from = ++p;
				d->at = DOT_AFTER_DOT;
			}
			break;
		case DOT_IN_LINE: p = in_line(d, &f, p, end); break;
		case DOT_AFTER_CR:
			if (*p == '\n') {
				d->at = DOT_AT_START;
				p++;
			} else {
				d->faults |= DOT_BARE_CR;
				d->at = DOT_IN_LINE;
			}
			break;
		case DOT_AFTER_DOT:
			d->at = DOT_IN_LINE;
			if (*p == '\r') {
				f.from = ++p;
				d->at = DOT_AFTER_DOT_CR;
			}
			break;
		case DOT_AFTER_DOT_CR:
			if (*p == '\n') {
				f.from = ++p;
				d->done = true;
			} else {
				/*
				 * The CR was held back: it might have been the
				 * end.
				 */
				out(arg, SPAN("\r"));
				d->faults |= DOT_BARE_CR;
				d->at = DOT_IN_LINE;
			}
			break;
		}
	}
	put(&f, p);
	return (size_t)(p - in.ptr);
}
