/*
 * Is everything in the queue's environment whole, and does everything belong to
 * something?  One read transaction an entry, so that the queue may work on.
 */
#include <inttypes.h>
#include <xxhash.h>

#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/spool_int.h"

struct verify {
	struct spool *spool;
	struct spool_txn *t;
	void (*found)(void *arg, const char *fault);
	void *arg;
	uint64_t faults;
};

static void
say(struct verify *v, uint64_t id, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "queue: %016" PRIx64 ": %s", id, what);
	v->found(v->arg, text);
	v->faults++;
}

static void
check_digest(struct verify *v, uint64_t id, const struct spool_head *h)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t got;
	struct span bytes;
	uint64_t at = 0;

	if (state == NULL)
		PANIC("out of memory");
	XXH3_128bits_reset(state);
	while ((bytes = spool_bytes(v->t, id, at)).len > 0) {
		XXH3_128bits_update(state, bytes.ptr, bytes.len);
		at += bytes.len;
	}
	XXH128_canonicalFromHash(&got, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	if (at != h->total)
		say(v, id, "bytes are missing");
	else if (memcmp(&got, h->digest, sizeof(h->digest)) != 0)
		say(v, id, "the bytes are not those that came");
}

static void
check_entry(struct verify *v, uint64_t id)
{
	struct spool_head h, copy;
	struct spool_entry e;
	struct spool_key key;
	struct span row;
	uint64_t known = 0;

	if (!spool_get_head(v->t, id, &h)) {
		if (db_error(v->t->db) != H_OK)
			say(v, id, "malformed");
		return;
	}
	/* What `h` lends is not used below. */
	copy = h;
	if (spool_get(v->t, id, &e) != H_OK) {
		say(v, id, "its recipients are damaged");
		return;
	}
	if (!spool_known(v->t, e.enqueue_id, &known) || known != id)
		say(v, id, "it could be taken twice");
	if (db_get(v->t->db, SPOOL_RECIPIENT,
		spool_key_of(&key, id, copy.nrecipients), &row))
		say(v, id, "recipients that it has not");
	spool_entry_release(&e);
	check_digest(v, id, &copy);
}

static void
check_entries(struct verify *v)
{
	uint64_t id = 0;
	bool more = true;

	while (more) {
		v->t = spool_begin(v->spool, false);
		more = spool_next(v->t, &id);
		if (more)
			check_entry(v, id);
		spool_abort(&v->t);
	}
}

/* ---- what belongs to nothing ---- */

/* The first id above *id that keys of that tree begin with. */
static bool
next_id(struct spool_txn *t, unsigned tree, uint64_t *id)
{
	struct db_cursor *c;
	struct spool_key key;
	bool found;

	if (*id == UINT64_MAX)
		return false;
	c = db_cursor(t->db, tree);
	found = db_seek(c, spool_key(&key, *id + 1)) && db_key(c).len >= 8;
	if (found)
		*id = be64(db_key(c).ptr);
	db_cursor_close(&c);
	return found;
}

static void
check_recipients(struct verify *v)
{
	uint64_t id = 0;
	struct spool_head h;

	v->t = spool_begin(v->spool, false);
	while (next_id(v->t, SPOOL_RECIPIENT, &id))
		if (!spool_get_head(v->t, id, &h) && db_error(v->t->db) == H_OK)
			say(v, id, "recipients without a message");
	spool_abort(&v->t);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
check_bodies(struct verify *v)
{
	uint64_t *owned = NULL, id = 0, body = 0;
	size_t n = 0, room = 0;
	struct spool_head h;

	v->t = spool_begin(v->spool, false);
	while (spool_next(v->t, &id)) {
		if (!spool_get_head(v->t, id, &h))
			break;
		if (n == room) {
			room = room * 2 + 64;
			owned = mem_resize(owned, room, sizeof(*owned));
		}
		owned[n++] = h.body;
	}
	if (n > 0)
		qsort(owned, n, sizeof(*owned), compare);
	while (next_id(v->t, SPOOL_BODY, &body)) {
		bool is_owned = n > 0 && bsearch(&body, owned, n,
					     sizeof(*owned), compare) != NULL;

		if (!is_owned && !spool_upload_is_there(v->t, body))
			say(v, body, "bytes without a message");
	}
	spool_abort(&v->t);
	mem_free(&owned);
}

uint64_t
spool_verify(
    struct spool *s, void (*found)(void *arg, const char *fault), void *arg)
{
	struct verify v = { .spool = s, .found = found, .arg = arg };

	check_entries(&v);
	check_recipients(&v);
	check_bodies(&v);
	return v.faults;
}
