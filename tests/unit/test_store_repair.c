/*
 * Repair of damaged accounts: bits turned over, pages zeroed or holding what
 * another holds, both meta pages gone.  Afterwards verification is clean, every
 * message that is there is right, and none is gone without a word.
 *
 *	test_store_repair [BITS [SEED]]
 */
#include "mailstore/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/scan.h"
#include "tests/unit/store_help.h"

enum { MESSAGES = 40 };

static char folder[] = "/tmp/hearth-repair-XXXXXX";
static char damaged[64], repaired[64], aside[64];
static struct buf whole = { .limit = 1 << 26 };
static unsigned bits = 300;
static uint64_t seed = 20261123;
static unsigned told, complete, partly;
static struct help_mail mails[MESSAGES + 1];

static size_t
length_of(unsigned number)
{
	return number % 10 == 0 ? 20000 + number * 300 : 200 + number * 90;
}

static void
tell(void *arg, const char *text)
{
	(void)arg;
	told++;
	assert_true(strlen(text) > 0);
}

static void
say_fault(void *arg, const char *text)
{
	(void)arg;
	print_error("fault: %s\n", text);
}

/* The message's number; 0: these are not the bytes of any. */
static unsigned
which(struct span bytes)
{
	for (unsigned i = 1; i <= MESSAGES; i++)
		if (span_same(bytes, buf_span(&mails[i].message)))
			return i;
	return 0;
}

/* What is there is right; the number of different messages. */
static unsigned
count_right(struct store *st, bool exact)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox_cursor boxes = { .len = 0 };
	bool seen[MESSAGES + 1] = { false };
	struct store_mailbox m;
	unsigned n = 0;

	while (store_next_mailbox(t, &boxes, &m)) {
		struct store_row_cursor at = { NULL };
		struct store_row row;
		bool inbox = span_is(m.name, "INBOX");

		while (store_next_row(t, m.id, 1, UINT32_MAX, &at, &row)) {
			struct buf got = BUF_INIT(1 << 24);
			unsigned number;

			assert_int_equal(
			    store_read(t, row.message, 0, UINT64_MAX, &got),
			    H_OK);
			number = which(buf_span(&got));
			buf_free(&got);
			assert_true(number > 0);
			if (inbox) {
				assert_int_equal(row.uid, number);
				assert_int_equal(row.flags.system, number % 16);
				assert_int_equal(
				    row.internaldate, 1700000000 + number);
			}
			n += !seen[number];
			seen[number] = true;
		}
	}
	assert_int_equal(store_error(t), H_OK);
	if (exact)
		assert_int_equal(n, MESSAGES);
	store_abort(&t);
	return n;
}

/* Repairs it, and counts what is right then. */
static unsigned
repaired_has(struct store_repaired *result, bool exact)
{
	char path[96];
	struct store *st;
	enum herr err;
	unsigned right;
	int from, to;

	snprintf(path, sizeof path, "%s/data.mdb", damaged);
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(store_create_empty(repaired, 7), H_OK);
	assert_int_equal(store_open(&st, repaired), H_OK);
	told = 0;
	assert_int_equal(store_repair(st, from, to, tell, NULL, result), H_OK);
	assert_int_equal(store_verify(st, say_fault, NULL, &err), 0);
	assert_int_equal(err, H_OK);
	right = count_right(st, exact);
	assert_int_equal(store_account(st), 7);
	store_close(&st);
	close(from);
	close(to);
	help_remove(repaired);
	return right;
}

static void
repair(const char *what, unsigned long long where, bool exact)
{
	struct store_repaired result;
	unsigned right = repaired_has(&result, exact);

	if (right + result.aside < MESSAGES)
		fail_msg("%s %llu: %u right, %u aside", what, where, right,
		    (unsigned)result.aside);
	if (right < MESSAGES)
		partly++;
	else
		complete++;
	if (right < MESSAGES || result.found > 0)
		assert_true(told > 0);
}

static int
open_data(void)
{
	char path[96];
	int fd;

	snprintf(path, sizeof path, "%s/data.mdb", damaged);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
report(const char *what)
{
	print_message("%s: all kept %u times, some lost %u times\n", what,
	    complete, partly);
	complete = partly = 0;
}

static void
nothing_wrong(void **state)
{
	(void)state;
	repair("nothing", 0, true);
	assert_int_equal(told, 0);
	report("no damage");
}

static void
turned_bits(void **state)
{
	uint64_t rng = seed * 2 + 1;
	int fd = open_data();

	(void)state;
	for (unsigned i = 0; i < bits; i++) {
		size_t page = help_random(&rng) % (whole.len / 4096), at;
		char byte;

		at = page * 4096 + help_random(&rng) % (i % 2 ? 64 : 4096);
		byte = (char)(whole.ptr[at] ^
			      (1 << (help_random(&rng) >> 40) % 8));
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		repair("bit in byte", at, false);
		assert_int_equal(pwrite(fd, whole.ptr + at, 1, (off_t)at), 1);
	}
	close(fd);
	report("turned bits");
}

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
		repair("zero page", page, false);
		assert_int_equal(
		    pwrite(fd, whole.ptr + (page * 7 + 3) % pages * 4096, 4096,
			at),
		    4096);
		repair("other page", page, false);
		assert_int_equal(
		    pwrite(fd, whole.ptr + page * 4096, 4096, at), 4096);
	}
	close(fd);
	report("wrong pages");
}

/* No root is known: every page is looked at. */
static void
no_metas(void **state)
{
	static const char zero[8192];
	int fd = open_data();

	(void)state;
	assert_int_equal(pwrite(fd, zero, sizeof zero, 0), sizeof zero);
	repair("no meta pages", 0, false);
	assert_int_equal(
	    pwrite(fd, whole.ptr, whole.len, 0), (ssize_t)whole.len);
	close(fd);
	report("no meta pages");
}

static void
cut_files(void **state)
{
	int fd = open_data();

	(void)state;
	for (size_t size = 0; size < whole.len; size += 3 * 4096) {
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		/* What is cut off leaves no word of itself. */
		repaired_has(&(struct store_repaired){ 0 }, false);
		assert_int_equal(
		    pwrite(fd, whole.ptr, whole.len, 0), (ssize_t)whole.len);
	}
	close(fd);
}

static int
make(void **state)
{
	char path[96];
	struct store_txn *t;
	struct store *st;
	uint32_t uid, trash;

	(void)state;
	if (store_create(damaged, 1) != H_OK ||
	    store_open(&st, damaged) != H_OK)
		return -1;
	for (uint32_t i = 1; i <= MESSAGES; i++) {
		mails[i] = help_mail_new(i, length_of(i));
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
	snprintf(path, sizeof path, "%s/data.mdb", damaged);
	return file_read(path, &whole) == H_OK ? 0 : -1;
}

static int
remove_all(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= MESSAGES; i++)
		help_mail_free(&mails[i]);
	buf_free(&whole);
	help_remove(damaged);
	unlink(aside);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong),
		cmocka_unit_test(turned_bits),
		cmocka_unit_test(wrong_pages),
		cmocka_unit_test(no_metas),
		cmocka_unit_test(cut_files),
	};
	int failed;

	if (argc > 1)
		bits = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	log_open("test", "repair", LOG_ERROR);
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(damaged, sizeof damaged, "%s/account", folder);
	snprintf(repaired, sizeof repaired, "%s/repaired", folder);
	snprintf(aside, sizeof aside, "%s/aside", folder);
	failed = cmocka_run_group_tests(tests, make, remove_all);
	rmdir(folder);
	return failed;
}
