/*
 * Who the parent is and what it may read.  A parent that root started binds its
 * ports, then becomes `user` for good, before it touches the state.  Its
 * working directory is the state folder, entered while that was still possible:
 * so the folders above it need not be open to `user`, and no role needs to know
 * a path.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/privilege.h"

enum { TLS_FILE_MAX = 256 * 1024 };

NORETURN static void
give_up(const char *what, const char *path, const char *why)
{
	fprintf(stderr, "%s %s: %s\n", what, path, why);
	exit(1);
}

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d != NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			empty = false;
	if (d != NULL)
		closedir(d);
	return empty;
}

static void
become(const struct conf *conf)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct stat st;

	if (pw == NULL) {
		fprintf(stderr,
		    "the user \"%s\" is missing; make it with: useradd "
		    "--system --user-group --no-create-home %s\n",
		    conf->user, conf->user);
		exit(1);
	}
	if (pw->pw_uid == 0)
		give_up("user", conf->user, "must not be root");
	if (stat(conf->state, &st) != 0)
		give_up("state", conf->state, strerror(errno));
	if (st.st_uid == 0 && is_empty(conf->state) &&
	    chown(conf->state, pw->pw_uid, pw->pw_gid) != 0)
		give_up("state", conf->state, strerror(errno));
	if (chdir(conf->state) != 0)
		give_up("state", conf->state, strerror(errno));
	if (setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 ||
	    setuid(pw->pw_uid) != 0 || setuid(0) == 0)
		give_up("becoming", conf->user, strerror(errno));
}

void
identity_take(struct parent *p)
{
	const struct conf *conf = p->conf;
	char *path = mem_string(span_of(p->conf_path));
	const char *failed;

	p->conf_folder = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	mem_free(&path);
	if (mkdir(conf->state, 0700) != 0 && errno != EEXIST)
		give_up("state", conf->state, strerror(errno));
	if (getuid() == 0)
		become(conf);
	else if (chdir(conf->state) != 0)
		give_up("state", conf->state, strerror(errno));
	if (access(".", R_OK | W_OK | X_OK) != 0)
		give_up("state", conf->state,
		    "is not a folder that this user may write");
	if ((failed = privilege_drop()) != NULL)
		give_up("giving up", failed, strerror(errno));
	umask(077);
}

/*
 * A file of the configuration: as systemd hands it over, at its path, or beside
 * hearth.conf where only the path to it is closed to us.
 */
static int
open_configured(const struct parent *p, const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	const char *conf_slash = strrchr(p->conf_path, '/');
	size_t folder_len =
	    conf_slash != NULL ? (size_t)(conf_slash - p->conf_path) + 1 : 0;
	int fd = -1;

	if (credentials != NULL) {
		char *there = file_path(credentials, base);

		fd = open(there, O_RDONLY | O_CLOEXEC);
		mem_free(&there);
	}
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && p->conf_folder >= 0 &&
	    strncmp(path, p->conf_path, folder_len) == 0)
		fd = openat(
		    p->conf_folder, path + folder_len, O_RDONLY | O_CLOEXEC);
	return fd;
}

/* The content as memory that nobody can change any more, or -1. */
static int
sealed_copy(const struct parent *p, const char *path)
{
	int from = open_configured(p, path), to = -1;
	ssize_t n;
	size_t total = 0;
	char bytes[4096];

	if (from >= 0)
		to = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (from < 0 || to < 0) {
		log_errno(LOG_ERROR, "tls-unreadable", path);
		if (from >= 0)
			close(from);
		return -1;
	}
	while ((n = read(from, bytes, sizeof(bytes))) > 0) {
		total += (size_t)n;
		if (total > TLS_FILE_MAX ||
		    file_write(to, (struct span){ bytes, (size_t)n }) != H_OK) {
			n = -1;
			errno = EFBIG;
			break;
		}
	}
	mem_wipe(bytes, sizeof(bytes));
	if (n < 0 || fcntl(to, F_ADD_SEALS,
			 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
			     F_SEAL_SEAL) != 0) {
		log_errno(LOG_ERROR, "tls-unreadable", path);
		close(to);
		to = -1;
	}
	close(from);
	return to;
}

bool
identity_read_tls(struct parent *p)
{
	int certificate, key;

	if (p->conf->certificate == NULL || p->conf->key == NULL)
		return true;
	if ((certificate = sealed_copy(p, p->conf->certificate)) < 0)
		return false;
	if ((key = sealed_copy(p, p->conf->key)) < 0) {
		close(certificate);
		return false;
	}
	if (p->certificate >= 0)
		close(p->certificate);
	if (p->key >= 0)
		close(p->key);
	p->certificate = certificate;
	p->key = key;
	return true;
}
