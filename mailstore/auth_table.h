/*
 * The file behind the throttle: made, mapped, damaged ones replaced.  Every
 * field is one atomic word with its own window in it, so no locks are needed
 * for counting, and nothing has to be cleaned up after a crash but the tries
 * that a dead process had taken (auth_throttle.c).  A slot that is taken over
 * while another process counts in it may lose that one count.
 *
 * The words are kept by processes that trust each other as little as any two
 * roles: whatever stands there can make logins slower or faster, no more.
 *
 * Layout, in the machine's own byte order (it never leaves the machine):
 * mailstore/README, "The throttle".
 */
#ifndef MAILSTORE_AUTH_TABLE_H
#define MAILSTORE_AUTH_TABLE_H

#include <stdatomic.h>

#include "common/base.h"
#include "mailstore/password.h"

enum {
	AUTH_TABLE_SLOTS = 8192,
	AUTH_TABLE_BUCKET = 8,
	AUTH_TABLE_LEVELS = 3,
	AUTH_TABLE_PROCESSES = 16,
	AUTH_TABLE_TRIES = 32, /* of one process, under way at once */
};

/* What an address or a net around it has done. */
struct auth_slot {
	_Atomic uint64_t tag, minute, day, streak, guesses;
};

/* A password being tried: where it was counted, and when.  tag[0] 0: free;
 * `when` 0: nothing is counted yet. */
struct auth_try {
	_Atomic uint64_t tag[AUTH_TABLE_LEVELS], when;
};

struct auth_process {
	struct auth_try try[AUTH_TABLE_TRIES];
};

struct auth_table_head {
	uint64_t magic, slots;
	uint8_t key[PASSWORD_DIGEST_LEN];
	uint8_t unused[16];
};

struct auth_table {
	struct auth_table_head head;
	struct auth_slot slot[AUTH_TABLE_SLOTS];
	struct auth_process process[AUTH_TABLE_PROCESSES];
};

/* The file, mapped; made where there is none.  *fd is the caller's to close. */
enum herr auth_table_map(struct auth_table **, int *fd, const char *path) MUST_USE;
void auth_table_unmap(struct auth_table **);

#endif
