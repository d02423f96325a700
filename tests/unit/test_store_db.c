/*
 * Environments and rows: what is written is read, by this process and another,
 * after opening anew; damage and cuts are noticed; blocks of messages.
 */
#include "mailstore/store_db.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/store_body.h"
#include "mailstore/store_meta.h"

enum { ROWS = 1, BODY = 2 };
static const struct db_shape shape = {
	.what = "test",
	.trees = { "rows", "body" },
	.reserve = 2 * 1024 * 1024,
};

static char folder[] = "/tmp/hearth-db-XXXXXX";
static char path[64];

static void
clean(void)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "copy" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *p = file_path(path, names[i]);

		unlink(p);
		mem_free(&p);
	}
	rmdir(path);
}

static int
setup(void **state)
{
	(void)state;
	clean();
	return db_create(path) == H_OK ? 0 : -1;
}

static struct db *
opened(void)
{
	struct db *db = NULL;

	assert_int_equal(db_open(&db, path, &shape), H_OK);
	return db;
}

static struct span
key_of(uint32_t n)
{
	static unsigned char key[4];

	put_be32(key, n);
	return (struct span){ (char *)key, 4 };
}

static off_t
file_size(void)
{
	char *p = file_path(path, "data.mdb");
	struct stat st;

	assert_int_equal(stat(p, &st), 0);
	mem_free(&p);
	return st.st_size;
}

static void
rows_are_kept(void **state)
{
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	struct db_cursor *c;
	struct span v;
	char text[32];
	uint64_t last = db_last(db);
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "row %u", i);
		db_put(t, ROWS, key_of(i * 2), span_of(text));
	}
	assert_int_equal(db_commit(&t), H_OK);
	assert_null(t);
	assert_int_equal(db_last(db), last + 1);
	db_close(&db);

	db = opened();
	t = db_begin(db, false);
	assert_true(db_get(t, ROWS, key_of(998), &v));
	assert_memory_equal(v.ptr, "row 499", v.len);
	assert_false(db_get(t, ROWS, key_of(999), &v));
	c = db_cursor(t, ROWS);
	assert_true(db_seek(c, key_of(1001)));
	assert_memory_equal(db_value(c).ptr, "row 501", 7);
	while (db_next(c))
		n++;
	assert_int_equal(n, 498);
	assert_true(db_seek_before(c, key_of(7)));
	assert_int_equal(be32(db_key(c).ptr), 6);
	assert_true(db_prev(c));
	assert_int_equal(be32(db_key(c).ptr), 4);
	assert_true(db_seek_before(c, key_of(UINT32_MAX)));
	assert_int_equal(be32(db_key(c).ptr), 1998);
	assert_false(db_seek_before(c, key_of(0)));
	/* the cursor is left for the end of the transaction to close */
	assert_int_equal(db_commit(&t), H_OK);

	t = db_begin(db, true);
	assert_true(db_delete(t, ROWS, key_of(0)));
	assert_false(db_delete(t, ROWS, key_of(1)));
	db_abort(&t);
	t = db_begin(db, false);
	assert_true(db_get(t, ROWS, key_of(0), &v));
	db_abort(&t);
	db_close(&db);
}

static void
pages_are_small(void **state)
{
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);

	(void)state;
	db_put(t, ROWS, SPAN("a"), SPAN("b"));
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	assert_int_equal(file_size() % 4096, 0);
	assert_true(file_size() < 16 * 4096);
}

/* A failure sticks; "beyond all others" is believed but looked at. */
static void
failures_stick(void **state)
{
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	struct span piece = SPAN("x"), v;

	(void)state;
	db_put(t, ROWS, key_of(5), piece);
	db_put_pieces(t, ROWS, key_of(6), &piece, 1, true);
	assert_int_equal(db_error(t), H_OK);
	db_put_pieces(t, ROWS, key_of(4), &piece, 1, true);
	assert_int_equal(db_error(t), H_CORRUPT);
	assert_false(db_get(t, ROWS, key_of(5), &v));
	assert_int_equal(db_commit(&t), H_CORRUPT);
	t = db_begin(db, false);
	assert_false(db_get(t, ROWS, key_of(5), &v));
	assert_int_equal(db_error(t), H_OK);
	db_abort(&t);
	db_close(&db);
}

/* Each bit of a value's row, turned over in the file: never believed. */
static void
damage_is_noticed(void **state)
{
	char *p = file_path(path, "data.mdb");
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	static const char text[] = "these are the bytes to be found";
	struct buf file = BUF_INIT(1 << 20);
	struct span v;
	char *at;
	int fd;

	(void)state;
	db_put(t, ROWS, key_of(77), SPAN("these are the bytes to be found"));
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	assert_int_equal(file_read(p, &file), H_OK);
	at = memmem(file.ptr, file.len, text, sizeof text - 1);
	assert_non_null(at);
	fd = open(p, O_RDWR);
	for (int bit = -32; bit < (int)(sizeof text - 1 + 4) * 8; bit++) {
		char *byte = at + (bit < 0 ? -4 + (bit + 32) / 8 : bit / 8);
		char turned = (char)(*byte ^ (1 << (bit & 7)));

		assert_int_equal(pwrite(fd, &turned, 1, byte - file.ptr), 1);
		db = opened();
		t = db_begin(db, false);
		if (db_get(t, ROWS, key_of(77), &v))
			fail_msg("bit %d was not noticed", bit);
		/* A turned key is another row's absence; all else is damage. */
		assert_int_equal(db_error(t), bit < 0 ? H_OK : H_CORRUPT);
		db_abort(&t);
		t = db_begin(db, false);
		struct db_cursor *c = db_cursor(t, ROWS);
		assert_false(db_seek(c, key_of(0)));
		assert_int_equal(db_error(t), H_CORRUPT);
		db_abort(&t);
		db_close(&db);
		assert_int_equal(pwrite(fd, byte, 1, byte - file.ptr), 1);
	}
	close(fd);
	buf_free(&file);
	mem_free(&p);
}

static void
cuts_are_noticed(void **state)
{
	char *p = file_path(path, "data.mdb");
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	char big[3000] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		db_put(t, ROWS, key_of(i), (struct span){ big, sizeof big });
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	for (off_t size = file_size() - 4096; size >= 0; size -= 4096) {
		assert_int_equal(truncate(p, size), 0);
		assert_int_equal(db_open(&db, path, &shape), H_CORRUPT);
		assert_null(db);
	}
	unlink(p);
	assert_int_equal(db_open(&db, path, &shape), H_NOTFOUND);
	mem_free(&p);
}

/* Pages at the end that were freed in the transaction that made them are never
 * written. */
static void
short_but_whole(void **state)
{
	char *p = file_path(path, "data.mdb");
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	char big[5 * 4096] = { 0 };
	struct meta_facts facts;
	struct span v;

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		db_put(t, ROWS, key_of(i), (struct span){ big, 1500 });
	assert_int_equal(db_commit(&t), H_OK);
	for (unsigned i = 0; i < 3; i++) {
		t = db_begin(db, true);
		db_put(t, ROWS, SPAN("z"), (struct span){ big, sizeof big });
		db_delete(t, ROWS, SPAN("z"));
		db_put(t, ROWS, SPAN("y"), SPAN("stays"));
		assert_int_equal(db_commit(&t), H_OK);
	}
	db_close(&db);
	assert_int_equal(meta_look(p, &facts), H_OK);
	assert_true(facts.file < facts.pages * META_PAGE);
	db = opened();
	t = db_begin(db, false);
	assert_true(db_get(t, ROWS, SPAN("y"), &v));
	db_abort(&t);
	db_close(&db);
	/* One page more is missing: that one is not free. */
	assert_int_equal(truncate(p, (off_t)facts.file - META_PAGE), 0);
	assert_int_equal(db_open(&db, path, &shape), H_CORRUPT);
	mem_free(&p);
}

static void
published_copy(void **state)
{
	struct db *db = opened(), *copy;
	struct db_txn *t = db_begin(db, true);
	char *p = file_path(path, "copy");
	struct span v;
	int fd = open(p, O_RDWR | O_CREAT | O_EXCL, 0600);

	(void)state;
	db_put(t, ROWS, key_of(1), SPAN("one"));
	assert_int_equal(db_commit(&t), H_OK);
	assert_int_equal(db_publish(db, fd), H_OK);
	close(fd);
	db_close(&db);
	assert_int_equal(db_open_published(&copy, p, &shape), H_OK);
	t = db_begin(copy, false);
	assert_true(db_get(t, ROWS, key_of(1), &v));
	assert_memory_equal(v.ptr, "one", 3);
	db_abort(&t);
	db_close(&copy);
	mem_free(&p);
}

/* ---- blocks ---- */

static uint64_t seed = 88172645463325252u;

static uint64_t
random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void
fill(char *p, size_t n, unsigned kind)
{
	for (size_t i = 0; i < n; i++)
		p[i] = kind == 0   ? (char)random_next()
		       : kind == 1 ? (char)('a' + random_next() % 4)
		                   : 'x';
}

static void
body_round_trip(struct db *db, size_t len, unsigned kind, size_t piece)
{
	char *bytes = mem_alloc(len + 1);
	struct body *b = body_new();
	struct body_reader r = { 0 };
	struct db_txn *t;
	struct span got;
	XXH128_canonical_t digest;
	uint64_t deleted = 0, at = 0;

	fill(bytes, len, kind);
	for (size_t i = 0; i < len; i += piece)
		body_write(b, (struct span){ bytes + i,
				  len - i < piece ? len - i : piece });
	body_end(b);
	assert_int_equal(body_size(b), len);
	XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, len));
	assert_memory_equal(body_digest(b), &digest, BODY_DIGEST_LEN);
	t = db_begin(db, true);
	body_put(b, t, BODY, 7, false);
	assert_int_equal(db_commit(&t), H_OK);
	body_free(&b);

	t = db_begin(db, false);
	while (body_get(t, BODY, 7, at, &r, &got)) {
		assert_true(got.len <= len - at);
		assert_memory_equal(got.ptr, bytes + at, got.len);
		/* and from the middle */
		if (got.len > 2) {
			size_t half = got.len / 2;

			assert_true(body_get(t, BODY, 7, at + half, &r, &got));
			assert_memory_equal(
			    got.ptr, bytes + at + half, got.len);
			at += half;
		}
		at += got.len;
	}
	assert_int_equal(at, len);
	/* The beginning: enough of it, and never more than there is; before and
	 * after the whole block. */
	for (size_t want = 1; want <= 2 * BODY_BLOCK; want = want * 3 + 1) {
		size_t most = len < BODY_BLOCK ? len : BODY_BLOCK;

		body_reader_forget(&r);
		for (int i = 0; i < 2 && len > 0; i++) {
			assert_true(body_head(t, BODY, 7, want, &r, &got));
			assert_in_range(
			    got.len, want < most ? want : most, most);
			assert_memory_equal(got.ptr, bytes, got.len);
			assert_true(body_get(t, BODY, 7, 0, &r, &got));
			assert_int_equal(got.len, most);
			assert_memory_equal(got.ptr, bytes, most);
		}
	}
	assert_int_equal(db_error(t), H_OK);
	db_abort(&t);

	t = db_begin(db, true);
	while (body_delete(t, BODY, 7, 4000, &deleted))
		;
	assert_false(body_get(t, BODY, 7, 0, &(struct body_reader){ 0 }, &got));
	assert_int_equal(db_commit(&t), H_OK);
	body_reader_free(&r);
	mem_free(&bytes);
}

static void
bodies(void **state)
{
	static const size_t lens[] = { 0, 1, 1329, 1330, 1331, 1334, 2000, 3998,
		3999, 4000, 4071, 4072, 4073, 4096, 8168, 9500, 12260, 16300,
		BODY_BLOCK - 1, BODY_BLOCK, BODY_BLOCK + 1, 2 * BODY_BLOCK,
		100000 };
	struct db *db = opened();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lens); i++)
		for (unsigned kind = 0; kind < 3; kind++) {
			body_round_trip(db, lens[i], kind, 100000);
			body_round_trip(db, lens[i], kind, 997);
		}
	for (size_t len = 1; len < 20000; len += 137)
		body_round_trip(db, len, 0, 5000);
	db_close(&db);
}

/* Bytes that do not compress take hardly more than their own pages. */
static void
bodies_are_small(void **state)
{
	struct db *db = opened();
	char *bytes = mem_alloc(1000000);
	struct db_txn *t = db_begin(db, true);

	(void)state;
	fill(bytes, 1000000, 0);
	for (unsigned i = 0; i < 10; i++) {
		struct body *b = body_new();

		body_write(b, (struct span){ bytes, 1000000 });
		body_end(b);
		body_put(b, t, BODY, i + 1, true);
		body_free(&b);
	}
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	mem_free(&bytes);
	assert_true(file_size() < 10200000);
}

/* ---- another process ---- */

static int
child(void)
{
	struct db *db;

	if (db_open(&db, path, &shape) != H_OK)
		return 1;
	for (uint32_t i = 0; i < 200; i++) {
		struct db_txn *t = db_begin(db, true);
		struct span v;
		unsigned char number[4] = { 0 };

		if (db_get(t, ROWS, SPAN("counter"), &v))
			memcpy(number, v.ptr, 4);
		put_be32(number, be32(number) + 1);
		db_put(t, ROWS, SPAN("counter"),
		    (struct span){ (char *)number, 4 });
		if (db_commit(&t) != H_OK)
			return 2;
	}
	db_close(&db);
	return 0;
}

static void
processes_take_turns(void **state)
{
	pid_t pids[3];
	struct db *db;
	struct db_txn *t;
	struct span v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pids); i++)
		if ((pids[i] = fork()) == 0) {
			execl("/proc/self/exe", "test_store_db", "child", path,
			    (char *)NULL);
			_exit(9);
		}
	for (size_t i = 0; i < COUNT_OF(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	db = opened();
	t = db_begin(db, false);
	assert_true(db_get(t, ROWS, SPAN("counter"), &v));
	assert_int_equal(be32(v.ptr), 600);
	db_abort(&t);
	db_tidy(db);
	db_close(&db);
}

static void
reserve_is_kept(void **state)
{
	struct db *db = opened();
	struct db_txn *t = db_begin(db, true);
	char *p = file_path(path, "data.mdb");
	struct stat st;

	(void)state;
	db_put(t, ROWS, key_of(1), SPAN("x"));
	assert_int_equal(db_want_space(t, 5 * 1024 * 1024), H_OK);
	assert_int_equal(db_want_space(t, UINT64_C(1) << 50), H_FULL);
	assert_int_equal(db_error(t), H_OK);
	assert_int_equal(db_commit(&t), H_OK);
	db_close(&db);
	assert_int_equal(stat(p, &st), 0);
	assert_true(st.st_size < 100000);
	assert_true((uint64_t)st.st_blocks * 512 >= 7 * 1024 * 1024);
	mem_free(&p);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rows_are_kept, setup),
		cmocka_unit_test_setup(pages_are_small, setup),
		cmocka_unit_test_setup(failures_stick, setup),
		cmocka_unit_test_setup(damage_is_noticed, setup),
		cmocka_unit_test_setup(cuts_are_noticed, setup),
		cmocka_unit_test_setup(short_but_whole, setup),
		cmocka_unit_test_setup(published_copy, setup),
		cmocka_unit_test_setup(bodies, setup),
		cmocka_unit_test_setup(bodies_are_small, setup),
		cmocka_unit_test_setup(processes_take_turns, setup),
		cmocka_unit_test_setup(reserve_is_kept, setup),
	};
	int failed;

	if (argc == 3) {
		snprintf(path, sizeof path, "%s", argv[2]);
		return child();
	}
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/env", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clean();
	rmdir(folder);
	return failed;
}
