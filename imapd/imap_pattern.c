/*
 * Every state a pattern can be in after the bytes read so far is one bit;
 * a byte of the name moves all of them at once.  A state is a position in the
 * pattern: what stands before it has matched.
 */
#include "imapd/imap_pattern.h"

#include "common/scan.h"

enum {
	PATTERN_MAX = 1024, /* no name is longer than the store takes */
	WORD = 64,
	WORDS = PATTERN_MAX / WORD + 1,
};

struct states {
	uint64_t word[WORDS];
};

static inline bool
has(const struct states *s, size_t i)
{
	return s->word[i / WORD] >> (i % WORD) & 1;
}

static inline void
set(struct states *s, size_t i)
{
	s->word[i / WORD] |= (uint64_t)1 << (i % WORD);
}

static inline bool
is_wild(char c)
{
	return c == '*' || c == '%';
}

static inline char
fold(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* A wildcard may match nothing: being before it is being behind it as well. */
static void
close_states(struct states *s, struct span pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (is_wild(pattern.ptr[i]) && has(s, i))
			set(s, i + 1);
}

static void
step(struct states *s, struct span pattern, char c, bool nocase)
{
	struct states next = { { 0 } };

	for (size_t i = 0; i < pattern.len; i++) {
		char p = pattern.ptr[i];

		if (!has(s, i))
			continue;
		if (p == '*' || (p == '%' && c != '/'))
			set(&next, i);
		else if (p == c || (nocase && fold(p) == fold(c)))
			set(&next, i + 1);
	}
	close_states(&next, pattern);
	*s = next;
}

/* How many bytes of the name are INBOX, which has no case. */
static size_t
inbox_len(struct span name)
{
	enum { LEN = 5 };

	if (!span_starts_nocase(name, "INBOX"))
		return 0;
	return name.len == LEN || name.ptr[LEN] == '/' ? LEN : 0;
}

bool
imap_pattern_match(struct span pattern, struct span name)
{
	struct states s = { { 1 } };
	size_t inbox = inbox_len(name);

	if (pattern.len > PATTERN_MAX)
		return false;
	close_states(&s, pattern);
	for (size_t i = 0; i < name.len; i++)
		step(&s, pattern, name.ptr[i], i < inbox);
	return has(&s, pattern.len);
}
