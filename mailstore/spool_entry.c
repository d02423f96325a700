/* Entries of the queue: what goes in, what changes, what goes out. */
#include "common/clock.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/spool_int.h"

enum {
	TEXT_MAX = 64 * 1024, /* of any string of a row */
	ROW_MAX = 256 * 1024,
	RECIPIENTS_MAX = 10000,
	ROWS_NEED = 64 * 1024,
	REMEMBER_S = 30 * 24 * 60 * 60,
	FORGET_A_TIME = 4,
};

/* ---- rows ---- */

static struct span
bytes16(const uint8_t *bytes)
{
	union {
		const uint8_t *from;
		const char *chars;
	} b = { .from = bytes };

	return (struct span){ b.chars, 16 };
}

static void
put_head(struct buf *row, const struct spool_entry *e, uint64_t body,
    uint64_t total, const uint8_t *digest)
{
	wire_put_bytes(row, bytes16(e->enqueue_id));
	wire_put_u64(row, (uint64_t)e->arrived);
	wire_put_u64(row, (uint64_t)e->internaldate);
	wire_put_u64(row, e->login);
	wire_put_u64(row, e->size);
	wire_put_u64(row, body);
	wire_put_u64(row, total);
	wire_put_bytes(row, bytes16(digest));
	wire_put_u32(row, (uint32_t)e->nrecipients);
	wire_put_bytes(row, span_of(e->trace));
	wire_put_bytes(row, span_of(e->reverse_path));
}

bool
spool_read_head(struct span row, struct spool_head *h)
{
	struct wire w = wire_over(row);
	struct span digest;

	h->enqueue_id = wire_bytes(&w, 16);
	h->arrived = (int64_t)wire_u64(&w);
	h->internaldate = (int64_t)wire_u64(&w);
	h->login = wire_u64(&w);
	h->size = wire_u64(&w);
	h->body = wire_u64(&w);
	h->total = wire_u64(&w);
	digest = wire_bytes(&w, 16);
	h->nrecipients = wire_u32(&w);
	h->trace = wire_bytes(&w, TEXT_MAX);
	h->reverse_path = wire_bytes(&w, TEXT_MAX);
	if (!wire_end(&w) || h->enqueue_id.len != 16 || digest.len != 16 ||
	    h->size > h->total || h->nrecipients > RECIPIENTS_MAX)
		return false;
	memcpy(h->digest, digest.ptr, sizeof(h->digest));
	return true;
}

bool
spool_get_head(struct spool_txn *t, uint64_t id, struct spool_head *h)
{
	struct spool_key key;
	struct span row;

	if (!db_get(t->db, SPOOL_ENTRY, spool_key(&key, id), &row))
		return false;
	if (spool_read_head(row, h))
		return true;
	db_corrupt(t->db, SPOOL_ENTRY, spool_key(&key, id), "malformed");
	return false;
}

static void
put_recipient(struct buf *row, const struct spool_recipient *r)
{
	wire_put_u64(row, r->account);
	wire_put_bytes(row, bytes16(r->delivery_id));
	wire_put_u8(row, (uint8_t)r->state);
	wire_put_u32(row, r->tries);
	wire_put_u64(row, (uint64_t)r->next_try);
	wire_put_bytes(row, span_of(r->address));
	wire_put_bytes(row, span_of(r->prefix));
	wire_put_bytes(row, span_of(r->answer != NULL ? r->answer : ""));
}

bool
spool_read_recipient(struct span row, struct spool_recipient *r)
{
	struct wire w = wire_over(row);
	struct span id, address, prefix, answer;
	uint8_t state;

	*r = (struct spool_recipient){ .account = wire_u64(&w) };
	id = wire_bytes(&w, 16);
	state = wire_u8(&w);
	r->tries = wire_u32(&w);
	r->next_try = (int64_t)wire_u64(&w);
	address = wire_bytes(&w, TEXT_MAX);
	prefix = wire_bytes(&w, TEXT_MAX);
	answer = wire_bytes(&w, TEXT_MAX);
	if (!wire_end(&w) || id.len != 16 || state < SPOOL_WAITING ||
	    state > SPOOL_HELD)
		return false;
	memcpy(r->delivery_id, id.ptr, 16);
	r->state = (enum spool_state)state;
	r->address = mem_string(address);
	r->prefix = mem_string(prefix);
	r->answer = mem_string(answer);
	return true;
}

void
spool_recipient_release(struct spool_recipient *r)
{
	mem_free(&r->address);
	mem_free(&r->prefix);
	mem_free(&r->answer);
}

void
spool_entry_release(struct spool_entry *e)
{
	for (size_t i = 0; i < e->nrecipients; i++)
		spool_recipient_release(&e->recipients[i]);
	mem_free(&e->recipients);
	mem_free(&e->trace);
	mem_free(&e->reverse_path);
	*e = (struct spool_entry){ 0 };
}

/* ---- what is known ---- */

bool
spool_known(struct spool_txn *t, const uint8_t enqueue_id[16], uint64_t *id)
{
	struct span row;

	if (!db_get(t->db, SPOOL_KNOWN, bytes16(enqueue_id), &row))
		return false;
	if (row.len != 16) {
		db_corrupt(
		    t->db, SPOOL_KNOWN, bytes16(enqueue_id), "malformed");
		return false;
	}
	*id = le64(row.ptr);
	return true;
}

static void
put_known(struct spool_txn *t, const struct spool_entry *e)
{
	char row[16];

	put_le64(row, e->id);
	put_le64(row + 8, (uint64_t)clock_wall());
	db_put(t->db, SPOOL_KNOWN, bytes16(e->enqueue_id),
	    (struct span){ row, sizeof(row) });
}

/*
 * An entry may be gone while its receiver still asks whether it was taken, so
 * enqueue ids are kept longer.  They begin with the time: the oldest come
 * first.
 */
void
spool_forget_old(struct spool_txn *t)
{
	int64_t before = clock_wall() - REMEMBER_S;

	for (int i = 0; i < FORGET_A_TIME; i++) {
		struct db_cursor *c = db_cursor(t->db, SPOOL_KNOWN);
		char key[16];
		bool old = db_seek(c, SPOOL_FIRST_KEY) &&
		           db_key(c).len == sizeof(key) &&
		           db_value(c).len == 16 &&
		           (int64_t)le64(db_value(c).ptr + 8) < before;

		if (old)
			memcpy(key, db_key(c).ptr, sizeof(key));
		db_cursor_close(&c);
		if (!old)
			return;
		(void)db_delete(
		    t->db, SPOOL_KNOWN, (struct span){ key, sizeof(key) });
	}
}

/* ---- in ---- */

static bool
fits(const struct spool_entry *e)
{
	if (e->nrecipients == 0 || e->nrecipients > RECIPIENTS_MAX ||
	    strlen(e->trace) > TEXT_MAX || strlen(e->reverse_path) > TEXT_MAX)
		return false;
	for (size_t i = 0; i < e->nrecipients; i++) {
		const struct spool_recipient *r = &e->recipients[i];

		if (strlen(r->address) > TEXT_MAX ||
		    strlen(r->prefix) > TEXT_MAX)
			return false;
	}
	return true;
}

static uint64_t
rows_need(const struct spool_entry *e)
{
	uint64_t need = ROWS_NEED;

	for (size_t i = 0; i < e->nrecipients; i++)
		need += 512 + strlen(e->recipients[i].address) +
		        strlen(e->recipients[i].prefix);
	return need;
}

static enum herr
may_add(struct spool_txn *t, const struct spool_blob *b, struct spool_entry *e)
{
	uint64_t known;

	if (b->err != H_OK)
		return b->err;
	if (spool_known(t, e->enqueue_id, &known)) {
		e->id = known;
		return H_EXISTS;
	}
	if (!fits(e) || e->size > body_size(b->body))
		return H_INVALID;
	if (b->id != 0 && !spool_upload_is_there(t, b->id))
		return db_error(t->db) != H_OK ? db_error(t->db) : H_IO;
	return db_want_space(t->db, body_need(b->body) + rows_need(e));
}

static void
put_recipients(struct spool_txn *t, const struct spool_entry *e)
{
	struct buf row = BUF_INIT(ROW_MAX);
	struct spool_key key;

	for (size_t i = 0; i < e->nrecipients; i++) {
		struct span k = spool_key_of(&key, e->id, (uint32_t)i), bytes;

		buf_clear(&row);
		put_recipient(&row, &e->recipients[i]);
		bytes = buf_span(&row);
		db_put_pieces(t->db, SPOOL_RECIPIENT, k, &bytes, 1, true);
	}
	buf_free(&row);
}

enum herr
spool_add(struct spool_txn *t, struct spool_blob *b, struct spool_entry *e)
{
	struct buf row = BUF_INIT(ROW_MAX);
	bool fresh = b->id == 0;
	struct spool_key key;
	struct span bytes;
	uint64_t body;
	enum herr err;

	body_end(b->body);
	if ((err = may_add(t, b, e)) != H_OK)
		return db_error(t->db) != H_OK ? db_error(t->db) : err;
	body = fresh ? t->next_body++ : b->id;
	e->id = t->next_entry++;
	t->ids_changed = true;
	body_put(b->body, t->db, SPOOL_BODY, body, fresh);
	if (!fresh)
		(void)db_delete(t->db, SPOOL_UPLOAD, spool_key(&key, body));
	put_head(&row, e, body, body_size(b->body), body_digest(b->body));
	bytes = buf_span(&row);
	db_put_pieces(
	    t->db, SPOOL_ENTRY, spool_key(&key, e->id), &bytes, 1, true);
	put_recipients(t, e);
	put_known(t, e);
	spool_forget_old(t);
	buf_free(&row);
	return db_error(t->db);
}

/* ---- there ---- */

static bool
get_recipients(struct spool_txn *t, struct spool_entry *e, size_t n)
{
	struct spool_key key;

	e->recipients = mem_array(n, sizeof(*e->recipients));
	for (size_t i = 0; i < n; i++) {
		struct span k = spool_key_of(&key, e->id, (uint32_t)i), row;

		if (!db_get(t->db, SPOOL_RECIPIENT, k, &row) ||
		    !spool_read_recipient(row, &e->recipients[i])) {
			db_corrupt(
			    t->db, SPOOL_RECIPIENT, k, "missing or malformed");
			return false;
		}
		e->nrecipients++;
	}
	return true;
}

enum herr
spool_get(struct spool_txn *t, uint64_t id, struct spool_entry *e)
{
	struct spool_head h;

	*e = (struct spool_entry){ .id = id };
	if (!spool_get_head(t, id, &h))
		return db_error(t->db) != H_OK ? db_error(t->db) : H_NOTFOUND;
	memcpy(e->enqueue_id, h.enqueue_id.ptr, sizeof(e->enqueue_id));
	e->arrived = h.arrived;
	e->internaldate = h.internaldate;
	e->login = h.login;
	e->size = h.size;
	e->trace = mem_string(h.trace);
	e->reverse_path = mem_string(h.reverse_path);
	if (get_recipients(t, e, h.nrecipients))
		return H_OK;
	spool_entry_release(e);
	return db_error(t->db);
}

bool
spool_next(struct spool_txn *t, uint64_t *id)
{
	struct db_cursor *c;
	struct spool_key key;
	bool found;

	if (*id == UINT64_MAX)
		return false;
	c = db_cursor(t->db, SPOOL_ENTRY);
	found = db_seek(c, spool_key(&key, *id + 1)) && db_key(c).len == 8;
	if (found)
		*id = be64(db_key(c).ptr);
	db_cursor_close(&c);
	return found;
}

struct span
spool_bytes(struct spool_txn *t, uint64_t id, uint64_t offset)
{
	struct spool_head h;
	struct spool_key key;
	struct span bytes = NO_SPAN;

	if (!spool_get_head(t, id, &h) || offset >= h.total)
		return NO_SPAN;
	if (!body_get(
		t->db, SPOOL_BODY, h.body, offset, &t->spool->reader, &bytes) ||
	    bytes.len == 0) {
		if (db_error(t->db) == H_OK)
			db_corrupt(t->db, SPOOL_ENTRY, spool_key(&key, id),
			    "bytes are missing");
		return NO_SPAN;
	}
	return bytes;
}

/* ---- changed, and out ---- */

enum herr
spool_update(struct spool_txn *t, const struct spool_entry *e)
{
	struct buf row = BUF_INIT(ROW_MAX);
	struct spool_head h;
	struct spool_key key;
	enum herr err = H_OK;

	if (!spool_get_head(t, e->id, &h))
		return db_error(t->db) != H_OK ? db_error(t->db) : H_NOTFOUND;
	if (h.nrecipients != e->nrecipients)
		return H_INVALID;
	for (size_t i = 0; i < e->nrecipients && err == H_OK; i++) {
		struct span k = spool_key_of(&key, e->id, (uint32_t)i), old;

		buf_clear(&row);
		put_recipient(&row, &e->recipients[i]);
		if (row.bad)
			err = H_LIMIT;
		else if (!db_get(t->db, SPOOL_RECIPIENT, k, &old) ||
			 !span_same(old, buf_span(&row)))
			db_put(t->db, SPOOL_RECIPIENT, k, buf_span(&row));
	}
	buf_free(&row);
	return db_error(t->db) != H_OK ? db_error(t->db) : err;
}

enum herr
spool_remove(struct spool_txn *t, uint64_t id)
{
	struct spool_head h;
	struct spool_key key;
	uint64_t deleted = 0;

	if (!spool_get_head(t, id, &h))
		return db_error(t->db) != H_OK ? db_error(t->db) : H_NOTFOUND;
	for (uint32_t i = 0; i < h.nrecipients; i++)
		(void)db_delete(
		    t->db, SPOOL_RECIPIENT, spool_key_of(&key, id, i));
	(void)db_delete(t->db, SPOOL_ENTRY, spool_key(&key, id));
	(void)body_delete(t->db, SPOOL_BODY, h.body, UINT64_MAX, &deleted);
	return db_error(t->db);
}

static bool
hold(struct spool_entry *e)
{
	bool any = false;

	for (size_t i = 0; i < e->nrecipients; i++)
		if (e->recipients[i].account == 0 &&
		    e->recipients[i].state == SPOOL_WAITING) {
			e->recipients[i].state = SPOOL_HELD;
			any = true;
		}
	return any;
}

enum herr
spool_hold_outside(struct spool *s, uint64_t *held)
{
	struct spool_txn *t = spool_begin(s, true);
	enum herr err = H_OK;
	uint64_t id = 0;

	*held = 0;
	while (err == H_OK && spool_next(t, &id)) {
		struct spool_entry e;

		if ((err = spool_get(t, id, &e)) != H_OK)
			break;
		if (hold(&e)) {
			err = spool_update(t, &e);
			++*held;
		}
		spool_entry_release(&e);
	}
	if (err == H_OK)
		return spool_commit(&t);
	spool_abort(&t);
	return err;
}
