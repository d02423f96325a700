/*
 * A damaged account, row by row into a new one.
 *
 * What rows say of themselves is kept: UIDs, flags, dates, UIDLs, bytes.  What
 * follows from that is computed anew: records, sets, counts, copies.  The log
 * begins anew, so that clients compare what they have with what is there.
 */
#include "mailstore/store_repair.h"

#include <stdarg.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"

enum {
	TURN = 4 * 1024 * 1024, /* bytes put in a transaction */
	LINE_MAX_LEN = 512,
	PER_SECOND_BITS = 20,
};

void
repair_tell(struct repair *r, const char *format, ...)
{
	char text[LINE_MAX_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	r->tell(r->arg, text);
}

bool
repair_turn(struct repair *r, uint64_t bytes)
{
	r->bytes += bytes;
	r->t->changed = true;
	if (r->err == H_OK)
		r->err = store_error(r->t);
	if (r->err != H_OK || r->bytes < TURN)
		return r->err == H_OK;
	r->bytes = 0;
	r->err = store_commit(&r->t);
	r->t = store_begin(r->st, STORE_WRITE);
	return r->err == H_OK;
}

static int
by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b; /* struct repair_message begins so */

	return (*x > *y) - (*x < *y);
}

struct repair_message *
repair_find(struct repair *r, uint64_t id)
{
	if (r->nmessages == 0)
		return NULL;
	return bsearch(
	    &id, r->messages, r->nmessages, sizeof *r->messages, by_id);
}

/* ---- what there is ---- */

static void
at_least(uint64_t *number, uint64_t least)
{
	if (*number < least)
		*number = least;
}

/* What a number that was found says of the account's counters. */
static void
learn_row(struct account_row *a, const struct index_row *row)
{
	at_least(&a->next_message, row->message + 1);
	at_least(&a->next_uidl, row->uidl + 1);
	at_least(&a->modseq, row->modseq);
}

static void
add_rows(struct repair *r, uint32_t mailbox, struct span block)
{
	for (size_t at = 0; at < block.len; at += INDEX_ROW_LEN) {
		struct repair_row *row;

		if (r->nrows == r->rows_room) {
			r->rows_room = r->rows_room * 2 + 256;
			r->rows =
			    mem_resize(r->rows, r->rows_room, sizeof *r->rows);
		}
		row = &r->rows[r->nrows];
		row->mailbox = mailbox;
		index_get(block.ptr + at, &row->row);
		if (row->row.message == 0 || row->row.uid >= UINT32_MAX - 1)
			continue;
		learn_row(&r->account, &row->row);
		r->nrows++;
	}
}

static void
look_at_box(struct repair *r, size_t at, uint32_t mailbox)
{
	struct account_row *a = &r->account;
	enum box_kind kind;
	struct box_row state;
	uint32_t number;

	if (!key_is_box(salvage_key(r->from, at), mailbox, &kind, &number) ||
	    !salvage_value(r->from, at, &r->value))
		return;
	if (a->next_mailbox <= mailbox && mailbox < UINT32_MAX)
		a->next_mailbox = mailbox + 1;
	if (kind == BOX_INDEX &&
	    index_block_is_good(buf_span(&r->value), number))
		add_rows(r, mailbox, buf_span(&r->value));
	else if (kind == BOX_STATE && box_get(buf_span(&r->value), &state)) {
		if (a->uidvalidity < state.uidvalidity)
			a->uidvalidity = state.uidvalidity;
		at_least(&a->modseq, state.highestmodseq);
	}
}

static void
look_at_own(struct repair *r, struct span key)
{
	struct account_row *a = &r->account;
	uint64_t number;

	if (key_is_own(key, OWN_NAME, &number) && number < UINT32_MAX &&
	    a->next_mailbox <= number)
		a->next_mailbox = (uint32_t)number + 1;
	else if (key_is_own(key, OWN_KEYWORD, &number) &&
		 number < STORE_KEYWORDS_MAX && a->keywords <= number)
		a->keywords = (uint32_t)number + 1;
}

static void
look_at_mailboxes(struct repair *r)
{
	size_t at = salvage_seek(r->from, TREE_MAILBOX, SPAN("\0"));

	for (; salvage_is_in(r->from, at, TREE_MAILBOX); at++) {
		struct span key = salvage_key(r->from, at);
		uint32_t mailbox = key.len < 4 ? 0 : be32(key.ptr);

		if (mailbox == 0)
			look_at_own(r, key);
		else
			look_at_box(r, at, mailbox);
	}
}

static bool
account_row_is_found(struct repair *r)
{
	struct key key = key_account();
	size_t at = salvage_seek(r->from, TREE_MAIN, key_span(&key));
	uint64_t account = r->st->account;

	if (!salvage_is_in(r->from, at, TREE_MAIN) ||
	    !span_same(salvage_key(r->from, at), key_span(&key)) ||
	    !salvage_value(r->from, at, &r->value) ||
	    !account_get(buf_span(&r->value), &r->account) ||
	    r->account.schema != STORE_SCHEMA)
		return false;
	r->account.account = account;
	if (r->account.keywords > STORE_KEYWORDS_MAX)
		r->account.keywords = STORE_KEYWORDS_MAX;
	return true;
}

/* Counters go on where they can never have been. */
static void
begin_account(struct repair *r)
{
	struct account_row *a = &r->account;
	int64_t wall = clock_wall();
	uint64_t now = wall > 0 ? (uint64_t)wall : 1;

	repair_tell(r, "the account's row is lost: its counters begin anew, "
		       "it has no quota");
	*a = (struct account_row){
		.schema = STORE_SCHEMA,
		.account = r->st->account,
		.created = wall,
		.next_message = now << PER_SECOND_BITS,
		.next_uidl = now << PER_SECOND_BITS,
		.modseq = now,
		.next_mailbox = 1,
		.uidvalidity = now < INT32_MAX ? (uint32_t)now : 1,
	};
}

/* ---- messages ---- */

static void
add_message(struct repair *r, uint64_t id)
{
	if (r->nmessages > 0 && r->messages[r->nmessages - 1].id == id)
		return;
	if (r->nmessages == r->messages_room) {
		r->messages_room = r->messages_room * 2 + 256;
		r->messages = mem_resize(
		    r->messages, r->messages_room, sizeof *r->messages);
	}
	r->messages[r->nmessages++] = (struct repair_message){ .id = id };
	at_least(&r->account.next_message, id + 1);
}

static void
add_messages_of(struct repair *r, unsigned tree, size_t key_len)
{
	size_t at = salvage_seek(r->from, tree, SPAN("\0"));

	for (; salvage_is_in(r->from, at, tree); at++) {
		struct span key = salvage_key(r->from, at);

		if (key.len == key_len && be64(key.ptr) != 0)
			add_message(r, be64(key.ptr));
	}
}

/* Those that have a row, bytes, or a place in a mailbox: each once. */
static void
list_messages(struct repair *r)
{
	size_t n = 0;

	add_messages_of(r, TREE_MESSAGE, 8);
	add_messages_of(r, TREE_BODY, BODY_KEY_LEN);
	for (size_t i = 0; i < r->nrows; i++)
		add_message(r, r->rows[i].row.message);
	if (r->nmessages > 1)
		qsort(r->messages, r->nmessages, sizeof *r->messages, by_id);
	for (size_t i = 0; i < r->nmessages; i++)
		if (n == 0 || r->messages[n - 1].id != r->messages[i].id)
			r->messages[n++] = r->messages[i];
	r->nmessages = n;
	for (size_t i = 0; i < r->nrows; i++) {
		const struct index_row *row = &r->rows[i].row;
		struct repair_message *m = repair_find(r, row->message);

		m->held++;
		m->size = row->size;
		m->date = row->internaldate;
	}
}

static void
mark_messages(struct repair *r)
{
	size_t at = salvage_seek(r->from, TREE_MAILBOX, SPAN("\0"));

	for (; salvage_is_in(r->from, at, TREE_MAILBOX); at++) {
		struct span key = salvage_key(r->from, at);
		struct repair_message *m;
		uint64_t id;
		int64_t time;

		if (key_is_timed(key, OWN_DEAD, &time, &id) &&
		    (m = repair_find(r, id)) != NULL)
			m->dead = true;
		else if (key_is_own(key, OWN_UPLOAD, &id) &&
			 (m = repair_find(r, id)) != NULL)
			m->unpublished = m->held == 0;
	}
}

static int
by_uidl(const void *a, const void *b)
{
	const struct repair_row *const *x = a, *const *y = b;

	return ((*x)->row.uidl > (*y)->row.uidl) -
	       ((*x)->row.uidl < (*y)->row.uidl);
}

/* A UIDL names one message: who comes second gets another. */
static void
part_uidls(struct repair *r)
{
	struct repair_row **rows = mem_array(r->nrows + 1, sizeof(*rows));
	uint64_t last = 0;

	for (size_t i = 0; i < r->nrows; i++)
		rows[i] = &r->rows[i];
	if (r->nrows > 1)
		qsort(rows, r->nrows, sizeof(*rows), by_uidl);
	for (size_t i = 0; i < r->nrows; i++) {
		if (rows[i]->row.uidl == last)
			rows[i]->row.uidl = 0;
		else
			last = rows[i]->row.uidl;
	}
	mem_free(&rows);
}

/* ---- lists of the account ---- */

static void
count_copies(struct repair *r)
{
	for (size_t i = 0; i < r->nmessages && r->err == H_OK; i++) {
		const struct repair_message *m = &r->messages[i];

		for (uint32_t n = 1; m->whole && n < m->held; n++)
			message_hold(r->t, m->id);
		(void)repair_turn(r, m->held > 1 ? 64 : 0);
	}
}

/* Delivery ids of messages that are gone. */
static void
keep_delivered(struct repair *r)
{
	struct key key = key_own(OWN_DELIVERED, 0);
	size_t at = salvage_seek(r->from, TREE_MAILBOX, key_span(&key));
	uint64_t id;
	int64_t time;

	for (; salvage_is_in(r->from, at, TREE_MAILBOX) &&
	       key_is_timed(
		   salvage_key(r->from, at), OWN_DELIVERED, &time, &id) &&
	       r->err == H_OK;
	     at++) {
		const struct repair_message *m = repair_find(r, id);

		if ((m != NULL && m->whole) ||
		    !salvage_value(r->from, at, &r->value) ||
		    r->value.len != DELIVERY_ID)
			continue;
		txn_put(r->t, key_timed(OWN_DELIVERED, time, id),
		    buf_span(&r->value));
		(void)repair_turn(r, 64);
	}
}

static void
keep_imports(struct repair *r)
{
	size_t at = salvage_seek(r->from, TREE_IMPORT, SPAN("\0"));

	for (; salvage_is_in(r->from, at, TREE_IMPORT) && r->err == H_OK;
	     at++) {
		struct span key = salvage_key(r->from, at);
		uint8_t id[STORE_IMPORT_ID_LEN];
		struct store_import now = { 0 };
		uint32_t times;

		if (key.len != sizeof id ||
		    !salvage_value(r->from, at, &r->value) || r->value.len != 8)
			continue;
		memcpy(id, key.ptr, sizeof id);
		times = le32(r->value.ptr + 4);
		do
			r->err = store_note_import(r->t, id, &now);
		while (r->err == H_OK && now.times < times);
		(void)repair_turn(r, 64);
	}
}

/* ---- all of it ---- */

static void
look(struct repair *r)
{
	if (!account_row_is_found(r))
		begin_account(r);
	look_at_mailboxes(r);
	list_messages(r);
	mark_messages(r);
	part_uidls(r);
}

static void
put_account(struct repair *r)
{
	struct account_row *a = &r->t->account;

	*a = r->account;
	a->bytes = a->messages = a->log_bytes = 0;
	a->mailboxes = a->keywords = 0;
	a->log_floor = a->names_modseq = a->modseq;
	r->t->changed = true;
}

/* Whoever knows an earlier state compares all of it with this one. */
static void
end_log(struct repair *r)
{
	change_note(r->t, 0, STORE_MAILBOXES, 0);
	r->t->log_too_long = true;
}

static void
fill(struct repair *r)
{
	put_account(r);
	repair_keywords(r);
	if (r->err == H_OK)
		repair_mailboxes(r);
	for (size_t i = 0; i < r->nmessages && r->err == H_OK; i++)
		repair_message(r, &r->messages[i]);
	if (r->err == H_OK)
		repair_rows(r);
	if (r->err == H_OK)
		repair_found(r);
	count_copies(r);
	keep_delivered(r);
	keep_imports(r);
	end_log(r);
}

enum herr
store_repair(struct store *empty, int damaged, int aside,
    void (*tell)(void *arg, const char *text), void *arg,
    struct store_repaired *result)
{
	struct repair r = {
		.st = empty,
		.from = salvage_new(damaged, store_shape.trees),
		.aside = aside,
		.tell = tell,
		.arg = arg,
		.result = result,
		.value = BUF_INIT(DB_VALUE_MAX),
		.block = BUF_INIT(4 * (size_t)BODY_BLOCK),
	};

	*result = (struct store_repaired){ 0 };
	if (salvage_damaged(r.from) > 0)
		repair_tell(&r, "%llu pages or rows were damaged",
		    (unsigned long long)salvage_damaged(r.from));
	look(&r);
	r.t = store_begin(empty, STORE_WRITE);
	fill(&r);
	if (r.err == H_OK)
		r.err = store_commit(&r.t);
	else
		store_abort(&r.t);
	salvage_free(&r.from);
	mem_free(&r.rows);
	mem_free(&r.messages);
	buf_free(&r.value);
	buf_free(&r.block);
	body_reader_free(&r.reader);
	return r.err;
}
