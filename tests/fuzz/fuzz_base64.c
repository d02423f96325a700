/* Strict base64: what is accepted has one form only; what is encoded comes
 * back. */
#include "common/base64.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct buf bytes = BUF_INIT(size + 4), back = BUF_INIT(2 * size + 8);

	if (base64_decode(&bytes, text)) {
		base64_encode(&back, buf_span(&bytes));
		assert(span_same(buf_span(&back), text));
	} else {
		assert(bytes.len == 0);
	}
	buf_clear(&bytes);
	buf_clear(&back);
	base64_encode(&back, text);
	assert(base64_decode(&bytes, buf_span(&back)) &&
	       span_same(buf_span(&bytes), text));
	buf_free(&bytes);
	buf_free(&back);
	return 0;
}
