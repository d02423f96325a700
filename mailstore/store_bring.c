/*
 * Messages of another life of the same account: of a backup's copy, or of what
 * the account was before a copy took its place.
 *
 * Bytes go over first, as they lie on disk, about a mebibyte a transaction,
 * noted like those of an arrival that is not published yet (a crash leaves them
 * to the sweeper).  Then one transaction publishes all of them.
 */
#include "mailstore/store_bring.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	PIECE = 1024 * 1024,
	ROWS_NEED = 64 * 1024,
	NOTE_MS = 10 * 60 * 1000, /* what waits is noted again, or it would be
	                             swept as forgotten */
};

/* A message that comes along, and the number it gets. */
struct bring_message {
	uint64_t old, new;
	uint32_t copies;
};

struct bring {
	struct store *to, *from;
	const struct bring_order *order;
	struct store_row *rows;
	size_t nrows, room;
	enum store_role role;
	bool subscribed;
	char *keywords[STORE_KEYWORDS_MAX]; /* of `from` */
	struct bring_message *messages;     /* by their old numbers */
	size_t nmessages;
	uint64_t *uidls; /* that are taken */
	size_t nuidls, uidl_room;
	int64_t noted_ms;
};

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct bring_message *
message_of(const struct bring *b, uint64_t old)
{
	return bsearch(
	    &old, b->messages, b->nmessages, sizeof *b->messages, by_number);
}

/* ---- what there is ---- */

static void
look_at_keywords(struct bring *b, struct store_txn *t)
{
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		struct span name = store_keyword_name(t, i);

		if (name.len > 0)
			b->keywords[i] = mem_string(name);
	}
}

static enum herr
look_at_rows(struct bring *b)
{
	struct store_txn *t = store_begin(b->from, STORE_READ);
	struct store_row_cursor at = { NULL };
	struct store_mailbox m;
	struct store_row row;
	enum herr err = store_find_mailbox(t, b->order->from, &m);

	if (err == H_OK) {
		b->role = m.role;
		b->subscribed = m.subscribed;
		while (store_next_row(t, m.id, 1, UINT32_MAX, &at, &row)) {
			if (row.message < b->order->since)
				continue;
			if (b->nrows == b->room) {
				b->room = b->room * 2 + 64;
				b->rows = mem_resize(
				    b->rows, b->room, sizeof *b->rows);
			}
			b->rows[b->nrows++] = row;
		}
		look_at_keywords(b, t);
		err = store_error(t);
	}
	store_abort(&t);
	return err;
}

static void
look_at_messages(struct bring *b)
{
	struct bring_message *m;
	size_t n = 0;

	b->messages = m = mem_array(b->nrows + 1, sizeof *m);
	for (size_t i = 0; i < b->nrows; i++)
		m[i].old = b->rows[i].message;
	if (b->nrows > 1)
		qsort(m, b->nrows, sizeof *m, by_number);
	for (size_t i = 0; i < b->nrows; i++) {
		if (n == 0 || m[n - 1].old != m[i].old)
			m[n++] = (struct bring_message){ .old = m[i].old };
		m[n - 1].copies++;
	}
	b->nmessages = n;
}

/* UIDLs that are in use: to be given to nothing else. */
static enum herr
look_at_uidls(struct bring *b)
{
	struct store_txn *t = store_begin(b->to, STORE_READ);
	struct store_mailbox_cursor boxes = { .len = 0 };
	struct store_mailbox m;
	struct store_row row;
	enum herr err;

	while (store_next_mailbox(t, &boxes, &m)) {
		struct store_row_cursor at = { NULL };

		while (m.exists &&
		       store_next_row(t, m.id, 1, UINT32_MAX, &at, &row)) {
			if (b->nuidls == b->uidl_room) {
				b->uidl_room = b->uidl_room * 2 + 64;
				b->uidls = mem_resize(
				    b->uidls, b->uidl_room, sizeof *b->uidls);
			}
			b->uidls[b->nuidls++] = row.uidl;
		}
	}
	err = store_error(t);
	store_abort(&t);
	if (b->nuidls > 1)
		qsort(b->uidls, b->nuidls, sizeof *b->uidls, by_number);
	return err;
}

static bool
is_taken(const struct bring *b, uint64_t uidl)
{
	return b->nuidls > 0 && bsearch(&uidl, b->uidls, b->nuidls,
				    sizeof *b->uidls, by_number) != NULL;
}

/* What was brought back from a backup meanwhile has new bytes, and is there. */
static void
drop_known(struct bring *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->nrows; i++)
		if (!is_taken(b, b->rows[i].uidl))
			b->rows[n++] = b->rows[i];
	b->nrows = n;
}

/* ---- bytes ---- */

static void
note(struct store_txn *t, uint64_t message)
{
	unsigned char row[8];

	put_le64(row, (uint64_t)clock_wall());
	txn_put(t, key_own(OWN_UPLOAD, message),
	    (struct span){ (char *)row, sizeof row });
}

static void
note_all_again(struct bring *b, struct store_txn *t, size_t n)
{
	if (clock_mono_ms() - b->noted_ms < NOTE_MS)
		return;
	for (size_t i = 0; i < n; i++)
		note(t, b->messages[i].new);
	b->noted_ms = clock_mono_ms();
}

/* One transaction's worth of bytes, from message *i and its row *at on. */
static enum herr
upload_some(struct bring *b, size_t *i, uint32_t *at)
{
	struct store_txn *t = store_begin(b->to, STORE_WRITE);
	struct store_txn *f = store_begin(b->from, STORE_READ);
	enum herr err = db_want_space(t->db, 2 * PIECE + ROWS_NEED);
	uint64_t copied = 0;

	while (err == H_OK && *i < b->nmessages && copied < PIECE) {
		struct bring_message *m = &b->messages[*i];

		if (m->new == 0)
			m->new = t->account.next_message++;
		note(t, m->new);
		if (body_copy(f->db, m->old, t->db, m->new, TREE_BODY, at,
			PIECE - copied, &copied))
			break;
		*at = 0;
		++*i;
	}
	note_all_again(b, t, *i);
	if (err == H_OK)
		err = store_error(f);
	store_abort(&f);
	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

static enum herr
upload(struct bring *b)
{
	enum herr err = H_OK;
	uint32_t at = 0;

	b->noted_ms = clock_mono_ms();
	for (size_t i = 0; i < b->nmessages && err == H_OK;)
		err = upload_some(b, &i, &at);
	return err;
}

/* ---- publishing ---- */

static enum herr
publish_message(
    struct store_txn *t, struct store_txn *f, const struct bring_message *m)
{
	unsigned char head[MESSAGE_HEAD_LEN];
	struct key key = key_message(m->new),
		   waits = key_own(OWN_UPLOAD, m->new);
	struct message_row row;
	struct span old;
	enum herr err;

	if (!txn_get(t, waits, &old))
		return store_error(t) != H_OK ? store_error(t) : H_IO;
	if ((err = message_look(f, m->old, &row)) != H_OK)
		return err;
	message_put(head, &row);
	db_put_pieces(t->db, TREE_MESSAGE, key_span(&key),
	    (struct span[]){ { (char *)head, sizeof head }, row.record }, 2,
	    false);
	txn_delete(t, waits);
	for (uint32_t i = 1; i < m->copies; i++)
		message_hold(t, m->new);
	return store_error(t);
}

static enum herr
publish_messages(struct bring *b, struct store_txn *t)
{
	struct store_txn *f = store_begin(b->from, STORE_READ);
	enum herr err = store_error(f);

	for (size_t i = 0; i < b->nmessages && err == H_OK; i++)
		err = publish_message(t, f, &b->messages[i]);
	store_abort(&f);
	return err;
}

static enum herr
open_mailbox(struct bring *b, struct store_txn *t, uint32_t *id)
{
	struct span name = b->order->to;
	struct store_mailbox m;
	enum herr err = store_find_mailbox(t, name, &m);

	*id = m.id;
	if (err != H_NOTFOUND)
		return err;
	err = store_create_mailbox(t, name, b->role, id);
	if (err == H_DENIED) /* another has the role now */
		err = store_create_mailbox(t, name, STORE_NO_ROLE, id);
	if (err == H_OK && b->subscribed)
		err = store_subscribe(t, name, true);
	return err;
}

static void
translate_keywords(struct bring *b, struct store_txn *t, const uint64_t old[2],
    uint64_t new[2])
{
	new[0] = new[1] = 0;
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		int n;

		if (!(old[i / 64] >> (i % 64) & 1) || b->keywords[i] == NULL)
			continue;
		n = store_keyword(t, span_of(b->keywords[i]), true);
		if (n >= 0)
			new[n / 64] |= UINT64_C(1) << (n % 64);
	}
}

static uint64_t
uidl_for(struct bring *b, struct store_txn *t, uint64_t old)
{
	if (!b->order->same || is_taken(b, old))
		return t->account.next_uidl++;
	if (old >= t->account.next_uidl)
		t->account.next_uidl = old + 1;
	return old;
}

static enum herr
publish_row(struct bring *b, struct store_txn *t, uint32_t mailbox, size_t i)
{
	const struct store_row *old = &b->rows[i];
	struct index_row row = {
		.message = message_of(b, old->message)->new,
		.modseq = store_modseq(t),
		.size = old->size,
		.internaldate = old->internaldate,
		.saved = old->saved,
		.system = old->flags.system,
	};
	struct box *box;

	translate_keywords(b, t, old->flags.keyword, row.keyword);
	if ((box = txn_box(t, mailbox)) == NULL)
		return store_error(t) != H_OK ? store_error(t) : H_NOTFOUND;
	if (box->row.uidnext >= UINT32_MAX - 1)
		return H_LIMIT;
	row.uid = box->row.uidnext++;
	row.uidl = uidl_for(b, t, old->uidl);
	row_enter(t, box, &row);
	return store_error(t);
}

static enum herr
may_hold(const struct bring *b, const struct store_txn *t)
{
	uint64_t bytes = 0;

	if (!b->order->quota)
		return H_OK;
	for (size_t i = 0; i < b->nrows; i++)
		bytes += b->rows[i].size;
	return row_quota(t, bytes);
}

static enum herr
publish(struct bring *b)
{
	struct store_txn *t = store_begin(b->to, STORE_WRITE);
	enum herr err = may_hold(b, t);
	uint32_t mailbox = 0;

	if (err == H_OK)
		err = db_want_space(
		    t->db, b->nrows * (INDEX_ROW_LEN + 2048) + ROWS_NEED);
	if (err == H_OK)
		err = publish_messages(b, t);
	if (err == H_OK)
		err = open_mailbox(b, t, &mailbox);
	for (size_t i = 0; i < b->nrows && err == H_OK; i++)
		err = publish_row(b, t, mailbox, i);
	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

/* ---- all of it ---- */

static enum herr
may_come(struct bring *b)
{
	struct store_txn *t = store_begin(b->to, STORE_READ);
	enum herr err = may_hold(b, t);

	store_abort(&t);
	return err;
}

enum herr
bring_mailbox(struct store *to, struct store *from,
    const struct bring_order *order, uint64_t *messages)
{
	struct bring b = { .to = to, .from = from, .order = order };
	enum herr err = look_at_rows(&b);

	if (err == H_OK && order->same && b.nrows > 0)
		err = look_at_uidls(&b);
	if (order->same && order->since > 0)
		drop_known(&b);
	look_at_messages(&b);
	if (err == H_OK)
		err = may_come(&b);
	if (err == H_OK)
		err = upload(&b);
	/* An empty mailbox comes back, but none is made for nothing new. */
	if (err == H_OK && (b.nrows > 0 || order->since == 0))
		err = publish(&b);
	if (err == H_OK)
		*messages += b.nrows;
	for (size_t i = 0; i < STORE_KEYWORDS_MAX; i++)
		mem_free(&b.keywords[i]);
	mem_free(&b.rows);
	mem_free(&b.messages);
	mem_free(&b.uidls);
	return err;
}
