/*
 * The end of a message: CRLF "." CRLF and nothing else, whatever the pieces.
 * Every case is fed whole, byte by byte, and split in two at every place.
 */
#include "smtpd/smtp_dot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/buf.h"

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct {
	struct span in;
	struct span out;  /* as on port 25 */
	struct span mend; /* as on a submission port; ptr NULL: the same */
	size_t taken;     /* 0: no end */
	unsigned faults;
} cases[] = {
	{ BYTES(".\r\n"), BYTES(""), { 0 }, 3, 0 },
	{ BYTES("a\r\n.\r\n"), BYTES("a\r\n"), { 0 }, 6, 0 },
	{ BYTES("a\r\n.\r\nMAIL"), BYTES("a\r\n"), { 0 }, 6, 0 },
	{ BYTES("..\r\n.\r\n"), BYTES(".\r\n"), { 0 }, 7, 0 },
	{ BYTES("...a\r\n.\r\n"), BYTES("..a\r\n"), { 0 }, 9, 0 },
	{ BYTES(".a\r\nb.\r\n.\r\n"), BYTES("a\r\nb.\r\n"), { 0 }, 11, 0 },
	{ BYTES("\r\n\r\n.\r\n"), BYTES("\r\n\r\n"), { 0 }, 7, 0 },
	{ BYTES("a\r\n. \r\n.\r\n"), BYTES("a\r\n \r\n"), { 0 }, 10, 0 },
	/* what looks like an end elsewhere */
	{ BYTES("a\n.\n"), BYTES("a\n.\n"), BYTES("a\r\n.\r\n"), 0,
	    DOT_BARE_LF },
	{ BYTES("a\n.\r\n"), BYTES("a\n.\r\n"), BYTES("a\r\n.\r\n"), 0,
	    DOT_BARE_LF },
	{ BYTES("a\r\n.\n"), BYTES("a\r\n\n"), BYTES("a\r\n\r\n"), 0,
	    DOT_BARE_LF },
	{ BYTES("a\r\n.\r"), BYTES("a\r\n"), { 0 }, 0, 0 },
	{ BYTES("a\r\n.\rb"), BYTES("a\r\n\rb"), { 0 }, 0, DOT_BARE_CR },
	{ BYTES("a\r\n.\r\r\n"), BYTES("a\r\n\r\r\n"), { 0 }, 0, DOT_BARE_CR },
	{ BYTES("a\r.\r\n"), BYTES("a\r.\r\n"), { 0 }, 0, DOT_BARE_CR },
	{ BYTES("a\r.\r"), BYTES("a\r.\r"), { 0 }, 0, DOT_BARE_CR },
	{ BYTES("a\r\r\n.\r\n"), BYTES("a\r\r\n"), { 0 }, 7, DOT_BARE_CR },
	{ BYTES("a\r\n\n.\r\n"), BYTES("a\r\n\n.\r\n"), BYTES("a\r\n\r\n.\r\n"),
	    0, DOT_BARE_LF },
	{ BYTES("a\n\r.\r\n"), BYTES("a\n\r.\r\n"), BYTES("a\r\n\r.\r\n"), 0,
	    DOT_BARE_LF | DOT_BARE_CR },
	{ BYTES("a\r\n.\0\r\n"), BYTES("a\r\n\0\r\n"), { 0 }, 0, DOT_NUL },
	{ BYTES("a\r\n\0.\r\n"), BYTES("a\r\n\0.\r\n"), { 0 }, 0, DOT_NUL },
	{ BYTES("a\0b\r\n.\r\n"), BYTES("a\0b\r\n"), { 0 }, 8, DOT_NUL },
	{ BYTES("a\r\n\x85.\x85"), BYTES("a\r\n\x85.\x85"), { 0 }, 0, 0 },
	{ BYTES("a\r\n.\r\0\n"), BYTES("a\r\n\r\0\n"), BYTES("a\r\n\r\0\r\n"),
	    0, DOT_BARE_CR | DOT_NUL | DOT_BARE_LF },
	/* the fault stands, the end is found */
	{ BYTES("a\nb\r\n.\r\n"), BYTES("a\nb\r\n"), BYTES("a\r\nb\r\n"), 8,
	    DOT_BARE_LF },
	{ BYTES("\n\r\n.\r\n"), BYTES("\n\r\n"), BYTES("\r\n\r\n"), 6,
	    DOT_BARE_LF },
};

static void
collect(void *arg, struct span piece)
{
	assert_true(piece.len > 0);
	buf_add(arg, piece);
}

static struct span expected;
static size_t number;

static void
check(const struct smtp_dot *d, const struct buf *out, size_t taken)
{
	size_t all = cases[number].taken != 0 ? cases[number].taken
	                                      : cases[number].in.len;

	if (d->done != (cases[number].taken != 0) || taken != all ||
	    d->faults != cases[number].faults || out->bad ||
	    out->len != expected.len ||
	    (out->len > 0 && memcmp(out->ptr, expected.ptr, out->len) != 0))
		fail_msg("case %zu: done %d taken %zu faults %u out %.*s",
		    number, d->done, taken, d->faults, (int)out->len, out->ptr);
}

/* Pieces of `step` bytes after a first one of `first`. */
static void
feed(bool mend, size_t first, size_t step)
{
	struct span in = cases[number].in;
	struct smtp_dot d = { .mend_lf = mend };
	struct buf out = BUF_INIT(4096);
	size_t taken = 0;

	while (taken < in.len && !d.done) {
		size_t n = taken == 0 ? first : step, got;
		char *piece;

		if (n > in.len - taken)
			n = in.len - taken;
		piece = malloc(n); /* so that a read behind it is seen */
		memcpy(piece, in.ptr + taken, n);
		got =
		    smtp_dot_feed(&d, (struct span){ piece, n }, collect, &out);
		free(piece);
		taken += got;
		if (got < n)
			assert_true(d.done);
	}
	check(&d, &out, taken);
	buf_free(&out);
}

static void
test_every_split(void **state)
{
	(void)state;
	for (number = 0; number < COUNT_OF(cases); number++) {
		for (int mend = 0; mend < 2; mend++) {
			size_t len = cases[number].in.len;

			expected = mend && cases[number].mend.ptr != NULL
			               ? cases[number].mend
			               : cases[number].out;
			feed(mend, len, len);
			feed(mend, 1, 1);
			for (size_t at = 1; at < len; at++)
				feed(mend, at, len);
		}
	}
}

/* Nothing goes on behind the end. */
static void
test_done(void **state)
{
	struct smtp_dot d = { .mend_lf = false };
	struct buf out = BUF_INIT(16);

	(void)state;
	assert_int_equal(smtp_dot_feed(&d, SPAN(".\r\nx"), collect, &out), 3);
	assert_int_equal(smtp_dot_feed(&d, SPAN("x"), collect, &out), 0);
	assert_int_equal(out.len, 0);
}

/* Long runs pass the reader's stride. */
static void
test_long(void **state)
{
	enum { LEN = 100000 };
	char *line = malloc(LEN + 5);

	(void)state;
	for (size_t len = 500; len < LEN; len = len * 3 / 2 + 1) {
		struct smtp_dot d = { .mend_lf = false };
		struct buf out = BUF_INIT(2 * LEN);

		memset(line, 'x', len);
		memcpy(line + len, "\r\n.\r\n", 5);
		assert_int_equal(
		    smtp_dot_feed(
			&d, (struct span){ line, len + 5 }, collect, &out),
		    len + 5);
		assert_true(d.done);
		assert_int_equal(d.faults, 0);
		assert_int_equal(out.len, len + 2);
		buf_free(&out);
	}
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
