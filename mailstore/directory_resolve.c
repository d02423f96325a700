/*
 * Where mail for an address goes.  Addresses to look at stand in a list that
 * only grows: each is entered once, so loops end; the walk is breadth first,
 * without recursion.
 */
#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/directory_int.h"

enum { LIST_MAX = 256 };

struct walk {
	struct directory *d;
	struct db_txn *t;
	struct directory_item *list;
	size_t n;
	struct directory_target *targets;
	size_t ntargets;
	enum herr err;
};

static void
look_at(struct walk *w, struct span address, unsigned depth)
{
	for (size_t i = 0; i < w->n; i++)
		if (span_is(address, w->list[i].address))
			return;
	if (w->n >= LIST_MAX || depth > DIRECTORY_DEPTH_MAX) {
		w->err = H_LIMIT;
		return;
	}
	memcpy(w->list[w->n].address, address.ptr, address.len);
	w->list[w->n].address[address.len] = '\0';
	w->list[w->n].depth = depth;
	w->n++;
}

static void
add_target(struct walk *w, uint64_t account, const char *address)
{
	struct directory_target *t;

	for (size_t i = 0; i < w->ntargets; i++) {
		t = &w->targets[i];
		if (account != 0
			? t->account == account
			: t->account == 0 && strcmp(t->address, address) == 0)
			return;
	}
	if (w->ntargets >= DIRECTORY_TARGETS_MAX) {
		w->err = H_LIMIT;
		return;
	}
	t = &w->targets[w->ntargets++];
	*t = (struct directory_target){ .account = account };
	memcpy(t->address, address, strlen(address) + 1);
}

static void
add_account(struct walk *w, uint64_t id)
{
	struct directory_account a;

	if (directory_get_account(w->t, id, &a))
		add_target(w, a.id, a.address);
}

/* True if the address stands in the directory. */
static bool
follow(struct walk *w, struct span address, unsigned depth)
{
	struct directory_name name;
	struct span target;

	if (!directory_get_name(w->t, address, &name))
		return false;
	if (name.account != 0)
		add_account(w, name.account);
	while (directory_next_target(&name, &target))
		look_at(w, target, depth + 1);
	return true;
}

static bool
follow_without_tag(struct walk *w, struct span address, unsigned depth)
{
	struct buf plain = BUF_INIT(DIRECTORY_ADDRESS_MAX);
	struct span tag = NO_SPAN, local;
	struct addr addr;
	bool found;

	if (!addr_parse(address, true, &addr))
		return false;
	local = addr_without_tag(addr.local, &tag);
	if (local.len == addr.local.len || local.len == 0)
		return false;
	buf_add(&plain, local);
	buf_byte(&plain, '@');
	buf_add(&plain, addr.domain);
	found = !plain.bad && follow(w, buf_span(&plain), depth);
	buf_free(&plain);
	return found;
}

/* RFC 5321, 4.5.1; RFC 2142, 4: somebody must read these. */
static bool
follow_role(struct walk *w, struct span address)
{
	struct db_cursor *c;
	struct directory_account a;
	bool found;

	if (!directory_is_local(w->d, address) ||
	    (!span_starts_nocase(address, "postmaster@") &&
		!span_starts_nocase(address, "abuse@")))
		return false;
	c = db_cursor(w->t, TREE_ACCOUNT);
	found = db_seek(c, DIRECTORY_FIRST_KEY) &&
	        directory_read_account(db_value(c), &a);
	db_cursor_close(&c);
	if (found)
		add_target(w, a.id, a.address);
	return found;
}

static void
step(struct walk *w, const struct directory_item *item)
{
	struct span address = span_of(item->address);

	if (follow(w, address, item->depth) ||
	    follow_without_tag(w, address, item->depth) ||
	    follow_role(w, address))
		return;
	/* An alias may point outside; a local name that is gone is left out. */
	if (item->depth > 0 && !directory_is_local(w->d, address))
		add_target(w, 0, item->address);
}

enum herr
directory_resolve(struct directory *d, struct span canonical,
    struct directory_target *targets, size_t *ntargets)
{
	struct walk w = { .d = d, .targets = targets };
	enum herr err;

	*ntargets = 0;
	if (canonical.len == 0 || canonical.len > DIRECTORY_ADDRESS_MAX)
		return H_NOTFOUND;
	if (d->items == NULL)
		d->items = mem_array(LIST_MAX, sizeof(*d->items));
	w.list = d->items;
	w.t = db_begin(d->db, false);
	look_at(&w, canonical, 0);
	for (size_t i = 0; i < w.n && w.err == H_OK; i++)
		step(&w, &w.list[i]);
	err = db_error(w.t) != H_OK ? db_error(w.t) : w.err;
	db_abort(&w.t);
	if (err == H_LIMIT)
		log_event(LOG_WARN, "alias", "too many targets, or too deep");
	if (err != H_OK)
		return err;
	*ntargets = w.ntargets;
	return w.ntargets > 0 ? H_OK : H_NOTFOUND;
}

bool
directory_may_send_as(
    struct directory *d, uint64_t account, struct span canonical)
{
	size_t n = 0;
	bool may = false;

	if (account == 0)
		return false;
	if (d->targets == NULL)
		d->targets =
		    mem_array(DIRECTORY_TARGETS_MAX, sizeof(*d->targets));
	if (directory_resolve(d, canonical, d->targets, &n) == H_OK)
		for (size_t i = 0; i < n; i++)
			may |= d->targets[i].account == account;
	return may;
}
