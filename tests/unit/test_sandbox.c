/*
 * Locking in, each time in a child of its own: what still works, and what does
 * not.  (The whole table, tried inside the real roles: tests/roles.)
 */
#include "common/sandbox.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORKED = 0, REFUSED = 3 };

static int
verdict(bool worked)
{
	return worked ? WORKED : errno == EPERM ? REFUSED : 4;
}

static int file, null;
static char *page;

static int
try_open(void)
{
	return verdict(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static int
try_stat(void)
{
	struct stat st;

	return verdict(stat("/etc/passwd", &st) == 0);
}

static int
try_fstat(void)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	return verdict(
	    fstat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 4096);
}

static int
try_fstat_bad(void)
{
	struct stat st;

	errno = 0;
	return fstat(999, &st) == -1 && errno == EBADF ? WORKED : 4;
}

static int
try_write_at(void)
{
	return verdict(pwrite(file, "x", 1, 0) == 1);
}

static int
try_lock(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return verdict(fcntl(file, F_SETLK, &l) == 0);
}

static int
try_memory_file(void)
{
	return verdict(memfd_create("m", MFD_CLOEXEC) >= 0);
}

static int
try_allocate(void)
{
	void *volatile p = malloc(8 << 20);

	memset(p, 1, 8 << 20);
	free(p);
	return WORKED;
}

static int
try_code(void)
{
	return verdict(mmap(NULL, 4096, PROT_READ | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int
try_turn_to_code(void)
{
	return verdict(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return verdict(pid > 0);
}

static void *
thread(void *arg)
{
	return arg;
}

static int
try_thread(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, thread, NULL);

	errno = err;
	return verdict(err == 0 && pthread_join(t, NULL) == 0);
}

static int
try_socket(void)
{
	return verdict(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static int
try_signal(void)
{
	return verdict(kill(getppid(), 0) == 0);
}

enum { NET = 1, HOLD = 2, AUTH = 4, ALL = 7, NONE = 0 };

/* clang-format off */
static const struct {
	const char *name;
	int (*attempt)(void);
	unsigned works; /* for whom */
} attempts[] = {
	{ "allocate", try_allocate, ALL },
	{ "fstat", try_fstat, ALL },
	{ "fstat of nothing", try_fstat_bad, ALL },
	{ "open", try_open, NONE },
	{ "stat", try_stat, NONE },
	{ "write at an offset", try_write_at, HOLD },
	{ "lock", try_lock, HOLD },
	{ "memory file", try_memory_file, NONE },
	{ "map code", try_code, NONE },
	{ "turn memory to code", try_turn_to_code, NONE },
	{ "fork", try_fork, NONE },
	{ "thread", try_thread, AUTH },
	{ "socket", try_socket, NONE },
	{ "signal the parent", try_signal, NONE },
};
static const struct { enum role_kind kind; unsigned bit; } roles[] = {
	{ ROLE_IMAP_FRONT, NET }, { ROLE_SMTP_DELIVER, HOLD }, { ROLE_AUTH, AUTH },
};
/* clang-format on */

static int
in_child(enum role_kind kind, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(null, STDERR_FILENO);
		sandbox_enter(kind);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
		return REFUSED; /* --enable-trap */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_attempts(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t r = 0; r < COUNT_OF(roles); r++)
		for (size_t i = 0; i < COUNT_OF(attempts); i++) {
			int want =
			    attempts[i].works & roles[r].bit ? WORKED : REFUSED;
			int got = in_child(roles[r].kind, attempts[i].attempt);

			if (got == want)
				continue;
			wrong++;
			print_error("%s: %s: %d, not %d\n",
			    role_name(roles[r].kind), attempts[i].name, got,
			    want);
		}
	assert_int_equal(wrong, 0);
}

static void
test_abort(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		sandbox_enter(ROLE_SMTP_QUEUE);
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static int
setup(void **state)
{
	(void)state;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	file = memfd_create("test", MFD_CLOEXEC);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return file >= 0 && ftruncate(file, 4096) == 0 && page != MAP_FAILED
	           ? 0
	           : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_abort),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
