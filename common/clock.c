/* The two clocks. */
#include "common/clock.h"

#include "common/base.h"

static int64_t
milliseconds(clockid_t which)
{
	struct timespec now;

	if (clock_gettime(which, &now) != 0)
		PANIC("no clock");
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_wall(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		PANIC("no clock");
	return (int64_t)now.tv_sec;
}

int64_t
clock_wall_ms(void)
{
	return milliseconds(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(void)
{
	return milliseconds(CLOCK_MONOTONIC);
}
