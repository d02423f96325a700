/*
 * hearth restore DIR: everything, into a state that has no accounts, while no
 * daemon runs.
 *
 * All of it is made in state/restoring.  The file "ready" there decides: before
 * it is written nothing has changed, and from then on the rest is done, if need
 * be by the next command that runs; daemons do not start until it is.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/file.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"
#include "mailstore/tool_restore.h"

#define MAKING "restoring"
#define READY  MAKING "/ready"

struct whole {
	struct tool *tool;
	struct buf manifest;
	int64_t taken;
	uint64_t generation, next; /* of the directory that is there */
	unsigned accounts;
	uint64_t held;
	int lock;
};

/* ---- may it be? ---- */

/* As a daemon does when it starts: so none is running, and none can. */
static bool
keep_daemons_out(void)
{
	static const char *const daemons[] = { "smtpd", "imapd", "pop3d" };

	if (mkdir("control", 0700) != 0 && errno != EEXIST) {
		tool_refuse("control: %s", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < COUNT_OF(daemons); i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "control/%s.lock", daemons[i]);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		/* (held until we end) */
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
			tool_refuse("stop the daemons first: hearth-%s runs",
			    daemons[i]);
			return false;
		}
	}
	return true;
}

static void
count_line(void *arg, const char *line)
{
	unsigned *lines = arg;

	(void)line;
	++*lines;
}

static bool
queue_is_empty(const struct tool *t)
{
	char list[8];
	unsigned lines = 0;

	if (access("queue/data.mdb", F_OK) != 0)
		return true;
	snprintf(list, sizeof(list), "%d", QUEUE_LIST);
	return tool_child(t, "report-queue", "queue", list, "0", count_line,
		   &lines) == H_OK &&
	       lines == 0;
}

static bool
state_is_empty(struct whole *w)
{
	struct directory *d = tool_directory(w->tool);
	struct directory_account a;
	uint64_t id = 0;
	bool empty;

	if (d == NULL)
		return false;
	empty = !directory_next_account(d, &id, &a) &&
	        directory_numbers(d, &w->generation, &w->next) == H_OK;
	directory_close(&d);
	if (empty && queue_is_empty(w->tool))
		return true;
	tool_refuse("%s is in use: name one account of the backup to bring it "
		    "back, or move that folder away first",
	    w->tool->conf->state);
	return false;
}

/* ---- making ---- */

static bool
make_folder(struct whole *w)
{
	if (!tool_remove_tree(AT_FDCWD, MAKING) || mkdir(MAKING, 0700) != 0) {
		tool_refuse("%s: %s", MAKING, strerror(errno));
		return false;
	}
	w->lock = open(MAKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->lock >= 0 && flock(w->lock, LOCK_EX) == 0;
}

/* "account-" and 16 hexadecimal digits: the number; 0: it is none. */
static uint64_t
account_of(const char *name)
{
	static const char word[] = "account-";
	char canonical[PLACE_NAME_MAX];
	uint64_t id;

	if (strncmp(name, word, sizeof(word) - 1) != 0)
		return 0;
	id = strtoull(name + sizeof(word) - 1, NULL, 16);
	place_account_name(id, canonical);
	return strcmp(name, canonical) == 0 ? id : 0;
}

static void
listen_to(void *arg, const char *line)
{
	struct whole *w = arg;
	struct scan s = scan_over(span_of(line));

	if (scan_try_word(&s, "held "))
		w->held = scan_number(&s, UINT64_MAX);
}

static bool
make_one(struct whole *w, const char *name)
{
	char folder[FOLDER_PATH], path[FOLDER_PATH + 16], number[24];
	uint64_t account = account_of(name);
	enum herr err = H_OK;

	snprintf(folder, sizeof(folder), MAKING "/%s", name);
	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	snprintf(number, sizeof(number), "%" PRIu64, account);
	if (mkdir(folder, 0700) != 0) {
		tool_refuse("%s: %s", folder, strerror(errno));
		return false;
	}
	if (!restore_file(w->tool->place, &w->manifest, name, path))
		return false;
	if (account != 0) {
		err = tool_child(
		    w->tool, "renew", folder, number, NULL, NULL, NULL);
		w->accounts++;
	} else if (strcmp(name, "queue") == 0)
		err = tool_child(
		    w->tool, "renew-queue", folder, NULL, NULL, listen_to, w);
	if (err != H_OK)
		tool_refuse("%s cannot be restored: %s; nothing has changed",
		    name, herr_text(err));
	return err == H_OK && file_sync_folder(folder) == H_OK;
}

static bool
make_all(struct whole *w)
{
	char digest[MANIFEST_DIGEST_LEN + 1], name[64];
	uint64_t size;
	size_t at = 0;

	while (manifest_next_file(
	    buf_span(&w->manifest), &at, name, &size, digest)) {
		if (account_of(name) == 0 && strcmp(name, "queue") != 0 &&
		    strcmp(name, "directory") != 0) {
			tool_refuse("%s has a file \"%s\" that is not known",
			    w->tool->place->path, name);
			return false;
		}
		if (!make_one(w, name))
			return false;
	}
	return true;
}

/* Everybody it names is there; numbers go on above those given before. */
static bool
look_at_directory(struct whole *w)
{
	struct directory *d = NULL;
	enum herr err = directory_open(&d, MAKING);
	struct directory_account a;
	uint64_t id = 0;

	while (err == H_OK && directory_next_account(d, &id, &a)) {
		char name[PLACE_NAME_MAX], folder[FOLDER_PATH];

		place_account_name(id, name);
		snprintf(folder, sizeof(folder), MAKING "/%s", name);
		if (access(folder, F_OK) != 0) {
			tool_refuse("%s lacks the mail of %s",
			    w->tool->place->path, a.address);
			directory_close(&d);
			return false;
		}
	}
	if (err == H_OK)
		err = directory_renew(d, w->generation + 1, w->next);
	directory_close(&d);
	if (err != H_OK)
		tool_refuse(
		    "the directory cannot be restored: %s", herr_text(err));
	return err == H_OK && tool_remove_tree(AT_FDCWD, MAKING "/published") &&
	       file_sync_folder(MAKING "/directory") == H_OK &&
	       file_sync_folder(MAKING) == H_OK;
}

/* ---- the rest, once it is decided ---- */

static bool
take_place(const char *from, const char *to)
{
	if (access(from, F_OK) != 0)
		return true; /* it has */
	return tool_remove_tree(AT_FDCWD, to) && rename(from, to) == 0;
}

static bool
take_accounts(void)
{
	DIR *d = opendir(MAKING);
	struct dirent *e;
	bool good = d != NULL && file_make_folder("accounts") == H_OK;

	while (good && (e = readdir(d)) != NULL) {
		uint64_t id = account_of(e->d_name);
		char path[64];

		if (id == 0)
			continue;
		tool_folder_of(id, path);
		good = (access(path, F_OK) != 0 || tool_put_aside(id, NULL)) &&
		       renameat(dirfd(d), e->d_name, AT_FDCWD, path) == 0;
	}
	if (d != NULL)
		closedir(d);
	return good && file_sync_folder("accounts") == H_OK;
}

void
restore_finish_whole(void)
{
	struct directory *d = NULL;
	int lock;

	if (access(READY, F_OK) != 0)
		return;
	lock = open(MAKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0 || access(READY, F_OK) != 0) {
		if (lock >= 0)
			close(lock);
		return; /* done by another */
	}
	if (take_accounts() && take_place(MAKING "/queue", "queue") &&
	    take_place(MAKING "/directory", "directory") &&
	    file_sync_folder(".") == H_OK &&
	    directory_open(&d, ".") == H_OK) { /* and published */
		directory_close(&d);
		if (unlink(READY) == 0 && file_sync_folder(MAKING) == H_OK)
			(void)tool_remove_tree(AT_FDCWD, MAKING);
	} else
		log_errno(LOG_ERROR, "restore", "cannot be brought to its end");
	close(lock);
}

int
restore_whole(struct tool *t)
{
	struct whole w = { .tool = t, .lock = -1 };
	bool made = false, good;

	good = restore_manifest(t->place, &w.manifest, &w.taken) &&
	       keep_daemons_out() && state_is_empty(&w) &&
	       (made = true, make_folder(&w)) && make_all(&w) &&
	       look_at_directory(&w);
	if (good && file_replace(READY, SPAN("yes\n"), 0600) != H_OK) {
		tool_refuse("%s cannot be written", READY);
		good = false;
	}
	if (!good && made)
		(void)tool_remove_tree(AT_FDCWD, MAKING);
	if (w.lock >= 0)
		close(w.lock);
	buf_free(&w.manifest);
	if (!good)
		return TOOL_REFUSED;
	restore_finish_whole();
	if (access(READY, F_OK) == 0)
		return tool_refuse("everything is read, and not all of it in "
				   "its place; see the log, and run \"hearth "
				   "status\"");
	printf("%u account%s, the queue and the directory are restored\n",
	    w.accounts, w.accounts == 1 ? "" : "s");
	if (w.held > 0)
		printf("%" PRIu64 " message%s for the outside may have gone "
		       "out before: on hold until \"hearth queue retry\"\n",
		    w.held, w.held == 1 ? "" : "s");
	return TOOL_DONE;
}
