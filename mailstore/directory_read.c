/* Accounts and aliases, one at a time. */
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/address.h"
#include "mailstore/directory_int.h"

/* The answer of a read that found nothing, or could not look. */
static enum herr
end(struct db_txn **t, bool found)
{
	enum herr err = db_error(*t);

	db_abort(t);
	return err != H_OK ? err : found ? H_OK : H_NOTFOUND;
}

enum herr
directory_account_by_id(
    struct directory *d, uint64_t id, struct directory_account *a)
{
	struct db_txn *t = db_begin(d->db, false);
	bool found = directory_get_account(t, id, a);

	return end(&t, found);
}

enum herr
directory_account_by_address(
    struct directory *d, struct span canonical, struct directory_account *a)
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_name name;
	bool found = directory_get_name(t, canonical, &name) &&
	             name.account != 0 &&
	             directory_get_account(t, name.account, a);

	return end(&t, found);
}

enum herr
directory_whose(struct directory *d, struct span canonical, uint64_t *account)
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_name name;
	bool found = directory_get_name(t, canonical, &name);

	if (found)
		*account = name.account;
	return end(&t, found);
}

static bool
starts_with(struct span text, struct span start)
{
	return text.len >= start.len &&
	       memcmp(text.ptr, start.ptr, start.len) == 0;
}

/* `start` is "local@": the one account among the addresses that begin so. */
static enum herr
only_account(
    struct directory *d, struct span start, struct directory_account *a)
{
	struct db_txn *t = db_begin(d->db, false);
	struct db_cursor *c = db_cursor(t, TREE_NAME);
	struct directory_name name;
	uint64_t id = 0;
	unsigned found = 0;

	for (bool more = db_seek(c, start);
	     more && starts_with(db_key(c), start); more = db_next(c))
		if (directory_read_name(db_value(c), &name) &&
		    name.account != 0) {
			id = name.account;
			found++;
		}
	db_cursor_close(&c);
	return end(&t, found == 1 && directory_get_account(t, id, a));
}

enum herr
directory_account_by_login(
    struct directory *d, struct span name, struct directory_account *a)
{
	static const char stand_in[] = "@a.a"; /* any domain */
	struct buf text = BUF_INIT(DIRECTORY_ADDRESS_MAX);
	struct buf canonical = BUF_INIT(DIRECTORY_ADDRESS_MAX);
	bool bare = name.len > 0 && memchr(name.ptr, '@', name.len) == NULL;
	enum herr err = H_NOTFOUND;

	buf_add(&text, name);
	if (bare)
		buf_text(&text, stand_in);
	if (text.bad || !address_canonical(buf_span(&text), &canonical))
		err = H_NOTFOUND;
	else if (!bare)
		err = directory_account_by_address(d, buf_span(&canonical), a);
	else
		err = only_account(d,
		    (struct span){
			canonical.ptr, canonical.len - (sizeof(stand_in) - 2) },
		    a);
	buf_free(&text);
	buf_free(&canonical);
	return err;
}

bool
directory_next_account(
    struct directory *d, uint64_t *id, struct directory_account *a)
{
	struct db_txn *t;
	struct db_cursor *c;
	char key[8];
	bool found = false;

	if (*id == UINT64_MAX)
		return false;
	t = db_begin(d->db, false);
	c = db_cursor(t, TREE_ACCOUNT);
	put_be64(key, *id + 1);
	if (db_seek(c, (struct span){ key, sizeof(key) }) && db_key(c).len == 8)
		found = directory_get_account(t, be64(db_key(c).ptr), a);
	if (found)
		*id = a->id;
	db_cursor_close(&c);
	db_abort(&t);
	return found;
}

static void
copy_targets(struct directory_alias *alias, struct directory_name *name)
{
	struct span target;

	alias->targets = mem_array(name->ntargets, sizeof(char *));
	while (directory_next_target(name, &target))
		alias->targets[alias->ntargets++] = mem_string(target);
}

bool
directory_next_alias(
    struct directory *d, char *address, struct directory_alias *alias)
{
	struct db_txn *t = db_begin(d->db, false);
	struct db_cursor *c = db_cursor(t, TREE_NAME);
	struct span last = span_of(address);
	struct directory_name name;
	bool found = false;

	directory_release_alias(d);
	for (bool more = db_seek(c, last.len > 0 ? last : DIRECTORY_FIRST_KEY);
	     more && !found; more = db_next(c)) {
		struct span key = db_key(c);

		if (span_same(key, last) || key.len > DIRECTORY_ADDRESS_MAX ||
		    !directory_read_name(db_value(c), &name) ||
		    name.account != 0)
			continue;
		memcpy(d->alias.address, key.ptr, key.len);
		d->alias.address[key.len] = 0;
		copy_targets(&d->alias, &name);
		found = true;
	}
	db_cursor_close(&c);
	db_abort(&t);
	if (found) {
		memcpy(address, d->alias.address, sizeof(d->alias.address));
		*alias = d->alias;
	}
	return found;
}
