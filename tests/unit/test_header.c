/* Header fields, good and bad, and their unfolding. */
#include "common/header.h"

#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Each field as [name|value|whole], to be compared in one string; then where
 * the walk stopped. */
static void
walk(struct span header, struct buf *out)
{
	struct header_field f;
	size_t pos = 0, again;

	buf_clear(out);
	while (header_next(header, &pos, &f)) {
		buf_byte(out, '[');
		buf_add(out, f.name);
		buf_byte(out, '|');
		buf_add(out, f.value);
		buf_byte(out, '|');
		buf_add(out, f.whole);
		buf_byte(out, ']');
		assert_true(f.whole.ptr == f.name.ptr);
		assert_true(f.whole.ptr >= header.ptr);
		assert_true(f.whole.ptr + f.whole.len == header.ptr + pos);
	}
	again = pos;
	assert_false(header_next(header, &pos, &f));
	assert_int_equal(again, pos);
	buf_number(out, pos);
}

/* clang-format off */
static const struct {
	const char *header, *fields;
} cases[] = {
	{ "", "0" },
	{ "\r\n", "0" },
	{ "\n", "0" },
	{ "A: b\r\n\r\nC: d\r\n", "[A| b|A: b\r\n]6" },
	{ "A: b\n\nC: d\n", "[A| b|A: b\n]5" },
	{ "A: b", "[A| b|A: b]4" },
	{ "A:b\r\nC:\r\n", "[A|b|A:b\r\n][C||C:\r\n]9" },
	{ "A \t: b\r\n", "[A| b|A \t: b\r\n]8" },
	{ "A: b\r\n c\r\n\td\r\nE: f\r\n", "[A| b\r\n c\r\n\td|A: b\r\n c\r\n\td\r\n][E| f|E: f\r\n]20" },
	{ "A:\r\n \r\n b\r\n", "[A|\r\n \r\n b|A:\r\n \r\n b\r\n]11" },
	{ "A: b\r\n \r\n\r\nC: d", "[A| b\r\n |A: b\r\n \r\n]9" },
	{ "A: b: c\r\n", "[A| b: c|A: b: c\r\n]9" },
	/* what is no field is skipped, with what continues it */
	{ "junk\r\nA: b\r\n", "[A| b|A: b\r\n]12" },
	{ "From alice Mon Jan 1 00:00:00\r\n\tx: y\r\nA: b\r\n", "[A| b|A: b\r\n]44" },
	{ " x: y\r\nA: b\r\n", "[A| b|A: b\r\n]13" },
	{ ": x\r\nA: b\r\n", "[A| b|A: b\r\n]11" },
	{ "A b: x\r\nC: d\r\n", "[C| d|C: d\r\n]14" },
	{ "\303\244: x\r\nC: d\r\n", "[C| d|C: d\r\n]13" },
	{ "A: b\r\njunk\r\n x\r\nC: d\r\n", "[A| b|A: b\r\n][C| d|C: d\r\n]22" },
	{ "junk", "4" },
	/* bare CR ends nothing */
	{ "A: b\rC: d\r\n", "[A| b\rC: d|A: b\rC: d\r\n]11" },
	{ "A: b\r\r\n\r\n", "[A| b\r|A: b\r\r\n]7" },
	{ "A: b\r\n\r", "[A| b|A: b\r\n]6" },
};

static const struct {
	struct span value;
	const char *line;
} folded[] = {
	{ { " b", 2 }, "b" },
	{ { "", 0 }, "" },
	{ { " \r\n \t ", 6 }, "" },
	{ { " a\r\n b", 6 }, "a b" },
	{ { " a\r\n\tb\n  c \r\n ", 14 }, "a\tb  c" },
	{ { "a\rb\0c\nd", 7 }, "abcd" },
	{ { "\0 a", 3 }, " a" },
};
/* clang-format on */

static void
test_walk(void **state)
{
	struct buf b = BUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		walk(span_of(cases[i].header), &b);
		if (!span_is(buf_span(&b), cases[i].fields))
			fail_msg("case %zu: %.*s", i, (int)b.len, b.ptr);
	}
	walk(NO_SPAN, &b);
	assert_true(span_is(buf_span(&b), "0"));
	walk(SPAN("A: b\0c\r\nB\0: x\r\nC: d\r\n"), &b);
	assert_true(span_same(
	    buf_span(&b), SPAN("[A| b\0c|A: b\0c\r\n][C| d|C: d\r\n]21")));
	/* Cut anywhere: every field lies inside. */
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t len = strlen(cases[i].header); len-- > 0;)
			walk((struct span){ cases[i].header, len }, &b);
	buf_free(&b);
}

static void
test_find(void **state)
{
	struct span header = SPAN("Subjects: 0\r\nsubject : 1\r\n x\r\n"
				  "SUBJECT: 2\r\n\r\nTo: body\r\n");
	struct header_field f;

	(void)state;
	assert_true(header_find(header, "Subject", &f));
	assert_true(span_is(f.value, " 1\r\n x"));
	assert_true(span_is(f.name, "subject"));
	assert_false(header_find(header, "To", &f));
	assert_false(header_find(header, "Sub", &f));
}

static void
test_unfold(void **state)
{
	struct buf b = BUF_INIT(1000), small = BUF_INIT(3);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(folded); i++) {
		buf_clear(&b);
		buf_text(&b, "x "); /* what was there is left alone */
		header_unfold(&b, folded[i].value);
		buf_drop(&b, 2);
		if (!span_is(buf_span(&b), folded[i].line))
			fail_msg("case %zu: \"%.*s\"", i, (int)b.len, b.ptr);
	}
	header_unfold(&small, SPAN("abcd"));
	assert_true(small.bad);
	buf_free(&b);
	buf_free(&small);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_unfold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
