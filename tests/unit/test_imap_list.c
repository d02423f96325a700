/* The patterns of LIST. */
#include "imapd/imap_pattern.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"

static void
test_match(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "a", true },
		{ "a", "A", false },
		{ "a", "ab", false },
		{ "*", "", true },
		{ "*", "a/b/c", true },
		{ "%", "a", true },
		{ "%", "a/b", false },
		{ "%/%", "a/b", true },
		{ "%/%", "a/b/c", false },
		{ "a/%", "a/b", true },
		{ "a/%", "a/", true },
		{ "a/*", "a", false },
		{ "*b", "aab", true },
		{ "*b", "aaba", false },
		{ "a*b*c", "axxbyyc", true },
		{ "a*b*c", "axxbyy", false },
		{ "a%b*c", "a/b/c", false },
		{ "a%b*c", "axb/c", true },
		{ "%a*", "xa/b", true },
		{ "*%", "a/b", true },
		{ "%*%", "a/b/c", true },
		{ "**", "a", true },
		{ "%%", "a/b", false },
		{ "inbox", "INBOX", true },
		{ "In*", "INBOX", true },
		{ "%nBoX", "INBOX", true },
		{ "inbox/x", "INBOX/x", true },
		{ "inbox/X", "INBOX/x", false },
		{ "inboxes", "INBOXES", false },
		{ "\u00fc%", "\u00fcber", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (imap_pattern_match(span_of(cases[i].pattern),
			span_of(cases[i].name)) != cases[i].matches)
			fail_msg(
			    "'%s' and '%s'", cases[i].pattern, cases[i].name);
}

/* The definition of it, with recursion; for short strings. */
static bool
by_definition(const char *p, const char *n)
{
	if (*p == '\0')
		return *n == '\0';
	if (*p == '*' || *p == '%')
		return by_definition(p + 1, n) ||
		       (*n != '\0' && (*p == '*' || *n != '/') &&
			   by_definition(p, n + 1));
	return *p == *n && *n != '\0' && by_definition(p + 1, n + 1);
}

static void
test_against_definition(void **state)
{
	static const char in_pattern[] = "ab/*%", in_name[] = "ab/";
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char p[9] = "", n[9] = "";

		for (int i = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			p[i] = in_pattern[(seed >> 16) % sizeof(in_pattern)];
			n[i] = in_name[(seed >> 24) % sizeof(in_name)];
		}
		if (imap_pattern_match(span_of(p), span_of(n)) !=
		    by_definition(p, n))
			fail_msg("'%s' and '%s'", p, n);
	}
}

/* 1,000 stars and a name that almost matches: not more than 10 ms. */
static void
test_cost(void **state)
{
	struct buf p = BUF_INIT(4096), n = BUF_INIT(4096);
	int64_t begun;

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_text(&p, "*a");
	buf_text(&p, "b");
	for (int i = 0; i < 1000; i++)
		buf_byte(&n, 'a');
	begun = clock_mono_ms();
	assert_false(imap_pattern_match(buf_span(&p), buf_span(&n)));
	assert_in_range(clock_mono_ms() - begun, 0, 100);
	for (int i = 0; i < 100; i++)
		buf_byte(&p, '*');
	assert_false(imap_pattern_match(buf_span(&p), buf_span(&n)));
	buf_free(&p);
	buf_free(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_against_definition),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
