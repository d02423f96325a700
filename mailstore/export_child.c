/*
 * hearth export, in the child: reads the account, mailbox by mailbox, and hands
 * over what is to stand in the files.  Every message is read in a transaction
 * of its own, so a slow disk on the other side holds up nobody; what is deleted
 * meanwhile may come along or not.
 */
#include "common/mem.h"
#include "mailstore/crlf.h"
#include "mailstore/store.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_mail.h"
#include "mailstore/tool_talk.h"

enum {
	ROWS = 256,
	PIECE = 1024 * 1024, /* read in one transaction */
	PACKET = 32 * 1024,
};

struct box {
	uint32_t id, uidvalidity;
	enum store_role role;
	bool subscribed, exists;
	char *name;
};

struct export
{
	struct store *store;
	struct talk talk;
	struct box *boxes;
	size_t nboxes, room;
	struct buf piece, text;
};

static struct export export;

enum herr
export_open(char **words)
{
	enum herr err = store_open(&export.store, words[0]);

	talk_init(&export.talk, TOOL_CHILD_FD);
	export.piece = export.text = BUF_INIT(SIZE_MAX);
	if (err != H_OK)
		talk_done(&export.talk, err, "the account cannot be opened");
	return err;
}

/* ---- what there is ---- */

static void
add_box(struct export *ex, const struct store_mailbox *m)
{
	if (ex->nboxes == ex->room) {
		ex->room = ex->room * 2 + 64;
		ex->boxes = mem_resize(ex->boxes, ex->room, sizeof(*ex->boxes));
	}
	ex->boxes[ex->nboxes++] = (struct box){
		.id = m->id,
		.uidvalidity = m->uidvalidity,
		.role = m->role,
		.subscribed = m->subscribed,
		.exists = m->exists,
		.name = mem_string(m->name),
	};
}

static void
say_keyword(struct export *ex, unsigned number, struct span name)
{
	struct buf *b = talk_payload(&ex->talk);

	wire_put_u8(b, (uint8_t)number);
	wire_put_bytes(b, name);
	talk_send(&ex->talk, TALK_NAME, -1);
}

/* Keywords are said at once, mailboxes kept. */
static enum herr
look_around(struct export *ex)
{
	struct store_txn *t = store_begin(ex->store, STORE_READ);
	struct store_mailbox_cursor c = { 0 };
	struct store_mailbox m;
	enum herr err;

	for (int n = 0; n < STORE_KEYWORDS_MAX; n++) {
		struct span name = store_keyword_name(t, n);

		if (name.len > 0)
			say_keyword(ex, (unsigned)n, name);
	}
	while (store_next_mailbox(t, &c, &m))
		if (m.exists || m.subscribed)
			add_box(ex, &m);
	err = store_error(t);
	store_abort(&t);
	return err;
}

/* ---- a message ---- */

/* A piece of it, in ex->piece. */
static enum herr
read_piece(struct export *ex, const struct store_row *row, uint64_t at)
{
	struct store_txn *t = store_begin(ex->store, STORE_READ);
	uint64_t left = row->size - at;
	enum herr err;

	buf_clear(&ex->piece);
	err = store_read(
	    t, row->message, at, left < PIECE ? left : PIECE, &ex->piece);
	if (err == H_OK && ex->piece.len == 0 && left > 0)
		err = H_CORRUPT;
	if (store_error(t) != H_OK)
		err = store_error(t);
	store_abort(&t);
	return err;
}

/* Can its line ends be LF in a file? */
static enum herr
look_at(struct export *ex, const struct store_row *row, struct crlf_look *look)
{
	enum herr err = H_OK;

	for (uint64_t at = 0; err == H_OK && at < row->size;
	     at += ex->piece.len)
		if ((err = read_piece(ex, row, at)) == H_OK)
			crlf_look(look, buf_span(&ex->piece));
	return err;
}

static void
say_message(struct export *ex, const struct box *box,
    const struct store_row *row, const struct crlf_look *look)
{
	struct buf *b = talk_payload(&ex->talk);

	wire_put_u32(b, box->uidvalidity);
	wire_put_u32(b, row->uid);
	wire_put_u64(b, (uint64_t)row->internaldate);
	wire_put_u64(b, look->no ? row->size : row->size - look->lines);
	wire_put_u64(b, row->size);
	wire_put_u8(b, row->flags.system);
	wire_put_u8(b, look->no);
	wire_put_u64(b, row->flags.keyword[0]);
	wire_put_u64(b, row->flags.keyword[1]);
	talk_send(&ex->talk, TALK_MESSAGE, -1);
}

static void
say_bytes(struct export *ex, struct span bytes)
{
	while (bytes.len > 0 && !ex->talk.over) {
		size_t len = bytes.len < PACKET ? bytes.len : PACKET;

		buf_add(
		    talk_payload(&ex->talk), (struct span){ bytes.ptr, len });
		talk_send(&ex->talk, TALK_BYTES, -1);
		bytes.ptr += len;
		bytes.len -= len;
	}
}

static void
refuse(struct export *ex, const struct box *box, const struct store_row *row)
{
	struct buf *b = talk_payload(&ex->talk);

	wire_put_bytes(b, span_of(box->name));
	wire_put_u64(b, row->uid);
	wire_put_bytes(b, SPAN("is damaged"));
	talk_send(&ex->talk, TALK_REFUSED, -1);
}

static enum herr
put_message(
    struct export *ex, const struct box *box, const struct store_row *row)
{
	struct crlf_look look = { 0 };
	struct crlf_out out = { 0 };
	enum herr err = look_at(ex, row, &look);

	if (err == H_NOTFOUND)
		return H_OK; /* deleted since */
	if (err == H_OK)
		say_message(ex, box, row, &look);
	for (uint64_t at = 0; err == H_OK && at < row->size;
	     at += ex->piece.len) {
		/* (a small one is still there) */
		if (row->size > PIECE)
			err = read_piece(ex, row, at);
		if (err != H_OK)
			break;
		buf_clear(&ex->text);
		if (look.no)
			buf_add(&ex->text, buf_span(&ex->piece));
		else
			crlf_out(&out, buf_span(&ex->piece), &ex->text);
		if (at + ex->piece.len >= row->size)
			crlf_out_end(&out, &ex->text);
		say_bytes(ex, buf_span(&ex->text));
	}
	if (err == H_CORRUPT || err == H_NOTFOUND) {
		refuse(ex, box, row);
		err = H_OK;
	}
	return err;
}

/* ---- a mailbox ---- */

static size_t
read_rows(struct export *ex, const struct box *box, uint32_t from,
    struct store_row rows[ROWS], enum herr *err)
{
	struct store_txn *t = store_begin(ex->store, STORE_READ);
	struct store_row_cursor c = { NULL };
	size_t n = 0;

	while (n < ROWS &&
	       store_next_row(t, box->id, from, UINT32_MAX, &c, &rows[n]))
		n++;
	store_end_rows(&c);
	*err = store_error(t);
	store_abort(&t);
	return n;
}

static enum herr
put_box(struct export *ex, const struct box *box)
{
	struct buf *b = talk_payload(&ex->talk);
	struct store_row rows[ROWS];
	uint32_t from = 1;
	enum herr err = H_OK;
	size_t n = ROWS;

	wire_put_bytes(b, span_of(box->name));
	wire_put_u8(b, (uint8_t)box->role);
	wire_put_u8(b, box->subscribed);
	wire_put_u8(b, box->exists);
	talk_send(&ex->talk, TALK_BOX, -1);
	while (box->exists && n == ROWS && err == H_OK && !ex->talk.over) {
		n = read_rows(ex, box, from, rows, &err);
		for (size_t i = 0; i < n && err == H_OK; i++) {
			err = put_message(ex, box, &rows[i]);
			from = rows[i].uid + 1;
		}
	}
	return err;
}

enum herr
export_run(char **words)
{
	struct export *ex = &export;
	enum herr err;

	(void)words;
	err = look_around(ex);
	for (size_t i = 0; i < ex->nboxes && err == H_OK && !ex->talk.over; i++)
		err = put_box(ex, &ex->boxes[i]);
	talk_done(&ex->talk, err,
	    err == H_OK ? "" : "the account cannot be read; the log says why");
	return err;
}
