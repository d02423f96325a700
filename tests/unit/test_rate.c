/* So many at once, and as many a minute; and what a full table forgets. */
#include "common/rate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/wire.h"

enum { MINUTE = 60 * 1000 };

static unsigned char key[RATE_KEY_LEN];

static const unsigned char *
address(uint64_t n)
{
	put_le64(key, n);
	return key;
}

/* How many of `n` visits at the same moment are let in. */
static unsigned
visits(struct rate *r, uint64_t from, unsigned n, uint32_t a_minute, int64_t at)
{
	unsigned let_in = 0;

	for (unsigned i = 0; i < n; i++)
		let_in += rate_take(r, address(from), a_minute, at);
	return let_in;
}

static void
test_bucket(void **state)
{
	static const struct {
		uint32_t a_minute;
		int64_t at;
		unsigned visits, let_in;
	} steps[] = {
		{ 60, 1000, 100, 60 }, /* all at once */
		{ 60, 1999, 10, 0 },   /* nothing in under a second */
		{ 60, 2000, 10, 1 },
		{ 60, 12000, 100, 10 },
		{ 60, 12000 + MINUTE, 100, 60 },     /* and all of it again */
		{ 60, 12000 + 9 * MINUTE, 100, 60 }, /* but never more */
		{ 1, 12000 + 9 * MINUTE, 1, 0 },     /* the limit may change */
		{ 6000000, 12000 + 9 * MINUTE, 1, 0 },
		{ 6000000, 12001 + 9 * MINUTE, 1000, 100 },
	};
	struct rate *r = rate_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		assert_int_equal(visits(r, 1, steps[i].visits,
				     steps[i].a_minute, steps[i].at),
		    steps[i].let_in);
	rate_free(&r);
}

static void
test_addresses_are_apart(void **state)
{
	struct rate *r = rate_new();

	(void)state;
	assert_int_equal(visits(r, 1, 10, 5, 7), 5);
	assert_int_equal(visits(r, 2, 10, 5, 7), 5);
	assert_int_equal(visits(r, 1, 10, 5, 7), 0);
	rate_free(&r);
}

/* A flood of other addresses that come once makes nobody forgotten who came
 * more often than they. */
static void
test_full_table(void **state)
{
	struct rate *r = rate_new();

	(void)state;
	assert_int_equal(visits(r, 1, 10, 5, 7), 5);
	for (uint64_t i = 2; i < 100000; i++)
		assert_int_equal(visits(r, i, 1, 5, 7), 1);
	assert_int_equal(visits(r, 1, 10, 5, 7), 0);
	/* Whoever is forgotten comes in. */
	assert_int_equal(visits(r, 2, 10, 5, 7), 5);
	rate_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_addresses_are_apart),
		cmocka_unit_test(test_full_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
