/* Any message: pieces make no difference, the record passes its check, fields
 * in front only shift it. */
#include "common/mime.h"
#include "common/record.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

static void
feed(void *arg, struct span piece)
{
	mime_feed(arg, piece);
}

static void
scan_message(struct buf *record, struct span message, uint8_t how,
    struct mime_summary *summary)
{
	struct mime *m = mime_new();

	fuzz_pieces(message, how, feed, m);
	mime_end(m, record);
	*summary = *mime_summary(m);
	mime_free(&m);
	assert(!record->bad);
	assert(summary->size == message.len);
	assert(summary->header_len <= message.len);
	assert(summary->longest_line <= message.len);
	assert(record_check(buf_span(record), message.len));
}

/* Whether the first line begins a field, so that what is put in front joins the
 * same header. */
static bool
begins_with_field(struct span message)
{
	size_t len = 0;

	while (len < message.len && message.ptr[len] > ' ' &&
	       message.ptr[len] <= '~' && message.ptr[len] != ':')
		len++;
	return len > 0 && len < message.len && len < 900 &&
	       message.ptr[len] == ':';
}

static void
check_shift(struct span record, struct span message)
{
	static const char prefix[] =
	    "Return-Path: <a@example.org>\r\nDelivered-To: b\r\n c\r\n";
	struct buf longer = BUF_INIT(message.len + sizeof(prefix)),
		   scanned = BUF_INIT(RECORD_MAX),
		   shifted = BUF_INIT(RECORD_MAX);
	struct mime_summary s;

	buf_text(&longer, prefix);
	buf_add(&longer, message);
	scan_message(&scanned, buf_span(&longer), 0, &s);
	record_shift(&shifted, record, sizeof(prefix) - 1);
	assert(span_same(buf_span(&scanned), buf_span(&shifted)));
	buf_free(&longer);
	buf_free(&scanned);
	buf_free(&shifted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span message = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&message);
	struct buf whole = BUF_INIT(RECORD_MAX), pieces = BUF_INIT(RECORD_MAX);
	struct mime_summary of_whole, of_pieces;

	scan_message(&whole, message, 0, &of_whole);
	scan_message(&pieces, message, how, &of_pieces);
	assert(span_same(buf_span(&whole), buf_span(&pieces)));
	assert(of_whole.received == of_pieces.received &&
	       of_whole.bare_cr == of_pieces.bare_cr &&
	       of_whole.bare_lf == of_pieces.bare_lf &&
	       of_whole.nul == of_pieces.nul &&
	       of_whole.eight_bit == of_pieces.eight_bit &&
	       of_whole.eight_bit_header == of_pieces.eight_bit_header &&
	       of_whole.header_len == of_pieces.header_len &&
	       of_whole.longest_line == of_pieces.longest_line);
	if (begins_with_field(message))
		check_shift(buf_span(&whole), message);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
