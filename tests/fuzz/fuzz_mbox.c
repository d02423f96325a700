/* Any bytes as an mbox: read in pieces of any size, once and twice, the same
 * messages come out, and nothing is made of nothing. */
#include "mailstore/mbox.h"
#include "tests/fuzz/fuzz.h"

struct file {
	struct span bytes;
	size_t step;
};

static size_t
read_file(void *arg, uint64_t at, char *bytes, size_t len)
{
	const struct file *f = arg;
	size_t left = at < f->bytes.len ? f->bytes.len - (size_t)at : 0;

	if (len > left)
		len = left;
	if (len > f->step)
		len = f->step;
	if (len > 0)
		memcpy(bytes, f->bytes.ptr + at, len);
	return len;
}

static void
read_all(struct mbox *m, struct buf *out)
{
	while (mbox_read(m, out))
		;
	assert(!mbox_read(m, out));
}

static void
split(struct span bytes, size_t step, bool twice, struct buf *out)
{
	struct file f = { bytes, step };
	struct mbox *m = mbox_new(read_file, &f);
	struct mbox_message message;
	uint64_t before = 0;

	while (mbox_next(m, &message)) {
		size_t start = out->len;
		struct buf again = BUF_INIT(SIZE_MAX);

		assert(message.at >= before && message.at < bytes.len);
		before = message.at + 1;
		buf_format(out, "<%u %d %d %d %lld>", message.system,
		    message.internal, message.expunged, message.has_date,
		    message.has_date ? (long long)message.date : 0);
		buf_add(out, message.keywords);
		start = out->len;
		read_all(m, out);
		if (twice) {
			mbox_again(m);
			read_all(m, &again);
			assert(again.len == out->len - start);
			assert(again.len == 0 ||
			       memcmp(again.ptr, out->ptr + start, again.len) ==
				   0);
		}
		buf_free(&again);
	}
	assert(mbox_position(m) <= bytes.len);
	mbox_free(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct buf file = fuzz_copy(input), whole = BUF_INIT(SIZE_MAX),
		   pieces = BUF_INIT(SIZE_MAX);
	bool has_date;
	int64_t date;

	(void)mbox_is_from(buf_span(&file), &has_date, &date);
	split(buf_span(&file), SIZE_MAX, false, &whole);
	split(buf_span(&file), how + 1U, true, &pieces);
	assert(whole.len == pieces.len);
	assert(whole.len == 0 || memcmp(whole.ptr, pieces.ptr, whole.len) == 0);
	buf_free(&file);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
