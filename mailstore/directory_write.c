/*
 * Changes: each is one durable transaction, with the directory's generation
 * raised in it, and a publication after it.
 */
#include "common/wire.h"
#include "mailstore/directory_int.h"

/* Ends a change: what `err` says, or the commit, or the publication. */
static enum herr
finish(struct directory *d, struct db_txn **t, struct directory_head *head,
    enum herr err)
{
	if (err != H_OK) {
		db_abort(t);
		return err;
	}
	head->generation++;
	directory_put_head(*t, head);
	if ((err = db_commit(t)) != H_OK)
		return err;
	return directory_publish(d);
}

static enum herr
not_found(const struct db_txn *t)
{
	return db_error(t) != H_OK ? db_error(t) : H_NOTFOUND;
}

static bool
is_address(struct span s)
{
	return s.len > 0 && s.len <= DIRECTORY_ADDRESS_MAX &&
	       memchr(s.ptr, 0, s.len) == NULL &&
	       memchr(s.ptr, '@', s.len) != NULL;
}

enum herr
directory_add_account(struct directory *d, struct span canonical,
    const struct directory_credential *credential, uint64_t *id)
{
	struct db_txn *t;
	struct directory_account a = { .credential = *credential };
	struct directory_head head;
	struct directory_name name;
	enum herr err;

	if (!is_address(canonical))
		return H_INVALID;
	t = db_begin(d->db, true);
	if ((err = directory_get_head(t, &head)) == H_OK) {
		if (directory_get_name(t, canonical, &name))
			err = H_EXISTS;
		else
			err = db_error(t);
	}
	if (err == H_OK) {
		*id = a.id = head.next++;
		memcpy(a.address, canonical.ptr, canonical.len);
		directory_put_account(t, &a);
		directory_put_name(t, canonical, a.id, NULL, 0);
	}
	return finish(d, &t, &head, err);
}

enum herr
directory_set_credential(struct directory *d, uint64_t id,
    const struct directory_credential *credential)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_account a;
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK && !directory_get_account(t, id, &a))
		err = not_found(t);
	if (err == H_OK) {
		a.credential = *credential;
		directory_put_account(t, &a);
	}
	return finish(d, &t, &head, err);
}

enum herr
directory_set_quota(struct directory *d, uint64_t id, uint64_t bytes)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_account a;
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK && !directory_get_account(t, id, &a))
		err = not_found(t);
	if (err == H_OK) {
		a.quota = bytes;
		directory_put_account(t, &a);
	}
	return finish(d, &t, &head, err);
}

enum herr
directory_set_without(struct directory *d, uint64_t id, uint64_t capabilities)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_account a;
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK && !directory_get_account(t, id, &a))
		err = not_found(t);
	if (err == H_OK) {
		a.without = capabilities;
		directory_put_account(t, &a);
	}
	return finish(d, &t, &head, err);
}

static void
delete_account(struct db_txn *t, uint64_t id)
{
	char key[8];

	put_be64(key, id);
	(void)db_delete(t, TREE_ACCOUNT, (struct span){ key, sizeof(key) });
}

enum herr
directory_remove_account(struct directory *d, uint64_t id)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_account a;
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK && !directory_get_account(t, id, &a))
		err = not_found(t);
	if (err == H_OK) {
		delete_account(t, id);
		(void)db_delete(t, TREE_NAME, span_of(a.address));
	}
	return finish(d, &t, &head, err);
}

enum herr
directory_add_alias(struct directory *d, struct span canonical,
    const struct span *targets, size_t n)
{
	struct db_txn *t;
	struct directory_head head;
	struct directory_name name;
	enum herr err;

	if (!is_address(canonical) || n == 0)
		return H_INVALID;
	if (n > DIRECTORY_TARGETS_MAX)
		return H_LIMIT;
	for (size_t i = 0; i < n; i++)
		if (!is_address(targets[i]))
			return H_INVALID;
	t = db_begin(d->db, true);
	err = directory_get_head(t, &head);
	if (err == H_OK && directory_get_name(t, canonical, &name) &&
	    name.account != 0)
		err = H_EXISTS;
	if (err == H_OK)
		directory_put_name(t, canonical, 0, targets, n);
	return finish(d, &t, &head, err);
}

enum herr
directory_remove_alias(struct directory *d, struct span canonical)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_head head;
	struct directory_name name;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK &&
	    (!directory_get_name(t, canonical, &name) || name.account != 0))
		err = not_found(t);
	if (err == H_OK)
		(void)db_delete(t, TREE_NAME, canonical);
	return finish(d, &t, &head, err);
}

enum herr
directory_numbers(struct directory *d, uint64_t *generation, uint64_t *next)
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_head head = { 0 };
	enum herr err = directory_get_head(t, &head);

	*generation = head.generation;
	*next = head.next;
	db_abort(&t);
	return err;
}

enum herr
directory_renew(struct directory *d, uint64_t generation, uint64_t next)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK && head.generation < generation)
		head.generation = generation;
	if (err == H_OK && head.next < next)
		head.next = next;
	return finish(d, &t, &head, err);
}
