/* The cursor, and comparison of spans.  ASCII only: no locale is ever asked. */
#include "common/scan.h"

static inline unsigned char
fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
same_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (fold(a[i]) != fold(b[i]))
			return false;
	return true;
}

static inline size_t
left(const struct scan *s)
{
	return (size_t)(s->end - s->pos);
}

/* The next `len` bytes, which are there. */
static inline struct span
advance(struct scan *s, size_t len)
{
	struct span taken = { s->pos, len };

	if (len > 0)
		s->pos += len;
	return taken;
}

struct scan
scan_over(struct span s)
{
	if (s.len == 0)
		return (struct scan){ "", "", false };
	return (struct scan){ s.ptr, s.ptr + s.len, false };
}

bool
scan_more(const struct scan *s)
{
	return !s->bad && s->pos < s->end;
}

bool
scan_done(const struct scan *s)
{
	return !s->bad && s->pos == s->end;
}

void
scan_fail(struct scan *s)
{
	s->bad = true;
}

int
scan_peek(const struct scan *s)
{
	return scan_more(s) ? (unsigned char)*s->pos : -1;
}

bool
scan_try(struct scan *s, char c)
{
	if (!scan_more(s) || *s->pos != c)
		return false;
	s->pos++;
	return true;
}

bool
scan_try_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->bad || len > left(s) || !same_nocase(s->pos, word, len))
		return false;
	advance(s, len);
	return true;
}

void
scan_need(struct scan *s, char c)
{
	if (!scan_try(s, c))
		s->bad = true;
}

void
scan_word(struct scan *s, const char *word)
{
	if (!scan_try_word(s, word))
		s->bad = true;
}

struct span
scan_until(struct scan *s, const char *stops, size_t max)
{
	size_t len = 0, most, nstops = strlen(stops);

	if (s->bad)
		return NO_SPAN;
	most = left(s);
	while (len < most && memchr(stops, s->pos[len], nstops) == NULL)
		if (++len > max) {
			s->bad = true;
			return NO_SPAN;
		}
	return advance(s, len);
}

struct span
scan_take(struct scan *s, size_t len)
{
	if (s->bad || len > left(s)) {
		s->bad = true;
		return NO_SPAN;
	}
	return advance(s, len);
}

struct span
scan_rest(struct scan *s)
{
	return s->bad ? NO_SPAN : advance(s, left(s));
}

uint64_t
scan_number(struct scan *s, uint64_t max)
{
	uint64_t value = 0;
	bool any = false;

	while (scan_more(s) && *s->pos >= '0' && *s->pos <= '9') {
		uint64_t digit = (uint64_t)(*s->pos - '0');

		if (digit > max || value > (max - digit) / 10) {
			s->bad = true;
			return 0;
		}
		value = value * 10 + digit;
		any = true;
		s->pos++;
	}
	if (!any)
		s->bad = true;
	return s->bad ? 0 : value;
}

void
scan_spaces(struct scan *s)
{
	while (scan_more(s) && (*s->pos == ' ' || *s->pos == '\t'))
		s->pos++;
}

bool
span_is(struct span s, const char *word)
{
	return span_same(s, span_of(word));
}

bool
span_is_nocase(struct span s, const char *word)
{
	return span_same_nocase(s, span_of(word));
}

bool
span_same(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
span_same_nocase(struct span a, struct span b)
{
	return a.len == b.len && same_nocase(a.ptr, b.ptr, a.len);
}

bool
span_starts_nocase(struct span s, const char *word)
{
	size_t len = strlen(word);

	return s.len >= len && same_nocase(s.ptr, word, len);
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}
