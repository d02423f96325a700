/*
 * hearth repair, hearth compact: an account's folder is made anew from what is
 * in it, and takes its place.  Nobody works on the account meanwhile.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/scan.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"

struct renewal {
	struct tool *tool;
	struct directory_account account;
	struct tool_hold hold;
	char folder[64], making[FOLDER_PATH], kept[FOLDER_PATH];
	int lock;
	uint64_t messages, aside, faults;
};

static bool
begin(struct renewal *r, const char *address)
{
	struct directory *d = tool_directory_to_read(r->tool);
	bool found = d != NULL && tool_account(d, address, &r->account);

	directory_close(&d);
	r->lock = -1;
	if (!found || !tool_hold(r->account.id, &r->hold))
		return false;
	tool_folder_of(r->account.id, r->folder);
	r->lock = tool_make_folder(r->account.id, r->making);
	if (r->lock < 0)
		tool_release(&r->hold);
	return r->lock >= 0;
}

static void
end(struct renewal *r)
{
	tool_drop_folder(r->lock, r->making);
	tool_release(&r->hold);
}

/* ---- repair ---- */

static void
listen_to(void *arg, const char *line)
{
	struct renewal *r = arg;
	struct scan s = scan_over(span_of(line));

	if (scan_try_word(&s, "messages ")) {
		r->messages = scan_number(&s, UINT64_MAX);
		scan_word(&s, " aside ");
		r->aside = scan_number(&s, UINT64_MAX);
	} else {
		r->faults += strncmp(line, "still: ", 7) == 0;
		printf("%s: %s\n", r->account.address, line);
	}
}

/* What is readable of messages that are not whole. */
static int
open_aside(struct renewal *r)
{
	int fd;

	snprintf(r->kept, sizeof(r->kept), "%s.damaged-%" PRId64 ".mbox",
	    r->folder, clock_wall());
	fd = open(r->kept, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		tool_refuse("%s: %s", r->kept, strerror(errno));
	return fd;
}

static enum herr
close_aside(const struct renewal *r, int fd)
{
	struct stat st = { 0 };
	enum herr err = H_OK;

	if (fsync(fd) != 0 || fstat(fd, &st) != 0)
		err = errno == ENOSPC ? H_FULL : H_IO;
	close(fd);
	if (st.st_size == 0)
		(void)unlink(r->kept);
	return err;
}

static enum herr
make_repaired(struct renewal *r)
{
	char id[24];
	int fd = open_aside(r);
	enum herr err, kept;

	if (fd < 0)
		return H_IO;
	snprintf(id, sizeof(id), "%" PRIu64, r->account.id);
	err = tool_run_child(r->tool, &(struct tool_job){
					  .work = "repair",
					  .folder = r->making,
					  .words = { r->folder, id },
					  .fds = &fd,
					  .nfds = 1,
					  .line = listen_to,
					  .arg = r,
				      });
	kept = close_aside(r, fd);
	if (err == H_OK && r->faults > 0)
		err = H_CORRUPT;
	return err != H_OK ? err : kept;
}

int
tool_repair(struct tool *t, int count, char **arguments)
{
	struct renewal r = { .tool = t };
	char aside[FOLDER_PATH];
	enum herr err;
	bool done;

	(void)count;
	if (!begin(&r, arguments[0]))
		return TOOL_REFUSED;
	err = make_repaired(&r);
	done =
	    err == H_OK && tool_replace_folder(r.account.id, r.making, aside);
	end(&r);
	if (err != H_OK)
		return tool_refuse("%s was not repaired: %s; nothing has "
				   "changed",
		    r.account.address, herr_text(err));
	if (!done)
		return TOOL_REFUSED;
	printf("%s has %" PRIu64 " messages; what it was is in %s/%s for 7 "
	       "days\n",
	    r.account.address, r.messages, t->conf->state, aside);
	if (r.aside > 0 && access(r.kept, F_OK) == 0)
		printf("what is readable of %" PRIu64
		       " damaged message%s is in %s/%s\n",
		    r.aside, r.aside == 1 ? "" : "s", t->conf->state, r.kept);
	return TOOL_DONE;
}

/* ---- compact ---- */

static uint64_t
size_of(const char *folder)
{
	char path[FOLDER_PATH + 16];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	(void)stat(path, &st);
	return (uint64_t)st.st_blocks * 512;
}

static enum herr
make_compact(struct renewal *r)
{
	char path[FOLDER_PATH + 16];
	enum herr err;
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", r->making);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return H_IO;
	err = tool_run_child(r->tool,
	    &(struct tool_job){
		.work = "copy", .folder = r->folder, .fds = &fd, .nfds = 1 });
	if (err == H_OK && fsync(fd) != 0)
		err = errno == ENOSPC ? H_FULL : H_IO;
	close(fd);
	/* Read to its end, before the other goes. */
	if (err == H_OK)
		err = tool_run_child(r->tool, &(struct tool_job){
						  .work = "check",
						  .folder = "data.mdb",
						  .fds = &r->lock,
						  .nfds = 1,
						  .line = listen_to,
						  .arg = r,
					      });
	return err == H_OK && r->faults > 0 ? H_CORRUPT : err;
}

int
tool_compact(struct tool *t, int count, char **arguments)
{
	struct renewal r = { .tool = t };
	char aside[FOLDER_PATH];
	uint64_t before, after;
	enum herr err;
	bool done;

	(void)count;
	if (!begin(&r, arguments[0]))
		return TOOL_REFUSED;
	before = size_of(r.folder);
	err = make_compact(&r);
	after = size_of(r.making);
	done =
	    err == H_OK && tool_replace_folder(r.account.id, r.making, aside);
	/* The same mail twice would not give space back. */
	if (done)
		(void)tool_remove_tree(AT_FDCWD, aside);
	end(&r);
	if (err != H_OK)
		return tool_refuse("%s stays as it is: %s%s", r.account.address,
		    herr_text(err),
		    err == H_CORRUPT ? "; \"hearth repair\" it first" : "");
	if (!done)
		return TOOL_REFUSED;
	printf("%s takes %.1f MB, and took %.1f MB\n", r.account.address,
	    (double)after / 1e6, (double)before / 1e6);
	return TOOL_DONE;
}
