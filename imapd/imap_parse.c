/* The words of IMAP commands. */
#include "imapd/imap_parse.h"

#include "common/utf7.h"

/* What a byte may be part of. */
enum {
	IN_ATOM = 1,    /* ATOM-CHAR */
	IN_ASTRING = 2, /* ASTRING-CHAR: "]" too */
	IN_LIST = 4,    /* list-char: "]", "%", "*" too */
	IN_TAG = 8,     /* ASTRING-CHAR but "+" */
};

static unsigned
class_of(unsigned char c)
{
	if (c <= 0x20 || c >= 0x7f)
		return 0;
	switch (c) {
	case '(':
	case ')':
	case '{':
	case '"':
	case '\\': return 0;
	case '%':
	case '*': return IN_LIST;
	case ']': return IN_ASTRING | IN_LIST | IN_TAG;
	case '+': return IN_ATOM | IN_ASTRING | IN_LIST;
	default: return IN_ATOM | IN_ASTRING | IN_LIST | IN_TAG;
	}
}

static struct span
word(struct imap_args *a, unsigned class)
{
	struct scan *s = &a->scan;
	size_t len = 0, most = s->bad ? 0 : (size_t)(s->end - s->pos);

	while (len < most && (class_of((unsigned char)s->pos[len]) & class))
		len++;
	if (len == 0)
		scan_fail(s);
	return scan_take(s, len);
}

struct imap_args
imap_args_over(struct buf *text)
{
	return imap_args_from(text, 0);
}

struct imap_args
imap_args_from(struct buf *text, size_t pos)
{
	struct span rest = { text->ptr, text->len };

	if (pos > 0) {
		rest.ptr += pos;
		rest.len -= pos;
	}
	return (struct imap_args){ .scan = scan_over(rest), .text = text };
}

size_t
imap_args_pos(const struct imap_args *a)
{
	return a->text->len - (size_t)(a->scan.end - a->scan.pos);
}

void
imap_sp(struct imap_args *a)
{
	scan_need(&a->scan, ' ');
}

bool
imap_end(struct imap_args *a)
{
	scan_spaces(&a->scan);
	return scan_done(&a->scan);
}

struct span
imap_tag(struct imap_args *a)
{
	return word(a, IN_TAG);
}

struct span
imap_atom(struct imap_args *a)
{
	return word(a, IN_ATOM);
}

/* Behind the opening quote.  Not only ASCII: people have passwords with
 * umlauts. */
static struct span
quoted(struct imap_args *a)
{
	struct scan *s = &a->scan;
	size_t start = imap_args_pos(a), to = start;
	struct span got;

	for (;;) {
		int c = scan_peek(s);

		if (c <= 0 || c == '\r' || c == '\n') {
			scan_fail(s);
			return NO_SPAN;
		}
		s->pos++;
		if (c == '"')
			break;
		if (c == '\\') {
			c = scan_peek(s);
			if (c != '"' && c != '\\') {
				scan_fail(s);
				return NO_SPAN;
			}
			s->pos++;
		}
		a->text->ptr[to++] = (char)c;
	}
	got = (struct span){ a->text->ptr + start, to - start };
	if (a->strict && !utf8_is_good(got))
		scan_fail(s);
	return got;
}

/* "{" number ["+"] "}" CRLF and that many bytes: they are in the text. */
static struct span
literal(struct imap_args *a)
{
	struct scan *s = &a->scan;
	size_t len = (size_t)scan_number(s, UINT32_MAX);

	scan_try(s, '+');
	scan_word(s, "}\r\n");
	return scan_take(s, len);
}

struct span
imap_string(struct imap_args *a)
{
	if (scan_try(&a->scan, '"'))
		return quoted(a);
	if (scan_try(&a->scan, '{'))
		return literal(a);
	scan_fail(&a->scan);
	return NO_SPAN;
}

static struct span
word_or_string(struct imap_args *a, unsigned class)
{
	int c = scan_peek(&a->scan);

	return c == '"' || c == '{' ? imap_string(a) : word(a, class);
}

struct span
imap_astring(struct imap_args *a)
{
	return word_or_string(a, IN_ASTRING);
}

struct span
imap_list_mailbox(struct imap_args *a)
{
	return word_or_string(a, IN_LIST);
}

struct span
imap_nstring(struct imap_args *a)
{
	if (scan_try_word(&a->scan, "NIL"))
		return NO_SPAN;
	return imap_string(a);
}

uint32_t
imap_number(struct imap_args *a)
{
	return (uint32_t)scan_number(&a->scan, UINT32_MAX);
}

uint64_t
imap_modseq(struct imap_args *a)
{
	return scan_number(&a->scan, INT64_MAX);
}

bool
imap_is_atom(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(class_of((unsigned char)s.ptr[i]) & IN_ATOM))
			return false;
	return s.len > 0;
}
