/*
 * hearth import: this process opens files, with the rights of whoever started
 * it, and hands them to the account's child, which reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "mailstore/store.h"
#include "mailstore/tool_pair.h"
#include "mailstore/tool_source.h"

enum { PROGRESS_EVERY = 200 /* ms */ };

struct importing {
	struct tool *tool;
	const char *path; /* as given */
	uint64_t added, known, passed, bytes, refused;
	bool terminal, progress; /* a line of progress stands on it */
	int64_t shown;
	bool begun; /* JSON */
	bool done;
	enum herr err;
	char *words; /* why not */
};

/* ---- what the user sees ---- */

static void
clear_progress(struct importing *im)
{
	if (im->progress)
		fputs("\r\033[K", stderr);
	im->progress = false;
}

static void
show_progress(struct importing *im)
{
	int64_t now = clock_mono_ms();

	if (!im->terminal || now - im->shown < PROGRESS_EVERY)
		return;
	fprintf(stderr,
	    "\r%" PRIu64 " messages came in, %" PRIu64 " MiB; %" PRIu64
	    " were there before\033[K",
	    im->added, im->bytes >> 20, im->known);
	im->shown = now;
	im->progress = true;
}

static void
begin_json(struct importing *im)
{
	if (!im->begun)
		printf("{\n  \"refused\": [");
	im->begun = true;
}

static void
show_refused(
    struct importing *im, struct span path, uint64_t where, struct span why)
{
	struct buf what = BUF_INIT(SIZE_MAX), reason = BUF_INIT(SIZE_MAX);

	im->refused++;
	clear_progress(im);
	buf_text(&what, im->path);
	if (path.len > 0)
		buf_byte(&what, '/');
	buf_add(&what, path);
	buf_byte(&what, '\0');
	buf_add(&reason, why);
	if (where != UINT64_MAX)
		buf_format(&reason, " (message at byte %" PRIu64 ")", where);
	buf_byte(&reason, '\0');
	if (im->tool->json) {
		begin_json(im);
		printf("%s\n    {\"file\": ", im->refused > 1 ? "," : "");
		tool_json(what.ptr);
		printf(", \"reason\": ");
		tool_json(reason.ptr);
		printf("}");
	} else {
		tool_harmless(what.ptr);
		tool_harmless(reason.ptr);
		fprintf(stderr, "%s: %s\n", what.ptr, reason.ptr);
	}
	buf_free(&what);
	buf_free(&reason);
}

static void
refused_here(void *arg, const char *path, const char *why)
{
	show_refused(arg, span_of(path), UINT64_MAX, span_of(why));
}

/* ---- what the child says ---- */

static void
hear(void *arg, struct talk_packet *p)
{
	struct importing *im = arg;
	struct span path, why;
	uint64_t where;

	switch (p->word) {
	case TALK_STAND:
		im->added = wire_u64(&p->payload);
		im->known = wire_u64(&p->payload);
		im->passed = wire_u64(&p->payload);
		im->bytes = wire_u64(&p->payload);
		show_progress(im);
		break;
	case TALK_REFUSED:
		path = wire_bytes(&p->payload, TALK_MAX);
		where = wire_u64(&p->payload);
		why = wire_bytes(&p->payload, TALK_TEXT_MAX);
		if (wire_end(&p->payload))
			show_refused(im, path, where, why);
		break;
	case TALK_DONE:
		im->err = (enum herr)wire_u8(&p->payload);
		why = wire_bytes(&p->payload, TALK_TEXT_MAX);
		if (!im->done && wire_end(&p->payload)) {
			im->words = mem_string(why);
			im->done = true;
		}
		break;
	default: break;
	}
}

/* ---- the command ---- */

static void
summary(struct importing *im)
{
	clear_progress(im);
	if (im->tool->json) {
		begin_json(im);
		printf("%s],\n  \"added\": %" PRIu64 ",\n  \"known\": %" PRIu64
		       ",\n  \"passed\": %" PRIu64 ",\n  \"bytes\": %" PRIu64
		       "\n}\n",
		    im->refused > 0 ? "\n  " : "", im->added, im->known,
		    im->passed, im->bytes);
	} else
		printf("%" PRIu64 " message%s came in (%" PRIu64
		       " bytes), %" PRIu64 " had come in before\n",
		    im->added, im->added == 1 ? "" : "s", im->bytes, im->known);
}

static int
verdict(struct importing *im, const struct source *s)
{
	if (im->err != H_OK)
		return tool_refuse("%s", im->words);
	if (s->found == 0)
		return tool_refuse(
		    "there is neither a Maildir nor an mbox in %s", im->path);
	if (im->refused > 0)
		return tool_refuse("%" PRIu64 " of them did not come in: see "
				   "above; the rest did",
		    im->refused);
	return TOOL_DONE;
}

static void
say_begin(struct tool_pair *p, const struct tool *t, bool subscribe)
{
	struct buf *b = talk_payload(&p->talk);

	wire_put_bytes(b, t->mailbox != NULL ? span_of(t->mailbox) : SPAN(""));
	wire_put_u8(b, subscribe);
	talk_send(&p->talk, TALK_BEGIN, -1);
}

static void
send_all(struct importing *im, struct tool_pair *p, struct source *s,
    const struct stat *st)
{
	struct talk_packet packet;

	/* When there is an account, and it is open. */
	if (!talk_receive(&p->talk, &packet))
		return;
	hear(im, &packet);
	if (im->done)
		return;
	p->talk.meanwhile = hear;
	p->talk.arg = im;
	say_begin(
	    p, im->tool, !S_ISDIR(st->st_mode) || !source_has_subscriptions(s));
	if (S_ISDIR(st->st_mode))
		source_send_folder(s);
	else
		source_send_mbox(s);
	(void)talk_payload(&p->talk);
	talk_send(&p->talk, TALK_END, -1);
	while (!im->done && talk_receive(&p->talk, &packet)) {
		hear(im, &packet);
		if (packet.fd >= 0)
			close(packet.fd);
	}
}

int
tool_import(struct tool *t, int count, char **arguments)
{
	struct importing im = { .tool = t,
		.path = arguments[1],
		.terminal = isatty(STDERR_FILENO) == 1 };
	int root = open(arguments[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct source s = { .root = root, .refused = refused_here, .arg = &im };
	struct tool_pair p;
	struct stat st;
	int status;

	(void)count;
	if (root < 0 || fstat(root, &st) != 0)
		return tool_refuse("%s: %s", im.path, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return tool_refuse(
		    "%s is neither a folder nor a file", im.path);
	if (t->mailbox != NULL &&
	    (t->mailbox[0] == '\0' || strlen(t->mailbox) > STORE_NAME_MAX))
		return tool_refuse(
		    "a mailbox has a name of 1 to %d bytes", STORE_NAME_MAX);
	if (!tool_pair_begin(&p, t, arguments[0], "import", &st))
		return TOOL_REFUSED;
	s.talk = &p.talk;
	send_all(&im, &p, &s, &st);
	close(root);
	/* (If it never began it has said why.) */
	if (s.found > 0)
		summary(&im);
	status = tool_pair_end(&p, im.done) ? verdict(&im, &s) : TOOL_REFUSED;
	mem_free(&im.words);
	return status;
}
