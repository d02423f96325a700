/*
 * The queue's environment: messages for several accounts or the outside, each
 * with its envelope and the state of every recipient.  Opened by the queue role
 * alone.  Transactions behave as in store.h; the bytes of a message are opaque
 * and are stored in the same way as mail.
 */
#ifndef MAILSTORE_SPOOL_H
#define MAILSTORE_SPOOL_H

#include "common/buf.h"

struct spool;

enum herr spool_open(struct spool **, const char *folder) MUST_USE; /* makes it if it is missing; durable on return */
void spool_close(struct spool **);
/* As store_copy_to() and store_open_copy(). */
enum herr spool_copy_to(struct spool *, int fd) MUST_USE;
enum herr spool_open_copy(struct spool **, const char *file) MUST_USE;

enum spool_state { SPOOL_WAITING = 1, SPOOL_DONE, SPOOL_FAILED, SPOOL_HELD };

struct spool_recipient {
	uint64_t account; /* 0: outside */
	char *address;
	char *prefix;	  /* header fields that go in front for this one */
	uint8_t delivery_id[16]; /* of its delivery: the same in every try */
	enum spool_state state;
	uint32_t tries;
	int64_t next_try; /* wall clock, seconds */
	char *answer;	  /* of the last try, "" before it */
};

struct spool_entry {
	uint64_t id;		 /* sorts by arrival */
	uint8_t enqueue_id[16];	 /* the receiver's delivery id: idempotent */
	int64_t arrived;	 /* wall clock, seconds */
	int64_t internaldate;
	uint64_t login;		 /* account that submitted it; 0: from outside */
	uint64_t size;
	char *trace;
	char *reverse_path;
	struct spool_recipient *recipients;
	size_t nrecipients;
};
void spool_entry_release(struct spool_entry *);

/* One transaction: several entries may be added, and are durable together at spool_commit(). */
struct spool_txn;
struct spool_blob;
struct spool_blob *spool_blob_new(struct spool *);
enum herr spool_blob_write(struct spool_blob *, struct span); /* the message, then its record */
void spool_blob_free(struct spool_blob **);
/* Between transactions: deletes what blobs that are freed put on disk and no entry was made of. */
void spool_tidy(struct spool *);

struct spool_txn *spool_begin(struct spool *, bool write);
enum herr spool_commit(struct spool_txn **) MUST_USE;
void spool_abort(struct spool_txn **);
enum herr spool_add(struct spool_txn *, struct spool_blob *, struct spool_entry *) MUST_USE; /* sets id; H_EXISTS (and the old id) if enqueue_id is known; H_FULL */
enum herr spool_get(struct spool_txn *, uint64_t id, struct spool_entry *) MUST_USE;
enum herr spool_update(struct spool_txn *, const struct spool_entry *) MUST_USE; /* recipients' states */
enum herr spool_remove(struct spool_txn *, uint64_t id) MUST_USE;
bool spool_next(struct spool_txn *, uint64_t *id); /* the smallest id > *id */
/* After a copy was put in its place: what waits for the outside may long have gone out, and is on hold until somebody says otherwise. */
enum herr spool_hold_outside(struct spool *, uint64_t *held) MUST_USE;
/* Bytes [offset, ...) of message and record, lent until the next call; empty at the end. */
struct span spool_bytes(struct spool_txn *, uint64_t id, uint64_t offset);
bool spool_known(struct spool_txn *, const uint8_t enqueue_id[16], uint64_t *id);

/* The answer to IPC_CTL_QUEUE (enum queue_verb in common/ipc.h), the same from the queue role and from the tool when no daemon runs; at most `out`'s limit (CHANNEL_PAYLOAD_MAX - 64 is right). */
void spool_report(struct spool_txn *, uint8_t verb, uint64_t id, struct buf *out);

/* Reads everything: digests, rows, what belongs to what.  `found` is called for each fault; returns their number. */
uint64_t spool_verify(struct spool *, void (*found)(void *arg, const char *fault), void *arg);

#endif
