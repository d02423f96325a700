/*
 * A parent with dummy roles (parent_dummy.h), from outside: connections,
 * signals, and the control socket.  Nothing sleeps; every wait is for something
 * and has an end.
 */
#include "common/parent.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/wire.h"
#include "parent_dummy.h"

enum { PATIENCE_MS = 10 * 1000, PATH_ROOM = 256 };

static char folder[] = "/tmp/hearth-parent-XXXXXX";
static char state[PATH_ROOM], conf[PATH_ROOM];
static unsigned port[2];
static pid_t parent;

/* ---- the daemon from outside ---- */

static void
write_conf(unsigned max_connections)
{
	char text[2 * PATH_ROOM];
	int len =
	    snprintf(text, sizeof(text), "%s\n127.0.0.1:%u\n127.0.0.1:%u\n%u\n",
		state, port[0], port[1], max_connections);

	assert_int_equal(
	    file_replace(conf, (struct span){ text, (size_t)len }, 0644), H_OK);
}

static pid_t
start(void)
{
	static char self[PATH_ROOM], option[] = "-c";
	char *argv[] = { self, option, conf, NULL };
	pid_t pid;
	int log;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	if ((pid = fork()) == 0) {
		char path[PATH_ROOM + 8];

		snprintf(path, sizeof(path), "%s/log", folder);
		log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(log, STDERR_FILENO);
		execv(self, argv);
		_exit(127);
	}
	return pid;
}

/* Waits for the end of any process. */
static bool
ends_within(pid_t pid, int ms)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool ended;

	if (fd < 0)
		return errno == ESRCH;
	ended = poll(&p, 1, ms) == 1;
	close(fd);
	return ended;
}

static int
status_of(pid_t pid)
{
	int status = -1;

	if (!ends_within(pid, PATIENCE_MS))
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static unsigned
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static int
connected(unsigned to)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)to) };
	int64_t begun = clock_mono_ms();

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (;;) {
		struct timeval most = { .tv_sec = PATIENCE_MS / 1000 };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_true(fd >= 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return fd;
		close(fd);
		assert_true(clock_mono_ms() - begun < PATIENCE_MS);
		poll(NULL, 0, 5); /* it is not bound yet */
	}
}

/* Sends a line and reads one (NULL: none is wanted); "" if the front went away.
 */
static const char *
line(int fd)
{
	static char text[PATH_ROOM];
	size_t len = 0;

	while (len < sizeof(text) - 1 && read(fd, text + len, 1) == 1 &&
	       text[len] != '\n')
		len++;
	text[len] = '\0';
	return text;
}

static const char *
ask(int fd, const char *command)
{
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return "";
	return line(fd);
}

static long
number(const char *text, const char *before)
{
	size_t len = strlen(before);

	if (strncmp(text, before, len) != 0) {
		print_error(
		    "\"%s\" does not begin with \"%s\"\n", text, before);
		return -1;
	}
	return strtol(text + len, NULL, 10);
}

static long
front_pid(void)
{
	int fd = connected(port[0]);
	long pid = number(ask(fd, "pid\n"), "");

	close(fd);
	return pid;
}

/* ---- tests ---- */

static void
test_restart(void **unused)
{
	long before = front_pid();
	int64_t begun;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		long after;

		assert_true(before > 0);
		kill((pid_t)before, SIGKILL);
		begun = clock_mono_ms();
		assert_true(ends_within((pid_t)before, PATIENCE_MS));
		after = front_pid();
		assert_true(after > 0 && after != before);
		assert_true(clock_mono_ms() - begun < 1000);
		before = after;
	}
}

static void
test_login(void **unused)
{
	int a = connected(port[0]), fd;
	long first;

	(void)unused;
	assert_string_equal(ask(a, "login 1\n"), "login 0");
	first = number(line(a), "account 1 ");
	assert_true(first > 0);
	close(a);
	fd = connected(port[0]);
	assert_string_equal(ask(fd, "login 1\n"), "login 0");
	assert_int_equal(number(line(fd), "account 1 "), first);
	/* Nobody of that number. */
	assert_int_equal(number(ask(fd, "login 77\n"), "login "), H_NOTFOUND);
	close(fd);
}

static void
test_account_killed(void **unused)
{
	int fd = connected(port[0]);
	long first, second;

	(void)unused;
	assert_string_equal(ask(fd, "login 2\n"), "login 0");
	first = number(line(fd), "account 2 ");
	kill((pid_t)first, SIGKILL);
	assert_true(ends_within((pid_t)first, PATIENCE_MS));
	assert_string_equal(ask(fd, "login 2\n"), "login 0");
	second = number(line(fd), "account 2 ");
	assert_true(second > 0 && second != first);
	close(fd);
}

/* An account that cannot be opened is refused, and nobody else waits for it. */
static void
test_sick_account(void **unused)
{
	int fd = connected(port[0]);
	char sick[32];
	int64_t begun;

	(void)unused;
	snprintf(sick, sizeof(sick), "login %d\n", DUMMY_SICK_ACCOUNT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(number(ask(fd, sick), "login "), H_BUSY);
	begun = clock_mono_ms();
	assert_string_equal(ask(fd, "login 3\n"), "login 0");
	assert_true(number(line(fd), "account 3 ") > 0);
	assert_true(clock_mono_ms() - begun < 1000);
	close(fd);
}

/* What is not in the table ends the role that says it. */
static void
test_misbehaviour(void **unused)
{
	/* (few: each death delays the next start) */
	static const char *said[] = { "peer 2\n" /* deliver */, "peer 99\n",
		"verb 48\n", "verb 40\n", "verb 999\n" };

	(void)unused;
	assert_int_equal(IPC_LOGIN, 48);
	assert_int_equal(IPC_SESSION_TAKEN, 40);
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		int fd = connected(port[0]);
		long pid = number(ask(fd, "pid\n"), "");
		const char *answer = ask(fd, said[i]);

		/* It may notice that the parent has hung up before it is
		 * killed. */
		assert_true(
		    strcmp(answer, "") == 0 || strcmp(answer, "ends") == 0);
		assert_true(ends_within((pid_t)pid, PATIENCE_MS));
		close(fd);
	}
}

static void
test_allowed_peer(void **unused)
{
	int fd = connected(port[0]);

	(void)unused;
	assert_string_equal(ask(fd, "peer 1\n"), "peer 0");
	close(fd);
}

static void
test_directory_replaced(void **unused)
{
	char path[PATH_ROOM + 32];
	int fd = connected(port[0]);
	long first = number(ask(fd, "auth\n"), "auth "), second;

	(void)unused;
	assert_int_equal(number(ask(fd, "auth\n"), "auth "), first);
	snprintf(path, sizeof(path), "%s/published/directory", state);
	assert_int_equal(file_replace(path, SPAN("new"), 0600), H_OK);
	assert_true(ends_within((pid_t)first, 1000));
	/* The front may ask on the old channel before it hears of its end. */
	second = number(ask(fd, "auth\n"), "auth ");
	assert_true(second > 0 && second != first);
	close(fd);
}

static void
test_on_demand(void **unused)
{
	int fd = connected(port[1]);
	long first = number(ask(fd, "pid\n"), ""), second;

	(void)unused;
	assert_true(first > 0);
	assert_string_equal(ask(fd, "idle\n"), "ends");
	close(fd);
	assert_true(ends_within((pid_t)first, PATIENCE_MS));
	fd = connected(port[1]);
	second = number(ask(fd, "pid\n"), "");
	assert_true(second > 0 && second != first);
	kill((pid_t)second, SIGKILL);
	close(fd);
	fd = connected(port[1]);
	assert_true(number(ask(fd, "pid\n"), "") > 0);
	close(fd);
}

static void
test_reload(void **unused)
{
	int64_t begun = clock_mono_ms();
	const char *said;
	int fd = connected(port[0]);

	(void)unused;
	write_conf(1234);
	kill(parent, SIGHUP);
	do {
		assert_true(clock_mono_ms() - begun < PATIENCE_MS);
		said = ask(fd, "limits\n");
	} while (strcmp(said, "limits 0 0") == 0);
	assert_string_equal(said, "limits 1 1234");
	close(fd);
}

static void
test_status(void **unused)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	unsigned char packet[4096] = { 0 };
	char want[64];
	long pid = front_pid();
	ssize_t got;

	(void)unused;
	snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/control/imapd", state);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	put_le16(packet, CHANNEL_VERSION);
	put_le16(packet + 2, IPC_CTL_STATUS);
	put_le64(packet + 8, 5);
	assert_int_equal(send(fd, packet, 16, 0), 16);
	got = recv(fd, packet, sizeof(packet) - 1, 0);
	assert_true(got > 20);
	assert_int_equal(le16(packet + 2), IPC_CTL_STATUS_IS);
	assert_int_equal(le64(packet + 8), 5);
	packet[got] = '\0';
	snprintf(want, sizeof(want), "role front account 0 pid %ld ", pid);
	assert_non_null(strstr((char *)packet + 20, want));
	close(fd);
}

static void
test_only_one(void **unused)
{
	unsigned used[2] = { port[0], port[1] };
	struct buf log = BUF_INIT(1 << 20);
	char path[PATH_ROOM + 8];
	int status;

	(void)unused;
	port[0] = free_port(); /* it is not the port that stops it */
	port[1] = free_port();
	write_conf(10);
	status = status_of(start());
	memcpy(port, used, sizeof(port));
	write_conf(10);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	snprintf(path, sizeof(path), "%s/log", folder);
	assert_int_equal(file_read(path, &log), H_OK);
	buf_byte(&log, '\0');
	assert_non_null(strstr(log.ptr, "already runs"));
	buf_free(&log);
}

/* A killed parent takes its roles along, and the next finds all it needs. */
static void
test_parent_killed(void **unused)
{
	int fd = connected(port[0]);
	long pid = number(ask(fd, "pid\n"), ""), account;

	(void)unused;
	assert_string_equal(ask(fd, "login 1\n"), "login 0");
	account = number(line(fd), "account 1 ");
	kill(parent, SIGKILL);
	assert_true(ends_within((pid_t)pid, 1000));
	assert_true(ends_within((pid_t)account, 1000));
	close(fd);
	assert_true(WIFSIGNALED(status_of(parent)));
	parent = start();
	assert_true(front_pid() > 0);
}

static void
test_end(void **unused)
{
	int fd = connected(port[0]);
	long pid = number(ask(fd, "pid\n"), ""), account, auth;
	int64_t begun = clock_mono_ms();
	int status;

	(void)unused;
	assert_string_equal(ask(fd, "login 1\n"), "login 0");
	account = number(line(fd), "account 1 ");
	auth = number(ask(fd, "auth\n"), "auth ");
	kill(parent, SIGTERM);
	assert_string_equal(line(fd), "ends");
	/* To finish in, it is given who is there, and told at once who is not.
	 */
	assert_string_equal(ask(fd, "peer 1\n"), "peer 0");
	kill((pid_t)auth, SIGKILL);
	assert_true(ends_within((pid_t)auth, PATIENCE_MS));
	assert_int_equal(number(ask(fd, "peer 1\n"), "peer "), H_LIMIT);
	close(fd);
	status = status_of(parent);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(clock_mono_ms() - begun < 5000);
	assert_true(ends_within((pid_t)pid, 0));
	assert_true(ends_within((pid_t)account, 0));
	parent = 0;
}

/* ---- set up ---- */

static void
make(const char *name, bool is_folder)
{
	const struct passwd *pw = getpwnam("nobody");
	char path[PATH_ROOM + 64];

	snprintf(path, sizeof(path), "%s%s%s", state, *name ? "/" : "", name);
	if (is_folder)
		assert_int_equal(mkdir(path, 0700), 0);
	else
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (getuid() == 0 && pw != NULL)
		assert_int_equal(chown(path, pw->pw_uid, pw->pw_gid), 0);
}

static int
setup(void **unused)
{
	static const unsigned accounts[] = { 1, 2, 3, DUMMY_SICK_ACCOUNT };

	(void)unused;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return -1;
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(conf, sizeof(conf), "%s/conf", folder);
	make("", true);
	make("accounts", true);
	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		char name[64];

		snprintf(name, sizeof(name), "accounts/%016x", accounts[i]);
		make(name, true);
		snprintf(
		    name, sizeof(name), "accounts/%016x/data.mdb", accounts[i]);
		make(name, false);
	}
	port[0] = free_port();
	port[1] = free_port();
	write_conf(10);
	parent = start();
	return 0;
}

static int
teardown(void **unused)
{
	static char rm[] = "rm", rf[] = "-rf";
	char *argv[] = { rm, rf, folder, NULL };
	pid_t pid;

	(void)unused;
	if (parent > 0) {
		kill(parent, SIGKILL);
		waitpid(parent, NULL, 0);
	}
	if ((pid = fork()) == 0) {
		execv("/bin/rm", argv);
		_exit(127);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_account_killed),
		cmocka_unit_test(test_sick_account),
		cmocka_unit_test(test_allowed_peer),
		cmocka_unit_test(test_directory_replaced),
		cmocka_unit_test(test_on_demand),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_only_one),
		cmocka_unit_test(test_parent_killed),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_misbehaviour),
		cmocka_unit_test(test_end),
	};

	dummy_main(argc, argv);
	return cmocka_run_group_tests(tests, setup, teardown);
}
