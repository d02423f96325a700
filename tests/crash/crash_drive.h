/* The writer of a play, and who looks after it. */
#ifndef TESTS_CRASH_DRIVE_H
#define TESTS_CRASH_DRIVE_H

#include "common/base.h"

/* How the writer ends. */
enum {
	DRIVE_DONE = 0,
	DRIVE_NOT_HIT = 20, /* the call that was to fail was never made */
	DRIVE_UNKNOWN = 21, /* it could not find out what holds */
	DRIVE_REFUSED = 22, /* a full disk kept it from what it must allow */
	DRIVE_BROKEN = 23,
	DRIVE_RESTART = 75, /* the store ended it */
};

int crash_drive(const char *folder, const char *ledger, uint64_t seed,
    unsigned steps, bool early);

/* Does the store hold what the ledger says, all of it, once?  NULL, or what differs.  The process ends soon after. */
const char *crash_check(const char *folder, struct span ledger, uint64_t seed);

#endif
