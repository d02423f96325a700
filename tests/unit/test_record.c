#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/record.h"
#include "common/wire.h"
#include "tests/unit/record_text.h"

/* ---- records made by hand ---- */

struct made {
	enum record_kind kind;
	unsigned depth, descendants;
	uint64_t header_start, header_len, body_len;
	uint32_t body_lines;
	bool has_envelope;
	const char *type, *subtype;
};

/* What the whole of the tests below bends: a mixed of a text and a message, 100
 * bytes. */
/* clang-format off */
static const struct made good[] = {
	{ RECORD_MULTIPART, 0, 3,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" },
	{ RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "TEXT", "PLAIN" },
	{ RECORD_MESSAGE,   1, 1, 45,  5, 40, 3, false, "MESSAGE", "RFC822" },
	{ RECORD_LEAF,      2, 0, 50, 10, 30, 2, true,  "TEXT", "HTML" },
};
/* clang-format on */

enum { SIZE = 100, PARTS = COUNT_OF(good) };

static struct span
text(const char *s)
{
	return s != NULL ? span_of(s) : NO_SPAN;
}

static void
put_pair(struct buf *b, const char *name, const char *value)
{
	record_put_string(b, text(name));
	record_put_string(b, text(value));
}

static void
put_envelope(struct buf *b)
{
	static const char *const addresses[] = { "Alice", "alice",
		"example.test", NULL, "group", NULL, NULL, "bob", "", NULL,
		NULL, NULL };
	size_t list;

	put_pair(b, "date", "subject");
	put_pair(b, NULL, "<id>");
	list = record_list_begin(b);
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		record_put_string(b, text(addresses[i]));
	record_list_end(b, list);
	record_put_as_from(b);
	record_put_as_from(b);
	for (int i = RECORD_TO; i < RECORD_ADDRESS_FIELDS; i++)
		record_list_end(b, record_list_begin(b));
}

static void
put_part(struct buf *b, const struct made *m)
{
	struct record_part p = {
		.kind = m->kind,
		.depth = m->depth,
		.descendants = m->descendants,
		.header_start = m->header_start,
		.header_len = m->header_len,
		.body_len = m->body_len,
		.body_lines = m->body_lines,
		.has_envelope = m->has_envelope,
	};
	size_t entry = record_entry_begin(b), list;

	put_pair(b, m->type, m->subtype);
	list = record_list_begin(b);
	put_pair(b, "CHARSET", "utf-8");
	record_list_end(b, list);
	put_pair(b, "7BIT", NULL);
	put_pair(b, "", NULL);
	record_put_string(b, SPAN("inline"));
	list = record_list_begin(b);
	put_pair(b, "FILENAME", "a");
	record_list_end(b, list);
	record_put_string(b, NO_SPAN);
	list = record_list_begin(b);
	put_pair(b, NULL, "de");
	record_list_end(b, list);
	if (m->has_envelope)
		put_envelope(b);
	record_entry_end(b, entry);
	record_entry_numbers(b, entry, &p);
}

static void
put_record(struct buf *b, const struct made *parts, unsigned n)
{
	struct record head = { .parts = n, .size = SIZE };

	record_put_head(b, &head);
	for (unsigned i = 0; i < n; i++)
		put_part(b, &parts[i]);
}

static bool
check(const struct made *parts, unsigned n)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	bool answer;

	put_record(&b, parts, n);
	answer = record_check(buf_span(&b), SIZE);
	buf_free(&b);
	return answer;
}

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

/* ---- what is refused ---- */

/* One number or name of one part that is not as it should be. */
/* clang-format off */
static const struct {
	const char *why;
	unsigned part;
	struct made made;
} bent[] = {
	{ "top part not at 0",         0, { RECORD_MULTIPART, 0, 3,  1, 19, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "top part not to the end",   0, { RECORD_MULTIPART, 0, 3,  0, 20, 79, 5, true,  "MULTIPART", "MIXED" } },
	{ "top part beyond the end",   0, { RECORD_MULTIPART, 0, 3,  0, 21, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "top part without envelope", 0, { RECORD_MULTIPART, 0, 3,  0, 20, 80, 5, false, "MULTIPART", "MIXED" } },
	{ "top part with depth",       0, { RECORD_MULTIPART, 1, 3,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "too few descendants",       0, { RECORD_MULTIPART, 0, 2,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "too many descendants",      0, { RECORD_MULTIPART, 0, 4,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "multipart by kind alone",   0, { RECORD_MULTIPART, 0, 3,  0, 20, 80, 5, true,  "TEXT", "MIXED" } },
	{ "leaf with descendants",     0, { RECORD_LEAF,      0, 3,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" } },
	{ "no such kind",              1, { (enum record_kind)3, 1, 0, 25, 5, 10, 1, false, "TEXT", "PLAIN" } },
	{ "child before its parent",   1, { RECORD_LEAF,      1, 0, 19,  5, 10, 1, false, "TEXT", "PLAIN" } },
	{ "child into its brother",    1, { RECORD_LEAF,      1, 0, 25,  5, 16, 1, false, "TEXT", "PLAIN" } },
	{ "child with an envelope",    1, { RECORD_LEAF,      1, 0, 25,  5, 10, 1, true,  "TEXT", "PLAIN" } },
	{ "child too deep",            1, { RECORD_LEAF,      2, 0, 25,  5, 10, 1, false, "TEXT", "PLAIN" } },
	{ "child not deep enough",     1, { RECORD_LEAF,      0, 0, 25,  5, 10, 1, false, "TEXT", "PLAIN" } },
	{ "length that wraps",         1, { RECORD_LEAF,      1, 0, 25,  5, UINT64_MAX - 10, 1, false, "TEXT", "PLAIN" } },
	{ "header that wraps",         1, { RECORD_LEAF,      1, 0, 25, UINT64_MAX - 10, 10, 1, false, "TEXT", "PLAIN" } },
	{ "more lines than bytes",     1, { RECORD_LEAF,      1, 0, 25,  5, 10, 11, false, "TEXT", "PLAIN" } },
	{ "empty multipart",           1, { RECORD_MULTIPART, 1, 0, 25,  5, 10, 1, false, "MULTIPART", "MIXED" } },
	{ "multipart with a brother inside", 1, { RECORD_MULTIPART, 1, 1, 25, 5, 10, 1, false, "MULTIPART", "MIXED" } },
	{ "lower case type",           1, { RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "text", "PLAIN" } },
	{ "lower case subtype",        1, { RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "TEXT", "pLAIN" } },
	{ "empty type",                1, { RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "", "PLAIN" } },
	{ "no subtype",                1, { RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "TEXT", NULL } },
	{ "message of another type",   2, { RECORD_MESSAGE,   1, 1, 45,  5, 40, 3, false, "MESSAGE", "PARTIAL" } },
	{ "message beyond the end",    2, { RECORD_MESSAGE,   1, 1, 45,  5, 51, 3, false, "MESSAGE", "RFC822" } },
	{ "content without envelope",  3, { RECORD_LEAF,      2, 0, 50, 10, 30, 2, false, "TEXT", "HTML" } },
	{ "content that begins late",  3, { RECORD_LEAF,      2, 0, 51,  9, 30, 2, true,  "TEXT", "HTML" } },
	{ "content that ends early",   3, { RECORD_LEAF,      2, 0, 50, 10, 29, 2, true,  "TEXT", "HTML" } },
	{ "content beside a message",  3, { RECORD_LEAF,      1, 0, 50, 10, 30, 2, true,  "TEXT", "HTML" } },
};
/* clang-format on */

static void
bent_records_are_refused(void **state)
{
	struct made parts[PARTS];

	(void)state;
	assert_true(check(good, PARTS));
	for (size_t i = 0; i < COUNT_OF(bent); i++) {
		memcpy(parts, good, sizeof(good));
		parts[bent[i].part] = bent[i].made;
		if (check(parts, PARTS))
			fail_msg("%s: taken for good", bent[i].why);
	}
	assert_false(check(good, PARTS - 1));
	assert_false(check(good, 0));
}

/* Two parts inside a message that should hold one. */
static void
a_message_holds_one_message(void **state)
{
	/* clang-format off */
	static const struct made parts[] = {
		{ RECORD_MESSAGE, 0, 2,  0, 10, 90, 0, true, "MESSAGE", "RFC822" },
		{ RECORD_LEAF,    1, 0, 10,  0, 90, 0, true, "TEXT", "PLAIN" },
		{ RECORD_LEAF,    1, 0, 100, 0,  0, 0, true, "TEXT", "PLAIN" },
	};
	/* clang-format on */

	(void)state;
	assert_false(check(parts, COUNT_OF(parts)));
}

/* Chains of messages, the last of which is `deepest` deep. */
static bool
check_chain(unsigned deepest)
{
	static struct made parts[RECORD_DEPTH_MAX + 2];

	for (unsigned i = 0; i <= deepest; i++)
		parts[i] =
		    (struct made){ i < deepest ? RECORD_MESSAGE : RECORD_LEAF,
			    i, deepest - i, 0, 0, SIZE, 0, true, "MESSAGE",
			    "RFC822" };
	return check(parts, deepest + 1);
}

static void
depth_is_limited(void **state)
{
	(void)state;
	assert_true(check_chain(RECORD_DEPTH_MAX));
	assert_false(check_chain(RECORD_DEPTH_MAX + 1));
}

/* ---- strings and lists ---- */

/* A record of one part, whose strings are what `put` puts. */
static bool
check_strings(void (*put)(struct buf *b))
{
	struct buf b = BUF_INIT(RECORD_MAX * 2);
	struct record head = { .parts = 1, .size = SIZE };
	struct record_part p = { .header_len = SIZE, .has_envelope = true };
	size_t entry;
	bool answer;

	record_put_head(&b, &head);
	entry = record_entry_begin(&b);
	put(&b);
	record_entry_end(&b, entry);
	record_entry_numbers(&b, entry, &p);
	answer = record_check(buf_span(&b), SIZE);
	buf_free(&b);
	return answer;
}

/* What the next record has instead of the usual. */
static struct {
	struct span description;
	const char *disposition;
	const char *pairs[4]; /* parameters */
	unsigned params, addresses;
	const char *address[6];
	const char *language[2];
	bool left_over;
} odd;

static void
put_odd(struct buf *b)
{
	char raw[2];
	size_t list;

	put_pair(b, "TEXT", "PLAIN");
	list = record_list_begin(b);
	for (unsigned i = 0; i < odd.params; i++)
		put_pair(b, "A", "b");
	for (unsigned i = 0; i < 4 && odd.pairs[i] != NULL; i += 2)
		put_pair(b, odd.pairs[i][0] != '-' ? odd.pairs[i] : NULL,
		    odd.pairs[i + 1]);
	record_list_end(b, list);
	put_pair(b, "7BIT", NULL);
	/* record_put_string() would mend it. */
	put_le16(raw, (uint16_t)odd.description.len);
	buf_add(b, (struct span){ raw, 2 });
	buf_add(b, odd.description);
	put_pair(b, NULL, odd.disposition);
	list = record_list_begin(b);
	put_pair(b, "B", "c");
	record_list_end(b, list);
	record_put_string(b, NO_SPAN);
	list = record_list_begin(b);
	put_pair(b, odd.language[0], odd.language[1]);
	record_list_end(b, list);
	put_pair(b, NULL, NULL);
	put_pair(b, NULL, NULL);
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		list = record_list_begin(b);
		for (unsigned k = 0; i == RECORD_TO && k < 2; k++) {
			const char *const *a = odd.address + 3 * k;

			if (a[0] == NULL && k > 0)
				break;
			for (unsigned s = 0; s < 3; s++)
				record_put_string(
				    b, a[s] != NULL && a[s][0] != '-'
					   ? span_of(a[s])
					   : NO_SPAN);
		}
		for (unsigned k = 0;
		     i != RECORD_FROM &&
		     k < odd.addresses / (RECORD_ADDRESS_FIELDS - 1);
		     k++) {
			put_pair(b, NULL, "a");
			record_put_string(b, SPAN("b"));
		}
		record_list_end(b, list);
	}
	if (odd.left_over)
		buf_byte(b, 0);
}

/* "-" stands for a string that is absent. */
static void
reset_odd(void)
{
	memset(&odd, 0, sizeof(odd));
	odd.description = SPAN("text");
	odd.disposition = "inline";
	odd.pairs[0] = "NAME";
	odd.pairs[1] = "value";
	odd.language[1] = "de";
	odd.address[0] = "-";
	odd.address[1] = "a";
	odd.address[2] = "b";
	assert_true(check_strings(put_odd));
}

static void
odd_strings_are_refused(void **state)
{
	static char long_text[RECORD_STRING_MAX + 1];

	(void)state;
	reset_odd();
	odd.description = SPAN("a\rb");
	assert_false(check_strings(put_odd));
	odd.description = SPAN("a\n");
	assert_false(check_strings(put_odd));
	odd.description = SPAN("\0");
	assert_false(check_strings(put_odd));
	memset(long_text, 'a', sizeof(long_text));
	odd.description = (struct span){ long_text, sizeof(long_text) - 1 };
	assert_true(check_strings(put_odd));
	odd.description.len++;
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.disposition = NULL; /* with parameters */
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.left_over = true;
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.language[0] = "NAME";
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.language[1] = "";
	assert_false(check_strings(put_odd));
}

static void
odd_lists_are_refused(void **state)
{
	(void)state;
	reset_odd();
	odd.pairs[0] = "name";
	assert_false(check_strings(put_odd));
	odd.pairs[0] = "-";
	assert_false(check_strings(put_odd));
	odd.pairs[0] = "";
	assert_false(check_strings(put_odd));
	odd.pairs[0] = "NAME";
	odd.pairs[1] = NULL;
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.params = RECORD_PARAMS_MAX - 1;
	assert_true(check_strings(put_odd));
	odd.params++;
	assert_false(check_strings(put_odd));
	reset_odd();
	odd.addresses = RECORD_ADDRESSES_MAX - 5;
	assert_true(check_strings(put_odd));
	odd.addresses = RECORD_ADDRESSES_MAX + 5;
	assert_false(check_strings(put_odd));
}

static void
set_address(const char *a, const char *b, const char *c, const char *d,
    const char *e, const char *f)
{
	const char *all[] = { a, b, c, d, e, f };

	memcpy(odd.address, all, sizeof(all));
}

static void
groups_begin_and_end(void **state)
{
	(void)state;
	reset_odd();
	set_address("-", "group", "-", "-", "-", "-");
	assert_true(check_strings(put_odd));
	set_address("-", "group", "-", NULL, NULL, NULL);
	assert_false(check_strings(put_odd));
	set_address("-", "-", "-", NULL, NULL, NULL);
	assert_false(check_strings(put_odd));
	set_address("-", "group", "-", "-", "group", "-");
	assert_false(check_strings(put_odd));
	set_address("name", "group", "-", "-", "-", "-");
	assert_false(check_strings(put_odd));
	set_address("-", "-", "host", NULL, NULL, NULL);
	assert_false(check_strings(put_odd));
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
		cmocka_unit_test(bent_records_are_refused),
		cmocka_unit_test(a_message_holds_one_message),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(odd_strings_are_refused),
		cmocka_unit_test(odd_lists_are_refused),
		cmocka_unit_test(groups_begin_and_end),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(heads_are_refused),
		cmocka_unit_test(shifting_moves_all_but_the_start),
		cmocka_unit_test(strings_are_mended_when_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
