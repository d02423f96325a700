/*
 * What a backup consists of, as a small text file that is written last:
 *
 *	hearth-backup 1
 *	version 0.1
 *	taken 1795000000
 *	file queue 45056 5f0c...
 *	file account-0000000000000001 2105344 9a11...
 *	account 1 42 1234 alice@example.org
 *	file directory 28672 77ab...
 *	end 03c9...
 *
 * "file": name, bytes, XXH3-128 of them.  "account": id, messages, the modseq of
 * its newest change, address.  "end": XXH3-128 of all before that line.
 */
#ifndef MAILSTORE_TOOL_MANIFEST_H
#define MAILSTORE_TOOL_MANIFEST_H

#include "common/buf.h"

enum { MANIFEST_DIGEST_LEN = 32 /* hexadecimal digits */, MANIFEST_MAX = 64 * 1024 * 1024 };

/* XXH3-128 of a file from its beginning; H_IO. */
enum herr manifest_digest(int fd, uint64_t *size, char digest[MANIFEST_DIGEST_LEN + 1]) MUST_USE;

void manifest_begin(struct buf *, int64_t taken);
void manifest_add_file(struct buf *, const char *name, uint64_t size, const char *digest);
void manifest_add_account(struct buf *, uint64_t id, uint64_t messages, uint64_t modseq, const char *address);
void manifest_end(struct buf *);

/* Is it whole, and of a version we know?  H_INVALID, H_VERSION. */
enum herr manifest_check(struct span text, int64_t *taken) MUST_USE;
/* What it says of a file; false: it does not name it. */
bool manifest_find(struct span text, const char *name, uint64_t *size, char digest[MANIFEST_DIGEST_LEN + 1]);
/* The next file after *at (0 at first); false at the end. */
bool manifest_next_file(struct span text, size_t *at, char name[64], uint64_t *size, char digest[MANIFEST_DIGEST_LEN + 1]);

#endif
