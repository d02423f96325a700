/*
 * What a parent may still do when it has locked itself in, tried in a child of
 * its own each time: start its programs and no other, and make files and local
 * sockets; nothing that leads out.
 */
#include "common/sandbox.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/landlock.h"
#include "common/mem.h"
#include "common/privilege.h"
#include "tests/unit/scratch.h"

enum { WORKED = 0, REFUSED = 3, OTHER = 4, RAN = 0 };

static int ours, other; /* programs */
static char *folder;

static int
verdict(bool worked)
{
	if (worked)
		return WORKED;
	return errno == EPERM || errno == EACCES ? REFUSED : OTHER;
}

static int
run(int program, const char *path, int flags)
{
	static char name[] = "true";
	char *argv[] = { name, NULL }, *none[] = { NULL };

	syscall(SYS_execveat, program, path, argv, none, flags);
	return verdict(false);
}

static int
run_ours(void)
{
	return run(ours, "", AT_EMPTY_PATH);
}

static int
run_other(void)
{
	return run(other, "", AT_EMPTY_PATH);
}

static int
run_by_path(void)
{
	return run(AT_FDCWD, "/bin/true", 0);
}

static int
run_as_usual(void)
{
	static char name[] = "true";
	char *argv[] = { name, NULL };

	execv("/bin/true", argv);
	return verdict(false);
}

/* What the empty path stands for is the kernel's to see; with Landlock alone a
 * path in its place leads nowhere. */
static int
run_behind(void)
{
	return run(AT_FDCWD, "/bin/false", AT_EMPTY_PATH);
}

static int
make_process(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return verdict(pid > 0 && waitpid(pid, &status, 0) == pid);
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
make_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 &&
	               pthread_join(thread, NULL) == 0
	           ? WORKED
	           : OTHER;
}

static int
make_namespace(void)
{
	long pid =
	    syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return verdict(pid > 0);
}

static int
enter_namespace(void)
{
	return verdict(unshare(CLONE_NEWUSER) == 0);
}

static int
local_socket(void)
{
	return verdict(socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0);
}

static int
inet_socket(void)
{
	return verdict(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static int
packet_socket(void)
{
	return verdict(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

static int
map(int how)
{
	return verdict(mmap(NULL, 4096, how, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0) != MAP_FAILED);
}

static int
map_code(void)
{
	return map(PROT_READ | PROT_EXEC); /* as the loader of a role does */
}

static int
map_writable_code(void)
{
	return map(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int
read_process(void)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { &byte, 1 };

	return verdict(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1);
}

static int
rename_across(void)
{
	char *from = file_path(folder, "a/file");
	char *to = file_path(folder, "b/file");

	return verdict(rename(from, to) == 0 && rename(to, from) == 0);
}

static int
open_file(void)
{
	char *path = file_path(folder, "a/file");

	return verdict(open(path, O_RDWR | O_CLOEXEC) >= 0);
}

#ifndef HEARTH_SANITIZE
static int
trace_me(void)
{
	return verdict(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}
#endif

static int
io_uring(void)
{
	char parameters[256] = { 0 };

	return verdict(syscall(SYS_io_uring_setup, 1, parameters) >= 0);
}

/* clang-format off */
static const struct {
	const char *name;
	int (*attempt)(void);
	int want;
	bool landlock; /* it is what refuses */
} attempts[] = {
	{ "run-ours", run_ours, RAN, false },
	{ "run-other", run_other, REFUSED, true },
	{ "run-by-path", run_by_path, REFUSED, false },
	{ "run-as-usual", run_as_usual, REFUSED, false },
	{ "run-behind", run_behind, REFUSED, true },
	{ "make-process", make_process, WORKED, false },
	{ "make-thread", make_thread, WORKED, false },
	{ "make-namespace", make_namespace, REFUSED, false },
	{ "enter-namespace", enter_namespace, REFUSED, false },
	{ "local-socket", local_socket, WORKED, false },
	{ "inet-socket", inet_socket, REFUSED, false },
	{ "packet-socket", packet_socket, REFUSED, false },
	{ "map-code", map_code, WORKED, false },
	{ "map-writable-code", map_writable_code, REFUSED, false },
	{ "read-process", read_process, REFUSED, false },
	{ "rename-across", rename_across, WORKED, false },
	{ "open-file", open_file, WORKED, false },
#ifndef HEARTH_SANITIZE
	{ "trace-me", trace_me, REFUSED, false },
#endif
	{ "io-uring", io_uring, REFUSED, false },
};
/* clang-format on */

static int
in_child(int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		assert_null(privilege_drop());
		sandbox_enter_parent(&ours, 1);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static void
test_attempts(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		int got;

		if (attempts[i].landlock && landlock_abi() == 0)
			continue;
		got = in_child(attempts[i].attempt);
		if (got == attempts[i].want)
			continue;
		wrong++;
		print_error("%s: %d, not %d\n", attempts[i].name, got,
		    attempts[i].want);
	}
	assert_int_equal(wrong, 0);
}

static int
set_up(void **state)
{
	char *path;

	(void)state;
	ours = open("/bin/true", O_PATH | O_CLOEXEC);
	other = open("/bin/false", O_PATH | O_CLOEXEC);
	folder = scratch_folder();
	for (size_t i = 0; i < 2; i++) {
		path = file_path(folder, i == 0 ? "a" : "b");
		assert_int_equal(mkdir(path, 0700), 0);
		mem_free(&path);
	}
	path = file_path(folder, "a/file");
	assert_int_equal(file_replace(path, SPAN("x"), 0600), H_OK);
	mem_free(&path);
	return ours >= 0 && other >= 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	close(ours);
	close(other);
	scratch_remove(&folder);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
