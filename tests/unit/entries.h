/* SPDX-License-Identifier: MIT */
/*
 * entries - payloads that tell which entry they are
 */
#pragma once

#include "memory.h"

static inline unsigned char byte_of(uint64_t n, size_t i)
{
	return (unsigned char)(n * 31 + i * 7 + 1);
}

static inline void fill(unsigned char *bytes, uint64_t n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_of(n, i);
}

/* Enqueue the @n-th entry, of @size bytes that tell which it is. */
static inline int put(struct ring *ring, uint64_t n, size_t size)
{
	unsigned char bytes[8192];

	ck_assert_uint_le(size, sizeof(bytes));
	fill(bytes, n, size);
	return ring_enqueue(ring, bytes, size);
}

static inline void get(struct ring *ring, uint64_t n, size_t size)
{
	unsigned char expected[8192], bytes[8192];
	uint32_t got = sizeof(bytes);

	fill(expected, n, size);
	ck_assert_int_eq(ring_dequeue(ring, bytes, &got), 0);
	ck_assert_uint_eq(got, size);
	ck_assert_mem_eq(bytes, expected, size);
}

/* A ring of two pages, and entries of up to 1024 bytes. */
static inline void new_default(struct sides *sides)
{
	struct geometry geometry = geometry_of(4096, 1024);

	new_sides(sides, &geometry);
}
