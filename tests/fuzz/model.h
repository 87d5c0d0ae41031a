/* SPDX-License-Identifier: MIT */
/*
 * model - docs/ring.md once more, as short as it can be said: what the library
 * must answer where a peer writes what it likes
 *
 * The order of the words' loads is the document's, too, so that the results are
 * the same to the last one, whatever changes between two calls.
 */
#pragma once

#include "fuzz.h"

/* An entry: where its header lies in the ring, behind a gap of so many bytes. */
struct seen {
	uint64_t gap, offset;
	uint32_t size;
};

static inline uint64_t space_of(uint64_t size)
{
	return 8 + (size + 7) / 8 * 8;
}

static inline bool are_positions(uint64_t head, uint64_t tail, uint64_t queue_size)
{
	return head % 8 == 0 && tail % 8 == 0 && head <= tail && tail - head <= queue_size;
}

/* Return: 0, -ENODATA or -EIO, of what stands at @head with everything before @tail published. */
static inline int model_find(const struct queue *queue, uint64_t head, uint64_t tail,
			     struct seen *ret)
{
	uint64_t queue_size = queue->geometry.queue_size;
	struct seen seen = { .offset = head % queue_size };
	uint32_t header[2];

	if (head == tail)
		return -ENODATA;

	memcpy(header, queue->peer.data->queue + seen.offset, 8);
	if (header[1] == 1) {
		seen.gap = 8 + (uint64_t)header[0];
		if (seen.gap != queue_size - seen.offset || seen.gap >= tail - head)
			return -EIO;
		seen.offset = 0;
		memcpy(header, queue->peer.data->queue, 8);
	}
	if (header[1] != 0 || header[0] > queue->geometry.max_entry ||
	    seen.gap + space_of(header[0]) > tail - head ||
	    seen.offset + space_of(header[0]) > queue_size)
		return -EIO;

	seen.size = header[0];
	*ret = seen;
	return 0;
}

/* What an entry takes at @tail, with its gap. */
static inline uint64_t model_span(uint64_t queue_size, uint64_t tail, uint64_t size)
{
	uint64_t left = queue_size - tail % queue_size;

	return space_of(size) <= left ? space_of(size) : left + space_of(size);
}

/*
 * What an honest producer would do next, without a look at whether there is
 * room: the entry, its gap, and the tail.
 */
static inline void forge_entry(const struct queue *queue, uint64_t size, unsigned char byte)
{
	uint64_t tail = load_relaxed(&queue->peer.data->tail),
		queue_size = queue->geometry.queue_size;
	uint64_t span = model_span(queue_size, tail, size), offset = tail % queue_size;
	uint32_t header[2] = { (uint32_t)size };

	if (tail % 8 != 0 || space_of(size) > queue_size)
		return;
	if (span != space_of(size)) {
		uint32_t gap[2] = { (uint32_t)(queue_size - offset - 8), 1 };

		memcpy(queue->peer.data->queue + offset, gap, 8);
		offset = 0;
	}
	memcpy(queue->peer.data->queue + offset, header, 8);
	memset(queue->peer.data->queue + offset + 8, byte, space_of(size) - 8);
	store_release(&queue->peer.data->tail, tail + span);
}

/*
 * How the other side is to be rung where it paces itself; its two words, and the
 * last wait of it that was rung for.
 */
static inline unsigned model_due(uint32_t wait, bool enough, uint32_t *rung)
{
	if (wait % 4 == 0 || wait == *rung || !enough)
		return 0;
	*rung = wait;
	return wait % 4;
}
