/*
 * Landlock by itself, without the filter of calls that stands in front of it in
 * a role.  Skipped, and said so, on kernels that have none.
 */
#include "common/landlock.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static int stream, abstract, null;
static struct sockaddr_un abstract_name = { .sun_family = AF_UNIX };
static pid_t parent;

static int
try_read(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
try_write(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int
try_create(void)
{
	return open(
	    "/tmp/hearth-landlock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int
try_make_folder(void)
{
	return mkdir("/tmp/hearth-landlock", 0700);
}

static int
try_run(void)
{
	static char name[] = "true";
	char *argv[] = { name, NULL };

	return execv("/bin/true", argv);
}

static int
try_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(stream, (struct sockaddr *)&a, sizeof(a));
}

static int
try_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(stream, (struct sockaddr *)&a, sizeof(a));
}

static int
try_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(
	    fd, (struct sockaddr *)&abstract_name, sizeof(abstract_name));
}

static int
try_signal(void)
{
	return kill(parent, 0);
}

static int
try_open_file(void)
{
	return write(null, "x", 1) == 1 ? 0 : -1;
}

enum { NEVER = 0 };

/* clang-format off */
static const struct {
	const char *name;
	int (*attempt)(void);
	int since; /* the ABI that denies it */
} attempts[] = {
	{ "read", try_read, 1 },
	{ "write", try_write, 1 },
	{ "create", try_create, 1 },
	{ "make a folder", try_make_folder, 1 },
	{ "run", try_run, 1 },
	{ "bind", try_bind, 4 },
	{ "connect", try_connect, 4 },
	{ "abstract socket", try_abstract, 6 },
	{ "signal", try_signal, 6 },
	{ "what is open already", try_open_file, NEVER },
};
/* clang-format on */

static bool
is_denied(int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* as root it would do without */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		    landlock_deny_all() != H_OK)
			_exit(2);
		errno = 0;
		if (attempt() >= 0)
			_exit(0);
		_exit(errno == EACCES || errno == EPERM ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static void
test_deny_all(void **state)
{
	int abi = landlock_abi();
	unsigned wrong = 0;

	(void)state;
	if (abi == 0) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		bool want =
		    attempts[i].since != NEVER && abi >= attempts[i].since;

		if (is_denied(attempts[i].attempt) == want)
			continue;
		wrong++;
		print_error(
		    "%s: %s\n", attempts[i].name, want ? "works" : "is denied");
	}
	assert_int_equal(wrong, 0);
}

static int
setup(void **state)
{
	(void)state;
	parent = getpid();
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(
	    abstract_name.sun_path + 1, 64, "hearth-test-%ld", (long)parent);
	return null >= 0 && stream >= 0 &&
	               bind(abstract, (struct sockaddr *)&abstract_name,
			   sizeof(abstract_name)) == 0 &&
	               listen(abstract, 10) == 0
	           ? 0
	           : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny_all),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
