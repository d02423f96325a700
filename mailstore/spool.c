/*
 * The queue's environment: opening, transactions, bytes on their way in.
 *
 * As in an account's store, a small message waits in memory for the transaction
 * that publishes it; a large one goes to disk before, piece by piece, noted in
 * the tree "upload" until it is published, so that what was never published is
 * found: by spool_tidy(), or after a crash when the queue is opened next.
 */
#include "mailstore/spool.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/spool_int.h"

enum {
	SCHEMA = 1,
	ROWS_NEED = 64 * 1024, /* disk that other rows may take meanwhile */
	TIDY_MS = 60 * 1000,
};

static const struct db_shape shape = {
	.what = "queue",
	.trees = { "body", "entry", "recipient", "known", "upload" },
	.reserve = 8 * 1024 * 1024,
};

struct span
spool_key(struct spool_key *k, uint64_t id)
{
	put_be64(k->bytes, id);
	return (struct span){ k->bytes, 8 };
}

struct span
spool_key_of(struct spool_key *k, uint64_t id, uint32_t number)
{
	put_be64(k->bytes, id);
	put_be32(k->bytes + 8, number);
	return (struct span){ k->bytes, 12 };
}

/* ---- transactions ---- */

/* The one row of the main tree: schema and the next ids. */
static void
read_ids(struct spool_txn *t)
{
	struct span row;
	struct wire w;
	uint32_t schema;

	t->next_entry = t->next_body = 1;
	if (!db_get(t->db, DB_MAIN, SPAN("queue"), &row))
		return;
	w = wire_over(row);
	schema = wire_u32(&w);
	t->next_entry = wire_u64(&w);
	t->next_body = wire_u64(&w);
	if (schema != SCHEMA || !wire_end(&w) || t->next_entry == 0 ||
	    t->next_body == 0)
		db_corrupt(t->db, DB_MAIN, SPAN("queue"), "malformed");
}

static void
write_ids(struct spool_txn *t)
{
	struct buf row = BUF_INIT(64);

	wire_put_u32(&row, SCHEMA);
	wire_put_u64(&row, t->next_entry);
	wire_put_u64(&row, t->next_body);
	db_put(t->db, DB_MAIN, SPAN("queue"), buf_span(&row));
	buf_free(&row);
}

struct spool_txn *
spool_begin(struct spool *s, bool write)
{
	struct spool_txn *t = &s->txn;
	int64_t now = clock_mono_ms();

	if (t->db != NULL)
		PANIC("a transaction of the queue is open");
	if (write && now - s->tidied_ms > TIDY_MS) {
		s->tidied_ms = now;
		db_tidy(s->db);
	}
	*t = (struct spool_txn){ .spool = s, .db = db_begin(s->db, write) };
	read_ids(t);
	return t;
}

enum herr
spool_commit(struct spool_txn **tp)
{
	struct spool_txn *t = *tp;

	*tp = NULL;
	if (t->ids_changed)
		write_ids(t);
	body_reader_forget(&t->spool->reader);
	return db_commit(&t->db);
}

void
spool_abort(struct spool_txn **tp)
{
	struct spool_txn *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	body_reader_forget(&t->spool->reader);
	db_abort(&t->db);
}

/* ---- opening ---- */

static enum herr
check_schema(struct spool *s)
{
	struct db_txn *t = db_begin(s->db, false);
	struct span row;
	enum herr err = H_OK;

	if (db_get(t, DB_MAIN, SPAN("queue"), &row) && row.len >= 4 &&
	    le32(row.ptr) > SCHEMA) {
		log_event(LOG_ERROR, "queue",
		    "written by a newer Hearth; left untouched");
		err = H_VERSION;
	} else
		err = db_error(t);
	db_abort(&t);
	return err;
}

static bool
first_upload(struct spool *s, uint64_t *body)
{
	struct spool_txn *t = spool_begin(s, false);
	struct db_cursor *c = db_cursor(t->db, SPOOL_UPLOAD);
	bool found = db_seek(c, SPOOL_FIRST_KEY) && db_key(c).len == 8;

	if (found)
		*body = be64(db_key(c).ptr);
	db_cursor_close(&c);
	spool_abort(&t);
	return found;
}

/* Bytes that no entry was made of: about BODY_PIECE of them a transaction. */
static enum herr
drop_upload(struct spool *s, uint64_t body)
{
	enum herr err = H_OK;
	bool more = true;

	while (more && err == H_OK) {
		struct spool_txn *t = spool_begin(s, true);
		struct spool_key key;
		uint64_t deleted = 0;

		if (!spool_upload_is_there(t, body)) {
			err = db_error(t->db);
			spool_abort(&t);
			break;
		}
		more =
		    body_delete(t->db, SPOOL_BODY, body, BODY_PIECE, &deleted);
		if (!more)
			(void)db_delete(
			    t->db, SPOOL_UPLOAD, spool_key(&key, body));
		err = spool_commit(&t);
	}
	return err;
}

/* What a crash left behind. */
static enum herr
sweep(struct spool *s)
{
	enum herr err = H_OK;
	uint64_t body;

	while (err == H_OK && first_upload(s, &body))
		err = drop_upload(s, body);
	return err;
}

void
spool_tidy(struct spool *s)
{
	/* What cannot be dropped now is found when the queue is opened next. */
	for (size_t i = 0; i < s->nleft; i++)
		(void)!drop_upload(s, s->left[i]);
	s->nleft = 0;
}

enum herr
spool_open(struct spool **sp, const char *folder)
{
	struct spool *s = mem_alloc(sizeof(*s));
	enum herr err;

	if ((err = db_create(folder)) == H_OK &&
	    (err = db_open(&s->db, folder, &shape)) == H_OK &&
	    (err = check_schema(s)) == H_OK)
		err = sweep(s);
	/* With room to delete on a full disk, all that waits can still go out;
	 * and it is not what is swept that matters. */
	if (err == H_FULL || err == H_CORRUPT) {
		log_event(LOG_WARN, "queue-sweep", herr_text(err));
		err = H_OK;
	}
	if (err != H_OK)
		spool_close(&s);
	*sp = s;
	return err;
}

enum herr
spool_open_copy(struct spool **sp, const char *file)
{
	struct spool *s = mem_alloc(sizeof(*s));
	enum herr err;

	if ((err = db_open_published(&s->db, file, &shape)) == H_OK)
		err = check_schema(s);
	if (err != H_OK)
		spool_close(&s);
	*sp = s;
	return err;
}

enum herr
spool_copy_to(struct spool *s, int fd)
{
	return db_publish(s->db, fd);
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	if (s == NULL)
		return;
	body_reader_free(&s->reader);
	db_close(&s->db);
	mem_free(&s->left);
	mem_free(sp);
}

/* ---- bytes on their way in ---- */

struct spool_blob *
spool_blob_new(struct spool *s)
{
	struct spool_blob *b = mem_alloc(sizeof(*b));

	b->spool = s;
	b->body = body_new();
	return b;
}

/* No entry may have been made of it; spool_tidy() looks. */
static void
leave_upload(struct spool *s, uint64_t body)
{
	if (s->nleft == s->left_room) {
		s->left_room = s->left_room * 2 + 8;
		s->left = mem_resize(s->left, s->left_room, sizeof(*s->left));
	}
	s->left[s->nleft++] = body;
}

void
spool_blob_free(struct spool_blob **bp)
{
	struct spool_blob *b = *bp;

	if (b == NULL)
		return;
	if (b->id != 0)
		leave_upload(b->spool, b->id);
	body_free(&b->body);
	mem_free(bp);
}

bool
spool_upload_is_there(struct spool_txn *t, uint64_t body)
{
	struct spool_key key;
	struct span row;

	return db_get(t->db, SPOOL_UPLOAD, spool_key(&key, body), &row);
}

static void
note_upload(struct spool_txn *t, uint64_t body)
{
	struct spool_key key;
	char now[8];

	put_le64(now, (uint64_t)clock_wall());
	db_put(t->db, SPOOL_UPLOAD, spool_key(&key, body),
	    (struct span){ now, sizeof(now) });
}

/* Puts what is in memory on disk, belonging to no entry yet. */
static enum herr
upload_piece(void *arg)
{
	struct spool_blob *b = arg;
	struct spool_txn *t = spool_begin(b->spool, true);
	bool fresh = b->id == 0;
	uint64_t id = fresh ? t->next_body++ : b->id;
	enum herr err;

	t->ids_changed = fresh;
	if (!fresh && !spool_upload_is_there(t, id))
		err = H_IO;
	else
		err = db_want_space(t->db, body_need(b->body) + ROWS_NEED);
	if (err == H_OK) {
		body_put(b->body, t->db, SPOOL_BODY, id, fresh);
		note_upload(t, id);
		err = spool_commit(&t);
	}
	spool_abort(&t);
	if (err == H_OK) {
		body_forget(b->body);
		b->id = id;
	}
	return err;
}

enum herr
spool_blob_write(struct spool_blob *b, struct span bytes)
{
	if (b->err == H_OK)
		b->err = body_feed(b->body, bytes, upload_piece, b);
	return b->err;
}
