/* Does every row of the directory agree with every other? */
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/directory_int.h"

enum { FAULT_MAX = 1000 };

struct check {
	struct directory *d;
	struct db_txn *t;
	struct directory_head head;
	void (*found)(void *arg, const char *fault);
	void *arg;
	uint64_t faults;
};

static void
say(struct check *c, const char *what, struct span address, uint64_t id)
{
	struct buf text = BUF_INIT(FAULT_MAX);

	buf_text(&text, "directory: ");
	buf_text(&text, what);
	if (address.len > 0) {
		buf_text(&text, ": ");
		buf_add(&text, address);
	}
	if (id != 0)
		buf_format(&text, " (account %016llx)", (unsigned long long)id);
	buf_byte(&text, '\0');
	c->found(c->arg, text.bad ? "directory: damaged" : text.ptr);
	c->faults++;
	buf_free(&text);
}

static void
check_accounts(struct check *c)
{
	struct db_cursor *at = db_cursor(c->t, TREE_ACCOUNT);
	struct directory_account a;
	struct directory_name name;

	for (bool more = db_seek(at, DIRECTORY_FIRST_KEY); more;
	     more = db_next(at)) {
		struct span key = db_key(at);

		if (!directory_read_account(db_value(at), &a) || key.len != 8 ||
		    be64(key.ptr) != a.id) {
			say(c, "a malformed account", SPAN(""), 0);
			continue;
		}
		if (a.id >= c->head.next)
			say(c, "an account id that was never given",
			    span_of(a.address), a.id);
		if (!directory_get_name(c->t, span_of(a.address), &name) ||
		    name.account != a.id)
			say(c, "an account without its address",
			    span_of(a.address), a.id);
	}
	db_cursor_close(&at);
}

/* A target that is ours must lead somewhere; resolving the alias as a whole
 * says whether any does. */
static void
check_names(struct check *c)
{
	struct db_cursor *at = db_cursor(c->t, TREE_NAME);
	struct directory_account a;
	struct directory_name name, other;
	struct span target;

	for (bool more = db_seek(at, DIRECTORY_FIRST_KEY); more;
	     more = db_next(at)) {
		struct span address = db_key(at);

		if (!directory_read_name(db_value(at), &name)) {
			say(c, "a malformed address", address, 0);
			continue;
		}
		if (name.account != 0 &&
		    (!directory_get_account(c->t, name.account, &a) ||
			!span_same(address, span_of(a.address))))
			say(c, "an address without its account", address,
			    name.account);
		while (directory_next_target(&name, &target))
			if (directory_is_local(c->d, target) &&
			    !directory_get_name(c->t, target, &other))
				say(c, "an alias that leads nowhere", address,
				    0);
	}
	db_cursor_close(&at);
}

static void
check_published(struct check *c)
{
	struct directory *copy = NULL;
	struct directory_head theirs = { 0 };

	if (directory_open_published(&copy, c->d->state) == H_OK) {
		struct db_txn *t = db_begin(copy->db, false);

		if (directory_get_head(t, &theirs) != H_OK)
			theirs.generation = 0;
		db_abort(&t);
	}
	directory_close(&copy);
	if (theirs.generation != c->head.generation)
		say(c, "the published copy is not the newest", SPAN(""), 0);
}

uint64_t
directory_verify(
    struct directory *d, void (*found)(void *arg, const char *fault), void *arg)
{
	struct check c = { .d = d, .found = found, .arg = arg };

	c.t = db_begin(d->db, false);
	if (directory_get_head(c.t, &c.head) == H_OK) {
		check_accounts(&c);
		check_names(&c);
	}
	if (db_error(c.t) != H_OK)
		say(&c, "damaged, see the log", SPAN(""), 0);
	db_abort(&c.t);
	if (c.faults == 0 && !d->published)
		check_published(&c);
	return c.faults;
}
