/*
 * hearth backup: the queue first, then accounts, then the directory, each as it
 * was at one moment, while daemons work on.
 *
 * The order makes them fit together.  A message that leaves the queue for an
 * account meanwhile is in both, and the delivery id keeps it from coming twice;
 * an account that the directory names is there, for those that were missing are
 * copied behind it.
 *
 * All of it goes to a new folder, is synced, read again, and then gets its name
 * in one step; only then does the backup before it go.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_manifest.h"
#include "mailstore/tool_place.h"

#define UNFINISHED "unfinished"

enum {
	STALLS_MS = 5 * 60 * 1000, /* so long without a byte taken: it hangs */
};
#define GROWTH_LEAST (UINT64_C(1) << 30)

struct backup {
	struct tool *tool;
	int folder; /* the new one */
	struct buf manifest;
	uint64_t bytes;
	unsigned accounts;
	/* The account that is copied. */
	uint64_t messages, modseq, faults;
	char first_fault[256];
	bool facts;
};

static bool
no_good(const struct place *p, const char *what)
{
	if (errno == EACCES || errno == EPERM)
		tool_refuse("%s cannot be written by the configured user; "
			    "name a new folder in it, which root can make",
		    p->path);
	else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		tool_refuse("%s has no room for a backup; the one before it, "
			    "if any, is untouched",
		    p->path);
	else
		tool_refuse("%s: %s: %s", p->path, what, strerror(errno));
	return false;
}

/* ---- one copy ---- */

/*
 * A reader that stays keeps the file from using its free pages again, so what
 * is written meanwhile makes it grow.  That has a limit: half of what the disk
 * has left, or as much again as the file was (a gigabyte for small ones).
 */
struct watch {
	char source[80];
	uint64_t most; /* bytes that it may have in the end */
	int copy;
	off_t copied;
	int64_t moved_ms;
	bool grew, stalled;
};

static void
watch_begin(struct watch *w, const char *folder, int copy)
{
	struct stat st = { 0 };
	struct statvfs disk;
	uint64_t growth;

	*w = (struct watch){ .copy = copy, .moved_ms = clock_mono_ms() };
	snprintf(w->source, sizeof(w->source), "%s/data.mdb", folder);
	(void)stat(w->source, &st);
	growth = (uint64_t)st.st_size;
	if (growth < GROWTH_LEAST)
		growth = GROWTH_LEAST;
	if (statvfs(w->source, &disk) == 0 &&
	    growth > (uint64_t)disk.f_bavail * disk.f_frsize / 2)
		growth = (uint64_t)disk.f_bavail * disk.f_frsize / 2;
	w->most = (uint64_t)st.st_size + growth;
}

static bool
watch_look(void *arg)
{
	struct watch *w = arg;
	struct stat st;
	int64_t now = clock_mono_ms();

	if (stat(w->source, &st) == 0 && (uint64_t)st.st_size > w->most)
		w->grew = true;
	if (fstat(w->copy, &st) == 0 && st.st_size != w->copied) {
		w->copied = st.st_size;
		w->moved_ms = now;
	}
	if (now - w->moved_ms > STALLS_MS)
		w->stalled = true;
	return !w->grew && !w->stalled;
}

/* Runs the child that copies. */
static bool
copy_to(struct backup *b, const struct place *p, const char *work,
    const char *folder, const char *whose, int fd)
{
	struct watch w;
	enum herr err;

	watch_begin(&w, folder, fd);
	err = tool_run_child(b->tool, &(struct tool_job){
					  .work = work,
					  .folder = folder,
					  .fds = &fd,
					  .nfds = 1,
					  .goes_on = watch_look,
					  .arg = &w,
				      });
	if (err == H_OK)
		return true;
	if (w.stalled)
		tool_refuse(
		    "%s takes no more bytes; is it still there?", p->path);
	else if (w.grew)
		tool_refuse("%s changes faster than %s can be written; try "
			    "again when less is going on",
		    whose, p->path);
	else if (err == H_FULL) {
		errno = ENOSPC;
		return no_good(p, whose);
	} else
		tool_refuse("%s cannot be copied: %s; \"hearth verify\" says "
			    "more",
		    whose, herr_text(err));
	return false;
}

static void
checked(void *arg, const char *line)
{
	struct backup *b = arg;
	struct scan s = scan_over(span_of(line));

	scan_word(&s, "messages ");
	b->messages = scan_number(&s, UINT64_MAX);
	scan_word(&s, " modseq ");
	b->modseq = scan_number(&s, UINT64_MAX);
	if (scan_done(&s) && !b->facts) {
		b->facts = true;
		return;
	}
	if (b->faults++ == 0)
		snprintf(b->first_fault, sizeof(b->first_fault), "%s", line);
}

/* A child reads what was written: a backup that cannot be read is none. */
static bool
check(struct backup *b, const char *work, const char *name, const char *whose)
{
	enum herr err;

	b->faults = b->messages = b->modseq = 0;
	b->facts = false;
	err = tool_run_child(b->tool, &(struct tool_job){
					  .work = work,
					  .folder = name,
					  .fds = &b->folder,
					  .nfds = 1,
					  .line = checked,
					  .arg = b,
				      });
	if (err == H_OK && b->faults == 0)
		return true;
	if (err != H_OK)
		tool_refuse("the copy of %s cannot be read: %s; \"hearth "
			    "verify\" says whether it is the copy or not",
		    whose, herr_text(err));
	else
		tool_refuse("%s is damaged (%s): see \"hearth verify\" and "
			    "\"hearth repair\"; the backup before this one, "
			    "if any, is untouched",
		    whose, b->first_fault);
	return false;
}

/* On disk, and what it is stands in the manifest. */
static bool
finish_file(struct backup *b, const struct place *p, const char *name, int fd)
{
	char digest[MANIFEST_DIGEST_LEN + 1];
	uint64_t size;

	if (fsync(fd) != 0)
		return no_good(p, name);
	/* So that what is checked comes from the disk, where it can. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (manifest_digest(fd, &size, digest) != H_OK)
		return no_good(p, name);
	manifest_add_file(&b->manifest, name, size, digest);
	b->bytes += size;
	return true;
}

static int
new_file(const struct backup *b, const struct place *p, const char *name)
{
	int fd = openat(
	    b->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		no_good(p, name);
	return fd;
}

static bool
take_queue(struct backup *b, const struct place *p)
{
	bool good;
	int fd;

	if (access("queue/data.mdb", F_OK) != 0)
		return true; /* nothing ever waited */
	if ((fd = new_file(b, p, "queue")) < 0)
		return false;
	good = copy_to(b, p, "copy-queue", "queue", "the queue", fd) &&
	       finish_file(b, p, "queue", fd) &&
	       check(b, "check-queue", "queue", "the queue");
	close(fd);
	return good;
}

static bool
take_account(
    struct backup *b, const struct place *p, const struct directory_account *a)
{
	char folder[64], name[PLACE_NAME_MAX];
	bool good;
	int fd;

	tool_folder_of(a->id, folder);
	place_account_name(a->id, name);
	if ((fd = new_file(b, p, name)) < 0)
		return false;
	good = copy_to(b, p, "copy", folder, a->address, fd) &&
	       finish_file(b, p, name, fd) &&
	       check(b, "check", name, a->address);
	close(fd);
	if (good)
		manifest_add_account(
		    &b->manifest, a->id, b->messages, b->modseq, a->address);
	b->accounts++;
	return good;
}

/* ---- all of them ---- */

/* Those of the directory that have no copy yet. */
static bool
take_accounts(struct backup *b, const struct place *p, struct directory *d)
{
	struct directory_account a;
	uint64_t id = 0;

	while (directory_next_account(d, &id, &a)) {
		char name[PLACE_NAME_MAX];

		place_account_name(id, name);
		if (faccessat(b->folder, name, F_OK, 0) != 0 &&
		    !take_account(b, p, &a))
			return false;
	}
	return true;
}

static bool
take_known_accounts(struct backup *b, const struct place *p)
{
	struct directory *d = tool_directory_to_read(b->tool);
	bool good = d != NULL && take_accounts(b, p, d);

	directory_close(&d);
	return good;
}

static enum herr
copy_directory(const struct tool *t, int fd)
{
	struct directory *d = tool_directory(t);
	enum herr err = d != NULL ? directory_copy_to(d, fd) : H_BUSY;

	directory_close(&d);
	return err;
}

static bool
take_directory(struct backup *b, const struct place *p)
{
	struct directory *copy = NULL;
	int fd = new_file(b, p, "directory"), state;
	enum herr err;
	bool good;

	if (fd < 0)
		return false;
	if ((err = copy_directory(b->tool, fd)) != H_OK) {
		close(fd);
		if (err == H_FULL) {
			errno = ENOSPC;
			return no_good(p, "directory");
		}
		if (err != H_BUSY)
			tool_refuse("the directory cannot be copied: %s",
			    herr_text(err));
		return false;
	}
	good = finish_file(b, p, "directory", fd);
	close(fd);
	/* Accounts that were made meanwhile: as the copy names them. */
	state = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (good && state >= 0 && fchdir(b->folder) == 0) {
		err = directory_open_copy(&copy, "directory");
		if (fchdir(state) != 0)
			err = H_IO;
		good = err == H_OK && take_accounts(b, p, copy);
		if (err != H_OK)
			tool_refuse("the copy of the directory cannot be "
				    "read: %s",
			    herr_text(err));
	}
	directory_close(&copy);
	if (state >= 0)
		close(state);
	return good;
}

/* ---- the folder ---- */

static bool
begin(struct backup *b, const struct place *p)
{
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		tool_refuse("another backup to %s is under way", p->path);
		return false;
	}
	if (!place_remove(p->fd, UNFINISHED) ||
	    mkdirat(p->fd, UNFINISHED, 0700) != 0)
		return no_good(p, UNFINISHED);
	b->folder =
	    openat(p->fd, UNFINISHED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->folder < 0)
		return no_good(p, UNFINISHED);
	manifest_begin(&b->manifest, clock_wall());
	return true;
}

/* The manifest, then the name. */
static bool
finish(struct backup *b, const struct place *p, char name[PLACE_NAME_MAX])
{
	int fd = new_file(b, p, PLACE_MANIFEST);
	bool good = fd >= 0;

	manifest_end(&b->manifest);
	good = good && !b->manifest.bad &&
	       file_write(fd, buf_span(&b->manifest)) == H_OK && fsync(fd) == 0;
	if (fd >= 0 && close(fd) != 0)
		good = false;
	place_name_now(p->fd, name);
	if (!good || fsync(b->folder) != 0 ||
	    renameat(p->fd, UNFINISHED, p->fd, name) != 0 || fsync(p->fd) != 0)
		return no_good(p, PLACE_MANIFEST);
	return true;
}

int
tool_backup(struct tool *t, int count, char **arguments)
{
	struct backup b = {
		.tool = t, .folder = -1, .manifest = BUF_INIT(MANIFEST_MAX)
	};
	struct place *p = t->place;
	char name[PLACE_NAME_MAX];
	bool good;

	(void)count;
	(void)arguments;
	good = begin(&b, p) && take_queue(&b, p) &&
	       take_known_accounts(&b, p) && take_directory(&b, p) &&
	       finish(&b, p, name);
	if (good) {
		place_remove_others(p->fd, name);
		printf("%s/%s: %u account%s, the queue and the directory, "
		       "%.1f MB\n",
		    p->path, name, b.accounts, b.accounts == 1 ? "" : "s",
		    (double)b.bytes / 1e6);
	} else if (b.folder >= 0)
		(void)place_remove(p->fd, UNFINISHED);
	if (b.folder >= 0)
		close(b.folder);
	buf_free(&b.manifest);
	return good ? TOOL_DONE : TOOL_REFUSED;
}
