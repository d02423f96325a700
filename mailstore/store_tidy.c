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

/* ---- the dead ---- */

static bool
is_due(const struct slice *s, int64_t time, uint8_t what)
{
	int64_t longest = what == DEAD_BYTES ? DEAD_BYTES_WAIT : DEAD_STUB_WAIT;

	if (what == DEAD_BYTES && s->txn->store->space_is_short)
		return true;
	return time <= s->now || time > s->now + longest + MINUTE;
}

/* The row's delivery id must be known for 30 days; nothing else of it. */
static void
leave_stub(struct store_txn *t, uint64_t message, struct message_row *row)
{
	unsigned char head[MESSAGE_HEAD_LEN];
	struct key key = key_message(message);
	char what = DEAD_STUB;

	row->state = MESSAGE_STUB;
	message_put(head, row);
	db_put(t->db, TREE_MESSAGE, key_span(&key),
	    (struct span){ (char *)head, sizeof head });
	txn_put(t, key_dead(row->delivered + DEAD_STUB_WAIT, message),
	    (struct span){ &what, 1 });
}

static void
bury(struct slice *s, struct key at, uint64_t message, uint8_t what)
{
	struct store_txn *t = s->txn;
	struct key key = key_message(message);
	struct message_row row;
	struct span value;

	if (what == DEAD_BYTES && !bytes_are_gone(s, message))
		return;
	s->messages++;
	if (!db_get(t->db, TREE_MESSAGE, key_span(&key), &value) ||
	    !message_get(value, &row)) {
		txn_corrupt(t, TREE_MESSAGE, key, "row of a dead message");
		return;
	}
	/* Of one that the clock says to be from the future nothing is known:
	 * forget it. */
	if (what == DEAD_BYTES && row.has_delivery_id &&
	    row.delivered + DEAD_STUB_WAIT > s->now &&
	    row.delivered <= s->now + MINUTE)
		leave_stub(t, message, &row);
	else
		db_delete(t->db, TREE_MESSAGE, key_span(&key));
	txn_delete(t, at);
}

static bool
dead_row(struct store_txn *t, struct db_cursor *c, int64_t *time,
    uint64_t *message, uint8_t *what)
{
	if (!key_is_dead(db_key(c), time, message))
		return false;
	if (db_value(c).len != 1) {
		db_corrupt(t->db, TREE_MAILBOX, db_key(c), "dead message");
		return false;
	}
	*what = (uint8_t)db_value(c).ptr[0];
	return true;
}

/* The next that is due: from the front of the list, or, if the clock went back,
 * from its end. */
static bool
dead_due(struct slice *s, struct db_cursor *c, struct key from, int64_t *time,
    uint64_t *message, uint8_t *what)
{
	struct key end = key_own_end(OWN_DEAD);
	int64_t limit = s->now;

	if (s->txn->store->space_is_short)
		limit += DEAD_BYTES_WAIT + MINUTE;
	for (bool more = db_seek(c, key_span(&from)); more; more = db_next(c)) {
		if (!dead_row(s->txn, c, time, message, what) || *time > limit)
			break;
		if (is_due(s, *time, *what))
			return true;
	}
	return db_seek_before(c, key_span(&end)) &&
	       dead_row(s->txn, c, time, message, what) &&
	       is_due(s, *time, *what);
}

static void
bury_dead(struct slice *s, bool only_look)
{
	struct store_txn *t = s->txn;
	struct db_cursor *c = db_cursor(t->db, TREE_MAILBOX);
	struct key from = key_own(OWN_DEAD, 0);
	uint64_t message;
	int64_t time;
	uint8_t what;

	while (!slice_full(s) && store_error(t) == H_OK &&
	       dead_due(s, c, from, &time, &message, &what)) {
		if (only_look) {
			s->more = true;
			break;
		}
		from = key_dead(time, message);
		bury(s, from, message, what);
		if (time > s->now)
			from = key_own(OWN_DEAD, 0);
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
	store_abort(&s.txn);
	if (!s.more) {
		st->space_is_short = false;
		return false;
	}
	s.more = false;
	s.txn = store_begin(st, STORE_WRITE);
	sweep_uploads(&s, false);
	bury_dead(&s, false);
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
