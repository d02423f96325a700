/*
 * hearth import, in the child: reads what the tool opens, and says what became
 * of it.  File names, headers and messages are looked at here and nowhere else.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/import_folder.h"
#include "mailstore/intake.h"
#include "mailstore/mbox.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_mail.h"

enum {
	PIECE = 64 * 1024,
	SMALL_FILE_MAX = 1024 * 1024, /* lists of keywords, subscriptions */
	LOCK_TRIES = 100,
	STAND_EVERY = 100, /* ms between reports */
};

struct file {
	int fd;
	uint64_t at, size;
	struct intake_source *source;
};

struct import {
	struct import_target target;
	struct intake *intake;
	struct talk talk;
	struct buf base; /* --mailbox */
	struct import_folder folder;
	bool has_folder;
	uint64_t passed; /* over: what is no message, or deleted */
	int64_t told;    /* when, clock_mono_ms() */
	enum herr err;   /* the first that ends the import */
	const char *why;
};

static struct import import;

/* One import at a time; the lock lasts as long as this process. */
static enum herr
lock(const char *path)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return H_OK; /* store_open() says why */
	/* One that was killed may take a moment to end. */
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(folder, LOCK_EX | LOCK_NB) == 0)
			return H_OK;
		if (errno != EWOULDBLOCK)
			return H_IO;
		nanosleep(&pause, NULL);
	}
	return H_BUSY;
}

enum herr
import_open(char **words)
{
	enum herr err = lock(words[0]);

	import.base = BUF_INIT(STORE_NAME_MAX);
	talk_init(&import.talk, TOOL_CHILD_FD);
	if (err == H_OK)
		err = store_open(&import.target.store, words[0]);
	if (err == H_OK) {
		import.target.digest = digest_new();
		import.intake = intake_new(import.target.store);
	} else
		talk_done(&import.talk, err,
		    err == H_BUSY ? "another import into this account goes on"
				  : "the account cannot be opened");
	return err;
}

/* ---- what the tool hears ---- */

static void
tell_stand(struct import *im)
{
	const struct intake_stand *s = intake_stand(im->intake);
	struct buf *b = talk_payload(&im->talk);

	wire_put_u64(b, s->added);
	wire_put_u64(b, s->known);
	wire_put_u64(b, im->passed);
	wire_put_u64(b, s->bytes);
	talk_send(&im->talk, TALK_STAND, -1);
	im->told = clock_mono_ms();
}

static void
refuse(struct import *im, struct span path, uint64_t where, const char *why)
{
	struct buf *b = talk_payload(&im->talk);

	wire_put_bytes(b, path);
	wire_put_u64(b, where);
	wire_put_bytes(b, span_of(why));
	talk_send(&im->talk, TALK_REFUSED, -1);
}

static void
fail(struct import *im, enum herr err)
{
	if (im->err == H_OK && err != H_OK)
		im->err = err;
}

/* ---- files ---- */

static size_t
read_file(struct file *f, uint64_t at, char *bytes, size_t len)
{
	ssize_t got;

	if (at >= f->size)
		return 0;
	if (len > f->size - at)
		len = (size_t)(f->size - at);
	while (
	    (got = pread(f->fd, bytes, len, (off_t)at)) < 0 && errno == EINTR)
		;
	if (got < 0 && f->source != NULL)
		f->source->failed = true;
	return got > 0 ? (size_t)got : 0;
}

static void
open_file(struct file *f, int fd)
{
	struct stat st;

	*f = (struct file){ .fd = fd };
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size > 0)
		f->size = (uint64_t)st.st_size;
}

static bool
file_piece(void *arg, struct buf *out)
{
	struct file *f = arg;
	size_t got = read_file(f, f->at, buf_want(out, PIECE), PIECE);

	buf_grew(out, got);
	f->at += got;
	return got > 0;
}

static void
file_again(void *arg)
{
	struct file *f = arg;

	f->at = 0;
}

/* A whole one, if it is not too long for what it is. */
static struct buf
small_file(int fd)
{
	struct buf text = BUF_INIT(SMALL_FILE_MAX);
	struct file f;

	open_file(&f, fd);
	while (text.len <= SMALL_FILE_MAX - PIECE && file_piece(&f, &text))
		;
	return text;
}

/* ---- messages ---- */

static void
add_keyword(
    struct import *im, struct store_flags *flags, int *number, struct span name)
{
	char text[STORE_KEYWORD_LEN_MAX + 64];

	if (*number == -2) {
		*number = import_keyword(im->target.store, name);
		if (*number < 0) {
			snprintf(text, sizeof(text),
			    "keyword %.*s: the account can hold no more, or "
			    "not that one",
			    name.len < STORE_KEYWORD_LEN_MAX
				? (int)name.len
				: STORE_KEYWORD_LEN_MAX,
			    name.ptr);
			refuse(
			    im, buf_span(&im->folder.origin), UINT64_MAX, text);
		}
	}
	if (*number >= 0)
		flags->keyword[*number / 64] |= UINT64_C(1) << (*number % 64);
}

static void
add_said_keyword(struct import *im, struct store_flags *flags, unsigned n)
{
	struct import_folder *f = &im->folder;

	if (n < STORE_KEYWORDS_MAX && f->said.keyword[n] != NULL)
		add_keyword(
		    im, flags, &f->keyword[n], span_of(f->said.keyword[n]));
}

static enum herr
open_now(void *arg, uint32_t *mailbox)
{
	struct import *im = arg;
	enum herr err = import_folder_open(&im->folder, &im->target, true);

	*mailbox = im->folder.mailbox;
	return err;
}

static void
add(struct import *im, struct intake_message *m, struct span path,
    uint64_t where)
{
	const char *why = NULL;
	enum herr err;

	m->mailbox = im->folder.mailbox;
	m->open = open_now;
	m->arg = im;
	m->origin = buf_span(&im->folder.origin);
	err = intake_add(im->intake, m, &why);
	if (err == H_INVALID && why != NULL)
		refuse(im, path, where, why);
	else
		fail(im, err);
	if (clock_mono_ms() - im->told >= STAND_EVERY)
		tell_stand(im);
}

static struct span
base_name(struct span path)
{
	for (size_t i = path.len; i-- > 0;)
		if (path.ptr[i] == '/')
			return (
			    struct span){ path.ptr + i + 1, path.len - i - 1 };
	return path;
}

static void
take_file(struct import *im, struct talk_packet *p)
{
	struct span path = wire_bytes(&p->payload, TALK_PATH_MAX);
	bool is_new = wire_u8(&p->payload) != 0;
	int64_t mtime = (int64_t)wire_u64(&p->payload);
	struct maildir_file name;
	struct file file;
	struct intake_source source = {
		.piece = file_piece, .again = file_again, .arg = &file
	};
	struct intake_message m = { .date = mtime, .source = &source };
	struct buf copy =
	    BUF_INIT(TALK_PATH_MAX); /* the packet is not ours for long */
	unsigned n;

	if (!wire_end(&p->payload) || im->folder.refused)
		return;
	buf_add(&copy, path);
	open_file(&file, p->fd);
	file.source = &source;
	maildir_file(base_name(buf_span(&copy)), &name);
	m.raw = name.raw;
	if (!is_new) {
		m.flags.system = name.system;
		for (n = 0; n < MAILDIR_LETTERS; n++)
			if (name.letters & 1U << n)
				add_said_keyword(im, &m.flags, n);
	}
	while (maildir_next_keyword(&name.keywords, &n))
		add_said_keyword(im, &m.flags, n);
	if (name.passed)
		add_keyword(
		    im, &m.flags, &im->folder.forwarded, SPAN("$Forwarded"));
	add(im, &m, buf_span(&copy), UINT64_MAX);
	buf_free(&copy);
}

/* ---- mboxes ---- */

static size_t
mbox_bytes(void *arg, uint64_t at, char *bytes, size_t len)
{
	return read_file(arg, at, bytes, len);
}

static bool
mbox_piece(void *arg, struct buf *out)
{
	struct mbox *m = arg;

	while (out->len < PIECE && mbox_read(m, out))
		;
	return out->len > 0;
}

static void
mbox_restart(void *arg)
{
	mbox_again(arg);
}

static void
add_names(struct import *im, struct store_flags *flags, struct span names)
{
	struct scan s = scan_over(names);

	while (scan_more(&s)) {
		struct span name = scan_until(&s, " ", SIZE_MAX);
		int number = -2;

		if (name.len > 0)
			add_keyword(im, flags, &number, name);
		(void)scan_try(&s, ' ');
	}
}

static int64_t
date_of(const struct mbox_message *mm, int64_t mtime)
{
	/* (Thunderbird writes the beginning of 1970 where it knows none.) */
	if (mm->has_date && mm->date > 86400)
		return mm->date;
	return mm->has_header_date ? mm->header_date : mtime;
}

static void
take_mbox(struct import *im, struct talk_packet *p)
{
	struct span path = wire_bytes(&p->payload, TALK_PATH_MAX);
	int64_t mtime = (int64_t)wire_u64(&p->payload);
	struct buf copy = BUF_INIT(TALK_PATH_MAX);
	struct intake_source source = { .piece = mbox_piece,
		.again = mbox_restart };
	struct mbox_message mm;
	struct file file;
	struct mbox *mbox;

	if (!wire_end(&p->payload) || im->folder.refused)
		return;
	buf_add(&copy, path);
	open_file(&file, p->fd);
	file.source = &source;
	mbox = mbox_new(mbox_bytes, &file);
	source.arg = mbox;
	while (im->err == H_OK && !im->talk.over && mbox_next(mbox, &mm)) {
		struct intake_message m = { .date = date_of(&mm, mtime),
			.flags.system = mm.system,
			.source = &source };

		if (mm.internal || mm.expunged) {
			im->passed++;
			continue;
		}
		add_names(im, &m.flags, mm.keywords);
		add(im, &m, buf_span(&copy), mm.at);
		if (source.failed)
			break;
	}
	mbox_free(&mbox);
	buf_free(&copy);
}

/* ---- folders ---- */

static void
take_folder(struct import *im, struct talk_packet *p)
{
	uint8_t kind = wire_u8(&p->payload);
	struct span name = wire_bytes(&p->payload, TALK_PATH_MAX);

	if (!wire_end(&p->payload))
		return;
	if (im->has_folder)
		import_folder_free(&im->folder);
	import_folder_init(
	    &im->folder, buf_span(&im->base), (enum talk_folder)kind, name);
	im->has_folder = true;
}

static void
take_said(struct import *im, struct talk_packet *p)
{
	struct buf text = small_file(p->fd);

	if (p->word == TALK_KEYWORDS)
		maildir_read_keywords(&im->folder.said, buf_span(&text));
	else
		maildir_read_mailbox(&im->folder.said, buf_span(&text));
	buf_free(&text);
}

static void
open_folder(struct import *im)
{
	enum herr err = import_folder_open(&im->folder, &im->target, false);

	im->folder.refused = err == H_INVALID || err == H_LIMIT;
	if (im->folder.refused)
		refuse(im, buf_span(&im->folder.origin), UINT64_MAX,
		    "no mailbox can have that name, or there are too many");
	else
		fail(im, err);
}

static void
take_subscriptions(struct import *im, struct talk_packet *p)
{
	struct buf text = small_file(p->fd);
	struct scan s = scan_over(buf_span(&text));

	while (im->err == H_OK && scan_more(&s)) {
		struct span line = scan_until(&s, "\n", SIZE_MAX);

		/* ("V<tab>2" is the version of the file.) */
		if (line.len > 0 && !span_is(line, "V\t2"))
			fail(im, import_subscribe(&im->target, line));
		(void)scan_try(&s, '\n');
	}
	buf_free(&text);
}

static void
take_begin(struct import *im, struct talk_packet *p)
{
	struct span base = wire_bytes(&p->payload, STORE_NAME_MAX);

	im->target.subscribe = wire_u8(&p->payload) != 0;
	if (!wire_end(&p->payload))
		return;
	buf_clear(&im->base);
	buf_add(&im->base, base);
	im->target.base = buf_span(&im->base);
}

static void
take(struct import *im, struct talk_packet *p)
{
	/* A folder comes before what is in it. */
	if (!im->has_folder && p->word != TALK_BEGIN &&
	    p->word != TALK_FOLDER && p->word != TALK_SUBSCRIBED)
		return;
	switch (p->word) {
	case TALK_BEGIN: take_begin(im, p); break;
	case TALK_FOLDER: take_folder(im, p); break;
	case TALK_KEYWORDS:
	case TALK_MAILBOX: take_said(im, p); break;
	case TALK_OPEN: open_folder(im); break;
	case TALK_FILE: take_file(im, p); break;
	case TALK_MBOX: take_mbox(im, p); break;
	case TALK_SUBSCRIBED: take_subscriptions(im, p); break;
	default: break;
	}
}

/* ---- the whole ---- */

static const char *
explain(enum herr err)
{
	switch (err) {
	case H_OK: return "";
	case H_QUOTA:
		return "the account's quota is reached; raise it (hearth "
		       "account set) and import once more";
	case H_FULL: return "the disk is full; make room and import once more";
	case H_NOTFOUND:
		return "a mailbox was deleted while mail came in; import once "
		       "more";
	case H_EXISTS:
	case H_INVALID:
	case H_DENIED:
	case H_LIMIT:
	case H_BUSY:
	case H_CORRUPT:
	case H_VERSION:
	case H_IO: break;
	}
	return "the account cannot be written; the log says why";
}

enum herr
import_run(char **words)
{
	struct import *im = &import;
	struct talk_packet p = { .fd = -1 };
	bool end = false;

	(void)words;
	tell_stand(im); /* ready */
	while (!end && im->err == H_OK && talk_receive(&im->talk, &p)) {
		end = p.word == TALK_END;
		take(im, &p);
		if (p.fd >= 0)
			close(p.fd);
	}
	/* What came before something failed stays. */
	fail(im, intake_flush(im->intake));
	tell_stand(im);
	if (end || im->err != H_OK)
		talk_done(&im->talk, im->err, explain(im->err));
	return im->err;
}
