/* SPDX-License-Identifier: MIT */
/*
 * check - what all targets share: what has to be so, and the input as a stream of numbers
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)						\
	do {								\
		if (!(condition))					\
			fail(__FILE__, __LINE__, #condition);		\
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

_Noreturn static inline void fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

struct input {
	const uint8_t *bytes;
	size_t n;
};

static inline uint64_t take(struct input *input, size_t n)
{
	uint64_t value = 0;

	if (n > input->n)
		n = input->n;
	memcpy(&value, input->bytes, n);
	input->bytes += n;
	input->n -= n;
	return value;
}

static inline uint8_t take_byte(struct input *input)
{
	return (uint8_t)take(input, 1);
}
