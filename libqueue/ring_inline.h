/* SPDX-License-Identifier: MIT */
/*
 * ring_inline - enqueue and dequeue where nothing special happens
 *
 * The one copy of the hot path, to be inlined into ring.c and into the public
 * functions. Everything that is not the common case (an end of the ring, a peer
 * to be looked at, a damaged entry) is in ring.c, behind ring_make_room() and
 * ring_find(), which also draws the algorithm that the letters refer to.
 */
#pragma once

#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "ring.h"

#define likely(condition)	__builtin_expect(!!(condition), 1)
#define unlikely(condition)	__builtin_expect(!!(condition), 0)

/* An entry's header is loaded and stored whole: size, and flags above it. */
typedef uint64_t __attribute__((may_alias)) entry_word;

/* The next entry of a consumer, checked. */
struct found {
	const unsigned char *payload;
	uint64_t gap;			/* bytes before it that are to be skipped */
	uint32_t size;			/* of the payload */
};

/*
 * See to it that an entry of @size bytes fits in ring->run; writes the gap.
 * Return: as ring_enqueue().
 */
int ring_make_room(struct ring *ring, const void *data, size_t size);

/* The rest of find_next(). */
int ring_find(struct ring *ring, struct found *ret);

/* Take the consumer's place behind a gap and the entry that follows it. */
void ring_pass_gap(struct ring *ring, const struct found *found);

/*
 * memcpy() for what mostly is small: a call, and a loop inside it, cost more
 * than the bytes. Each step copies its first and its last bytes; they overlap.
 */
static inline void copy_payload(unsigned char *to, const unsigned char *from, size_t n)
{
	if (n >= 16) {
		if (n > 128) {
			memcpy(to, from, n);
			return;
		}
		if (n > 32) {
			if (n > 64) {
				__builtin_memcpy(to + 32, from + 32, 32);
				__builtin_memcpy(to + n - 64, from + n - 64, 32);
			}
			__builtin_memcpy(to + 16, from + 16, 16);
			__builtin_memcpy(to + n - 32, from + n - 32, 16);
		}
		__builtin_memcpy(to, from, 16);
		__builtin_memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		__builtin_memcpy(to, from, 8);
		__builtin_memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		__builtin_memcpy(to, from, 4);
		__builtin_memcpy(to + n - 4, from + n - 4, 4);
	} else if (n > 0) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

static inline int enqueue_inline(struct ring *ring, const void *data, size_t size)
{
	uint64_t space, before = ring->tail;
	unsigned char *at;

	if (unlikely(!data || size > ring->geometry.max_entry ||
		     entry_space(size) > ring->run)) {
		int r = ring_make_room(ring, data, size);	/* P1 */

		if (r < 0)
			return r;
	}

	space = entry_space(size);
	at = ring->next;
	/* The filler is in the last word, or else what is copied overwrites it. */
	store_relaxed((entry_word *)(at + space - 8), 0);	/* P2 */
	store_relaxed((entry_word *)at, size);
	copy_payload(at + sizeof(struct queue_entry), data, size);

	ring->next = at + space;
	ring->run -= space;
	ring->previous = before;
	ring->tail += space;
	store_release(&ring->data->tail, ring->tail);		/* P3 */
	store_relaxed(&ring->data->enqueued, ++ring->enqueued);
	return 0;
}

/* Consumer: the next entry, or as ring_peek(). Moves nothing. */
static inline int find_next(struct ring *ring, struct found *ret)
{
	uint64_t header;

	if (unlikely(ring->run == 0))
		return ring_find(ring, ret);			/* C1 */

	/* An entry that is no gap and not too large is below max_entry + 1. */
	header = load_relaxed((const entry_word *)ring->next);	/* C2 */
	if (unlikely(header > ring->geometry.max_entry || entry_space(header) > ring->run))
		return ring_find(ring, ret);

	ret->payload = ring->next + sizeof(struct queue_entry);
	ret->gap = 0;
	ret->size = (uint32_t)header;
	return 0;
}

/* Consumer: publish the position behind the entry that find_next() found. */
static inline void consume(struct ring *ring, const struct found *found)
{
	ring->previous = ring->head;
	if (unlikely(found->gap)) {
		ring_pass_gap(ring, found);
	} else {
		uint64_t space = entry_space(found->size);

		ring->next += space;
		ring->run -= space;
		ring->head += space;
	}
	store_release(&ring->consumer->head, ring->head);	/* C3 */
	store_relaxed(&ring->consumer->dequeued, ++ring->dequeued);
}

static inline int dequeue_inline(struct ring *ring, void *buffer, uint32_t *size)
{
	struct found found;
	int r;

	if (unlikely(buffer && !size))
		return -EINVAL;

	r = find_next(ring, &found);
	if (unlikely(r < 0))
		return r;

	if (buffer) {
		uint32_t room = *size;

		*size = found.size;
		if (unlikely(found.size > room))
			return -ENOSPC;
		copy_payload(buffer, found.payload, found.size);
	} else if (size) {
		*size = found.size;
	}

	consume(ring, &found);
	return 0;
}
