/* SPDX-License-Identifier: MIT */
/*
 * checks - that something is so, or the program ends; and what connection.c works with
 */
#pragma once

#include <errno.h>

#include "client.h"

static inline void check_(bool good, const char *what, int line)
{
	if (good)
		return;
	fprintf(stderr, "%s.c:%d: %s\n", program_invocation_short_name, line, what);
	exit(EXIT_FAILURE);
}

#define check(condition)	check_(condition, #condition, __LINE__)

static inline void check_result_(IOReturn result, IOReturn wanted, const char *what, int line)
{
	if (result == wanted)
		return;
	fprintf(stderr, "%s.c:%d: %s: %s", program_invocation_short_name, line, what,
		name_of(result));
	fprintf(stderr, ", not %s\n", name_of(wanted));
	exit(EXIT_FAILURE);
}

#define gives(wanted, call)	check_result_(call, wanted, #call, __LINE__)

static inline io_connect_t open_test(void)
{
	return open_class("TestDriver", 0);
}

static inline io_service_t find_test(void)
{
	io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault,
							   IOServiceMatching("TestDriver"));

	check(service != IO_OBJECT_NULL);
	return service;
}

static inline void *word(uint64_t value)
{
	return (void *)(uintptr_t)value;
}

/* So that a shell that waits for it goes on. */
static inline void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}
