#include "pop3d/pop3_drop.h"

#include "common/mem.h"

struct pop3_drop {
	struct store *store;
	uint32_t mailbox;
	uint32_t count, room, left;
	uint64_t bytes; /* of those left */
	struct pop3_entry *entry;
};

static void
add(struct pop3_drop *d, const struct store_row *row)
{
	if (d->count == d->room) {
		d->room = d->room == 0 ? 64 : 2 * d->room;
		d->entry = mem_resize(d->entry, d->room, sizeof(d->entry[0]));
	}
	d->entry[d->count++] = (struct pop3_entry){
		.uidl = row->uidl, .size = row->size, .uid = row->uid
	};
	d->left++;
	d->bytes += row->size;
}

static enum herr
read_rows(struct pop3_drop *d, struct store_txn *t)
{
	struct store_row_cursor cursor = { 0 };
	struct store_mailbox inbox;
	struct store_row row;
	enum herr err;

	if ((err = store_find_mailbox(t, SPAN("INBOX"), &inbox)) != H_OK)
		return err;
	d->mailbox = inbox.id;
	while (store_next_row(t, inbox.id, 1, UINT32_MAX, &cursor, &row))
		add(d, &row);
	return store_error(t);
}

enum herr
pop3_drop_open(struct pop3_drop **dp, struct store *store)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	enum herr err;

	*dp = mem_alloc(sizeof(**dp));
	(*dp)->store = store;
	err = read_rows(*dp, t);
	store_abort(&t);
	if (err != H_OK)
		pop3_drop_close(dp);
	return err;
}

void
pop3_drop_close(struct pop3_drop **dp)
{
	if (*dp == NULL)
		return;
	mem_free(&(*dp)->entry);
	mem_free(dp);
}

uint32_t
pop3_drop_last(const struct pop3_drop *d)
{
	return d->count;
}

const struct pop3_entry *
pop3_drop_entry(const struct pop3_drop *d, uint32_t number)
{
	if (number == 0 || number > d->count || d->entry[number - 1].deleted)
		return NULL;
	return &d->entry[number - 1];
}

void
pop3_drop_total(const struct pop3_drop *d, uint32_t *messages, uint64_t *bytes)
{
	*messages = d->left;
	*bytes = d->bytes;
}

void
pop3_drop_mark(struct pop3_drop *d, uint32_t number)
{
	if (pop3_drop_entry(d, number) == NULL)
		return;
	d->entry[number - 1].deleted = true;
	d->left--;
	d->bytes -= d->entry[number - 1].size;
}

void
pop3_drop_unmark_all(struct pop3_drop *d)
{
	for (uint32_t i = 0; i < d->count; i++) {
		if (!d->entry[i].deleted)
			continue;
		d->entry[i].deleted = false;
		d->left++;
		d->bytes += d->entry[i].size;
	}
}

enum herr
pop3_drop_find(struct pop3_drop *d, uint32_t number, struct store_row *row)
{
	struct store_txn *t = store_begin(d->store, STORE_READ);
	enum herr err =
	    store_get_row(t, d->mailbox, d->entry[number - 1].uid, row);

	/* Now an error can still be told. */
	if (err == H_OK && row->size > 0 &&
	    store_bytes(t, row->message, 0).len == 0)
		err = store_error(t) != H_OK ? store_error(t) : H_CORRUPT;
	store_abort(&t);
	return err;
}

enum herr
pop3_drop_block(struct pop3_drop *d, const struct store_row *row,
    uint64_t *offset, struct pop3_dot *dot, struct buf *out, bool *more)
{
	struct store_txn *t = store_begin(d->store, STORE_READ);
	struct span bytes = NO_SPAN;
	enum herr err = H_OK;

	*more = false;
	if (*offset < row->size) {
		bytes = store_bytes(t, row->message, *offset);
		err = store_error(t);
		/* An end before the end: the rest was swept, or is damaged. */
		if (err == H_OK && bytes.len == 0)
			err = H_CORRUPT;
	}
	if (err == H_OK) {
		*offset += bytes.len;
		*more = pop3_dot_feed(dot, bytes, out) && *offset < row->size;
	}
	store_abort(&t);
	return err;
}

/* ---- QUIT ---- */

/* After a commit that failed, the return code does not say what holds. */
static bool
all_gone(struct pop3_drop *d)
{
	struct store_txn *t = store_begin(d->store, STORE_READ);
	struct store_row row;
	bool gone = true;

	for (uint32_t i = 0; i < d->count && gone; i++)
		if (d->entry[i].deleted)
			gone = store_get_row(t, d->mailbox, d->entry[i].uid,
				   &row) == H_NOTFOUND;
	gone = gone && store_error(t) == H_OK;
	store_abort(&t);
	return gone;
}

enum herr
pop3_drop_update(struct pop3_drop *d)
{
	struct store_txn *t;
	enum herr err;

	if (d->left == d->count)
		return H_OK;
	t = store_begin(d->store, STORE_WRITE);
	for (uint32_t i = 0; i < d->count; i++) {
		if (!d->entry[i].deleted)
			continue;
		err = store_expunge(t, d->mailbox, d->entry[i].uid);
		/* What is gone already is as the client wants it. */
		if (err != H_OK && err != H_NOTFOUND) {
			store_abort(&t);
			return err;
		}
	}
	err = store_commit(&t);
	return err != H_OK && all_gone(d) ? H_OK : err;
}
