/*
 * A message from the rows that were found: whole, with its record made anew, or
 * set aside.  Nothing is put before all of it was read.
 */
#include "mailstore/store_repair.h"

#include <xxhash.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"
#include "common/wire.h"

enum { FEED = 1024 * 1024 };

/* What is known of it. */
struct known {
	bool row; /* its row was found */
	struct message_row message;
	uint64_t blocks;
	uint64_t read; /* bytes */
	struct buf record;
};

/* ---- reading ---- */

static bool
piece(struct repair *r, uint64_t id, uint64_t block, unsigned n)
{
	uint8_t key[BODY_KEY_LEN];
	struct span k = { (const char *)key, sizeof key };
	size_t at;

	body_key(key, id, block, n);
	at = salvage_seek(r->from, TREE_BODY, k);
	return salvage_is_in(r->from, at, TREE_BODY) &&
	       salvage_key(r->from, at).len == sizeof key &&
	       memcmp(salvage_key(r->from, at).ptr, key, sizeof key) == 0 &&
	       salvage_value(r->from, at, &r->value);
}

static bool
block(struct repair *r, uint64_t id, uint64_t number, struct span *plain)
{
	unsigned pieces;

	buf_clear(&r->block);
	if (!piece(r, id, number, 0) || r->value.len <= BODY_HEAD)
		return false;
	pieces = (uint8_t)r->value.ptr[1];
	buf_add(&r->block, buf_span(&r->value));
	for (unsigned i = 1; i < pieces; i++) {
		if (!piece(r, id, number, i))
			return false;
		buf_add(&r->block, buf_span(&r->value));
	}
	return !r->block.bad &&
	       body_unpack(buf_span(&r->block), &r->reader, plain);
}

/* Blocks that it has, found or not: behind the last that was found there are
 * none, if its row does not say. */
static uint64_t
count_blocks(struct repair *r, uint64_t id)
{
	struct key end = key_message(id + 1);
	size_t at = salvage_seek(r->from, TREE_BODY, key_span(&end));
	struct span key;

	if (at == 0 || !salvage_is_in(r->from, at - 1, TREE_BODY))
		return 0;
	key = salvage_key(r->from, at - 1);
	return key.len == BODY_KEY_LEN && be64(key.ptr) == id
	           ? be32(key.ptr + 8) / 16 + 1
	           : 0;
}

static void
look(struct repair *r, const struct repair_message *m, struct known *k)
{
	struct key key = key_message(m->id);
	size_t at = salvage_seek(r->from, TREE_MESSAGE, key_span(&key));
	struct span found;

	*k = (struct known){ .record = BUF_INIT(RECORD_MAX) };
	if (salvage_is_in(r->from, at, TREE_MESSAGE)) {
		found = salvage_key(r->from, at);
		k->row = found.len == 8 && be64(found.ptr) == m->id &&
		         salvage_value(r->from, at, &r->value) &&
		         message_get(buf_span(&r->value), &k->message);
	}
	if (!k->row)
		k->message = (struct message_row){ .size = m->size,
			.delivered = m->date };
	k->message.record = NO_SPAN;
	k->blocks = k->row || m->held > 0
	                ? (k->message.size + BODY_BLOCK - 1) / BODY_BLOCK
	                : count_blocks(r, m->id);
}

/* All of it: the digest, the record, the size. */
static bool
is_whole(struct repair *r, uint64_t id, struct known *k)
{
	XXH3_state_t *hash = XXH3_createState();
	struct mime *mime = mime_new();
	XXH128_canonical_t digest;
	bool whole = true;
	struct span plain;

	if (hash == NULL)
		PANIC("out of memory");
	XXH3_128bits_reset(hash);
	for (uint64_t b = 0; b < k->blocks; b++) {
		if (!block(r, id, b, &plain)) {
			whole = false;
			continue;
		}
		whole =
		    whole && (plain.len == BODY_BLOCK || b + 1 == k->blocks);
		k->read += plain.len;
		XXH3_128bits_update(hash, plain.ptr, plain.len);
		mime_feed(mime, plain);
	}
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(hash));
	mime_end(mime, &k->record);
	mime_free(&mime);
	XXH3_freeState(hash);
	if (k->row)
		return whole && k->read == k->message.size &&
		       memcmp(&digest, k->message.digest, sizeof digest) == 0;
	memcpy(k->message.digest, &digest, sizeof digest);
	if (k->message.size == 0)
		k->message.size = k->read;
	return whole && k->read > 0 && k->read == k->message.size;
}

/* ---- putting ---- */

static void
put_bytes(struct repair *r, uint64_t id, uint64_t blocks)
{
	struct key key = key_message(id);
	size_t at = salvage_seek(r->from, TREE_BODY, key_span(&key));

	for (; salvage_is_in(r->from, at, TREE_BODY); at++) {
		struct span k = salvage_key(r->from, at), value;

		if (k.len != BODY_KEY_LEN || be64(k.ptr) != id ||
		    be32(k.ptr + 8) / 16 >= blocks)
			break;
		if (!salvage_value(r->from, at, &r->value)) {
			r->err = H_IO;
			return;
		}
		value = buf_span(&r->value);
		db_put_pieces(r->t->db, TREE_BODY, k, &value, 1, true);
		if (!repair_turn(r, value.len))
			return;
	}
}

static void
put(struct repair *r, struct repair_message *m, struct known *k)
{
	unsigned char head[MESSAGE_HEAD_LEN];
	struct key key = key_message(m->id);

	put_bytes(r, m->id, k->blocks);
	if (r->err != H_OK)
		return;
	message_put(head, &k->message);
	db_put_pieces(r->t->db, TREE_MESSAGE, key_span(&key),
	    (struct span[]){
		{ (char *)head, sizeof head }, buf_span(&k->record) },
	    2, true);
	m->whole = true;
	m->size = k->message.size;
	m->date = k->message.delivered;
	(void)repair_turn(r, sizeof head + k->record.len);
}

/* ---- setting aside ---- */

/* As an mbox has it: ">" before lines that look like the first of a message. */
static void
add_quoted(struct buf *out, struct span bytes, bool *at_start)
{
	for (size_t i = 0; i < bytes.len; i++) {
		struct span rest = { bytes.ptr + i, bytes.len - i };
		size_t marks = 0;

		while (*at_start && marks < rest.len && rest.ptr[marks] == '>')
			marks++;
		if (*at_start && rest.len - marks >= 5 &&
		    memcmp(rest.ptr + marks, "From ", 5) == 0)
			buf_byte(out, '>');
		buf_byte(out, bytes.ptr[i]);
		*at_start = bytes.ptr[i] == '\n';
	}
}

static void
set_aside(struct repair *r, const struct repair_message *m, struct known *k)
{
	struct buf out = BUF_INIT(2 * FEED);
	time_t when = (time_t)k->message.delivered;
	uint64_t saved = k->read;
	bool at_start = true;
	struct span plain;
	struct tm tm;
	char date[64];

	gmtime_r(&when, &tm);
	strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
	buf_format(&out, "From MAILER-DAEMON %s\n", date);
	for (uint64_t b = 0; b < k->blocks && r->err == H_OK; b++) {
		if (block(r, m->id, b, &plain))
			add_quoted(&out, plain, &at_start);
		else
			buf_text(
			    &out, "\n[some bytes could not be read here]\n");
		if (out.len > FEED) {
			r->err = file_write(r->aside, buf_span(&out));
			buf_clear(&out);
		}
	}
	buf_text(&out, "\n\n");
	if (r->err == H_OK && saved > 0)
		r->err = file_write(r->aside, buf_span(&out));
	buf_free(&out);
	r->result->aside++;
	repair_tell(r,
	    "message %llu is not whole: %llu of its %llu bytes are set aside",
	    (unsigned long long)m->id, (unsigned long long)saved,
	    (unsigned long long)k->message.size);
}

void
repair_message(struct repair *r, struct repair_message *m)
{
	struct known k;

	look(r, m, &k);
	if (m->dead && m->held == 0) {
		/* Only its delivery id is wanted any more. */
		if (k.row && k.message.has_delivery_id)
			txn_put(r->t,
			    key_timed(OWN_DELIVERED,
				k.message.delivered + DELIVERED_WAIT, m->id),
			    (struct span){
				(char *)k.message.delivery_id, DELIVERY_ID });
	} else if (!m->unpublished) {
		if (is_whole(r, m->id, &k))
			put(r, m, &k);
		else
			set_aside(r, m, &k);
	}
	buf_free(&k.record);
}
