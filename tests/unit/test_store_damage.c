/*
 * Damage on disk: bits turned over, and the file cut at every page.  Whatever
 * is read then is right or refused; nothing crashes, nothing hangs.
 *
 *	test_store_damage [BITS [SEED]]
 *
 * Each damaged file is read by a fresh process, which ends with
 *	0  all is there	   10  damage was noticed    75  ended by the store
 *	1  wrong bytes	    2  something is missing and nobody says so
 */
#include "mailstore/store.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/store_help.h"

enum {
	MESSAGES = 40,
	FINE = 0,
	WRONG = 1,
	LOST = 2,
	NOTICED = 10,
	STORE_ENDED = 75,
	HUNG_AFTER = 20, /* seconds */
};

static char folder[] = "/tmp/hearth-damage-XXXXXX";
static char path[64];
static struct buf whole = { .limit = 1 << 26 };
static unsigned bits = 400;
static uint64_t seed = 20261122;

static size_t
length_of(unsigned number)
{
	return number % 10 == 0 ? 20000 + number * 300 : 200 + number * 90;
}

/* ---- the reader ---- */

static bool
message_is_right(struct store_txn *t, const struct store_row *row)
{
	struct help_mail m = help_mail_new(row->uid, length_of(row->uid));
	struct buf got = BUF_INIT(1 << 24);
	enum herr err = store_read(t, row->message, 0, UINT64_MAX, &got);
	struct span record = store_record(t, row->message);
	bool right = true;

	if (err == H_OK)
		right = got.len == m.message.len &&
		        memcmp(got.ptr, m.message.ptr, got.len) == 0;
	if (record.len > 0)
		right = right && record.len == m.record.len &&
		        memcmp(record.ptr, m.record.ptr, record.len) == 0;
	/* One byte from the middle, without all the rest. */
	buf_clear(&got);
	if (store_read(t, row->message, 150, 1, &got) == H_OK && got.len == 1)
		right = right && got.ptr[0] == m.message.ptr[150];
	right = right && row->size == m.message.len &&
	        row->internaldate == 1700000000 + (int64_t)row->uid;
	buf_free(&got);
	help_mail_free(&m);
	return right;
}

static int
read_all(struct store *st)
{
	struct store_row_cursor at = { NULL };
	struct store_mailbox_cursor boxes = { .len = 0 };
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;
	struct store_row row;
	uint32_t inbox = 0;
	unsigned n = 0;
	bool noticed = false;

	while (store_next_mailbox(t, &boxes, &m))
		if (m.name.len == 5 && memcmp(m.name.ptr, "INBOX", 5) == 0)
			inbox = m.id;
	for (uint32_t uid = 0; inbox != 0 && uid < UINT32_MAX;) {
		/* A failed transaction says nothing more: each message in its
		 * own. */
		noticed = noticed || store_error(t) != H_OK;
		store_abort(&t);
		t = store_begin(st, STORE_READ);
		if (!store_next_row(t, inbox, uid + 1, UINT32_MAX, &at, &row)) {
			if (store_error(t) == H_OK)
				break;
			uid++;
			if (uid > MESSAGES)
				break;
			continue;
		}
		store_end_rows(&at);
		uid = row.uid;
		n++;
		if (!message_is_right(t, &row))
			return WRONG;
	}
	noticed = noticed || store_error(t) != H_OK;
	store_abort(&t);
	return noticed ? NOTICED : n == MESSAGES ? FINE : LOST;
}

static int
child(void)
{
	struct store *st;
	enum herr err;
	uint64_t faults;
	int status;

	alarm(HUNG_AFTER);
	log_open("test", "damage", LOG_ERROR);
	if (freopen("/dev/null", "w", stderr) == NULL ||
	    store_open(&st, path) != H_OK)
		return NOTICED;
	status = read_all(st);
	if (status == WRONG)
		return WRONG;
	faults = store_verify(st, NULL, NULL, &err);
	if (faults > 0 || err != H_OK)
		status = NOTICED;
	store_close(&st);
	return status;
}

/* ---- the damage ---- */

static int
look(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* A sanitizer would take the signals from the store. */
		setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0", 1);
		execl("/proc/self/exe", "test_store_damage", "child", path,
		    "read", (char *)NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static unsigned counts[256];

static void
count(int status, const char *what, unsigned long long where)
{
	counts[status]++;
	if (status != FINE && status != NOTICED && status != STORE_ENDED)
		fail_msg("%s %llu: status %d", what, where, status);
}

static void
report(const char *what)
{
	print_message("%s: %u noticed, %u ended by the store, %u harmless\n",
	    what, counts[NOTICED], counts[STORE_ENDED], counts[FINE]);
	memset(counts, 0, sizeof counts);
}

static int
open_data(void)
{
	char *data = file_path(path, "data.mdb");
	int fd = open(data, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	mem_free(&data);
	return fd;
}

static void
turned_bits(void **state)
{
	uint64_t rng = seed * 2 + 1;
	int fd = open_data();

	(void)state;
	assert_int_equal(look(), FINE);
	for (unsigned i = 0; i < bits; i++) {
		size_t page = help_random(&rng) % (whole.len / 4096), at;
		char byte;

		/* Every other one where LMDB keeps its own: the head of a page.
		 */
		at = page * 4096 + help_random(&rng) % (i % 2 ? 64 : 4096);
		byte = (char)(whole.ptr[at] ^
			      (1 << (help_random(&rng) >> 40) % 8));
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		count(look(), "bit in byte", at);
		assert_int_equal(pwrite(fd, whole.ptr + at, 1, (off_t)at), 1);
	}
	close(fd);
	report("turned bits");
}

static void
cut_files(void **state)
{
	char *data = file_path(path, "data.mdb");
	int fd = open_data();

	(void)state;
	for (size_t size = 0; size < whole.len; size += 4096) {
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		count(look(), "cut at", size);
		assert_int_equal(
		    pwrite(fd, whole.ptr, whole.len, 0), (ssize_t)whole.len);
	}
	assert_int_equal(look(), FINE);
	close(fd);
	mem_free(&data);
	report("cut files");
}

/* Pages that were never written, or that hold what another holds. */
static void
wrong_pages(void **state)
{
	static const char zero[4096];
	size_t pages = whole.len / 4096;
	int fd = open_data();

	(void)state;
	for (size_t page = 0; page < pages; page++) {
		off_t at = (off_t)page * 4096;

		assert_int_equal(pwrite(fd, zero, 4096, at), 4096);
		count(look(), "zero page", page);
		assert_int_equal(
		    pwrite(fd, whole.ptr + (page * 7 + 3) % pages * 4096, 4096,
			at),
		    4096);
		count(look(), "other page", page);
		assert_int_equal(
		    pwrite(fd, whole.ptr + page * 4096, 4096, at), 4096);
	}
	close(fd);
	report("wrong pages");
}

static int
make(void **state)
{
	char *data = file_path(path, "data.mdb");
	struct store_txn *t;
	struct store *st;
	uint32_t uid, trash;

	(void)state;
	if (store_create(path, 1) != H_OK || store_open(&st, path) != H_OK)
		return -1;
	for (uint32_t i = 1; i <= MESSAGES; i++) {
		t = store_begin(st, STORE_WRITE);
		if (help_append(st, t, 1, i, length_of(i), (uint8_t)(i % 16),
			&uid) != H_OK ||
		    uid != i || store_commit(&t) != H_OK)
			return -1;
	}
	trash = help_mailbox(st, "Trash");
	t = store_begin(st, STORE_WRITE);
	for (uint32_t i = 1; i <= MESSAGES; i += 3)
		if (store_copy(t, 1, i, trash, &uid) != H_OK)
			return -1;
	if (store_commit(&t) != H_OK)
		return -1;
	store_close(&st);
	if (file_read(data, &whole) != H_OK)
		return -1;
	mem_free(&data);
	print_message("%zu pages, seed %llu\n", whole.len / 4096,
	    (unsigned long long)seed);
	return 0;
}

static int
remove_all(void **state)
{
	(void)state;
	buf_free(&whole);
	help_remove(path);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turned_bits),
		cmocka_unit_test(cut_files),
		cmocka_unit_test(wrong_pages),
	};
	int failed;

	if (argc == 4) {
		snprintf(path, sizeof path, "%s", argv[2]);
		return child();
	}
	if (argc > 1)
		bits = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/account", folder);
	failed = cmocka_run_group_tests(tests, make, remove_all);
	rmdir(folder);
	return failed;
}
