/* Base64. */
#include "common/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *out, struct span in)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t groups = in.len / 3, rest = in.len % 3;
	char *to;

	if (in.len == 0)
		return;
	to = groups > SIZE_MAX / 4 - 1
	         ? buf_want(out, SIZE_MAX)
	         : buf_want(out, 4 * (groups + (rest > 0)));
	if (to == NULL)
		return;
	for (size_t i = 0; i < groups; i++, p += 3, to += 4) {
		to[0] = alphabet[p[0] >> 2];
		to[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		to[2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		to[3] = alphabet[p[2] & 63];
	}
	if (rest > 0) {
		unsigned second = rest == 2 ? p[1] : 0;

		to[0] = alphabet[p[0] >> 2];
		to[1] = alphabet[(p[0] & 3) << 4 | second >> 4];
		to[2] = rest == 2 ? alphabet[(second & 15) << 2] : '=';
		to[3] = '=';
	}
	buf_grew(out, 4 * (groups + (rest > 0)));
}

/* The value of a digit, or -1. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, of which the last `pad` are padding, as 24 bits; or -1. */
static int32_t
quantum(const char *in, unsigned pad)
{
	int32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		int value = i >= 4 - pad ? 0 : digit(in[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
	}
	/* RFC 4648, 3.5: bits that pad out the last digit are zero. */
	if ((bits & ((1 << 8 * pad) - 1)) != 0)
		return -1;
	return bits;
}

bool
base64_decode(struct buf *out, struct span in)
{
	size_t len, pad = 0;
	char *to;

	if (out->bad || in.len % 4 != 0)
		return false;
	if (in.len == 0)
		return true;
	if (in.ptr[in.len - 1] == '=')
		pad = in.ptr[in.len - 2] == '=' ? 2 : 1;
	len = in.len / 4 * 3 - pad;
	if (len > out->limit - out->len)
		return false;
	to = buf_want(out, len);
	for (size_t at = 0; at < in.len; at += 4) {
		unsigned missing = at + 4 == in.len ? (unsigned)pad : 0;
		int32_t bits = quantum(in.ptr + at, missing);

		if (bits < 0)
			return false;
		*to++ = (char)(bits >> 16);
		if (missing < 2)
			*to++ = (char)(bits >> 8 & 255);
		if (missing < 1)
			*to++ = (char)(bits & 255);
	}
	buf_grew(out, len);
	return true;
}
