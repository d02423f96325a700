/*
 * Mailboxes: looking them up, listing, making, deleting, renaming them;
 * subscriptions and roles.
 *
 * A mailbox is a number that is never used again; its name, subscription and
 * role stand in one row, its state in another.  A name that is only subscribed
 * has the first row alone.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "mailstore/store_int.h"

static bool
has_children(const struct names *names, struct span name)
{
	for (size_t i = names_after(names, name); i < names->n; i++) {
		if (!name_is_below(&names->list[i], name))
			break;
		if (names->list[i].exists)
			return true;
	}
	return false;
}

static void
describe(struct store_txn *t, const struct names *names, const struct name *n,
    struct store_mailbox *m)
{
	struct box *b = n->exists ? txn_box(t, n->id) : NULL;

	*m = (struct store_mailbox){
		.role = n->role,
		.subscribed = n->subscribed,
		.exists = n->exists,
		.name = { n->text, n->len },
	};
	m->has_children = has_children(names, m->name);
	if (b != NULL) {
		m->id = n->id;
		m->uidvalidity = b->row.uidvalidity;
		m->uidnext = b->row.uidnext;
		m->messages = b->row.messages;
		m->unseen = b->row.unseen;
		m->deleted = b->row.deleted;
		m->highestmodseq = b->row.highestmodseq;
		m->bytes = b->row.bytes;
	} else if (n->exists)
		txn_corrupt(t, TREE_MAILBOX, key_box(n->id, BOX_STATE, 0),
		    "a mailbox without state");
}

enum herr
store_find_mailbox(
    struct store_txn *t, struct span text, struct store_mailbox *m)
{
	char clean[STORE_NAME_MAX + 1];
	struct names *names = names_load(t);
	struct name *n;
	size_t len;

	if (names == NULL || names_clean(text, clean, &len) != H_OK)
		return H_NOTFOUND;
	n = names_find(names, (struct span){ clean, len });
	if (n == NULL || !n->exists)
		return H_NOTFOUND;
	describe(t, names, n, m);
	return store_error(t);
}

enum herr
store_get_mailbox(struct store_txn *t, uint32_t id, struct store_mailbox *m)
{
	struct names *names = names_load(t);
	struct name *n = names == NULL ? NULL : names_by_id(names, id);

	if (n == NULL || !n->exists)
		return H_NOTFOUND;
	describe(t, names, n, m);
	return store_error(t);
}

/* ---- listing ---- */

/* The level of `n` above itself that comes next after `last` and has no row,
 * though mailboxes are below it; 0: none. */
static size_t
parent_only(const struct names *names, const struct name *n, struct span last)
{
	for (size_t len = 1; len < n->len; len++) {
		struct span parent = { n->text, len };

		if (n->text[len] != '/')
			continue;
		/* A level that `last` is or lies below was told. */
		if (last.len >= len && memcmp(last.ptr, parent.ptr, len) == 0 &&
		    (last.len == len || last.ptr[len] == '/'))
			continue;
		if (has_children(names, parent))
			return len;
	}
	return 0;
}

bool
store_next_mailbox(struct store_txn *t, struct store_mailbox_cursor *at,
    struct store_mailbox *m)
{
	struct names *names = names_load(t);
	struct span last = { at->name, at->begun ? at->len : 0 };
	const struct name *n;
	size_t i, parent;

	if (names == NULL || at->len > STORE_NAME_MAX)
		return false;
	i = at->begun ? names_after(names, last) : 0;
	if (i == names->n)
		return false;
	n = &names->list[i];
	if ((parent = parent_only(names, n, last)) > 0) {
		*m = (struct store_mailbox){
			.name = { n->text, parent },
			.has_children = true,
		};
	} else
		describe(t, names, n, m);
	memcpy(at->name, m->name.ptr, m->name.len);
	at->name[m->name.len] = '\0';
	at->len = m->name.len;
	at->begun = true;
	return store_error(t) == H_OK;
}

/* ---- making ---- */

static enum herr
make(struct store_txn *t, struct names *names, struct span clean,
    enum store_role role, uint32_t *id)
{
	struct account_row *a = &t->account;
	struct name *old = names_find(names, clean);
	bool subscribed = old != NULL && old->subscribed;
	struct box *b;

	if (old != NULL && old->exists)
		return H_EXISTS;
	if (a->mailboxes >= STORE_MAILBOXES_MAX ||
	    a->next_mailbox == UINT32_MAX || a->uidvalidity == UINT32_MAX)
		return H_LIMIT;
	if (old != NULL)
		names_remove(t, old);
	if (names_add(t, clean, a->next_mailbox, true, subscribed, role) ==
	    NULL)
		return H_LIMIT;
	*id = a->next_mailbox++;
	a->mailboxes++;
	b = txn_new_box(t, *id);
	b->changed = true;
	b->row = (struct box_row){
		.uidvalidity = ++a->uidvalidity,
		.uidnext = 1,
		.highestmodseq = store_modseq(t),
		.set_modseq = store_modseq(t),
		.created = clock_wall(),
	};
	return H_OK;
}

/* The levels above a name, where they are missing. */
static enum herr
make_parents(struct store_txn *t, struct names *names, struct span clean)
{
	enum herr err = H_OK;
	uint32_t id;

	for (size_t len = 1; len < clean.len && err == H_OK; len++) {
		if (clean.ptr[len] != '/')
			continue;
		err = make(t, names, (struct span){ clean.ptr, len },
		    STORE_NO_ROLE, &id);
		if (err == H_EXISTS)
			err = H_OK;
	}
	return err;
}

static size_t
levels_above(struct span clean)
{
	size_t n = 0;

	for (size_t i = 0; i < clean.len; i++)
		n += clean.ptr[i] == '/';
	return n;
}

enum herr
store_create_mailbox(
    struct store_txn *t, struct span text, enum store_role role, uint32_t *id)
{
	char clean[STORE_NAME_MAX + 1];
	struct span name = { clean, 0 };
	struct names *names;
	const struct name *old;
	enum herr err;

	if (!txn_may_write(t) || (names = names_load(t)) == NULL)
		return store_error(t);
	/* "a/" says that children will follow: the same as "a" (RFC
	 * 9051, 6.3.4). */
	if (text.len > 1 && text.ptr[text.len - 1] == '/')
		text.len--;
	if ((err = names_clean(text, clean, &name.len)) != H_OK)
		return err;
	old = names_find(names, name);
	if (old != NULL && old->exists)
		return H_EXISTS;
	/* All of it or nothing. */
	if (t->account.mailboxes + levels_above(name) >= STORE_MAILBOXES_MAX ||
	    names->n + levels_above(name) >= NAMES_MAX)
		return H_LIMIT;
	if (role != STORE_NO_ROLE && !role_is_free(t, names, role))
		return store_error(t) != H_OK ? store_error(t) : H_DENIED;
	if ((err = make_parents(t, names, name)) == H_OK)
		err = make(t, names, name, STORE_NO_ROLE, id);
	if (err == H_OK && role != STORE_NO_ROLE)
		role_give(t, names, names_find(names, name), role);
	else if (err == H_OK)
		role_by_name(t, names, names_find(names, name));
	return store_error(t) != H_OK ? store_error(t) : err;
}

/* ---- deleting ---- */

/* Every message of it; blocks and pages go with their last UID. */
static enum herr
empty(struct store_txn *t, uint32_t id)
{
	struct store_row_cursor at = { NULL };
	struct store_row row;
	enum herr err = H_OK;

	while (err == H_OK && store_next_row(t, id, 1, UINT32_MAX, &at, &row))
		err = store_expunge(t, id, row.uid);
	store_end_rows(&at);
	return err == H_OK ? store_error(t) : err;
}

enum herr
store_delete_mailbox(struct store_txn *t, struct span text)
{
	char clean[STORE_NAME_MAX + 1];
	struct span name = { clean, 0 };
	struct names *names;
	struct name *n;
	enum store_role role;
	uint32_t id;

	if (!txn_may_write(t) || (names = names_load(t)) == NULL)
		return store_error(t);
	if (names_clean(text, clean, &name.len) != H_OK)
		return H_NOTFOUND;
	n = names_find(names, name);
	if (n == NULL || !n->exists)
		return H_NOTFOUND;
	if (name.len == 5 && memcmp(clean, "INBOX", 5) == 0)
		return H_DENIED;
	id = n->id;
	if (empty(t, id) != H_OK)
		return store_error(t);
	txn_write_back(t);
	txn_forget_mailbox(t, id);
	txn_delete(t, key_box(id, BOX_STATE, 0));
	t->account.mailboxes--;
	role = n->role;
	/* A subscription outlives its mailbox (RFC 9051, 6.3.7). */
	if (n->subscribed) {
		n->exists = false;
		n->role = STORE_NO_ROLE;
		names_write(t, n);
	} else
		names_remove(t, n);
	role_pass_on(t, names, role);
	return store_error(t);
}

/* ---- renaming ---- */

/* What a name below `from` (or `from` itself) becomes; H_LIMIT if it is too
 * long or too deep. */
static enum herr
moved_name(struct span name, size_t from, struct span to,
    char out[STORE_NAME_MAX + 1], size_t *len)
{
	if (to.len + (name.len - from) > STORE_NAME_MAX)
		return H_LIMIT;
	memcpy(out, to.ptr, to.len);
	memcpy(out + to.len, name.ptr + from, name.len - from);
	*len = to.len + (name.len - from);
	out[*len] = '\0';
	return levels_above((struct span){ out, *len }) < STORE_LEVELS_MAX
	           ? H_OK
	           : H_LIMIT;
}

/* Ids of `from` and all below it, so that the list may change under us. */
static size_t
family(struct names *names, struct span from, uint32_t **ids)
{
	size_t i = names_after(names, from), n = 0;
	struct name *self = names_find(names, from);

	*ids = mem_array(names->n + 1, sizeof **ids);
	if (self != NULL)
		(*ids)[n++] = self->id;
	for (; i < names->n && name_is_below(&names->list[i], from); i++)
		(*ids)[n++] = names->list[i].id;
	return n;
}

static enum herr
family_may_move(struct names *names, const uint32_t *ids, size_t n, size_t from,
    struct span to)
{
	char text[STORE_NAME_MAX + 1];
	enum herr err = H_OK;
	bool any = false;
	size_t len;

	for (size_t i = 0; i < n && err == H_OK; i++) {
		const struct name *name = names_by_id(names, ids[i]), *there;

		any = any || name->exists;
		err = moved_name((struct span){ name->text, name->len }, from,
		    to, text, &len);
		if (err != H_OK)
			break;
		there = names_find(names, (struct span){ text, len });
		if (there != NULL && there->exists)
			err = H_EXISTS;
	}
	return err == H_OK && !any ? H_NOTFOUND : err;
}

static void
move_family(struct store_txn *t, struct names *names, const uint32_t *ids,
    size_t n, size_t from, struct span to)
{
	char text[STORE_NAME_MAX + 1];
	struct span clean = { text, 0 };

	for (size_t i = 0; i < n; i++) {
		struct name *name = names_by_id(names, ids[i]), *there;

		if (moved_name((struct span){ name->text, name->len }, from, to,
			text, &clean.len) != H_OK)
			continue;
		there = names_find(names, clean);
		if (there != NULL) { /* only subscribed: that stays */
			bool subscribed = there->subscribed;

			names_remove(t, there);
			name = names_by_id(names, ids[i]);
			name->subscribed = name->subscribed || subscribed;
		}
		names_change(t, name, clean);
	}
}

/* INBOX stays, empty; its messages move (RFC 9051, 6.3.6). */
static enum herr
rename_inbox(struct store_txn *t, struct names *names, struct span to)
{
	uint32_t inbox = names_find(names, SPAN("INBOX"))->id, id, ignored;
	struct store_row_cursor at = { NULL };
	struct store_row row;
	enum herr err = make_parents(t, names, to);

	if (err == H_OK)
		err = make(t, names, to, STORE_NO_ROLE, &id);
	if (err != H_OK)
		return err;
	while (
	    err == H_OK && store_next_row(t, inbox, 1, UINT32_MAX, &at, &row))
		err = store_move(t, inbox, row.uid, id, &ignored);
	store_end_rows(&at);
	return err;
}

static enum herr
rename_clean(
    struct store_txn *t, struct names *names, struct span from, struct span to)
{
	const struct name *target = names_find(names, to);
	uint32_t *ids;
	enum herr err;
	size_t n;

	if (target != NULL && target->exists)
		return H_EXISTS;
	if (t->account.mailboxes + levels_above(to) >= STORE_MAILBOXES_MAX ||
	    names->n + levels_above(to) >= NAMES_MAX)
		return H_LIMIT;
	if (from.len == 5 && memcmp(from.ptr, "INBOX", 5) == 0)
		return rename_inbox(t, names, to);
	if (to.len > from.len && to.ptr[from.len] == '/' &&
	    memcmp(to.ptr, from.ptr, from.len) == 0)
		return H_INVALID; /* into itself */
	n = family(names, from, &ids);
	err = family_may_move(names, ids, n, from.len, to);
	if (err == H_OK)
		err = make_parents(t, names, to);
	if (err == H_OK) {
		struct name *moved;

		move_family(t, names, ids, n, from.len, to);
		if ((moved = names_find(names, to)) != NULL)
			role_by_name(t, names, moved);
	}
	mem_free(&ids);
	return err;
}

enum herr
store_rename_mailbox(struct store_txn *t, struct span from, struct span to)
{
	char clean_from[STORE_NAME_MAX + 1], clean_to[STORE_NAME_MAX + 1];
	struct span a = { clean_from, 0 }, b = { clean_to, 0 };
	struct names *names;
	enum herr err;

	if (!txn_may_write(t) || (names = names_load(t)) == NULL)
		return store_error(t);
	if (to.len > 1 && to.ptr[to.len - 1] == '/')
		to.len--;
	if (names_clean(from, clean_from, &a.len) != H_OK)
		return H_NOTFOUND;
	if ((err = names_clean(to, clean_to, &b.len)) != H_OK)
		return err;
	err = rename_clean(t, names, a, b);
	return store_error(t) != H_OK ? store_error(t) : err;
}

/* ---- subscriptions and roles ---- */

enum herr
store_subscribe(struct store_txn *t, struct span text, bool on)
{
	char clean[STORE_NAME_MAX + 1];
	struct span name = { clean, 0 };
	struct names *names;
	struct name *n;
	enum herr err;

	if (!txn_may_write(t) || (names = names_load(t)) == NULL)
		return store_error(t);
	if ((err = names_clean(text, clean, &name.len)) != H_OK)
		return err;
	n = names_find(names, name);
	if (n == NULL ? !on : n->subscribed == on)
		return H_OK;
	if (n == NULL) {
		if (t->account.next_mailbox == UINT32_MAX ||
		    names_add(t, name, t->account.next_mailbox, false, true,
			STORE_NO_ROLE) == NULL)
			err = H_LIMIT;
		else
			t->account.next_mailbox++;
	} else if (!on && !n->exists)
		names_remove(t, n);
	else {
		n->subscribed = on;
		names_write(t, n);
	}
	return store_error(t) != H_OK ? store_error(t) : err;
}

enum herr
store_set_role(struct store_txn *t, uint32_t mailbox, enum store_role role)
{
	struct names *names;
	struct name *n;

	if (!txn_may_write(t) || (names = names_load(t)) == NULL)
		return store_error(t);
	n = names_by_id(names, mailbox);
	if (n == NULL || !n->exists)
		return H_NOTFOUND;
	role_give(t, names, n, role);
	return store_error(t);
}
