/*
 * Between the store and the kernel: every write-class system call on files of
 * one folder is counted, and can be made to fail, to end the process, or to be
 * recorded.  The program links these functions under the C library's names, so
 * that LMDB calls them too.
 *
 * What is asked for comes by the environment:
 *	CRASH_MODE	eio, enospc, short: the call number CRASH_AT fails so
 *			full: it and every later one of mail's growth fails with ENOSPC
 *			kill: the process ends just before it; late: just after it
 *			record: all of them go to CRASH_LOG
 *	CRASH_FLAGS	LMDB flags to add when an environment is opened
 *	CRASH_PAGE	what the kernel's page size is said to be
 */
#ifndef TESTS_CRASH_INJECT_H
#define TESTS_CRASH_INJECT_H

#include "common/base.h"

/* From now on, for files whose path begins with this. */
void inject_arm(const char *folder);
void inject_disarm(void);
/* How many calls there were; whether the one asked for was among them. */
unsigned long inject_calls(void);
bool inject_hit(void);
/* In a recording: what was done so far was acknowledged. */
void inject_acknowledged(void);

/* A recording is a list of these, each followed by `len` bytes. */
enum { RECORD_WRITE = 1, RECORD_DURABLE = 2 /* a write that was flushed when it returned */, RECORD_FLUSH = 3, RECORD_ACK = 4 };
struct inject_record {
	uint32_t type, len;
	uint64_t offset;
};

#endif
