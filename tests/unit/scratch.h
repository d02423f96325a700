/* A folder for one test, removed with all that is in it. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static inline char *
scratch_folder(void)
{
	char path[] = "/tmp/hearth-unit-XXXXXX";

	if (mkdtemp(path) == NULL)
		abort();
	return strdup(path);
}

static inline int
scratch_remove_one(
    const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void
scratch_remove(char **path)
{
	if (nftw(*path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		perror(*path);
	free(*path);
	*path = NULL;
}

#endif
