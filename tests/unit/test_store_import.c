/* What was imported: counted once for each time, kept over restarts, never
 * without the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/store_world.h"

static void
id_of(uint32_t n, uint8_t id[STORE_IMPORT_ID_LEN])
{
	memset(id, 0, STORE_IMPORT_ID_LEN);
	for (int i = 0; i < 4; i++)
		id[i] = (uint8_t)(n * 2654435761U >> 8 * i);
}

static struct store_import
note(uint32_t n, bool commit)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint8_t id[STORE_IMPORT_ID_LEN];
	struct store_import now;

	id_of(n, id);
	assert_int_equal(store_note_import(t, id, &now), H_OK);
	if (commit)
		assert_int_equal(store_commit(&t), H_OK);
	else
		store_abort(&t);
	return now;
}

static uint32_t
times(uint32_t n)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	uint8_t id[STORE_IMPORT_ID_LEN];
	struct store_import got;
	bool known;

	id_of(n, id);
	known = store_imported(t, id, &got);
	assert_int_equal(known, got.times > 0);
	store_abort(&t);
	return got.times;
}

static void
test_counts(void **state)
{
	struct store_import now;
	enum herr err;

	(void)state;
	assert_int_equal(times(1), 0);
	now = note(1, true);
	assert_int_equal(now.number, 0);
	assert_int_equal(now.times, 1);
	now = note(2, true);
	assert_int_equal(now.number, 1);
	now = note(1, true);
	assert_int_equal(now.number, 0);
	assert_int_equal(now.times, 2);
	note(3, false);
	assert_int_equal(times(3), 0);
	store_close(&st);
	assert_int_equal(store_open(&st, path), H_OK);
	assert_int_equal(times(1), 2);
	assert_int_equal(times(2), 1);
	assert_int_equal(note(3, true).number, 2);
	assert_int_equal(store_verify(st, fault, NULL, &err), 0);
	assert_int_equal(err, H_OK);
}

static void
test_many(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint8_t id[STORE_IMPORT_ID_LEN];
	struct store_import now;
	enum herr err;

	(void)state;
	for (uint32_t n = 0; n < 20000; n++) {
		id_of(n, id);
		assert_int_equal(store_note_import(t, id, &now), H_OK);
		assert_int_equal(now.number, n);
	}
	assert_int_equal(store_commit(&t), H_OK);
	for (uint32_t n = 0; n < 20000; n += 371)
		assert_int_equal(times(n), 1);
	assert_int_equal(times(20000), 0);
	assert_int_equal(store_verify(st, fault, NULL, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return WORLD_RUN(tests);
}
