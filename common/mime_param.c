/* Everything here goes forward over one line of text. */
#include "common/mime_param.h"

#include "common/decode.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Depth is counted, never recursed into. */
void
mime_param_skip(struct scan *s)
{
	unsigned depth = 0;

	for (;;) {
		int c = scan_peek(s);

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_blank((char)c))
			return;
		if (c < 0)
			return;
		(void)scan_take(s, 1);
		if (c == '\\' && scan_more(s))
			(void)scan_take(s, 1);
	}
}

static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c <= ' ' || c > '~' ||
		    strchr("()<>@,;:\\\"/[]?=", c) != NULL)
			return false;
	}
	return s.len > 0;
}

struct span
mime_param_item(struct scan *s)
{
	struct span item = scan_until(s, ";", SIZE_MAX);

	for (size_t i = 1; i < item.len; i++) {
		if (item.ptr[i] == '(' && is_blank(item.ptr[i - 1])) {
			item.len = i;
			break;
		}
	}
	return span_trim(item);
}

/* A quoted string without its quotes; one without an end goes to the end. */
static struct span
scan_quoted(struct scan *s, struct buf *out)
{
	buf_clear(out);
	scan_need(s, '"');
	while (scan_more(s) && !scan_try(s, '"')) {
		buf_add(out, scan_until(s, "\"\\", SIZE_MAX));
		if (scan_try(s, '\\') && scan_more(s))
			buf_add(out, scan_take(s, 1));
	}
	(void)scan_until(s, ";", SIZE_MAX);
	return buf_span(out);
}

bool
mime_param_next(
    struct scan *s, struct buf *room, struct span *name, struct span *value)
{
	while (scan_more(s)) {
		/* A semicolon is missing now and then. */
		(void)scan_try(s, ';');
		mime_param_skip(s);
		*name = span_trim(scan_until(s, "=;", SIZE_MAX));
		if (!scan_try(s, '='))
			continue;
		mime_param_skip(s);
		*value = scan_peek(s) == '"' ? scan_quoted(s, room)
		                             : mime_param_item(s);
		if (name->len > 0)
			return true;
	}
	return false;
}

bool
mime_param_type(struct scan *s, struct span *type, struct span *subtype)
{
	mime_param_skip(s);
	*type = scan_until(s, " \t/;(", SIZE_MAX);
	mime_param_skip(s);
	if (!scan_try(s, '/'))
		return false;
	mime_param_skip(s);
	*subtype = scan_until(s, " \t;(", SIZE_MAX);
	return is_token(*type) && is_token(*subtype);
}

static struct span
after_charset(struct span s)
{
	unsigned quotes = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\'' && ++quotes == 2)
			return (struct span){ s.ptr + i + 1, s.len - i - 1 };
	}
	return s;
}

void
mime_param_decode(struct buf *b, struct span value, bool first)
{
	if (first)
		value = after_charset(value);
	for (size_t i = 0; i < value.len; i++) {
		int high =
		    i + 2 < value.len ? decode_hex(value.ptr[i + 1]) : -1;
		int low = i + 2 < value.len ? decode_hex(value.ptr[i + 2]) : -1;

		if (value.ptr[i] == '%' && high >= 0 && low >= 0) {
			buf_byte(b, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_byte(b, value.ptr[i]);
		}
	}
}
