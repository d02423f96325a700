/* Base64: RFC 4648, 10, every length, and what a strict reader refuses. */
#include "common/base64.h"

#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	const char *plain, *coded;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+" },
};

static const char *const malformed[] = {
	"Z", "Zg", "Zg=", "=", "==", "===", "====", "Zg===", "Z===",
	"Zh==", "Zm9=",		/* bits beyond the last byte */
	"Zg==Zg==", "Zg=g", "Zm=v",
	"Zm9v\r\n", "Zm9v Zm9v", "Zm9-", "Zm_v", "Zm9\x80", "Zm9v=",
};
/* clang-format on */

static void
test_pairs(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		buf_clear(&b);
		base64_encode(&b, span_of(pairs[i].plain));
		assert_true(span_is(buf_span(&b), pairs[i].coded));
		buf_clear(&b);
		assert_true(base64_decode(&b, span_of(pairs[i].coded)));
		assert_true(span_is(buf_span(&b), pairs[i].plain));
	}
	buf_free(&b);
}

static void
test_malformed(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	buf_text(&b, "x");
	for (size_t i = 0; i < COUNT_OF(malformed); i++) {
		if (base64_decode(&b, span_of(malformed[i])))
			fail_msg("\"%s\" was decoded", malformed[i]);
		assert_true(span_is(buf_span(&b), "x"));
	}
	assert_false(base64_decode(&b, SPAN("Zm\0v")));
	assert_false(b.bad);
	buf_free(&b);
}

/* Every length and every byte, there and back. */
static void
test_round(void **state)
{
	struct buf coded = BUF_INIT(1000), plain = BUF_INIT(1000);
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct span s = { bytes + sizeof(bytes) - len, len };

		buf_clear(&coded);
		buf_clear(&plain);
		base64_encode(&coded, s);
		assert_int_equal(coded.len, (len + 2) / 3 * 4);
		assert_true(base64_decode(&plain, buf_span(&coded)));
		assert_true(span_same(buf_span(&plain), s));
	}
	buf_free(&coded);
	buf_free(&plain);
}

static void
test_limit(void **state)
{
	struct buf exact = BUF_INIT(4), small = BUF_INIT(3);

	(void)state;
	assert_true(base64_decode(&exact, SPAN("Zm9vYg==")));
	assert_int_equal(exact.len, 4);
	assert_false(base64_decode(&small, SPAN("Zm9vYg==")));
	assert_int_equal(small.len, 0);
	base64_encode(&small, SPAN("a"));
	assert_true(small.bad);
	assert_int_equal(small.len, 0);
	assert_false(base64_decode(&small, SPAN("")));
	buf_free(&exact);
	buf_free(&small);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
