/*
 * One BODY[...] of one message.  Bytes go from the store's blocks straight into
 * the connection's output; of a message nothing is held in memory but, for
 * HEADER.FIELDS, a header that does not lie in one block.
 */
#include "imapd/imap_body.h"

#include "common/log.h"
#include "common/mime.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_turn.h"

void
imap_body_free(struct imap_body *b)
{
	imap_pieces_free(&b->pieces);
	buf_free(&b->header);
}

static void
put_size(struct buf *out, struct span label, uint64_t size)
{
	buf_add(out, label);
	imap_put_literal_size(out, size);
}

static enum imap_step
put_nil(struct imap_session *s, struct span label)
{
	struct buf *out = conn_output(s->conn);

	buf_add(out, label);
	buf_add(out, SPAN("NIL"));
	return IMAP_DONE;
}

/* What of `size` bytes the client asked for; false: "" is the answer, since it
 * begins behind the end. */
static bool
clip(const struct imap_item *item, uint64_t *start, uint64_t *size)
{
	if (item->offset > 0 && item->offset >= *size)
		return false;
	*start += item->offset;
	*size -= item->offset;
	if (*size > item->most)
		*size = item->most;
	return true;
}

static enum imap_step
put_empty(struct imap_session *s, struct span label)
{
	struct buf *out = conn_output(s->conn);

	buf_add(out, label);
	buf_add(out, SPAN("\"\""));
	return IMAP_DONE;
}

/* ---- HEADER.FIELDS ---- */

/* The header in memory, in the rare case that it is longer than a block, or a
 * part's. */
static bool
read_header(struct imap_session *s, struct imap_body *b,
    const struct imap_item *item, const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	uint64_t start, len;

	b->header.limit = MIME_HEADER_MAX;
	buf_clear(&b->header);
	if (!imap_section_find(&item->section, txn, row, &start, &len, NULL))
		return false;
	if (len > MIME_HEADER_MAX)
		len = MIME_HEADER_MAX;
	return store_read(txn, row->message, start, len, &b->header) == H_OK;
}

static enum imap_step
put_fields(struct imap_session *s, struct imap_body *b,
    const struct imap_item *item, struct span label,
    const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	uint64_t skip = 0, size;
	bool whole = false;
	struct buf *out;

	/* Most headers are short, and almost all lie in one block. */
	for (int i = 0; i < 2 && item->section.depth == 0 && !whole; i++) {
		struct span start =
		    i == 0 ? store_head(txn, row->message, IMAP_SHORT_HEADER)
			   : store_bytes(txn, row->message, 0);
		size_t end =
		    imap_section_pick(&item->section, start, &b->pieces);

		whole = end < start.len || start.len == row->size;
	}
	if (!whole) {
		if (!read_header(s, b, item, row))
			return put_nil(s, label);
		(void)imap_section_pick(
		    &item->section, buf_span(&b->header), &b->pieces);
	}
	size = b->pieces.total;
	if (!clip(item, &skip, &size))
		return put_empty(s, label);
	out = conn_output(s->conn);
	put_size(out, label, size);
	imap_pieces_put(out, &b->pieces, skip, size);
	if (b->header.room > 0)
		buf_free(&b->header);
	return IMAP_DONE;
}

/* ---- bytes as they are ---- */

void
imap_body_lost(struct imap_session *s, uint64_t message, uint64_t at)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "unreadable-message");
	log_number(&l, "account", (int64_t)store_account(s->account->store));
	log_number(&l, "message", (int64_t)message);
	log_number(&l, "at", (int64_t)at);
	log_end(&l);
	s->over = true;
}

static enum imap_step
put_bytes(struct imap_session *s, struct imap_body *b)
{
	while (b->left > 0) {
		struct store_txn *txn = imap_read(s->account);
		struct span got = store_bytes(txn, b->message, b->at);

		if (got.len == 0) { /* the size is said: there is no way back */
			imap_body_lost(s, b->message, b->at);
			return IMAP_DONE;
		}
		if (got.len > b->left)
			got.len = (size_t)b->left;
		imap_put_bytes(conn_output(s->conn), got);
		b->at += got.len;
		b->left -= got.len;
		if (!imap_has_room(s))
			return IMAP_WAIT_ROOM;
	}
	b->begun = false;
	return IMAP_DONE;
}

static enum imap_step
begin_bytes(struct imap_session *s, struct imap_body *b,
    const struct imap_item *item, struct span label,
    const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	uint64_t start, size;

	if (!imap_section_find(&item->section, txn, row, &start, &size, NULL))
		return put_nil(s, label);
	if (!clip(item, &start, &size))
		return put_empty(s, label);
	if (size > 0 && store_bytes(txn, row->message, start).len == 0)
		return put_nil(s, label);
	put_size(conn_output(s->conn), label, size);
	b->begun = true;
	b->message = row->message;
	b->at = start;
	b->left = size;
	return put_bytes(s, b);
}

enum imap_step
imap_body_put(struct imap_session *s, struct imap_body *b,
    const struct imap_item *item, struct span label,
    const struct store_row *row, bool *damaged)
{
	enum imap_step step;

	if (b->begun)
		return put_bytes(s, b);
	if (item->section.kind == IMAP_SECTION_FIELDS ||
	    item->section.kind == IMAP_SECTION_FIELDS_NOT)
		step = put_fields(s, b, item, label, row);
	else
		step = begin_bytes(s, b, item, label, row);
	if (store_error(imap_read(s->account)) != H_OK)
		*damaged = true;
	return step;
}
