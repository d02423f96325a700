/*
 * Housekeeping in bounded slices: bytes of messages that are gone, delivery ids
 * that are too old to be asked for, uploads that nobody published.
 *
 * The clock may jump: what lies further in the future than it can is due now.
 */
#include "common/clock.h"
#include "common/wire.h"
#include "mailstore/store_int.h"

enum {
	SLICE_MESSAGES = 64,
	SLICE_BYTES = 4 * 1024 * 1024,
	MINUTE = 60,
	UPLOAD_AGE = 3600,
};

struct slice {
	struct store_txn *txn;
	int64_t now;
	unsigned messages;
	uint64_t bytes;
	bool more; /* the slice is full */
};

static bool
slice_full(struct slice *s)
{
	if (s->messages >= SLICE_MESSAGES || s->bytes >= SLICE_BYTES)
		s->more = true;
	return s->more;
}

/* Bytes first, the row that names them last: a message may take several slices.
 */
static bool
bytes_are_gone(struct slice *s, uint64_t message)
{
	s->messages++;
	s->txn->changed = true;
	if (body_delete(s->txn->db, TREE_BODY, message, SLICE_BYTES - s->bytes,
		&s->bytes)) {
		s->more = true;
		return false;
	}
	return true;
}

/* ---- lists by time ---- */

/* The next that is due: at the front of the list, or, if the clock went back,
 * at its end. */
static bool
next_due(struct slice *s, struct db_cursor *c, enum own_kind kind,
    int64_t limit, int64_t longest, struct key *key, uint64_t *message)
{
	struct key first = key_own(kind, 0), end = key_own_end(kind);
	int64_t time;
	bool due;

	due = (db_seek(c, key_span(&first)) &&
		  key_is_timed(db_key(c), kind, &time, message) &&
		  time <= limit) ||
	      (db_seek_before(c, key_span(&end)) &&
		  key_is_timed(db_key(c), kind, &time, message) &&
		  time > s->now + longest + MINUTE);
	if (due)
		*key = key_timed(kind, time, *message);
	return due;
}

/* The delivery id must be known for 30 days; nothing else is left. */
static void
bury(struct slice *s, struct key at, uint64_t message)
{
	struct store_txn *t = s->txn;
	struct key key = key_message(message);
	struct message_row row;
	struct span value;
	int64_t until;

	if (!bytes_are_gone(s, message))
		return;
	if (!db_get(t->db, TREE_MESSAGE, key_span(&key), &value) ||
	    !message_get(value, &row)) {
		txn_corrupt(t, TREE_MESSAGE, key, "row of a dead message");
		return;
	}
	until = row.delivered + DELIVERED_WAIT;
	/* If the clock says that it came from the future, nothing is known of
	 * its age: forget it. */
	if (row.has_delivery_id && until > s->now &&
	    row.delivered <= s->now + MINUTE)
		txn_put(t, key_timed(OWN_DELIVERED, until, message),
		    (struct span){ (char *)row.delivery_id, DELIVERY_ID });
	db_delete(t->db, TREE_MESSAGE, key_span(&key));
	txn_delete(t, at);
}

static void
bury_dead(struct slice *s, bool only_look)
{
	struct db_cursor *c = db_cursor(s->txn->db, TREE_MAILBOX);
	int64_t limit = s->txn->store->space_is_short ? INT64_MAX : s->now;
	uint64_t message;
	struct key at;

	while (!slice_full(s) &&
	       next_due(s, c, OWN_DEAD, limit, DEAD_WAIT, &at, &message)) {
		if (only_look)
			s->more = true;
		else
			bury(s, at, message);
	}
	db_cursor_close(&c);
}

static void
forget_delivered(struct slice *s, bool only_look)
{
	struct db_cursor *c = db_cursor(s->txn->db, TREE_MAILBOX);
	uint64_t message;
	struct key at;

	while (!slice_full(s) && next_due(s, c, OWN_DELIVERED, s->now,
				     DELIVERED_WAIT, &at, &message)) {
		s->messages++;
		if (only_look)
			s->more = true;
		else
			txn_delete(s->txn, at);
	}
	db_cursor_close(&c);
}

/* ---- uploads ---- */

static void
sweep_uploads(struct slice *s, bool only_look)
{
	struct store_txn *t = s->txn;
	struct db_cursor *c = db_cursor(t->db, TREE_MAILBOX);
	struct key key = key_own(OWN_UPLOAD, 0);
	uint64_t message;

	while (!slice_full(s) && db_seek(c, key_span(&key)) &&
	       key_is_own(db_key(c), OWN_UPLOAD, &message)) {
		int64_t time = 0;

		if (db_value(c).len == 8)
			time = (int64_t)le64(db_value(c).ptr);
		else
			db_corrupt(t->db, TREE_MAILBOX, db_key(c), "upload");
		key = key_own(OWN_UPLOAD, message);
		if (time + UPLOAD_AGE <= s->now || time > s->now + MINUTE) {
			if (only_look) {
				s->more = true;
				break;
			}
			if (bytes_are_gone(s, message))
				txn_delete(t, key);
		}
		key = key_own(OWN_UPLOAD, message + 1);
	}
	db_cursor_close(&c);
}

/* ---- slices ---- */

bool
tidy_slice(struct store *st)
{
	struct slice s = { .now = clock_wall() };
	bool more;

	/* Looked for in a read, so that nobody waits for a writer to find
	 * nothing. */
	s.txn = store_begin(st, STORE_READ);
	sweep_uploads(&s, true);
	bury_dead(&s, true);
	forget_delivered(&s, true);
	store_abort(&s.txn);
	if (!s.more) {
		st->space_is_short = false;
		return false;
	}
	s.more = false;
	s.txn = store_begin(st, STORE_WRITE);
	sweep_uploads(&s, false);
	bury_dead(&s, false);
	forget_delivered(&s, false);
	more = s.more;
	return store_commit(&s.txn) == H_OK && more;
}

bool
store_tidy(struct store *st)
{
	db_tidy(st->db);
	views_forget(st, false);
	return tidy_slice(st);
}
