/*
 * hearth export: writes a Maildir++ of what the account's child tells, with the
 * rights of whoever started it.  Nothing the child says becomes the name of a
 * file but through maildir.h.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "mailstore/maildir.h"
#include "mailstore/tool_pair.h"

enum { NAME_LEN_MAX = 255, FOLDER_MODE = 0700, FILE_MODE = 0600 };

struct exporting {
	const char *path;
	int root, cur; /* the folder; "cur" of the mailbox at hand */
	struct maildir_mailbox box;
	struct buf subscriptions;
	uint64_t boxes, messages, bytes, refused;
	/* The message that is being written. */
	int file;
	char *name;
	uint64_t left;
	int64_t date;
	bool done;
	enum herr err; /* the child's */
	char *words;
	char *failed; /* ours: what cannot be written, and why */
};

static void
fail(struct exporting *ex, const char *what)
{
	struct buf text = BUF_INIT(SIZE_MAX);

	if (ex->failed != NULL)
		return;
	buf_format(&text, "%s: %s", what, strerror(errno));
	ex->failed = mem_string(buf_span(&text));
	buf_free(&text);
}

/* ---- mailboxes ---- */

static void
put_file(struct exporting *ex, int folder, const char *name, struct span text)
{
	int fd = openat(folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	if (fd < 0 || file_write(fd, text) != H_OK)
		fail(ex, name);
	if (fd >= 0)
		close(fd);
}

static int
make_folder(struct exporting *ex, int parent, const char *name)
{
	int fd = -1;

	if (mkdirat(parent, name, FOLDER_MODE) == 0)
		fd = openat(parent, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail(ex, name);
	return fd;
}

/* What a name of a folder cannot say, and what is read by Dovecot. */
static void
put_said(struct exporting *ex, int folder, bool inbox)
{
	struct buf text = BUF_INIT(SIZE_MAX);

	maildir_put_keywords(&text, &ex->box);
	if (text.len > 0)
		put_file(ex, folder, MAILDIR_KEYWORDS, buf_span(&text));
	buf_clear(&text);
	maildir_put_mailbox(&text, &ex->box);
	if (text.len > 0)
		put_file(ex, folder, MAILDIR_MAILBOX, buf_span(&text));
	if (!inbox)
		put_file(ex, folder, "maildirfolder", SPAN(""));
	buf_free(&text);
}

static void
make_maildir(struct exporting *ex, const char *name)
{
	bool inbox = name[0] == '\0';
	int folder =
	    inbox ? openat(ex->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		  : make_folder(ex, ex->root, name);
	int made[2] = { -1, -1 };

	if (folder < 0)
		return;
	made[0] = make_folder(ex, folder, "new");
	made[1] = make_folder(ex, folder, "tmp");
	ex->cur = make_folder(ex, folder, "cur");
	put_said(ex, folder, inbox);
	for (size_t i = 0; i < COUNT_OF(made); i++)
		if (made[i] >= 0)
			close(made[i]);
	close(folder);
}

static void
take_box(struct exporting *ex, struct talk_packet *p)
{
	struct span name = wire_bytes(&p->payload, STORE_NAME_MAX);
	uint8_t role = wire_u8(&p->payload);
	bool subscribed = wire_u8(&p->payload) != 0,
	     exists = wire_u8(&p->payload) != 0, inbox;
	struct buf folder = BUF_INIT(SIZE_MAX);

	if (!wire_end(&p->payload) || name.len == 0)
		return;
	inbox = name.len == 5 && memcmp(name.ptr, "INBOX", 5) == 0;
	if (ex->cur >= 0)
		close(ex->cur);
	ex->cur = -1;
	maildir_put_folder(&folder, name);
	if (subscribed) {
		buf_add(&ex->subscriptions,
		    (struct span){ folder.ptr + 1, folder.len - 1 });
		buf_byte(&ex->subscriptions, '\n');
	}
	buf_clear(&ex->box.name);
	ex->box.role = STORE_NO_ROLE;
	if (!inbox) {
		buf_add(&ex->box.name, name);
		ex->box.role = (enum store_role)role;
	}
	/* Its file hearth-mailbox says the name, whatever the folder's is. */
	if (folder.len > NAME_LEN_MAX) {
		buf_clear(&folder);
		buf_format(&folder, ".hearth-%" PRIu64, ex->boxes);
	}
	buf_byte(&folder, '\0');
	ex->boxes += exists;
	if (exists)
		make_maildir(ex, inbox ? "" : folder.ptr);
	buf_free(&folder);
}

static void
take_keyword(struct exporting *ex, struct talk_packet *p)
{
	uint8_t number = wire_u8(&p->payload);
	struct span name = wire_bytes(&p->payload, STORE_KEYWORD_LEN_MAX);

	if (!wire_end(&p->payload) || number >= STORE_KEYWORDS_MAX)
		return;
	mem_free(&ex->box.keyword[number]);
	ex->box.keyword[number] = mem_string(name);
}

/* ---- messages ---- */

static void
end_file(struct exporting *ex)
{
	const struct timespec times[2] = { { .tv_sec = ex->date },
		{ .tv_sec = ex->date } };

	if (ex->file < 0)
		return;
	if (ex->left > 0) {
		/* The child could not say all of it. */
		unlinkat(ex->cur, ex->name, 0);
	} else {
		if (futimens(ex->file, times) != 0)
			fail(ex, ex->name);
		ex->messages++;
	}
	if (close(ex->file) != 0)
		fail(ex, ex->name);
	ex->file = -1;
	mem_free(&ex->name);
}

static void
read_keywords(const struct exporting *ex, const uint64_t keyword[2],
    struct maildir_file *f, struct buf *more)
{
	for (unsigned n = 0; n < STORE_KEYWORDS_MAX; n++) {
		const char *name = ex->box.keyword[n];

		if (!(keyword[n / 64] >> (n % 64) & 1) || name == NULL)
			continue;
		if (strcasecmp(name, "$Forwarded") == 0)
			f->passed = true;
		if (n < MAILDIR_LETTERS)
			f->letters |= 1U << n;
		else
			maildir_put_keyword(more, n);
	}
	f->keywords = buf_span(more);
}

static void
take_message(struct exporting *ex, struct talk_packet *p)
{
	uint32_t uidvalidity = wire_u32(&p->payload),
		 uid = wire_u32(&p->payload);
	int64_t date = (int64_t)wire_u64(&p->payload);
	uint64_t bytes = wire_u64(&p->payload), size = wire_u64(&p->payload);
	struct maildir_file f = { .system = wire_u8(&p->payload) };
	uint64_t keyword[2];
	struct buf unique = BUF_INIT(128), more = BUF_INIT(1024),
		   name = BUF_INIT(2048);

	f.raw = wire_u8(&p->payload) != 0;
	keyword[0] = wire_u64(&p->payload);
	keyword[1] = wire_u64(&p->payload);
	end_file(ex);
	if (wire_end(&p->payload) && ex->cur >= 0) {
		read_keywords(ex, keyword, &f, &more);
		buf_format(&unique, "%" PRId64 ".V%uU%u.hearth", date,
		    uidvalidity, uid);
		maildir_put_file(&name, buf_span(&unique), bytes, size, &f);
		ex->name = mem_string(buf_span(&name));
		ex->left = bytes;
		ex->date = date;
		ex->file = openat(ex->cur, ex->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    FILE_MODE);
		if (ex->file < 0)
			fail(ex, ex->name);
		if (ex->file < 0 || bytes == 0)
			end_file(ex);
	}
	buf_free(&unique);
	buf_free(&more);
	buf_free(&name);
}

static void
take_bytes(struct exporting *ex, struct talk_packet *p)
{
	struct span bytes = { (const char *)p->payload.pos,
		(size_t)(p->payload.end - p->payload.pos) };

	if (ex->file < 0 || bytes.len > ex->left)
		return;
	if (file_write(ex->file, bytes) != H_OK)
		fail(ex, ex->name);
	ex->left -= bytes.len;
	ex->bytes += bytes.len;
	if (ex->left == 0)
		end_file(ex);
}

static void
take_refused(struct exporting *ex, struct talk_packet *p)
{
	struct span name = wire_bytes(&p->payload, STORE_NAME_MAX);
	uint64_t uid = wire_u64(&p->payload);
	struct span why = wire_bytes(&p->payload, TALK_TEXT_MAX);
	struct buf text = BUF_INIT(SIZE_MAX);

	end_file(ex);
	ex->refused++;
	buf_add(&text, name);
	buf_format(&text, ", UID %" PRIu64 ": ", uid);
	buf_add(&text, why);
	buf_byte(&text, '\0');
	tool_harmless(text.ptr);
	fprintf(stderr, "%s\n", text.ptr);
	buf_free(&text);
}

static void
take_done(struct exporting *ex, struct talk_packet *p)
{
	ex->err = (enum herr)wire_u8(&p->payload);
	ex->words = mem_string(wire_bytes(&p->payload, TALK_TEXT_MAX));
	ex->done = true;
}

/* ---- the command ---- */

static bool
is_empty(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	bool empty = d != NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	if (d != NULL)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return empty;
}

/* A new folder of root's belongs to whom the one above it belongs. */
static int
open_target(const char *path, struct stat *st, bool *made)
{
	int fd;

	*made = mkdir(path, FOLDER_MODE) == 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 ||
	    (*made && geteuid() == 0 &&
		(fstatat(fd, "..", st, 0) != 0 ||
		    fchown(fd, st->st_uid, st->st_gid) != 0)) ||
	    fstat(fd, st) != 0)
		tool_refuse("%s: %s", path, strerror(errno));
	else if (!is_empty(fd))
		tool_refuse("%s is not empty; name a folder that is empty or "
			    "new",
		    path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
take(struct exporting *ex, struct talk_packet *p)
{
	switch (p->word) {
	case TALK_NAME: take_keyword(ex, p); break;
	case TALK_BOX: take_box(ex, p); break;
	case TALK_MESSAGE: take_message(ex, p); break;
	case TALK_BYTES: take_bytes(ex, p); break;
	case TALK_REFUSED: take_refused(ex, p); break;
	case TALK_DONE: take_done(ex, p); break;
	default: break;
	}
	if (p->fd >= 0)
		close(p->fd);
}

/* Everything is on disk before it is said to be done. */
static void
finish(struct exporting *ex)
{
	end_file(ex);
	if (ex->cur >= 0)
		close(ex->cur);
	if (!ex->done || ex->err != H_OK)
		return;
	put_file(ex, ex->root, "subscriptions", buf_span(&ex->subscriptions));
	if (syncfs(ex->root) != 0)
		fail(ex, ex->path);
}

static int
verdict(const struct tool *t, const struct exporting *ex)
{
	if (ex->failed != NULL)
		return tool_refuse("cannot write %s", ex->failed);
	if (ex->err != H_OK)
		return tool_refuse("%s", ex->words);
	if (t->json)
		printf("{\"mailboxes\": %" PRIu64 ", \"messages\": %" PRIu64
		       ", \"bytes\": %" PRIu64 "}\n",
		    ex->boxes, ex->messages, ex->bytes);
	else
		printf("%" PRIu64 " message%s in %" PRIu64 " mailboxes\n",
		    ex->messages, ex->messages == 1 ? "" : "s", ex->boxes);
	if (ex->refused > 0)
		return tool_refuse("%" PRIu64
				   " of them are damaged: see above; hearth "
				   "repair sets them aside",
		    ex->refused);
	return TOOL_DONE;
}

int
tool_export(struct tool *t, int count, char **arguments)
{
	struct exporting ex = { .path = arguments[1],
		.cur = -1,
		.file = -1,
		.subscriptions = BUF_INIT(SIZE_MAX) };
	struct tool_pair pair;
	struct talk_packet p;
	struct stat st;
	bool made;
	int status;

	(void)count;
	if ((ex.root = open_target(arguments[1], &st, &made)) < 0 ||
	    !tool_pair_begin(&pair, t, arguments[0], "export", &st))
		return TOOL_REFUSED;
	maildir_mailbox_init(&ex.box);
	while (!ex.done && ex.failed == NULL && talk_receive(&pair.talk, &p))
		take(&ex, &p);
	finish(&ex);
	status = tool_pair_end(&pair, ex.done || ex.failed != NULL)
	             ? verdict(t, &ex)
	             : TOOL_REFUSED;
	close(ex.root);
	/* (There was no such account, perhaps.) */
	if (made && ex.boxes == 0)
		(void)rmdir(ex.path);
	maildir_mailbox_free(&ex.box);
	buf_free(&ex.subscriptions);
	mem_free(&ex.words);
	mem_free(&ex.failed);
	return status;
}
