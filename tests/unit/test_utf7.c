/* Mailbox names: modified UTF-7 and back, and what has no second spelling. */
#include "common/utf7.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"

static void
test_both_ways(void **state)
{
	static const struct {
		const char *wire, *name;
	} cases[] = {
		{ "", "" },
		{ "INBOX", "INBOX" },
		{ "R&-D", "R&D" },
		{ "&-&-", "&&" },
		{ "Entw&APw-rfe", "Entw\u00fcrfe" },
		{ "&2D3c5g-", "\U0001F4E6" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		    "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e" },
		{ "&AAE-", "\x01" },
		{ "&AH8-", "\x7f" },
		{ "&Jjo-!", "\u263a!" },
		{ "&-+- %*\"\\", "&+- %*\"\\" },
		{ "&2AHeN9gB3jg-", "\U00010637\U00010638" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(1000);

		assert_true(utf7_decode(&b, span_of(cases[i].wire)));
		if (!span_is(buf_span(&b), cases[i].name))
			fail_msg(
			    "'%s' is '%.*s'", cases[i].wire, (int)b.len, b.ptr);
		buf_clear(&b);
		utf7_encode(&b, span_of(cases[i].name));
		if (!span_is(buf_span(&b), cases[i].wire))
			fail_msg("'%s' becomes '%.*s'", cases[i].name,
			    (int)b.len, b.ptr);
		buf_free(&b);
	}
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {
		"&",
		"a&b",
		"&AGE-",      /* "a" needs no base64 */
		"&AOQ",       /* no end */
		"&AOQ-&AOQ-", /* two shifts that could be one */
		"&AOR-",      /* bits left over */
		"&AOQA-",     /* a digit too many */
		"&A-",        /* half a character */
		"&AAA-",      /* NUL */
		"&2D0-",      /* a first surrogate alone */
		"&3OY-",      /* a second one */
		"&2D3YPdzm-", /* two first ones */
		"&U/BTFw-",   /* "/" where "," belongs */
		"&AOQ=-",     /* padding */
		"\xc3\xa4",   /* UTF-8 */
		"a\x7f",
		"a\tb",
		"&AOQ\xc3-",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(1000);

		if (utf7_decode(&b, span_of(cases[i])))
			fail_msg("'%s' is taken", cases[i]);
		buf_free(&b);
	}
}

/* Behind what is already in the buffer; and over its limit. */
static void
test_appends(void **state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	buf_text(&b, "abc");
	assert_true(utf7_decode(&b, SPAN("&APw-")));
	assert_true(span_is(buf_span(&b), "abc\u00fc"));
	assert_false(utf7_decode(&b, SPAN("four")));
	buf_free(&b);
}

static void
test_no_utf8(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	utf7_encode(&b, SPAN("a\xff\xc3"));
	assert_true(span_is(buf_span(&b), "a&,,3,,Q-"));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_no_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
