/* The cursor: what it takes, and that it stays bad. */
#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* `name size:12 (rest)`: a grammar written straight down. */
static bool
parse(struct span text, struct span *name, uint64_t *size, struct span *rest)
{
	struct scan s = scan_over(text);

	*name = scan_until(&s, " ", 8);
	scan_need(&s, ' ');
	scan_word(&s, "SIZE:");
	*size = scan_number(&s, 99);
	scan_spaces(&s);
	scan_need(&s, '(');
	*rest = scan_until(&s, ")", 100);
	scan_need(&s, ')');
	return scan_done(&s);
}

static void
test_grammar(void **state)
{
	static const char good[] = "name size:12 \t (a b)";
	struct span name, rest;
	uint64_t size;

	(void)state;
	assert_true(parse(SPAN("name size:12 \t (a b)"), &name, &size, &rest));
	assert_true(span_is(name, "name"));
	assert_int_equal(size, 12);
	assert_true(span_is(rest, "a b"));
	/* Cut anywhere it is refused. */
	for (size_t len = 0; len < sizeof(good) - 1; len++)
		assert_false(
		    parse((struct span){ good, len }, &name, &size, &rest));
	assert_false(parse(SPAN("name size:12 (a b)x"), &name, &size, &rest));
	assert_false(parse(SPAN("name size:100 (a b)"), &name, &size, &rest));
	assert_false(parse(SPAN("namenamen size:1 ()"), &name, &size, &rest));
	assert_true(parse(SPAN("namename SIZE:1 ()"), &name, &size, &rest));
	assert_int_equal(rest.len, 0);
}

static void
test_bad_stays_bad(void **state)
{
	struct scan s = scan_over(SPAN("abc"));

	(void)state;
	scan_need(&s, 'x');
	assert_false(scan_more(&s));
	assert_false(scan_done(&s));
	assert_int_equal(scan_peek(&s), -1);
	assert_false(scan_try(&s, 'a'));
	assert_false(scan_try_word(&s, "abc"));
	assert_false(scan_try_word(&s, ""));
	assert_int_equal(scan_take(&s, 1).len, 0);
	assert_int_equal(scan_until(&s, "c", 9).len, 0);
	assert_int_equal(scan_rest(&s).len, 0);
	assert_int_equal(scan_number(&s, 9), 0);
	assert_true(s.bad);
}

static void
test_pieces(void **state)
{
	struct scan s = scan_over(SPAN("aB\xff\0z"));

	(void)state;
	assert_int_equal(scan_peek(&s), 'a');
	assert_false(scan_try(&s, 'A'));
	assert_true(scan_try_word(&s, "Ab"));
	assert_int_equal(scan_peek(&s), 0xff);
	assert_true(scan_try(&s, (char)0xff));
	assert_int_equal(scan_peek(&s), 0);
	assert_int_equal(scan_until(&s, "z", 1).len, 1);
	assert_int_equal(scan_rest(&s).len, 1);
	assert_true(scan_done(&s));
	assert_int_equal(scan_take(&s, 0).len, 0);
	assert_true(scan_done(&s));
	scan_take(&s, 1);
	assert_true(s.bad);
	s = scan_over(NO_SPAN);
	assert_true(scan_done(&s));
	assert_int_equal(scan_rest(&s).len, 0);
	assert_true(scan_done(&s));
	s = scan_over(SPAN("abc"));
	assert_int_equal(scan_take(&s, SIZE_MAX).len, 0);
	assert_true(s.bad);
	s = scan_over(SPAN("abc"));
	assert_int_equal(scan_until(&s, "", 3).len, 3);
	scan_fail(&s);
	assert_false(scan_done(&s));
}

/* clang-format off */
static const struct {
	const char *text;
	uint64_t max, value;
	bool good;
} numbers[] = {
	{ "0", 0, 0, true },
	{ "1", 0, 0, false },
	{ "", 9, 0, false },
	{ "x", 9, 0, false },
	{ "-1", 9, 0, false },
	{ "007", 7, 7, true },
	{ "8", 7, 0, false },
	{ "10", 10, 10, true },
	{ "11", 10, 0, false },
	{ "100", 99, 0, false },
	{ "4294967295", UINT32_MAX, UINT32_MAX, true },
	{ "4294967296", UINT32_MAX, 0, false },
	{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
	{ "18446744073709551616", UINT64_MAX, 0, false },
	{ "99999999999999999999999", UINT64_MAX, 0, false },
};
/* clang-format on */

static void
test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		struct scan s = scan_over(span_of(numbers[i].text));
		uint64_t value = scan_number(&s, numbers[i].max);

		if (value != numbers[i].value || s.bad == numbers[i].good)
			fail_msg("\"%s\" up to %llu", numbers[i].text,
			    (unsigned long long)numbers[i].max);
	}
}

static void
test_comparison(void **state)
{
	(void)state;
	assert_true(span_is(SPAN("ab"), "ab"));
	assert_false(span_is(SPAN("ab"), "aB"));
	assert_false(span_is(SPAN("ab"), "abc"));
	assert_true(span_is(NO_SPAN, ""));
	assert_true(span_is_nocase(SPAN("aB[@"), "Ab[@"));
	assert_false(
	    span_is_nocase(SPAN("[@"), "{`")); /* 32 apart, no letters */
	assert_false(span_is_nocase(SPAN("\xc3\x84"), "\xc3\xa4"));
	assert_true(span_same(SPAN("a\0b"), SPAN("a\0b")));
	assert_false(span_same(SPAN("a\0b"), SPAN("a\0c")));
	assert_true(span_same_nocase(NO_SPAN, SPAN("")));
	assert_true(span_starts_nocase(SPAN("FROM:<a>"), "from:"));
	assert_false(span_starts_nocase(SPAN("FRO"), "from:"));
	assert_true(span_is(span_trim(SPAN(" \t\r\na b\r\n ")), "a b"));
	assert_int_equal(span_trim(SPAN(" \t ")).len, 0);
	assert_int_equal(span_trim(NO_SPAN).len, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_bad_stays_bad),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_comparison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
