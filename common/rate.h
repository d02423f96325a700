/*
 * How often each address may come: so many at once, and as many a minute from
 * then on.  The table has a fixed size and forgets first whom it would let in
 * anyway.
 */
#ifndef COMMON_RATE_H
#define COMMON_RATE_H

#include "common/base.h"

enum { RATE_KEY_LEN = 16 };

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate **);

/* Once more from there?  If not, it does not count.  `now`: clock_mono_ms(). */
bool rate_take(struct rate *, const unsigned char key[RATE_KEY_LEN], uint32_t a_minute, int64_t now) MUST_USE;

#endif
