/* Names of errors, memory, clocks. */
#include "common/base.h"

#include "common/clock.h"
#include "common/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_names(void **state)
{
	(void)state;
	for (int i = H_OK; i <= H_IO; i++)
		for (int j = H_OK; j < i; j++)
			assert_string_not_equal(
			    herr_text((enum herr)i), herr_text((enum herr)j));
	assert_string_equal(herr_text(H_NOTFOUND), "not found");
	assert_string_equal(herr_text((enum herr)(H_IO + 1)), "unknown error");
}

static void
test_spans(void **state)
{
	struct span s = SPAN("a\0b");

	(void)state;
	assert_int_equal(s.len, 3);
	assert_int_equal(span_of("abc").len, 3);
	assert_int_equal(NO_SPAN.len, 0);
	assert_null(NO_SPAN.ptr);
}

static void
test_memory(void **state)
{
	char *p = mem_array(100, 3), *text, *nothing = mem_alloc(0);

	(void)state;
	assert_non_null(nothing);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	p[299] = 'x';
	p = mem_resize(p, 1000, 2);
	assert_int_equal(p[299], 'x');
	mem_wipe(p, 2000);
	assert_int_equal(p[299], 0);
	text = mem_string(SPAN("a\0b"));
	assert_memory_equal(text, "a\0b", 4);
	mem_free(&text);
	assert_null(text);
	mem_free(&text);
	text = mem_string(NO_SPAN);
	assert_string_equal(text, "");
	mem_free(&text);
	mem_free(&p);
	mem_free(&nothing);
}

/* Runs it in a child with standard error in a pipe; gives the wait status. */
static int
in_child(void (*run)(void), char *said, size_t room)
{
	int ends[2], status;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		run();
		_exit(0);
	}
	close(ends[1]);
	got = read(ends[0], said, room - 1);
	said[got > 0 ? got : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
overflow(void)
{
	void *p = mem_resize(NULL, SIZE_MAX / 2, 3);

	mem_free(&p);
}

static void
panic(void)
{
	panic_at("some/file.c", 12, "it had to come");
}

static void
panic_at_length(void)
{
	char why[2000];

	memset(why, 'y', sizeof(why));
	why[sizeof(why) - 1] = '\0';
	panic_at("some/file.c", 12, why);
}

static void
test_ends(void **state)
{
	char said[4096];
	int status;

	(void)state;
	status = in_child(overflow, said, sizeof(said));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	assert_string_equal(said, "<2>event=out-of-memory\n");
	status = in_child(panic, said, sizeof(said));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_string_equal(
	    said, "<2>event=panic at=some/file.c:12 why=\"it had to come\"\n");
	status = in_child(panic_at_length, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(strlen(said), 511);
	assert_int_equal(said[510], '\n');
}

static void
test_clocks(void **state)
{
	int64_t before = clock_mono_ms(), wall = clock_wall_ms();

	(void)state;
	assert_true(clock_mono_ms() >= before);
	assert_true(wall > INT64_C(1700000000000));
	assert_true(clock_wall() >= wall / 1000);
	assert_true(clock_wall() <= wall / 1000 + 60);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
