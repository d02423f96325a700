/*
 * Lines for whoever reads the log.  A line is put together on the caller's
 * stack and written at once, so that lines of several roles never mix; if it
 * cannot be written, nothing is done about it: mail goes on without its log.
 */
#include "common/log.h"

#include <errno.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 2000, /* with the line end */
	TEXT_MAX = LINE_MAX_BYTES - 1,
	ESCAPE_LEN = 4, /* \xHH */
};

static_assert(LINE_MAX_BYTES <= sizeof(((struct log_line *)0)->text),
    "a line must fit its buffer");

static char prefix[96] = "hearth: ";
static enum log_level most_level = LOG_INFO;
static bool with_level = true;

/* The process id is asked once: log_open() is called again after a fork. */
void
log_open(const char *daemon, const char *role, enum log_level most)
{
	snprintf(prefix, sizeof(prefix), "%.40s/%.30s[%ld]: ", daemon, role,
	    (long)getpid());
	most_level = most;
	with_level = isatty(STDERR_FILENO) != 1;
}

static size_t
room(const struct log_line *l)
{
	return l->len < TEXT_MAX ? TEXT_MAX - l->len : 0;
}

static void
add(struct log_line *l, const char *bytes, size_t len)
{
	assert(len <= room(l));
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

/* Adds " key=" if that and `need` bytes of value fit; a line without level is
 * off. */
static bool
add_key(struct log_line *l, const char *key, size_t need)
{
	size_t len = strlen(key);

	if (l->len == 0 || room(l) < len + 2 + need)
		return false;
	add(l, " ", 1);
	add(l, key, len);
	add(l, "=", 1);
	return true;
}

static bool
is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void
add_quoted(struct log_line *l, struct span value)
{
	static const char hex[] = "0123456789abcdef";

	add(l, "\"", 1);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		char escape[ESCAPE_LEN] = { '\\', 'x', hex[c >> 4],
			hex[c & 15] };

		if (room(l) < ESCAPE_LEN + 1)
			break; /* cut, but the quotes are closed */
		if (c == ' ' || is_plain((char)c))
			add(l, value.ptr + i, 1);
		else
			add(l, escape, ESCAPE_LEN);
	}
	add(l, "\"", 1);
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	char head[8];
	int len = 0;

	l->len = 0;
	l->level = level;
	if (level > most_level)
		return;
	if (with_level)
		len = snprintf(head, sizeof(head), "<%d>", (int)level);
	add(l, head, (size_t)len);
	add(l, prefix, strlen(prefix));
	len = snprintf(l->text + l->len, 64, "event=%.50s", event);
	l->len += (size_t)len;
}

void
log_number(struct log_line *l, const char *key, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);

	if (add_key(l, key, (size_t)len))
		add(l, digits, (size_t)len);
}

void
log_hex(struct log_line *l, const char *key, uint64_t n)
{
	char digits[24];
	int len =
	    snprintf(digits, sizeof(digits), "%llx", (unsigned long long)n);

	if (add_key(l, key, (size_t)len))
		add(l, digits, (size_t)len);
}

void
log_text(struct log_line *l, const char *key, const char *value)
{
	log_span(l, key, value == NULL ? NO_SPAN : span_of(value));
}

void
log_span(struct log_line *l, const char *key, struct span value)
{
	bool plain = value.len > 0 && value.len < TEXT_MAX;

	/* A value of one escape in quotes must fit, or the field is left out.
	 */
	if (!add_key(l, key, ESCAPE_LEN + 2))
		return;
	for (size_t i = 0; plain && i < value.len; i++)
		plain = is_plain(value.ptr[i]);
	if (plain)
		add(l, value.ptr, value.len < room(l) ? value.len : room(l));
	else
		add_quoted(l, value);
}

void
log_end(struct log_line *l)
{
	int saved = errno;

	if (l->len == 0)
		return;
	l->text[l->len++] = '\n';
	if (write(STDERR_FILENO, l->text, l->len) < 0)
		errno = saved; /* see the head of this file */
	l->len = 0;
	errno = saved;
}

void
log_errno(enum log_level level, const char *event, const char *what)
{
	struct log_line l;
	char words[128];
	int saved = errno;

	log_begin(&l, level, event);
	log_text(&l, "what", what);
	log_text(&l, "error", strerror_r(saved, words, sizeof(words)));
	log_end(&l);
	errno = saved;
}

void
log_event(enum log_level level, const char *event, const char *why)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_text(&l, "why", why);
	log_end(&l);
}
