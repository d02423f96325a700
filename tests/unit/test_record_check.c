#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/wire.h"
#include "tests/unit/record_made.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bent_records_are_refused),
		cmocka_unit_test(a_message_holds_one_message),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(odd_strings_are_refused),
		cmocka_unit_test(odd_lists_are_refused),
		cmocka_unit_test(groups_begin_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
