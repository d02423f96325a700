/* A clock that stands still but when a test moves it; takes the place of common/clock.c in the program that includes this. */
#ifndef TESTS_UNIT_STILL_CLOCK_H
#define TESTS_UNIT_STILL_CLOCK_H

#include "common/clock.h"

static int64_t wall = 1800000000;

int64_t
clock_wall(void)
{
	return wall;
}

int64_t
clock_wall_ms(void)
{
	return wall * 1000;
}

int64_t
clock_mono_ms(void)
{
	return wall * 1000;
}

#endif
