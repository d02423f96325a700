/* Growing bytes keep their limit, whatever is asked of them. */
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
assert_holds(const struct buf *b, const char *text)
{
	assert_int_equal(b->len, strlen(text));
	assert_true(b->len == 0 || memcmp(b->ptr, text, b->len) == 0);
}

static void
test_adding(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	assert_null(b.ptr);
	buf_add(&b, NO_SPAN);
	assert_null(b.ptr);
	buf_text(&b, "abc");
	buf_byte(&b, 'd');
	buf_number(&b, 0);
	buf_number(&b, UINT64_MAX);
	buf_format(&b, "[%s %d]", "x", -1);
	assert_holds(&b, "abcd018446744073709551615[x -1]");
	buf_drop(&b, 4);
	assert_holds(&b, "018446744073709551615[x -1]");
	buf_drop(&b, 0);
	buf_drop(&b, b.len);
	assert_holds(&b, "");
	assert_false(b.bad);
	buf_free(&b);
	assert_null(b.ptr);
	assert_int_equal(b.room, 0);
	buf_text(&b, "again");
	assert_holds(&b, "again");
	buf_free(&b);
}

/* For every limit: exactly that much fits, and one byte more makes it bad. */
static void
test_limit(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 300; limit++) {
		struct buf b = BUF_INIT(limit);

		for (size_t i = 0; i < limit; i++)
			buf_byte(&b, (char)i);
		assert_false(b.bad);
		assert_true(b.room <= limit || limit == 0);
		buf_byte(&b, 'x');
		assert_true(b.bad);
		assert_int_equal(b.len, limit);
		for (size_t i = 0; i < limit; i++)
			assert_int_equal(b.ptr[i], (char)i);
		if (limit > 0) {
			buf_drop(&b, 1); /* room, but it stays bad */
			buf_byte(&b, 'x');
			assert_int_equal(b.len, limit - 1);
		}
		buf_clear(&b);
		assert_false(b.bad);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
}

static void
test_want(void **state)
{
	struct buf b = BUF_INIT(100);
	char *room;

	(void)state;
	assert_non_null(buf_want(&b, 0));
	room = buf_want(&b, 60);
	assert_non_null(room);
	memset(room, 'a', 60);
	buf_grew(&b, 50);
	assert_int_equal(b.len, 50);
	assert_non_null(buf_want(&b, 50));
	assert_false(b.bad);
	assert_null(buf_want(&b, 51));
	assert_true(b.bad);
	assert_null(buf_want(&b, 1));
	buf_clear(&b);
	buf_byte(&b, 'x');
	assert_null(buf_want(&b, SIZE_MAX)); /* no overflow of len + want */
	buf_free(&b);
}

/* A text longer than the stack's place for it, and one that just fits. */
static void
test_format(void **state)
{
	struct buf b = BUF_INIT(1000), tight = BUF_INIT(300);

	(void)state;
	for (int width = 250; width < 260; width++) {
		buf_clear(&b);
		buf_format(&b, "%*d", width, 7);
		assert_int_equal(b.len, width);
		assert_int_equal(b.ptr[width - 1], '7');
	}
	buf_format(&tight, "%300d", 1);
	assert_int_equal(tight.len, 300);
	assert_false(tight.bad);
	buf_clear(&tight);
	buf_format(&tight, "%301d", 1);
	assert_true(tight.bad);
	assert_int_equal(tight.len, 0);
	buf_free(&b);
	buf_free(&tight);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_want),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
