/*
 * The mail store: one account's mail, as its processes see it.  This page is
 * all that is public of it.  (The queue's environment: mailstore/spool.h.)
 *
 * An account is one folder with one LMDB environment.  Every change is one
 * write transaction; when store_commit() has returned H_OK it is on disk, and
 * every other process that has the account open has been woken.
 *
 *	struct store_txn *t = store_begin(store, STORE_WRITE);
 *	...changes...
 *	err = store_commit(&t);		the only place that need be checked for H_IO
 *
 * A transaction remembers the first thing that went wrong with disk or data
 * (H_IO, H_CORRUPT, H_FULL): after that every call on it does nothing and says
 * the same; store_commit() reports it and changes nothing.  Answers that are no
 * failures of the store (H_NOTFOUND, H_EXISTS, H_QUOTA, H_INVALID, H_LIMIT)
 * leave the transaction as it was.
 *
 * No transaction outlives the callback that began it.  At most one is open per
 * process at a time.  A write keeps as much memory as it changed, for good: what
 * may be done in parts (flags of 100,000 messages) is done in parts.  Spans got
 * from a transaction are lent until its next call that says so, at the latest
 * until its end.
 *
 * Names are UTF-8 with "/" between levels; INBOX in any case is "INBOX".
 * UIDs and modseqs are those of RFC 9051 and RFC 7162; one modseq per write
 * transaction, for all of the account.  The store knows no protocol.
 */
#ifndef MAILSTORE_STORE_H
#define MAILSTORE_STORE_H

#include "common/buf.h"

struct store;
struct store_txn;

/* ---- the account ---- */

/* Makes the folder and an environment with INBOX, Drafts, Sent, Junk, Trash, Archive, subscribed, with their roles.  Durable on return. */
enum herr store_create(const char *folder, uint64_t account) MUST_USE;
/* Opens for reading and writing; upgrades older schemas; sweeps what a crash left behind.  After exec, never across a fork. */
enum herr store_open(struct store **, const char *folder) MUST_USE;
void store_close(struct store **);
uint64_t store_account(const struct store *);

/* Readable (inotify) when another process, or this one, has committed; -1 if the kernel gave none: then ask store_changed() every few seconds. */
int store_wake_fd(const struct store *);
/* Drains the descriptor; true if something was committed since the last call. */
bool store_changed(struct store *);
/* Housekeeping: stale readers, bytes of messages gone for more than 15 minutes, old log rows.  Call about once a minute; does one bounded slice, returns true if more is left. */
bool store_tidy(struct store *);

/* ---- transactions ---- */

enum store_mode { STORE_READ, STORE_WRITE };
struct store_txn *store_begin(struct store *, enum store_mode);
/* On failure of a write the caller must ask again what holds (store_delivered, a new read): the return code alone does not say that nothing was written. */
enum herr store_commit(struct store_txn **) MUST_USE;
void store_abort(struct store_txn **);
enum herr store_error(const struct store_txn *);
/* In a write: the modseq all its changes carry.  In a read: that of the newest change it sees.  Nothing if the transaction has failed. */
uint64_t store_modseq(const struct store_txn *);

/* ---- mailboxes ---- */

enum store_role { STORE_NO_ROLE, STORE_DRAFTS, STORE_SENT, STORE_JUNK, STORE_TRASH, STORE_ARCHIVE, STORE_FLAGGED, STORE_ALL };
enum { STORE_NAME_MAX = 1000, STORE_LEVELS_MAX = 32, STORE_MAILBOXES_MAX = 10000 };

struct store_mailbox {
	uint32_t id; /* never reused; 0 is none */
	uint32_t uidvalidity, uidnext;
	uint32_t messages, unseen, deleted;
	uint64_t highestmodseq;
	uint64_t bytes; /* sum of sizes */
	enum store_role role;
	bool subscribed;
	bool exists; /* false: only a subscribed name, or only a parent of others (\NonExistent, \Noselect) */
	bool has_children;
	struct span name; /* lent until the next call on the transaction */
};

enum herr store_find_mailbox(struct store_txn *, struct span name, struct store_mailbox *) MUST_USE; /* H_OK, H_NOTFOUND */
enum herr store_get_mailbox(struct store_txn *, uint32_t id, struct store_mailbox *) MUST_USE;
/* In the order of their names, INBOX first; also names that are only subscribed or only parents.  Start with a zeroed cursor. */
struct store_mailbox_cursor { char name[STORE_NAME_MAX + 1]; size_t len; bool begun; };
bool store_next_mailbox(struct store_txn *, struct store_mailbox_cursor *, struct store_mailbox *);

enum herr store_create_mailbox(struct store_txn *, struct span name, enum store_role, uint32_t *id) MUST_USE; /* H_EXISTS, H_INVALID, H_LIMIT; H_DENIED: another mailbox carries the role and has messages; makes missing parents; "a/" is "a"; a name known for a role ("Sent Items") takes it over from ours while that is empty */
enum herr store_delete_mailbox(struct store_txn *, struct span name) MUST_USE; /* with its messages; children stay; a role goes to another mailbox of a known name; H_DENIED for INBOX */
enum herr store_rename_mailbox(struct store_txn *, struct span from, struct span to) MUST_USE; /* with children, subscriptions and roles; H_INVALID: into itself; INBOX: moves its messages (RFC 9051, 6.3.6) */
enum herr store_subscribe(struct store_txn *, struct span name, bool) MUST_USE; /* missing names may be subscribed */
enum herr store_set_role(struct store_txn *, uint32_t mailbox, enum store_role) MUST_USE; /* who carried it before, does so no more */
/* The role that mailboxes of that name are known for ("Sent Items"). */
enum store_role store_known_role(struct span name);

/* ---- views: which UIDs a mailbox held at one moment ---- */

/*
 * An immutable, reference-counted set, shared by all sessions of this process
 * that look at the same state; pages are shared between states.  A session
 * keeps the view it has told its client; what was expunged or has come is the
 * difference to a newer one.  Sequence numbers begin at 1.
 */
struct store_view;
struct store_view *store_view_get(struct store_txn *, uint32_t mailbox); /* of the transaction's state; a reference; NULL if the mailbox is gone */
struct store_view *store_view_ref(struct store_view *);
void store_view_unref(struct store_view **);
uint32_t store_view_count(const struct store_view *);
uint32_t store_view_uidnext(const struct store_view *);
uint32_t store_view_uid(const struct store_view *, uint32_t seq); /* 0 beyond the end */
uint32_t store_view_seq(const struct store_view *, uint32_t uid);	/* 0: not in it */
uint32_t store_view_next(const struct store_view *, uint32_t uid);	/* the smallest UID >= uid in it; 0: none */
/* How many of the view's UIDs are <= uid. */
uint32_t store_view_rank(const struct store_view *, uint32_t uid);
/* The largest UID < `below` that is in `older` and not in `newer`; 0: none.  (Downwards, so that EXPUNGE numbers stay right.) */
uint32_t store_view_gone(const struct store_view *older, const struct store_view *newer, uint32_t below);

/* ---- messages ---- */

enum store_flag { STORE_SEEN = 1, STORE_ANSWERED = 2, STORE_FLAGGED_FLAG = 4, STORE_DELETED = 8, STORE_DRAFT = 16 };
enum { STORE_KEYWORDS_MAX = 128, STORE_KEYWORD_LEN_MAX = 128 };

struct store_flags {
	uint8_t system;	      /* enum store_flag */
	uint64_t keyword[2];  /* bit n: keyword number n of the account */
};

struct store_row {
	uint32_t uid;
	uint64_t message;     /* id of its bytes, shared by copies */
	uint64_t modseq;
	int64_t internaldate; /* seconds since 1970 */
	int64_t saved;	      /* when it came into this mailbox (RFC 8514) */
	uint64_t size;
	uint64_t uidl;	      /* unique per copy in the account for ever; survives a restore */
	struct store_flags flags;
};

enum herr store_get_row(struct store_txn *, uint32_t mailbox, uint32_t uid, struct store_row *) MUST_USE; /* H_NOTFOUND */
/* Rows in order of UID, from `uid` on; start with a zeroed cursor.  Quick: one step in the tree a call. */
struct store_row_cursor { void *opaque; };
bool store_next_row(struct store_txn *, uint32_t mailbox, uint32_t from, uint32_t to, struct store_row_cursor *, struct store_row *);
void store_end_rows(struct store_row_cursor *); /* before the end of the transaction, if the walk was left early; else harmless */
uint32_t store_first_unseen(struct store_txn *, uint32_t mailbox); /* UID; 0: none */
/* The smallest UID >= `from` in the set of messages with (or, if !with, without) \Seen or \Deleted; 0: none. */
uint32_t store_next_flagged(struct store_txn *, uint32_t mailbox, enum store_flag, bool with, uint32_t from);

/* The number of a keyword (names are compared ASCII case-insensitively, kept as first written), or -1: unknown, or (create) the account has its fill. */
int store_keyword(struct store_txn *, struct span name, bool create);
struct span store_keyword_name(struct store_txn *, int number); /* empty: none; lent until the end of the transaction */

/* Sets flags absolutely; does nothing (and costs no modseq) if they are the same.  H_NOTFOUND if it is gone. */
enum herr store_set_flags(struct store_txn *, uint32_t mailbox, uint32_t uid, const struct store_flags *) MUST_USE;
enum herr store_copy(struct store_txn *, uint32_t mailbox, uint32_t uid, uint32_t to, uint32_t *newuid) MUST_USE; /* H_NOTFOUND, H_QUOTA */
enum herr store_expunge(struct store_txn *, uint32_t mailbox, uint32_t uid) MUST_USE; /* H_NOTFOUND */
enum herr store_move(struct store_txn *, uint32_t mailbox, uint32_t uid, uint32_t to, uint32_t *newuid) MUST_USE; /* copy + expunge, but never H_QUOTA */

/* ---- content ---- */

/* The checked record of a message (common/record.h), lent until the end of the transaction (in a write: until its next change); empty if it is gone. */
struct span store_record(struct store_txn *, uint64_t message);
/* Bytes of the message from `offset` to the end of the block they lie in, lent until the next call on the transaction; empty at the end or on damage (store_error says). */
struct span store_bytes(struct store_txn *, uint64_t message, uint64_t offset);
/* The beginning of the message: `want` bytes (at least 1) or more, fewer only if the message or its first block ends there.  For who looks at headers: costs less than store_bytes(). */
struct span store_head(struct store_txn *, uint64_t message, size_t want);
/* Appends bytes [offset, offset+len) to `out`.  H_NOTFOUND if the message is gone. */
enum herr store_read(struct store_txn *, uint64_t message, uint64_t offset, uint64_t len, struct buf *out) MUST_USE;

/* ---- arrivals ---- */

/*
 * The bytes of a message on their way in: compressed and digested as they
 * come.  Beyond 1 MiB they are committed piece by piece, unpublished (so a call
 * may wait for the disk; no transaction may be open); a blob that is never
 * published is swept later.
 */
struct store_blob;
struct store_blob *store_blob_new(struct store *);
enum herr store_blob_write(struct store_blob *, struct span);
uint64_t store_blob_size(const struct store_blob *);
void store_blob_free(struct store_blob **); /* published or not */

enum { STORE_DELIVERY_ID_LEN = 16 };

struct store_append {
	uint32_t mailbox;
	struct store_flags flags;
	int64_t internaldate;
	const uint8_t *delivery_id; /* NULL: none.  If it was delivered in the last 30 days: H_EXISTS, nothing added (only looked for if `look_up`) */
	bool look_up;
	struct span record; /* for the blob's bytes; refused (H_INVALID) unless record_check() agrees */
};
/* Publishes the blob as a message.  H_OK with its UID, H_NOTFOUND (mailbox), H_QUOTA, H_FULL, H_LIMIT, H_EXISTS, H_INVALID.  A blob can be published once; copies are store_copy(). */
enum herr store_append(struct store_txn *, struct store_blob *, const struct store_append *, uint32_t *uid) MUST_USE;
bool store_delivered(struct store_txn *, const uint8_t id[STORE_DELIVERY_ID_LEN]);

/* ---- what was imported ---- */

/*
 * Of every message that was ever imported, whatever became of it: how many
 * times its like was taken.  So an import that is repeated, or goes on after it
 * was interrupted, adds nothing twice.
 */
enum { STORE_IMPORT_ID_LEN = 16 };
struct store_import {
	uint32_t number; /* of this id, from 0 on, without gaps */
	uint32_t times;
};
/* False: never (or the transaction has failed). */
bool store_imported(struct store_txn *, const uint8_t id[STORE_IMPORT_ID_LEN], struct store_import *);
/* In the transaction that adds the message: once more.  `now` gets what holds from then on. */
enum herr store_note_import(struct store_txn *, const uint8_t id[STORE_IMPORT_ID_LEN], struct store_import *now) MUST_USE; /* H_LIMIT */

/* ---- what changed ---- */

enum store_change_kind { STORE_ADDED = 1, STORE_FLAGS = 2, STORE_EXPUNGED = 3, STORE_MAILBOXES = 4 /* names, subscriptions, roles; no UIDs */ };
struct store_change {
	uint64_t modseq;
	uint32_t mailbox;
	enum store_change_kind kind;
	uint32_t first, last; /* a run of UIDs */
};
struct store_change_cursor { uint64_t modseq; size_t at; };
/* Changes after `since` in order; start with { .modseq = since }.  False at the end. */
bool store_next_change(struct store_txn *, struct store_change_cursor *, struct store_change *);
/* Does the log reach back to `since`?  If not, walk the rows' modseqs, and store_next_vanished(). */
bool store_log_covers(struct store_txn *, uint64_t since);
/* Runs of expunged UIDs of a mailbox after `since`, in order of UID; may name some expunged before it, never one that is there. */
struct store_vanished_cursor { uint32_t from; };
bool store_next_vanished(struct store_txn *, uint32_t mailbox, uint64_t since, struct store_vanished_cursor *, uint32_t *first, uint32_t *last);

/* ---- quota ---- */

struct store_usage { uint64_t bytes, messages, quota /* 0: none */; };
void store_usage(struct store_txn *, struct store_usage *);
/* Has the disk room for an arrival of that many bytes?  While no transaction is open; nothing is kept for it. */
bool store_has_room(struct store *, uint64_t bytes);
enum herr store_set_quota(struct store_txn *, uint64_t bytes) MUST_USE;

/* ---- whole copies ---- */

/*
 * A compact copy of the newest state to an empty file; the caller syncs it.  It
 * is of one moment.  Until it is made, what others write takes fresh pages: the
 * file may grow by as much as is written meanwhile.
 */
enum herr store_copy_to(struct store *, int fd) MUST_USE;
/* Such a file, which nobody changes, for reading alone. */
enum herr store_open_copy(struct store **, const char *file) MUST_USE;

/* ---- restored ---- */

/*
 * After a copy was put in an account's place, before anybody opens it: every
 * mailbox gets a new UIDVALIDITY above `least`, and message numbers and UIDLs go
 * on where no other life of this account can have given them.
 */
enum herr store_renew(struct store *, uint64_t account, uint32_t least) MUST_USE;
/* The same for a copy of an account that goes on: with what came to it since the copy was made, and its quota. */
enum herr store_renew_from(struct store *, struct store *present, uint64_t *messages) MUST_USE;
/* Brings a mailbox of a copy into the account, all at once: under its name, or as "NAME (restored DAY)" if that is taken.  H_NOTFOUND, H_QUOTA, H_FULL, H_LIMIT. */
enum herr store_bring_back(struct store *, struct store *copy, struct span name, struct span day, char as[STORE_NAME_MAX + 1], uint64_t *messages) MUST_USE;

/* ---- repair ---- */

/* A store with nothing in it, not even INBOX, for store_repair() to fill. */
enum herr store_create_empty(const char *folder, uint64_t account) MUST_USE;
/*
 * Fills it with all that can be read of a damaged one's file; what can be
 * computed is computed anew.  What is readable of messages that are not whole
 * goes to `aside`, as an mbox.  `tell` gets a line for everything that is not as
 * it was.
 */
struct store_repaired {
	uint64_t messages; /* in mailboxes */
	uint64_t found;	   /* of these: that no mailbox had; in "Recovered" */
	uint64_t aside;	   /* not whole */
};
enum herr store_repair(struct store *empty, int damaged, int aside, void (*tell)(void *arg, const char *text), void *arg, struct store_repaired *) MUST_USE;

/* ---- verification ---- */

/* Reads everything: digests, checksums, records against a new computation, counts, sets, reference counts, log.  `found` is called for each fault; returns their number (or an error in *err). */
uint64_t store_verify(struct store *, void (*found)(void *arg, const char *fault), void *arg, enum herr *err);

#endif
