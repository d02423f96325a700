/* The grammar of POP3 commands. */
#include "pop3d/pop3_reply.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"

static void
words(void **state)
{
	static const struct {
		const char *line, *word, *rest;
		bool has_rest;
	} cases[] = {
		{ "", "", "", false },
		{ "STAT", "STAT", "", false },
		{ "AUTH ", "AUTH", "", true },
		{ "PASS  two words ", "PASS", " two words ", true },
		{ " STAT", "", "STAT", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pop3_line l = pop3_line(span_of(cases[i].line));

		assert_true(span_is(l.word, cases[i].word));
		assert_true(span_is(l.rest, cases[i].rest));
		assert_int_equal(l.has_rest, cases[i].has_rest);
	}
}

static void
numbers(void **state)
{
	static const struct {
		const char *rest;
		unsigned most;
		bool good;
		unsigned count;
		uint32_t a, b;
	} cases[] = {
		{ "", 0, true, 0, 0, 0 },
		{ " ", 0, true, 0, 0, 0 },
		{ "", 2, true, 0, 0, 0 },
		{ "1", 1, true, 1, 1, 0 },
		{ "1 ", 1, true, 1, 1, 0 },
		{ "  007", 1, true, 1, 7, 0 },
		{ "4294967295", 1, true, 1, UINT32_MAX, 0 },
		{ "1 2", 2, true, 2, 1, 2 },
		{ "1  2  ", 2, true, 2, 1, 2 },
		{ "1", 0, false, 0, 0, 0 },
		{ "1 2", 1, false, 0, 0, 0 },
		{ "1 2 3", 2, false, 0, 0, 0 },
		{ "-1", 1, false, 0, 0, 0 },
		{ "+1", 1, false, 0, 0, 0 },
		{ "1x", 1, false, 0, 0, 0 },
		{ "x", 1, false, 0, 0, 0 },
		{ "1,2", 2, false, 0, 0, 0 },
		{ "4294967296", 1, false, 0, 0, 0 },
		{ "99999999999999999999", 1, false, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t n[2] = { 0, 0 };
		unsigned count = 0;
		bool good = pop3_numbers(
		    span_of(cases[i].rest), n, cases[i].most, &count);

		if (good != cases[i].good ||
		    (good && (count != cases[i].count || n[0] != cases[i].a ||
				 n[1] != cases[i].b)))
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
