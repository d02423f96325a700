/*
 * Verification, second pass: every message is read, its digest compared, its
 * record made again.  A few megabytes a transaction: a long one would keep the
 * file from using its free pages, and a damaged message must not hide the next.
 */
#include <xxhash.h>

#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"
#include "common/wire.h"
#include "mailstore/store_verify.h"

enum { BYTES_AT_ONCE = 4 * 1024 * 1024 };

struct reread {
	struct verify *v;
	struct store_txn *txn;
	uint64_t bytes; /* read in this transaction */
	XXH3_state_t *hash;
};

static void
turn(struct reread *r)
{
	if (r->txn != NULL)
		verify_end(r->v, &r->txn);
	r->txn = store_begin(r->v->store, STORE_READ);
	r->bytes = 0;
}

/* The smallest message number > *id, also of a row that is damaged. */
static bool
next_message(struct reread *r, uint64_t *id)
{
	struct key key = key_message(*id + 1);
	struct db_cursor *c = db_cursor(r->txn->db, TREE_MESSAGE);
	bool found = db_seek(c, key_span(&key)) || db_key(c).len == 8;

	if (found && db_key(c).len == 8)
		*id = be64(db_key(c).ptr);
	else
		found = false;
	db_cursor_close(&c);
	return found;
}

/* Bytes to digest and scanner; H_NOTFOUND if it was swept meanwhile. */
static enum herr
feed(struct reread *r, uint64_t id, uint64_t size, struct mime *mime)
{
	struct message_row row;
	enum herr err;

	XXH3_128bits_reset(r->hash);
	for (uint64_t at = 0; at < size;) {
		struct span bytes = store_bytes(r->txn, id, at);

		if (bytes.len == 0)
			return store_error(r->txn) != H_OK ? store_error(r->txn)
			                                   : H_NOTFOUND;
		XXH3_128bits_update(r->hash, bytes.ptr, bytes.len);
		mime_feed(mime, bytes);
		at += bytes.len;
		r->bytes += bytes.len;
		if (r->bytes >= BYTES_AT_ONCE) {
			turn(r);
			if ((err = message_look(r->txn, id, &row)) != H_OK)
				return err;
		}
	}
	return H_OK;
}

/* Blocks behind the last. */
static bool
has_more(struct reread *r, uint64_t id, uint64_t size)
{
	struct body_reader reader = { 0 };
	struct span bytes;
	uint64_t beyond =
	    (size + BODY_BLOCK - 1) / BODY_BLOCK * (uint64_t)BODY_BLOCK;
	bool more =
	    body_get(r->txn->db, TREE_BODY, id, beyond, &reader, &bytes);

	body_reader_free(&reader);
	return more;
}

static void
compare(struct reread *r, uint64_t id, const uint8_t *digest, struct mime *mime)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	XXH128_canonical_t canonical;
	unsigned long long name = id;
	struct message_row row;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(r->hash));
	if (memcmp(&canonical, digest, BODY_DIGEST_LEN) != 0)
		verify_fault(r->v, "message %llu: digest", name);
	mime_end(mime, &record);
	if (message_look(r->txn, id, &row) != H_OK)
		return;
	if (row.record.len != record.len ||
	    memcmp(row.record.ptr, record.ptr, record.len) != 0)
		verify_fault(r->v, "message %llu: record", name);
	if (has_more(r, id, row.size))
		verify_fault(r->v, "message %llu: bytes beyond its end", name);
	buf_free(&record);
}

static void
reread(struct reread *r, uint64_t id)
{
	uint8_t digest[BODY_DIGEST_LEN];
	struct message_row row;
	struct mime *mime;
	enum herr err = message_look(r->txn, id, &row);

	if (err == H_OK) {
		memcpy(digest, row.digest, sizeof digest);
		mime = mime_new();
		err = feed(r, id, row.size, mime);
		if (err == H_OK)
			compare(r, id, digest, mime);
		mime_free(&mime);
	}
	if (err == H_CORRUPT)
		verify_fault(r->v, "message %llu cannot be read",
		    (unsigned long long)id);
}

void
verify_reread(struct verify *v)
{
	struct reread r = { .v = v, .hash = XXH3_createState() };
	uint64_t id = 0;

	if (r.hash == NULL)
		PANIC("out of memory");
	turn(&r);
	while (v->err == H_OK && next_message(&r, &id)) {
		/* A transaction that met damage says nothing more. */
		if (store_error(r.txn) != H_OK)
			verify_fault(
			    v, "message %llu: row", (unsigned long long)id);
		else
			reread(&r, id);
		if (r.bytes >= BYTES_AT_ONCE || store_error(r.txn) != H_OK)
			turn(&r);
	}
	verify_end(v, &r.txn);
	XXH3_freeState(r.hash);
}
