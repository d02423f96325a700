/*
 * What makes a copy the account again.
 *
 * Numbers must not mean one thing in the life that ended and another in the one
 * that begins.  UIDs may be given anew, so every mailbox gets a new
 * UIDVALIDITY; UIDLs stay, and go on, with message numbers, at the time in
 * microseconds (or nearly): above all that any earlier life gave.
 */
#include "common/clock.h"
#include "common/wire.h"
#include "mailstore/store_bring.h"

enum { PER_SECOND_BITS = 20 };

static void
raise_counters(struct account_row *a, uint32_t least)
{
	int64_t wall = clock_wall();
	uint64_t now = wall > 0 ? (uint64_t)wall : 0;
	uint64_t numbers = now << PER_SECOND_BITS;

	if (a->next_message < numbers)
		a->next_message = numbers;
	if (a->next_uidl < numbers)
		a->next_uidl = numbers;
	if (a->uidvalidity < least)
		a->uidvalidity = least;
	if (now < UINT32_MAX - STORE_MAILBOXES_MAX && a->uidvalidity < now)
		a->uidvalidity = (uint32_t)now;
}

enum herr
store_renew(struct store *st, uint64_t account, uint32_t least)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct account_row *a = &t->account;
	struct names *names = names_load(t);

	raise_counters(a, least);
	a->account = account;
	for (size_t i = 0; names != NULL && i < names->n; i++) {
		struct box *b = names->list[i].exists
		                    ? txn_box(t, names->list[i].id)
		                    : NULL;

		if (b == NULL)
			continue;
		b->row.uidvalidity = ++a->uidvalidity;
		b->changed = true;
	}
	t->changed = true;
	st->account = account;
	return store_commit(&t);
}

/* ---- what came since ---- */

static enum herr
look(struct store *st, struct account_row *a)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	enum herr err = store_error(t);

	*a = t->account;
	store_abort(&t);
	return err;
}

/* The name behind `at`, of a mailbox that exists; false at the end. */
static bool
next_name(struct store *st, struct store_mailbox_cursor *at, enum herr *err)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m = { .exists = false };
	bool more = true;

	while (more && !m.exists)
		more = store_next_mailbox(t, at, &m);
	*err = store_error(t);
	store_abort(&t);
	return more && *err == H_OK;
}

static enum herr
bring_new_mail(struct store *st, struct store *present, uint64_t since,
    bool same, uint64_t *messages)
{
	struct store_mailbox_cursor at = { .len = 0 };
	enum herr err = H_OK;

	while (err == H_OK && next_name(present, &at, &err)) {
		struct span name = { at.name, at.len };

		err = bring_mailbox(st, present,
		    &(struct bring_order){ .from = name,
			.to = name,
			.since = since,
			.same = same },
		    messages);
	}
	return err;
}

/* What was imported since must not come twice. */
static enum herr
bring_imports(struct store *st, struct store *present)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_txn *p = store_begin(present, STORE_READ);
	struct db_cursor *c = db_cursor(p->db, TREE_IMPORT);
	enum herr err = H_OK;

	for (bool more = db_seek(c, SPAN("\0")); more && err == H_OK;
	     more = db_next(c)) {
		struct store_import then, now = { 0 };
		uint8_t id[STORE_IMPORT_ID_LEN];

		if (db_key(c).len != sizeof id || db_value(c).len != 8)
			continue;
		memcpy(id, db_key(c).ptr, sizeof id);
		then.times = le32(db_value(c).ptr + 4);
		if (!store_imported(t, id, &now))
			now.times = 0;
		while (now.times < then.times && err == H_OK)
			err = store_note_import(t, id, &now);
	}
	db_cursor_close(&c);
	if (err == H_OK)
		err = store_error(p);
	store_abort(&p);
	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

static enum herr
take_quota(struct store *st, uint64_t bytes)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	enum herr err = store_set_quota(t, bytes);

	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

enum herr
store_renew_from(struct store *st, struct store *present, uint64_t *messages)
{
	struct account_row then, now;
	enum herr err;
	bool same;

	*messages = 0;
	if ((err = look(st, &then)) != H_OK ||
	    (err = look(present, &now)) != H_OK)
		return err;
	/* An account that was removed and made again is another: all that it
	 * has came since. */
	same = then.account == now.account && then.created == now.created;
	if ((err = store_renew(st, now.account, now.uidvalidity)) == H_OK &&
	    (err = bring_new_mail(st, present, same ? then.next_message : 1,
		 same, messages)) == H_OK &&
	    (err = bring_imports(st, present)) == H_OK)
		err = take_quota(st, now.quota);
	return err;
}

/* ---- one mailbox ---- */

static enum herr
free_name(struct store *st, struct span name, struct span day,
    char as[STORE_NAME_MAX + 1])
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;
	enum herr err = H_LIMIT;

	for (unsigned n = 0; n < 1000 && err == H_LIMIT; n++) {
		struct buf text = BUF_INIT(STORE_NAME_MAX);

		buf_add(&text, name);
		if (n > 0) {
			buf_text(&text, " (restored ");
			buf_add(&text, day);
		}
		if (n > 1)
			buf_format(&text, " %u", n);
		if (n > 0)
			buf_byte(&text, ')');
		if (text.bad)
			err = H_INVALID;
		else if (store_find_mailbox(t, buf_span(&text), &m) ==
			 H_NOTFOUND) {
			memcpy(as, text.ptr, text.len);
			as[text.len] = '\0';
			err = store_error(t);
		}
		buf_free(&text);
	}
	store_abort(&t);
	return err;
}

enum herr
store_bring_back(struct store *st, struct store *copy, struct span name,
    struct span day, char as[STORE_NAME_MAX + 1], uint64_t *messages)
{
	struct account_row then, now;
	enum herr err;

	*messages = 0;
	if ((err = look(copy, &then)) != H_OK ||
	    (err = look(st, &now)) != H_OK ||
	    (err = free_name(st, name, day, as)) != H_OK)
		return err;
	return bring_mailbox(st, copy,
	    &(struct bring_order){
		.from = name,
		.to = span_of(as),
		.same =
		    then.account == now.account && then.created == now.created,
		.quota = true,
	    },
	    messages);
}
