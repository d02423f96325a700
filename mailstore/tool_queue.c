/*
 * hearth queue: what waits to go out.  Told by the queue role, or, when no
 * daemon runs, by a child that opens the queue; either way in the form of
 * common/ipc.h, and read as what a stranger wrote.
 */
#include <inttypes.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/date.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/tool_child.h"

enum { FIELDS_MAX = 8, TEXT_MAX = CHANNEL_PAYLOAD_MAX };

/* ---- asking ---- */

static void
keep_line(void *arg, const char *line)
{
	buf_text(arg, line);
	buf_byte(arg, '\n');
}

static enum herr
ask_child(const struct tool *t, uint8_t verb, uint64_t id, struct buf *text)
{
	char words[2][24];

	if (access("queue/data.mdb", F_OK) != 0)
		return H_OK; /* nothing ever waited */
	snprintf(words[0], sizeof(words[0]), "%u", verb);
	snprintf(words[1], sizeof(words[1]), "%" PRIu64, id);
	return tool_child(
	    t, "report-queue", "queue", words[0], words[1], keep_line, text);
}

static enum herr
ask(const struct tool *t, uint8_t verb, uint64_t id, struct buf *text)
{
	struct buf question = BUF_INIT(16), answer = BUF_INIT(TEXT_MAX);
	struct wire w;
	enum herr err;

	buf_clear(text);
	wire_put_u8(&question, verb);
	wire_put_u64(&question, id);
	err = tool_ask_daemon(
	    "smtpd", IPC_CTL_QUEUE, buf_span(&question), &answer);
	w = wire_over(buf_span(&answer));
	if (err == H_OK)
		buf_add(text, wire_bytes(&w, TEXT_MAX));
	if (err == H_OK && !wire_end(&w))
		err = H_INVALID;
	buf_free(&question);
	buf_free(&answer);
	return err == H_NOTFOUND ? ask_child(t, verb, id, text) : err;
}

/* ---- reading ---- */

/* "kind TAB field TAB field ...", each without control characters. */
struct line {
	struct span field[FIELDS_MAX];
	size_t n;
};

static bool
next_line(struct scan *s, struct line *l)
{
	struct span text;
	struct scan fields;

	if (!scan_more(s))
		return false;
	text = scan_until(s, "\n", TEXT_MAX);
	(void)scan_try(s, '\n');
	fields = scan_over(text);
	*l = (struct line){ 0 };
	do
		l->field[l->n++] = scan_until(&fields, "\t", TEXT_MAX);
	while (l->n < FIELDS_MAX && scan_try(&fields, '\t'));
	return !s->bad;
}

static bool
is_line(const struct line *l, const char *kind, size_t n)
{
	return l->n == n && span_is(l->field[0], kind);
}

static uint64_t
number(struct span text, int base)
{
	char copy[32] = "";

	memcpy(copy, text.ptr, text.len < 31 ? text.len : 31);
	return strtoull(copy, NULL, base);
}

/* A field as a string that prints. */
static char *
string(struct span text)
{
	char *s = mem_string(text);

	for (char *c = s; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return s;
}

static void
print(const char *before, struct span text, bool json)
{
	char *s = string(text);

	fputs(before, stdout);
	if (json)
		tool_json(s);
	else
		fputs(s, stdout);
	mem_free(&s);
}

static void
print_time(const char *before, uint64_t seconds)
{
	struct buf date = BUF_INIT(64);

	date_put_5322(&date, (int64_t)seconds);
	printf("%s%.*s", before, (int)date.len, date.ptr);
	buf_free(&date);
}

/* ---- as JSON ---- */

struct json {
	bool entry, recipient; /* one was begun, one was written */
};

static void
end_entry(struct json *j)
{
	if (j->entry)
		printf("]}");
	j->recipient = false;
}

static void
json_line(struct json *j, const struct line *l)
{
	const struct span *f = l->field;

	if (is_line(l, "entry", 7)) {
		end_entry(j);
		print(
		    j->entry ? ",\n  {\"id\": " : "\n  {\"id\": ", f[1], true);
		printf(", \"arrived\": %" PRId64 ", \"size\": %" PRIu64
		       ", \"login\": %" PRIu64,
		    (int64_t)number(f[2], 10), number(f[3], 10),
		    number(f[4], 10));
		print(", \"trace\": ", f[5], true);
		print(", \"from\": ", f[6], true);
		printf(", \"recipients\": [");
		j->entry = true;
	} else if (is_line(l, "rcpt", 7) && j->entry) {
		print(
		    j->recipient ? ",\n    {\"state\": " : "\n    {\"state\": ",
		    f[1], true);
		printf(", \"tries\": %" PRIu64 ", \"next\": %" PRId64
		       ", \"account\": %" PRIu64,
		    number(f[2], 10), (int64_t)number(f[3], 10),
		    number(f[4], 10));
		print(", \"address\": ", f[5], true);
		print(", \"answer\": ", f[6], true);
		printf("}");
		j->recipient = true;
	}
}

/* ---- as text ---- */

static void
text_line(bool whole, const struct line *l)
{
	const struct span *f = l->field;

	if (is_line(l, "entry", 7)) {
		print("", f[1], false);
		print_time("  ", number(f[2], 10));
		print("  ", f[3], false);
		print(" bytes  from <", f[6], false);
		printf(">\n");
		if (whole) {
			print("  trace ", f[5], false);
			print(", login ", f[4], false);
			printf("\n");
		}
	} else if (is_line(l, "rcpt", 7)) {
		print("  ", f[1], false);
		print(" <", f[5], false);
		print(f[6].len > 0 ? "> " : ">", f[6], false);
		printf("\n");
		if (whole) {
			print("    tries ", f[2], false);
			print_time(", next ", number(f[3], 10));
			printf("\n");
		}
	} else if (is_line(l, "more", 2)) {
		print("  and ", f[1], false);
		printf(" more\n");
	}
}

/* ---- the commands ---- */

/* Prints what was told; `last` gets the last entry's id. */
static void
show(const struct tool *t, struct json *j, bool whole, const struct buf *text,
    uint64_t *last)
{
	struct scan s = scan_over(buf_span(text));
	struct line l;

	while (next_line(&s, &l)) {
		if (is_line(&l, "entry", 7))
			*last = number(l.field[1], 16);
		if (t->json)
			json_line(j, &l);
		else
			text_line(whole, &l);
	}
}

static int
cannot(enum herr err)
{
	return tool_refuse("the queue does not answer: %s; see the log of "
			   "smtpd",
	    herr_text(err));
}

int
tool_queue_list(struct tool *t, int count, char **arguments)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	struct json j = { 0 };
	uint64_t last = 0, before;
	enum herr err;

	(void)count;
	(void)arguments;
	if (t->json)
		printf("[");
	do {
		before = last;
		if ((err = ask(t, QUEUE_LIST, last, &text)) == H_OK)
			show(t, &j, false, &text, &last);
	} while (err == H_OK && text.len > 0 && last > before);
	end_entry(&j);
	if (t->json)
		printf("\n]\n");
	buf_free(&text);
	return err == H_OK ? TOOL_DONE : cannot(err);
}

int
tool_queue_show(struct tool *t, int count, char **arguments)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	struct json j = { 0 };
	uint64_t id, last = 0;
	char *end;
	enum herr err;

	(void)count;
	id = strtoull(arguments[0], &end, 16);
	if (*end != '\0' || id == 0)
		return tool_refuse("\"%s\" is not an id such as \"hearth queue "
				   "list\" shows",
		    arguments[0]);
	err = ask(t, QUEUE_SHOW, id, &text);
	if (err != H_OK || text.len == 0) {
		buf_free(&text);
		return err != H_OK
		           ? cannot(err)
		           : tool_refuse(
				 "the queue has no %s; \"hearth queue list\" "
				 "shows what it has",
				 arguments[0]);
	}
	if (t->json)
		printf("[");
	show(t, &j, true, &text, &last);
	end_entry(&j);
	if (t->json)
		printf("\n]\n");
	buf_free(&text);
	return TOOL_DONE;
}
