/*
 * Parameters of BODYSTRUCTURE.  A record has them as they stand: NAME*0=,
 * NAME*1*= and so on.  For IMAP4rev2 the pieces of a value become one, in
 * UTF-8, under the name without stars; where there is a plain NAME= besides,
 * for readers who know no better, it is left out.
 */
#include "imapd/imap_param.h"

#include "common/decode.h"
#include "common/mime_param.h"
#include "common/record.h"
#include "common/scan.h"
#include "imapd/imap_reply.h"

struct piece {
	struct span base; /* the name before the first star */
	bool extended;    /* there is a star */
	bool encoded;     /* its value is, with %XX */
	uint64_t number;
};

/* NAME, NAME*, NAME*0, NAME*0*; all else is a name as it stands. */
static struct piece
piece_of(struct span name)
{
	struct scan s = scan_over(name);
	struct piece p = { .base = scan_until(&s, "*", SIZE_MAX) };

	if (!scan_more(&s) || p.base.len == 0)
		return (struct piece){ .base = name };
	p.extended = true;
	scan_need(&s, '*');
	if (scan_more(&s)) {
		p.number = scan_number(&s, RECORD_PARAMS_MAX);
		p.encoded = scan_try(&s, '*');
	} else {
		p.encoded = true;
	}
	return scan_done(&s) ? p : (struct piece){ .base = name };
}

/* The piece of that number; false: there is none. */
static bool
find(struct span list, struct span base, uint64_t number, struct piece *p,
    struct span *value)
{
	struct span name;

	while (record_list_next(&list, &name, value)) {
		*p = piece_of(name);
		if (p->extended && p->number == number &&
		    span_same(p->base, base))
			return true;
	}
	return false;
}

/* charset'language'text */
static struct span
charset_of(struct span value)
{
	struct scan s = scan_over(value);
	struct span charset = scan_until(&s, "'", SIZE_MAX);

	return scan_more(&s) ? charset : NO_SPAN;
}

static void
put_joined(struct buf *out, struct span list, struct span base)
{
	struct buf raw = BUF_INIT(RECORD_PARAMS_MAX * RECORD_STRING_MAX);
	struct buf text = BUF_INIT(4 * raw.limit);
	struct span charset = NO_SPAN, value;
	struct piece p;

	for (uint64_t n = 0; find(list, base, n, &p, &value); n++) {
		if (!p.encoded) {
			buf_add(&raw, value);
			continue;
		}
		if (n == 0)
			charset = charset_of(value);
		mime_param_decode(&raw, value, n == 0);
	}
	decode_charset(&text, charset, buf_span(&raw));
	/* What a string cannot hold was not meant to be in it. */
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20)
			text.ptr[i] = ' ';
	imap_put_string(out, buf_span(&text));
	buf_free(&raw);
	buf_free(&text);
}

/* Whether this one is told: of pieces the first, and no plain one besides. */
static bool
is_told(struct span list, const struct piece *p)
{
	struct piece first;
	struct span value;

	if (p->extended)
		return p->number == 0;
	return !find(list, p->base, 0, &first, &value);
}

void
imap_put_params(struct buf *out, struct span list, bool decoded)
{
	struct span rest = list, name, value;
	bool any = false;

	while (record_list_next(&rest, &name, &value)) {
		struct piece p = { .base = name };

		if (decoded)
			p = piece_of(name);
		if (decoded && !is_told(list, &p))
			continue;
		buf_byte(out, any ? ' ' : '(');
		any = true;
		imap_put_string(out, p.base);
		buf_byte(out, ' ');
		if (p.extended)
			put_joined(out, list, p.base);
		else
			imap_put_string(out, value);
	}
	buf_add(out, any ? SPAN(")") : SPAN("NIL"));
}
