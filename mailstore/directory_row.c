/* Rows of the directory as bytes: the format on disk, all of it. */
#include "mailstore/directory_int.h"

#include "common/log.h"
#include "common/wire.h"

/* 2: rows of accounts end with the capabilities left out; those of 1, which are
 * still read, do not. */
enum { SCHEMA = 2, ROW_MAX = 64 * 1024, KIND_ACCOUNT = 1, KIND_ALIAS = 2 };

static struct span
account_key(uint64_t id, char key[8])
{
	put_be64(key, id);
	return (struct span){ key, 8 };
}

/* ---- the head ---- */

enum herr
directory_get_head(struct db_txn *t, struct directory_head *head)
{
	struct span row, secret;
	struct wire w;
	uint32_t schema;

	if (!db_get(t, DB_MAIN, SPAN("directory"), &row))
		return db_error(t) != H_OK ? db_error(t) : H_NOTFOUND;
	w = wire_over(row);
	if ((schema = wire_u32(&w)) > SCHEMA) {
		log_event(LOG_ERROR, "directory",
		    "written by a newer Hearth; left untouched");
		return H_VERSION;
	}
	head->generation = wire_u64(&w);
	head->next = wire_u64(&w);
	secret = wire_bytes(&w, sizeof(head->secret));
	if (!wire_end(&w) || schema == 0 || head->next == 0 ||
	    secret.len != sizeof(head->secret)) {
		db_corrupt(t, DB_MAIN, SPAN("directory"), "malformed");
		return H_CORRUPT;
	}
	memcpy(head->secret, secret.ptr, sizeof(head->secret));
	return H_OK;
}

void
directory_put_head(struct db_txn *t, const struct directory_head *head)
{
	struct buf row = BUF_INIT(ROW_MAX);
	union {
		const void *from;
		const char *chars;
	} secret = { .from = head->secret };

	wire_put_u32(&row, SCHEMA);
	wire_put_u64(&row, head->generation);
	wire_put_u64(&row, head->next);
	wire_put_bytes(
	    &row, (struct span){ secret.chars, sizeof(head->secret) });
	db_put(t, DB_MAIN, SPAN("directory"), buf_span(&row));
	buf_free(&row);
}

/* ---- accounts ---- */

static void
take_bytes(struct wire *w, uint8_t *to, size_t len)
{
	struct span bytes = wire_bytes(w, len);

	if (bytes.len == len)
		memcpy(to, bytes.ptr, len);
	else
		w->bad = true;
}

bool
directory_read_account(struct span row, struct directory_account *a)
{
	struct wire w = wire_over(row);
	struct span address;

	*a = (struct directory_account){ .id = wire_u64(&w) };
	a->quota = wire_u64(&w);
	a->credential.iterations = wire_u32(&w);
	take_bytes(&w, a->credential.salt, sizeof(a->credential.salt));
	take_bytes(
	    &w, a->credential.stored_key, sizeof(a->credential.stored_key));
	take_bytes(
	    &w, a->credential.server_key, sizeof(a->credential.server_key));
	address = wire_bytes(&w, DIRECTORY_ADDRESS_MAX);
	if (!wire_end(&w))
		a->without = wire_u64(&w);
	if (!wire_end(&w) || a->id == 0 || address.len == 0 ||
	    memchr(address.ptr, 0, address.len) != NULL)
		return false;
	memcpy(a->address, address.ptr, address.len);
	return true;
}

bool
directory_get_account(
    struct db_txn *t, uint64_t id, struct directory_account *a)
{
	char key[8];
	struct span row;

	if (!db_get(t, TREE_ACCOUNT, account_key(id, key), &row))
		return false;
	if (directory_read_account(row, a) && a->id == id)
		return true;
	db_corrupt(t, TREE_ACCOUNT, account_key(id, key), "malformed");
	return false;
}

static void
put_bytes(struct buf *row, const uint8_t *bytes, size_t len)
{
	union {
		const uint8_t *from;
		const char *chars;
	} b = { .from = bytes };

	wire_put_bytes(row, (struct span){ b.chars, len });
}

void
directory_put_account(struct db_txn *t, const struct directory_account *a)
{
	const struct directory_credential *c = &a->credential;
	struct buf row = BUF_INIT(ROW_MAX);
	char key[8];

	wire_put_u64(&row, a->id);
	wire_put_u64(&row, a->quota);
	wire_put_u32(&row, c->iterations);
	put_bytes(&row, c->salt, sizeof(c->salt));
	put_bytes(&row, c->stored_key, sizeof(c->stored_key));
	put_bytes(&row, c->server_key, sizeof(c->server_key));
	wire_put_bytes(&row, span_of(a->address));
	wire_put_u64(&row, a->without);
	db_put(t, TREE_ACCOUNT, account_key(a->id, key), buf_span(&row));
	buf_free(&row);
}

/* ---- names ---- */

bool
directory_next_target(struct directory_name *name, struct span *target)
{
	struct wire w = wire_over(name->targets);

	if (name->ntargets == 0)
		return false;
	*target = wire_bytes(&w, DIRECTORY_ADDRESS_MAX);
	if (w.bad || target->len == 0)
		return false;
	name->targets.ptr = target->ptr + target->len;
	name->targets.len -= 4 + target->len;
	name->ntargets--;
	return true;
}

bool
directory_read_name(struct span row, struct directory_name *name)
{
	struct wire w = wire_over(row);
	struct directory_name walk;
	struct span target;

	*name = (struct directory_name){ 0 };
	switch (wire_u8(&w)) {
	case KIND_ACCOUNT:
		name->account = wire_u64(&w);
		return wire_end(&w) && name->account != 0;
	case KIND_ALIAS:
		name->ntargets = wire_u16(&w);
		if (w.bad || name->ntargets == 0)
			return false;
		name->targets = (struct span){ row.ptr + 3, row.len - 3 };
		walk = *name;
		while (directory_next_target(&walk, &target))
			;
		return walk.ntargets == 0 && walk.targets.len == 0;
	default: return false;
	}
}

bool
directory_get_name(
    struct db_txn *t, struct span canonical, struct directory_name *name)
{
	struct span row;

	if (canonical.len == 0 || canonical.len > DIRECTORY_ADDRESS_MAX ||
	    !db_get(t, TREE_NAME, canonical, &row))
		return false;
	if (directory_read_name(row, name))
		return true;
	db_corrupt(t, TREE_NAME, canonical, "malformed");
	return false;
}

void
directory_put_name(struct db_txn *t, struct span canonical, uint64_t account,
    const struct span *targets, size_t n)
{
	struct buf row = BUF_INIT(ROW_MAX);

	wire_put_u8(&row, account != 0 ? KIND_ACCOUNT : KIND_ALIAS);
	if (account != 0)
		wire_put_u64(&row, account);
	else
		wire_put_u16(&row, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		wire_put_bytes(&row, targets[i]);
	db_put(t, TREE_NAME, canonical, buf_span(&row));
	buf_free(&row);
}
