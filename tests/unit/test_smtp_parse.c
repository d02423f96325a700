/* The grammar of commands, and what each refusal is answered with. */
#include "smtpd/smtp_parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"

/* A copy with nothing behind it, so that a read beyond its end is seen. */
static struct span
exact(struct span text)
{
	char *copy = malloc(text.len + 1);

	memcpy(copy, text.ptr, text.len);
	return (struct span){ realloc(copy, text.len == 0 ? 1 : text.len),
		text.len };
}

static void
forget(struct span copy)
{
	free((void *)(uintptr_t)copy.ptr);
}

static void
test_line(void **state)
{
	static const struct {
		const char *line, *verb, *args;
	} cases[] = {
		{ "NOOP", "NOOP", "" },
		{ "noop  ", "noop", "" },
		{ "MAIL FROM:<a@b>", "MAIL", "FROM:<a@b>" },
		{ "MAIL  FROM:<a@b> \t", "MAIL", "FROM:<a@b>" },
		{ "", "", "" },
		{ " NOOP", "", "NOOP" },
		{ "NOOP\tx", "", "x" },
		{ "MAIL:FROM", "", ":FROM" },
		{ "A\x80", "", "\x80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span line = exact(span_of(cases[i].line)), verb, args;

		smtp_parse_line(line, &verb, &args);
		if (!span_is(verb, cases[i].verb) ||
		    !span_is(args, cases[i].args))
			fail_msg("case %zu: '%.*s' '%.*s'", i, (int)verb.len,
			    verb.ptr, (int)args.len, args.ptr);
		forget(line);
	}
}

static void
test_helo(void **state)
{
	static const struct {
		struct span name;
		bool good;
	} cases[] = {
		{ { "client.example", 14 }, true },
		{ { "[192.168.42.52]", 15 }, true },
		{ { "[IPv6:fe80::1%eth0]", 19 }, true },
		{ { "DESKTOP_7", 9 }, true },
		{ { "pc", 2 }, true },
		{ { "", 0 }, false },
		{ { "a b", 3 }, false },
		{ { "a\0b", 3 }, false },
		{ { "a(b)", 4 }, false },
		{ { "a;b", 3 }, false },
		{ { "a\r\nX: y", 8 }, false },
		{ { "b\xC3\xBC.example", 11 }, false },
	};
	char many[257];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span copy = exact(cases[i].name), name;

		if (smtp_parse_helo(copy, &name) != cases[i].good)
			fail_msg("case %zu", i);
		forget(copy);
	}
	memset(many, 'a', sizeof(many));
	assert_true(
	    smtp_parse_helo((struct span){ many, 255 }, &(struct span){ 0 }));
	assert_false(
	    smtp_parse_helo((struct span){ many, 256 }, &(struct span){ 0 }));
}

enum { SUBMISSION = PARSE_BLANK | PARSE_UTF8 | PARSE_AUTH };

static void
test_mail(void **state)
{
	static const struct {
		const char *args;
		unsigned flags;
		enum smtp_reply reply;
		const char *path;
		uint64_t size;
		bool utf8;
	} cases[] = {
		{ "FROM:<a@b.example>", 0, REPLY_SENDER_OK, "a@b.example", 0,
		    false },
		{ "from:<>", 0, REPLY_SENDER_OK, "", 0, false },
		{ "FROM:<a@b.example> BODY=8BITMIME SIZE=1", 0, REPLY_SENDER_OK,
		    "a@b.example", 1, false },
		{ "FROM:<a@b.example> body=7bit size=18446744073709551615", 0,
		    REPLY_SENDER_OK, "a@b.example", UINT64_MAX, false },
		{ "FROM:<\"a >b\"@c.example> SIZE=5", 0, REPLY_SENDER_OK,
		    "\"a >b\"@c.example", 5, false },
		{ "FROM:<\"a\\\"b\"@c.example>", 0, REPLY_SENDER_OK,
		    "\"a\\\"b\"@c.example", 0, false },
		{ "FROM:<a@b.example> SMTPUTF8", 0, REPLY_SENDER_OK,
		    "a@b.example", 0, true },
		{ "FROM:<\xC3\xA4@b.example> SMTPUTF8", 0, REPLY_SENDER_OK,
		    "\xC3\xA4@b.example", 0, true },
		{ "FROM:<a@b.example>   SIZE=7", 0, REPLY_SENDER_OK,
		    "a@b.example", 7, false },
		/* Outlook */
		{ "FROM: <a@b.example>", SUBMISSION, REPLY_SENDER_OK,
		    "a@b.example", 0, false },
		{ "FROM:<a@b.example> SIZE=13343 AUTH=<>", SUBMISSION,
		    REPLY_SENDER_OK, "a@b.example", 13343, false },
		{ "FROM:<\xC3\xA4@b.example>", SUBMISSION, REPLY_SENDER_OK,
		    "\xC3\xA4@b.example", 0, false },
		{ "FROM: <a@b.example>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:<a@b.example> AUTH=<>", 0, REPLY_UNKNOWN_PARAMETER,
		    NULL, 0, false },
		{ "FROM:<a@b.example> AUTH", SUBMISSION, REPLY_BAD_PARAMETER,
		    NULL, 0, false },
		{ "FROM:<\xC3\xA4@b.example>", 0, REPLY_NEEDS_UTF8, NULL, 0,
		    false },
		/* no address */
		{ "", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:a@b.example", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:<a@b.example", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:<\"a@b.example>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:<@x.example:a@b.example>", 0, REPLY_BAD_SENDER, NULL, 0,
		    false },
		{ "FROM:<a>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM:<postmaster>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "FROM :<a@b.example>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		{ "TO:<a@b.example>", 0, REPLY_BAD_SENDER, NULL, 0, false },
		/* parameters */
		{ "FROM:<a@b.example>SIZE=1", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> SIZE=", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> SIZE", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> SIZE=1 SIZE=2", 0, REPLY_BAD_PARAMETER,
		    NULL, 0, false },
		{ "FROM:<a@b.example> SIZE=18446744073709551616", 0,
		    REPLY_BAD_PARAMETER, NULL, 0, false },
		{ "FROM:<a@b.example> SIZE=-1", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> BODY=BINARYMIME", 0, REPLY_BAD_PARAMETER,
		    NULL, 0, false },
		{ "FROM:<a@b.example> SMTPUTF8=1", 0, REPLY_BAD_PARAMETER, NULL,
		    0, false },
		{ "FROM:<a@b.example> RET=FULL", 0, REPLY_UNKNOWN_PARAMETER,
		    NULL, 0, false },
		{ "FROM:<a@b.example> =x", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> X_Y=1", 0, REPLY_BAD_PARAMETER, NULL, 0,
		    false },
		{ "FROM:<a@b.example> <c@d.example>", 0, REPLY_BAD_PARAMETER,
		    NULL, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span args = exact(span_of(cases[i].args));
		struct smtp_mail_args mail;
		enum smtp_reply reply =
		    smtp_parse_mail(args, cases[i].flags, &mail);

		if (reply != cases[i].reply)
			fail_msg(
			    "%s: %d", cases[i].args, smtp_reply_code(reply));
		if (reply == REPLY_SENDER_OK &&
		    (!span_is(mail.path, cases[i].path) ||
			mail.size != cases[i].size ||
			mail.utf8 != cases[i].utf8))
			fail_msg("%s: read wrongly", cases[i].args);
		forget(args);
	}
}

static void
test_rcpt(void **state)
{
	static const struct {
		const char *args;
		unsigned flags;
		enum smtp_reply reply;
	} cases[] = {
		{ "TO:<a@b.example>", 0, REPLY_RCPT_OK },
		{ "to:<A+tag@B.example>", 0, REPLY_RCPT_OK },
		{ "TO:<postmaster>", 0, REPLY_RCPT_OK },
		{ "TO:<PostMaster>", 0, REPLY_RCPT_OK },
		{ "TO:<a@[192.0.2.1]>", 0, REPLY_RCPT_OK },
		{ "TO: <a@b.example>", SUBMISSION, REPLY_RCPT_OK },
		{ "TO:<\xC3\xA4@b.example>", PARSE_UTF8, REPLY_RCPT_OK },
		{ "TO:<\xC3\xA4@b.example>", 0, REPLY_NEEDS_UTF8 },
		{ "TO: <a@b.example>", 0, REPLY_BAD_RCPT },
		{ "TO:<>", 0, REPLY_BAD_RCPT },
		{ "TO:<root>", 0, REPLY_BAD_RCPT },
		{ "TO:a@b.example", 0, REPLY_BAD_RCPT },
		{ "TO:<a@b.example>x", 0, REPLY_BAD_RCPT },
		{ "TO:<a@b.example>,<c@d.example>", 0, REPLY_BAD_RCPT },
		{ "TO:<a@here>victim@far.example", 0, REPLY_BAD_RCPT },
		{ "TO:<a@b.example> <c@d.example>", 0,
		    REPLY_UNKNOWN_PARAMETER },
		{ "TO:<a@b.example> NOTIFY=SUCCESS", 0,
		    REPLY_UNKNOWN_PARAMETER },
		{ "TO:<a@b.example> ORCPT=rfc822;c@d.example", 0,
		    REPLY_UNKNOWN_PARAMETER },
		/* source routes and worse are not even addresses */
		{ "TO:<@here.example:victim@far.example>", 0, REPLY_BAD_RCPT },
		{ "TO:<@a.example,@b.example:victim@far.example>", 0,
		    REPLY_BAD_RCPT },
		{ "TO:<victim@far.example@here.example>", 0, REPLY_BAD_RCPT },
		{ "TO:<victim@here.example,far.example>", 0, REPLY_BAD_RCPT },
		{ "TO:<\"victim@far.example\">", 0, REPLY_BAD_RCPT },
		{ "TO:<a@b..example>", 0, REPLY_BAD_RCPT },
		{ "TO:<a b@c.example>", 0, REPLY_BAD_RCPT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span args = exact(span_of(cases[i].args));
		struct smtp_rcpt_args rcpt;
		enum smtp_reply reply =
		    smtp_parse_rcpt(args, cases[i].flags, &rcpt);

		if (reply != cases[i].reply)
			fail_msg(
			    "%s: %d", cases[i].args, smtp_reply_code(reply));
		forget(args);
	}
}

static void
test_path_limit(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct smtp_rcpt_args rcpt;

	(void)state;
	buf_text(&b, "TO:<a@");
	for (int i = 0; i < 300; i++)
		buf_text(&b, "x.");
	buf_text(&b, "example>");
	assert_int_equal(
	    smtp_parse_rcpt(buf_span(&b), 0, &rcpt), REPLY_BAD_RCPT);
	buf_free(&b);
}

static void
test_auth(void **state)
{
	static const struct {
		const char *args;
		bool good;
		const char *mechanism, *initial;
	} cases[] = {
		{ "PLAIN", true, "PLAIN", NULL },
		{ "PLAIN AGEAYg==", true, "PLAIN", "AGEAYg==" },
		{ "LOGIN =", true, "LOGIN", "=" },
		{ "SCRAM-SHA-256 x", true, "SCRAM-SHA-256", "x" },
		{ "", false, NULL, NULL },
		{ " PLAIN", false, NULL, NULL },
		{ "PL\xC3\x84IN", false, NULL, NULL },
		{ "ABCDEFGHIJKLMNOPQRSTU", false, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct smtp_auth_args auth;

		if (smtp_parse_auth(span_of(cases[i].args), &auth) !=
		    cases[i].good)
			fail_msg("case %zu", i);
		if (!cases[i].good)
			continue;
		assert_true(span_is(auth.mechanism, cases[i].mechanism));
		assert_int_equal(auth.has_initial, cases[i].initial != NULL);
		if (auth.has_initial)
			assert_true(span_is(auth.initial, cases[i].initial));
	}
}

/* Whatever the bytes, nothing is read beyond them, and a verdict comes. */
static void
test_any_bytes(void **state)
{
	static const char parts[] = "FROM:TO<>@\"\\ =a.[]\0\x80\xFF";
	unsigned seed = 1;

	(void)state;
	for (int n = 0; n < 200000; n++) {
		char text[24];
		struct span copy, verb, args;
		struct smtp_mail_args mail;
		struct smtp_rcpt_args rcpt;
		size_t len = (seed >> 16) % sizeof(text);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			text[i] = parts[(seed >> 16) % (sizeof(parts) - 1)];
		}
		seed = seed * 1103515245 + 12345;
		if (n % 2 == 0 && len > 6)
			memcpy(text, n % 4 == 0 ? "FROM:<" : "TO:<\"",
			    n % 4 == 0 ? 6 : 5);
		copy = exact((struct span){ text, len });
		smtp_parse_line(copy, &verb, &args);
		assert_true(smtp_reply_code(smtp_parse_mail(
				copy, (unsigned)n & 7, &mail)) >= 250);
		assert_true(smtp_reply_code(smtp_parse_rcpt(
				copy, (unsigned)n & 7, &rcpt)) >= 250);
		forget(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_helo),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_path_limit),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
