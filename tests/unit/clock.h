/* SPDX-License-Identifier: MIT */
/*
 * clock - deadlines of CLOCK_MONOTONIC
 */
#pragma once

#include <stdbool.h>
#include <time.h>

static inline struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static inline bool is_over(const struct timespec *end)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec > end->tv_sec || (t.tv_sec == end->tv_sec && t.tv_nsec > end->tv_nsec);
}
