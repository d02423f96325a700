/*
 * The store as its users see it: mailboxes, arrivals, flags, copies, views,
 * reading, quota, delivery ids, large messages, what changed.
 */
#include <sys/inotify.h>
#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/store_help.h"

static char folder[] = "/tmp/hearth-store-XXXXXX";
static char path[64];
static struct store *st;
static uint32_t inbox;

static int
setup(void **state)
{
	(void)state;
	help_remove(path);
	if (store_create(path, 42) != H_OK || store_open(&st, path) != H_OK)
		return -1;
	inbox = help_mailbox(st, "INBOX");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	store_close(&st);
	help_remove(path);
	return 0;
}

static void
reopen(void)
{
	store_close(&st);
	assert_int_equal(store_open(&st, path), H_OK);
}

static void
fault(void *arg, const char *text)
{
	(void)arg;
	print_error("verify: %s\n", text);
}

static void
verify_clean(void)
{
	enum herr err;

	assert_int_equal(store_verify(st, fault, NULL, &err), 0);
	assert_int_equal(err, H_OK);
}

static void
commit(struct store_txn **t)
{
	assert_int_equal(store_commit(t), H_OK);
	assert_null(*t);
}

static uint32_t
append(uint32_t mailbox, unsigned number, size_t len, uint8_t flags)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t uid = 0;

	assert_int_equal(
	    help_append(st, t, mailbox, number, len, flags, &uid), H_OK);
	commit(&t);
	return uid;
}

static struct store_mailbox
mailbox_now(uint32_t id)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_mailbox m;

	assert_int_equal(store_get_mailbox(t, id, &m), H_OK);
	store_abort(&t);
	m.name = NO_SPAN;
	return m;
}

static void
set_flags(uint32_t mailbox, uint32_t uid, uint8_t system)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);

	assert_int_equal(store_set_flags(t, mailbox, uid,
			     &(struct store_flags){ .system = system }),
	    H_OK);
	commit(&t);
}

static void
expunge(uint32_t mailbox, uint32_t uid)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);

	assert_int_equal(store_expunge(t, mailbox, uid), H_OK);
	commit(&t);
}

/* ---- the account ---- */

static void
a_new_account(void **state)
{
	static const struct {
		const char *name;
		enum store_role role;
	} want[] = {
		{ "INBOX", STORE_NO_ROLE },
		{ "Archive", STORE_ARCHIVE },
		{ "Drafts", STORE_DRAFTS },
		{ "Junk", STORE_JUNK },
		{ "Sent", STORE_SENT },
		{ "Trash", STORE_TRASH },
	};
	struct store_mailbox_cursor at = { .len = 0 };
	struct store_mailbox m;
	struct store_txn *t;
	uint32_t validity = 0;
	size_t n = 0;

	(void)state;
	assert_int_equal(store_account(st), 42);
	store_close(&st);
	assert_int_equal(store_create(path, 42), H_EXISTS);
	assert_int_equal(store_open(&st, path), H_OK);
	t = store_begin(st, STORE_READ);
	while (store_next_mailbox(t, &at, &m)) {
		assert_true(n < COUNT_OF(want));
		assert_int_equal(m.name.len, strlen(want[n].name));
		assert_memory_equal(m.name.ptr, want[n].name, m.name.len);
		assert_int_equal(m.role, want[n].role);
		assert_true(m.exists && m.subscribed && !m.has_children);
		assert_int_equal(m.uidnext, 1);
		assert_int_equal(m.messages, 0);
		assert_true(m.uidvalidity != 0 && m.uidvalidity != validity);
		validity = m.uidvalidity;
		n++;
	}
	assert_int_equal(n, COUNT_OF(want));
	commit(&t);
	verify_clean();
}

static void
arrivals(void **state)
{
	struct help_mail mail = help_mail_new(7, 4000);
	uint32_t uid = append(inbox, 7, 4000, 0);
	struct buf got = BUF_INIT(1 << 20);
	struct store_txn *t;
	struct store_row row;
	struct span record, bytes;

	(void)state;
	assert_int_equal(uid, 1);
	assert_int_equal(append(inbox, 8, 100, STORE_SEEN), 2);
	reopen();
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_get_row(t, inbox, 1, &row), H_OK);
	assert_int_equal(row.uid, 1);
	assert_int_equal(row.size, mail.message.len);
	assert_int_equal(row.internaldate, 1700000007);
	assert_true(row.saved > 1600000000);
	assert_int_equal(row.flags.system, 0);
	assert_int_equal(row.modseq, store_modseq(t) - 1);
	record = store_record(t, row.message);
	assert_int_equal(record.len, mail.record.len);
	assert_memory_equal(record.ptr, mail.record.ptr, record.len);
	assert_int_equal(store_read(t, row.message, 0, UINT64_MAX, &got), H_OK);
	assert_int_equal(got.len, mail.message.len);
	assert_memory_equal(got.ptr, mail.message.ptr, got.len);
	buf_clear(&got);
	assert_int_equal(store_read(t, row.message, 10, 20, &got), H_OK);
	assert_int_equal(got.len, 20);
	assert_memory_equal(got.ptr, mail.message.ptr + 10, 20);
	bytes = store_bytes(t, row.message, 3990);
	assert_int_equal(bytes.len, mail.message.len - 3990);
	bytes = store_bytes(t, row.message, row.size);
	assert_int_equal(bytes.len, 0);
	assert_int_equal(store_error(t), H_OK);
	assert_int_equal(store_get_row(t, inbox, 3, &row), H_NOTFOUND);
	assert_int_equal(store_get_row(t, 99, 1, &row), H_NOTFOUND);
	assert_int_equal(store_read(t, 99, 0, 1, &got), H_NOTFOUND);
	assert_int_equal(store_record(t, 99).len, 0);
	commit(&t);
	assert_int_equal(mailbox_now(inbox).messages, 2);
	assert_int_equal(mailbox_now(inbox).unseen, 1);
	assert_int_equal(mailbox_now(inbox).uidnext, 3);
	buf_free(&got);
	help_mail_free(&mail);
	verify_clean();
}

static void
what_is_not_taken(void **state)
{
	struct help_mail mail = help_mail_new(1, 1000);
	struct store_blob *b = help_blob(st, buf_span(&mail.message));
	struct store_append a = { .mailbox = 77,
		.record = buf_span(&mail.record) };
	struct store_txn *t = store_begin(st, STORE_WRITE);
	uint32_t uid;

	(void)state;
	assert_int_equal(store_append(t, b, &a, &uid), H_NOTFOUND);
	a.mailbox = inbox;
	a.record.len--;
	assert_int_equal(store_append(t, b, &a, &uid), H_INVALID);
	a.record.len = 0;
	assert_int_equal(store_append(t, b, &a, &uid), H_INVALID);
	assert_int_equal(store_error(t), H_OK);
	a.record = buf_span(&mail.record);
	assert_int_equal(store_append(t, b, &a, &uid), H_OK);
	assert_int_equal(uid, 1);
	commit(&t);
	store_blob_free(&b);
	help_mail_free(&mail);
	verify_clean();
}

static void
aborts_leave_nothing(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct store_view *v;
	uint32_t id, uid;
	uint64_t modseq;

	(void)state;
	modseq = store_modseq(t);
	assert_int_equal(help_append(st, t, inbox, 1, 500, 0, &uid), H_OK);
	assert_int_equal(
	    store_create_mailbox(t, SPAN("x/y"), STORE_NO_ROLE, &id), H_OK);
	assert_int_equal(store_keyword(t, SPAN("$Work"), true), 0);
	v = store_view_get(t, inbox);
	assert_int_equal(store_view_count(v), 1);
	store_view_unref(&v);
	store_abort(&t);
	assert_int_equal(help_mailbox(st, "x"), 0);
	assert_int_equal(mailbox_now(inbox).messages, 0);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_modseq(t), modseq);
	assert_int_equal(store_keyword(t, SPAN("$work"), false), -1);
	v = store_view_get(t, inbox);
	assert_int_equal(store_view_count(v), 0);
	store_view_unref(&v);
	store_abort(&t);
	verify_clean();
}

/* ---- flags ---- */

static void
flags_and_sets(void **state)
{
	struct store_txn *t;
	struct store_row row;
	uint64_t before;

	(void)state;
	for (unsigned i = 1; i <= 6; i++)
		append(inbox, i, 300, i % 2 ? STORE_SEEN : 0);
	set_flags(inbox, 2, STORE_SEEN | STORE_DELETED);
	set_flags(inbox, 3, STORE_FLAGGED_FLAG);
	t = store_begin(st, STORE_READ);
	before = store_modseq(t);
	assert_int_equal(store_first_unseen(t, inbox), 3);
	assert_int_equal(store_next_flagged(t, inbox, STORE_SEEN, false, 4), 4);
	assert_int_equal(store_next_flagged(t, inbox, STORE_SEEN, false, 5), 6);
	assert_int_equal(store_next_flagged(t, inbox, STORE_SEEN, false, 7), 0);
	assert_int_equal(store_next_flagged(t, inbox, STORE_SEEN, true, 3), 5);
	assert_int_equal(
	    store_next_flagged(t, inbox, STORE_DELETED, true, 1), 2);
	assert_int_equal(
	    store_next_flagged(t, inbox, STORE_DELETED, true, 3), 0);
	assert_int_equal(store_get_row(t, inbox, 2, &row), H_OK);
	assert_int_equal(row.modseq, before - 1);
	commit(&t);
	assert_int_equal(mailbox_now(inbox).unseen, 3);
	assert_int_equal(mailbox_now(inbox).deleted, 1);
	assert_int_equal(mailbox_now(inbox).highestmodseq, before);
	/* the same again is no change */
	set_flags(inbox, 3, STORE_FLAGGED_FLAG);
	assert_int_equal(mailbox_now(inbox).highestmodseq, before);
	verify_clean();
}

static void
keywords(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	char name[32];
	struct store_flags f = { .keyword = { 0, UINT64_C(1) << 63 } };
	struct store_row row;
	uint32_t uid;

	(void)state;
	assert_int_equal(store_keyword(t, SPAN("$Forwarded"), false), -1);
	assert_int_equal(store_keyword(t, SPAN("$Forwarded"), true), 0);
	assert_int_equal(store_keyword(t, SPAN("$FORWARDED"), true), 0);
	assert_int_equal(store_keyword(t, SPAN(""), true), -1);
	assert_int_equal(store_keyword(t, SPAN("with space"), true), -1);
	commit(&t);
	reopen();
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_keyword(t, SPAN("$forwarded"), false), 0);
	assert_memory_equal(store_keyword_name(t, 0).ptr, "$Forwarded", 11);
	assert_int_equal(store_keyword_name(t, 1).len, 0);
	for (int i = 1; i < STORE_KEYWORDS_MAX; i++) {
		snprintf(name, sizeof name, "word%d", i);
		assert_int_equal(store_keyword(t, span_of(name), true), i);
	}
	assert_int_equal(store_keyword(t, SPAN("one-too-many"), true), -1);
	assert_int_equal(help_append(st, t, inbox, 1, 300, 0, &uid), H_OK);
	assert_int_equal(store_set_flags(t, inbox, uid, &f), H_OK);
	commit(&t);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_get_row(t, inbox, uid, &row), H_OK);
	assert_true(row.flags.keyword[1] == UINT64_C(1) << 63);
	store_abort(&t);
	verify_clean();
}

/* ---- copies, moves, expunges ---- */

static void
copies_share_bytes(void **state)
{
	uint32_t trash = help_mailbox(st, "Trash"), copy, again;
	struct buf got = BUF_INIT(1 << 20);
	struct store_row a, b;
	struct store_txn *t;

	(void)state;
	append(inbox, 5, 50000, STORE_SEEN | STORE_ANSWERED);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_copy(t, inbox, 1, trash, &copy), H_OK);
	assert_int_equal(store_copy(t, inbox, 1, inbox, &again), H_OK);
	assert_int_equal(store_copy(t, inbox, 9, inbox, &again), H_NOTFOUND);
	assert_int_equal(store_copy(t, inbox, 1, 99, &again), H_NOTFOUND);
	commit(&t);
	assert_int_equal(copy, 1);
	t = store_begin(st, STORE_READ);
	assert_int_equal(store_get_row(t, inbox, 1, &a), H_OK);
	assert_int_equal(store_get_row(t, trash, 1, &b), H_OK);
	assert_int_equal(a.message, b.message);
	assert_true(a.uidl != b.uidl);
	assert_int_equal(b.flags.system, STORE_SEEN | STORE_ANSWERED);
	assert_int_equal(a.internaldate, b.internaldate);
	store_abort(&t);
	verify_clean();
	expunge(inbox, 1);
	expunge(inbox, 2);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(store_expunge(t, inbox, 1), H_NOTFOUND);
	assert_int_equal(store_read(t, b.message, 0, UINT64_MAX, &got), H_OK);
	assert_int_equal(got.len, b.size);
	assert_int_equal(store_move(t, trash, 1, inbox, &again), H_OK);
	assert_int_equal(again, 3);
	commit(&t);
	assert_int_equal(mailbox_now(trash).messages, 0);
	verify_clean();
	expunge(inbox, 3);
	/* Still readable: a session may have announced it. */
	t = store_begin(st, STORE_READ);
	buf_clear(&got);
	assert_int_equal(store_read(t, b.message, 0, UINT64_MAX, &got), H_OK);
	store_abort(&t);
	store_tidy(st);
	t = store_begin(st, STORE_READ);
	buf_clear(&got);
	assert_int_equal(store_read(t, b.message, 0, UINT64_MAX, &got), H_OK);
	store_abort(&t);
	buf_free(&got);
	verify_clean();
}

static void
quota(void **state)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	struct help_mail mail = help_mail_new(3, 1000);
	struct store_usage usage;
	uint32_t uid;

	(void)state;
	assert_int_equal(store_set_quota(t, 2 * mail.message.len), H_OK);
	commit(&t);
	t = store_begin(st, STORE_WRITE);
	assert_int_equal(help_append(st, t, inbox, 3, 1000, 0, &uid), H_OK);
	assert_int_equal(store_copy(t, inbox, uid, inbox, &uid), H_OK);
	assert_int_equal(help_append(st, t, inbox, 3, 1000, 0, &uid), H_QUOTA);
	assert_int_equal(store_copy(t, inbox, uid, inbox, &uid), H_QUOTA);
	assert_int_equal(store_move(t, inbox, 1, 99, &uid), H_NOTFOUND);
	assert_int_equal(store_move(t, inbox, 1, inbox, &uid), H_OK);
	commit(&t);
	t = store_begin(st, STORE_READ);
	store_usage(t, &usage);
	assert_int_equal(usage.bytes, 2 * mail.message.len);
	assert_int_equal(usage.messages, 2);
	assert_int_equal(usage.quota, usage.bytes);
	store_abort(&t);
	help_mail_free(&mail);
	verify_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_account, setup, teardown),
		cmocka_unit_test_setup_teardown(arrivals, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    aborts_leave_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    flags_and_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(keywords, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    copies_share_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(quota, setup, teardown),
	};
	int failed;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/account", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
