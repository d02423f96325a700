/* Who we are and where: see identity.h. */
#include "common/identity.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "common/file.h"
#include "common/mem.h"

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

/*
 * Whoever started us may want us to end with it (`hearth run` does), and the
 * kernel forgets that of a process that becomes another user.
 */
static void
end_with(pid_t starter, int signo)
{
	if (signo == 0)
		return;
	if (prctl(PR_SET_PDEATHSIG, signo, 0, 0, 0) != 0 ||
	    getppid() != starter)
		exit(1); /* it is gone already */
}

static void
become(const struct conf *conf)
{
	const struct passwd *pw = getpwnam(conf->user);
	pid_t starter = getppid();
	struct stat st;
	int signo = 0;

	prctl(PR_GET_PDEATHSIG, &signo, 0, 0, 0);
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
	end_with(starter, signo);
}

void
identity_take(const struct conf *conf)
{
	if (mkdir(conf->state, 0700) != 0 && errno != EEXIST)
		give_up("state", conf->state, strerror(errno));
	if (getuid() == 0)
		become(conf);
	else if (chdir(conf->state) != 0)
		give_up("state", conf->state, strerror(errno));
	if (access(".", R_OK | W_OK | X_OK) != 0)
		give_up("state", conf->state,
		    "is not a folder that this user may write");
	umask(077);
}

/* The length of `FOLDER/` in the name of the file. */
static size_t
folder_len(const struct conf *conf)
{
	const char *slash = strrchr(conf->file, '/');

	return slash != NULL ? (size_t)(slash - conf->file) + 1 : 0;
}

int
identity_open_folder(const struct conf *conf)
{
	char *path = mem_string((struct span){ conf->file, folder_len(conf) });
	int fd = open(
	    path[0] != '\0' ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	mem_free(&path);
	return fd;
}

int
identity_open_configured(const struct conf *conf, int folder, const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *slash = strrchr(path, '/');
	size_t len = folder_len(conf);
	int fd = -1;

	if (credentials != NULL) {
		char *there =
		    file_path(credentials, slash != NULL ? slash + 1 : path);

		fd = open(there, O_RDONLY | O_CLOEXEC);
		mem_free(&there);
	}
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && folder >= 0 &&
	    strncmp(path, conf->file, len) == 0)
		fd = openat(folder, path + len, O_RDONLY | O_CLOEXEC);
	return fd;
}
