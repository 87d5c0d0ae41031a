/* SPDX-License-Identifier: MIT */
/*
 * cleanup - variables that free what they own when they go out of scope
 *
 * A variable with a cleanup is initialised where it is declared. Never beside a
 * goto.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

/*
 * New text, the caller's; NULL: no memory. After asprintf(3) has failed a variable may hold
 * anything, and its cleanup would free that.
 */
__attribute__((format(printf, 1, 2)))
static inline char *text_print(const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return n < 0 ? NULL : text;
}

/* Return: what the variable is to be afterwards. */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void closep(int *fd)
{
	*fd = close_fd(*fd);
}

/* The descriptor, for a new owner; the variable is -1 afterwards. */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}
