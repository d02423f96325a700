/* Walking a header.  Nothing is changed or copied: fields are lent. */
#include "common/header.h"

#include "common/scan.h"

/* The line at `pos` with its line end, which is LF with or without CR. */
static struct span
line_at(struct span header, size_t pos)
{
	const char *start = header.ptr + pos, *lf;
	size_t left = header.len - pos;

	lf = memchr(start, '\n', left);
	return (
	    struct span){ start, lf == NULL ? left : (size_t)(lf - start) + 1 };
}

static struct span
without_line_end(struct span line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where the colon stands if the line begins a field, else 0.  RFC 5322, 2.2
 * and 4.5. */
static size_t
colon_in(struct span line, size_t *name_len)
{
	size_t at = 0;

	while (at < line.len && line.ptr[at] > ' ' && line.ptr[at] < 0x7f &&
	       line.ptr[at] != ':')
		at++;
	*name_len = at;
	if (at == 0)
		return 0;
	while (at < line.len && is_blank(line.ptr[at]))
		at++;
	return at < line.len && line.ptr[at] == ':' ? at : 0;
}

bool
header_next(struct span header, size_t *pos, struct header_field *field)
{
	while (*pos < header.len) {
		struct span line = line_at(header, *pos);
		size_t colon, name_len, end;

		if (without_line_end(line).len == 0)
			return false; /* the empty line; *pos stays on it */
		colon = colon_in(line, &name_len);
		end = *pos + line.len;
		if (colon == 0) {
			*pos = end;
			continue;
		}
		while (end < header.len && is_blank(header.ptr[end]))
			end += line_at(header, end).len;
		field->whole = (struct span){ line.ptr, end - *pos };
		field->name = (struct span){ line.ptr, name_len };
		field->value = without_line_end((struct span){
		    line.ptr + colon + 1, field->whole.len - colon - 1 });
		*pos = end;
		return true;
	}
	return false;
}

bool
header_find(struct span header, const char *name, struct header_field *field)
{
	struct span wanted = span_of(name);
	size_t pos = 0;

	while (header_next(header, &pos, field))
		if (span_same_nocase(field->name, wanted))
			return true;
	return false;
}

void
header_unfold(struct buf *out, struct span value)
{
	size_t at = 0;

	value = span_trim(value);
	while (at < value.len) {
		size_t run = at;

		while (run < value.len && value.ptr[run] != '\r' &&
		       value.ptr[run] != '\n' && value.ptr[run] != '\0')
			run++;
		buf_add(out, (struct span){ value.ptr + at, run - at });
		at = run + 1;
	}
}
