/*
 * A cursor over bytes from outside.  Reading past the end, or reading what is
 * not there, makes the cursor bad; a bad cursor reads nothing more and hands
 * out empty spans.  So a grammar is written straight down, and scan_done() is
 * asked once, at the end.  All parsers of protocol lines stand on it.
 */
#ifndef COMMON_SCAN_H
#define COMMON_SCAN_H

#include "common/base.h"

struct scan {
	const char *pos, *end;
	bool bad;
};

struct scan scan_over(struct span);
bool scan_more(const struct scan *); /* good, and something is left */
bool scan_done(const struct scan *); /* good, and nothing is left */
void scan_fail(struct scan *);
int scan_peek(const struct scan *);	     /* the next byte 0..255, or -1 */
bool scan_try(struct scan *, char);	     /* takes this byte if it is next */
bool scan_try_word(struct scan *, const char *); /* takes this word, in any case, if it is next */
void scan_need(struct scan *, char);	     /* this byte must be next */
void scan_word(struct scan *, const char *); /* this word, in any case, must be next */
struct span scan_until(struct scan *, const char *stops, size_t max); /* up to a stop byte or the end; bad if longer than max */
struct span scan_take(struct scan *, size_t len); /* exactly len bytes */
struct span scan_rest(struct scan *);
uint64_t scan_number(struct scan *, uint64_t max); /* 1 or more digits, value at most max */
void scan_spaces(struct scan *);	     /* skips SP and TAB */

/* Comparison of spans; the `_nocase` forms fold ASCII only. */
bool span_is(struct span, const char *word);
bool span_is_nocase(struct span, const char *word);
bool span_same(struct span, struct span);
bool span_same_nocase(struct span, struct span);
bool span_starts_nocase(struct span, const char *word);
struct span span_trim(struct span); /* without SP, TAB, CR, LF at both ends */

#endif
