#include "mailstore/tool_folder.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/scan.h"

enum {
	KEEP_REMOVED = 7 * 24 * 60 * 60, /* seconds */
	ASIDE_TRIES = 100,
	SETTLED = 60, /* seconds: who makes a folder has locked it by then */
};

void
tool_folder_of(uint64_t account, char path[64])
{
	snprintf(path, 64, "accounts/%016" PRIx64, account);
}

/* ---- aside ---- */

static bool
refuse(const char *path, int error)
{
	tool_refuse("%s: %s", path, strerror(error));
	return false;
}

/* A name that nothing has: one of the same second may be there. */
static void
name_aside(uint64_t account, char aside[FOLDER_PATH])
{
	int64_t when = clock_wall();
	char path[64];

	tool_folder_of(account, path);
	for (int tries = 0; tries < ASIDE_TRIES; tries++) {
		snprintf(aside, FOLDER_PATH, "%s.removed-%" PRId64, path,
		    when + tries);
		if (access(aside, F_OK) != 0)
			break;
	}
}

bool
tool_put_aside(uint64_t account, char aside[FOLDER_PATH])
{
	char path[64], name[FOLDER_PATH];

	tool_folder_of(account, path);
	name_aside(account, name);
	if (rename(path, name) != 0 && errno != ENOENT)
		return refuse(path, errno);
	if (aside != NULL)
		memcpy(aside, name, sizeof(name));
	return file_sync_folder("accounts") == H_OK;
}

/* ---- in the making ---- */

int
tool_make_folder(uint64_t account, char path[FOLDER_PATH])
{
	char folder[64];
	int fd;

	tool_folder_of(account, folder);
	snprintf(path, FOLDER_PATH, "%s.making", folder);
	if (file_make_folder("accounts") != H_OK ||
	    (mkdir(path, 0700) != 0 && errno != EEXIST) ||
	    (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		refuse(path, errno);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		tool_refuse("another command is at work on the account");
		close(fd);
		return -1;
	}
	/* What another left is not ours. */
	if (!tool_remove_tree(AT_FDCWD, path) || mkdir(path, 0700) != 0) {
		refuse(path, errno);
		close(fd);
		return -1;
	}
	close(fd);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    flock(fd, LOCK_EX | LOCK_NB) != 0) {
		refuse(path, errno);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

void
tool_drop_folder(int lock, const char *path)
{
	if (lock < 0)
		return;
	(void)tool_remove_tree(AT_FDCWD, path);
	close(lock);
}

static int
exchange(const char *a, const char *b)
{
	return (int)syscall(
	    SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

/* Where names cannot be exchanged there is a moment with neither; what is
 * called "next" then is found by tool_sweep(). */
static bool
replace_in_steps(const char *folder, const char *new, const char *aside)
{
	char next[FOLDER_PATH];

	snprintf(next, sizeof(next), "%s.next", folder);
	return rename(new, next) == 0 && file_sync_folder("accounts") == H_OK &&
	       rename(folder, aside) == 0 && rename(next, folder) == 0;
}

bool
tool_replace_folder(uint64_t account, const char *path, char aside[FOLDER_PATH])
{
	char folder[64], there[FOLDER_PATH];
	bool good;

	tool_folder_of(account, folder);
	name_aside(account, aside);
	memcpy(there, aside, sizeof(there));
	if (file_sync_folder(path) != H_OK)
		return refuse(path, errno);
	if (access(folder, F_OK) != 0) {
		aside[0] = '\0';
		good = rename(path, folder) == 0;
	} else {
		/* The new one under the name that the old one will have, and
		 * then one for the other. */
		good = rename(path, there) == 0;
		if (good && exchange(folder, there) != 0)
			good = replace_in_steps(folder, there, aside);
	}
	return good ? file_sync_folder("accounts") == H_OK
	            : refuse(folder, errno);
}

/* ---- sweeping ---- */

static bool
remove_files(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;

	if (d == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(fd, e->d_name, 0);
	closedir(d);
	return true;
}

bool
tool_remove_tree(int parent, const char *name)
{
	int fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int copy;
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	d = copy >= 0 ? fdopendir(copy) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		int below;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    unlinkat(fd, e->d_name, 0) == 0)
			continue;
		below = openat(fd, e->d_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0) {
			remove_files(below);
			close(below);
			(void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
		}
	}
	if (d != NULL)
		closedir(d);
	close(fd);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

/* "0123456789abcdef" and what follows. */
static bool
is_of_account(const char *name, const char **rest)
{
	struct scan s = scan_over(span_of(name));
	struct span id = scan_until(&s, ".", 16);

	*rest = s.pos;
	return !s.bad && id.len == 16 && scan_more(&s);
}

/* ".removed-1700000000", of that long ago. */
static bool
is_old(const char *rest, int64_t before)
{
	struct scan s = scan_over(span_of(rest));
	int64_t when;

	scan_word(&s, ".removed-");
	when = (int64_t)scan_number(&s, INT64_MAX);
	return scan_done(&s) && when < before;
}

/* Nobody has made it lately, and nobody is at it. */
static bool
is_left_behind(int parent, const char *name, bool settled)
{
	int fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool left;

	if (fd < 0)
		return false;
	left = fstat(fd, &st) == 0 &&
	       (!settled || st.st_mtime + SETTLED < clock_wall()) &&
	       flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return left;
}

static bool
bring_to_its_end(int parent, const char *name)
{
	char folder[17];

	snprintf(folder, sizeof(folder), "%.16s", name);
	if (faccessat(parent, folder, F_OK, 0) != 0)
		return renameat(parent, name, parent, folder) == 0;
	return tool_remove_tree(parent, name);
}

/* NAME of accounts/: what has become of it is done with. */
static bool
sweep(int parent, const char *name, int64_t before)
{
	const char *rest;

	if (!is_of_account(name, &rest))
		return true;
	if (is_old(rest, before))
		return tool_remove_tree(parent, name);
	if (strcmp(rest, ".making") == 0 && is_left_behind(parent, name, true))
		return tool_remove_tree(parent, name);
	if (strcmp(rest, ".next") == 0 && is_left_behind(parent, name, false))
		return bring_to_its_end(parent, name);
	return true;
}

void
tool_sweep(void)
{
	int64_t before = clock_wall() - KEEP_REMOVED;
	DIR *d = opendir("accounts");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (!sweep(dirfd(d), e->d_name, before))
			log_errno(LOG_WARN, "sweep", e->d_name);
	if (d != NULL)
		closedir(d);
}
