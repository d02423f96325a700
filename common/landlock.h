/*
 * Landlock, through system calls: the C library of Debian 12 has no wrappers.
 * Kernels that lack it (or were started without it) answer ABI 0; then seccomp
 * is all there is, and the parent says so once in its log.
 */
#ifndef COMMON_LANDLOCK_H
#define COMMON_LANDLOCK_H

#include "common/base.h"

int landlock_abi(void); /* 0: none */
/* From now on this thread, and those it makes, open no file, bind and connect no TCP port, and reach no abstract socket and no process outside.  H_NOTFOUND without Landlock. */
enum herr landlock_deny_all(void) MUST_USE;
/* From now on these programs (descriptors, O_PATH will do) can be executed, and the loader that starts them, and nothing else.  H_NOTFOUND without Landlock. */
enum herr landlock_run_only(const int *programs, size_t n) MUST_USE;

#endif
