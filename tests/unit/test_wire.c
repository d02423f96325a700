/* Typed values go the way and back; a shortened or lengthened message never
 * does. */
#include "common/wire.h"

#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
put_sample(struct buf *b)
{
	wire_put_u8(b, 0xfe);
	wire_put_u16(b, 0x1234);
	wire_put_u32(b, 0x89abcdef);
	wire_put_bytes(b, SPAN("a\0b"));
	wire_put_u64(b, UINT64_C(0xfedcba9876543210));
	wire_put_bytes(b, NO_SPAN);
}

static bool
get_sample(struct span message)
{
	struct wire w = wire_over(message);
	bool same = true;

	same &= wire_u8(&w) == 0xfe;
	same &= wire_u16(&w) == 0x1234;
	same &= wire_u32(&w) == 0x89abcdef;
	same &= span_same(wire_bytes(&w, 3), SPAN("a\0b"));
	same &= wire_u64(&w) == UINT64_C(0xfedcba9876543210);
	same &= wire_bytes(&w, 0).len == 0;
	return wire_end(&w) && same;
}

static void
test_round(void **state)
{
	static const unsigned char bytes[] = { 0xfe, 0x34, 0x12, 0xef, 0xcd,
		0xab, 0x89, 3, 0, 0, 0, 'a', 0, 'b', 0x10, 0x32, 0x54, 0x76,
		0x98, 0xba, 0xdc, 0xfe, 0, 0, 0, 0 };
	struct buf b = BUF_INIT(100);

	(void)state;
	put_sample(&b);
	assert_int_equal(b.len, sizeof(bytes));
	assert_memory_equal(b.ptr, bytes, sizeof(bytes));
	assert_true(get_sample(buf_span(&b)));
	for (size_t len = 0; len < b.len; len++)
		assert_false(get_sample((struct span){ b.ptr, len }));
	buf_byte(&b, 0);
	assert_false(get_sample(buf_span(&b)));
	buf_free(&b);
}

static void
test_reader(void **state)
{
	struct wire w = wire_over(SPAN("\4\0\0\0abcd"));

	(void)state;
	assert_int_equal(wire_bytes(&w, 3).len, 0); /* longer than wanted */
	assert_false(wire_end(&w));
	assert_int_equal(wire_u8(&w), 0);
	w = wire_over(SPAN("\xff\xff\xff\xff"
			   "abcd"));
	assert_int_equal(wire_bytes(&w, SIZE_MAX).len, 0);
	assert_true(w.bad);
	w = wire_over(SPAN("\4\0\0\0abcd"));
	assert_true(span_is(wire_bytes(&w, 4), "abcd"));
	assert_true(wire_end(&w));
	assert_int_equal(wire_u64(&w), 0);
	assert_false(wire_end(&w));
	w = wire_over(NO_SPAN);
	assert_true(wire_end(&w));
}

/* What does not fit leaves nothing half written. */
static void
test_limit(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 26; limit++) {
		struct buf b = BUF_INIT(limit);

		put_sample(&b);
		assert_true(b.bad);
		assert_true(b.len <= limit);
		buf_free(&b);
	}
	for (size_t limit = 0; limit < 7; limit++) {
		struct buf b = BUF_INIT(limit);

		wire_put_bytes(&b, SPAN("abc"));
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
}

static void
test_places(void **state)
{
	unsigned char at[9] = { 0 };

	(void)state;
	put_le16(at + 1, 0x0102);
	assert_int_equal(at[1], 2);
	assert_int_equal(le16(at + 1), 0x0102);
	put_le32(at + 1, 0xfffefdfc);
	assert_int_equal(at[1], 0xfc);
	assert_true(le32(at + 1) == 0xfffefdfc);
	put_le64(at + 1, UINT64_C(0xfffefdfcfbfaf9f8));
	assert_int_equal(at[1], 0xf8);
	assert_true(le64(at + 1) == UINT64_C(0xfffefdfcfbfaf9f8));
	put_be32(at + 1, 0xfffefdfc);
	assert_int_equal(at[1], 0xff);
	assert_int_equal(at[4], 0xfc);
	assert_true(be32(at + 1) == 0xfffefdfc);
	put_be64(at + 1, UINT64_C(0xfffefdfcfbfaf9f8));
	assert_int_equal(at[1], 0xff);
	assert_int_equal(at[8], 0xf8);
	assert_true(be64(at + 1) == UINT64_C(0xfffefdfcfbfaf9f8));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
