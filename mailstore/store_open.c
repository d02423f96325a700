/*
 * Making, opening and closing an account's store; versions of its format.
 */
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "mailstore/store_int.h"

/* In the order of enum store_tree. */
const struct db_shape store_shape = {
	.what = "account",
	.trees = { "body", "message", "mailbox", "log", "import" },
	.reserve = 2 * 1024 * 1024,
};

/* Every account has these, subscribed (RFC 6154 names the roles). */
static const struct {
	const char *name;
	enum store_role role;
} first_mailboxes[] = {
	{ "INBOX", STORE_NO_ROLE },
	{ "Drafts", STORE_DRAFTS },
	{ "Sent", STORE_SENT },
	{ "Junk", STORE_JUNK },
	{ "Trash", STORE_TRASH },
	{ "Archive", STORE_ARCHIVE },
};

/* A clock that says more is broken; there must be numbers left. */
#define UIDVALIDITY_SANE INT64_C(0xF0000000)

/* upgrades[n] makes version n + 1 of version n, all of it inside the
 * transaction, account row and all.  There was no version 0. */
static void (*const upgrades[STORE_SCHEMA])(struct db_txn *) = { NULL };

static void
say(const char *folder, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "store-open");
	log_text(&l, "path", folder);
	log_text(&l, "error", why);
	log_end(&l);
}

/* ---- making ---- */

static enum herr
put_account(struct db *db, uint64_t account)
{
	int64_t now = clock_wall();
	struct account_row row = {
		.schema = STORE_SCHEMA,
		.account = account,
		.created = now,
		.next_message = 1,
		.next_uidl = 1,
		.modseq = 1,
		.log_floor = 1,
		.next_mailbox = 1,
		/* So that an account made anew under an old name does not
		   repeat its numbers. */
		.uidvalidity =
		    now > 0 && now < UIDVALIDITY_SANE ? (uint32_t)now : 1,
	};
	struct db_txn *t = db_begin(db, true);
	unsigned char bytes[ACCOUNT_ROW_LEN];
	struct key key = key_account();
	struct span old;

	if (db_get(t, TREE_MAIN, key_span(&key), &old)) {
		db_abort(&t);
		return H_EXISTS;
	}
	account_put(bytes, &row);
	db_put(t, TREE_MAIN, key_span(&key),
	    (struct span){ (char *)bytes, sizeof bytes });
	return db_commit(&t);
}

static enum herr
make_mailboxes(struct store *st)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	enum herr err = H_OK;
	uint32_t id;

	for (size_t i = 0; i < COUNT_OF(first_mailboxes) && err == H_OK; i++) {
		struct span name = span_of(first_mailboxes[i].name);

		err =
		    store_create_mailbox(t, name, first_mailboxes[i].role, &id);
		if (err == H_OK)
			err = store_subscribe(t, name, true);
	}
	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

static bool
has_inbox(struct store *st)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;
	enum herr err = store_find_mailbox(t, SPAN("INBOX"), &m);

	store_abort(&t);
	return err != H_NOTFOUND;
}

enum herr
store_create_empty(const char *folder, uint64_t account)
{
	struct db *db = NULL;
	enum herr err;

	if ((err = db_create(folder)) != H_OK ||
	    (err = db_open(&db, folder, &store_shape)) != H_OK)
		return err;
	err = put_account(db, account);
	db_close(&db);
	return err;
}

enum herr
store_create(const char *folder, uint64_t account)
{
	struct store *st = NULL;
	enum herr err = store_create_empty(folder, account);

	/* A making that was cut short goes on where it ended. */
	if (err != H_OK && err != H_EXISTS)
		return err;
	if ((err = store_open(&st, folder)) != H_OK)
		return err;
	if (has_inbox(st))
		err = H_EXISTS;
	else if ((err = make_mailboxes(st)) == H_OK)
		err = file_sync_folder(folder);
	store_close(&st);
	return err;
}

/* ---- opening ---- */

/* The account's row, of whatever version. */
static enum herr
look(struct db_txn *t, struct account_row *row)
{
	struct key key = key_account();
	struct span bytes;

	if (!db_get(t, TREE_MAIN, key_span(&key), &bytes))
		return db_error(t) != H_OK ? db_error(t) : H_NOTFOUND;
	if (!account_get(bytes, row)) {
		db_corrupt(t, TREE_MAIN, key_span(&key), "the account's row");
		return H_CORRUPT;
	}
	return row->schema > STORE_SCHEMA ? H_VERSION : H_OK;
}

static enum herr
upgrade(struct db *db)
{
	struct db_txn *t = db_begin(db, true);
	struct account_row row;
	enum herr err;

	/* Looked at again: another process may have been first. */
	while ((err = look(t, &row)) == H_OK && row.schema < STORE_SCHEMA) {
		if (upgrades[row.schema] == NULL) {
			err = H_VERSION;
			break;
		}
		upgrades[row.schema](t);
	}
	if (err == H_OK)
		return db_commit(&t);
	db_abort(&t);
	return err;
}

static enum herr
check_version(struct store *st)
{
	struct db_txn *t = db_begin(st->db, false);
	struct account_row row = { 0 };
	enum herr err = look(t, &row);

	db_abort(&t);
	if (err == H_OK && row.schema < STORE_SCHEMA)
		err = upgrade(st->db);
	st->account = row.account;
	if (err == H_NOTFOUND)
		say(st->folder, "the account was never made whole");
	else if (err == H_VERSION)
		say(st->folder, "written by another version of Hearth");
	return err;
}

enum herr
store_open(struct store **out, const char *folder)
{
	struct store *st = mem_alloc(sizeof *st);
	enum herr err;

	st->wake = st->inotify = -1;
	st->folder = mem_string(span_of(folder));
	err = db_open(&st->db, folder, &store_shape);
	if (err == H_OK)
		err = check_version(st);
	*out = st;
	if (err != H_OK) {
		store_close(out);
		return err;
	}
	notify_open(st);
	tidy_slice(st);
	return H_OK;
}

enum herr
store_open_copy(struct store **out, const char *file)
{
	struct store *st = mem_alloc(sizeof *st);
	struct db_txn *t;
	struct account_row row = { 0 };
	enum herr err;

	st->wake = st->inotify = -1;
	st->folder = mem_string(span_of(file));
	if ((err = db_open_published(&st->db, file, &store_shape)) == H_OK) {
		t = db_begin(st->db, false);
		err = look(t, &row);
		db_abort(&t);
	}
	/* One of an older version is upgraded where it can be written. */
	if (err == H_OK && row.schema != STORE_SCHEMA)
		err = H_VERSION;
	st->account = row.account;
	*out = st;
	if (err != H_OK)
		store_close(out);
	return err;
}

enum herr
store_copy_to(struct store *st, int fd)
{
	return db_publish(st->db, fd);
}

void
store_close(struct store **stp)
{
	struct store *st = *stp;

	if (st == NULL)
		return;
	assert(!st->txn.open);
	notify_close(st);
	views_forget(st, true);
	names_forget(st);
	keywords_forget(st);
	body_reader_free(&st->reader);
	db_close(&st->db);
	mem_free(&st->folder);
	mem_free(stp);
}

uint64_t
store_account(const struct store *st)
{
	return st->account;
}

/* ---- quota ---- */

void
store_usage(struct store_txn *t, struct store_usage *usage)
{
	*usage = (struct store_usage){
		.bytes = t->account.bytes,
		.messages = t->account.messages,
		.quota = t->account.quota,
	};
}

enum herr
store_set_quota(struct store_txn *t, uint64_t bytes)
{
	if (!txn_may_write(t))
		return store_error(t);
	t->account.quota = bytes;
	t->changed = true;
	return H_OK;
}
