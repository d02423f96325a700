/* Dates: written, read strictly as IMAP has them, and tolerantly as mail has
 * them. */
#include "common/date.h"

#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	int64_t seconds;
	const char *mail, *imap;
} written[] = {
	{ 0, "Thu, 01 Jan 1970 00:00:00 +0000", " 1-Jan-1970 00:00:00 +0000" },
	{ -1, "Wed, 31 Dec 1969 23:59:59 +0000", "31-Dec-1969 23:59:59 +0000" },
	{ 1795380790, "Sun, 22 Nov 2026 20:53:10 +0000", "22-Nov-2026 20:53:10 +0000" },
	{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000", "29-Feb-2000 00:00:00 +0000" },
	{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000", " 1-Mar-2100 00:00:00 +0000" },
	{ 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000", "19-Jan-2038 03:14:08 +0000" },
	{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000", "31-Dec-9999 23:59:59 +0000" },
	{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000", "31-Dec-9999 23:59:59 +0000" },
	{ INT64_MIN, "Sat, 01 Jan 0000 00:00:00 +0000", " 1-Jan-0000 00:00:00 +0000" },
};

static const struct {
	const char *text;
	int64_t seconds;
	int zone;
} mail[] = {
	/* RFC 5322, A.1 to A.6 */
	{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360 },
	{ "Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120 },
	{ "Thu, 13 Feb 1969 23:32:54 -0330", -27723426, -210 },
	{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)", -27723480, -210 },
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0 },
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360 },
	/* obsolete zones and years */
	{ "1 Jan 49 00:00 EST", 2493090000, -300 },
	{ "1 Jan 50 00:00 PDT", -631126800, -420 },
	{ "1 Jan 100 00:00 UT", 946684800, 0 },
	{ "1 Jan 2000 00:00 Z", 946684800, 0 },
	{ "1 Jan 2000 00:00 A", 946684800, 0 },
	{ "1 Jan 2000 00:00 WHAT", 946684800, 0 },
	/* what mail programs write */
	{ "Sat, 1 Jan 2000 00:00:00 GMT+0200", 946677600, 120 },
	{ "Sat, 1 Jan 2000 00:00:00 +01:00", 946681200, 60 },
	{ "Sat Jan  1 00:00:00 2000", 946684800, 0 },
	{ "Saturday, 1 January 2000 00:00:00 +0000", 946684800, 0 },
	{ "Jan 1, 2000 00:00:00", 946684800, 0 },
	{ "01-Jan-2000 00:00:00 +0000", 946684800, 0 },
	{ "sat, 1 jan 2000 0:0:0 -0000", 946684800, 0 },
	{ "1 Jan 2000", 946684800, 0 },
	{ "(a (b) \\) c) 1 Jan 2000 00:00", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 (open", 946684800, 0 },
	{ "31 Dec 1999 23:59:60 +0000", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 +9999", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 +0060", 946684800, 0 },
	{ "\xff 1 \x80 Jan 2000", 946684800, 0 },
};

static const char *const not_mail[] = {
	"", "yesterday", "1 Jan", "Jan 2000", "1 2000", "30 Feb 2000", "29 Feb 1900",
	"0 Jan 2000", "32 Jan 2000", "1 Jan 2000 24:00", "1 Jan 2000 00:60",
	"1 Jan 2000 00:00:61", "1 Jan 20000", "1 Jan 2000 10:", "99999999999999999999 Jan 1",
};

static const struct {
	const char *text;
	int64_t seconds;
} imap[] = {
	{ " 1-Jan-1970 00:00:00 +0000", 0 },
	{ "01-Jan-1970 00:00:00 +0000", 0 },
	{ "17-Jul-1996 02:44:25 -0700", 837596665 },
	{ "17-jul-1996 02:44:25 +0530", 837551665 },
	{ "29-Feb-2024 23:59:60 +0000", 1709251200 },
};

static const char *const not_imap[] = {
	"", "1-Jan-1970 00:00:00 +0000", "  1-Jan-1970 00:00:00 +0000",
	"01-Jan-1970 00:00:00", "01-Jan-1970 00:00:00 0000", "01-Jan-1970 00:00:00 +000",
	"01-Jan-1970 00:00:00 +0000 ", "01-Jan-70 00:00:00 +0000", "01-Jan-1970 0:00:00 +0000",
	"01-Jan-1970  00:00:00 +0000", "01-January-1970 00:00:00 +0000", "00-Jan-1970 00:00:00 +0000",
	"32-Jan-1970 00:00:00 +0000", "30-Feb-2024 00:00:00 +0000", "29-Feb-2023 00:00:00 +0000",
	"01-Foo-1970 00:00:00 +0000", "01-Jan-1970 24:00:00 +0000", "01-Jan-1970 00:60:00 +0000",
	"01-Jan-1970 00:00:61 +0000", "01-Jan-1970 00:00:00 +0060", "01-Jan-1970 00:00:00 +2400",
	"+1-Jan-1970 00:00:00 +0000", "01-Jan--970 00:00:00 +0000", "\"01-Jan-1970 00:00:00 +0000\"",
};

static const struct {
	const char *text;
	int64_t days;
	bool good;
} days[] = {
	{ "1-Jan-1970", 0, true },
	{ "01-Jan-1970", 0, true },
	{ "31-Dec-1969", -1, true },
	{ "29-Feb-2000", 11016, true },
	{ "1-Mar-0000", -719468, true },
	{ "31-Dec-9999", 2932896, true },
	{ "29-Feb-2100", 0, false },
	{ " 1-Jan-1970", 0, false },
	{ "001-Jan-1970", 0, false },
	{ "1-Jan-1970 ", 0, false },
	{ "1-Jan-970", 0, false },
	{ "0-Jan-1970", 0, false },
	{ "-Jan-1970", 0, false },
	{ "", 0, false },
};
/* clang-format on */

static void
test_written(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(written); i++) {
		buf_clear(&b);
		date_put_5322(&b, written[i].seconds);
		if (!span_is(buf_span(&b), written[i].mail))
			fail_msg("%.*s", (int)b.len, b.ptr);
		buf_clear(&b);
		date_put_imap(&b, written[i].seconds);
		if (!span_is(buf_span(&b), written[i].imap))
			fail_msg("%.*s", (int)b.len, b.ptr);
	}
	buf_free(&b);
}

/* Days apart by a prime, over all years: what is written is read again, and is
 * what the C library says. */
static void
test_round(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	for (int64_t s = INT64_C(-62167219200); s < INT64_C(253402300800);
	     s += INT64_C(86399) * 37) {
		int64_t got = 0;
		int zone = -1;
		struct tm tm;
		time_t t = (time_t)s;
		char want[64];

		buf_clear(&b);
		date_put_imap(&b, s);
		assert_true(date_get_imap(buf_span(&b), &got));
		assert_true(got == s);
		buf_clear(&b);
		date_put_5322(&b, s);
		assert_non_null(gmtime_r(&t, &tm));
		assert_true(tm.tm_year + 1900 < 1000 ||
			    strftime(want, sizeof(want),
				"%a, %d %b %Y %H:%M:%S +0000", &tm) > 0);
		if (tm.tm_year + 1900 >= 1000)
			assert_true(span_is(buf_span(&b), want));
		assert_true(date_get_5322(buf_span(&b), &got, &zone));
		assert_true(got == s && zone == 0);
	}
	buf_free(&b);
}

static void
test_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(mail); i++) {
		int64_t seconds = -1;
		int zone = -1;

		if (!date_get_5322(span_of(mail[i].text), &seconds, &zone) ||
		    seconds != mail[i].seconds || zone != mail[i].zone)
			fail_msg("\"%s\": %lld, %d", mail[i].text,
			    (long long)seconds, zone);
	}
	for (size_t i = 0; i < COUNT_OF(not_mail); i++) {
		int64_t seconds;
		int zone;

		if (date_get_5322(span_of(not_mail[i]), &seconds, &zone))
			fail_msg("\"%s\" was read: %lld", not_mail[i],
			    (long long)seconds);
	}
}

static void
test_imap(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(imap); i++) {
		struct span text = span_of(imap[i].text);
		int64_t seconds = -1;

		if (!date_get_imap(text, &seconds) ||
		    seconds != imap[i].seconds)
			fail_msg(
			    "\"%s\": %lld", imap[i].text, (long long)seconds);
		while (text.len-- > 0)
			assert_false(date_get_imap(text, &seconds));
	}
	for (size_t i = 0; i < COUNT_OF(not_imap); i++) {
		int64_t seconds;

		if (date_get_imap(span_of(not_imap[i]), &seconds))
			fail_msg("\"%s\" was read", not_imap[i]);
	}
	for (size_t i = 0; i < COUNT_OF(days); i++) {
		int64_t got = 0;
		bool good = date_get_imap_day(span_of(days[i].text), &got);

		if (good != days[i].good || (good && got != days[i].days))
			fail_msg("\"%s\": %lld", days[i].text, (long long)got);
	}
}

/* Cut and changed in every place: any answer, as long as there is one. */
static void
test_hostile(void **state)
{
	int64_t seconds;
	char text[200];
	int zone;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(mail); i++) {
		size_t len = strlen(mail[i].text);

		for (size_t at = 0; at < len; at++)
			for (const char *c = "(:+9\\ ,"; *c != '\0'; c++) {
				memcpy(text, mail[i].text, len);
				text[at] = *c;
				if (date_get_5322((struct span){ text, len },
					&seconds, &zone))
					assert_true(
					    zone > -1440 && zone < 1440);
				(void)!date_get_5322(
				    (struct span){ text, at }, &seconds, &zone);
			}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_imap),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
