/*
 * Opening and closing environments, and what LMDB's errors mean: a failed
 * commit is never taken for one that did nothing, and a file that was cut off
 * is noticed before it is mapped.
 */
#include "mailstore/store_env.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/store_meta.h"

enum {
	READERS = 126,
	EXIT_RESTART = 75,
	LOOKS = 5,
};
/* Address space only; so large that it is never changed. */
#define MAP_SIZE (UINT64_C(64) << 30)

/* ---- what went wrong ---- */

void
env_say(const struct db *db, const char *what, int rc)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "store-failed");
	log_text(&l, "store", db->shape->what);
	log_text(&l, "path", db->path);
	log_text(&l, "what", what);
	log_text(&l, "error", mdb_strerror(rc));
	log_end(&l);
}

enum herr
env_error(struct db *db, int rc)
{
	switch (rc) {
	case MDB_SUCCESS: return H_OK;
	case MDB_NOTFOUND:
	case ENOENT: return H_NOTFOUND;
	case MDB_MAP_FULL: db->map_full = true; return H_FULL;
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT: return H_FULL;
	case MDB_READERS_FULL: return H_BUSY;
	case MDB_VERSION_MISMATCH: return H_VERSION;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PAGE_FULL:
	case MDB_CURSOR_FULL:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE: return H_CORRUPT;
	case ENOMEM: PANIC("out of memory");
	/* A short write on a full disk comes as EIO. */
	case EIO: return space_disk_full(&db->space) ? H_FULL : H_IO;
	default: return H_IO;
	}
}

void
env_end_process(const struct db *db, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "store-restart");
	log_text(&l, "store", db->shape->what);
	log_text(&l, "path", db->path);
	log_text(&l, "why", why);
	log_end(&l);
	_exit(EXIT_RESTART);
}

/*
 * A page of the map that the disk cannot give, or that was cut off the file, is
 * SIGBUS; LMDB, which believes its pages, may also run astray in a damaged one.
 * Nothing can be saved then, and nothing was: the parent hears of the end and
 * starts us again.  A fault outside of any transaction is our own and stays
 * one.
 */
static volatile sig_atomic_t transactions;

static void
on_fault(int signo)
{
	static const char text[] =
	    "<3>store-failed why=\"a page of the store cannot be read\"\n";
	ssize_t ignored;

	if (signo != SIGBUS && transactions == 0) {
		signal(signo, SIG_DFL); /* and again, where it happened */
		return;
	}
	ignored = write(STDERR_FILENO, text, sizeof text - 1);
	(void)ignored;
	_exit(EXIT_RESTART);
}

static void
catch_faults(void)
{
	static const int signals[] = { SIGBUS, SIGSEGV };
	struct sigaction now;

	for (size_t i = 0; i < COUNT_OF(signals); i++)
		if (sigaction(signals[i], NULL, &now) == 0 &&
		    now.sa_handler == SIG_DFL) {
			now = (struct sigaction){ .sa_handler = on_fault };
			sigaction(signals[i], &now, NULL);
		}
}

void
env_in_use(bool begins)
{
	transactions += begins ? 1 : -1;
}

static void
on_assert(MDB_env *env, const char *text)
{
	env_end_process(mdb_env_get_userctx(env), text);
}

/* ---- opening ---- */

static sigjmp_buf cut_off;

static void
on_cut_off(int signo)
{
	(void)signo;
	siglongjmp(cut_off, 1);
}

/* Pages from `first` on that are in the list of free pages. */
static uint64_t
count_free(MDB_cursor *c, uint64_t first)
{
	MDB_val key, value;
	uint64_t count = 0;

	while (mdb_cursor_get(c, &key, &value, MDB_NEXT) == 0) {
		size_t n = value.mv_size / sizeof(uint64_t);
		const char *list = value.mv_data;

		if (n == 0 || le64(list) > n - 1)
			break;
		n = le64(list);
		for (size_t i = 1; i <= n; i++)
			count += le64(list + i * sizeof(uint64_t)) >= first;
	}
	return count;
}

uint64_t
env_free_pages(struct db *db)
{
	MDB_cursor *c;
	uint64_t count = 0;

	if (env_begin_read(db) != 0)
		return 0;
	if (mdb_cursor_open(db->reader, 0, &c) == 0) {
		count = count_free(c, 0);
		mdb_cursor_close(c);
	}
	mdb_txn_reset(db->reader);
	db->space.touched += count * sizeof(uint64_t);
	return count;
}

/* LMDB does not write pages at the end that were freed again in the same
 * transaction; so a file may be shorter than it says, but only by free pages.
 */
static enum herr
check_length(struct db *db, const struct meta_facts *facts)
{
	uint64_t whole = facts->file / META_PAGE;
	struct sigaction guard = { .sa_handler = on_cut_off }, before;
	volatile enum herr err = H_CORRUPT;
	MDB_txn *txn;
	MDB_cursor *c;

	if (whole >= facts->pages)
		return H_OK;
	if (mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn) != 0)
		return H_CORRUPT;
	if (mdb_cursor_open(txn, 0, &c) == 0) {
		sigaction(SIGBUS, &guard, &before);
		if (sigsetjmp(cut_off, 1) == 0 &&
		    count_free(c, whole) == facts->pages - whole)
			err = H_OK;
		sigaction(SIGBUS, &before, NULL);
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return err;
}

static int
open_handles(struct db *db, MDB_txn *txn, unsigned flags)
{
	int rc = mdb_dbi_open(txn, NULL, 0, &db->tree[DB_MAIN]);

	for (unsigned i = 0; rc == 0 && i < DB_TREES_MAX; i++)
		if (db->shape->trees[i] != NULL)
			rc = mdb_dbi_open(
			    txn, db->shape->trees[i], flags, &db->tree[i + 1]);
	return rc;
}

/* Trees are made in an environment that has nothing yet; one that lacks a tree
 * but has others is of a version we do not know. */
static int
open_trees(struct db *db)
{
	MDB_txn *txn;
	MDB_stat st = { 0 };
	int rc;

	/* First only looking: a write waits for whoever writes. */
	if ((rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn)) != 0)
		return rc;
	if ((rc = open_handles(db, txn, 0)) == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	if (rc != MDB_NOTFOUND || db->published)
		return rc;
	if ((rc = mdb_txn_begin(db->env, NULL, 0, &txn)) != 0)
		return rc;
	if ((rc = mdb_stat(txn, 1, &st)) == 0 && st.ms_entries > 0)
		rc = open_handles(db, txn, 0) == 0 ? 0 : MDB_VERSION_MISMATCH;
	else if (rc == 0)
		rc = open_handles(db, txn, MDB_CREATE);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int
open_env(struct db *db, size_t map_size)
{
	unsigned flags = MDB_NOTLS;
	int rc;

	if (db->published)
		flags |= MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK;
	if ((rc = mdb_env_create(&db->env)) != 0)
		return rc;
	mdb_env_set_userctx(db->env, db);
	mdb_env_set_assert(db->env, on_assert);
	if ((rc = mdb_env_set_mapsize(
		 db->env, map_size > MAP_SIZE ? map_size : MAP_SIZE)) == 0 &&
	    (rc = mdb_env_set_maxdbs(db->env, DB_TREES_MAX)) == 0 &&
	    (rc = mdb_env_set_maxreaders(db->env, READERS)) == 0)
		rc = mdb_env_open(db->env, db->path, flags, 0600);
	return rc;
}

static void
close_env(struct db *db)
{
	if (db->reader != NULL)
		mdb_txn_abort(db->reader);
	db->reader = NULL;
	if (db->env != NULL)
		mdb_env_close(db->env);
	db->env = NULL;
}

/* Looks, opens, looks again. */
static enum herr
open_all(struct db *db)
{
	struct meta_facts facts;
	char *file = db->published ? mem_string(span_of(db->path))
	                           : file_path(db->path, "data.mdb");
	enum herr err = H_OK;
	int rc = 0, fd = -1, dead;

	for (int look = 0; look < LOOKS; look++) {
		if ((err = meta_look(file, &facts)) != H_OK)
			break;
		if ((rc = open_env(db, facts.file * 4)) != 0) {
			err = env_error(db, rc);
			break;
		}
		/* Somebody may be writing: what we saw of the file may be of
		 * two moments. */
		if ((err = check_length(db, &facts)) == H_OK)
			break;
		rc = MDB_CORRUPTED;
		close_env(db);
	}
	mem_free(&file);
	if (err == H_OK) {
		mdb_reader_check(db->env, &dead);
		if ((rc = open_trees(db)) != 0)
			err = env_error(db, rc);
	}
	if (err == H_OK && (rc = mdb_env_get_fd(db->env, &fd)) == 0)
		space_init(
		    &db->space, fd, db->published ? 0 : db->shape->reserve);
	if (err != H_OK) {
		if (rc != 0)
			env_say(db, "open", rc);
		close_env(db);
	}
	return err;
}

enum herr
db_create(const char *folder)
{
	enum herr err = file_make_folder(folder);

	return err == H_OK ? meta_create(folder) : err;
}

static enum herr
db_open_as(struct db **out, const char *path, const struct db_shape *shape,
    bool published)
{
	struct db *db = mem_alloc(sizeof *db);
	enum herr err;

	db->shape = shape;
	db->path = mem_string(span_of(path));
	db->published = published;
	db->space.fd = -1;
	catch_faults();
	err = open_all(db);
	*out = db;
	if (err != H_OK)
		db_close(out);
	return err;
}

enum herr
db_open(struct db **out, const char *folder, const struct db_shape *shape)
{
	return db_open_as(out, folder, shape, false);
}

enum herr
db_open_published(
    struct db **out, const char *file, const struct db_shape *shape)
{
	return db_open_as(out, file, shape, true);
}

enum herr
db_publish(struct db *db, int fd)
{
	int rc;

	env_in_use(true);
	rc = mdb_env_copyfd2(db->env, fd, MDB_CP_COMPACT);
	env_in_use(false);
	/* Of a full disk the caller can say which one. */
	if (rc != 0 && rc != ENOSPC && rc != EDQUOT && rc != EFBIG)
		env_say(db, "publish", rc);
	return rc == EFBIG ? H_FULL : env_error(db, rc);
}

void
db_close(struct db **dbp)
{
	struct db *db = *dbp;

	if (db == NULL)
		return;
	assert(!db->txn.open);
	close_env(db);
	mem_free(&db->path);
	mem_free(dbp);
}

uint64_t
db_last(struct db *db)
{
	MDB_envinfo info;

	return mdb_env_info(db->env, &info) == 0 ? info.me_last_txnid : 0;
}

uint64_t
env_end(struct db *db)
{
	MDB_envinfo info;

	return mdb_env_info(db->env, &info) == 0
	           ? ((uint64_t)info.me_last_pgno + 1) * META_PAGE
	           : 0;
}

void
db_tidy(struct db *db)
{
	int dead = 0, rc = mdb_reader_check(db->env, &dead);

	if (rc != 0)
		env_say(db, "readers", rc);
	space_drop(&db->space, env_end(db), 0);
}

int
env_begin_read(struct db *db)
{
	if (db->reader != NULL)
		return mdb_txn_renew(db->reader);
	return mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->reader);
}

/* After a failed commit nobody knows what the file holds: what LMDB remembers
 * of it is thrown away. */
void
env_open_anew(struct db *db)
{
	close_env(db);
	if (open_all(db) != H_OK)
		env_end_process(
		    db, "cannot be opened again after a failed commit");
	db->suspect = false;
}
