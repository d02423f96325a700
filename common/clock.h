/* The two clocks.  Durations are always measured with the monotonic one. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_wall(void);    /* seconds since 1970, UTC */
int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void); /* milliseconds since some start; never goes back */

#endif
