#include "mailstore/tool_place.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

enum { FILES_MAX = 100 * 1000 };

/* ---- names ---- */

/* 20261123T031500Z, and perhaps "+" (see place_name_now()). */
static bool
is_backup(const char *name)
{
	static const char form[] = "ddddddddTddddddZ";
	size_t i;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)name[i])
				   : name[i] != form[i])
			return false;
	while (name[i] == '+')
		i++;
	return name[i] == '\0' && i < PLACE_NAME_MAX;
}

static DIR *
list(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

/* The largest name, of those that are finished or of all. */
static bool
largest(int folder, bool finished, char name[PLACE_NAME_MAX])
{
	DIR *d = list(folder);
	struct dirent *e;
	bool found = false;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char manifest[PLACE_NAME_MAX + sizeof(PLACE_MANIFEST) + 1];

		if (!is_backup(e->d_name) ||
		    (found && strcmp(e->d_name, name) < 0))
			continue;
		snprintf(manifest, sizeof(manifest), "%.*s/" PLACE_MANIFEST,
		    PLACE_NAME_MAX - 1, e->d_name);
		if (finished && faccessat(folder, manifest, F_OK, 0) != 0)
			continue;
		snprintf(name, PLACE_NAME_MAX, "%.*s", PLACE_NAME_MAX - 1,
		    e->d_name);
		found = true;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

bool
place_newest(int folder, char name[PLACE_NAME_MAX])
{
	return largest(folder, true, name);
}

void
place_name_now(int folder, char name[PLACE_NAME_MAX])
{
	char last[PLACE_NAME_MAX];
	time_t now = (time_t)clock_wall();
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(name, PLACE_NAME_MAX, "%Y%m%dT%H%M%SZ", &tm);
	/* The clock may have gone back, or stood still. */
	if (largest(folder, false, last) && strcmp(name, last) <= 0)
		snprintf(
		    name, PLACE_NAME_MAX, "%.*s+", PLACE_NAME_MAX - 2, last);
}

void
place_account_name(uint64_t account, char name[PLACE_NAME_MAX])
{
	snprintf(name, PLACE_NAME_MAX, "account-%016" PRIx64, account);
}

/* ---- opening ---- */

static bool
is_empty(int folder)
{
	DIR *d = list(folder);
	struct dirent *e;
	bool empty = d != NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lost+found") != 0)
			empty = false;
	if (d != NULL)
		closedir(d);
	return empty;
}

/* Root makes it for somebody else. */
static bool
hand_over(int fd, const struct conf *conf)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct stat st;

	if (pw == NULL || fstat(fd, &st) != 0)
		return false;
	return st.st_uid != 0 || !is_empty(fd) ||
	       fchown(fd, pw->pw_uid, pw->pw_gid) == 0;
}

bool
place_open_to_fill(struct place *p, const struct conf *conf, const char *path)
{
	*p = (struct place){ .path = path, .fd = -1 };
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		tool_refuse("%s cannot be made: %s", path, strerror(errno));
		return false;
	}
	p->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0) {
		tool_refuse("%s: %s", path, strerror(errno));
		return false;
	}
	/* (A file system without owners says no; whether it can be written is
	 * seen soon.) */
	if (getuid() == 0)
		(void)hand_over(p->fd, conf);
	return true;
}

static void
add_file(struct place *p, size_t *room, const char *name)
{
	struct stat st;
	int fd =
	    openat(p->fd, name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return;
	}
	if (p->nfiles == *room) {
		*room = *room * 2 + 16;
		p->files = mem_resize(p->files, *room, sizeof(*p->files));
	}
	snprintf(p->files[p->nfiles].name, PLACE_NAME_MAX, "%.*s",
	    PLACE_NAME_MAX - 1, name);
	p->files[p->nfiles++].fd = fd;
}

/* As many descriptors as there may be: a file for each account is kept open. */
static void
allow_many_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void
open_files(struct place *p)
{
	DIR *d = list(p->fd);
	struct dirent *e;
	size_t room = 0;

	allow_many_files();
	while (d != NULL && (e = readdir(d)) != NULL && p->nfiles < FILES_MAX)
		if (e->d_name[0] != '.' && strlen(e->d_name) < PLACE_NAME_MAX)
			add_file(p, &room, e->d_name);
	if (d != NULL)
		closedir(d);
}

bool
place_open_to_read(struct place *p, const char *path)
{
	char name[PLACE_NAME_MAX];
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), backup;

	*p = (struct place){ .path = path, .fd = -1 };
	if (fd < 0) {
		tool_refuse("%s: %s", path, strerror(errno));
		return false;
	}
	p->fd = fd;
	if (faccessat(fd, PLACE_MANIFEST, F_OK, 0) != 0) {
		if (!place_newest(fd, name)) {
			place_close(p);
			tool_refuse("%s holds no finished backup; \"hearth "
				    "backup\" makes one",
			    path);
			return false;
		}
		backup = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		p->fd = backup;
	}
	if (p->fd < 0) {
		tool_refuse("%s/%s: %s", path, name, strerror(errno));
		return false;
	}
	open_files(p);
	return true;
}

int
place_file(const struct place *p, const char *name)
{
	for (size_t i = 0; i < p->nfiles; i++)
		if (strcmp(p->files[i].name, name) == 0)
			return p->files[i].fd;
	return -1;
}

void
place_close(struct place *p)
{
	for (size_t i = 0; i < p->nfiles; i++)
		close(p->files[i].fd);
	mem_free(&p->files);
	p->nfiles = 0;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* ---- removing ---- */

bool
place_remove(int parent, const char *name)
{
	int fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (fd < 0)
		return errno == ENOENT;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(fd, e->d_name, 0);
	if (d != NULL)
		closedir(d);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

void
place_remove_others(int folder, const char *name)
{
	char other[PLACE_NAME_MAX], manifest[PLACE_NAME_MAX + 16];
	DIR *d = list(folder);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!is_backup(e->d_name) || strcmp(e->d_name, name) == 0)
			continue;
		snprintf(other, sizeof(other), "%.*s", PLACE_NAME_MAX - 1,
		    e->d_name);
		/* What is half removed must not look finished. */
		snprintf(
		    manifest, sizeof(manifest), "%s/" PLACE_MANIFEST, other);
		if ((unlinkat(folder, manifest, 0) != 0 && errno != ENOENT) ||
		    !place_remove(folder, other))
			fprintf(stderr,
			    "hearth: the older backup %s cannot be removed: "
			    "%s\n",
			    other, strerror(errno));
	}
	if (d != NULL)
		closedir(d);
}
