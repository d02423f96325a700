#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/record_made.h"
#include "tests/unit/record_text.h"

static void
a_good_record_is_read(void **state)
{
	struct buf b = BUF_INIT(RECORD_MAX), t = BUF_INIT(10000);
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;

	(void)state;
	put_record(&b, good, PARTS);
	assert_true(record_check(buf_span(&b), SIZE));
	assert_false(record_check(buf_span(&b), SIZE + 1));
	assert_true(record_open(buf_span(&b), &r));
	for (unsigned i = 0; i < PARTS; i++) {
		assert_true(record_next(&r, &c, &p));
		assert_int_equal(p.index, i);
		assert_int_equal(p.kind, good[i].kind);
		assert_int_equal(p.depth, good[i].depth);
		assert_int_equal(p.descendants, good[i].descendants);
		assert_int_equal(p.header_start, good[i].header_start);
		assert_int_equal(p.header_len, good[i].header_len);
		assert_int_equal(
		    p.body_start, good[i].header_start + good[i].header_len);
		assert_int_equal(p.body_len, good[i].body_len);
		assert_int_equal(p.body_lines, good[i].body_lines);
	}
	part_text(&t, &p);
	buf_byte(&t, '\0');
	assert_string_equal(t.ptr,
	    "param.CHARSET=utf-8 encoding=7BIT description= disposition=inline "
	    "dparam.FILENAME=a language=de date=date subject=subject "
	    "message-id=<id> "
	    "from=Alice<alice@example.test>,group:,<bob@>,; "
	    "sender=Alice<alice@example.test>,group:,<bob@>,; "
	    "reply-to=Alice<alice@example.test>,group:,<bob@>,;");
	assert_false(record_next(&r, &c, &p));
	buf_free(&b);
	buf_free(&t);
}

/* ---- numbers ---- */

/* clang-format off */
static const struct {
	uint32_t number[4];
	size_t n;
	int index; /* -1: there is none */
} found[] = {
	{ { 0 }, 0, 0 },
	{ { 1 }, 1, 1 },
	{ { 2 }, 1, 2 },
	{ { 2, 1 }, 2, 3 },
	{ { 0 }, 1, -1 },
	{ { 3 }, 1, -1 },
	{ { UINT32_MAX }, 1, -1 },
	{ { 1, 1 }, 2, -1 },
	{ { 2, 2 }, 2, -1 },
	{ { 2, 0 }, 2, -1 },
	{ { 2, 1, 1 }, 3, -1 },
	{ { 1, 1, 1, 1 }, 4, -1 },
};
/* clang-format on */

static void
parts_are_found(void **state)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;
	struct record_part p;

	(void)state;
	put_record(&b, good, PARTS);
	assert_true(record_open(buf_span(&b), &r));
	for (size_t i = 0; i < COUNT_OF(found); i++) {
		bool is = record_find(&r, found[i].number, found[i].n, &p);

		assert_int_equal(is, found[i].index >= 0);
		if (is)
			assert_int_equal(p.index, found[i].index);
	}
	buf_free(&b);
}

/* A message that is itself a message, whose content is a multipart: RFC
 * 9051, 6.4.5.1. */
static void
numbers_of_messages(void **state)
{
	/* clang-format off */
	static const struct made parts[] = {
		{ RECORD_MESSAGE,   0, 3,  0, 10, 90, 5, true,  "MESSAGE", "GLOBAL" },
		{ RECORD_MULTIPART, 1, 2, 10, 10, 80, 4, true,  "MULTIPART", "MIXED" },
		{ RECORD_LEAF,      2, 0, 30,  5, 10, 1, false, "TEXT", "PLAIN" },
		{ RECORD_LEAF,      2, 0, 50, 10, 30, 2, false, "TEXT", "HTML" },
	};
	/* clang-format on */
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;
	struct record_part p;

	(void)state;
	put_record(&b, parts, COUNT_OF(parts));
	assert_true(record_check(buf_span(&b), SIZE));
	assert_true(record_open(buf_span(&b), &r));
	assert_true(record_find(&r, (uint32_t[]){ 1 }, 1, &p));
	assert_int_equal(p.index, 0);
	assert_true(record_find(&r, (uint32_t[]){ 1, 2 }, 2, &p));
	assert_int_equal(p.index, 3);
	assert_false(record_find(&r, (uint32_t[]){ 2 }, 1, &p));
	assert_false(record_find(&r, (uint32_t[]){ 1, 3 }, 2, &p));
	buf_free(&b);
}

/* ---- damage ---- */

/* Reads all there is, as a reader that was told nothing does. */
static void
walk(struct span bytes)
{
	struct buf t = BUF_INIT(1 << 20);
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;

	if (!record_open(bytes, &r))
		return;
	while (record_next(&r, &c, &p))
		part_text(&t, &p);
	for (uint32_t i = 0; i < 4; i++)
		(void)record_find(&r, (uint32_t[]){ i, 1, 1 }, 1 + i % 3, &p);
	buf_free(&t);
}

static void
damage_is_survived(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 0x7F, 0x80, 0xFF };
	struct buf b = BUF_INIT(RECORD_MAX), shifted = BUF_INIT(RECORD_MAX);
	unsigned checked = 0;

	(void)state;
	put_record(&b, good, PARTS);
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of that length, so that a read behind it is seen. */
		struct buf cut = BUF_INIT(b.len);

		buf_add(&cut, (struct span){ b.ptr, len });
		assert_false(record_check(buf_span(&cut), SIZE));
		walk(buf_span(&cut));
		buf_clear(&shifted);
		record_shift(&shifted, buf_span(&cut), 10);
		buf_free(&cut);
	}
	for (size_t i = 0; i < b.len; i++) {
		char was = b.ptr[i];

		for (size_t v = 0; v < COUNT_OF(values); v++) {
			b.ptr[i] = (char)values[v];
			checked += record_check(buf_span(&b), SIZE);
			walk(buf_span(&b));
			buf_clear(&shifted);
			record_shift(&shifted, buf_span(&b), 10);
		}
		b.ptr[i] = was;
	}
	/* A letter for another is no damage that could be seen; a number is. */
	assert_in_range(checked, 1, COUNT_OF(values) * b.len / 2);
	buf_byte(&b, 0);
	assert_false(record_check(buf_span(&b), SIZE));
	buf_free(&b);
	buf_free(&shifted);
}

static void
heads_are_refused(void **state)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;

	(void)state;
	put_record(&b, good, PARTS);
	b.ptr[1] = 1; /* cut short */
	assert_true(record_check(buf_span(&b), SIZE));
	assert_true(record_open(buf_span(&b), &r));
	assert_true(r.cut);
	b.ptr[1] = 2; /* a flag we do not know */
	assert_false(record_open(buf_span(&b), &r));
	b.ptr[1] = 0;
	b.ptr[0] = RECORD_VERSION + 1;
	assert_false(record_open(buf_span(&b), &r));
	assert_false(record_open(SPAN(""), &r));
	buf_free(&b);
}

static void
shifting_moves_all_but_the_start(void **state)
{
	struct buf b = BUF_INIT(RECORD_MAX), out = BUF_INIT(RECORD_MAX);
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;

	(void)state;
	put_record(&b, good, PARTS);
	buf_text(&out, "in front");
	record_shift(&out, buf_span(&b), 7);
	buf_drop(&out, strlen("in front"));
	assert_true(record_check(buf_span(&out), SIZE + 7));
	assert_true(record_open(buf_span(&out), &r));
	for (unsigned i = 0; record_next(&r, &c, &p); i++) {
		assert_int_equal(
		    p.header_start, good[i].header_start + (i == 0 ? 0 : 7));
		assert_int_equal(
		    p.header_len, good[i].header_len + (i == 0 ? 7 : 0));
		assert_int_equal(p.body_len, good[i].body_len);
	}
	buf_free(&b);
	buf_free(&out);
}

static void
strings_are_mended_when_written(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	record_put_string(&b, SPAN("\ra\n\0b\r\n"));
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.ptr, "\2\0ab", 4);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_record_is_read),
		cmocka_unit_test(parts_are_found),
		cmocka_unit_test(numbers_of_messages),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(heads_are_refused),
		cmocka_unit_test(shifting_moves_all_but_the_start),
		cmocka_unit_test(strings_are_mended_when_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
