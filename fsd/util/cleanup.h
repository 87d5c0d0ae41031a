/* SPDX-License-Identifier: MIT */
/*
 * cleanup - the library's, and what every file of ours needs beside it
 *
 * steal() hands what a variable owns to somebody else.
 */
#pragma once

#include <stddef.h>

#include "libqueue/cleanup.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* The pointer's value, for a new owner; the variable is NULL afterwards. */
#define steal(pointer) \
	__extension__ ({ __typeof__(pointer) steal_value_ = (pointer); (pointer) = NULL; steal_value_; })
