/* Bodies in pieces, charsets, encoded words, folding: whatever comes in, UTF-8
 * comes out. */
#include "common/decode.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

#include <utf8proc.h>

struct decoding {
	struct decode state;
	struct buf out;
};

static void
feed(void *arg, struct span piece)
{
	struct decoding *d = arg;

	decode_feed(&d->state, piece, &d->out);
}

static void
decode_body(struct decoding *d, enum decode_encoding encoding, struct span body,
    uint8_t how)
{
	*d = (struct decoding){ .out = BUF_INIT(body.len + 8) };
	decode_begin(&d->state, encoding);
	fuzz_pieces(body, how, feed, d);
	decode_end(&d->state, &d->out);
	assert(!d->out.bad);
}

static void
assert_utf8(struct span s)
{
	while (s.len > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t len = utf8proc_iterate(
		    (const unsigned char *)s.ptr, (utf8proc_ssize_t)s.len, &c);

		assert(len > 0);
		s.ptr += len;
		s.len -= (size_t)len;
	}
}

static void
decode_text(struct span charset, struct span text)
{
	struct buf utf8 = BUF_INIT(8 * text.len + 64),
		   folded = BUF_INIT(64 * text.len + 4096);

	decode_charset(&utf8, charset, text);
	assert_utf8(buf_span(&utf8));
	decode_fold(&folded, buf_span(&utf8));
	assert_utf8(buf_span(&folded));
	buf_free(&utf8);
	buf_free(&folded);
}

/* One byte says how, a line the charset, the rest is the text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct decoding whole, pieces;
	struct buf words = BUF_INIT(8 * size + 64);
	struct scan s = scan_over(input);
	struct span charset;

	decode_open_charsets();
	for (int e = DECODE_IDENTITY; e <= DECODE_BASE64; e++) {
		decode_body(&whole, (enum decode_encoding)e, input, 0);
		decode_body(&pieces, (enum decode_encoding)e, input, how);
		assert(span_same(buf_span(&whole.out), buf_span(&pieces.out)));
		buf_free(&whole.out);
		buf_free(&pieces.out);
	}
	charset = scan_until(&s, "\n", SIZE_MAX);
	decode_text(charset, scan_rest(&s));
	decode_words(&words, input);
	assert_utf8(buf_span(&words));
	buf_free(&words);
	return 0;
}
