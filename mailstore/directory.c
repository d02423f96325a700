/*
 * Opening and publishing the directory.
 *
 * The tool writes state/directory/, under a lock on that folder.  Everybody
 * else reads state/published/directory, a copy in one file that is never
 * changed, only replaced: whoever can map a file that another process writes
 * could attack it.  A crash between a change and its publication is mended when
 * the tool opens the directory next.
 */
#include "mailstore/directory.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/address.h"
#include "mailstore/directory_int.h"
#include "mailstore/password.h"

enum { OPEN_TRIES = 5 };

static const struct db_shape shape = {
	.what = "directory",
	.trees = { "account", "name" },
};

static char *
folder_of(const char *state)
{
	return file_path(state, "directory");
}

static char *
published_of(const char *state)
{
	return file_path(state, "published/directory");
}

/* ---- publishing ---- */

static enum herr
write_copy(struct directory *d, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum herr err;

	if (fd < 0) {
		log_errno(LOG_ERROR, "publish", path);
		return H_IO;
	}
	if ((err = db_publish(d->db, fd)) == H_OK && fsync(fd) != 0) {
		log_errno(LOG_ERROR, "publish", path);
		err = H_IO;
	}
	if (close(fd) != 0 && err == H_OK) {
		log_errno(LOG_ERROR, "publish", path);
		err = H_IO;
	}
	if (err != H_OK)
		(void)unlink(path);
	return err;
}

enum herr
directory_publish(struct directory *d)
{
	char *folder = file_path(d->state, "published");
	char *path = published_of(d->state);
	char *fresh = file_path(d->state, "published/directory.new");
	enum herr err;

	if ((err = file_make_folder(folder)) == H_OK &&
	    (err = write_copy(d, fresh)) == H_OK) {
		if (rename(fresh, path) != 0) {
			log_errno(LOG_ERROR, "publish", path);
			err = H_IO;
		} else
			err = file_sync_folder(folder);
	}
	mem_free(&folder);
	mem_free(&path);
	mem_free(&fresh);
	return err;
}

static enum herr
generation_of(struct directory *d, uint64_t *generation)
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK)
		*generation = head.generation;
	db_abort(&t);
	return err;
}

/* Publishes what a crash, or a full disk, kept from being published. */
static enum herr
publish_if_behind(struct directory *d)
{
	struct directory *copy = NULL;
	uint64_t ours = 0, theirs = 0;
	enum herr err;

	if ((err = generation_of(d, &ours)) != H_OK)
		return err;
	err = directory_open_published(&copy, d->state);
	if (err == H_OK)
		err = generation_of(copy, &theirs);
	directory_close(&copy);
	return err == H_OK && ours == theirs ? H_OK : directory_publish(d);
}

/* ---- opening ---- */

static enum herr
begin_new(struct directory *d)
{
	struct db_txn *t = db_begin(d->db, true);
	struct directory_head head = { .generation = 1, .next = 1 }, old;
	enum herr err = directory_get_head(t, &old);

	if (err != H_NOTFOUND) {
		db_abort(&t);
		return err;
	}
	password_random(head.secret, sizeof(head.secret));
	directory_put_head(t, &head);
	return db_commit(&t);
}

static enum herr
lock(struct directory *d, const char *folder)
{
	d->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		log_errno(LOG_ERROR, "directory", folder);
		return H_IO;
	}
	if (flock(d->fd, LOCK_EX | LOCK_NB) == 0)
		return H_OK;
	if (errno == EWOULDBLOCK)
		return H_BUSY;
	log_errno(LOG_ERROR, "directory", "flock");
	return H_IO;
}

static struct directory *
new_directory(const char *state)
{
	struct directory *d = mem_alloc(sizeof(*d));

	d->state = mem_string(span_of(state));
	d->fd = -1;
	return d;
}

enum herr
directory_open(struct directory **dp, const char *state)
{
	struct directory *d = new_directory(state);
	char *folder = folder_of(state);
	enum herr err;

	if ((err = file_make_folder(folder)) == H_OK &&
	    (err = lock(d, folder)) == H_OK &&
	    (err = db_create(folder)) == H_OK &&
	    (err = db_open(&d->db, folder, &shape)) == H_OK &&
	    (err = begin_new(d)) == H_OK)
		err = publish_if_behind(d);
	mem_free(&folder);
	if (err != H_OK)
		directory_close(&d);
	*dp = d;
	return err;
}

/* The descriptor and the environment must be of one copy, whatever is published
 * meanwhile. */
static enum herr
open_copy(struct directory *d, const char *path)
{
	struct stat named, opened;
	enum herr err;

	for (int i = 0; i < OPEN_TRIES; i++) {
		if ((d->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
			if (errno == ENOENT)
				return H_NOTFOUND;
			log_errno(LOG_ERROR, "directory", path);
			return H_IO;
		}
		if ((err = db_open_published(&d->db, path, &shape)) != H_OK)
			return err;
		if (fstat(d->fd, &opened) == 0 && stat(path, &named) == 0 &&
		    opened.st_ino == named.st_ino &&
		    opened.st_dev == named.st_dev)
			return H_OK;
		db_close(&d->db);
		close(d->fd);
		d->fd = -1;
	}
	log_event(LOG_ERROR, "directory", "replaced again and again");
	return H_BUSY;
}

enum herr
directory_open_copy(struct directory **dp, const char *file)
{
	struct directory *d = new_directory(".");
	enum herr err;
	uint64_t generation;

	d->published = true;
	if ((err = open_copy(d, file)) == H_OK)
		err = generation_of(d, &generation);
	if (err != H_OK)
		directory_close(&d);
	*dp = d;
	return err;
}

enum herr
directory_open_published(struct directory **dp, const char *state)
{
	char *path = published_of(state);
	enum herr err = directory_open_copy(dp, path);

	mem_free(&path);
	return err;
}

enum herr
directory_copy_to(struct directory *d, int fd)
{
	return db_publish(d->db, fd);
}

void
directory_release_alias(struct directory *d)
{
	for (size_t i = 0; i < d->alias.ntargets; i++)
		mem_free(&d->alias.targets[i]);
	mem_free(&d->alias.targets);
	d->alias.ntargets = 0;
}

void
directory_close(struct directory **dp)
{
	struct directory *d = *dp;

	if (d == NULL)
		return;
	directory_release_alias(d);
	db_close(&d->db);
	if (d->fd >= 0)
		close(d->fd);
	mem_free(&d->state);
	mem_free(&d->items);
	mem_free(&d->targets);
	mem_free(dp);
}

/* ---- what it knows of itself ---- */

void
directory_domains(struct directory *d, char *const *domains, size_t n)
{
	d->domains = domains;
	d->ndomains = n;
}

bool
directory_is_local(const struct directory *d, struct span address)
{
	struct span domain = address_domain(address);

	for (size_t i = 0; i < d->ndomains; i++)
		if (span_is_nocase(domain, d->domains[i]))
			return true;
	return false;
}

bool
directory_is_stale(const struct directory *d)
{
	struct stat st;

	/*
	 * Has another file taken its name?  By the system call itself: the C
	 * library's fstat() is another one, which a role has to have mended by
	 * a signal (common/sandbox.c), too slow for every recipient.
	 */
	return d->published && syscall(SYS_fstat, d->fd, &st) == 0 &&
	       st.st_nlink == 0;
}

enum herr
directory_secret(struct directory *d, uint8_t secret[DIRECTORY_SECRET_LEN])
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK)
		memcpy(secret, head.secret, sizeof(head.secret));
	db_abort(&t);
	return err;
}

enum herr
directory_next_id(struct directory *d, uint64_t *id)
{
	struct db_txn *t = db_begin(d->db, false);
	struct directory_head head;
	enum herr err = directory_get_head(t, &head);

	if (err == H_OK)
		*id = head.next;
	db_abort(&t);
	return err;
}
