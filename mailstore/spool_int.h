/*
 * The queue's environment from the inside, for spool*.c only.  The rows are
 * drawn in mailstore/README.
 */
#ifndef MAILSTORE_SPOOL_INT_H
#define MAILSTORE_SPOOL_INT_H

#include "mailstore/spool.h"
#include "mailstore/store_body.h"
#include "mailstore/store_db.h"

enum spool_tree {
	SPOOL_BODY = 1,	 /* blocks of messages and their records */
	SPOOL_ENTRY,	 /* id -> what is the same for all recipients */
	SPOOL_RECIPIENT, /* id, number -> one recipient */
	SPOOL_KNOWN,	 /* enqueue id -> id: what was taken in the last 30 days */
	SPOOL_UPLOAD,	 /* body id -> when: bytes on disk that belong to no entry yet */
};

/* No key is smaller, and none is empty. */
#define SPOOL_FIRST_KEY SPAN("\0")

struct spool_txn {
	struct spool *spool;
	struct db_txn *db;
	uint64_t next_entry, next_body; /* ids; written back if they changed */
	bool ids_changed;
};

struct spool {
	struct db *db;
	struct body_reader reader;
	struct spool_txn txn;
	int64_t tidied_ms; /* monotonic */
	uint64_t *left;	   /* uploads whose blobs are gone */
	size_t nleft, left_room;
};

struct spool_blob {
	struct spool *spool;
	struct body *body;
	uint64_t id; /* of what is on disk; 0: all in memory */
	enum herr err;
};

/* The row of an entry; strings are lent. */
struct spool_head {
	struct span enqueue_id, trace, reverse_path;
	int64_t arrived, internaldate;
	uint64_t login, size;
	uint64_t body, total; /* id of its bytes; their number, with the record */
	uint8_t digest[BODY_DIGEST_LEN];
	uint32_t nrecipients;
};
bool spool_read_head(struct span row, struct spool_head *) MUST_USE;
bool spool_get_head(struct spool_txn *, uint64_t id, struct spool_head *); /* false: there is none, or the transaction failed */
/* Keys: an id, or an id and a number. */
struct spool_key {
	char bytes[12];
};
struct span spool_key(struct spool_key *, uint64_t id);
struct span spool_key_of(struct spool_key *, uint64_t id, uint32_t number);
bool spool_read_recipient(struct span row, struct spool_recipient *) MUST_USE; /* strings owned: spool_recipient_release() */
void spool_recipient_release(struct spool_recipient *);
bool spool_upload_is_there(struct spool_txn *, uint64_t body);
void spool_forget_old(struct spool_txn *); /* a few of what was known 30 days ago */

#endif
