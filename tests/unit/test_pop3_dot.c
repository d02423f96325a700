/* Messages as RETR and TOP send them: whole, byte by byte, and cut in two at
 * every place. */
#include "pop3d/pop3_dot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALL UINT32_MAX /* RETR */

static const struct {
	const char *in;
	size_t len; /* 0: as a string */
	uint32_t lines;
	const char *out;
} cases[] = {
	/* RETR */
	{ "", 0, ALL, ".\r\n" },
	{ "a\r\n", 0, ALL, "a\r\n.\r\n" },
	{ "a: b\r\n\r\nbody\r\n", 0, ALL, "a: b\r\n\r\nbody\r\n.\r\n" },
	{ ".\r\n", 0, ALL, "..\r\n.\r\n" },
	{ "..\r\n", 0, ALL, "...\r\n.\r\n" },
	{ ".a\r\n.b\r\n", 0, ALL, "..a\r\n..b\r\n.\r\n" },
	{ "a.\r\nb.c\r\n", 0, ALL, "a.\r\nb.c\r\n.\r\n" },
	{ "a\r\n.\r\nMAIL\r\n", 0, ALL, "a\r\n..\r\nMAIL\r\n.\r\n" },
	/* line ends that only an import can have brought */
	{ "a\nb\n", 0, ALL, "a\r\nb\r\n.\r\n" },
	{ "a\n.\nb", 0, ALL, "a\r\n..\r\nb\r\n.\r\n" },
	{ "a", 0, ALL, "a\r\n.\r\n" },
	{ "a\r", 0, ALL, "a\r\n.\r\n" },
	{ ".", 0, ALL, "..\r\n.\r\n" },
	{ "a\rb\r\n", 0, ALL, "a\rb\r\n.\r\n" },
	{ "a\r\r\n", 0, ALL, "a\r\r\n.\r\n" },
	{ "\n\n", 0, ALL, "\r\n\r\n.\r\n" },
	{ "a\r.\r\n", 0, ALL, "a\r.\r\n.\r\n" },
	{ "\r\n.", 0, ALL, "\r\n..\r\n.\r\n" },
	{ "a\0b\r\n", 5, ALL,
	    "a\x80"
	    "b\r\n.\r\n" },
	{ "\0\0\r\n\0", 5, ALL, "\x80\x80\r\n\x80\r\n.\r\n" },
	{ "\0.\r\n.\0", 6, ALL, "\x80.\r\n..\x80\r\n.\r\n" },
	/* TOP */
	{ "a: b\r\n\r\none\r\ntwo\r\nthree\r\n", 0, 0, "a: b\r\n\r\n.\r\n" },
	{ "a: b\r\n\r\none\r\ntwo\r\nthree\r\n", 0, 1,
	    "a: b\r\n\r\none\r\n.\r\n" },
	{ "a: b\r\n\r\none\r\ntwo\r\nthree\r\n", 0, 2,
	    "a: b\r\n\r\none\r\ntwo\r\n.\r\n" },
	{ "a: b\r\n\r\none\r\ntwo\r\nthree\r\n", 0, 3,
	    "a: b\r\n\r\none\r\ntwo\r\nthree\r\n.\r\n" },
	{ "a: b\r\n\r\none\r\ntwo\r\nthree\r\n", 0, 4,
	    "a: b\r\n\r\none\r\ntwo\r\nthree\r\n.\r\n" },
	{ "a: b\r\n\r\n\r\n\r\nx\r\n", 0, 2, "a: b\r\n\r\n\r\n\r\n.\r\n" },
	{ "a: b\r\n\r\n.x\r\n.y\r\n", 0, 1, "a: b\r\n\r\n..x\r\n.\r\n" },
	{ "a: b\n\none\ntwo\n", 0, 1, "a: b\r\n\r\none\r\n.\r\n" },
	{ "a: b\r\nc: d\r\n", 0, 5, "a: b\r\nc: d\r\n.\r\n" }, /* no body */
	{ "a: b\r\nc: d", 0, 0, "a: b\r\nc: d\r\n.\r\n" },
	{ "\r\nbody\r\nmore\r\n", 0, 1, "\r\nbody\r\n.\r\n" }, /* no header */
	{ "a: b\r\n\r\r\n\r\nbody\r\n", 0, 0, "a: b\r\n\r\r\n\r\n.\r\n" },
	{ "a: b\r\n\r\nlast", 0, 1, "a: b\r\n\r\nlast\r\n.\r\n" },
	{ "a: b\r\n\r\nlast", 0, 0, "a: b\r\n\r\n.\r\n" },
	{ "a: b\r\n \r\n\r\nx\r\n", 0, 0, "a: b\r\n \r\n\r\n.\r\n" },
};

/* In pieces of `step`, the first of which has `first`. */
static void
check(size_t i, size_t first, size_t step)
{
	size_t len = cases[i].len != 0 ? cases[i].len : strlen(cases[i].in);
	struct buf out = BUF_INIT(1000);
	struct pop3_dot d;
	bool more = true;
	size_t want = strlen(cases[i].out);

	if (cases[i].lines == ALL)
		pop3_dot_begin(&d);
	else
		pop3_dot_begin_top(&d, cases[i].lines);
	for (size_t at = 0; at < len && more;) {
		size_t n = at == 0 && first > 0 ? first : step;

		n = n < len - at ? n : len - at;
		more = pop3_dot_feed(
		    &d, (struct span){ cases[i].in + at, n }, &out);
		at += n;
	}
	pop3_dot_end(&d, &out);
	if (out.bad || out.len != want ||
	    memcmp(out.ptr, cases[i].out, want) != 0)
		fail_msg("case %zu, first %zu, step %zu: %.*s", i, first, step,
		    (int)out.len, out.ptr);
	if (cases[i].lines == ALL)
		assert_true(more);
	buf_free(&out);
}

static void
whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check(i, 0, 1000);
}

static void
byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check(i, 0, 1);
}

static void
every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t first = 1; first < 40; first++)
			check(i, first, 1000);
}

/* The rest of a message need not be read: TOP says when it has enough. */
static void
top_says_enough(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct pop3_dot d;

	(void)state;
	pop3_dot_begin_top(&d, 1);
	assert_true(pop3_dot_feed(&d, SPAN("a: b\r\n\r\n"), &out));
	assert_false(pop3_dot_feed(&d, SPAN("one\r\ntwo\r\n"), &out));
	assert_false(pop3_dot_feed(&d, SPAN("three\r\n"), &out));
	pop3_dot_end(&d, &out);
	assert_int_equal(out.len, strlen("a: b\r\n\r\none\r\n.\r\n"));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(every_split),
		cmocka_unit_test(top_says_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
