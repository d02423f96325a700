/*
 * The store against a model that is too simple to be wrong: random operations
 * in random transactions, some aborted, with reopening and housekeeping in
 * between; then everything that can be asked is compared.
 *
 *	test_store_model [SEED [TRANSACTIONS]]
 */
#include "mailstore/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/still_clock.h"
#include "tests/unit/store_help.h"

enum {
	BOXES = 6,
	HELD_MAX =
	    2600, /* messages of a mailbox; more than a page of its set */
	GONE_MAX = 20000,
	VIEWS = 4,
};

struct held {
	uint32_t uid;
	unsigned number;
	size_t len;
	uint8_t flags;
	uint64_t keyword, modseq, uidl;
	int64_t date;
};
struct box {
	uint32_t id, uidnext, uidvalidity;
	size_t n;
	struct held held[HELD_MAX];
};
struct model {
	struct box box[BOXES];
	uint64_t modseq;
};
/* Expunges are only ever added, so they need no copy for an abort. */
struct gone {
	uint32_t box, uid;
	uint64_t modseq;
};

static struct model now, before;
static struct gone gone[GONE_MAX];
static size_t ngone, ngone_before;

static char folder[] = "/tmp/hearth-model-XXXXXX";
static char path[64];
static struct store *st;
static uint64_t seed = 20261122, rng;
static unsigned transactions = 1500;

static unsigned
pick(unsigned n)
{
	return (unsigned)(help_random(&rng) >> 20) % n;
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

/* ---- operations, on store and model alike ---- */

static struct held *
added(struct store_txn *t, struct box *b, const struct held *as)
{
	struct held *h = &b->held[b->n++];

	*h = *as;
	h->uid = b->uidnext++;
	h->modseq = store_modseq(t);
	return h;
}

static void
do_append(struct store_txn *t, struct box *b)
{
	size_t len = pick(20) == 0 ? 30000 + pick(40000) : 150 + pick(3000);
	unsigned n = pick(8) == 0 ? 60 : 1;

	for (; n > 0 && b->n < HELD_MAX; n--) {
		struct held h = { .number = pick(50),
			.len = n > 1 ? 160 : len,
			.flags = (uint8_t)pick(32) };
		struct store_row row;
		uint32_t uid;

		assert_int_equal(
		    help_append(st, t, b->id, h.number, h.len, h.flags, &uid),
		    H_OK);
		h.date = 1700000000 + h.number;
		assert_int_equal(uid, b->uidnext);
		assert_int_equal(store_get_row(t, b->id, uid, &row), H_OK);
		h.uidl = row.uidl;
		added(t, b, &h);
	}
}

static void
do_flags(struct store_txn *t, struct box *b)
{
	unsigned n = pick(4) == 0 ? 40 : 1, at;

	if (b->n == 0)
		return;
	at = pick((unsigned)b->n);
	for (; n > 0 && at < b->n; n--, at += 1 + pick(2)) {
		struct held *h = &b->held[at];
		uint8_t flags = (uint8_t)pick(32);
		uint64_t keyword = pick(2) ? UINT64_C(1) << pick(3) : 0;

		assert_int_equal(
		    store_set_flags(t, b->id, h->uid,
			&(struct store_flags){ flags, { keyword, 0 } }),
		    H_OK);
		if (flags != h->flags || keyword != h->keyword)
			h->modseq = store_modseq(t);
		h->flags = flags;
		h->keyword = keyword;
	}
}

static void
take_out(struct store_txn *t, struct box *b, size_t at)
{
	assert_true(ngone < GONE_MAX);
	gone[ngone++] =
	    (struct gone){ b->id, b->held[at].uid, store_modseq(t) };
	b->n--;
	memmove(
	    &b->held[at], &b->held[at + 1], (b->n - at) * sizeof b->held[0]);
}

static void
do_expunge(struct store_txn *t, struct box *b)
{
	unsigned n = pick(4) == 0 ? 30 : 1, at;

	if (b->n == 0 || ngone + 100 > GONE_MAX)
		return;
	at = pick((unsigned)b->n);
	for (; n > 0 && at < b->n; n--, at += pick(2)) {
		assert_int_equal(
		    store_expunge(t, b->id, b->held[at].uid), H_OK);
		take_out(t, b, at);
	}
}

static void
do_copy(struct store_txn *t, struct box *b, bool move)
{
	struct box *to = &now.box[pick(BOXES)];
	unsigned n = pick(4) == 0 ? 20 : 1, at;

	if (b->n == 0 || ngone + 100 > GONE_MAX)
		return;
	at = pick((unsigned)b->n);
	for (; n > 0 && at < b->n && to->n < HELD_MAX; n--) {
		struct held h = b->held[at];
		struct store_row row;
		uint32_t uid;

		if (move)
			assert_int_equal(
			    store_move(t, b->id, h.uid, to->id, &uid), H_OK);
		else
			assert_int_equal(
			    store_copy(t, b->id, h.uid, to->id, &uid), H_OK);
		assert_int_equal(uid, to->uidnext);
		assert_int_equal(store_get_row(t, to->id, uid, &row), H_OK);
		assert_true(row.uidl > h.uidl);
		h.uidl = row.uidl;
		added(t, to, &h);
		if (move)
			take_out(t, b, at);
		else
			at++;
	}
}

/* Deleted and made again under its name: another mailbox. */
static void
do_again(struct store_txn *t, struct box *b)
{
	struct store_mailbox m;
	struct buf name = BUF_INIT(1000);

	assert_int_equal(store_get_mailbox(t, b->id, &m), H_OK);
	buf_add(&name, m.name);
	if (buf_span(&name).len != 5) { /* INBOX stays */
		assert_int_equal(
		    store_delete_mailbox(t, buf_span(&name)), H_OK);
		assert_int_equal(store_create_mailbox(
				     t, buf_span(&name), STORE_NO_ROLE, &b->id),
		    H_OK);
		assert_int_equal(store_get_mailbox(t, b->id, &m), H_OK);
		assert_true(m.uidvalidity > b->uidvalidity);
		b->uidvalidity = m.uidvalidity;
		b->n = 0;
		b->uidnext = 1;
	}
	buf_free(&name);
}

static void
operate(struct store_txn *t)
{
	struct box *b = &now.box[pick(BOXES)];
	unsigned what = pick(100);

	if (what < 35)
		do_append(t, b);
	else if (what < 55)
		do_flags(t, b);
	else if (what < 75)
		do_expunge(t, b);
	else if (what < 85)
		do_copy(t, b, false);
	else if (what < 99)
		do_copy(t, b, true);
	else if (pick(3) == 0)
		do_again(t, b);
}

/* ---- comparisons ---- */

static void
compare_counts(struct store_txn *t, const struct box *b)
{
	uint32_t unseen = 0, deleted = 0, first_unseen = 0;
	struct store_mailbox m;
	uint32_t from = pick(b->uidnext) + 1, with = 0, without = 0;

	assert_int_equal(store_get_mailbox(t, b->id, &m), H_OK);
	for (size_t i = 0; i < b->n; i++) {
		const struct held *h = &b->held[i];
		bool is_deleted = h->flags & STORE_DELETED;

		if (!(h->flags & STORE_SEEN)) {
			unseen++;
			if (first_unseen == 0)
				first_unseen = h->uid;
		}
		deleted += is_deleted;
		if (h->uid >= from && is_deleted && with == 0)
			with = h->uid;
		if (h->uid >= from && !is_deleted && without == 0)
			without = h->uid;
	}
	assert_int_equal(m.messages, b->n);
	assert_int_equal(m.unseen, unseen);
	assert_int_equal(m.deleted, deleted);
	assert_int_equal(m.uidnext, b->uidnext);
	assert_int_equal(store_first_unseen(t, b->id), first_unseen);
	assert_int_equal(
	    store_next_flagged(t, b->id, STORE_DELETED, true, from), with);
	assert_int_equal(
	    store_next_flagged(t, b->id, STORE_DELETED, false, from), without);
}

static void
compare_rows(struct store_txn *t, const struct box *b)
{
	struct store_row_cursor at = { NULL };
	struct buf got = BUF_INIT(1 << 20);
	struct store_row row;
	size_t i = 0;

	while (store_next_row(t, b->id, 1, UINT32_MAX, &at, &row)) {
		const struct held *h = &b->held[i++];

		assert_true(i <= b->n);
		assert_int_equal(row.uid, h->uid);
		assert_int_equal(row.flags.system, h->flags);
		assert_int_equal(row.flags.keyword[0], h->keyword);
		assert_int_equal(row.modseq, h->modseq);
		assert_int_equal(row.uidl, h->uidl);
		assert_int_equal(row.internaldate, h->date);
		if (pick(40) == 0) {
			struct help_mail mail =
			    help_mail_new(h->number, h->len);

			buf_clear(&got);
			assert_int_equal(
			    store_read(t, row.message, 0, UINT64_MAX, &got),
			    H_OK);
			assert_int_equal(got.len, mail.message.len);
			assert_memory_equal(got.ptr, mail.message.ptr, got.len);
			assert_int_equal(row.size, got.len);
			help_mail_free(&mail);
		}
	}
	assert_int_equal(i, b->n);
	buf_free(&got);
}

static void
compare_view(struct store_txn *t, const struct box *b)
{
	struct store_view *v = store_view_get(t, b->id), *same;
	uint32_t uid;

	assert_non_null(v);
	same = store_view_get(t, b->id);
	if (b->n > 0)
		assert_ptr_equal(v, same); /* one for all who look */
	store_view_unref(&same);
	assert_int_equal(store_view_count(v), b->n);
	assert_int_equal(store_view_uidnext(v), b->uidnext);
	assert_int_equal(store_view_uid(v, 0), 0);
	assert_int_equal(store_view_uid(v, (uint32_t)b->n + 1), 0);
	for (uint32_t i = 0; i < b->n; i++) {
		assert_int_equal(store_view_uid(v, i + 1), b->held[i].uid);
		assert_int_equal(store_view_seq(v, b->held[i].uid), i + 1);
		assert_int_equal(store_view_rank(v, b->held[i].uid), i + 1);
	}
	uid = pick(b->uidnext + 100);
	for (uint32_t i = 0; i <= b->n; i++)
		if (i == b->n || b->held[i].uid >= uid) {
			uint32_t next = i == b->n ? 0 : b->held[i].uid;

			assert_int_equal(store_view_next(v, uid), next);
			assert_int_equal(store_view_rank(v, uid),
			    i + (next == uid && i < b->n));
			assert_int_equal(store_view_seq(v, uid),
			    i < b->n && next == uid ? i + 1 : 0);
			break;
		}
	store_view_unref(&v);
}

static int
by_uid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* UIDs of the mailbox expunged after `since`, in order. */
static size_t
gone_since(uint32_t box, uint64_t since, uint32_t *uids)
{
	size_t n = 0;

	for (size_t i = 0; i < ngone; i++)
		if (gone[i].box == box && gone[i].modseq > since)
			uids[n++] = gone[i].uid;
	qsort(uids, n, sizeof *uids, by_uid);
	return n;
}

static void
compare_changes(struct store_txn *t, const struct box *b)
{
	static uint32_t want[GONE_MAX], told[GONE_MAX];
	/* 1 is the state that the account was born with. */
	uint64_t since =
	    now.modseq - pick((unsigned)((now.modseq - 1) % 300) + 1);
	struct store_change_cursor at = { .modseq = since };
	struct store_vanished_cursor vanished = { .from = 0 };
	struct store_change c;
	uint64_t last = since;
	size_t nwant = gone_since(b->id, since, want), ntold = 0, i = 0;
	bool *touched = mem_array(b->uidnext + 1, sizeof *touched);
	uint32_t first_uid, last_uid;

	assert_true(store_log_covers(t, since));
	while (store_next_change(t, &at, &c)) {
		assert_true(c.modseq > since && c.modseq >= last);
		last = c.modseq;
		assert_true(c.first <= c.last);
		if (c.mailbox != b->id || c.kind == STORE_MAILBOXES)
			continue;
		assert_true(c.last < b->uidnext);
		for (uint32_t uid = c.first; uid <= c.last; uid++)
			if (c.kind == STORE_EXPUNGED)
				told[ntold++] = uid;
			else
				touched[uid] = true;
	}
	qsort(told, ntold, sizeof *told, by_uid);
	assert_int_equal(ntold, nwant);
	assert_memory_equal(told, want, nwant * sizeof *want);
	for (size_t j = 0; j < b->n; j++)
		if (b->held[j].modseq > since)
			assert_true(touched[b->held[j].uid]);
	mem_free(&touched);

	while (store_next_vanished(
	    t, b->id, since, &vanished, &first_uid, &last_uid)) {
		for (uint32_t uid = first_uid; uid <= last_uid; uid++) {
			assert_true(i < nwant);
			assert_int_equal(want[i++], uid);
		}
		/* a gap, or they would be one run */
		if (i < nwant)
			assert_true(want[i] > last_uid + 1);
	}
	assert_int_equal(i, nwant);
}

static void
compare_all(void)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	struct store_usage usage;
	uint64_t messages = 0;

	assert_int_equal(store_modseq(t), now.modseq);
	for (size_t i = 0; i < BOXES; i++) {
		compare_counts(t, &now.box[i]);
		compare_rows(t, &now.box[i]);
		compare_view(t, &now.box[i]);
		compare_changes(t, &now.box[i]);
		messages += now.box[i].n;
	}
	store_usage(t, &usage);
	assert_int_equal(usage.messages, messages);
	assert_int_equal(store_error(t), H_OK);
	store_abort(&t);
}

/* ---- older views ---- */

static struct {
	struct store_view *view;
	uint32_t box;
	uint64_t modseq;
} kept[VIEWS];

/* What an older view has and the newest has not is what was expunged meanwhile.
 */
static void
compare_kept(void)
{
	static uint32_t want[GONE_MAX];
	unsigned which = pick(VIEWS);
	struct store_txn *t = store_begin(st, STORE_READ);

	if (kept[which].view != NULL) {
		struct store_view *newest = store_view_get(t, kept[which].box);
		uint32_t below = UINT32_MAX, uid;
		size_t n =
		    gone_since(kept[which].box, kept[which].modseq, want);

		if (newest != NULL) {
			while ((uid = store_view_gone(
				    kept[which].view, newest, below)) != 0) {
				/* those that came and went between are in
				 * neither */
				while (n > 0 && want[n - 1] != uid) {
					assert_int_equal(
					    store_view_seq(
						kept[which].view, want[n - 1]),
					    0);
					n--;
				}
				assert_true(n > 0);
				n--;
				below = uid;
			}
			while (n > 0)
				assert_int_equal(
				    store_view_seq(kept[which].view, want[--n]),
				    0);
			store_view_unref(&newest);
		}
		store_view_unref(&kept[which].view);
	}
	kept[which].box = now.box[pick(BOXES)].id;
	kept[which].modseq = now.modseq;
	kept[which].view = store_view_get(t, kept[which].box);
	store_abort(&t);
}

/* ---- the run ---- */

static void
one_transaction(void)
{
	struct store_txn *t = store_begin(st, STORE_WRITE);
	unsigned n = 1 + pick(4);
	uint64_t modseq = store_modseq(t);

	before = now;
	ngone_before = ngone;
	while (n-- > 0)
		operate(t);
	if (pick(12) == 0) {
		/* a view of what will never be must leave no trace */
		struct store_view *v = store_view_get(t, now.box[0].id);

		assert_int_equal(store_view_count(v), now.box[0].n);
		store_view_unref(&v);
		store_abort(&t);
		now = before;
		ngone = ngone_before;
		return;
	}
	if (pick(12) == 0)
		compare_counts(t, &now.box[pick(BOXES)]);
	assert_int_equal(store_commit(&t), H_OK);
	t = store_begin(st, STORE_READ);
	assert_true(store_modseq(t) == modseq || store_modseq(t) == modseq - 1);
	now.modseq = store_modseq(t);
	store_abort(&t);
}

static void
store_and_model_agree(void **state)
{
	static const char *const names[BOXES] = { "INBOX", "Drafts", "Sent",
		"Junk", "Trash", "Archive" };
	struct store_txn *t = store_begin(st, STORE_WRITE);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_keyword(t, span_of(names[i]), true), i);
	assert_int_equal(store_commit(&t), H_OK);
	for (size_t i = 0; i < BOXES; i++) {
		now.box[i].id = help_mailbox(st, names[i]);
		now.box[i].uidnext = 1;
	}
	for (unsigned i = 0; i < transactions; i++) {
		one_transaction();
		if (pick(10) == 0)
			compare_kept();
		if (pick(60) == 0)
			compare_all();
		if (pick(50) == 0) {
			store_close(&st);
			assert_int_equal(store_open(&st, path), H_OK);
		}
		if (pick(20) == 0) {
			wall += pick(1200);
			store_tidy(st);
		}
		if (pick(300) == 0)
			verify_clean();
	}
	compare_all();
	verify_clean();
	wall += 3600;
	while (store_tidy(st))
		;
	compare_all();
	verify_clean();
	for (size_t i = 0; i < VIEWS; i++)
		store_view_unref(&kept[i].view);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_and_model_agree),
	};
	int failed;

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		transactions = (unsigned)strtoul(argv[2], NULL, 10);
	rng = seed * 2 + 1;
	print_message("seed %llu\n", (unsigned long long)seed);
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/account", folder);
	if (store_create(path, 1) != H_OK || store_open(&st, path) != H_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed == 0)
		store_close(&st);
	help_remove(path);
	rmdir(folder);
	return failed;
}
