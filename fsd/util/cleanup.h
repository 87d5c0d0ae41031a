/* SPDX-License-Identifier: MIT */
/*
 * cleanup - variables that free what they own when they go out of scope
 *
 * A variable with a cleanup is initialised where it is declared; steal() hands
 * what it owns to somebody else. Never beside a goto.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* The pointer's value, for a new owner; the variable is NULL afterwards. */
#define steal(pointer) \
	__extension__ ({ __typeof__(pointer) steal_value_ = (pointer); (pointer) = NULL; steal_value_; })

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

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

static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}
