/* SPDX-License-Identifier: MIT */
/*
 * asleep - a thread that does something once the main thread waits
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

/* The system calls in which the library waits. */
static inline bool is_wait(long call)
{
	static const long waits[] = {
#ifdef SYS_poll
		SYS_poll,
#endif
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
		SYS_ppoll, SYS_epoll_pwait, SYS_futex,
	};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (call == waits[i])
			return true;
	return false;
}

/* Of who runs, the file says "running". */
static inline bool main_sleeps(void)
{
	long call = -1;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", getpid());
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	if (fscanf(file, "%ld", &call) != 1)
		call = -1;
	fclose(file);
	return is_wait(call);
}

static inline void wait_until_main_sleeps(void)
{
	const struct timespec end = in_ms(20000);

	while (!main_sleeps()) {
		ck_assert(!is_over(&end));
		usleep(100);
	}
}
