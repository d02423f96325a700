/*
 * hearth restore DIR ADDRESS [MAILBOX]: one account, or one mailbox of it.
 *
 * An account comes back as it was, and keeps what came to it since.  It is made
 * in a folder beside, while the account works on; then everybody lets go of the
 * account, what came since is added, and the folders change places.  What the
 * account was stays aside for 7 days.
 *
 * A mailbox is added to the account while it is in use.
 */
#include "mailstore/tool_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"

enum { PIECE = 256 * 1024 };

/* ---- reading a backup ---- */

static enum herr
read_whole(int fd, struct buf *out)
{
	off_t at = 0;

	for (;;) {
		char *room = buf_want(out, PIECE);
		ssize_t n;

		if (room == NULL)
			return H_LIMIT;
		if ((n = pread(fd, room, PIECE, at)) <= 0)
			return n == 0 ? H_OK : H_IO;
		buf_grew(out, (size_t)n);
		at += n;
	}
}

bool
restore_manifest(const struct place *p, struct buf *text, int64_t *taken)
{
	int fd = place_file(p, PLACE_MANIFEST);
	enum herr err;

	*text = BUF_INIT(MANIFEST_MAX);
	err = fd < 0 ? H_NOTFOUND : read_whole(fd, text);
	if (err == H_OK)
		err = manifest_check(buf_span(text), taken);
	if (err == H_OK)
		return true;
	if (err == H_VERSION)
		tool_refuse("%s was made by a newer Hearth", p->path);
	else
		tool_refuse("%s is not a whole backup: its manifest is %s",
		    p->path, err == H_NOTFOUND ? "missing" : "damaged");
	return false;
}

static enum herr
copy_bytes(int from, int to)
{
	char *piece = mem_alloc(PIECE);
	enum herr err = H_OK;
	off_t at = 0;
	ssize_t n;

	while (err == H_OK && (n = pread(from, piece, PIECE, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? H_IO
		            : file_write(to, (struct span){ piece, (size_t)n });
		at += n;
	}
	mem_free(&piece);
	return err;
}

static bool
is_as_it_was(int fd, uint64_t size, const char *digest)
{
	char got[MANIFEST_DIGEST_LEN + 1];
	uint64_t bytes;

	return manifest_digest(fd, &bytes, got) == H_OK && bytes == size &&
	       strcmp(got, digest) == 0;
}

bool
restore_file(const struct place *p, const struct buf *manifest,
    const char *name, const char *path)
{
	char digest[MANIFEST_DIGEST_LEN + 1];
	int from = place_file(p, name), to;
	enum herr err;
	uint64_t size;

	if (from < 0 ||
	    !manifest_find(buf_span(manifest), name, &size, digest)) {
		tool_refuse("%s has no %s", p->path, name);
		return false;
	}
	to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0) {
		tool_refuse("%s: %s", path, strerror(errno));
		return false;
	}
	err = copy_bytes(from, to);
	if (err == H_OK && fsync(to) != 0)
		err = errno == ENOSPC || errno == EDQUOT ? H_FULL : H_IO;
	if (err != H_OK)
		tool_refuse("%s cannot be copied to the state: %s", name,
		    herr_text(err));
	/* What was written is what was in the backup is what was backed up. */
	else if (!is_as_it_was(to, size, digest)) {
		err = H_CORRUPT;
		tool_refuse("%s of %s is damaged: it is not what was written; "
			    "take another backup",
		    name, p->path);
	}
	close(to);
	return err == H_OK;
}

/* The account of that address in the backup's directory. */
static bool
find_account(const struct place *p, const struct buf *manifest,
    const char *folder, const char *address, struct directory_account *a)
{
	char path[FOLDER_PATH + 16];
	struct directory *d = NULL;
	enum herr err;

	snprintf(path, sizeof(path), "%s/directory", folder);
	if (!restore_file(p, manifest, "directory", path))
		return false;
	err = directory_open_copy(&d, path);
	if (err == H_OK)
		err = directory_account_by_address(d, span_of(address), a);
	directory_close(&d);
	(void)unlink(path);
	if (err == H_NOTFOUND)
		tool_refuse("%s has no account %s", p->path, address);
	else if (err != H_OK)
		tool_refuse("the directory in %s cannot be read: %s", p->path,
		    herr_text(err));
	return err == H_OK;
}

/* ---- what a child says ---- */

struct told {
	uint64_t messages;
	char name[2048];
};

static void
listen_to(void *arg, const char *line)
{
	struct told *told = arg;
	struct scan s = scan_over(span_of(line));

	if (scan_try_word(&s, "messages "))
		told->messages = scan_number(&s, UINT64_MAX);
	else if (scan_try_word(&s, "name "))
		snprintf(told->name, sizeof(told->name), "%s", s.pos);
}

static enum herr
child(const struct tool *t, struct told *told, const char *work,
    const char *folder, const char *first, const char *second,
    const char *third)
{
	return tool_run_child(t, &(struct tool_job){
				     .work = work,
				     .folder = folder,
				     .words = { first, second, third },
				     .line = listen_to,
				     .arg = told,
				 });
}

/* ---- an account ---- */

struct restore {
	struct tool *tool;
	const char *address;
	struct buf manifest;
	int64_t taken;
	struct directory_account then;
	char making[FOLDER_PATH];
	int lock;
};

/* The folder that will be the account, as the backup has it. */
static bool
begin(struct restore *r, uint64_t account)
{
	struct place *p = r->tool->place;
	char name[PLACE_NAME_MAX], path[FOLDER_PATH + 16];

	if (!restore_manifest(p, &r->manifest, &r->taken) ||
	    (r->lock = tool_make_folder(account, r->making)) < 0 ||
	    !find_account(p, &r->manifest, r->making, r->address, &r->then))
		return false;
	place_account_name(r->then.id, name);
	snprintf(path, sizeof(path), "%s/data.mdb", r->making);
	return restore_file(p, &r->manifest, name, path);
}

static int
not_made(const struct restore *r, enum herr err)
{
	return tool_refuse("%s was not restored: %s; nothing has changed",
	    r->address, herr_text(err));
}

static void
print_time(int64_t seconds)
{
	char text[32];
	time_t when = (time_t)seconds;
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	fputs(text, stdout);
}

/* Its number and password are those of now. */
static int
restore_present(struct restore *r, const struct directory_account *now)
{
	char folder[64], aside[FOLDER_PATH], number[24];
	struct told told = { 0 };
	struct tool_hold hold;
	bool since = true;
	enum herr err;

	tool_folder_of(now->id, folder);
	snprintf(number, sizeof(number), "%" PRIu64, now->id);
	if (!tool_hold(now->id, &hold))
		return TOOL_REFUSED;
	err = child(r->tool, &told, "restore", r->making, folder, NULL, NULL);
	if (err == H_CORRUPT || err == H_IO || err == H_NOTFOUND) {
		/* What is there cannot be read to its end: a copy once more,
		 * without it. */
		since = false;
		tool_drop_folder(r->lock, r->making);
		r->lock = -1;
		err = begin(r, now->id) ? child(r->tool, &told, "renew",
					      r->making, number, NULL, NULL)
		                        : H_IO;
	}
	if (err == H_OK && !tool_replace_folder(now->id, r->making, aside)) {
		tool_release(&hold);
		return TOOL_REFUSED;
	}
	tool_release(&hold);
	if (err != H_OK)
		return not_made(r, err);
	printf("%s is as of ", r->address);
	print_time(r->taken);
	if (since)
		printf(", and has the %" PRIu64 " messages that came since; ",
		    told.messages);
	else
		printf("; what came since could not be read; ");
	printf("what it was is in %s/%s for 7 days\n", r->tool->conf->state,
	    aside);
	return TOOL_DONE;
}

/* It gets a number that nobody ever had. */
static int
restore_absent(struct restore *r, struct directory *d, uint64_t id)
{
	char aside[FOLDER_PATH], number[24];
	struct told told = { 0 };
	uint64_t given;
	enum herr err;

	snprintf(number, sizeof(number), "%" PRIu64, id);
	err = child(r->tool, &told, "renew", r->making, number, NULL, NULL);
	if (err != H_OK)
		return not_made(r, err);
	if (!tool_replace_folder(id, r->making, aside))
		return TOOL_REFUSED;
	err = directory_add_account(
	    d, span_of(r->address), &r->then.credential, &given);
	if (err == H_OK && r->then.quota != 0)
		err = directory_set_quota(d, given, r->then.quota);
	if (err != H_OK)
		return not_made(r, err);
	printf("%s is there again, as of ", r->address);
	print_time(r->taken);
	printf("\n");
	return TOOL_DONE;
}

static int
restore_account(struct tool *t, const char *address)
{
	struct restore r = { .tool = t, .address = address, .lock = -1 };
	struct directory *d = tool_directory(t);
	struct directory_account now;
	int status = TOOL_REFUSED;
	enum herr err;
	uint64_t id;

	if (d == NULL)
		return TOOL_REFUSED;
	err = directory_account_by_address(d, span_of(address), &now);
	if (err == H_OK) {
		directory_close(&d);
		if (begin(&r, now.id))
			status = restore_present(&r, &now);
	} else if (directory_whose(d, span_of(address), &id) == H_OK) {
		tool_refuse("%s is an alias; \"hearth alias remove %s\" makes "
			    "room for the account",
		    address, address);
	} else if (err == H_NOTFOUND && directory_next_id(d, &id) == H_OK) {
		if (begin(&r, id))
			status = restore_absent(&r, d, id);
	}
	tool_drop_folder(r.lock, r.making);
	directory_close(&d);
	buf_free(&r.manifest);
	return status;
}

/* ---- a mailbox ---- */

static int
bring_back(struct restore *r, uint64_t account, const char *mailbox)
{
	char folder[64], day[32];
	struct told told = { 0 };
	time_t now = (time_t)clock_wall();
	struct tm tm;
	enum herr err;

	localtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	tool_folder_of(account, folder);
	err = child(
	    r->tool, &told, "bring-back", folder, r->making, mailbox, day);
	if (err == H_OK) {
		printf("%s has %s again, with %" PRIu64 " messages, as of ",
		    r->address, told.name, told.messages);
		print_time(r->taken);
		printf("\n");
		return TOOL_DONE;
	}
	if (err == H_NOTFOUND)
		return tool_refuse(
		    "%s had no mailbox \"%s\" then", r->address, mailbox);
	if (err == H_QUOTA)
		return tool_refuse("it would not fit into the quota of %s; "
				   "\"hearth account set %s --quota SIZE\" "
				   "raises it",
		    r->address, r->address);
	return not_made(r, err);
}

static int
restore_mailbox(struct tool *t, const char *address, const char *mailbox)
{
	struct restore r = { .tool = t, .address = address, .lock = -1 };
	struct directory *d = tool_directory_to_read(t);
	struct directory_account now;
	int status = TOOL_REFUSED;
	bool found = d != NULL && tool_account(d, address, &now);

	directory_close(&d);
	if (found && begin(&r, now.id))
		status = bring_back(&r, now.id, mailbox);
	tool_drop_folder(r.lock, r.making);
	buf_free(&r.manifest);
	return status;
}

int
tool_restore(struct tool *t, int count, char **arguments)
{
	char address[ADDRESS_SIZE];

	if (count > 1 && !tool_address(arguments[1], address))
		return TOOL_REFUSED;
	return count == 1   ? restore_whole(t)
	       : count == 2 ? restore_account(t, address)
	                    : restore_mailbox(t, address, arguments[2]);
}
