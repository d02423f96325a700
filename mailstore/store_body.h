/*
 * The bytes of messages, as rows of one tree.
 *
 * A message is cut into blocks of BODY_BLOCK bytes.  Each is compressed by lz4,
 * kept as it is where that is not smaller, and put down as one run of whole
 * pages (if it is large) and small rows for the rest, which share pages:
 *
 *	key	u64 message, u32 block * 16 + piece		(big endian)
 *	value	of piece 0: u8 codec, u8 pieces, u16 bytes of input; then stored
 *		bytes; of the others: stored bytes
 *
 * so that neither a page stands half empty behind a block, nor a row needs a
 * search for a long run of free pages.
 */
#ifndef MAILSTORE_STORE_BODY_H
#define MAILSTORE_STORE_BODY_H

#include "common/buf.h"
#include "mailstore/store_db.h"

enum {
	BODY_HEAD = 4, /* in front of a block's stored bytes */
	/* Four pages exactly, when nothing can be gained by compressing. */
	BODY_BLOCK = 4 * DB_PAGE - DB_PAGE_HEAD - DB_CHECK - BODY_HEAD,
	BODY_PIECE = 1024 * 1024, /* of stored bytes in memory */
	BODY_KEY_LEN = 12,
	BODY_DIGEST_LEN = 16, /* XXH3-128 of the message, canonical (big endian) */
};
/* No message is longer: the key's block number ends there. */
#define BODY_MAX ((UINT64_C(1) << 28) * BODY_BLOCK)

/* ---- writing ---- */

struct body; /* a message on its way in; small ones take little memory */

struct body *body_new(void);
void body_free(struct body **);
void body_write(struct body *, struct span); /* at most BODY_MAX in all: the caller's to see to */
uint64_t body_size(const struct body *);
/*
 * The same for bytes of any number, H_LIMIT if they are more than a message may have.  As often as about BODY_PIECE stored bytes are held in
 * memory, `put` is called: it puts them on disk, and what it returns ends the writing unless it is H_OK.
 */
enum herr body_feed(struct body *, struct span, enum herr (*put)(void *arg), void *arg) MUST_USE;
/* The last block is made, the digest is known; nothing more can be written.  Harmless if repeated. */
void body_end(struct body *);
const uint8_t *body_digest(const struct body *); /* after body_end() */
/* About how many bytes putting down what is held takes on disk. */
uint64_t body_need(const struct body *);
/* Puts the blocks held under that id, which may be repeated (in another transaction).  `last`: no id in the tree is larger. */
void body_put(struct body *, struct db_txn *, unsigned tree, uint64_t id, bool last);
/* Forgets the blocks held: they are on disk, and more are to come. */
void body_forget(struct body *);

/* ---- reading ---- */

/* Where a block is unpacked; zeroed at first, freed by body_reader_free(). */
struct body_reader {
	char *packed, *plain;
	uint64_t id, block; /* what `plain` holds, if good */
	size_t len;
	bool good;
};
void body_reader_free(struct body_reader *);
/* A reader outlives transactions, what it holds does not: ids may be used anew after an abort. */
void body_reader_forget(struct body_reader *);

/*
 * Bytes from `offset` to the end of the block they lie in, lent until the next
 * call; false if there is no such row (which at offset 0 or at the end of the
 * message is no failure) or the transaction failed.
 */
bool body_get(struct db_txn *, unsigned tree, uint64_t id, uint64_t offset,
    struct body_reader *, struct span *);
/* The beginning: `want` bytes or more, fewer only if the block ends there.  Costs less than body_get(). */
bool body_head(struct db_txn *, unsigned tree, uint64_t id, size_t want, struct body_reader *, struct span *);
/*
 * Copies rows of a message as they are, to another environment and under another
 * id, at most about `most` bytes of them; true if some are left.  *at: 0 at
 * first.  `copied` gets the bytes added.
 */
bool body_copy(struct db_txn *from, uint64_t id, struct db_txn *to, uint64_t as, unsigned tree, uint32_t *at, uint64_t most, uint64_t *copied);
/* Deletes rows of this message, at most about `most` bytes of them; true if some are left.  `deleted` gets the bytes added. */
bool body_delete(struct db_txn *, unsigned tree, uint64_t id, uint64_t most, uint64_t *deleted);

/* ---- rows, for who has them from elsewhere ---- */

void body_key(uint8_t key[BODY_KEY_LEN], uint64_t id, uint64_t block, unsigned piece);
/* Pieces of a block, put together, to what was written.  (Their number is the second byte of the first.) */
bool body_unpack(struct span stored, struct body_reader *, struct span *plain);

#endif
