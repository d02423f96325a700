/* The queue's environment: in and out, once only, in pieces, after crashes. */
#include "mailstore/spool_int.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "tests/unit/scratch.h"

static char *folder;
static struct spool *spool;

static void
open_spool(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/queue", folder);
	assert_int_equal(spool_open(&spool, path), H_OK);
}

static int
setup(void **state)
{
	(void)state;
	folder = scratch_folder();
	open_spool();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	spool_close(&spool);
	scratch_remove(&folder);
	return 0;
}

static void
reopen(void)
{
	spool_close(&spool);
	open_spool();
}

/* ---- helpers ---- */

static char *
copy(const char *text)
{
	return mem_string(span_of(text));
}

/* An entry with `n` recipients: the even ones here, the odd ones outside. */
static struct spool_entry
entry(uint8_t number, size_t n)
{
	struct spool_entry e = { .enqueue_id = { 1, 2, 3, number },
		.arrived = 1000 + number,
		.internaldate = 900,
		.login = 7,
		.size = 5,
		.trace = copy("trace"),
		.reverse_path = copy("alice@example.test") };
	char address[64];

	e.recipients = mem_array(n, sizeof(*e.recipients));
	e.nrecipients = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "user%zu@far.example", i);
		e.recipients[i] = (struct spool_recipient){
			.account = i % 2 == 0 ? i + 1 : 0,
			.address = copy(address),
			.prefix = copy("Return-Path: <>\r\n"),
			.delivery_id = { (uint8_t)i, (uint8_t)(i >> 8),
			    number },
			.state = SPOOL_WAITING,
			.next_try = 1234,
			.answer = copy(""),
		};
	}
	return e;
}

/* Adds it with "hello" and a record in a transaction of its own. */
static enum herr
add(struct spool_entry *e, uint64_t *id)
{
	struct spool_blob *b = spool_blob_new(spool);
	struct spool_txn *t;
	enum herr err;

	assert_int_equal(spool_blob_write(b, SPAN("hello")), H_OK);
	assert_int_equal(spool_blob_write(b, SPAN("RECORD")), H_OK);
	t = spool_begin(spool, true);
	err = spool_add(t, b, e);
	*id = e->id;
	assert_int_equal(spool_commit(&t), H_OK);
	spool_blob_free(&b);
	return err;
}

static void
read_all(struct spool_txn *t, uint64_t id, struct buf *out)
{
	struct span s;

	while ((s = spool_bytes(t, id, out->len)).len > 0)
		buf_add(out, s);
}

static void
say_fault(void *arg, const char *fault)
{
	(void)arg;
	print_message("%s\n", fault);
}

static unsigned
faults(void)
{
	return (unsigned)spool_verify(spool, say_fault, NULL);
}

static void
same_entry(const struct spool_entry *a, const struct spool_entry *b)
{
	assert_memory_equal(a->enqueue_id, b->enqueue_id, 16);
	assert_int_equal(a->arrived, b->arrived);
	assert_int_equal(a->internaldate, b->internaldate);
	assert_int_equal(a->login, b->login);
	assert_int_equal(a->size, b->size);
	assert_string_equal(a->trace, b->trace);
	assert_string_equal(a->reverse_path, b->reverse_path);
	assert_int_equal(a->nrecipients, b->nrecipients);
	for (size_t i = 0; i < a->nrecipients; i++) {
		const struct spool_recipient *x = &a->recipients[i];
		const struct spool_recipient *y = &b->recipients[i];

		assert_int_equal(x->account, y->account);
		assert_string_equal(x->address, y->address);
		assert_string_equal(x->prefix, y->prefix);
		assert_memory_equal(x->delivery_id, y->delivery_id, 16);
		assert_int_equal(x->state, y->state);
		assert_int_equal(x->tries, y->tries);
		assert_int_equal(x->next_try, y->next_try);
		assert_string_equal(x->answer, y->answer);
	}
}

/* ---- tests ---- */

static void
test_in_and_out(void **state)
{
	struct spool_entry e = entry(1, 3), got;
	struct buf bytes = BUF_INIT(100);
	struct spool_txn *t;
	uint64_t id, at = 0;

	(void)state;
	assert_int_equal(add(&e, &id), H_OK);
	assert_true(id > 0);
	reopen();
	t = spool_begin(spool, false);
	assert_int_equal(spool_get(t, id, &got), H_OK);
	assert_int_equal(got.id, id);
	same_entry(&e, &got);
	read_all(t, id, &bytes);
	assert_true(span_is(buf_span(&bytes), "helloRECORD"));
	assert_true(span_is(spool_bytes(t, id, 5), "RECORD"));
	assert_int_equal(spool_bytes(t, id, 11).len, 0);
	assert_int_equal(spool_bytes(t, id, UINT64_MAX).len, 0);
	assert_int_equal(spool_bytes(t, id + 1, 0).len, 0);
	assert_true(spool_next(t, &at));
	assert_int_equal(at, id);
	assert_false(spool_next(t, &at));
	spool_entry_release(&got);
	assert_int_equal(spool_get(t, id + 1, &got), H_NOTFOUND);
	spool_abort(&t);
	assert_int_equal(faults(), 0);
	buf_free(&bytes);
	spool_entry_release(&e);
}

/* The same enqueue id is taken once, also when the entry has long gone out. */
static void
test_once(void **state)
{
	struct spool_entry e = entry(1, 1), again = entry(1, 2);
	struct spool_txn *t;
	uint64_t id, second, known = 0;

	(void)state;
	assert_int_equal(add(&e, &id), H_OK);
	assert_int_equal(add(&again, &second), H_EXISTS);
	assert_int_equal(second, id);
	t = spool_begin(spool, true);
	assert_int_equal(spool_remove(t, id), H_OK);
	assert_int_equal(spool_remove(t, id), H_NOTFOUND);
	assert_int_equal(spool_commit(&t), H_OK);
	reopen();
	t = spool_begin(spool, false);
	assert_true(spool_known(t, e.enqueue_id, &known));
	assert_int_equal(known, id);
	e.enqueue_id[0]++;
	assert_false(spool_known(t, e.enqueue_id, &known));
	spool_abort(&t);
	assert_int_equal(add(&again, &second), H_EXISTS);
	assert_int_equal(add(&e, &second), H_OK);
	assert_true(second > id);
	assert_int_equal(faults(), 0);
	spool_entry_release(&e);
	spool_entry_release(&again);
}

static void
test_states(void **state)
{
	struct spool_entry e = entry(1, 1000), got;
	struct spool_txn *t;
	uint64_t id;

	(void)state;
	assert_int_equal(add(&e, &id), H_OK);
	for (size_t i = 0; i < e.nrecipients; i += 3) {
		struct spool_recipient *r = &e.recipients[i];

		r->state = i % 2 ? SPOOL_DONE : SPOOL_HELD;
		r->tries = 4;
		r->next_try = 99;
		mem_free(&r->answer);
		r->answer = copy("451 4.3.0 try later");
	}
	t = spool_begin(spool, true);
	assert_int_equal(spool_update(t, &e), H_OK);
	spool_abort(&t); /* nothing of it */
	t = spool_begin(spool, true);
	assert_int_equal(spool_get(t, id, &got), H_OK);
	assert_int_equal(got.recipients[0].state, SPOOL_WAITING);
	spool_entry_release(&got);
	assert_int_equal(spool_update(t, &e), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	reopen();
	t = spool_begin(spool, true);
	assert_int_equal(spool_get(t, id, &got), H_OK);
	same_entry(&e, &got);
	got.id = id + 1;
	assert_int_equal(spool_update(t, &got), H_NOTFOUND);
	got.id = id;
	got.nrecipients--;
	assert_int_equal(spool_update(t, &got), H_INVALID);
	got.nrecipients++;
	spool_abort(&t);
	assert_int_equal(faults(), 0);
	spool_entry_release(&got);
	spool_entry_release(&e);
}

/* Several in one transaction are there together, or none. */
static void
test_group(void **state)
{
	struct spool_entry e[20];
	struct spool_blob *b[COUNT_OF(e)];
	struct spool_txn *t;
	uint64_t id = 0;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(e); i++) {
		e[i] = entry((uint8_t)i, 2);
		b[i] = spool_blob_new(spool);
		assert_int_equal(spool_blob_write(b[i], SPAN("hello")), H_OK);
	}
	t = spool_begin(spool, true);
	for (size_t i = 0; i < COUNT_OF(e); i++)
		assert_int_equal(spool_add(t, b[i], &e[i]), H_OK);
	spool_abort(&t);
	t = spool_begin(spool, false);
	assert_false(spool_next(t, &id));
	spool_abort(&t);
	t = spool_begin(spool, true);
	for (size_t i = 0; i < COUNT_OF(e); i++)
		assert_int_equal(spool_add(t, b[i], &e[i]), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	reopen();
	t = spool_begin(spool, false);
	while (spool_next(t, &id))
		assert_int_equal(id, e[n++].id);
	assert_int_equal(n, COUNT_OF(e));
	spool_abort(&t);
	for (size_t i = 0; i < COUNT_OF(e); i++) {
		spool_blob_free(&b[i]);
		spool_entry_release(&e[i]);
	}
	assert_int_equal(faults(), 0);
}

static uint64_t
file_pages(void)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/queue/data.mdb", folder);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size / 4096;
}

/* Bytes that lz4 makes nothing of. */
static void
noise(char *to, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		to[i] = (char)(seed >> 56);
	}
}

/* In pieces of odd sizes, before anything is published; room is used again. */
static void
test_large(void **state)
{
	enum { LEN = 9 * 1024 * 1024 + 17 };
	struct spool_entry e;
	char *bytes = mem_alloc(LEN);
	struct buf got = BUF_INIT(LEN);
	uint64_t pages = 0, id;

	(void)state;
	noise(bytes, LEN, 42);
	for (uint8_t round = 0; round < 6; round++) {
		struct spool_blob *b = spool_blob_new(spool);
		struct spool_txn *t;

		e = entry(round, 2);
		e.size = LEN - 6;
		for (size_t at = 0, len; at < LEN; at += len) {
			len = LEN - at < 70001 ? LEN - at : 70001;
			assert_int_equal(spool_blob_write(b,
					     (struct span){ bytes + at, len }),
			    H_OK);
		}
		assert_int_equal(faults(), 0);
		t = spool_begin(spool, true);
		assert_int_equal(spool_add(t, b, &e), H_OK);
		assert_int_equal(spool_commit(&t), H_OK);
		spool_blob_free(&b);
		id = e.id;
		t = spool_begin(spool, false);
		buf_clear(&got);
		read_all(t, id, &got);
		spool_abort(&t);
		assert_int_equal(got.len, LEN);
		assert_memory_equal(got.ptr, bytes, LEN);
		assert_int_equal(faults(), 0);
		t = spool_begin(spool, true);
		assert_int_equal(spool_remove(t, id), H_OK);
		assert_int_equal(spool_commit(&t), H_OK);
		if (round == 1)
			pages = file_pages();
		spool_entry_release(&e);
	}
	assert_true(file_pages() <= pages + pages / 4);
	buf_free(&got);
	mem_free(&bytes);
}

static bool
is_empty(enum spool_tree tree)
{
	struct spool_txn *t = spool_begin(spool, false);
	struct db_cursor *c = db_cursor(t->db, tree);
	bool empty = !db_seek(c, SPOOL_FIRST_KEY);

	spool_abort(&t);
	return empty;
}

/* What was put on disk for a message that was not taken goes again, and
 * nothing else does. */
static void
test_left(void **state)
{
	enum { LEN = 3 * 1024 * 1024 };
	struct spool_entry e = entry(1, 2);
	char *bytes = mem_alloc(LEN);
	struct spool_blob *taken = spool_blob_new(spool);
	struct spool_blob *left = spool_blob_new(spool);
	struct spool_blob *under_way = spool_blob_new(spool);
	struct span large = { bytes, LEN };
	struct spool_txn *t;

	(void)state;
	noise(bytes, LEN, 44);
	assert_int_equal(spool_blob_write(taken, large), H_OK);
	assert_int_equal(spool_blob_write(left, large), H_OK);
	assert_int_equal(spool_blob_write(under_way, large), H_OK);
	t = spool_begin(spool, true);
	assert_int_equal(spool_add(t, taken, &e), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	spool_blob_free(&taken);
	spool_blob_free(&left);
	spool_tidy(spool);
	assert_int_equal(faults(), 0);
	e.enqueue_id[0]++;
	t = spool_begin(spool, true);
	assert_int_equal(spool_add(t, under_way, &e), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	assert_true(is_empty(SPOOL_UPLOAD));
	spool_blob_free(&under_way);
	spool_tidy(spool);
	assert_int_equal(faults(), 0);
	t = spool_begin(spool, true);
	assert_int_equal(spool_remove(t, 1), H_OK);
	assert_int_equal(spool_remove(t, 2), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	assert_true(is_empty(SPOOL_BODY));
	mem_free(&bytes);
	spool_entry_release(&e);
}

/* A process that dies leaves what was committed, and nothing else for long. */
static void
test_crash(void **state)
{
	enum { LEN = 3 * 1024 * 1024 };
	struct spool_entry e = entry(1, 2);
	char *bytes = mem_alloc(LEN);
	struct spool_txn *t;
	struct spool_blob *b;
	uint64_t id, at = 0;
	pid_t child;
	int status;

	(void)state;
	noise(bytes, LEN, 43);
	spool_close(&spool);
	child = fork();
	if (child == 0) {
		open_spool();
		if (add(&e, &id) != H_OK)
			_exit(1);
		b = spool_blob_new(spool);
		if (spool_blob_write(b, (struct span){ bytes, LEN }) != H_OK)
			_exit(2);
		t = spool_begin(spool, true);
		e.enqueue_id[0]++;
		if (spool_add(t, b, &e) != H_OK)
			_exit(3);
		_exit(0); /* uncommitted */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_spool();
	t = spool_begin(spool, false);
	assert_true(spool_next(t, &at));
	assert_false(spool_next(t, &at));
	spool_abort(&t);
	assert_int_equal(faults(), 0);
	/* The bytes that were put on disk before are free again. */
	assert_true(is_empty(SPOOL_UPLOAD));
	t = spool_begin(spool, true);
	assert_int_equal(spool_remove(t, at), H_OK);
	assert_int_equal(spool_commit(&t), H_OK);
	assert_true(is_empty(SPOOL_BODY));
	mem_free(&bytes);
	spool_entry_release(&e);
}

/* ---- what the tool is told ---- */

static size_t
count_lines(struct span text, const char *start)
{
	size_t n = 0, len = strlen(start);

	for (size_t i = 0; i + len <= text.len; i++)
		if ((i == 0 || text.ptr[i - 1] == '\n') &&
		    memcmp(text.ptr + i, start, len) == 0)
			n++;
	return n;
}

static void
test_report(void **state)
{
	struct spool_entry e = entry(1, 2), many = entry(2, 1000);
	struct buf out = BUF_INIT(60000);
	struct spool_txn *t;
	uint64_t first, second, last;

	(void)state;
	mem_free(&e.recipients[0].answer);
	e.recipients[0].answer = copy("550\tno\r\nentry\tforged");
	assert_int_equal(add(&e, &first), H_OK);
	assert_int_equal(add(&many, &second), H_OK);
	e.enqueue_id[0]++;
	assert_int_equal(add(&e, &last), H_OK);
	t = spool_begin(spool, false);

	spool_report(t, QUEUE_SHOW, first, &out);
	assert_true(span_is(buf_span(&out),
	    "entry\t0000000000000001\t1001\t5\t7\ttrace\talice@example.test\n"
	    "rcpt\twaiting\t0\t1234\t1\tuser0@far.example\t550?no??entry?"
	    "forged\n"
	    "rcpt\twaiting\t0\t1234\t0\tuser1@far.example\t\n"));
	buf_clear(&out);
	spool_report(t, QUEUE_SHOW, 99, &out);
	spool_report(t, QUEUE_SHOW, 0, &out);
	spool_report(t, 77, first, &out);
	assert_int_equal(out.len, 0);

	/* As many as fit: all, or less. */
	spool_report(t, QUEUE_LIST, 0, &out);
	assert_false(out.bad);
	assert_int_equal(count_lines(buf_span(&out), "entry\t"), 3);
	assert_int_equal(count_lines(buf_span(&out), "rcpt\t"), 1004);
	buf_free(&out);
	out = BUF_INIT(5000);
	spool_report(t, QUEUE_LIST, 0, &out);
	assert_int_equal(count_lines(buf_span(&out), "entry\t"), 1);
	buf_clear(&out);
	spool_report(t, QUEUE_LIST, first, &out);
	assert_int_equal(count_lines(buf_span(&out), "entry\t"), 1);
	assert_int_equal(count_lines(buf_span(&out), "more\t"), 1);
	size_t shown = count_lines(buf_span(&out), "rcpt\t");
	char more[32];
	snprintf(more, sizeof(more), "more\t%zu\n", 1000 - shown);
	assert_int_equal(count_lines(buf_span(&out), more), 1);
	buf_clear(&out);
	spool_report(t, QUEUE_LIST, last, &out);
	assert_int_equal(out.len, 0);
	spool_abort(&t);
	buf_free(&out);
	spool_entry_release(&e);
	spool_entry_release(&many);
}

/* One that cannot be read is told of, and hides nobody behind it. */
static void
test_report_damaged(void **state)
{
	struct spool_entry e = entry(1, 1);
	struct buf out = BUF_INIT(60000);
	struct spool_key key;
	struct spool_txn *t;
	uint64_t id;

	(void)state;
	for (e.enqueue_id[0] = 1; e.enqueue_id[0] <= 3; e.enqueue_id[0]++)
		assert_int_equal(add(&e, &id), H_OK);
	t = spool_begin(spool, true);
	db_put(t->db, SPOOL_ENTRY, spool_key(&key, 2), SPAN("nonsense"));
	assert_int_equal(spool_commit(&t), H_OK);
	for (uint64_t from = 0; from <= 2; from += 2) {
		t = spool_begin(spool, false);
		spool_report(t, QUEUE_LIST, from, &out);
		spool_abort(&t);
	}
	assert_int_equal(count_lines(buf_span(&out), "entry\t"), 3);
	assert_non_null(
	    memmem(out.ptr, out.len, "2\t0\t0\t0\tdamaged\t\n", 17));
	assert_int_equal(faults(), 1);
	buf_free(&out);
	spool_entry_release(&e);
}

int
main(void)
{
#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(test_in_and_out),
		SPOOL_TEST(test_once),
		SPOOL_TEST(test_states),
		SPOOL_TEST(test_group),
		SPOOL_TEST(test_large),
		SPOOL_TEST(test_left),
		SPOOL_TEST(test_crash),
		SPOOL_TEST(test_report),
		SPOOL_TEST(test_report_damaged),
	};

	log_open("test", "spool", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
