/* SPDX-License-Identifier: MIT */
/*
 * ring_inline - enqueue and dequeue where nothing special happens
 *
 * The one copy of the hot path, to be inlined into ring.c and into the public
 * functions: small payloads, away from the ring's end, with room or entries
 * that were seen before. It calls nothing, so that it needs no stack. The rest
 * is in ring.c, which also draws the algorithm that the letters refer to.
 */
#pragma once

#include "atomic.h"
#include "ring.h"

#define likely(condition)	__builtin_expect(!!(condition), 1)
#define unlikely(condition)	__builtin_expect(!!(condition), 0)

/* Of one poll of an empty queue. */
#define N_LOOKS		16

/* Bytes: the largest payload that is copied without a call. */
#define SMALL_PAYLOAD	128u

int ring_enqueue_slow(struct ring *ring, const void *data, size_t size);
int ring_dequeue_slow(struct ring *ring, void *buffer, uint32_t *size);

/* Where position @p of this lap lies in the ring. */
static inline unsigned char *ring_at(const struct ring *ring, uint64_t p)
{
	return (unsigned char *)(uintptr_t)(ring->origin + p);
}

/*
 * memcpy() of at most SMALL_PAYLOAD bytes. Each step copies the first and the
 * last bytes of what is left; they may overlap.
 */
static inline void copy_small(unsigned char *to, const unsigned char *from, size_t n)
{
	if (n >= 16) {
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

/*
 * Producer: all of the entry at position @p but its payload, whose place is
 * returned.
 */
static inline unsigned char *begin_entry(const struct ring *ring, uint64_t p, size_t size)
{
	unsigned char *at = ring_at(ring, p);

	/* The filler is in the last word. */
	if (size % 8 != 0)
		store_relaxed((entry_word *)(at + entry_space(size) - sizeof(entry_word)), 0);
	store_relaxed((entry_word *)at, size);
	return at + sizeof(struct queue_entry);
}

/* Producer: publish everything before @tail, which ends @n entries more. */
static inline void publish_entries(struct ring *ring, uint64_t tail, uint64_t n)
{
	struct queue_data *data = ring->data;

	ring->tail = tail;
	store_release(&data->tail, tail);					/* P3 */
	store_relaxed(&data->enqueued, ring->enqueued += n);
}

/* Consumer: publish that everything before @head was read, @n entries more. */
static inline void consume_entries(struct ring *ring, uint64_t head, uint64_t n)
{
	struct queue_consumer *consumer = ring->consumer;

	ring->head = head;
	store_release(&consumer->head, head);					/* C3 */
	store_relaxed(&consumer->dequeued, ring->dequeued += n);
}

/*
 * Producer: write the entry at position @tail and publish nothing.
 * Return: false, with nothing written, where anything about it is special.
 */
static inline bool place_inline(const struct ring *ring, uint64_t tail, const void *data,
				size_t size)
{
	if (unlikely(!data || size > ring->small || entry_space(size) > ring->limit - tail))
		return false;

	copy_small(begin_entry(ring, tail, size), data, size);			/* P2 */
	return true;
}

/*
 * Consumer: all that we saw is taken; is there more in this lap? An entry is
 * written before the tail is, so both lines are asked for at once. Some looks in
 * a row: who polls should see what comes here, and not on the way back.
 * Return: false where there is not, and where anything about it is special.
 */
static inline bool look_inline(struct ring *ring)
{
	uint64_t head = ring->head, tail;
	int i = 0;

	__builtin_prefetch(ring_at(ring, head));
	do {
		tail = load_acquire(&ring->data->tail);				/* C1 */
	} while (tail == head && ++i < N_LOOKS);
	if (tail <= head || tail % 8 != 0 || tail - head > ring->lap_end - head ||
	    ring->tail != head)
		return false;

	ring->tail = tail;
	ring->limit = tail;
	return true;
}

/*
 * Consumer: copy the entry at position @head, of at most @room bytes, and
 * publish nothing.
 * Return: false, with nothing copied, where anything about it is special.
 */
static inline bool take_inline(struct ring *ring, uint64_t head, void *buffer, uint64_t room,
			       uint64_t *ret_size)
{
	const unsigned char *at = ring_at(ring, head);
	uint64_t header;

	if (unlikely(!buffer || (head == ring->limit && !look_inline(ring))))
		return false;

	/* A gap has a flag set above its size, and is past any size. */
	header = load_relaxed((const entry_word *)at);				/* C2 */
	if (unlikely(header > ring->small || header > room ||
		     entry_space(header) > ring->limit - head))
		return false;

	copy_small(buffer, at + sizeof(struct queue_entry), header);		/* C2 */
	*ret_size = header;
	return true;
}

/*
 * The short way: true when the entry went through. The payload may lie anywhere,
 * for all the compiler knows: positions in locals. Every store counts, for they
 * queue up while the peer has the line that the position is in: ring->previous is
 * the caller's to store, before wait_due_slow().
 */
static inline bool enqueue_short(struct ring *ring, const void *data, size_t size)
{
	uint64_t tail = ring->tail;

	if (unlikely(!place_inline(ring, tail, data, size)))
		return false;

	publish_entries(ring, tail + entry_space(size), 1);			/* P3 */
	return true;
}

static inline bool dequeue_short(struct ring *ring, void *buffer, uint32_t *size)
{
	uint64_t head = ring->head, taken;

	if (unlikely(!size || !take_inline(ring, head, buffer, *size, &taken)))
		return false;

	*size = (uint32_t)taken;
	consume_entries(ring, head + entry_space(taken), 1);			/* C3 */
	return true;
}
