/* Sets of numbers, and what they do against a plain array of bits. */
#include "imapd/imap_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		uint32_t star, most;
		const char *set; /* NULL: bad */
	} cases[] = {
		{ "1", 9, 9, "1" },
		{ "1:5,9,*", 20, 20, "1:5,9,20" },
		{ "9,5:1,3", 20, 20, "1:5,9" },
		{ "1,2,3,5", 9, 9, "1:3,5" },
		{ "4:*", 9, 9, "4:9" },
		{ "*:4", 9, 9, "4:9" },
		{ "*", 9, 9, "9" },
		{ "*:*", 9, 9, "9" },
		{ "500:*", 9, 9, "9" }, /* the last message */
		{ "1:*", 0, 0, "" },    /* an empty mailbox */
		{ "*", 0, 0, "" },
		{ "3,*,1", 0, 9, "1,3" },
		{ "10", 9, 9, NULL },
		{ "1:10", 9, 9, NULL },
		{ "10,1:9", 9, UINT32_MAX, "1:10" },
		{ "4294967295", 9, UINT32_MAX, "4294967295" },
		{ "4294967294:4294967295,1", 9, UINT32_MAX,
		    "1,4294967294:4294967295" },
		{ "4294967296", 9, UINT32_MAX, NULL },
		{ "0", 9, 9, NULL },
		{ "1:0", 9, 9, NULL },
		{ "", 9, 9, NULL },
		{ ",1", 9, 9, NULL },
		{ "1,", 9, 9, NULL },
		{ "1::2", 9, 9, NULL },
		{ ":1", 9, 9, NULL },
		{ "-1", 9, 9, NULL },
		{ "a", 9, 9, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct scan s = scan_over(span_of(cases[i].text));
		struct buf b = BUF_INIT(1000);
		struct imap_set set = { 0 };

		imap_set_parse(&s, cases[i].star, cases[i].most, &set);
		imap_set_put(&b, &set);
		if (cases[i].set == NULL
			? !s.bad
			: !scan_done(&s) ||
			      !span_is(buf_span(&b), cases[i].set))
			fail_msg(
			    "'%s': '%.*s'", cases[i].text, (int)b.len, b.ptr);
		imap_set_free(&set);
		buf_free(&b);
	}
}

enum { LARGEST = 200 };

static void
check(const struct imap_set *set, const bool *bits)
{
	struct imap_range r;
	uint64_t n = 0;
	uint32_t last = 0;

	for (uint32_t i = 1; i <= LARGEST; i++) {
		uint32_t next = i;

		assert_int_equal(imap_set_has(set, i), bits[i]);
		n += bits[i];
		last = bits[i] ? i : last;
		while (next <= LARGEST && !bits[next])
			next++;
		assert_int_equal(imap_set_from(set, i, &r), next <= LARGEST);
		if (next <= LARGEST)
			assert_int_equal(r.first, next);
	}
	assert_int_equal(imap_set_count(set), n);
	assert_int_equal(imap_set_last(set), last);
	for (size_t i = 1; i < set->len; i++)
		assert_true(set->range[i - 1].last + 1 < set->range[i].first);
}

static void
test_against_bits(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct imap_set set[2] = { { 0 }, { 0 } };
		bool bits[2][LARGEST + 1] = { { false } };

		for (int i = 0; i < 20; i++) {
			uint32_t first, last;

			seed = seed * 1664525 + 1013904223;
			first = (seed >> 16) % LARGEST + 1;
			last = first + (seed >> 8) % 12;
			if (last > LARGEST)
				last = LARGEST;
			imap_set_add(&set[i % 2], first, last);
			for (uint32_t n = first; n <= last; n++)
				bits[i % 2][n] = true;
		}
		check(&set[0], bits[0]);
		check(&set[1], bits[1]);
		imap_set_and(&set[0], &set[1]);
		for (uint32_t n = 1; n <= LARGEST; n++)
			bits[0][n] = bits[0][n] && bits[1][n];
		check(&set[0], bits[0]);
		imap_set_free(&set[0]);
		imap_set_free(&set[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_against_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
