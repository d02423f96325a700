/*
 * Messages between the processes of smtpd: written, read back, and refused
 * when their shape is wrong.
 */
#include "smtpd/delivery.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct delivery sample = {
	.id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.flags = DELIVERY_LOOK_UP,
	.trace = { "0123456789abcdef", 16 },
	.mailbox = { "Junk", 4 },
	.internaldate = -5,
	.prefix = { "Return-Path: <>\r\nDelivered-To: a@b\r\n", 36 },
	.record = { "rec\0ord", 7 },
	.size = 6,
	.message = { "a:b\r\n\n", 6 },
};

static void
assert_span(struct span got, struct span want)
{
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void
test_delivery_round_trip(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct delivery d;

	(void)state;
	delivery_put(&b, &sample);
	assert_true(delivery_get(buf_span(&b), &d));
	assert_memory_equal(d.id, sample.id, DELIVERY_ID_LEN);
	assert_int_equal(d.flags, sample.flags);
	assert_int_equal(d.internaldate, sample.internaldate);
	assert_int_equal(d.size, sample.size);
	assert_span(d.trace, sample.trace);
	assert_span(d.mailbox, sample.mailbox);
	assert_span(d.prefix, sample.prefix);
	assert_span(d.record, sample.record);
	assert_span(d.message, sample.message);
	buf_free(&b);
}

/* Every cut, and one byte more, is refused: nothing reads beyond a payload. */
static void
test_delivery_cut(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct delivery d;

	(void)state;
	delivery_put(&b, &sample);
	for (size_t n = 0; n < b.len; n++) {
		char *exact = malloc(n + 1);

		memcpy(exact, b.ptr, n);
		assert_false(delivery_get((struct span){ exact, n }, &d));
		free(exact);
	}
	buf_byte(&b, 'x');
	assert_false(delivery_get(buf_span(&b), &d));
	buf_free(&b);
}

static void
test_delivery_shape(void **state)
{
	static const struct {
		const char *prefix, *trace;
		uint64_t size;
		const char *message, *record;
		bool good;
	} cases[] = {
		{ "", "t", 1, "m", "r", true },
		{ "A: b\r\n c\r\n", "t", 1, "m", "r", true },
		{ "", "t", 1000000, "", "", true }, /* by descriptor */
		{ "", "t", DELIVERY_SIZE_MAX, "", "", true },
		{ "", "t", DELIVERY_SIZE_MAX + 1, "", "", false },
		{ "", "t", UINT64_MAX, "", "", false },
		{ "", "", 1, "m", "r", true },
		{ "A: b", "t", 1, "m", "r", false },
		{ "A: b\r\n\r\n", "t", 1, "m", "r", false },
		{ "A: b\n", "t", 1, "m", "r", false },
		{ "A: b\rc\r\n", "t", 1, "m", "r", false },
		{ " A: b\r\n", "t", 1, "m", "r", false },
		{ "\r\n", "t", 1, "m", "r", false },
		{ "", "a b", 1, "m", "r", false },
		{ "", "a\nb", 1, "m", "r", false },
		{ "", "t", 2, "m", "r", false },
		{ "", "t", 0, "", "", false },
		{ "", "t", 5, "", "r", false },
		{ "", "t\177", 1, "m", "r", false },
		{ "", "12345678901234567", 1, "m", "r", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(4096);
		struct delivery d = { .prefix = span_of(cases[i].prefix),
			.trace = span_of(cases[i].trace),
			.size = cases[i].size,
			.message = span_of(cases[i].message),
			.record = span_of(cases[i].record),
			.mailbox = SPAN("") };

		delivery_put(&b, &d);
		if (delivery_get(buf_span(&b), &d) != cases[i].good)
			fail_msg("case %zu", i);
		buf_free(&b);
	}
}

static struct enqueue_recipient two[] = {
	{ 7, { "a@b", 3 }, { "Delivered-To: a@b\r\n", 19 } },
	{ 0, { "\"x y\"@far.example", 17 }, { "", 0 } },
};
static const struct enqueue envelope = {
	.id = { 9 },
	.trace = { "t", 1 },
	.reverse_path = { "s@b", 3 },
	.record = { "r", 1 },
	.message = { "mm", 2 },
	.internaldate = 77,
	.size = 2,
	.recipients = two,
	.nrecipients = 2,
};

static void
test_enqueue(void **state)
{
	struct buf b = BUF_INIT(4096);
	struct enqueue e;

	(void)state;
	enqueue_put(&b, &envelope);
	assert_true(enqueue_get(buf_span(&b), &e));
	assert_int_equal(e.nrecipients, 2);
	assert_int_equal(e.recipients[0].account, 7);
	assert_int_equal(e.recipients[1].account, 0);
	assert_span(e.recipients[1].address, two[1].address);
	assert_span(e.recipients[0].prefix, two[0].prefix);
	assert_span(e.reverse_path, envelope.reverse_path);
	assert_span(e.message, envelope.message);
	assert_int_equal(e.internaldate, 77);
	enqueue_release(&e);
	assert_null(e.recipients);
	for (size_t n = 0; n < b.len; n++)
		assert_false(enqueue_get((struct span){ b.ptr, n }, &e));
	buf_free(&b);
}

static void
test_enqueue_shape(void **state)
{
	static const struct {
		const char *address, *reverse_path;
		size_t recipients;
		bool good;
	} cases[] = {
		{ "a@b", "", 1, true },
		{ "a@b", "c@d", DELIVERY_RECIPIENTS_MAX, true },
		{ "a@b", "c@d", DELIVERY_RECIPIENTS_MAX + 1, false },
		{ "a@b", "c@d", 0, false },
		{ "", "c@d", 1, false },
		{ "a\n@b", "c@d", 1, false },
		{ "a@b", "c\r\nX: y@d", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(1024 * 1024);
		struct enqueue e = envelope;
		size_t n = cases[i].recipients;

		e.recipients = calloc(n + 1, sizeof(*e.recipients));
		e.nrecipients = n;
		for (size_t j = 0; j < n; j++)
			e.recipients[j].address = span_of(cases[i].address);
		e.reverse_path = span_of(cases[i].reverse_path);
		enqueue_put(&b, &e);
		free(e.recipients);
		if (enqueue_get(buf_span(&b), &e) != cases[i].good)
			fail_msg("case %zu", i);
		enqueue_release(&e);
		buf_free(&b);
	}
}

static void
test_ids(void **state)
{
	uint8_t a[DELIVERY_ID_LEN], b[DELIVERY_ID_LEN];
	char s[DELIVERY_TRACE_LEN + 1], t[DELIVERY_TRACE_LEN + 1];

	(void)state;
	delivery_new_id(a);
	delivery_new_id(b);
	assert_memory_not_equal(a, b, DELIVERY_ID_LEN);
	assert_true(memcmp(a, b, 8) <= 0);
	delivery_new_trace(s);
	delivery_new_trace(t);
	assert_int_equal(strlen(s), DELIVERY_TRACE_LEN);
	assert_string_not_equal(s, t);
	assert_true(memcmp(s, t, 10) <= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delivery_round_trip),
		cmocka_unit_test(test_delivery_cut),
		cmocka_unit_test(test_delivery_shape),
		cmocka_unit_test(test_enqueue),
		cmocka_unit_test(test_enqueue_shape),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
