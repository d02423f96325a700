/* Counting failed logins: limits by address and net, windows, delays, sharing,
 * crashes. */
#include "mailstore/auth_throttle.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "mailstore/auth_table.h"

static char folder[] = "/tmp/hearth-throttle-XXXXXX";
static char path[sizeof(folder) + 16];

static int
setup(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static struct auth_throttle *
opened(void)
{
	struct auth_throttle *t = NULL;

	assert_int_equal(auth_throttle_open(&t, path), H_OK);
	return t;
}

static struct auth_throttle_peer
peer(struct auth_throttle *t, const char *address)
{
	struct auth_throttle_peer p;

	auth_throttle_peer(t, address, &p);
	return p;
}

/* How many of `n` different guesses are let through. */
static unsigned
guess(struct auth_throttle *t, const char *address, unsigned n, int64_t now)
{
	struct auth_throttle_peer p = peer(t, address);
	static uint32_t next = 1;
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		bool blocked = auth_throttle_blocked(t, &p, now);
		bool taken = auth_throttle_take(t, &p, now);

		assert_int_equal(blocked, !taken);
		if (taken) {
			passed++;
			auth_throttle_failed(t, &p, next++, now);
		}
	}
	return passed;
}

enum { MINUTE = 60, DAY = 24 * 60 * 60 };

static void
test_limits(void **state)
{
	struct auth_throttle *t = opened();
	int64_t now = (int64_t)20000 * DAY;
	unsigned passed = 0;

	(void)state;
	assert_int_equal(guess(t, "192.0.2.7", 30, now), 10);
	assert_int_equal(guess(t, "192.0.2.7", 30, now + 59), 0);
	assert_int_equal(guess(t, "192.0.2.8", 1, now), 1);
	for (int i = 1; i < 100; i++)
		passed += guess(t, "192.0.2.7", 10, now + i * MINUTE);
	assert_int_equal(passed, 40);
	assert_int_equal(guess(t, "192.0.2.7", 1, now + DAY), 1);
	auth_throttle_close(&t);
}

/* Many addresses of one net are three, or nine, not many. */
static void
test_nets(void **state)
{
	static const struct {
		const char *before, *after;
		bool hex;
		unsigned most;
	} cases[] = {
		{ "192.0.2.", "", false, 30 },
		{ "198.18.", ".1", false, 90 },
		{ "2001:db8:1:", "::1", true, 30 },
		{ "2001:db8:", "::1", true, 90 },
		{ "2001:db8:77:7::", "", true, 10 },
	};
	struct auth_throttle *t = opened();
	int64_t now = (int64_t)30000 * DAY;
	char address[64], number[8];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned passed = 0;

		/* Each on a day of its own. */
		now += DAY;
		for (unsigned n = 1; n < 250; n++) {
			if (cases[i].hex)
				snprintf(number, sizeof(number), "%x", n);
			else
				snprintf(number, sizeof(number), "%u", n);
			snprintf(address, sizeof(address), "%s%s%s",
			    cases[i].before, number, cases[i].after);
			passed += guess(t, address, 10, now);
		}
		assert_int_equal(passed, cases[i].most);
	}
	auth_throttle_close(&t);
}

static void
test_delays(void **state)
{
	static const int64_t expected[] = { 2000, 4000, 8000, 15000, 15000 };
	struct auth_throttle *t = opened();
	struct auth_throttle_peer p = peer(t, "2001:db8::1");
	int64_t now = (int64_t)40000 * DAY;

	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(expected); i++) {
		assert_true(auth_throttle_take(t, &p, now));
		assert_int_equal(
		    auth_throttle_failed(t, &p, i + 1, now), expected[i]);
	}
	/* Ten quiet minutes. */
	now += 10 * MINUTE;
	assert_true(auth_throttle_take(t, &p, now));
	assert_int_equal(auth_throttle_failed(t, &p, 99, now), 2000);
	auth_throttle_close(&t);
}

/* A right password, or one never tried, is no failure. */
static void
test_give_back(void **state)
{
	struct auth_throttle *t = opened();
	struct auth_throttle_peer p = peer(t, "192.0.2.9");
	int64_t now = (int64_t)50000 * DAY;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(auth_throttle_take(t, &p, now));
		auth_throttle_give_back(t, &p, now);
	}
	assert_int_equal(guess(t, "192.0.2.9", 20, now), 10);
	/* Given back when the minute is over: nothing of the new one. */
	auth_throttle_give_back(t, &p, now + MINUTE);
	assert_int_equal(guess(t, "192.0.2.9", 20, now + MINUTE), 10);
	auth_throttle_close(&t);
}

/* A telephone with an old password tries all day, and its household still logs
 * in. */
static void
test_same_guess(void **state)
{
	struct auth_throttle *t = opened();
	struct auth_throttle_peer p = peer(t, "192.0.2.10");
	int64_t now = (int64_t)60000 * DAY;

	(void)state;
	for (int i = 0; i < 280; i++) {
		now += 5 * MINUTE;
		assert_true(auth_throttle_take(t, &p, now));
		auth_throttle_failed(t, &p, 7 + (uint32_t)(i % 2), now);
	}
	assert_int_equal(guess(t, "192.0.2.10", 10, now + MINUTE), 10);
	/* But not faster than others. */
	now += DAY;
	for (int i = 0; i < 10; i++) {
		assert_true(auth_throttle_take(t, &p, now));
		auth_throttle_failed(t, &p, 7, now);
	}
	assert_false(auth_throttle_take(t, &p, now));
	auth_throttle_close(&t);
}

/* Three processes count in the same file at the same time: none is lost. */
static void
test_shared(void **state)
{
	struct auth_throttle *t = opened();
	struct auth_throttle_peer p = peer(t, "192.0.2.11");
	int64_t now = (int64_t)21000 * DAY;
	pid_t child[3];
	int status;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(child); i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			struct auth_throttle *own = NULL;
			int taken = 0;

			if (auth_throttle_open(&own, path) != H_OK)
				_exit(100);
			for (int n = 0; n < 10000; n++) {
				if (auth_throttle_take(own, &p, now))
					auth_throttle_give_back(own, &p, now);
			}
			for (uint32_t n = 1; n <= 10; n++)
				if (auth_throttle_take(own, &p, now)) {
					auth_throttle_failed(own, &p, n, now);
					taken++;
				}
			_exit(taken);
		}
	}
	int taken = 0;
	for (size_t i = 0; i < COUNT_OF(child); i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		taken += WEXITSTATUS(status);
	}
	assert_int_equal(taken, 10);
	assert_true(auth_throttle_blocked(t, &p, now));
	auth_throttle_close(&t);
}

/* A process that takes `n` tries and waits to be killed; its pipe has been read
 * when it took them. */
static pid_t
trying(unsigned n, const char *address, int64_t now)
{
	char ready = 0;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct auth_throttle *own = NULL;
		struct auth_throttle_peer p;
		bool all = auth_throttle_open(&own, path) == H_OK;

		p = peer(own, address);
		for (unsigned i = 0; i < n; i++)
			all = auth_throttle_take(own, &p, now) && all;
		if (!all || write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	close(ends[0]);
	return pid;
}

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What a process was trying when it was killed is nobody's failure; what one
 * that lives is trying counts, and so does what had failed. */
static void
test_killed(void **state)
{
	int64_t now = (int64_t)24000 * DAY;
	struct auth_throttle *t;
	pid_t dead, alive;

	(void)state;
	dead = trying(7, "192.0.2.14", now);
	alive = trying(3, "192.0.2.14", now);
	t = opened();
	assert_int_equal(guess(t, "192.0.2.14", 1, now), 0);
	auth_throttle_close(&t);
	end(dead);
	t = opened();
	assert_int_equal(guess(t, "192.0.2.14", 20, now), 7);
	auth_throttle_close(&t);
	end(alive);
	t = opened();
	assert_int_equal(guess(t, "192.0.2.14", 20, now), 3);
	assert_int_equal(guess(t, "192.0.2.15", 40, now), 10);
	assert_int_equal(guess(t, "192.0.2.16", 40, now), 10);
	assert_int_equal(guess(t, "192.0.2.17", 40, now), 0);
	auth_throttle_close(&t);
}

/* More processes and more tries than there are places for: those without one
 * count as ever. */
static void
test_no_place(void **state)
{
	struct auth_throttle *t[AUTH_TABLE_PROCESSES + 1], *more;
	struct auth_throttle_peer p;
	int64_t now = (int64_t)25000 * DAY;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(t); i++)
		t[i] = opened();
	more = t[AUTH_TABLE_PROCESSES];
	assert_int_equal(guess(more, "192.0.2.18", 20, now), 10);
	for (unsigned i = 0; i <= AUTH_TABLE_TRIES; i++) {
		char address[64];

		snprintf(address, sizeof(address), "198.51.%u.1", i);
		p = peer(t[0], address);
		assert_true(auth_throttle_take(t[0], &p, now));
	}
	auth_throttle_give_back(t[0], &p, now);
	for (size_t i = 0; i < COUNT_OF(t); i++)
		auth_throttle_close(&t[i]);
}

/* What is there counts on after a restart; what is no table is made anew. */
static void
test_file(void **state)
{
	static const char *const bad[] = { "", "short", NULL };
	struct auth_throttle *t = opened();
	int64_t now = (int64_t)22000 * DAY;
	struct stat st;

	(void)state;
	assert_int_equal(guess(t, "192.0.2.12", 20, now), 10);
	auth_throttle_close(&t);
	t = opened();
	assert_int_equal(guess(t, "192.0.2.12", 20, now), 0);
	auth_throttle_close(&t);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int fd = open(path, O_WRONLY | (bad[i] != NULL ? O_TRUNC : 0));

		/* Of the right size, but with another head. */
		if (bad[i] == NULL)
			assert_int_equal(pwrite(fd, "other", 5, 0), 5);
		else
			assert_int_equal(write(fd, bad[i], strlen(bad[i])),
			    (ssize_t)strlen(bad[i]));
		close(fd);
		t = opened();
		assert_int_equal(guess(t, "192.0.2.12", 20, now), 10);
		auth_throttle_close(&t);
	}
}

/* So many addresses that they displace each other: never a crash, and the
 * busiest stays. */
static void
test_crowd(void **state)
{
	struct auth_throttle *t = opened();
	int64_t now = (int64_t)23000 * DAY;
	char address[64];

	(void)state;
	assert_int_equal(guess(t, "192.0.2.13", 20, now + 200), 10);
	for (unsigned i = 0; i < 50000; i++) {
		snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16,
		    i >> 8 & 255, i & 255);
		guess(t, address, 1, now);
	}
	assert_int_equal(guess(t, "192.0.2.13", 20, now + 200), 0);
	assert_int_equal(guess(t, "no address", 20, now), 10);
	auth_throttle_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_nets, setup),
		cmocka_unit_test_setup(test_delays, setup),
		cmocka_unit_test_setup(test_give_back, setup),
		cmocka_unit_test_setup(test_same_guess, setup),
		cmocka_unit_test_setup(test_shared, setup),
		cmocka_unit_test_setup(test_killed, setup),
		cmocka_unit_test_setup(test_no_place, setup),
		cmocka_unit_test_setup(test_file, setup),
		cmocka_unit_test_setup(test_crowd, setup),
	};
	int failed;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/throttle", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return failed;
}
