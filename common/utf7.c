/* Modified UTF-7: UTF-16 in base64 with "," for "/", between "&" and "-". */
#include "common/utf7.h"

#include "common/scan.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static inline bool
is_direct(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static int
digit_of(char c)
{
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);

	return at == NULL ? -1 : (int)(at - alphabet);
}

static void
put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_byte(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_byte(out, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_byte(out, (char)(0xe0 | c >> 12));
		} else {
			buf_byte(out, (char)(0xf0 | c >> 18));
			buf_byte(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_byte(out, (char)(0x80 | (c & 0x3f)));
}

/* One UTF-16 unit; `high` holds a first surrogate that waits for its second. */
static bool
put_unit(struct buf *out, uint32_t unit, uint32_t *high)
{
	bool second = unit >= 0xdc00 && unit <= 0xdfff;

	if (second != (*high != 0))
		return false;
	if (second) {
		put_utf8(
		    out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
	} else if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
	} else if (unit == 0) {
		return false;
	} else {
		put_utf8(out, unit);
	}
	return true;
}

/* From behind "&" to behind "-"; what is not canonical is found later. */
static bool
decode_shifted(struct buf *out, struct span in, size_t *at)
{
	uint32_t bits = 0, high = 0;
	unsigned nbits = 0;

	for (; *at < in.len && in.ptr[*at] != '-'; (*at)++) {
		int digit = digit_of(in.ptr[*at]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		nbits += 6;
		if (nbits < 16)
			continue;
		nbits -= 16;
		if (!put_unit(out, bits >> nbits & 0xffff, &high))
			return false;
		bits &= (1U << nbits) - 1;
	}
	if (*at == in.len || high != 0)
		return false;
	(*at)++;
	return true;
}

static bool
decode(struct buf *out, struct span in)
{
	for (size_t at = 0; at < in.len;) {
		unsigned char c = (unsigned char)in.ptr[at++];

		if (!is_direct(c))
			return false;
		if (c != '&') {
			buf_byte(out, (char)c);
		} else if (at < in.len && in.ptr[at] == '-') {
			buf_byte(out, '&');
			at++;
		} else if (!decode_shifted(out, in, &at)) {
			return false;
		}
	}
	return !out->bad;
}

bool
utf7_decode(struct buf *utf8, struct span mutf7)
{
	struct buf again = BUF_INIT(mutf7.len);
	struct span name;
	size_t start = utf8->len;
	bool same;

	if (!decode(utf8, mutf7))
		return false;
	name = buf_span(utf8);
	if (start > 0) {
		name.ptr += start;
		name.len -= start;
	}
	/* Stray bits, ASCII in base64, shifts that could be one: all of that
	 * would be a second spelling, and does not come back the same. */
	utf7_encode(&again, name);
	same = !again.bad && span_same(buf_span(&again), mutf7);
	buf_free(&again);
	return same;
}

/* The next character; takes at least one byte. */
static uint32_t
next_utf8(struct span in, size_t *at)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)in.ptr[(*at)++];
	unsigned more = first < 0xc2   ? 0
	                : first < 0xe0 ? 1
	                : first < 0xf0 ? 2
	                : first < 0xf5 ? 3
	                               : 0;
	uint32_t c = first;

	if (first < 0x80)
		return c;
	if (more == 0 || in.len - *at < more)
		return 0xfffd;
	c &= 0x3fU >> more;
	for (unsigned i = 0; i < more; i++) {
		unsigned char next = (unsigned char)in.ptr[*at + i];

		if ((next & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (next & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0xfffd;
	*at += more;
	return c;
}

bool
utf8_is_good(struct span s)
{
	for (size_t at = 0; at < s.len;) {
		size_t before = at;

		if (next_utf8(s, &at) == 0xfffd && at - before == 1)
			return false;
	}
	return true;
}

struct shift {
	uint32_t bits;
	unsigned nbits;
};

static void
put_shifted(struct buf *out, struct shift *s, uint32_t unit)
{
	s->bits = s->bits << 16 | unit;
	s->nbits += 16;
	while (s->nbits >= 6) {
		s->nbits -= 6;
		buf_byte(out, alphabet[s->bits >> s->nbits & 0x3f]);
	}
	s->bits &= (1U << s->nbits) - 1;
}

static void
end_shift(struct buf *out, struct shift *s)
{
	if (s->nbits > 0)
		buf_byte(out, alphabet[s->bits << (6 - s->nbits) & 0x3f]);
	buf_byte(out, '-');
	*s = (struct shift){ 0 };
}

void
utf7_encode(struct buf *mutf7, struct span utf8)
{
	struct shift shift = { 0 };
	bool shifted = false;

	for (size_t at = 0; at < utf8.len;) {
		uint32_t c = next_utf8(utf8, &at);

		if (c <= 0x7e && is_direct((unsigned char)c)) {
			if (shifted)
				end_shift(mutf7, &shift);
			shifted = false;
			buf_byte(mutf7, (char)c);
			if (c == '&')
				buf_byte(mutf7, '-');
			continue;
		}
		if (!shifted)
			buf_byte(mutf7, '&');
		shifted = true;
		if (c >= 0x10000) {
			put_shifted(
			    mutf7, &shift, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_shifted(mutf7, &shift, c);
	}
	if (shifted)
		end_shift(mutf7, &shift);
}
