/*
 * A whole message with its record on the way from one process to another: in
 * memory while it is small, then in sealed memory, then in an unlinked file
 * that the parent gave.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include "common/buf.h"

enum { CONTENT_MEMORY_MAX = 1024 * 1024 }; /* more belongs into a file */

struct content {
	struct buf bytes;  /* of the message, as far as they are in memory */
	struct buf record; /* filled in by the owner before content_seal() */
	int fd;		   /* -1: all is in memory */
	uint64_t size;	   /* of the message */
	size_t held;	   /* bytes counted as held in memory */
};

void content_init(struct content *);
void content_release(struct content *);

/* Bytes at the end of `bytes` were added by the owner: counts them, and puts them into the file if there is one. */
enum herr content_grew(struct content *, size_t len) MUST_USE;
/* All of it is in memory, and that is more than memory should hold. */
bool content_wants_file(const struct content *);
enum herr content_set_file(struct content *, int fd) MUST_USE; /* takes fd */
/* The message is complete and its record is there: if both do not fit a packet beside `others` bytes, they go into a descriptor. */
enum herr content_seal(struct content *, size_t others) MUST_USE;

/*
 * The other side: bytes [from, from + most) of such a descriptor, piece by
 * piece, as far as they are there; `got` says how many.  By pread(2), and
 * believing nothing: whoever sent it may still hold it.
 */
enum herr content_read(int fd, uint64_t from, uint64_t most, enum herr (*each)(void *arg, struct span piece), void *arg, uint64_t *got) MUST_USE;

/* What a packet holds: empty if it is in the descriptor. */
struct span content_inline_message(const struct content *);
struct span content_inline_record(const struct content *);

#endif
