/* Mail that is made to cost us: time, memory, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/mime_scan.h"

/* ---- hostile mail ---- */

/*
 * Each shape is made in two sizes, and the work per byte must stay the same.
 * The clock of a shared machine lies, so the best of a few tries counts, and
 * the bound is far from what is measured, and farther from what is quadratic.
 */
enum { SMALL = 1 << 20, TIMES = 8 };

static void
repeat(struct buf *b, const char *text, size_t size)
{
	size_t len = strlen(text);

	while (b->len + len <= size)
		buf_add(b, (struct span){ text, len });
}

static void
deep_messages(struct buf *b, size_t size)
{
	repeat(b, "Content-Type: message/rfc822\n\n", size);
}

static void
deep_multiparts(struct buf *b, size_t size)
{
	for (unsigned i = 0; b->len + 100 < size; i++)
		buf_format(b,
		    "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i,
		    i);
}

/* As deep as may be, then lines that might be one of the boundaries. */
static void
deep_then(struct buf *b, size_t size, const char *line)
{
	char boundary[200];

	memset(boundary, 'b', sizeof(boundary));
	for (unsigned i = 0; i <= RECORD_DEPTH_MAX; i++)
		buf_format(b,
		    "Content-Type: multipart/mixed; "
		    "boundary=%.*s%03u\n\n--%.*s%03u\n",
		    190, boundary, i, 190, boundary, i);
	repeat(b, line, size);
}

static void
near_boundaries(struct buf *b, size_t size)
{
	char line[300];

	(void)snprintf(line, sizeof(line), "--%0190d999\n", 0);
	memset(line + 2, 'b', 190);
	deep_then(b, size, line);
}

static void
short_dashes(struct buf *b, size_t size)
{
	deep_then(b, size, "--a\n");
}

static void
dashes_and_blanks(struct buf *b, size_t size)
{
	char line[1000];

	memset(line, ' ', sizeof(line));
	memcpy(line, "--a", 3);
	memcpy(line + sizeof(line) - 2, "\n", 2);
	deep_then(b, size, line);
}

static void
reused_boundary(struct buf *b, size_t size)
{
	repeat(b, MIXED "\n--x\n", size);
}

static void
wide(struct buf *b, size_t size)
{
	buf_text(b, MIXED "\n");
	repeat(b, "--x\n", size);
}

static void
wide_multiparts(struct buf *b, size_t size)
{
	buf_text(b, MIXED "\n");
	repeat(b,
	    "--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\n--y--\n",
	    size);
}

static void
open_and_close(struct buf *b, size_t size)
{
	repeat(b, MIXED "\n--x\n\n--x--\n", size);
}

static void
addresses(struct buf *b, size_t size)
{
	buf_text(b, "To: a@b");
	repeat(b, ",a@b", size);
}

static void
address_fields(struct buf *b, size_t size)
{
	repeat(b, "To: a@b,c@d\n", size);
}

static void
empty_addresses(struct buf *b, size_t size)
{
	buf_text(b, "To: ");
	repeat(b, ",", size);
}

static void
open_brackets(struct buf *b, size_t size)
{
	buf_text(b, "From: ");
	repeat(b, "(", size);
}

static void
open_angles(struct buf *b, size_t size)
{
	buf_text(b, "From: ");
	repeat(b, "<", size);
}

static void
open_quotes(struct buf *b, size_t size)
{
	repeat(b, "From: \"\\\"a\\", size);
}

static void
open_groups(struct buf *b, size_t size)
{
	buf_text(b, "To: ");
	repeat(b, "a:", size);
}

static void
folds(struct buf *b, size_t size)
{
	buf_text(b, "Subject: a\n");
	repeat(b, " b\n", size);
}

static void
empty_folds(struct buf *b, size_t size)
{
	buf_text(b, "Content-Type: a/b\n");
	repeat(b, " \n", size);
}

static void
params(struct buf *b, size_t size)
{
	buf_text(b, "Content-Type: a/b");
	repeat(b, ";a=b", size);
}

static void
semicolons(struct buf *b, size_t size)
{
	buf_text(b, "Content-Type: a/b");
	repeat(b, ";", size);
}

static void
boundary_pieces(struct buf *b, size_t size)
{
	buf_text(b, "Content-Type: multipart/mixed");
	for (unsigned i = 0; b->len + 30 < size; i++)
		buf_format(b, ";boundary*%u*=%%41", i);
}

static void
comments(struct buf *b, size_t size)
{
	buf_text(b, "Content-Type: ");
	repeat(b, "(a)", size);
}

static void
long_field(struct buf *b, size_t size)
{
	buf_text(b, "Subject: ");
	repeat(b, "a", size);
}

static void
many_fields(struct buf *b, size_t size)
{
	repeat(b, "a:\n", size);
}

static void
junk_lines(struct buf *b, size_t size)
{
	buf_text(b, "Subject: a\n");
	repeat(b, "b\n", size);
}

static void
empty_lines(struct buf *b, size_t size)
{
	buf_text(b, MIXED "\n");
	repeat(b, "\n", size);
}

static void
carriage_returns(struct buf *b, size_t size)
{
	buf_text(b, MIXED "\n--x\n");
	repeat(b, "\r", size);
}

static void
big_envelopes(struct buf *b, size_t size)
{
	repeat(b,
	    "Subject: a long subject, again and again in each "
	    "message\nContent-Type: multipart/digest; boundary=x\n\n--x\n\n",
	    size / 2);
	repeat(b, "--x\n\nSubject: and so on\n\n", size);
}

static void (*const shapes[])(struct buf *, size_t) = { deep_messages,
	deep_multiparts, near_boundaries, short_dashes, dashes_and_blanks,
	reused_boundary, wide, wide_multiparts, open_and_close, addresses,
	address_fields, empty_addresses, open_brackets, open_angles,
	open_quotes, open_groups, folds, empty_folds, params, semicolons,
	boundary_pieces, comments, long_field, many_fields, junk_lines,
	empty_lines, carriage_returns, big_envelopes };

static double
seconds_to_scan(
    void (*shape)(struct buf *, size_t), size_t size, struct buf *record)
{
	struct buf message = BUF_INIT(TIMES * SMALL + 100000);
	struct timespec from, to;
	struct mime_summary s;

	shape(&message, size);
	assert_false(message.bad);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	scan(record, buf_span(&message), 16384, &s);
	assert_true(record_check(buf_span(record), message.len));
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	buf_free(&message);
	return (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void
time_is_linear(void **state)
{
	struct buf record = BUF_INIT(RECORD_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		double best = 1e9;

		for (int tries = 0; tries < 5 && best > 2; tries++) {
			double small =
			    seconds_to_scan(shapes[i], SMALL, &record);
			double big =
			    seconds_to_scan(shapes[i], TIMES * SMALL, &record);
			/* Below a few milliseconds only the clock is measured.
			 */
			double ratio = (big + 0.001) / (small + 0.001) / TIMES;

			if (getenv("VERBOSE") != NULL)
				print_message(
				    "shape %zu: %.4f s, %.4f s, ratio %.2f\n",
				    i, small, big, ratio);
			best = ratio < best ? ratio : best;
		}
		if (best > 2)
			fail_msg(
			    "shape %zu: %.2f times the time per byte", i, best);
	}
	buf_free(&record);
}

/* Small forms of the same shapes, in all pieces. */
static void
hostile_mail_in_pieces(void **state)
{
	struct buf record = BUF_INIT(RECORD_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		struct buf message = BUF_INIT(TIMES * SMALL);
		struct mime_summary s;

		shapes[i](&message, 30000);
		scan_all_ways(&record, buf_span(&message), &s);
		if (message.ptr[0] != '(')
			check_shift(buf_span(&record), buf_span(&message));
		buf_free(&message);
	}
	buf_free(&record);
}

/* ---- limits ---- */

struct counts {
	unsigned parts, deepest, to, params;
	bool cut;
};

static struct counts
count(void (*shape)(struct buf *, size_t), size_t size)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct counts n = { 0 };
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;
	struct record_envelope e;
	struct record_address a;
	struct span key, value;

	(void)seconds_to_scan(shape, size, &record);
	assert_true(record_open(buf_span(&record), &r));
	n.parts = r.parts;
	n.cut = r.cut;
	while (record_next(&r, &c, &p)) {
		n.deepest = p.depth > n.deepest ? p.depth : n.deepest;
		if (record_envelope(&p, &e)) {
			while (record_address_next(&e.addresses[RECORD_TO], &a))
				n.to++;
		}
		while (record_list_next(&p.params, &key, &value))
			n.params++;
	}
	buf_free(&record);
	return n;
}

static void
limits_hold(void **state)
{
	struct counts n;

	(void)state;
	n = count(deep_messages, 100 * 30); /* depth 0 to 99, and a leaf */
	assert_int_equal(n.deepest, RECORD_DEPTH_MAX);
	assert_false(n.cut);
	n = count(deep_messages, 101 * 30);
	assert_int_equal(n.deepest, RECORD_DEPTH_MAX);
	assert_true(n.cut);
	n = count(deep_multiparts, 1 << 20);
	assert_int_equal(n.deepest, RECORD_DEPTH_MAX);
	assert_true(n.cut);
	n = count(
	    wide, strlen(MIXED "\n") + (size_t)4 * (RECORD_PARTS_MAX - 1));
	assert_int_equal(n.parts, RECORD_PARTS_MAX);
	assert_false(n.cut);
	n = count(wide, strlen(MIXED "\n") + (size_t)4 * RECORD_PARTS_MAX);
	assert_int_equal(n.parts, RECORD_PARTS_MAX);
	assert_true(n.cut);
	n = count(addresses, 7 + (size_t)4 * (RECORD_ADDRESSES_MAX - 3));
	assert_int_equal(n.to, RECORD_ADDRESSES_MAX - 2);
	assert_false(n.cut);
	n = count(addresses, MIME_FIELD_MAX - 100);
	assert_in_range(n.to, RECORD_ADDRESSES_MAX - 1, RECORD_ADDRESSES_MAX);
	assert_true(n.cut);
	n = count(address_fields, 1 << 20);
	assert_int_equal(n.to, RECORD_ADDRESSES_MAX);
	assert_true(n.cut);
	n = count(params, 17 + 4 * RECORD_PARAMS_MAX);
	assert_int_equal(n.params, RECORD_PARAMS_MAX);
	assert_false(n.cut);
	n = count(params, 17 + 4 * RECORD_PARAMS_MAX + 4);
	assert_int_equal(n.params, RECORD_PARAMS_MAX);
	assert_true(n.cut);
	n = count(long_field, MIME_FIELD_MAX + 1);
	assert_true(n.cut);
}

/* A text of `len` bytes, which is not cut inside a character. */
static void
strings_are_cut_at_characters(void **state)
{
	static const char euro[] = "\xe2\x82\xac";

	(void)state;
	for (unsigned shift = 0; shift < 3; shift++) {
		struct buf message = BUF_INIT(1 << 20),
			   record = BUF_INIT(RECORD_MAX);
		struct mime_summary s;
		struct record r;
		struct record_cursor c = { 0 };
		struct record_part p;
		struct record_envelope e;

		buf_text(&message, "Subject: ");
		repeat(&message, "a", 9 + shift);
		repeat(&message, euro, 30000);
		scan_all_ways(&record, buf_span(&message), &s);
		assert_true(record_open(buf_span(&record), &r));
		assert_true(r.cut);
		assert_true(record_next(&r, &c, &p));
		assert_true(record_envelope(&p, &e));
		assert_true(e.subject.len <= RECORD_STRING_MAX);
		assert_true(e.subject.len > RECORD_STRING_MAX - 3);
		assert_int_equal((e.subject.len - shift) % 3, 0);
		buf_free(&message);
		buf_free(&record);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_mail_in_pieces),
		cmocka_unit_test(time_is_linear),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(strings_are_cut_at_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
