/* SPDX-License-Identifier: MIT */
/*
 * stream_ring - entries in a ring that two processes share; one writes, one reads
 *
 * Everything in the ring may be spoiled by the other side at any time. An index is
 * loaded once and checked; an entry is copied first and the copy looked at.
 */
#pragma once

#include "stream_layout.h"

struct stream_ring {
	IOStreamBufferQueue *queue;	/* borrowed: the mapping; NULL: there is none */
	uint32_t entry_count;		/* private, as it was made */
};

/* Make @queue the empty ring of @entry_count entries. Nobody uses it yet, or any more. */
void stream_ring_format(IOStreamBufferQueue *queue, uint32_t entry_count);

/*
 * Both indices, as they were in one moment, unless both ends go on faster than we can look. Return:
 * 0, or -EPROTO for an index that is none.
 */
int stream_ring_indices(const struct stream_ring *ring, uint32_t *ret_head, uint32_t *ret_tail);

/* Entries that wait, by such a look. Return: 0 or -EPROTO. */
int stream_ring_length(const struct stream_ring *ring, uint32_t *ret);

/*
 * Writer: put @entry, which nobody changes meanwhile. @tail was loaded, with acquire: the reader
 * has copied the entry that we overwrite. @head: our private index, which is advanced; what is in
 * the ring for it is not looked at. Return: 0, -EAGAIN when it is full, -EPROTO when @tail is no
 * index.
 */
int stream_ring_put(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
		    const IOStreamBufferQueueEntry *entry);

/* Reader: likewise with @tail. Return: 0, -EAGAIN when it is empty, -EPROTO. */
int stream_ring_get(const struct stream_ring *ring, uint32_t *tail, IOStreamBufferQueueEntry *ret);

/* A copy of the entry at @index, which is one. */
IOStreamBufferQueueEntry stream_ring_entry(const struct stream_ring *ring, uint32_t index);

static inline uint32_t stream_ring_next(const struct stream_ring *ring, uint32_t index)
{
	return index + 1 < ring->entry_count ? index + 1 : 0;
}

/* From @tail to @head, which are indices: how many entries that is. */
static inline uint32_t stream_ring_distance(const struct stream_ring *ring, uint32_t tail,
					    uint32_t head)
{
	return head >= tail ? head - tail : head + (ring->entry_count - tail);
}
