/*
 * Names of mailboxes.  A process reads them once and keeps them, sorted, until
 * the account says that they changed: there are a few dozen, and an index on
 * disk would cost each of them more than it saves.  (LMDB's keys end at 511
 * bytes; names do not.)
 */
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/store_int.h"

/* ---- which names there may be ---- */

/* The length of a UTF-8 character of RFC 3629 at p, 0 if there is none; its
 * number. */
static size_t
character(const unsigned char *p, size_t len, uint32_t *number)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80   ? 1
	           : p[0] < 0xC2 ? 0
	           : p[0] < 0xE0 ? 2
	           : p[0] < 0xF0 ? 3
	           : p[0] < 0xF5 ? 4
	                         : 0;

	if (n == 0 || n > len)
		return 0;
	*number = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*number = *number << 6 | (p[i] & 0x3Fu);
	}
	if (*number < least[n] || *number > 0x10FFFF ||
	    (*number >= 0xD800 && *number < 0xE000))
		return 0;
	return n;
}

/* RFC 9051, 5.1: no controls, no wildcards of LIST; U+2028 and U+2029 as RFC
 * 5198. */
static bool
may_be_in_name(uint32_t c)
{
	return c >= 0x20 && (c < 0x7F || c > 0x9F) && c != '*' && c != '%' &&
	       c != 0x2028 && c != 0x2029;
}

enum herr
names_clean(struct span name, char clean[STORE_NAME_MAX + 1], size_t *len)
{
	unsigned levels = 1;
	bool at_start = true;
	struct span first = { name.ptr, 0 };

	if (name.len == 0)
		return H_INVALID;
	if (name.len > STORE_NAME_MAX)
		return H_LIMIT;
	for (size_t i = 0, n; i < name.len; i += n) {
		uint32_t c;

		n = character(
		    (const unsigned char *)name.ptr + i, name.len - i, &c);
		if (n == 0 || !may_be_in_name(c))
			return H_INVALID;
		if (c == '/') {
			if (at_start)
				return H_INVALID;
			levels++;
		} else if (levels == 1)
			first.len = i + n;
		at_start = c == '/';
	}
	if (at_start)
		return H_INVALID;
	if (levels > STORE_LEVELS_MAX)
		return H_LIMIT;
	memcpy(clean, name.ptr, name.len);
	clean[name.len] = '\0';
	if (span_is_nocase(first, "INBOX"))
		memcpy(clean, "INBOX", 5);
	*len = name.len;
	return H_OK;
}

/* ---- order ---- */

static bool
is_inbox_or_below(struct span name)
{
	return name.len >= 5 && memcmp(name.ptr, "INBOX", 5) == 0 &&
	       (name.len == 5 || name.ptr[5] == '/');
}

/* "/" comes before all others, so that children follow their parent. */
static int
order(struct span a, struct span b)
{
	bool inbox = is_inbox_or_below(a);

	if (inbox != is_inbox_or_below(b))
		return inbox ? -1 : 1;
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		unsigned char x = (unsigned char)a.ptr[i],
			      y = (unsigned char)b.ptr[i];

		if (x == y)
			continue;
		return x == '/' ? -1 : y == '/' ? 1 : x < y ? -1 : 1;
	}
	return (a.len > b.len) - (a.len < b.len);
}

static struct span
name_span(const struct name *n)
{
	return (struct span){ n->text, n->len };
}

static int
by_order(const void *a, const void *b)
{
	return order(name_span(a), name_span(b));
}

bool
name_is_below(const struct name *n, struct span parent)
{
	return n->len > parent.len && n->text[parent.len] == '/' &&
	       memcmp(n->text, parent.ptr, parent.len) == 0;
}

size_t
names_after(const struct names *names, struct span clean)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (order(name_span(&names->list[middle]), clean) > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct name *
names_find(struct names *names, struct span clean)
{
	size_t i = names_after(names, clean);

	if (i > 0 && order(name_span(&names->list[i - 1]), clean) == 0)
		return &names->list[i - 1];
	return NULL;
}

struct name *
names_by_id(struct names *names, uint32_t id)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->list[i].id == id)
			return &names->list[i];
	return NULL;
}

/* ---- memory ---- */

void
names_forget(struct store *st)
{
	for (size_t i = 0; i < st->names.n; i++)
		mem_free(&st->names.list[i].text);
	mem_free(&st->names.list);
	st->names = (struct names){ 0 };
}

static struct name *
insert(struct names *names, size_t at)
{
	if (names->n == names->room) {
		names->room = names->room == 0 ? 8 : names->room * 2;
		names->list =
		    mem_resize(names->list, names->room, sizeof *names->list);
	}
	memmove(&names->list[at + 1], &names->list[at],
	    (names->n - at) * sizeof *names->list);
	names->n++;
	return &names->list[at];
}

static void
take_out(struct names *names, struct name *n)
{
	size_t at = (size_t)(n - names->list);

	mem_free(&n->text);
	names->n--;
	memmove(n, n + 1, (names->n - at) * sizeof *names->list);
}

static bool
name_get(struct store_txn *t, struct span row, uint64_t id, struct name *n)
{
	char clean[STORE_NAME_MAX + 1];
	struct span text = { row.ptr + NAME_HEAD_LEN, row.len - NAME_HEAD_LEN };
	size_t len;

	/* Names are looked at as if a stranger had written them: they go to
	 * clients. */
	if (row.len <= NAME_HEAD_LEN || id == 0 || id > UINT32_MAX ||
	    names_clean(text, clean, &len) != H_OK ||
	    (uint8_t)row.ptr[1] > STORE_ALL) {
		txn_corrupt(t, TREE_MAILBOX, key_own(OWN_NAME, id), "name");
		return false;
	}
	*n = (struct name){
		.id = (uint32_t)id,
		.exists = row.ptr[0] & NAME_EXISTS,
		.subscribed = row.ptr[0] & NAME_SUBSCRIBED,
		.role = (enum store_role)row.ptr[1],
		.text = mem_string(text),
		.len = text.len,
	};
	return true;
}

struct names *
names_load(struct store_txn *t)
{
	struct names *names = &t->store->names;
	struct key key = key_own(OWN_NAME, 0);
	struct db_cursor *c;
	uint64_t id;

	if (db_error(t->db) != H_OK)
		return NULL;
	if (names->good &&
	    (t->caches_used || names->modseq == t->account.names_modseq))
		return names;
	names_forget(t->store);
	c = db_cursor(t->db, TREE_MAILBOX);
	for (bool more = db_seek(c, key_span(&key));
	     more && key_is_own(db_key(c), OWN_NAME, &id); more = db_next(c)) {
		struct name n;

		if (!name_get(t, db_value(c), id, &n))
			break;
		*insert(names, names->n) = n;
	}
	db_cursor_close(&c);
	if (db_error(t->db) != H_OK) {
		names_forget(t->store);
		return NULL;
	}
	if (names->n > 1)
		qsort(names->list, names->n, sizeof *names->list, by_order);
	names->modseq = t->account.names_modseq;
	names->good = true;
	return names;
}

/* ---- changes ---- */

static void
changed(struct store_txn *t, uint32_t id)
{
	t->caches_used = true;
	t->account.names_modseq = store_modseq(t);
	t->store->names.modseq = t->account.names_modseq;
	change_note(t, id, STORE_MAILBOXES, 0);
}

void
names_write(struct store_txn *t, const struct name *n)
{
	struct key key = key_own(OWN_NAME, n->id);
	char head[NAME_HEAD_LEN] = {
		(char)((n->exists ? NAME_EXISTS : 0) |
		       (n->subscribed ? NAME_SUBSCRIBED : 0)),
		(char)n->role,
	};
	struct span pieces[] = { { head, sizeof head }, { n->text, n->len } };

	db_put_pieces(t->db, TREE_MAILBOX, key_span(&key), pieces, 2, false);
	changed(t, n->id);
}

struct name *
names_add(struct store_txn *t, struct span clean, uint32_t id, bool exists,
    bool subscribed, enum store_role role)
{
	struct names *names = names_load(t);
	struct name *n;

	if (names == NULL || names->n >= NAMES_MAX)
		return NULL;
	n = insert(names, names_after(names, clean));
	*n = (struct name){
		.id = id,
		.exists = exists,
		.subscribed = subscribed,
		.role = role,
		.text = mem_string(clean),
		.len = clean.len,
	};
	names_write(t, n);
	return n;
}

void
names_remove(struct store_txn *t, struct name *n)
{
	txn_delete(t, key_own(OWN_NAME, n->id));
	changed(t, n->id);
	take_out(&t->store->names, n);
}

void
names_change(struct store_txn *t, struct name *n, struct span clean)
{
	struct name moved = *n;
	struct names *names = &t->store->names;

	moved.text = mem_string(clean);
	moved.len = clean.len;
	take_out(names, n);
	n = insert(names, names_after(names, clean));
	*n = moved;
	names_write(t, n);
}
