/*
 * One BINARY[...] of one message.  How long it is must be said before its first
 * byte, and whether there is a NUL in it, so it is decoded twice: once to
 * count, once to send.  Nothing but one block of it is held in memory.
 */
#include "imapd/imap_binary.h"

#include "imapd/imap_body.h"
#include "imapd/imap_turn.h"

enum { PIECE_MAX = 256 * 1024 };

void
imap_binary_free(struct imap_binary *b)
{
	buf_free(&b->piece);
}

bool
imap_binary_known(struct imap_session *s, const struct imap_item *item,
    const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	uint64_t start, len;
	struct span encoding;

	return !imap_section_find(
		   &item->section, txn, row, &start, &len, &encoding) ||
	       decode_knows(encoding);
}

/* From the beginning, or where nothing is encoded, from what is wanted. */
static void
rewind_to(struct imap_binary *b)
{
	uint64_t skip = b->encoding != DECODE_IDENTITY ? 0
	                : b->from < b->len             ? b->from
	                                               : b->len;

	decode_begin(&b->decode, b->encoding);
	b->at = b->start + skip;
	b->left = b->len - skip;
	b->decoded = skip;
}

/* The next decoded bytes that are wanted; empty: none in this piece. */
static struct span
wanted(struct imap_binary *b)
{
	struct span s = buf_span(&b->piece);
	uint64_t first = b->decoded;

	b->decoded += s.len;
	if (b->decoded <= b->from || first >= b->to)
		return NO_SPAN;
	if (b->decoded > b->to)
		s.len = (size_t)(b->to - first);
	if (first < b->from) {
		s.ptr += b->from - first;
		s.len -= (size_t)(b->from - first);
	}
	return s;
}

/* Decodes a block into b->piece.  False: it cannot be read. */
static bool
next_piece(struct imap_session *s, struct imap_binary *b)
{
	struct span got = store_bytes(imap_read(s->account), b->message, b->at);

	b->piece.limit = PIECE_MAX;
	buf_clear(&b->piece);
	if (got.len == 0)
		return false;
	if (got.len > b->left)
		got.len = (size_t)b->left;
	decode_feed(&b->decode, got, &b->piece);
	b->at += got.len;
	b->left -= got.len;
	if (b->left == 0)
		decode_end(&b->decode, &b->piece);
	return true;
}

static bool
is_over(const struct imap_binary *b)
{
	return b->left == 0 || b->decoded >= b->to;
}

static enum imap_step
finish(struct imap_session *s, struct imap_binary *b, struct span label,
    struct span text)
{
	struct buf *out = conn_output(s->conn);

	buf_add(out, label);
	buf_add(out, text);
	b->phase = IMAP_BINARY_NOT;
	return IMAP_DONE;
}

static enum imap_step
send_bytes(struct imap_session *s, struct imap_binary *b)
{
	while (!is_over(b)) {
		if (!next_piece(s, b)) { /* the size is said */
			imap_body_lost(s, b->message, b->at);
			return IMAP_DONE;
		}
		buf_add(conn_output(s->conn), wanted(b));
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	b->phase = IMAP_BINARY_NOT;
	return IMAP_DONE;
}

/* All is counted. */
static enum imap_step
begin_sending(struct imap_session *s, struct imap_binary *b,
    const struct imap_item *item, struct span label)
{
	struct buf *out;

	if (item->kind == IMAP_ITEM_BINARY_SIZE) {
		(void)finish(s, b, label, NO_SPAN);
		buf_number(conn_output(s->conn), b->decoded);
		return IMAP_DONE;
	}
	if (b->to > b->decoded)
		b->to = b->decoded;
	if (b->from >= b->to)
		return finish(s, b, label, SPAN("\"\""));
	out = conn_output(s->conn);
	buf_add(out, label);
	if (b->nul)
		buf_byte(out, '~');
	imap_put_literal_size(out, b->to - b->from);
	b->phase = IMAP_BINARY_SENDS;
	rewind_to(b);
	return send_bytes(s, b);
}

static enum imap_step
count(struct imap_session *s, struct imap_binary *b,
    const struct imap_item *item, struct span label)
{
	while (!is_over(b)) {
		struct span got;

		if (!next_piece(s, b))
			return finish(s, b, label,
			    item->kind == IMAP_ITEM_BINARY_SIZE ? SPAN("0")
								: SPAN("NIL"));
		got = wanted(b);
		b->nul |= got.len > 0 && memchr(got.ptr, '\0', got.len) != NULL;
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	return begin_sending(s, b, item, label);
}

static enum imap_step
begin(struct imap_session *s, struct imap_binary *b,
    const struct imap_item *item, struct span label,
    const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	bool size = item->kind == IMAP_ITEM_BINARY_SIZE;
	struct span encoding;

	if (!imap_section_find(
		&item->section, txn, row, &b->start, &b->len, &encoding))
		return finish(s, b, label, size ? SPAN("0") : SPAN("NIL"));
	b->phase = IMAP_BINARY_COUNTS;
	b->message = row->message;
	b->encoding = decode_encoding(encoding);
	b->nul = false;
	b->from = item->offset;
	if (__builtin_add_overflow(item->offset, item->most, &b->to))
		b->to = UINT64_MAX;
	rewind_to(b);
	if (size && b->encoding == DECODE_IDENTITY) {
		b->decoded = b->len;
		return begin_sending(s, b, item, label);
	}
	return count(s, b, item, label);
}

enum imap_step
imap_binary_put(struct imap_session *s, struct imap_binary *b,
    const struct imap_item *item, struct span label,
    const struct store_row *row, bool *damaged)
{
	enum imap_step step = IMAP_DONE;

	switch (b->phase) {
	case IMAP_BINARY_NOT: step = begin(s, b, item, label, row); break;
	case IMAP_BINARY_COUNTS: step = count(s, b, item, label); break;
	case IMAP_BINARY_SENDS: step = send_bytes(s, b); break;
	}
	if (store_error(imap_read(s->account)) != H_OK)
		*damaged = true;
	return step;
}
