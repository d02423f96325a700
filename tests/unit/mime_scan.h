/* A message through the scanner, whole and in pieces of all sizes; for tests of
 * mime.c. */
#ifndef TESTS_UNIT_MIME_SCAN_H
#define TESTS_UNIT_MIME_SCAN_H

#include "common/mime.h"
#include "common/record.h"

#define MIXED "Content-Type: multipart/mixed; boundary=x\n"

static uint32_t mime_seed = 20261122;

static inline size_t
random_below(size_t n)
{
	mime_seed = mime_seed * 1664525 + 1013904223;
	return (size_t)(((uint64_t)mime_seed * n) >> 32);
}

/* `step` bytes at a time; 0: random pieces. */
static inline void
scan(struct buf *record, struct span message, size_t step,
    struct mime_summary *summary)
{
	struct mime *m = mime_new();

	for (size_t at = 0; at < message.len;) {
		size_t len = step > 0 ? step : random_below(40);

		if (len > message.len - at)
			len = message.len - at;
		mime_feed(m, (struct span){ message.ptr + at, len });
		at += len;
	}
	buf_clear(record);
	mime_end(m, record);
	*summary = *mime_summary(m);
	mime_free(&m);
}

static inline void
assert_same(struct span a, struct span b)
{
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.ptr, b.ptr, a.len);
}

/* The record of the message; that pieces make no difference is a promise about
 * every message. */
static inline void
scan_all_ways(
    struct buf *record, struct span message, struct mime_summary *summary)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64, 1000, 1001, 0, 0 };
	struct buf other = BUF_INIT(RECORD_MAX);
	struct mime_summary s;

	scan(record, message, message.len + 1, summary);
	assert_true(record_check(buf_span(record), message.len));
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		scan(&other, message, steps[i], &s);
		assert_same(buf_span(&other), buf_span(record));
		assert_memory_equal(&s, summary, sizeof(s));
	}
	buf_free(&other);
}

/* Fields in front change the record exactly as record_shift() says. */
static inline void
check_shift(struct span record, struct span message)
{
	static const char prefix[] =
	    "Return-Path: <a@example.org>\r\nDelivered-To:\r\n "
	    "alice@example.test\r\n";
	struct buf both = BUF_INIT(1 << 26), scanned = BUF_INIT(RECORD_MAX),
		   shifted = BUF_INIT(RECORD_MAX);
	struct mime_summary s;

	buf_text(&both, prefix);
	buf_add(&both, message);
	scan(&scanned, buf_span(&both), both.len, &s);
	record_shift(&shifted, record, strlen(prefix));
	assert_same(buf_span(&shifted), buf_span(&scanned));
	buf_free(&both);
	buf_free(&scanned);
	buf_free(&shifted);
}

#endif
