/*
 * An account of its own for each test of a program: made before it, verified
 * and removed behind it.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "tests/unit/store_help.h"

static char folder[] = "/tmp/hearth-store-XXXXXX";
static char path[64];
static struct store *st;
static uint32_t inbox __attribute__((unused));

static int
setup(void **state)
{
	(void)state;
	help_remove(path);
	if (store_create(path, 42) != H_OK || store_open(&st, path) != H_OK)
		return -1;
	inbox = help_mailbox(st, "INBOX");
	return 0;
}

static void
fault(void *arg, const char *text)
{
	(void)arg;
	print_error("verify: %s\n", text);
}

static int
teardown(void **state)
{
	enum herr err = H_OK;
	uint64_t faults = st == NULL ? 0 : store_verify(st, fault, NULL, &err);

	(void)state;
	store_close(&st);
	help_remove(path);
	return faults == 0 && err == H_OK ? 0 : -1;
}

static bool
world_begin(void)
{
	if (mkdtemp(folder) == NULL)
		return false;
	snprintf(path, sizeof path, "%s/account", folder);
	return true;
}

static int
world_end(int failed)
{
	rmdir(folder);
	return failed;
}

/* All of a program's tests: what main() returns. */
#define WORLD_RUN(tests)                                                       \
	(world_begin()                                                         \
		? world_end(cmocka_run_group_tests(tests, NULL, NULL))         \
		: 1)

#endif
