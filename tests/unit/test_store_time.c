/*
 * What depends on time: bytes that go later, uploads that nobody published,
 * delivery ids, a clock that jumps; and what depends on age: the log's floor.
 * Also large messages.
 */
#include "mailstore/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/wire.h"
#include "tests/unit/still_clock.h"
#include "tests/unit/store_world.h"

enum { YEAR = 365 * 86400 };

static int
setup_still(void **state)
{
	wall = 1800000000;
	return setup(state);
}

static bool
is_readable(uint64_t message)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct buf got = BUF_INIT(1 << 26);
	enum herr err = store_read(t, message, 0, UINT64_MAX, &got);

	assert_int_equal(store_error(t), H_OK);
	store_abort(&t);
	buf_free(&got);
	return err == H_OK;
}

/* Appends, with a delivery id that says its time; returns the message's id. */
static enum herr
deliver(unsigned number, size_t len, int64_t made, bool look_up, uint32_t *uid,
    uint64_t *message)
{
	struct help_mail m = help_mail_new(number, len);
	struct store_blob *b = help_blob(st, buf_span(&m.message));
	uint8_t id[STORE_DELIVERY_ID_LEN] = { 0 };
	struct store_append a = {
		.mailbox = inbox,
		.delivery_id = id,
		.look_up = look_up,
		.record = buf_span(&m.record),
	};
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_row row = { 0 };
	enum herr err;

	put_be64(id, (uint64_t)made * 1000);
	put_be32(id + 8, number);
	err = store_append(t, b, &a, uid);
	if (err == H_OK)
		assert_int_equal(store_get_row(t, inbox, *uid, &row), H_OK);
	*message = row.message;
	assert_int_equal(store_commit(&t), H_OK);
	store_blob_free(&b);
	help_mail_free(&m);
	return err;
}

static void
expunge(uint32_t uid)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);

	assert_int_equal(store_expunge(t, inbox, uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
}

static bool
delivered(unsigned number, int64_t made)
{
	uint8_t id[STORE_DELIVERY_ID_LEN] = { 0 };
	struct store_txn *t = store_begin(st, STORE_READ);
	bool found;

	put_be64(id, (uint64_t)made * 1000);
	put_be32(id + 8, number);
	found = store_delivered(t, id);
	store_abort(&t);
	return found;
}

/* ---- the dead ---- */

static void
bytes_go_later(void **state)
{
	uint32_t uid;
	uint64_t message;

	(void)state;
	assert_int_equal(deliver(1, 90000, wall, false, &uid, &message), H_OK);
	expunge(uid);
	assert_false(store_tidy(st));
	assert_true(is_readable(message));
	wall += 15 * 60 - 1;
	store_tidy(st);
	assert_true(is_readable(message));
	wall += 1;
	store_tidy(st);
	assert_false(is_readable(message));
	/* Its delivery id is known for 30 days all the same. */
	assert_true(delivered(1, 1800000000));
	assert_int_equal(
	    deliver(1, 90000, 1800000000, true, &uid, &message), H_EXISTS);
	wall = 1800000000 + 30 * 86400 - 1;
	store_tidy(st);
	assert_true(delivered(1, 1800000000));
	wall += 1;
	store_tidy(st);
	assert_false(delivered(1, 1800000000));
}

static void
slices_are_bounded(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	unsigned slices = 0;
	uint32_t uid;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(
		    help_append(st, t, inbox, i, 500, 0, &uid), H_OK);
	for (uint32_t i = 1; i <= 500; i++)
		assert_int_equal(store_expunge(t, inbox, i), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	assert_false(store_tidy(st));
	wall += 901;
	do
		slices++;
	while (store_tidy(st));
	assert_true(slices >= 500 / 64 && slices < 500 / 8);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_record(t, 1).len, 0);
	assert_int_equal(store_record(t, 500).len, 0);
	store_abort(&t);
}

/* Ten years back, ten years forth: UIDs, UIDVALIDITY, log and housekeeping go
 * on. */
static void
the_clock_jumps(void **state)
{
	static const int64_t jumps[] = { -10 * YEAR, 20 * YEAR, -10 * YEAR };
	uint32_t uid, last_uid = 0, validity = 0, id;
	uint64_t message, modseq = 0;
	struct store_mailbox m;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jumps); i++) {
		struct store_txn *t;

		assert_int_equal(
		    deliver((unsigned)i, 3000, wall, true, &uid, &message),
		    H_OK);
		assert_true(uid > last_uid);
		last_uid = uid;
		expunge(uid);
		wall += jumps[i];
		/* Just delivered, whatever the clock says now. */
		assert_true(delivered((unsigned)i, wall - jumps[i]));
		store_tidy(st);
		assert_false(is_readable(message));
		t = store_begin(st, STORE_WRITE);
		assert_true(store_modseq(t) > modseq);
		modseq = store_modseq(t);
		assert_int_equal(
		    store_create_mailbox(t, SPAN("again"), STORE_NO_ROLE, &id),
		    H_OK);
		assert_int_equal(store_get_mailbox(t, id, &m), H_OK);
		assert_true(m.uidvalidity > validity);
		validity = m.uidvalidity;
		assert_int_equal(store_delete_mailbox(t, SPAN("again")), H_OK);
		assert_int_equal(store_commit(&t), H_OK);
	}
}

static void
delivery_ids(void **state)
{
	uint32_t uid;
	uint64_t message;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
		    deliver(i, 300, wall, true, &uid, &message), H_OK);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(delivered(i, wall));
		assert_int_equal(
		    deliver(i, 300, wall, true, &uid, &message), H_EXISTS);
	}
	assert_false(delivered(20, wall));
	/* A copy is no delivery, and moving one away keeps it known. */
	expunge(3);
	assert_true(delivered(2, wall));
	/* Not asked to look: it is the caller's word. */
	assert_int_equal(deliver(5, 300, wall, false, &uid, &message), H_OK);
}

/* ---- large messages ---- */

static void
large_messages(void **state)
{
	struct help_mail m = help_mail_new(4, 9 * 1024 * 1024);
	struct store_blob *b = store_blob_new(st), *other;
	struct store_append a = { .mailbox = inbox,
		.record = buf_span(&m.record) };
	struct buf got = BUF_INIT(1 << 26);
	struct store_txn *t;
	struct store_row row;
	uint32_t uid, small;

	(void)state;
	for (size_t at = 0; at < m.message.len; at += 100000) {
		size_t n = m.message.len - at;

		assert_int_equal(
		    store_blob_write(b, (struct span){ m.message.ptr + at,
					    n < 100000 ? n : 100000 }),
		    H_OK);
		/* another message comes in between its pieces */
		if (at == 5000000) {
			t = store_begin(st, STORE_WRITE);
			assert_int_equal(
			    help_append(st, t, inbox, 1, 300, 0, &small), H_OK);
			assert_int_equal(store_commit(&t), H_OK);
		}
	}
	assert_int_equal(store_blob_size(b), m.message.len);
	/* A small one that is never published leaves nothing at all. */
	other = help_blob(st, SPAN("never"));
	store_blob_free(&other);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_append(t, b, &a, &uid), H_OK);
	assert_int_equal(store_append(t, b, &a, &uid), H_INVALID);
	assert_int_equal(store_commit(&t), H_OK);
	assert_int_equal(uid, 2);
	store_blob_free(&b);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_get_row(t, inbox, uid, &row), H_OK);
	assert_int_equal(store_read(t, row.message, 0, UINT64_MAX, &got), H_OK);
	assert_int_equal(got.len, m.message.len);
	assert_memory_equal(got.ptr, m.message.ptr, got.len);
	store_abort(&t);
	expunge(uid);
	wall += 1000;
	while (store_tidy(st))
		;
	assert_false(is_readable(row.message));
	buf_free(&got);
	help_mail_free(&m);
}

static void
unpublished_is_swept(void **state)
{
	struct help_mail m = help_mail_new(4, 5 * 1024 * 1024);
	struct store_blob *b = help_blob(st, buf_span(&m.message));
	struct store_append a = { .mailbox = inbox,
		.record = buf_span(&m.record) };
	struct store_txn *t;
	char *data = file_path(path, "data.mdb");
	struct stat before, after;
	uint32_t uid;

	(void)state;
	wall += 3599;
	store_tidy(st);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_append(t, b, &a, &uid), H_OK);
	store_abort(&t);
	/* An abort is no publication: an hour later it is swept, and can no
	 * more be published. */
	wall += 1;
	store_close(&st);
	assert_int_equal(store_open(&st, path), H_OK);
	while (store_tidy(st))
		;
	store_blob_free(&b);
	assert_int_equal(stat(data, &before), 0);
	/* The same room is used again, but for one piece: what a transaction
	 * freed the next may not use yet. */
	b = help_blob(st, buf_span(&m.message));
	store_blob_free(&b);
	assert_int_equal(stat(data, &after), 0);
	assert_true(after.st_size <= before.st_size + 1536 * 1024);
	b = help_blob(st, buf_span(&m.message));
	wall += 3600;
	while (store_tidy(st))
		;
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_append(t, b, &a, &uid), H_IO);
	store_abort(&t);
	store_blob_free(&b);
	mem_free(&data);
	help_mail_free(&m);
}

/* ---- the log ---- */

static void
flag_round(uint32_t uid, unsigned i)
{
	struct store_flags f = { .system = (uint8_t)(1 + (i & 1)) };
	struct store_txn *t = store_begin(st, STORE_WRITE);

	assert_int_equal(store_set_flags(t, inbox, uid, &f), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
}

/* Ten thousand transactions back, and no further: then the set says what is
 * gone. */
static void
the_log_has_a_floor(void **state)
{
	struct store_vanished_cursor at = { .from = 0 };
	struct store_change_cursor from = { .modseq = 0 };
	struct store_change c;
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t uid, first, last;
	uint64_t old, now;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(
		    help_append(st, t, inbox, i, 300, 0, &uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	t = store_begin(st, STORE_READ);
	old = store_modseq(t);
	store_abort(&t);
	expunge(2);
	expunge(5);
	expunge(6);
	expunge(10);
	for (unsigned i = 0; i < 10600; i++)
		flag_round(1, i);
	t = store_begin(st, STORE_READ);
	now = store_modseq(t);
	assert_false(store_log_covers(t, old));
	assert_true(store_log_covers(t, now - 10000));
	assert_true(store_next_vanished(t, inbox, old, &at, &first, &last));
	assert_true(first == 2 && last == 2);
	assert_true(store_next_vanished(t, inbox, old, &at, &first, &last));
	assert_true(first == 5 && last == 6);
	assert_true(store_next_vanished(t, inbox, old, &at, &first, &last));
	assert_true(first == 10 && last == 10);
	assert_false(store_next_vanished(t, inbox, old, &at, &first, &last));
	from.modseq = now - 10000;
	while (store_next_change(t, &from, &c))
		n++;
	assert_int_equal(n, 10000);
	at.from = 0;
	assert_false(
	    store_next_vanished(t, inbox, now - 10000, &at, &first, &last));
	store_abort(&t);
}

/* A transaction with too many runs to write them down: the log begins anew
 * behind it. */
static void
a_change_too_large_for_the_log(void **state)
{
	struct store_vanished_cursor at = { .from = 0 };
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t uid, first, last;
	uint64_t old;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 9000; i++)
		assert_int_equal(
		    help_append(st, t, inbox, i % 9, 160, 0, &uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	t = store_begin(st, STORE_WRITE);
	old = store_modseq(t) - 1;
	for (uid = 2; uid <= 9000; uid += 2)
		assert_int_equal(store_expunge(t, inbox, uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	t = store_begin(st, STORE_READ);
	assert_false(store_log_covers(t, old));
	assert_true(store_log_covers(t, old + 1));
	while (store_next_vanished(t, inbox, old, &at, &first, &last)) {
		n++;
		assert_true(first == last && first == 2 * n);
	}
	assert_int_equal(n, 4500);
	store_abort(&t);
	flag_round(1, 0);
	t = store_begin(st, STORE_READ);
	assert_true(store_log_covers(t, old + 1));
	store_abort(&t);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*fn)(void **);
	} all[] = {
		{ "bytes_go_later", bytes_go_later },
		{ "slices_are_bounded", slices_are_bounded },
		{ "the_clock_jumps", the_clock_jumps },
		{ "delivery_ids", delivery_ids },
		{ "large_messages", large_messages },
		{ "unpublished_is_swept", unpublished_is_swept },
		{ "the_log_has_a_floor", the_log_has_a_floor },
		{ "a_change_too_large_for_the_log",
		    a_change_too_large_for_the_log },
	};
	struct CMUnitTest tests[COUNT_OF(all)];

	for (size_t i = 0; i < COUNT_OF(all); i++)
		tests[i] = (struct CMUnitTest){ all[i].name, all[i].fn,
			setup_still, teardown, NULL };
	return WORLD_RUN(tests);
}
