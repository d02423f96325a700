/*
 * What things cost: bytes written for a delivery, memory of a process that has
 * a store open, time of walks.  Sizes are asserted; times are printed, and
 * asserted only with a wide margin, since machines differ.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/unit/store_help.h"

enum { STORED = 20000, KINDS = 200 };

static char folder[] = "/tmp/hearth-cost-XXXXXX";
static char path[64];
static struct store *st;
static uint32_t inbox;

/* Messages are made once: making them is not what is measured. */
static struct help_mail mails[KINDS];

static void
deliver(struct store_txn *t, unsigned number)
{
	const struct help_mail *m = &mails[number % KINDS];
	struct store_blob *b = help_blob(st, buf_span(&m->message));
	uint8_t id[STORE_DELIVERY_ID_LEN] = { 0 };
	struct store_append a = {
		.mailbox = inbox,
		.internaldate = number,
		.delivery_id = id,
		.record = buf_span(&m->record),
	};
	uint32_t uid;

	memcpy(id + 8, &number, sizeof number);
	assert_int_equal(store_append(t, b, &a, &uid), H_OK);
	store_blob_free(&b);
}

static void
deliveries(unsigned first, unsigned n, unsigned together)
{
	for (unsigned i = 0; i < n; i += together) {
		struct store_txn *t = store_begin(st, STORE_WRITE);

		for (unsigned j = 0; j < together; j++)
			deliver(t, first + i + j);
		assert_int_equal(store_commit(&t), H_OK);
	}
}

/* Bytes given to write(2) and its kin.  (What "write_bytes" says counts the
 * page cache's folios, which are larger than what is written of them.) */
static uint64_t
written(void)
{
	struct buf text = BUF_INIT(4096);
	const char *at;
	uint64_t n;

	/* A file of unknown size: read by hand. */
	int fd = open("/proc/self/io", O_RDONLY);
	char *room = buf_want(&text, 4095);
	ssize_t len = read(fd, room, 4095);

	assert_true(len > 0);
	room[len] = '\0';
	close(fd);
	at = strstr(room, "\nwchar: ");
	assert_non_null(at);
	n = strtoull(at + 8, NULL, 10);
	buf_free(&text);
	return n;
}

static int
setup(void **state)
{
	int64_t begin = clock_mono_ms();

	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		mails[i] = help_mail_new(i, 3600 + i * 4);
	if (store_create(path, 1) != H_OK || store_open(&st, path) != H_OK)
		return -1;
	inbox = help_mailbox(st, "INBOX");
	deliveries(0, STORED, 50);
	print_message("%d messages of 4 KB, 50 a transaction: %lld/s\n", STORED,
	    (long long)(STORED * 1000LL / (clock_mono_ms() - begin + 1)));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	store_close(&st);
	for (unsigned i = 0; i < KINDS; i++)
		help_mail_free(&mails[i]);
	help_remove(path);
	return 0;
}

static void
bytes_for_a_delivery(void **state)
{
	static const unsigned together[] = { 1, 10, 50 };
	static const uint64_t most[] = { 80 * 1024, 40 * 1024, 30 * 1024 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(together); i++) {
		int64_t begin = clock_mono_ms();
		uint64_t before = written(), each;
		unsigned n = 500;

		deliveries(STORED, n, together[i]);
		/* A commit ends with a piece of a page that the disk takes as a
		 * whole one. */
		each = (written() - before + n / together[i] * 4096) / n;
		print_message(
		    "%u a transaction: %llu bytes written each, %lld/s\n",
		    together[i], (unsigned long long)each,
		    (long long)(n * 1000LL / (clock_mono_ms() - begin + 1)));
		assert_true(each <= most[i]);
	}
}

/* Commits overwrite what the file has already; they seldom make it longer,
 * which would have the file system write its own share before a flush is over.
 */
static void
length_of_the_file(void **state)
{
	enum { DELIVERIES = 200 };
	char *data = file_path(path, "data.mdb");
	struct stat s;
	unsigned longer = 0;
	off_t before;

	(void)state;
	assert_int_equal(stat(data, &s), 0);
	for (unsigned i = 0; i < DELIVERIES; i++) {
		before = s.st_size;
		deliveries(STORED + i, 1, 1);
		assert_int_equal(stat(data, &s), 0);
		longer += s.st_size != before;
	}
	print_message("%u of %u commits made the file longer\n", longer,
	    (unsigned)DELIVERIES);
	assert_true(longer > 0 && longer <= DELIVERIES / 10);
	mem_free(&data);
}

static void
bytes_at_rest(void **state)
{
	char *data = file_path(path, "data.mdb");
	uint64_t raw = 0;
	struct stat s;

	(void)state;
	for (unsigned i = 0; i < STORED; i++)
		raw += mails[i % KINDS].message.len;
	assert_int_equal(stat(data, &s), 0);
	print_message("%llu bytes of mail in a file of %llu: %.2f\n",
	    (unsigned long long)raw, (unsigned long long)s.st_size,
	    (double)s.st_size / (double)raw);
	mem_free(&data);
}

static void
times_of_walks(void **state)
{
	struct store_row_cursor at = { NULL };
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_row row;
	int64_t begin = clock_mono_ms(), took;
	unsigned n = 0;
	uint64_t sum = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		while (store_next_row(t, inbox, 1, UINT32_MAX, &at, &row))
			n++;
	took = clock_mono_ms() - begin;
	print_message("%u rows: %lld ms\n", n, (long long)took);
	assert_true(n >= 5 * STORED && took < 1000);

	begin = clock_mono_ms();
	for (int i = 0; i < 5; i++)
		while (store_next_row(t, inbox, 1, UINT32_MAX, &at, &row))
			sum += store_record(t, row.message).len;
	took = clock_mono_ms() - begin;
	print_message("%u records (%llu bytes): %lld ms\n", n,
	    (unsigned long long)sum, (long long)took);
	assert_true(took < 3000);

	begin = clock_mono_ms();
	for (unsigned i = 0; i < 100000; i++) {
		struct store_view *v = store_view_get(t, inbox);

		store_view_unref(&v);
	}
	took = clock_mono_ms() - begin;
	print_message("100000 views of one state: %lld ms\n", (long long)took);
	store_abort(&t);
}

/* ---- memory ---- */

static unsigned
private_dirty_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	unsigned kib = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Private_Dirty: %u", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static int
child(void)
{
	unsigned before = private_dirty_kib(), opened, read, wrote;
	struct store_row_cursor at = { NULL };
	struct store_view *v;
	struct store_txn *t;
	struct store_row row;

	if (store_open(&st, path) != H_OK)
		return 1;
	opened = private_dirty_kib() - before;
	inbox = help_mailbox(st, "INBOX");
	t = store_begin(st, STORE_READ);
	v = store_view_get(t, inbox);
	while (store_next_row(t, inbox, 1, UINT32_MAX, &at, &row))
		store_record(t, row.message);
	store_abort(&t);
	read = private_dirty_kib() - before;
	mails[0] = help_mail_new(0, 4000);
	for (unsigned i = 0; i < 20; i++) {
		t = store_begin(st, STORE_WRITE);
		deliver(t, i * KINDS);
		if (store_commit(&t) != H_OK)
			return 2;
	}
	wrote = private_dirty_kib() - before;
	printf("private dirty: %u KiB opened, %u after reading, %u after "
	       "20 deliveries\n",
	    opened, read, wrote);
	store_view_unref(&v);
	help_mail_free(&mails[0]);
	store_close(&st);
	return opened < 200 && read < 300 && wrote < 500 ? 0 : 3;
}

static void
memory(void **state)
{
	int status;
	pid_t pid;

	(void)state;
#ifndef HEARTH_SANITIZE
	fflush(stdout);
	if ((pid = fork()) == 0) {
		execl("/proc/self/exe", "test_store_cost", "child", path,
		    (char *)NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#else
	(void)status;
	(void)pid;
	skip();
#endif
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_for_a_delivery),
		cmocka_unit_test(length_of_the_file),
		cmocka_unit_test(bytes_at_rest),
		cmocka_unit_test(times_of_walks),
		cmocka_unit_test(memory),
	};
	int failed;

	if (argc == 3) {
		snprintf(path, sizeof path, "%s", argv[2]);
		return child();
	}
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/account", folder);
	failed = cmocka_run_group_tests(tests, setup, teardown);
	rmdir(folder);
	return failed;
}
