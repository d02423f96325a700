/*
 * Keys and rows of an account as bytes: the format on disk, all of it, but for
 * blocks (store_body.h).  mailstore/README draws it.
 *
 * Keys are big endian, so that they sort by value; rows are little endian.
 * Every decoder refuses rows of a wrong length.
 */
#ifndef MAILSTORE_STORE_KEY_H
#define MAILSTORE_STORE_KEY_H

#include "common/base.h"
#include "mailstore/store_body.h"
#include "mailstore/store_db.h"

enum { STORE_SCHEMA = 1 };

enum store_tree { TREE_MAIN = DB_MAIN, TREE_BODY, TREE_MESSAGE, TREE_MAILBOX, TREE_LOG, TREE_IMPORT };

struct key {
	unsigned char bytes[24];
	size_t len;
};

static inline struct span
key_span(const struct key *k)
{
	return (struct span){ (const char *)k->bytes, k->len };
}

/* ---- main tree: one row ---- */

struct account_row {
	uint16_t schema;
	uint64_t account;
	int64_t created;
	uint64_t next_message, next_uidl;
	uint64_t modseq;      /* of the newest change */
	uint64_t log_floor;   /* the log has all changes after this one */
	uint64_t log_bytes;
	uint64_t names_modseq; /* of the newest change of names, subscriptions, roles */
	uint32_t next_mailbox;
	uint32_t uidvalidity; /* the last given to a mailbox: only ever rises */
	uint32_t mailboxes;   /* that exist */
	uint32_t keywords;
	uint64_t quota, bytes, messages;
};
enum { ACCOUNT_ROW_LEN = 108 };
struct key key_account(void);
void account_put(unsigned char out[ACCOUNT_ROW_LEN], const struct account_row *);
/* The schema alone is read of rows that are not of ours. */
bool account_get(struct span, struct account_row *) MUST_USE;

/* ---- message tree: written once ---- */

enum {
	MESSAGE_HAS_DELIVERY_ID = 1, /* flag */
	DELIVERY_ID = 16,
};
struct message_row {
	bool has_delivery_id;
	uint64_t size;
	int64_t delivered; /* wall clock, seconds */
	uint8_t digest[BODY_DIGEST_LEN];
	uint8_t delivery_id[DELIVERY_ID];
	struct span record; /* lent */
};
enum { MESSAGE_HEAD_LEN = 52 }; /* the record follows */
struct key key_message(uint64_t message);
void message_put(unsigned char out[MESSAGE_HEAD_LEN], const struct message_row *);
bool message_get(struct span, struct message_row *) MUST_USE;

/* ---- mailbox tree ---- */

/*
 * Rows of a mailbox sort by UID: a block of index rows stands at its first UID,
 * a page of the UID set at its last, the state of the mailbox behind all.  So
 * the three that an arrival changes are neighbours in the tree.
 */
enum box_kind { BOX_INDEX = 'I', BOX_PAGE = 'P', BOX_STATE = 'S' };
struct key key_box(uint32_t mailbox, enum box_kind, uint32_t number);
bool key_is_box(struct span key, uint32_t mailbox, enum box_kind *, uint32_t *number);

struct box_row {
	uint32_t uidvalidity, uidnext;
	uint32_t messages, unseen, deleted;
	uint64_t highestmodseq;
	uint64_t set_modseq; /* of the newest arrival or expunge */
	uint64_t bytes;
	int64_t created;
};
enum { BOX_ROW_LEN = 52 };
void box_put(unsigned char out[BOX_ROW_LEN], const struct box_row *);
bool box_get(struct span, struct box_row *) MUST_USE;

enum { PAGE_UIDS = 2048, PAGE_WORDS = PAGE_UIDS / 64 };
enum page_set { SET_EXISTS, SET_SEEN, SET_DELETED, SETS };
struct page_row {
	uint64_t modseq; /* of the newest change of SET_EXISTS */
	uint16_t count[SETS];
	uint64_t bits[SETS][PAGE_WORDS]; /* bit n of word w: UID page * 2,048 + w * 64 + n */
};
enum { PAGE_ROW_LEN = 8 + 2 * SETS + 2 + SETS * PAGE_WORDS * 8 };
static inline uint32_t
page_of(uint32_t uid)
{
	return uid / PAGE_UIDS;
}
void page_put(unsigned char out[PAGE_ROW_LEN], const struct page_row *);
bool page_get(struct span, struct page_row *) MUST_USE;

/* Index rows stand together in blocks, by UID: as many as one page of the disk of its own can hold. */
struct index_row {
	uint32_t uid;
	uint64_t message, modseq, size, uidl;
	int64_t internaldate, saved;
	uint64_t keyword[2];
	uint8_t system;
};
enum { INDEX_ROW_LEN = 72, BLOCK_UIDS = 56, BLOCK_LEN = BLOCK_UIDS * INDEX_ROW_LEN };
static inline uint32_t
block_of(uint32_t uid)
{
	return uid / BLOCK_UIDS;
}
/* Whole rows, UIDs that rise and belong there. */
bool index_block_is_good(struct span, uint32_t number);
void index_put(char out[INDEX_ROW_LEN], const struct index_row *);
void index_get(const char in[INDEX_ROW_LEN], struct index_row *);

/* Rows of the account in the same tree, under mailbox 0. */
enum own_kind {
	OWN_DEAD = 'D',	   /* u64 time, u64 message: its bytes go then */
	OWN_DELIVERED = 'E', /* u64 time, u64 message: 16 bytes delivery id of one that is gone, known until then */
	OWN_KEYWORD = 'K', /* u64 number: name */
	OWN_NAME = 'N',	   /* u64 mailbox: u8 flags, u8 role, name */
	OWN_REFS = 'R',	   /* u64 message: u32 copies beyond the first */
	OWN_UPLOAD = 'U',  /* u64 message: i64 time of the newest piece */
};
struct key key_own(enum own_kind, uint64_t number);
struct key key_timed(enum own_kind, int64_t time, uint64_t message);
/* The first key after all of that kind. */
struct key key_own_end(enum own_kind);
bool key_is_own(struct span key, enum own_kind, uint64_t *number);
bool key_is_timed(struct span key, enum own_kind, int64_t *time, uint64_t *message);

enum { NAME_EXISTS = 1, NAME_SUBSCRIBED = 2, NAME_HEAD_LEN = 2 };

/* ---- log ---- */

struct key key_log(uint64_t modseq);
bool key_is_log(struct span key, uint64_t *modseq);
/* A row is a list of these. */
struct log_run {
	uint32_t mailbox;
	uint8_t kind; /* enum store_change_kind */
	uint32_t first, last;
};
enum { LOG_RUN_LEN = 13 };
void log_run_put(unsigned char out[LOG_RUN_LEN], const struct log_run *);
void log_run_get(const char in[LOG_RUN_LEN], struct log_run *);

#endif
