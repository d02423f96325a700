/*
 * The trace field, what submissions lack and lose, loops, and the body that
 * all of it happens in.
 */
#include "smtpd/smtp_header.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/record.h"
#include "smtpd/smtp_body.h"

enum { NOW = 1795380790 }; /* Sun, 22 Nov 2026 20:53:10 UTC */
#define DATE "Sun, 22 Nov 2026 20:53:10 +0000"

static void
assert_text(const struct buf *b, const char *want)
{
	if (b->len != strlen(want) || memcmp(b->ptr, want, b->len) != 0)
		fail_msg("got:\n%.*s\nwanted:\n%s", (int)b->len, b->ptr, want);
}

static void
test_received(void **state)
{
	struct smtp_trace t = { .helo = SPAN("client.example"),
		.address = "192.0.2.7",
		.hostname = "mail.example.test",
		.id = "abc",
		.recipient = SPAN("a@example.test"),
		.now = NOW };
	struct buf b = BUF_INIT(4096);

	(void)state;
	smtp_header_received(&b, &t);
	assert_text(&b, "Received: from client.example ([192.0.2.7])\r\n\tby "
			"mail.example.test with SMTP id abc\r\n"
			"\tfor <a@example.test>;\r\n\t" DATE "\r\n");
	buf_clear(&b);
	t.address = "2001:db8::1";
	t.recipient = NO_SPAN;
	t.esmtp = t.tls = t.login = true;
	smtp_header_received(&b, &t);
	assert_text(&b,
	    "Received: from client.example ([IPv6:2001:db8::1])\r\n\tby "
	    "mail.example.test with ESMTPSA id abc;\r\n"
	    "\t" DATE "\r\n");
	buf_free(&b);
}

static void
test_protocol(void **state)
{
	static const struct {
		bool esmtp, tls, login, utf8;
		const char *with;
	} cases[] = {
		{ false, false, false, false, " with SMTP id" },
		{ true, false, false, false, " with ESMTP id" },
		{ true, true, false, false, " with ESMTPS id" },
		{ true, false, true, false, " with ESMTPA id" },
		{ true, true, true, false, " with ESMTPSA id" },
		{ true, false, false, true, " with UTF8SMTP id" },
		{ true, true, false, true, " with UTF8SMTPS id" },
		{ true, false, true, true, " with UTF8SMTPA id" },
		{ true, true, true, true, " with UTF8SMTPSA id" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(4096);
		struct smtp_trace t = { .helo = SPAN("h"),
			.address = "::1",
			.hostname = "m",
			.id = "i",
			.esmtp = cases[i].esmtp,
			.tls = cases[i].tls,
			.login = cases[i].login,
			.utf8 = cases[i].utf8 };

		smtp_header_received(&b, &t);
		assert_non_null(
		    memmem(b.ptr, b.len, cases[i].with, strlen(cases[i].with)));
		buf_free(&b);
	}
}

static const struct {
	const char *in, *out;
} completions[] = {
	{ "Date: x\r\nMessage-ID: y\r\nSubject: z\r\n\r\n",
	    "Date: x\r\nMessage-ID: y\r\nSubject: z\r\n\r\n" },
	{ "Subject: z\r\n\r\n",
	    "Date: " DATE "\r\nMessage-ID: <id@host>\r\nSubject: z\r\n\r\n" },
	{ "DATE: x\r\nSubject: z\r\n\r\n",
	    "Message-ID: <id@host>\r\nDATE: x\r\nSubject: z\r\n\r\n" },
	{ "message-id: x\r\ndate: y\r\nBcc: "
	  "secret@example.org,\r\n\tmore@example.org\r\nTo: a\r\n\r\n",
	    "message-id: x\r\ndate: y\r\nTo: a\r\n\r\n" },
	{ "Bcc: a\r\nDate: x\r\nMessage-ID: y\r\nBCC : b\r\n c\r\nbcc:\r\n\r\n",
	    "Date: x\r\nMessage-ID: y\r\n\r\n" },
	{ "Date: x\r\nMessage-ID: y\r\nResent-Bcc: b\r\nReturn-Path: "
	  "<x>\r\nX-Bcc: kept\r\n\r\n",
	    "Date: x\r\nMessage-ID: y\r\nX-Bcc: kept\r\n\r\n" },
	{ "Date: x\r\nMessage-ID: y\r\nSubject: a\r\n Bcc: folded\r\n\r\n",
	    "Date: x\r\nMessage-ID: y\r\nSubject: a\r\n Bcc: folded\r\n\r\n" },
	{ "\r\n", "Date: " DATE "\r\nMessage-ID: <id@host>\r\n\r\n" },
	{ "", "Date: " DATE "\r\nMessage-ID: <id@host>\r\n" },
	/* no empty line at the end; a last field that is private */
	{ "Date: x\r\nMessage-ID: y\r\nBcc: b\r\n",
	    "Date: x\r\nMessage-ID: y\r\n" },
	{ "Date: x\r\nMessage-ID: y\r\nBcc: b",
	    "Date: x\r\nMessage-ID: y\r\n" },
	/* a line that is no field does not hide what follows */
	{ "Date: x\r\nMessage-ID: y\r\njunk\r\nBcc: b\r\n\r\n",
	    "Date: x\r\nMessage-ID: y\r\njunk\r\n\r\n" },
};

static void
test_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(completions); i++) {
		struct buf b = BUF_INIT(4096);

		smtp_header_complete(
		    &b, span_of(completions[i].in), "host", "id", NOW);
		assert_text(&b, completions[i].out);
		buf_free(&b);
	}
}

static void
test_loops(void **state)
{
	static const struct {
		const char *header;
		bool loop;
	} cases[] = {
		{ "Subject: x\r\n\r\n", false },
		{ "Delivered-To: other@example.test\r\n\r\n", false },
		{ "Delivered-To: bob@example.test\r\n\r\n", true },
		{ "X: y\r\ndelivered-to:  Bob@EXAMPLE.test \r\n\r\n", true },
		{ "Delivered-To: \"bob\"@example.test\r\n\r\n", true },
		{ "Delivered-To: other@example.test\r\nDelivered-To: "
		  "alice@example.test\r\n\r\n",
		    true },
		{ "Delivered-To: \r\n\r\n", false },
		{ "X-Delivered-To: bob@example.test\r\n\r\n", false },
	};
	const struct span rcpts[] = { SPAN("alice@example.test"),
		SPAN("bob@example.test") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (smtp_header_was_delivered(
			span_of(cases[i].header), rcpts, 2) != cases[i].loop)
			fail_msg("case %zu", i);
}

/* ---- the body ---- */

static bool
loops(void *arg, struct span header)
{
	(void)header;
	return *(bool *)arg;
}

static enum smtp_reply
run_body(struct smtp_body *body, const char *wire, size_t step)
{
	size_t len = strlen(wire), taken = 0;

	while (!smtp_body_done(body)) {
		size_t n = step < len - taken ? step : len - taken;

		assert_true(n > 0);
		assert_false(smtp_body_wants_file(body));
		taken += smtp_body_feed(body, (struct span){ wire + taken, n });
	}
	assert_int_equal(taken, len);
	return smtp_body_end(body, 0);
}

#define RECEIVED "Received: by us\r\n"
#define COMPLETE "Date: x\r\nMessage-ID: y\r\n"

static const struct {
	const char *wire;
	bool submission, loop;
	uint64_t limit;
	enum smtp_reply verdict;
	const char *message;
} bodies[] = {
	{ "A: b\r\n\r\nhello\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "A: b\r\n\r\nhello\r\n" },
	{ "A: b\r\n\r\n..hello\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "A: b\r\n\r\n.hello\r\n" },
	{ "\r\nhello\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "\r\nhello\r\n" },
	{ "A: b\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "A: b\r\n" },
	{ ".\r\n", false, false, 1000, REPLY_STORED, RECEIVED },
	{ "A: b\r\n\r\nhello\r\n.\r\n", false, true, 1000, REPLY_LOOP, NULL },
	{ "A: b\r\n.\r\n", false, true, 1000, REPLY_LOOP, NULL },
	{ "A: b\r\n\r\nhello\r\n.\r\n", false, false, 15, REPLY_STORED,
	    RECEIVED "A: b\r\n\r\nhello\r\n" },
	{ "A: b\r\n\r\nhello\r\n.\r\n", false, false, 14, REPLY_TOO_BIG, NULL },
	{ "A: b\r\n\r\nhel\nlo\r\n.\r\n", false, false, 1000, REPLY_BAD_DATA,
	    NULL },
	{ "A: b\r\n\r\nhel\rlo\r\n.\r\n", true, false, 1000, REPLY_BAD_DATA,
	    NULL },
	{ COMPLETE "\r\nhel\nlo\r\n.\r\n", true, false, 1000, REPLY_STORED,
	    RECEIVED COMPLETE "\r\nhel\r\nlo\r\n" },
	{ "Date: x\nMessage-ID: y\n\nBcc: b\n\r\n.\r\n", true, false, 1000,
	    REPLY_STORED, RECEIVED COMPLETE "\r\nBcc: b\r\n\r\n" },
	{ COMPLETE "Bcc: b\r\n\r\nhello\r\n.\r\n", true, false, 1000,
	    REPLY_STORED, RECEIVED COMPLETE "\r\nhello\r\n" },
	{ "Bcc: b\r\n.\r\n", true, false, 1000, REPLY_STORED,
	    RECEIVED "Date: " DATE "\r\nMessage-ID: <id@host>\r\n" },
	/* No header at all, or what would go on with our field. */
	{ "hello\r\nyou\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "\r\nhello\r\nyou\r\n" },
	{ " by them\r\nA: b\r\n\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "\r\n by them\r\nA: b\r\n\r\n" },
	{ ": b\r\n\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "\r\n: b\r\n\r\n" },
	{ "From x Mon\r\nA: b\r\n\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "From x Mon\r\nA: b\r\n\r\n" },
	{ "A : b\r\nhello\r\n\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "A : b\r\nhello\r\n\r\n" },
	{ "hello\r\nBcc: b\r\nDate: x\r\n.\r\n", true, false, 1000,
	    REPLY_STORED,
	    RECEIVED "Message-ID: <id@host>\r\nhello\r\nDate: x\r\n" },
	{ "hello\r\n\r\nDate: x\r\n.\r\n", true, false, 1000, REPLY_STORED,
	    RECEIVED "Date: " DATE "\r\nMessage-ID: <id@host>\r\n"
		     "\r\nhello\r\n\r\nDate: x\r\n" },
	{ "hello\r\nA: b\r\n.\r\n", false, false, 1000, REPLY_STORED,
	    RECEIVED "hello\r\nA: b\r\n" },
	{ "\r\nBcc: b\r\n.\r\n", true, false, 1000, REPLY_STORED,
	    RECEIVED "Date: " DATE
		     "\r\nMessage-ID: <id@host>\r\n\r\nBcc: b\r\n" },
};

static void
test_body(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		for (size_t step = 1; step <= strlen(bodies[i].wire); step++) {
			bool loop = bodies[i].loop;
			struct smtp_body_rules rules = {
				.submission = bodies[i].submission,
				.size_limit = bodies[i].limit,
				.hostname = "host",
				.trace = "id",
				.now = NOW,
				.is_loop = loops,
				.arg = &loop
			};
			struct smtp_body *body =
			    smtp_body_new(&rules, SPAN(RECEIVED));
			enum smtp_reply verdict =
			    run_body(body, bodies[i].wire, step);
			const struct content *c = smtp_body_content(body);

			if (verdict != bodies[i].verdict)
				fail_msg("case %zu step %zu: %d", i, step,
				    smtp_reply_code(verdict));
			if (verdict == REPLY_STORED) {
				assert_text(&c->bytes, bodies[i].message);
				assert_int_equal(c->size, c->bytes.len);
				assert_true(record_check(
				    buf_span(&c->record), c->size));
			}
			smtp_body_free(&body);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
