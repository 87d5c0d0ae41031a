/* SPDX-License-Identifier: MIT */
/*
 * failure - why the call that runs now is refused, beyond its errno
 *
 * The one who refuses says it here; fuse/ takes it when it answers, and keeps it
 * for the process that asked (err/PID). One thread, one call at a time.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct failure {
	int error;		/* the negative errno that this belongs to; 0: nothing was said */
	uint32_t code;		/* the exact IOReturn; 0: the one that stands for the errno */
	char message[256];	/* what was wrong and what would be right, or "" */
};

/* Refuse with an errno below 0 and a message for a person. Return: @error. */
__attribute__((format(printf, 2, 3)))
int failure(int error, const char *format, ...);

/* Refuse with an IOReturn that is not 0. Return: its negative errno. */
int failure_code(uint32_t code);

/* The sentence that was said of it, if any, stays. Return: @error. */
int failure_with_code(int error, uint32_t code);

/* As it was said before. */
void failure_repeat(const struct failure *failure);

/* A negative errno that says nothing of what was looked for: we have not the means to look. */
static inline bool failure_is_want(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* What was said since the last call of this, in *@ret; forget it. */
void failure_take(struct failure *ret);
