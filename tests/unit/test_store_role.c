/* Which mailbox carries which role: at most one each, whatever is made, named
 * and deleted. */
#include "mailstore/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/store_world.h"

/* Who carries the role: its name, "" for nobody, "two" for more than one. */
static void
holder(enum store_role role, char name[100])
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox_cursor at = { .len = 0 };
	struct store_mailbox m;
	unsigned n = 0;

	name[0] = '\0';
	while (store_next_mailbox(t, &at, &m))
		if (m.exists && m.role == role && n++ == 0)
			snprintf(
			    name, 100, "%.*s", (int)m.name.len, m.name.ptr);
	if (n > 1)
		snprintf(name, 100, "two");
	store_abort(&t);
}

enum verb { CREATE, USE, REMOVE, RENAME, MAIL, GIVE };

struct step {
	enum verb verb;
	const char *name, *to;
	enum store_role role; /* for USE and GIVE; of whom is asked */
	enum herr want;
	const char *holder;
};

static enum herr
take(const struct step *s, struct store_txn *t)
{
	struct span name = span_of(s->name);
	struct store_mailbox m;
	uint32_t id;

	switch (s->verb) {
	case CREATE: return store_create_mailbox(t, name, STORE_NO_ROLE, &id);
	case USE: return store_create_mailbox(t, name, s->role, &id);
	case REMOVE: return store_delete_mailbox(t, name);
	case RENAME: return store_rename_mailbox(t, name, span_of(s->to));
	case MAIL:
		if (store_find_mailbox(t, name, &m) != H_OK)
			return H_NOTFOUND;
		return help_append(st, t, m.id, 1, 100, 0, &id);
	case GIVE:
		if (store_find_mailbox(t, name, &m) != H_OK)
			return H_NOTFOUND;
		return store_set_role(t, m.id, s->role);
	}
	return H_INVALID;
}

static void
play(const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct store_txn *t = store_begin(st, STORE_WRITE);
		char who[100];

		assert_int_equal(take(&steps[i], t), steps[i].want);
		assert_int_equal(store_commit(&t), H_OK);
		holder(steps[i].role, who);
		if (strcmp(who, steps[i].holder) != 0)
			fail_msg("step %zu: '%s'", i, who);
	}
}

static void
names_take_over(void **state)
{
	static const struct step steps[] = {
		{ CREATE, "Other", NULL, STORE_SENT, H_OK, "Sent" },
		{ CREATE, "sent items", NULL, STORE_SENT, H_OK, "sent items" },
		{ CREATE, "Sent Messages", NULL, STORE_SENT, H_OK,
		    "sent items" },
		{ MAIL, "Trash", NULL, STORE_TRASH, H_OK, "Trash" },
		{ CREATE, "Deleted Items", NULL, STORE_TRASH, H_OK, "Trash" },
		{ CREATE, "INBOX/Spam", NULL, STORE_JUNK, H_OK, "INBOX/Spam" },
		{ CREATE, "Below/Drafts", NULL, STORE_DRAFTS, H_OK, "Drafts" },
		{ RENAME, "Other", "Archives", STORE_ARCHIVE, H_OK,
		    "Archives" },
	};

	(void)state;
	play(steps, COUNT_OF(steps));
}

static void
it_goes_where_the_mailbox_goes(void **state)
{
	static const struct step steps[] = {
		{ RENAME, "Sent", "Mine", STORE_SENT, H_OK, "Mine" },
		{ CREATE, "Sent", NULL, STORE_SENT, H_OK, "Mine" },
		{ REMOVE, "Mine", NULL, STORE_SENT, H_OK, "Sent" },
		{ REMOVE, "Sent", NULL, STORE_SENT, H_OK, "" },
		{ CREATE, "Sent Mail", NULL, STORE_SENT, H_OK, "Sent Mail" },
		{ CREATE, "Sent", NULL, STORE_SENT, H_OK, "Sent Mail" },
		{ CREATE, "Sent Items", NULL, STORE_SENT, H_OK, "Sent Mail" },
		{ REMOVE, "Sent Mail", NULL, STORE_SENT, H_OK, "Sent" },
	};

	(void)state;
	play(steps, COUNT_OF(steps));
}

static void
it_is_asked_for(void **state)
{
	static const struct step steps[] = {
		{ USE, "Outbox", NULL, STORE_SENT, H_OK, "Outbox" },
		{ MAIL, "Outbox", NULL, STORE_SENT, H_OK, "Outbox" },
		{ USE, "Another", NULL, STORE_SENT, H_DENIED, "Outbox" },
		{ REMOVE, "Another", NULL, STORE_SENT, H_NOTFOUND, "Outbox" },
		{ USE, "Outbox", NULL, STORE_TRASH, H_EXISTS, "Trash" },
		{ GIVE, "INBOX", NULL, STORE_SENT, H_OK, "INBOX" },
		{ GIVE, "Outbox", NULL, STORE_SENT, H_OK, "Outbox" },
		{ GIVE, "Outbox", NULL, STORE_NO_ROLE, H_OK, "two" },
		{ GIVE, "Drafts", NULL, STORE_SENT, H_OK, "Drafts" },
	};

	(void)state;
	play(steps, COUNT_OF(steps));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    names_take_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    it_goes_where_the_mailbox_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    it_is_asked_for, setup, teardown),
	};

	return WORLD_RUN(tests);
}
