/*
 * Arrivals: bytes on their way in, and the transaction that publishes them.
 *
 * A small message waits in memory, compressed, for its publishing transaction.
 * A large one goes to disk before it, at most about a mebibyte a transaction,
 * under an id that no message row bears yet; a row notes when its newest piece
 * came, so that one that is never published is found and swept.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "common/record.h"
#include "common/wire.h"
#include "mailstore/store_int.h"

enum {
	ROWS_NEED = 64 * 1024, /* disk that the rows of an arrival may take */
	/* How far back a delivery id is looked for. */
	LOOK_AT_LEAST = 1000, /* messages, whatever the clock said */
	LOOK_BEFORE_ID =
	    2 * 86400, /* seconds that the clocks of id and row may differ */
};

struct store_blob {
	struct store *store;
	struct body *body;
	uint64_t id; /* 0: all in memory */
	enum herr err;
};

struct store_blob *
store_blob_new(struct store *st)
{
	struct store_blob *b = mem_alloc(sizeof *b);

	b->store = st;
	b->body = body_new();
	return b;
}

void
store_blob_free(struct store_blob **bp)
{
	if (*bp == NULL)
		return;
	body_free(&(*bp)->body);
	mem_free(bp);
}

uint64_t
store_blob_size(const struct store_blob *b)
{
	return body_size(b->body);
}

static void
upload_note(struct store_txn *t, uint64_t id)
{
	unsigned char row[8];

	put_le64(row, (uint64_t)clock_wall());
	txn_put(t, key_own(OWN_UPLOAD, id),
	    (struct span){ (char *)row, sizeof row });
}

static bool
upload_is_there(struct store_txn *t, uint64_t id)
{
	struct span row;

	return txn_get(t, key_own(OWN_UPLOAD, id), &row);
}

/* Puts what is in memory on disk, unpublished. */
static enum herr
upload_piece(void *arg)
{
	struct store_blob *b = arg;
	struct store_txn *t = store_begin(b->store, STORE_WRITE);
	bool fresh = b->id == 0;
	uint64_t id = fresh ? t->account.next_message++ : b->id;
	enum herr err;

	if (!fresh && !upload_is_there(t, id)) {
		err = store_error(t);
		store_abort(&t);
		return err != H_OK ? err
		                   : H_IO; /* swept: it stood still too long */
	}
	err = db_want_space(t->db, body_need(b->body) + ROWS_NEED);
	if (err != H_OK) {
		b->store->space_is_short = err == H_FULL;
		store_abort(&t);
		return err;
	}
	body_put(b->body, t->db, TREE_BODY, id, fresh);
	upload_note(t, id);
	err = store_commit(&t);
	if (err == H_OK) {
		body_forget(b->body);
		b->id = id;
	}
	return err;
}

enum herr
store_blob_write(struct store_blob *b, struct span bytes)
{
	if (b->err == H_OK)
		b->err = body_feed(b->body, bytes, upload_piece, b);
	return b->err;
}

bool
store_has_room(struct store *st, uint64_t bytes)
{
	bool has = db_has_space(st->db, bytes + ROWS_NEED);

	/* What was deleted is swept at once then. */
	st->space_is_short = st->space_is_short || !has;
	return has;
}

/* ---- publishing ---- */

static void
put_message(struct store_txn *t, uint64_t id, bool last, struct body *body,
    const struct store_append *a)
{
	unsigned char head[MESSAGE_HEAD_LEN];
	struct span pieces[] = { { (char *)head, sizeof head }, a->record };
	struct key key = key_message(id);
	struct message_row row = {
		.has_delivery_id = a->delivery_id != NULL,
		.size = body_size(body),
		.delivered = clock_wall(),
	};

	memcpy(row.digest, body_digest(body), BODY_DIGEST_LEN);
	if (a->delivery_id != NULL)
		memcpy(row.delivery_id, a->delivery_id, DELIVERY_ID);
	message_put(head, &row);
	db_put_pieces(t->db, TREE_MESSAGE, key_span(&key), pieces, 2, last);
}

/* All that can say no, before anything is changed. */
static enum herr
may_append(struct store_txn *t, const struct store_blob *b,
    const struct store_append *a)
{
	uint64_t size = body_size(b->body);
	struct span row;
	struct key key = key_message(b->id);
	const struct box *box = txn_box(t, a->mailbox);
	enum herr err;

	if (b->err != H_OK)
		return b->err;
	if (box == NULL)
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	if (a->delivery_id != NULL && a->look_up &&
	    store_delivered(t, a->delivery_id))
		return H_EXISTS;
	if (!record_check(a->record, size))
		return H_INVALID;
	if ((err = row_quota(t, size)) != H_OK)
		return err;
	if (box->row.uidnext >= UINT32_MAX - 1)
		return H_LIMIT;
	if (b->id != 0 && db_get(t->db, TREE_MESSAGE, key_span(&key), &row))
		return H_INVALID; /* published before */
	if (b->id != 0 && !upload_is_there(t, b->id))
		return store_error(t) != H_OK ? store_error(t) : H_IO;
	err = db_want_space(
	    t->db, body_need(b->body) + a->record.len + ROWS_NEED);
	t->store->space_is_short = err == H_FULL;
	return err;
}

enum herr
store_append(struct store_txn *t, struct store_blob *b,
    const struct store_append *a, uint32_t *uid)
{
	struct index_row row = {
		.size = body_size(b->body),
		.internaldate = a->internaldate,
		.keyword = { a->flags.keyword[0], a->flags.keyword[1] },
		.system = a->flags.system & STORE_SYSTEM_FLAGS,
	};
	struct box *box;
	enum herr err;

	if (!txn_may_write(t))
		return store_error(t);
	body_end(b->body);
	if ((err = may_append(t, b, a)) != H_OK)
		return store_error(t) != H_OK ? store_error(t) : err;
	row.message = b->id != 0 ? b->id : t->account.next_message++;
	body_put(b->body, t->db, TREE_BODY, row.message, b->id == 0);
	if (b->id != 0)
		txn_delete(t, key_own(OWN_UPLOAD, b->id));
	put_message(t, row.message, b->id == 0, b->body, a);
	if ((box = txn_box(t, a->mailbox)) == NULL)
		return store_error(t);
	if ((err = row_add(t, box, &row)) == H_OK)
		*uid = row.uid;
	return err;
}

/* ---- was it delivered ---- */

/* From the newest backwards; a clock that jumped must not end the search too
 * early, so some are always looked at. */
static bool
too_old(unsigned looked, int64_t delivered, int64_t made)
{
	return looked >= LOOK_AT_LEAST &&
	       (delivered + LOOK_BEFORE_ID < made ||
		   delivered + DELIVERED_WAIT < clock_wall());
}

static bool
is_held(struct store_txn *t, const uint8_t *id, int64_t made)
{
	struct key end = key_message(UINT64_MAX);
	struct db_cursor *c = db_cursor(t->db, TREE_MESSAGE);
	struct message_row row;
	bool found = false;
	unsigned n = 0;

	for (bool more = db_seek_before(c, key_span(&end)); more && !found;
	     more = !found && db_prev(c)) {
		if (!message_get(db_value(c), &row)) {
			db_corrupt(t->db, TREE_MESSAGE, db_key(c), "row");
			break;
		}
		found = row.has_delivery_id &&
		        memcmp(row.delivery_id, id, DELIVERY_ID) == 0;
		if (too_old(++n, row.delivered, made))
			break;
	}
	db_cursor_close(&c);
	return found;
}

/* It was, and is deleted since. */
static bool
was_held(struct store_txn *t, const uint8_t *id, int64_t made)
{
	struct key end = key_own_end(OWN_DELIVERED);
	struct db_cursor *c = db_cursor(t->db, TREE_MAILBOX);
	bool found = false;
	uint64_t message;
	unsigned n = 0;
	int64_t time;

	for (bool more = db_seek_before(c, key_span(&end));
	     more && !found &&
	     key_is_timed(db_key(c), OWN_DELIVERED, &time, &message);
	     more = !found && db_prev(c)) {
		found = db_value(c).len == DELIVERY_ID &&
		        memcmp(db_value(c).ptr, id, DELIVERY_ID) == 0;
		if (too_old(++n, time - DELIVERED_WAIT, made))
			break;
	}
	db_cursor_close(&c);
	return found;
}

bool
store_delivered(struct store_txn *t, const uint8_t id[STORE_DELIVERY_ID_LEN])
{
	/* The id begins with the time it was made at, in ms. */
	int64_t made = (int64_t)(be64(id) / 1000);

	return is_held(t, id, made) || was_held(t, id, made);
}
