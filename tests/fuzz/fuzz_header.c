/* A header, and in each field what reads fields: one line, addresses, a date,
 * encoded words. */
#include "common/addr.h"
#include "common/date.h"
#include "common/decode.h"
#include "common/header.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	unsigned n;
	bool in_group;
};

static void
see_address(void *arg, const struct addr_entry *e)
{
	struct seen *seen = arg;

	assert(++seen->n <= ADDR_LIST_MAX + 1);
	if (e->kind == ADDR_MAILBOX) {
		assert(e->name.len + e->mailbox.len + e->host.len > 0);
		return;
	}
	assert(seen->in_group == (e->kind == ADDR_GROUP_END));
	seen->in_group = !seen->in_group;
}

static void
read_value(struct span value)
{
	struct buf line = BUF_INIT(value.len),
		   scratch = BUF_INIT(4 * value.len + 64),
		   words = BUF_INIT(4 * value.len + 64);
	struct buf folded = BUF_INIT(40 * value.len + 64);
	struct seen seen = { 0 };
	int64_t seconds;
	int zone;

	header_unfold(&line, value);
	assert(!line.bad);
	for (size_t i = 0; i < line.len; i++)
		assert(line.ptr[i] != '\r' && line.ptr[i] != '\n' &&
		       line.ptr[i] != '\0');
	addr_list(buf_span(&line), &scratch, see_address, &seen);
	assert(!seen.in_group);
	if (date_get_5322(buf_span(&line), &seconds, &zone))
		assert(zone > -24 * 60 * 2 && zone < 24 * 60 * 2);
	decode_words(&words, buf_span(&line));
	decode_fold(&folded, buf_span(&words));
	assert(!words.bad && !folded.bad);
	buf_free(&line);
	buf_free(&scratch);
	buf_free(&words);
	buf_free(&folded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span header = { (const char *)data, size };
	struct header_field f;
	size_t pos = 0, before = 0;

	while (header_next(header, &pos, &f)) {
		assert(pos > before && pos <= size);
		assert(f.whole.ptr + f.whole.len == header.ptr + pos);
		assert(f.name.len > 0 && f.name.ptr == f.whole.ptr);
		assert(f.value.len < f.whole.len);
		before = pos;
		read_value(f.value);
	}
	return 0;
}
