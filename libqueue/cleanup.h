/* SPDX-License-Identifier: MIT */
/*
 * cleanup - variables that free what they own when they go out of scope
 *
 * A variable with a cleanup is initialised where it is declared. Never beside a
 * goto.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
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
