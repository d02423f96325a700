/* A store that others use too: other processes, and other versions of Hearth.
 */
#include "mailstore/store.h"

#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailstore/store_db.h"
#include "mailstore/store_key.h"
#include "tests/unit/store_world.h"

static void
expunge(uint32_t uid)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);

	assert_int_equal(store_expunge(t, inbox, uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
}

/* ---- versions ---- */

static void
newer_versions_are_left_alone(void **state)
{
	static const struct db_shape shape = { .what = "test",
		.trees = { "body", "message", "mailbox", "log" } };
	char *data = file_path(path, "data.mdb");
	struct buf before = BUF_INIT(1 << 24), after = BUF_INIT(1 << 24);
	struct key key = key_account();
	struct db *db;
	struct db_txn *t;
	struct span row;

	(void)state;
	store_close(&st);
	assert_int_equal(db_open(&db, path, &shape), H_OK);
	t = db_begin(db, true);
	assert_true(db_get(t, DB_MAIN, key_span(&key), &row));
	/* a row of another length, in another layout, but for its first number
	 */
	db_put(t, DB_MAIN, key_span(&key), SPAN("\2\0something else"));
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	assert_int_equal(file_read(data, &before), H_OK);
	assert_int_equal(store_open(&st, path), H_VERSION);
	assert_null(st);
	assert_int_equal(file_read(data, &after), H_OK);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.ptr, after.ptr, before.len);

	assert_int_equal(db_open(&db, path, &shape), H_OK);
	t = db_begin(db, true);
	db_put(t, DB_MAIN, key_span(&key), SPAN("\0\0never was"));
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	assert_int_equal(store_open(&st, path), H_VERSION);
	buf_free(&before);
	buf_free(&after);
	mem_free(&data);
}

/* ---- other processes ---- */

/* Appends until the quota is reached. */
static int
greedy(void)
{
	enum herr err = H_OK;
	uint32_t uid;

	for (unsigned i = 0; err == H_OK; i++) {
		struct store_txn *t = store_begin(st, STORE_WRITE);

		err = help_append(st, t, inbox, i, 500 + i, 0, &uid);
		if (err == H_OK)
			err = store_commit(&t);
		else
			store_abort(&t);
	}
	store_close(&st);
	return err == H_QUOTA ? 0 : 4;
}

enum { GREEDY = 99 };

static int
child(unsigned number)
{
	uint32_t uid;

	if (store_open(&st, path) != H_OK)
		return 1;
	inbox = help_mailbox(st, "INBOX");
	if (number == GREEDY)
		return greedy();
	for (unsigned i = 0; i < 100; i++) {
		struct store_txn *t = store_begin(st, STORE_WRITE);

		if (help_append(
			st, t, inbox, number * 1000 + i, 2000, 0, &uid) != H_OK)
			return 2;
		if (store_commit(&t) != H_OK)
			return 3;
	}
	store_close(&st);
	return 0;
}

static pid_t
start(unsigned number)
{
	char text[16];
	pid_t pid;

	snprintf(text, sizeof text, "%u", number);
	if ((pid = fork()) == 0) {
		execl("/proc/self/exe", "test_store_shared", "child", path,
		    text, (char *)NULL);
		_exit(9);
	}
	return pid;
}

/* Others append; we are woken, and see every message once, in order. */
static void
processes_wake_each_other(void **state)
{
	struct pollfd p = { .fd = store_wake_fd(st), .events = POLLIN };
	struct store_view *v = NULL, *newer;
	struct store_txn *t;
	uint32_t known = 0;
	pid_t pids[2];

	(void)state;
	assert_true(p.fd >= 0);
	assert_false(store_changed(st));
	for (unsigned i = 0; i < COUNT_OF(pids); i++)
		pids[i] = start(i);
	while (known < 200) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		if (!store_changed(st))
			continue;
		t = store_begin(st, STORE_READ);
		newer = store_view_get(t, inbox);
		store_abort(&t);
		assert_true(store_view_count(newer) >= known);
		if (v != NULL)
			assert_int_equal(
			    store_view_gone(v, newer, UINT32_MAX), 0);
		known = store_view_count(newer);
		assert_int_equal(store_view_uid(newer, known), known);
		store_view_unref(&v);
		v = newer;
	}
	store_view_unref(&v);
	for (unsigned i = 0; i < COUNT_OF(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	/* our own commits are told too */
	store_changed(st);
	expunge(1);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(store_changed(st));
	assert_false(store_changed(st));
	assert_int_equal(poll(&p, 1, 0), 0);
}

/* Many at the limit together: not one byte too much. */
static void
quota_is_not_overrun(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_usage usage;
	pid_t pids[8];

	(void)state;
	assert_int_equal(store_set_quota(t, 100000), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	for (unsigned i = 0; i < COUNT_OF(pids); i++)
		pids[i] = start(GREEDY);
	for (unsigned i = 0; i < COUNT_OF(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	t = store_begin(st, STORE_READ);
	store_usage(t, &usage);
	assert_true(usage.bytes <= 100000 && usage.bytes > 90000);
	store_abort(&t);
}

/* A writer that dies with the lock held is no obstacle. */
static void
a_writer_dies(void **state)
{
	pid_t pid = start(7);
	struct pollfd p = { .fd = store_wake_fd(st), .events = POLLIN };
	struct store_txn *t;
	uint32_t uid;
	int status;

	(void)state;
	assert_int_equal(poll(&p, 1, 20000), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(help_append(st, t, inbox, 1, 3000, 0, &uid), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	store_tidy(st);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    newer_versions_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    processes_wake_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    quota_is_not_overrun, setup, teardown),
		cmocka_unit_test_setup_teardown(a_writer_dies, setup, teardown),
	};

	if (argc == 4) {
		snprintf(path, sizeof path, "%s", argv[2]);
		return child((unsigned)strtoul(argv[3], NULL, 10));
	}
	return WORLD_RUN(tests);
}
