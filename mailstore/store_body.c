/*
 * Blocks of a message: compressed as they come, cut into pieces that fill
 * pages, put together again.
 */
#include "mailstore/store_body.h"

#include <lz4.h>
#include <xxhash.h>

#include "common/mem.h"
#include "common/wire.h"

enum {
	CODEC_PLAIN = 1,
	CODEC_LZ4 = 2,

	FEED = 128 * 1024, /* between looks at what is held */
	PIECES_MAX = 16,
	/* Three rows of that many bytes fill a page to the last: (4,096 - 16) /
	   3, less 2 + 8 + 12 + 4 that LMDB, key and check take. */
	PIECE_MAX = 1334,
	SMALL_ROWS_MAX = 3,
	ROW_COST = 64, /* for body_need(): what a row takes beside its bytes */
};

/* What a run of k whole pages holds. */
#define RUN(k) ((size_t)(k)*DB_PAGE - DB_PAGE_HEAD - DB_CHECK)

struct block {
	uint8_t codec;
	size_t plain; /* bytes of input */
	size_t len;   /* stored bytes, without the head */
	char *bytes;
};

struct body {
	uint64_t size;
	struct buf in;      /* of the block that is not complete */
	XXH3_state_t *hash; /* once there is more than one block */
	uint8_t digest[BODY_DIGEST_LEN];
	bool ended;
	struct block *blocks; /* held */
	size_t nblocks, room;
	uint64_t forgotten; /* blocks before these */
	size_t held;
};

/* ---- writing ---- */

struct body *
body_new(void)
{
	struct body *b = mem_alloc(sizeof *b);

	b->in = BUF_INIT(BODY_BLOCK);
	return b;
}

void
body_forget(struct body *b)
{
	for (size_t i = 0; i < b->nblocks; i++)
		mem_free(&b->blocks[i].bytes);
	b->forgotten += b->nblocks;
	b->nblocks = 0;
	b->held = 0;
}

void
body_free(struct body **bp)
{
	struct body *b = *bp;

	if (b == NULL)
		return;
	body_forget(b);
	mem_free(&b->blocks);
	buf_free(&b->in);
	if (b->hash != NULL)
		XXH3_freeState(b->hash);
	mem_free(bp);
}

uint64_t
body_size(const struct body *b)
{
	return b->size;
}

/* The block that was gathered is complete: keeps the smaller of its two forms.
 */
static void
block_add(struct body *b)
{
	char packed[BODY_BLOCK];
	struct span plain = buf_span(&b->in), use = plain;
	struct block *block;
	/* Hardly smaller is not worth unpacking it at every look. */
	int most = (int)(plain.len - plain.len / 16);
	int len = LZ4_compress_default(plain.ptr, packed, (int)plain.len, most);

	if (len > 0)
		use = (struct span){ packed, (size_t)len };
	if (b->nblocks == b->room) {
		b->room = b->room == 0 ? 1 : b->room * 2;
		b->blocks = mem_resize(b->blocks, b->room, sizeof *b->blocks);
	}
	block = &b->blocks[b->nblocks++];
	*block = (struct block){
		.codec = len > 0 ? CODEC_LZ4 : CODEC_PLAIN,
		.plain = plain.len,
		.len = use.len,
		.bytes = mem_alloc(use.len),
	};
	memcpy(block->bytes, use.ptr, use.len);
	b->held += use.len;
	buf_clear(&b->in);
}

static void
hash_add(struct body *b)
{
	if (b->hash == NULL) {
		b->hash = XXH3_createState();
		if (b->hash == NULL)
			PANIC("out of memory");
		XXH3_128bits_reset(b->hash);
	}
	XXH3_128bits_update(b->hash, b->in.ptr, b->in.len);
}

void
body_write(struct body *b, struct span bytes)
{
	assert(!b->ended && bytes.len <= BODY_MAX - b->size);
	b->size += bytes.len;
	while (bytes.len > 0) {
		size_t room = BODY_BLOCK - b->in.len;
		size_t n = bytes.len < room ? bytes.len : room;

		/* Not before more comes: the only block of a message that just
		 * fills it needs no hash state. */
		if (room == 0) {
			hash_add(b);
			block_add(b);
			continue;
		}
		buf_add(&b->in, (struct span){ bytes.ptr, n });
		bytes.ptr += n;
		bytes.len -= n;
	}
}

enum herr
body_feed(
    struct body *b, struct span bytes, enum herr (*put)(void *arg), void *arg)
{
	enum herr err = bytes.len > BODY_MAX - b->size ? H_LIMIT : H_OK;

	while (err == H_OK && bytes.len > 0) {
		struct span part = { bytes.ptr,
			bytes.len < FEED ? bytes.len : FEED };

		body_write(b, part);
		bytes.ptr += part.len;
		bytes.len -= part.len;
		if (b->held > BODY_PIECE)
			err = put(arg);
	}
	return err;
}

void
body_end(struct body *b)
{
	XXH128_canonical_t canonical;
	XXH128_hash_t hash;

	if (b->ended)
		return;
	b->ended = true;
	if (b->hash != NULL) {
		hash_add(b);
		hash = XXH3_128bits_digest(b->hash);
	} else
		hash = XXH3_128bits(b->in.ptr, b->in.len);
	XXH128_canonicalFromHash(&canonical, hash);
	static_assert(sizeof canonical == BODY_DIGEST_LEN, "digest");
	memcpy(b->digest, &canonical, BODY_DIGEST_LEN);
	if (b->in.len > 0)
		block_add(b);
	buf_free(&b->in);
}

const uint8_t *
body_digest(const struct body *b)
{
	assert(b->ended);
	return b->digest;
}

uint64_t
body_need(const struct body *b)
{
	return b->held + b->in.len +
	       (uint64_t)(b->nblocks + 1) * (SMALL_ROWS_MAX + 1) * ROW_COST;
}

void
body_key(uint8_t key[BODY_KEY_LEN], uint64_t id, uint64_t block, unsigned piece)
{
	put_be64(key, id);
	put_be32(key + 8, (uint32_t)(block * PIECES_MAX + piece));
}

/* How a block of `len` bytes (with its head) is cut: lengths of the pieces;
 * returns their number. */
static unsigned
cut(size_t len, size_t piece[1 + SMALL_ROWS_MAX])
{
	size_t pages = (len + DB_PAGE - RUN(1)) / DB_PAGE;
	size_t rest, rows;
	unsigned n = 0;

	if (pages > 0) {
		rest = len - RUN(pages);
		if (rest > SMALL_ROWS_MAX * PIECE_MAX) { /* nearly a page */
			piece[0] = len;
			return 1;
		}
		piece[n++] = RUN(pages);
	} else {
		rest = len;
		if (rest > SMALL_ROWS_MAX * PIECE_MAX) {
			piece[0] = len;
			return 1;
		}
	}
	rows = (rest + PIECE_MAX - 1) / PIECE_MAX;
	for (; rows > 0; rows--) {
		piece[n] = (rest + rows - 1) / rows;
		rest -= piece[n++];
	}
	return n;
}

static void
block_put(const struct block *block, struct db_txn *t, unsigned tree,
    uint64_t id, uint64_t number, bool last)
{
	size_t lens[1 + SMALL_ROWS_MAX], at = 0;
	unsigned n = cut(block->len + BODY_HEAD, lens);
	uint8_t key[BODY_KEY_LEN],
	    head[BODY_HEAD] = { block->codec, (uint8_t)n };

	put_le16(head + 2, (uint16_t)block->plain);
	for (unsigned i = 0; i < n; i++) {
		size_t in_head = i == 0 ? BODY_HEAD : 0;
		struct span pieces[2] = {
			{ (const char *)head, in_head },
			{ block->bytes + at, lens[i] - in_head },
		};

		body_key(key, id, number, i);
		db_put_pieces(t, tree,
		    (struct span){ (const char *)key, BODY_KEY_LEN }, pieces, 2,
		    last);
		at += pieces[1].len;
	}
}

void
body_put(
    struct body *b, struct db_txn *t, unsigned tree, uint64_t id, bool last)
{
	for (size_t i = 0; i < b->nblocks; i++)
		block_put(&b->blocks[i], t, tree, id, b->forgotten + i, last);
}

/* ---- reading ---- */

void
body_reader_free(struct body_reader *r)
{
	mem_free(&r->packed);
	mem_free(&r->plain);
	*r = (struct body_reader){ 0 };
}

void
body_reader_forget(struct body_reader *r)
{
	r->good = false;
}

/* Puts the pieces of a block together; a single one is lent as it lies. */
static bool
gather(struct db_txn *t, unsigned tree, uint64_t id, uint64_t block,
    struct span first, struct body_reader *r, struct span *stored)
{
	unsigned pieces = (uint8_t)first.ptr[1];
	uint8_t key[BODY_KEY_LEN];
	size_t len = first.len;
	struct span piece, k = { (const char *)key, BODY_KEY_LEN };

	*stored = first;
	if (pieces == 1)
		return true;
	if (r->packed == NULL)
		r->packed = mem_alloc(BODY_BLOCK + BODY_HEAD);
	body_key(key, id, block, 0);
	if (pieces > 1 + SMALL_ROWS_MAX || len > BODY_BLOCK + BODY_HEAD) {
		db_corrupt(t, tree, k, "pieces of a block");
		return false;
	}
	memcpy(r->packed, first.ptr, len);
	for (unsigned i = 1; i < pieces; i++) {
		body_key(key, id, block, i);
		if (!db_get(t, tree, k, &piece) ||
		    piece.len > BODY_BLOCK + BODY_HEAD - len) {
			db_corrupt(t, tree, k, "piece of a block");
			return false;
		}
		memcpy(r->packed + len, piece.ptr, piece.len);
		len += piece.len;
	}
	*stored = (struct span){ r->packed, len };
	return true;
}

/* Stored bytes to those that were written, or to the first `want` of them. */
static bool
unpack(
    struct span stored, size_t want, struct body_reader *r, struct span *plain)
{
	unsigned codec = (uint8_t)stored.ptr[0];
	size_t len = le16(stored.ptr + 2);

	stored.ptr += BODY_HEAD;
	stored.len -= BODY_HEAD;
	if (len == 0 || len > BODY_BLOCK || stored.len > BODY_BLOCK)
		return false;
	if (codec == CODEC_PLAIN) {
		*plain = stored;
		return stored.len == len;
	}
	if (codec != CODEC_LZ4)
		return false;
	if (r->plain == NULL)
		r->plain = mem_alloc(BODY_BLOCK);
	if (want < len) {
		*plain = (struct span){ r->plain, want };
		return LZ4_decompress_safe_partial(stored.ptr, r->plain,
			   (int)stored.len, (int)want, BODY_BLOCK) >= (int)want;
	}
	*plain = (struct span){ r->plain, len };
	return LZ4_decompress_safe(stored.ptr, r->plain, (int)stored.len,
		   BODY_BLOCK) == (int)len;
}

bool
body_unpack(struct span stored, struct body_reader *r, struct span *plain)
{
	return stored.len > BODY_HEAD && unpack(stored, SIZE_MAX, r, plain);
}

/* A block, or (want below BODY_BLOCK) at least that much of its beginning. */
static bool
block_get(struct db_txn *t, unsigned tree, uint64_t id, uint64_t block,
    size_t want, struct body_reader *r, struct span *plain)
{
	uint8_t key[BODY_KEY_LEN];
	struct span k = { (const char *)key, BODY_KEY_LEN }, first, stored;

	if (r->good && r->id == id && r->block == block) {
		*plain = (struct span){ r->plain, r->len };
		return true;
	}
	r->good = false;
	body_key(key, id, block, 0);
	if (!db_get(t, tree, k, &first))
		return false;
	if (first.len <= BODY_HEAD) {
		db_corrupt(t, tree, k, "head of a block");
		return false;
	}
	if (!gather(t, tree, id, block, first, r, &stored))
		return false;
	if (!unpack(stored, want, r, plain)) {
		db_corrupt(t, tree, k, "block cannot be unpacked");
		return false;
	}
	if (plain->ptr == r->plain && plain->len != want) {
		r->good = true;
		r->id = id;
		r->block = block;
		r->len = plain->len;
	}
	return true;
}

bool
body_get(struct db_txn *t, unsigned tree, uint64_t id, uint64_t offset,
    struct body_reader *r, struct span *out)
{
	size_t skip = (size_t)(offset % BODY_BLOCK);
	struct span plain;

	*out = NO_SPAN;
	if (db_error(t) != H_OK || offset >= BODY_MAX ||
	    !block_get(t, tree, id, offset / BODY_BLOCK, SIZE_MAX, r, &plain) ||
	    skip >= plain.len)
		return false;
	*out = (struct span){ plain.ptr + skip, plain.len - skip };
	return true;
}

bool
body_head(struct db_txn *t, unsigned tree, uint64_t id, size_t want,
    struct body_reader *r, struct span *out)
{
	*out = NO_SPAN;
	return db_error(t) == H_OK && block_get(t, tree, id, 0, want, r, out);
}

bool
body_delete(struct db_txn *t, unsigned tree, uint64_t id, uint64_t most,
    uint64_t *deleted)
{
	uint8_t key[BODY_KEY_LEN], at[BODY_KEY_LEN];
	struct db_cursor *c = db_cursor(t, tree);
	uint64_t before = *deleted;
	bool left = false;

	body_key(key, id, 0, 0);
	while (db_seek(c, (struct span){ (const char *)key, BODY_KEY_LEN })) {
		if (db_key(c).len != BODY_KEY_LEN || be64(db_key(c).ptr) != id)
			break;
		if (*deleted - before >= most) {
			left = true;
			break;
		}
		*deleted += db_value(c).len + ROW_COST;
		memcpy(at, db_key(c).ptr, BODY_KEY_LEN);
		db_delete(
		    t, tree, (struct span){ (const char *)at, BODY_KEY_LEN });
	}
	db_cursor_close(&c);
	return left;
}

bool
body_copy(struct db_txn *from, uint64_t id, struct db_txn *to, uint64_t as,
    unsigned tree, uint32_t *at, uint64_t most, uint64_t *copied)
{
	uint8_t key[BODY_KEY_LEN], new_key[BODY_KEY_LEN];
	struct db_cursor *c = db_cursor(from, tree);
	uint64_t before = *copied;
	bool left = false;

	put_be64(key, id);
	put_be32(key + 8, *at);
	put_be64(new_key, as);
	for (bool more =
		 db_seek(c, (struct span){ (const char *)key, BODY_KEY_LEN });
	     more && db_key(c).len == BODY_KEY_LEN && be64(db_key(c).ptr) == id;
	     more = db_next(c)) {
		*at = be32(db_key(c).ptr + 8);
		if (*copied - before >= most) {
			left = true;
			break;
		}
		put_be32(new_key + 8, *at);
		db_put(to, tree,
		    (struct span){ (const char *)new_key, BODY_KEY_LEN },
		    db_value(c));
		*copied += db_value(c).len + ROW_COST;
	}
	db_cursor_close(&c);
	return left;
}
