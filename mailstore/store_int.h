/*
 * What the files of the store share: the bodies of its structs, and functions
 * that one file offers the others.  For mailstore/store_*.c alone.
 */
#ifndef MAILSTORE_STORE_INT_H
#define MAILSTORE_STORE_INT_H

#include "mailstore/store.h"
#include "mailstore/store_key.h"

enum {
	STORE_SYSTEM_FLAGS = STORE_SEEN | STORE_ANSWERED | STORE_FLAGGED_FLAG | STORE_DELETED | STORE_DRAFT,
	/* Seconds. */
	DEAD_WAIT = 15 * 60, /* so that a session can finish what it announced */
	DELIVERED_WAIT = 30 * 86400,
};

/* ---- a transaction's working copies ---- */

/* Rows that are read and changed many times in a transaction; written back when they leave. */
struct box {
	uint32_t id; /* 0: empty slot */
	bool changed;
	struct box_row row;
};
struct page {
	uint32_t mailbox, number; /* mailbox 0: empty slot */
	bool changed;
	struct page_row row;
};
struct block {
	uint32_t mailbox, number; /* mailbox 0: empty slot */
	bool changed;
	size_t n;	  /* rows */
	const char *rows; /* in the map, or in `own` */
	char own[BLOCK_LEN];
};
enum { SLOTS = 4 /* a move works on two mailboxes */ };

struct run_list {
	struct log_run *runs;
	size_t n, room;
};

struct store_txn {
	struct store *store;
	struct db_txn *db;
	bool open, write;
	bool changed;	  /* something is to be committed */
	bool logged;	  /* something that carries a modseq */
	bool log_too_long; /* the log will not have this one's changes */
	bool caches_used; /* names or keywords were changed: what the process remembers of them is of this transaction */
	struct account_row account;
	struct box boxes[SLOTS];
	struct page pages[SLOTS];
	unsigned box_turn, page_turn, block_turn;
	struct run_list changes;
	/* What store_next_vanished() found, while the same is asked. */
	struct {
		struct run_list list;
		uint32_t mailbox;
		uint64_t since;
		bool good;
	} vanished;
	/* The row of the message looked at last, in reads. */
	struct {
		uint64_t id;
		struct message_row row;
		bool good;
	} message;
	struct block blocks[SLOTS]; /* last: they are not zeroed as a whole */
};

/* ---- names of mailboxes, as the process remembers them ---- */

enum { NAMES_MAX = 2 * STORE_MAILBOXES_MAX /* with those that are only subscribed */ };

struct name {
	uint32_t id;
	bool exists, subscribed;
	enum store_role role;
	char *text;
	size_t len;
};
struct names {
	struct name *list; /* in order */
	size_t n, room;
	uint64_t modseq; /* of the state that was read */
	bool good;
};

struct store {
	struct db *db;
	char *folder;
	uint64_t account;
	struct store_txn txn;
	struct names names;
	char *keywords[STORE_KEYWORDS_MAX];
	uint32_t nkeywords;
	struct store_view *views; /* the newest of each mailbox that was asked for */
	struct body_reader reader;
	int wake, inotify;
	uint64_t seen;	     /* last transaction that store_changed() told of */
	bool space_is_short; /* an arrival was refused: dead messages go at once */
};

/* ---- store_txn.c ---- */

/* The working copy of a mailbox's state; NULL if there is none, or the transaction failed.  Valid until the SLOTS-th other is asked for. */
struct box *txn_box(struct store_txn *, uint32_t mailbox);
/* A page of a UID set; zeroed if it is not there.  NULL if the transaction failed. */
struct page *txn_page(struct store_txn *, uint32_t mailbox, uint32_t number);
/* A block of index rows; empty if it is not there.  NULL if the transaction failed. */
struct block *txn_block(struct store_txn *, uint32_t mailbox, uint32_t number);
/* A working copy for a mailbox that is not there yet. */
struct box *txn_new_box(struct store_txn *, uint32_t mailbox);
void txn_forget_mailbox(struct store_txn *, uint32_t mailbox);
/* Writes working copies back, before a walk over their rows. */
void txn_write_back(struct store_txn *);
/* A write that goes on, or false: asserts that it is a write. */
bool txn_may_write(struct store_txn *);
void txn_put(struct store_txn *, struct key, struct span value); /* mailbox tree */
bool txn_get(struct store_txn *, struct key, struct span *value); /* mailbox tree */
bool txn_delete(struct store_txn *, struct key);		 /* mailbox tree */
void txn_corrupt(struct store_txn *, enum store_tree, struct key, const char *why);

/* ---- store_pages.c: UID sets and counts ---- */

/* All keep the counts of pages and of the mailbox. */
void pages_add(struct store_txn *, struct box *, uint32_t uid, unsigned system);
void pages_remove(struct store_txn *, struct box *, uint32_t uid, unsigned system);
void pages_mark(struct store_txn *, struct box *, uint32_t uid, unsigned before, unsigned after);
/* The first page that is not empty with a number >= *number; sets it.  False at the end. */
bool pages_next(struct store_txn *, struct db_cursor *, uint32_t mailbox, uint32_t *number, struct page_row *);

/* ---- store_names.c ---- */

/* The form that is stored: INBOX in capitals.  H_INVALID, H_LIMIT. */
enum herr names_clean(struct span name, char clean[STORE_NAME_MAX + 1], size_t *len) MUST_USE;
/* The list of names as of the transaction, or NULL if it failed. */
struct names *names_load(struct store_txn *);
void names_forget(struct store *);
struct name *names_find(struct names *, struct span clean);
struct name *names_by_id(struct names *, uint32_t id);
/* The first with an order > `clean`. */
size_t names_after(const struct names *, struct span clean);
bool name_is_below(const struct name *, struct span parent);
/* Adds, changes or removes a name, in memory and on disk. */
struct name *names_add(struct store_txn *, struct span clean, uint32_t id, bool exists, bool subscribed, enum store_role);
void names_write(struct store_txn *, const struct name *);
void names_remove(struct store_txn *, struct name *);
/* Gives it another text; pointers into the list are void afterwards. */
void names_change(struct store_txn *, struct name *, struct span clean);

/* ---- roles: store_role.c ---- */

struct name *role_holder(struct names *, enum store_role);
/* Nobody carries it, or a mailbox without messages. */
bool role_is_free(struct store_txn *, struct names *, enum store_role);
/* To this mailbox, and from the one that had it. */
void role_give(struct store_txn *, struct names *, struct name *, enum store_role);
/* A mailbox got this name: if that is known to stand for a role, and the role is free to take, it is its. */
void role_by_name(struct store_txn *, struct names *, struct name *);
/* The mailbox that carried it is gone: to another of a known name. */
void role_pass_on(struct store_txn *, struct names *, enum store_role);

/* ---- store_change.c ---- */

void change_note(struct store_txn *, uint32_t mailbox, enum store_change_kind, uint32_t uid);
void change_write(struct store_txn *); /* at the commit */
void run_list_add(struct run_list *, const struct log_run *);
void run_list_free(struct run_list *);

/* ---- store_message.c ---- */

enum herr message_look(struct store_txn *, uint64_t message, struct message_row *) MUST_USE; /* H_NOTFOUND also if its bytes are gone */
void message_hold(struct store_txn *, uint64_t message);   /* one copy more */
void message_let_go(struct store_txn *, uint64_t message); /* one copy less */

/* ---- store_row.c ---- */

bool row_get(struct store_txn *, uint32_t mailbox, uint32_t uid, struct index_row *);
void row_put(struct store_txn *, uint32_t mailbox, const struct index_row *);
/* May the account hold that much more? */
enum herr row_quota(const struct store_txn *, uint64_t bytes) MUST_USE;
/* A new row at the end of the mailbox, with all that hangs on it: sets, counts, usage, log.  Takes the next UID, uidl and modseq.  H_LIMIT. */
enum herr row_add(struct store_txn *, struct box *, struct index_row *) MUST_USE;
/* The same with the numbers that it has; the mailbox has no such UID. */
void row_enter(struct store_txn *, struct box *, const struct index_row *);
/* And the other way; what becomes of the message is message_let_go()'s. */
void row_remove(struct store_txn *, struct box *, const struct index_row *);

/* ---- store_flags.c ---- */
void keywords_forget(struct store *);

/* ---- store_view.c ---- */
void views_forget(struct store *, bool all);

/* ---- store_notify.c ---- */
void notify_open(struct store *);
void notify_close(struct store *);
void notify_wake(struct store *);

/* ---- store_open.c ---- */
extern const struct db_shape store_shape;

/* ---- store_tidy.c ---- */
/* One slice of what a crash left and what is gone; true if more is left. */
bool tidy_slice(struct store *);

#endif
