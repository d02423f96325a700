/* Walking what is to be imported: see tool_source.h. */
#include "mailstore/tool_source.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "common/mem.h"
#include "mailstore/maildir.h"

enum { FOLDERS_MAX = 100 * 1000, NAMES_MAX = INT_MAX / 2, FROM_LEN = 5 };

static const char *const subscriptions[] = { "subscriptions", ".subscriptions",
	"courierimapsubscribed" };

/* ---- names in a folder ---- */

enum entry { ENTRY_FILE = 'f', ENTRY_FOLDER = 'd', ENTRY_OTHER = '?' };

/* Texts of entries, one after the other, each with a letter in front. */
struct names {
	char *text;
	size_t len, room;
	size_t *at;
	size_t n, nroom;
};

static void
names_add(struct names *l, char letter, const char *name)
{
	size_t need = strlen(name) + 2;

	if (l->room - l->len < need) {
		l->room = l->room * 2 + need + 4096;
		l->text = mem_resize(l->text, l->room, 1);
	}
	if (l->n == l->nroom) {
		l->nroom = l->nroom * 2 + 64;
		l->at = mem_resize(l->at, l->nroom, sizeof(*l->at));
	}
	l->at[l->n++] = l->len;
	l->text[l->len] = letter;
	memcpy(l->text + l->len + 1, name, need - 1);
	l->len += need;
}

static void
names_free(struct names *l)
{
	mem_free(&l->text);
	mem_free(&l->at);
}

static char
names_letter(const struct names *l, size_t i)
{
	return l->text[l->at[i]];
}

static const char *
names_get(const struct names *l, size_t i)
{
	return l->text + l->at[i] + 1;
}

static int
by_name(const void *a, const void *b, void *arg)
{
	const struct names *l = arg;
	const size_t *x = a, *y = b;

	return strcmp(l->text + *x + 1, l->text + *y + 1);
}

static char
kind_of(int folder, const struct dirent *e)
{
	struct stat st;

	if (e->d_type == DT_REG)
		return ENTRY_FILE;
	if (e->d_type == DT_DIR)
		return ENTRY_FOLDER;
	if (e->d_type != DT_UNKNOWN ||
	    fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ENTRY_OTHER;
	return S_ISREG(st.st_mode)   ? ENTRY_FILE
	       : S_ISDIR(st.st_mode) ? ENTRY_FOLDER
	                             : ENTRY_OTHER;
}

/* Adds the names in a folder; `letter` 0: of what kind each is.  False: errno.
 */
static bool
names_read(struct names *l, int folder, char letter)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (l->n < NAMES_MAX && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names_add(l, letter != 0 ? letter : kind_of(folder, e),
			    e->d_name);
	closedir(d);
	return true;
}

static void
names_sort(struct names *l)
{
	if (l->n > 1)
		qsort_r(l->at, l->n, sizeof(*l->at), by_name, l);
}

/* ---- opening ---- */

static int
open_folder_at(int folder, const char *name)
{
	return openat(
	    folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Level by level, so that no link on the way is followed. */
static int
open_below(int root, const char *path)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && *path != '\0') {
		const char *slash = strchrnul(path, '/');
		char *level =
		    mem_string((struct span){ path, (size_t)(slash - path) });
		int next = open_folder_at(fd, level);

		close(fd);
		mem_free(&level);
		fd = next;
		path = *slash == '/' ? slash + 1 : slash;
	}
	return fd;
}

/* A regular file, or NULL in *why. */
static int
open_file(int folder, const char *name, struct stat *st, const char **why)
{
	int fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		*why = errno == ELOOP ? "is a symbolic link" : strerror(errno);
	else if (fstat(fd, st) != 0)
		*why = strerror(errno);
	else if (!S_ISREG(st->st_mode))
		*why = "is not a regular file";
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static char *
join(const char *a, const char *b, const char *c)
{
	struct buf path = BUF_INIT(SIZE_MAX);
	char *all;

	buf_text(&path, a);
	if (a[0] != '\0' && b[0] != '\0')
		buf_byte(&path, '/');
	buf_text(&path, b);
	if (c[0] != '\0') {
		if (path.len > 0)
			buf_byte(&path, '/');
		buf_text(&path, c);
	}
	all = mem_string(buf_span(&path));
	buf_free(&path);
	return all;
}

/* ---- sending ---- */

static void
send_folder_name(struct source *s, enum talk_folder kind, const char *name)
{
	struct buf *b = talk_payload(s->talk);

	wire_put_u8(b, (uint8_t)kind);
	wire_put_bytes(b, span_of(name));
	talk_send(s->talk, TALK_FOLDER, -1);
	s->found++;
}

static void
send_word(struct source *s, enum talk_word word, int fd)
{
	(void)talk_payload(s->talk);
	talk_send(s->talk, word, fd);
}

static void
send_if_there(
    struct source *s, enum talk_word word, int folder, const char *name)
{
	const char *why;
	struct stat st;
	int fd = open_file(folder, name, &st, &why);

	if (fd < 0)
		return;
	send_word(s, word, fd);
	close(fd);
}

/* One message of a Maildir. */
static void
send_file(struct source *s, int folder, const char *name, const char *path,
    bool is_new)
{
	const char *why = NULL;
	struct stat st;
	int fd = open_file(folder, name, &st, &why);
	struct buf *b;

	if (fd < 0) {
		s->refused(s->arg, path, why);
		return;
	}
	b = talk_payload(s->talk);
	wire_put_bytes(b, span_of(path));
	wire_put_u8(b, is_new);
	wire_put_u64(b, (uint64_t)st.st_mtime);
	talk_send(s->talk, TALK_FILE, fd);
	close(fd);
}

static void
send_messages(struct source *s, int folder, const char *path)
{
	int new = open_folder_at(folder, "new"),
	    cur = open_folder_at(folder, "cur");
	struct names l = { 0 };

	if (cur < 0 || !names_read(&l, cur, 'c') ||
	    (new >= 0 && !names_read(&l, new, 'n')))
		s->refused(s->arg, path, strerror(errno));
	/* By name, which begins with the time: UIDs then follow the dates. */
	names_sort(&l);
	for (size_t i = 0; i < l.n && !s->talk->over; i++) {
		bool is_new = names_letter(&l, i) == 'n';
		const char *name = names_get(&l, i);
		char *whole = join(path, is_new ? "new" : "cur", name);

		if (name[0] != '.')
			send_file(s, is_new ? new : cur, name, whole, is_new);
		mem_free(&whole);
	}
	names_free(&l);
	if (cur >= 0)
		close(cur);
	if (new >= 0)
		close(new);
}

static void
send_maildir(
    struct source *s, int folder, enum talk_folder kind, const char *path)
{
	send_folder_name(s, kind, path);
	send_if_there(s, TALK_KEYWORDS, folder, MAILDIR_KEYWORDS);
	send_if_there(s, TALK_MAILBOX, folder, MAILDIR_MAILBOX);
	send_word(s, TALK_OPEN, -1);
	send_messages(s, folder, path);
}

static bool
begins_like_an_mbox(int fd)
{
	char begin[FROM_LEN];

	return pread(fd, begin, FROM_LEN, 0) == FROM_LEN &&
	       memcmp(begin, "From ", FROM_LEN) == 0;
}

static void
send_mbox(struct source *s, int fd, const struct stat *st,
    enum talk_folder kind, const char *name, const char *path)
{
	struct buf *b;

	send_folder_name(s, kind, name);
	send_word(s, TALK_OPEN, -1);
	b = talk_payload(s->talk);
	wire_put_bytes(b, span_of(path));
	wire_put_u64(b, (uint64_t)st->st_mtime);
	talk_send(s->talk, TALK_MBOX, fd);
}

void
source_send_mbox(struct source *s)
{
	struct stat st;

	if (fstat(s->root, &st) != 0)
		s->refused(s->arg, "", strerror(errno));
	else if (st.st_size > 0 && !begins_like_an_mbox(s->root))
		s->refused(s->arg, "",
		    "is not an mbox: it does not begin with \"From \"");
	else
		send_mbox(s, s->root, &st, TALK_ROOT, "", "");
}

/* ---- folders of mboxes ---- */

/* What Thunderbird and others keep beside their mboxes. */
static bool
is_no_mail(const char *name)
{
	static const char *const endings[] = { ".msf", ".dat", ".html", ".lock",
		".sqlite", ".json", ".log" };
	size_t len = strlen(name);

	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && strcmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return name[0] == '.';
}

static bool
has_index(int folder, const char *name)
{
	char *index = join("", name, "");
	char *msf;
	bool there;
	struct buf b = BUF_INIT(SIZE_MAX);

	buf_text(&b, index);
	buf_text(&b, ".msf");
	msf = mem_string(buf_span(&b));
	there = faccessat(folder, msf, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	mem_free(&index);
	mem_free(&msf);
	buf_free(&b);
	return there;
}

static void
send_mbox_file(struct source *s, int folder, const char *name, const char *path)
{
	const char *why = NULL;
	struct stat st;
	int fd = open_file(folder, name, &st, &why);

	if (fd < 0)
		s->refused(s->arg, path, why);
	else if (begins_like_an_mbox(fd))
		send_mbox(s, fd, &st, TALK_PATH, path, path);
	else if (st.st_size == 0 && has_index(folder, name))
		send_mbox(s, fd, &st, TALK_PATH, path, path); /* empty */
	else if (st.st_size > 0)
		s->refused(s->arg, path,
		    "is not an mbox: it does not begin with \"From \"");
	if (fd >= 0)
		close(fd);
}

/* ---- the walk ---- */

struct folder {
	char *path;
	enum talk_folder kind;
};

struct queue {
	struct folder *list;
	size_t n, room;
};

static void
queue_add(struct source *s, struct queue *q, const char *parent,
    const char *name, enum talk_folder kind)
{
	char *path = join(parent, name, "");

	if (q->n >= FOLDERS_MAX || strlen(path) > TALK_PATH_MAX / 2) {
		s->refused(s->arg, path, "is one folder too many, or too deep");
		mem_free(&path);
		return;
	}
	if (q->n == q->room) {
		q->room = q->room * 2 + 64;
		q->list = mem_resize(q->list, q->room, sizeof(*q->list));
	}
	q->list[q->n++] = (struct folder){ path, kind };
}

static bool
is_part_of_maildir(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 ||
	       strcmp(name, "tmp") == 0;
}

static void
look_into(struct source *s, struct queue *q, const struct folder *f)
{
	int folder = open_below(s->root, f->path), cur = -1;
	struct names l = { 0 };
	bool maildir;

	if (folder < 0 || !names_read(&l, folder, 0)) {
		s->refused(s->arg, f->path, strerror(errno));
		if (folder >= 0)
			close(folder);
		return;
	}
	names_sort(&l);
	maildir = (cur = open_folder_at(folder, "cur")) >= 0;
	if (maildir) {
		close(cur);
		send_maildir(s, folder, f->kind, f->path);
	}
	for (size_t i = 0; i < l.n && !s->talk->over; i++) {
		const char *name = names_get(&l, i);
		char *path = join(f->path, name, "");

		if (names_letter(&l, i) == ENTRY_FOLDER) {
			if (name[0] == '.' && f->kind == TALK_ROOT)
				queue_add(s, q, f->path, name, TALK_DOTTED);
			else if (name[0] != '.' && f->kind != TALK_DOTTED &&
				 !(maildir && is_part_of_maildir(name)))
				queue_add(s, q, f->path, name, TALK_PATH);
		} else if (!maildir && f->kind != TALK_DOTTED &&
			   !is_no_mail(name)) {
			send_mbox_file(s, folder, name, path);
		}
		mem_free(&path);
	}
	names_free(&l);
	close(folder);
}

void
source_send_folder(struct source *s)
{
	struct queue q = { 0 };

	queue_add(s, &q, "", "", TALK_ROOT);
	for (size_t i = 0; i < q.n; i++) {
		struct folder f = q.list[i];

		if (!s->talk->over)
			look_into(s, &q, &f);
		mem_free(&f.path);
	}
	mem_free(&q.list);
	for (size_t i = 0; i < COUNT_OF(subscriptions); i++)
		send_if_there(s, TALK_SUBSCRIBED, s->root, subscriptions[i]);
}

bool
source_has_subscriptions(const struct source *s)
{
	struct stat st;

	for (size_t i = 0; i < COUNT_OF(subscriptions); i++)
		if (fstatat(s->root, subscriptions[i], &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			return true;
	return false;
}
