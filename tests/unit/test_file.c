/* Files: read with a limit, replaced whole or not at all. */
#include "common/file.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_file.XXXXXX";

static void
test_paths(void **state)
{
	static const struct {
		const char *a, *b, *path;
	} cases[] = {
		{ "/a", "b", "/a/b" },
		{ "/a/", "b", "/a/b" },
		{ "/a", "/b", "/b" },
		{ "", "b", "b" },
		{ "/", "b", "/b" },
		{ "a", "", "a/" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *path = file_path(cases[i].a, cases[i].b);

		assert_string_equal(path, cases[i].path);
		mem_free(&path);
	}
}

static size_t
files_in_folder(void)
{
	DIR *d = opendir(folder);
	size_t count = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count - 2; /* . and .. */
}

static void
test_replace(void **state)
{
	char *path = file_path(folder, "f");
	struct buf b = BUF_INIT(100);
	struct stat st;

	(void)state;
	assert_int_equal(file_read(path, &b), H_NOTFOUND);
	assert_int_equal(file_replace(path, SPAN("old"), 0644), H_OK);
	assert_int_equal(file_replace(path, SPAN("a\0new"), 0640), H_OK);
	assert_int_equal(file_read(path, &b), H_OK);
	assert_true(span_same(buf_span(&b), SPAN("a\0new")));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(files_in_folder(), 1);
	assert_int_equal(file_replace(path, NO_SPAN, 0600), H_OK);
	assert_int_equal(file_read(path, &b), H_OK);
	assert_int_equal(b.len, 0);
	unlink(path);
	mem_free(&path);
	buf_free(&b);
}

static void
test_read_limit(void **state)
{
	char *path = file_path(folder, "f");
	static char bytes[20000];

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len += 4000) {
		struct buf exact = BUF_INIT(len), less = BUF_INIT(len - 1);

		assert_int_equal(
		    file_replace(path, (struct span){ bytes, len }, 0600),
		    H_OK);
		assert_int_equal(file_read(path, &exact), H_OK);
		assert_int_equal(exact.len, len);
		if (len > 0)
			assert_int_equal(file_read(path, &less), H_LIMIT);
		assert_int_equal(less.len, 0);
		buf_free(&exact);
		buf_free(&less);
	}
	unlink(path);
	mem_free(&path);
}

/* A file that says nothing of its size beforehand. */
static void
test_read_unsized(void **state)
{
	struct buf b = BUF_INIT(100000);

	(void)state;
	assert_int_equal(file_read("/proc/self/status", &b), H_OK);
	assert_true(b.len > 100);
	assert_int_equal(file_read(folder, &b), H_IO); /* a folder */
	buf_free(&b);
}

static void
test_folders(void **state)
{
	char *sub = file_path(folder, "sub/"),
	     *deep = file_path(folder, "no/sub");
	char *file = file_path(folder, "file");
	struct stat st;

	(void)state;
	assert_int_equal(file_make_folder(sub), H_OK);
	assert_int_equal(file_make_folder(sub), H_OK);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(file_make_folder(deep), H_NOTFOUND);
	assert_int_equal(file_replace(deep, SPAN("x"), 0600), H_NOTFOUND);
	assert_int_equal(file_replace(file, SPAN("x"), 0600), H_OK);
	assert_int_equal(file_make_folder(file), H_IO);
	assert_int_equal(file_sync_folder(folder), H_OK);
	assert_int_equal(file_sync_folder(deep), H_NOTFOUND);
	assert_int_equal(file_sync_folder(file), H_IO);
	/* Onto a folder nothing is renamed, and nothing is left behind. */
	assert_int_not_equal(file_replace(sub, SPAN("x"), 0600), H_OK);
	assert_int_equal(files_in_folder(), 2);
	unlink(file);
	rmdir(sub);
	mem_free(&sub);
	mem_free(&deep);
	mem_free(&file);
}

/* A full disk, played by a limit on the size of files: the old content stays,
 * and alone. */
static void
test_full(void **state)
{
	char *path = file_path(folder, "f");
	static char large[100000];
	struct buf b = BUF_INIT(100);
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(file_replace(path, SPAN("old"), 0600), H_OK);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit small = { 50000, 50000 };

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &small) != 0)
			_exit(2);
		_exit(file_replace(path, (struct span){ large, sizeof(large) },
			  0600) == H_IO
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(file_read(path, &b), H_OK);
	assert_true(span_is(buf_span(&b), "old"));
	assert_int_equal(files_in_folder(), 1);
	unlink(path);
	mem_free(&path);
	buf_free(&b);
}

/* Through a pipe that takes little at a time and does not wait. */
static void
test_write(void **state)
{
	static char bytes[300000], got[sizeof(bytes)];
	int ends[2], status;
	size_t len = 0;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(file_write(ends[1],
			  (struct span){ bytes, sizeof(bytes) }) == H_OK
			  ? 0
			  : 1);
	close(ends[1]);
	for (;;) {
		ssize_t n = read(ends[0], got + len, sizeof(got) - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(got, bytes, sizeof(bytes));
	assert_int_equal(file_write(-1, SPAN("x")), H_IO);
	assert_int_equal(file_write(-1, NO_SPAN), H_OK);
}

static int
make_folder(void **state)
{
	(void)state;
	log_open("test", "file", LOG_ERROR);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_read_limit),
		cmocka_unit_test(test_read_unsized),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
