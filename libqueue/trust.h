/* SPDX-License-Identifier: MIT */
/*
 * trust - what the other side wrote, checked
 *
 * Shared memory is hostile input. Everything here loads a shared word once, by
 * an atomic load into a local, checks the local and hands it on: a plain load
 * may be repeated by the compiler, after the check.
 */
#pragma once

#include <stdbool.h>

#include "atomic.h"
#include "mapping.h"

/* An entry's header is loaded and stored whole: size, and flags above it. */
typedef uint64_t __attribute__((may_alias)) entry_word;

/* An entry that may be read: all of it is published, and inside the ring. */
struct found {
	const unsigned char *payload;
	uint64_t gap;			/* bytes before it that are to be skipped */
	uint32_t size;			/* of the payload */
};

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline bool positions_sound(uint64_t head, uint64_t tail, uint64_t queue_size)
{
	return head % 8 == 0 && tail % 8 == 0 && head <= tail && tail - head <= queue_size;
}

/* Return: false when anything in the geometry breaks a rule; *@ret is then untouched. */
bool read_geometry(const struct mapping *memory, struct geometry *ret);

bool same_geometry(const struct geometry *a, const struct geometry *b);

/*
 * The first of the @n published bytes from @offset of the ring on that are no
 * gap. At most two headers are looked at: a gap reaches the ring's end, and what
 * follows it does not.
 * Return: 0, -ENODATA when @n is 0, or -EIO.
 */
int find_entry(const struct queue_data *data, const struct geometry *geometry,
	       uint64_t offset, uint64_t n, struct found *ret);
