/* Types and parameters of MIME fields, and the values of RFC 2231: what is read
 * comes from the text, in its order, and it ends. */
#include "common/mime_param.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

static void
read_params(struct scan *s)
{
	struct buf room = BUF_INIT(1 << 20), decoded = BUF_INIT(1 << 20);
	struct span name, value;
	const char *before = s->pos;

	while (mime_param_next(s, &room, &name, &value)) {
		assert(s->pos > before);
		before = s->pos;
		assert(!room.bad);
		buf_clear(&decoded);
		mime_param_decode(&decoded, value, name.len % 2 == 0);
		assert(decoded.len <= value.len);
	}
	buf_free(&room);
	buf_free(&decoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct buf text = fuzz_copy(input);
	struct scan s = scan_over(buf_span(&text));
	struct span type, subtype;

	mime_param_skip(&s);
	if (how % 2 == 0) {
		assert(mime_param_item(&s).len <= text.len);
	} else if (mime_param_type(&s, &type, &subtype)) {
		assert(type.len > 0 && subtype.len > 0);
		assert(subtype.ptr > type.ptr);
	}
	read_params(&s);
	buf_free(&text);
	return 0;
}
