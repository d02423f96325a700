/* Folders and mailboxes: see import_folder.h. */
#include "mailstore/import_folder.h"

#include "common/scan.h"

/* ---- names ---- */

/* "Sent.sbd/2024" (Thunderbird) is "Sent/2024". */
static void
put_path(struct buf *out, struct span path)
{
	struct scan s = scan_over(path);
	size_t start = out->len;

	while (scan_more(&s)) {
		struct span level = scan_until(&s, "/", SIZE_MAX);

		if (scan_more(&s) && level.len > 4 &&
		    memcmp(level.ptr + level.len - 4, ".sbd", 4) == 0)
			level.len -= 4;
		if (level.len > 0) {
			if (out->len > start)
				buf_byte(out, '/');
			maildir_level(out, level);
		}
		(void)scan_try(&s, '/');
	}
}

void
import_folder_init(struct import_folder *f, struct span base,
    enum talk_folder kind, struct span name)
{
	struct buf own = BUF_INIT(4 * TALK_PATH_MAX);

	*f = (struct import_folder){ .origin = BUF_INIT(4 * TALK_PATH_MAX),
		.forwarded = -2 };
	maildir_mailbox_init(&f->said);
	for (size_t i = 0; i < COUNT_OF(f->keyword); i++)
		f->keyword[i] = -2;
	if (kind == TALK_DOTTED)
		maildir_folder(&own, name);
	else if (kind == TALK_PATH)
		put_path(&own, name);
	buf_add(&f->origin, base);
	if (base.len > 0 && own.len > 0)
		buf_byte(&f->origin, '/');
	if (base.len == 0 && own.len == 0)
		buf_text(&f->origin, "INBOX");
	buf_add(&f->origin, buf_span(&own));
	buf_free(&own);
}

void
import_folder_free(struct import_folder *f)
{
	maildir_mailbox_free(&f->said);
	buf_free(&f->origin);
}

/* ---- mailboxes ---- */

static bool
find_role(struct store_txn *t, enum store_role role, struct store_mailbox *m)
{
	struct store_mailbox_cursor c = { 0 };

	while (store_next_mailbox(t, &c, m))
		if (m->exists && m->role == role)
			return true;
	return false;
}

/* A well-known first level becomes the name of our mailbox with that role. */
static void
put_known(struct store_txn *t, struct buf *name, struct span origin)
{
	const char *slash = memchr(origin.ptr, '/', origin.len);
	struct span first = origin;
	enum store_role role;
	struct store_mailbox m;

	if (slash != NULL)
		first.len = (size_t)(slash - origin.ptr);
	role = store_known_role(first);
	if (role == STORE_NO_ROLE || !find_role(t, role, &m)) {
		buf_add(name, origin);
		return;
	}
	buf_add(name, m.name);
	origin.ptr += first.len;
	origin.len -= first.len;
	buf_add(name, origin);
}

/* An exported mailbox gets its role back if ours of that role was never used.
 */
static enum herr
take_role(struct store_txn *t, struct span name, enum store_role role)
{
	struct store_mailbox m, old;
	char copy[STORE_NAME_MAX];
	struct span from = { copy, 0 };

	if (store_find_mailbox(t, name, &m) == H_OK ||
	    !find_role(t, role, &old) || old.messages > 0 || old.has_children)
		return store_error(t);
	from.len = old.name.len;
	memcpy(copy, old.name.ptr, from.len);
	return store_rename_mailbox(t, from, name);
}

/* 0: it is not there, and is not to be made. */
static enum herr
find_or_make(struct store_txn *t, struct span name, bool make, uint32_t *id)
{
	struct store_mailbox m;

	*id = 0;

	if (store_find_mailbox(t, name, &m) == H_OK) {
		*id = m.id;
		return H_OK;
	}
	if (store_error(t) != H_OK)
		return store_error(t);
	return make ? store_create_mailbox(t, name, STORE_NO_ROLE, id) : H_OK;
}

/* Was it done by an import before?  From now on it was. */
static bool
first_time(struct store_txn *t, const struct import_target *target,
    const char *what, struct span name)
{
	uint8_t id[DIGEST_LEN];
	struct store_import now;

	/* (Ids of messages begin with a name, never with NUL.) */
	digest_begin(target->digest);
	digest_add(target->digest, SPAN("\0"));
	digest_add(target->digest, span_of(what));
	digest_add(target->digest, name);
	digest_end(target->digest, id);
	return !store_imported(t, id, &now) &&
	       store_note_import(t, id, &now) == H_OK;
}

enum herr
import_folder_open(
    struct import_folder *f, const struct import_target *target, bool now)
{
	struct store_txn *t = store_begin(target->store, STORE_WRITE);
	struct buf name = BUF_INIT(STORE_NAME_MAX);
	bool first = first_time(t, target, "folder", buf_span(&f->origin));
	bool has_base = target->base.len > 0;
	enum herr err = H_OK;

	if (!has_base && f->said.name.len > 0) {
		buf_add(&name, buf_span(&f->said.name));
		if (f->said.role != STORE_NO_ROLE)
			err = take_role(t, buf_span(&name), f->said.role);
	} else if (!has_base) {
		put_known(t, &name, buf_span(&f->origin));
	} else {
		buf_add(&name, buf_span(&f->origin));
	}
	if (err == H_OK)
		err = name.bad ? H_LIMIT
		               : find_or_make(t, buf_span(&name), first || now,
				     &f->mailbox);
	if (err == H_OK && first && target->subscribe)
		err = store_subscribe(t, buf_span(&name), true);
	buf_free(&name);
	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	f->mailbox = 0;
	return err;
}

enum herr
import_subscribe(const struct import_target *target, struct span line)
{
	struct buf own = BUF_INIT(4 * TALK_PATH_MAX), name = BUF_INIT(SIZE_MAX);
	struct store_txn *t = store_begin(target->store, STORE_WRITE);
	struct store_mailbox m;
	enum herr err;

	maildir_subscription(&own, line);
	if (target->base.len > 0) {
		buf_add(&name, target->base);
		buf_byte(&name, '/');
		buf_add(&name, buf_span(&own));
	} else {
		put_known(t, &name, buf_span(&own));
	}
	/* Of what was not imported nothing need be shown. */
	err = store_find_mailbox(t, buf_span(&name), &m);
	if (err == H_OK &&
	    first_time(t, target, "subscription", buf_span(&name)))
		err = store_subscribe(t, buf_span(&name), true);
	buf_free(&own);
	buf_free(&name);
	if (err == H_OK)
		return store_commit(&t);
	if (err == H_NOTFOUND || err == H_INVALID || err == H_LIMIT)
		err = store_error(t);
	store_abort(&t);
	return err;
}

/* ---- keywords ---- */

int
import_keyword(struct store *st, struct span name)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	int number = store_keyword(t, name, false);

	store_abort(&t);
	if (number >= 0)
		return number;
	t = store_begin(st, STORE_WRITE);
	number = store_keyword(t, name, true);
	if (number < 0)
		store_abort(&t);
	else if (store_commit(&t) != H_OK)
		number = -1;
	return number;
}
