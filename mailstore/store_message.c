/*
 * Messages: bytes and record, which copies share.
 *
 * A message's row is written once and not touched again while a mailbox holds
 * it.  Copies beyond the first are counted in a small row of their own, so that
 * copying and expunging ten thousand messages does not rewrite ten thousand
 * records.  When the last copy goes, the message joins the list of the dead.
 */
#include <xxhash.h>

#include "common/clock.h"
#include "common/wire.h"
#include "mailstore/store_int.h"

static enum herr
not_there(const struct store_txn *t)
{
	return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
}

enum herr
message_look(struct store_txn *t, uint64_t message, struct message_row *row)
{
	struct key key = key_message(message);
	struct span value;

	if (t->message.good && t->message.id == message &&
	    store_error(t) == H_OK) {
		*row = t->message.row;
		return H_OK;
	}
	if (!db_get(t->db, TREE_MESSAGE, key_span(&key), &value))
		return not_there(t);
	if (!message_get(value, row)) {
		txn_corrupt(t, TREE_MESSAGE, key, "row of a message");
		return H_CORRUPT;
	}
	if (!t->write) {
		t->message.id = message;
		t->message.row = *row;
		t->message.good = true;
	}
	return H_OK;
}

/* ---- copies ---- */

static uint32_t
refs(struct store_txn *t, struct key key)
{
	struct span row;

	if (!txn_get(t, key, &row))
		return 0;
	if (row.len != 4 || le32(row.ptr) == 0) {
		txn_corrupt(t, TREE_MAILBOX, key, "count of copies");
		return 0;
	}
	return le32(row.ptr);
}

static void
refs_put(struct store_txn *t, struct key key, uint32_t n)
{
	unsigned char row[4];

	put_le32(row, n);
	if (n == 0)
		txn_delete(t, key);
	else
		txn_put(t, key, (struct span){ (char *)row, sizeof row });
}

void
message_hold(struct store_txn *t, uint64_t message)
{
	struct key key = key_own(OWN_REFS, message);

	refs_put(t, key, refs(t, key) + 1);
}

void
message_let_go(struct store_txn *t, uint64_t message)
{
	struct key key = key_own(OWN_REFS, message);
	uint32_t n = refs(t, key);

	if (n > 0)
		refs_put(t, key, n - 1);
	else
		txn_put(t,
		    key_timed(OWN_DEAD, clock_wall() + DEAD_WAIT, message),
		    SPAN(""));
}

/* ---- asked from outside ---- */

struct span
store_record(struct store_txn *t, uint64_t message)
{
	struct message_row row;

	return message_look(t, message, &row) == H_OK ? row.record : NO_SPAN;
}

struct span
store_bytes(struct store_txn *t, uint64_t message, uint64_t offset)
{
	struct message_row row;
	struct span bytes;

	if (message_look(t, message, &row) != H_OK || offset >= row.size)
		return NO_SPAN;
	if (!body_get(
		t->db, TREE_BODY, message, offset, &t->store->reader, &bytes) ||
	    bytes.len > row.size - offset) {
		txn_corrupt(
		    t, TREE_MESSAGE, key_message(message), "bytes are missing");
		return NO_SPAN;
	}
	return bytes;
}

struct span
store_head(struct store_txn *t, uint64_t message, size_t want)
{
	struct message_row row;
	struct span bytes;

	if (message_look(t, message, &row) != H_OK || row.size == 0)
		return NO_SPAN;
	if (!body_head(
		t->db, TREE_BODY, message, want, &t->store->reader, &bytes) ||
	    bytes.len > row.size) {
		txn_corrupt(
		    t, TREE_MESSAGE, key_message(message), "bytes are missing");
		return NO_SPAN;
	}
	return bytes;
}

static bool
digest_is_right(const struct message_row *row, struct span bytes)
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(
	    &canonical, XXH3_128bits(bytes.ptr, bytes.len));
	return memcmp(&canonical, row->digest, BODY_DIGEST_LEN) == 0;
}

enum herr
store_read(struct store_txn *t, uint64_t message, uint64_t offset, uint64_t len,
    struct buf *out)
{
	size_t before = out->len;
	struct message_row row;
	struct span bytes;
	enum herr err;

	if ((err = message_look(t, message, &row)) != H_OK)
		return err;
	if (offset > row.size)
		offset = row.size;
	if (len > row.size - offset)
		len = row.size - offset;
	for (uint64_t end = offset + len, at = offset; at < end;
	     at += bytes.len) {
		bytes = store_bytes(t, message, at);
		if (bytes.len == 0)
			return store_error(t);
		if (bytes.len > end - at)
			bytes.len = (size_t)(end - at);
		buf_add(out, bytes);
		if (out->bad)
			return H_LIMIT;
	}
	if (len == row.size &&
	    !digest_is_right(
		&row, (struct span){ out->ptr + before, out->len - before })) {
		out->len = before;
		txn_corrupt(t, TREE_MESSAGE, key_message(message), "digest");
	}
	return store_error(t);
}
