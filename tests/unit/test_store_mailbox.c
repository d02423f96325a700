/* Names of mailboxes: which there may be, listing, making, deleting, renaming,
 * subscriptions. */
#include "mailstore/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/store_world.h"

static enum herr
create(const char *name)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t id;
	enum herr err =
	    store_create_mailbox(t, span_of(name), STORE_NO_ROLE, &id);

	assert_int_equal(store_commit(&t), H_OK);
	return err;
}

static enum herr
remove_it(const char *name)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	enum herr err = store_delete_mailbox(t, span_of(name));

	assert_int_equal(store_commit(&t), H_OK);
	return err;
}

static enum herr
rename_to(const char *from, const char *to)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	enum herr err = store_rename_mailbox(t, span_of(from), span_of(to));

	assert_int_equal(store_commit(&t), H_OK);
	return err;
}

static enum herr
subscribe(const char *name, bool on)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	enum herr err = store_subscribe(t, span_of(name), on);

	assert_int_equal(store_commit(&t), H_OK);
	return err;
}

/* The list as one line: name, "!" not existing, "+" children, "*" subscribed.
 */
static const char *
listing(void)
{
	static struct buf b = { .limit = 1 << 20 };
	struct store_mailbox_cursor at = { .len = 0 };
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;

	buf_clear(&b);
	while (store_next_mailbox(t, &at, &m)) {
		if (b.len > 0)
			buf_byte(&b, ' ');
		buf_add(&b, m.name);
		if (!m.exists)
			buf_byte(&b, '!');
		if (m.has_children)
			buf_byte(&b, '+');
		if (m.subscribed)
			buf_byte(&b, '*');
	}
	assert_int_equal(store_error(t), H_OK);
	store_abort(&t);
	buf_byte(&b, '\0');
	return b.ptr;
}

#define FIRST "INBOX* "
#define REST  "Archive* Drafts* Junk* Sent* Trash*"

static void
names(void **state)
{
	static const struct {
		const char *name;
		enum herr err;
	} cases[] = {
		{ "a", H_OK },
		{ "a", H_EXISTS },
		{ "a/", H_EXISTS },
		{ "inbox", H_EXISTS },
		{ "InBoX", H_EXISTS },
		{ "", H_INVALID },
		{ "/", H_INVALID },
		{ "/a", H_INVALID },
		{ "b//c", H_INVALID },
		{ "b//", H_INVALID },
		{ "b*", H_INVALID },
		{ "b%", H_INVALID },
		{ "b\tc", H_INVALID },
		{ "b\x7f", H_INVALID },
		{ "b\xc2\x85", H_INVALID },     /* C1 */
		{ "b\xe2\x80\xa8", H_INVALID }, /* line separator */
		{ "b\xff", H_INVALID },
		{ "b\xc0\xaf", H_INVALID },     /* overlong "/" */
		{ "b\xed\xa0\x80", H_INVALID }, /* surrogate */
		{ "b\xf4\x90\x80\x80", H_INVALID },
		{ "b\xc3", H_INVALID },
		{ "\xc3\x9c"
		  "ber \"uns\" & \\",
		    H_OK },
		{ "\xe5\x8f\xb0\xe5\x8c\x97/\xf0\x9f\x93\xac", H_OK },
		{ "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/"
		  "23/24/25/26/27/28/29/30/31/32",
		    H_OK },
		{ "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/"
		  "23/24/25/26/27/28/29/30/31/32/33",
		    H_LIMIT },
	};
	char name[STORE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (create(cases[i].name) != cases[i].err)
			fail_msg("case %zu: %s", i, cases[i].name);
	memset(name, 'n', sizeof name);
	name[STORE_NAME_MAX + 1] = '\0';
	assert_int_equal(create(name), H_LIMIT);
	name[STORE_NAME_MAX] = '\0';
	assert_int_equal(create(name), H_OK);
	assert_int_not_equal(help_mailbox(st, name), 0);
	store_close(&st);
	assert_int_equal(store_open(&st, path), H_OK);
	assert_int_not_equal(help_mailbox(st, name), 0);
	assert_int_not_equal(help_mailbox(st, "iNBOX"), 0);
}

static void
order(void **state)
{
	(void)state;
	assert_int_equal(create("b/x"), H_OK);
	assert_int_equal(create("b-1"), H_OK);
	assert_int_equal(create("b!"), H_OK);
	assert_int_equal(create("inbox/zz/y"), H_OK);
	assert_int_equal(create("INBOXES"), H_OK);
	assert_int_equal(create("A"), H_OK);
	assert_string_equal(listing(),
	    "INBOX+* INBOX/zz+ INBOX/zz/y A Archive* Drafts* INBOXES Junk* "
	    "Sent* Trash* b+ b/x b! b-1");
}

/* Deleting leaves children; their parent is a mere name then. */
static void
parents(void **state)
{
	(void)state;
	assert_int_equal(create("p/q/r"), H_OK);
	assert_int_equal(remove_it("p"), H_OK);
	assert_string_equal(listing(), FIRST REST " p!+ p/q+ p/q/r");
	assert_int_equal(remove_it("p"), H_NOTFOUND);
	assert_int_equal(remove_it("p/q"), H_OK);
	assert_string_equal(listing(), FIRST REST " p!+ p/q!+ p/q/r");
	assert_int_equal(create("p"), H_OK);
	assert_string_equal(listing(), FIRST REST " p+ p/q!+ p/q/r");
	assert_int_equal(remove_it("p/q/r"), H_OK);
	assert_string_equal(listing(), FIRST REST " p");
	assert_int_equal(remove_it("p"), H_OK);
	assert_int_equal(remove_it("INBOX"), H_DENIED);
	assert_int_equal(remove_it("inbox"), H_DENIED);
	assert_int_equal(remove_it("nowhere"), H_NOTFOUND);
	assert_string_equal(listing(), FIRST REST);
}

static void
subscriptions(void **state)
{
	(void)state;
	assert_int_equal(subscribe("s/only", true), H_OK);
	assert_int_equal(subscribe("s/only", true), H_OK);
	assert_int_equal(subscribe("bad*", true), H_INVALID);
	assert_int_equal(subscribe("unknown", false), H_OK);
	/* "s" is nobody's parent: nothing exists below it */
	assert_string_equal(listing(), FIRST REST " s/only!*");
	assert_int_equal(create("s/only"), H_OK);
	assert_string_equal(listing(), FIRST REST " s+ s/only*");
	/* a subscription outlives its mailbox */
	assert_int_equal(remove_it("s/only"), H_OK);
	assert_int_equal(help_mailbox(st, "s/only"), 0);
	assert_string_equal(listing(), FIRST REST " s s/only!*");
	assert_int_equal(subscribe("s/only", false), H_OK);
	assert_string_equal(listing(), FIRST REST " s");
	assert_int_equal(subscribe("Trash", false), H_OK);
	assert_string_equal(
	    listing(), FIRST "Archive* Drafts* Junk* Sent* Trash s");
}

static void
renames(void **state)
{
	uint32_t id;
	char deep[STORE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(create("a/b/c"), H_OK);
	assert_int_equal(create("ab"), H_OK);
	assert_int_equal(subscribe("a/b/only", true), H_OK);
	id = help_mailbox(st, "a/b");
	assert_int_equal(rename_to("a/b", "x/y"), H_OK);
	assert_string_equal(
	    listing(), FIRST REST " a ab x+ x/y+ x/y/c x/y/only!*");
	assert_int_equal(help_mailbox(st, "x/y"), id);
	assert_int_equal(rename_to("a/b", "z"), H_NOTFOUND);
	assert_int_equal(rename_to("x", "ab"), H_EXISTS);
	assert_int_equal(rename_to("x", "x"), H_EXISTS);
	assert_int_equal(rename_to("x", "INBOX"), H_EXISTS);
	assert_int_equal(rename_to("x", "x/inside"), H_INVALID);
	assert_int_equal(rename_to("x", "bad*"), H_INVALID);
	assert_int_equal(rename_to("x/y", "xy/"), H_OK);
	assert_string_equal(listing(), FIRST REST " a ab x xy+ xy/c xy/only!*");
	/* a mere parent moves with what is below it */
	assert_int_equal(remove_it("xy"), H_OK);
	assert_int_equal(rename_to("xy", "q"), H_OK);
	assert_string_equal(listing(), FIRST REST " a ab q!+ q/c q/only!* x");
	/* children that would collide, and one that would be too long */
	assert_int_equal(create("w/c"), H_OK);
	assert_int_equal(remove_it("w"), H_OK);
	assert_int_equal(rename_to("q", "w"), H_EXISTS);
	memset(deep, 'd', sizeof deep);
	deep[STORE_NAME_MAX - 1] = '\0';
	assert_int_equal(rename_to("q", deep), H_LIMIT);
	assert_string_equal(
	    listing(), FIRST REST " a ab q!+ q/c q/only!* w!+ w/c x");
	assert_int_equal(rename_to("Trash", "Rubbish"), H_OK);
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;
	assert_int_equal(store_find_mailbox(t, SPAN("Rubbish"), &m), H_OK);
	assert_int_equal(m.role, STORE_TRASH);
	assert_true(m.subscribed);
	store_abort(&t);
}

/* RFC 9051, 6.3.6: its messages move, it stays, and what is below it too. */
static void
rename_of_inbox(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t uid, id;
	struct store_mailbox m;

	(void)state;
	assert_int_equal(
	    store_create_mailbox(t, SPAN("INBOX/below"), STORE_NO_ROLE, &id),
	    H_OK);
	assert_int_equal(store_find_mailbox(t, SPAN("INBOX"), &m), H_OK);
	inbox = m.id;
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(
		    help_append(st, t, inbox, i, 200, i % 3 == 0, &uid), H_OK);
	assert_int_equal(store_expunge(t, inbox, 4), H_OK);
	assert_int_equal(store_commit(&t), H_OK);
	assert_int_equal(rename_to("inbox", "old/mail"), H_OK);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_find_mailbox(t, SPAN("INBOX"), &m), H_OK);
	assert_int_equal(m.id, inbox);
	assert_int_equal(m.messages, 0);
	assert_int_equal(m.uidnext, 31);
	assert_true(m.has_children);
	assert_int_equal(store_find_mailbox(t, SPAN("old/mail"), &m), H_OK);
	assert_int_equal(m.messages, 29);
	assert_int_equal(m.unseen, 20);
	assert_int_equal(m.uidnext, 30);
	store_abort(&t);
	assert_int_equal(rename_to("INBOX", "old/mail"), H_EXISTS);
}

/* A name that is used again is another mailbox, with a larger UIDVALIDITY. */
static void
made_again(void **state)
{
	uint32_t validity = 0, id = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct store_txn *t;
		struct store_mailbox m;
		uint32_t uid;

		assert_int_equal(create("again"), H_OK);
		t = store_begin(st, STORE_WRITE);
		assert_int_equal(
		    store_find_mailbox(t, SPAN("again"), &m), H_OK);
		assert_true(m.uidvalidity > validity && m.id > id);
		assert_int_equal(m.uidnext, 1);
		validity = m.uidvalidity;
		id = m.id;
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(
			    help_append(st, t, id, j, 3000, 1, &uid), H_OK);
		assert_int_equal(store_commit(&t), H_OK);
		assert_int_equal(remove_it("again"), H_OK);
		t = store_begin(st, STORE_READ);
		assert_int_equal(store_get_mailbox(t, id, &m), H_NOTFOUND);
		assert_null(store_view_get(t, id));
		store_abort(&t);
	}
	assert_string_equal(listing(), FIRST REST);
}

static void
roles(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_mailbox m;
	uint32_t id;

	(void)state;
	assert_int_equal(
	    store_create_mailbox(t, SPAN("Spam"), STORE_JUNK, &id), H_OK);
	assert_int_equal(store_set_role(t, id, STORE_ALL), H_OK);
	assert_int_equal(store_set_role(t, 999, STORE_ALL), H_NOTFOUND);
	assert_int_equal(store_commit(&t), H_OK);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_get_mailbox(t, id, &m), H_OK);
	assert_int_equal(m.role, STORE_ALL);
	store_abort(&t);
}

/* As many as there may be, and not one more; listing them stays quick. */
static void
very_many(void **state)
{
	struct store_mailbox_cursor at = { .len = 0 };
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_mailbox m;
	char name[32];
	uint32_t id;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 6; i < STORE_MAILBOXES_MAX; i++) {
		snprintf(name, sizeof name, "m%u", i);
		assert_int_equal(
		    store_create_mailbox(t, span_of(name), STORE_NO_ROLE, &id),
		    H_OK);
	}
	assert_int_equal(
	    store_create_mailbox(t, SPAN("more"), STORE_NO_ROLE, &id), H_LIMIT);
	assert_int_equal(store_commit(&t), H_OK);
	store_close(&st);
	assert_int_equal(store_open(&st, path), H_OK);
	t = store_begin(st, STORE_READ);
	while (store_next_mailbox(t, &at, &m))
		n++;
	assert_int_equal(n, STORE_MAILBOXES_MAX);
	store_abort(&t);
}

int
main(void)
{
	static void (*const all[])(void **) = { names, order, parents,
		subscriptions, renames, rename_of_inbox, made_again, roles,
		very_many };
	static const char *const called[] = { "names", "order", "parents",
		"subscriptions", "renames", "rename_of_inbox", "made_again",
		"roles", "very_many" };
	struct CMUnitTest tests[COUNT_OF(all)];

	for (size_t i = 0; i < COUNT_OF(all); i++)
		tests[i] = (struct CMUnitTest){ called[i], all[i], setup,
			teardown, NULL };
	return WORLD_RUN(tests);
}
