/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "atomic.h"
#include "stream_ring.h"

#define MOST_LOOKS	8	/* at indices that change meanwhile */

void stream_ring_format(IOStreamBufferQueue *queue, uint32_t entry_count)
{
	store_relaxed(&queue->entryCount, entry_count);
	store_relaxed(&queue->reserved, 0);
	store_release(&queue->tailIndex, 0);
	store_release(&queue->headIndex, 0);
}

/*
 * A tail that came after the head would say that the ring is nearly full where it is empty; if the
 * head is the same behind it, they belong together.
 */
int stream_ring_indices(const struct stream_ring *ring, uint32_t *ret_head, uint32_t *ret_tail)
{
	uint32_t head = load_acquire(&ring->queue->headIndex), tail, before;
	int n_looks = 0;

	do {
		before = head;
		tail = load_acquire(&ring->queue->tailIndex);
		head = load_acquire(&ring->queue->headIndex);
	} while (head != before && ++n_looks < MOST_LOOKS);

	if (head >= ring->entry_count || tail >= ring->entry_count)
		return -EPROTO;
	*ret_head = head;
	*ret_tail = tail;
	return 0;
}

int stream_ring_length(const struct stream_ring *ring, uint32_t *ret)
{
	uint32_t head, tail;
	int r = stream_ring_indices(ring, &head, &tail);

	if (r == 0)
		*ret = stream_ring_distance(ring, tail, head);
	return r;
}

/* No more is loaded, and nothing twice, than the copy that is then looked at. */
IOStreamBufferQueueEntry stream_ring_entry(const struct stream_ring *ring, uint32_t index)
{
	const IOStreamBufferQueueEntry *entry = &ring->queue->queue[index];

	return (IOStreamBufferQueueEntry){
		.bufferID = load_relaxed(&entry->bufferID),
		.dataOffset = load_relaxed(&entry->dataOffset),
		.dataLength = load_relaxed(&entry->dataLength),
		.controlOffset = load_relaxed(&entry->controlOffset),
		.controlLength = load_relaxed(&entry->controlLength),
	};
}

static void fill(IOStreamBufferQueueEntry *to, const IOStreamBufferQueueEntry *entry)
{
	store_relaxed(&to->bufferID, entry->bufferID);
	store_relaxed(&to->dataOffset, entry->dataOffset);
	store_relaxed(&to->dataLength, entry->dataLength);
	store_relaxed(&to->controlOffset, entry->controlOffset);
	store_relaxed(&to->controlLength, entry->controlLength);
	for (int i = 0; i < 3; i++)
		store_relaxed(&to->reserved[i], 0);
}

int stream_ring_put(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
		    const IOStreamBufferQueueEntry *entry)
{
	uint32_t next = stream_ring_next(ring, *head);

	if (tail >= ring->entry_count)
		return -EPROTO;
	if (next == tail)
		return -EAGAIN;
	fill(&ring->queue->queue[*head], entry);
	/* Release: who sees the index sees the entry, and the buffer that it names. */
	store_release(&ring->queue->headIndex, next);
	*head = next;
	return 0;
}

int stream_ring_get(const struct stream_ring *ring, uint32_t *tail, IOStreamBufferQueueEntry *ret)
{
	uint32_t head = load_acquire(&ring->queue->headIndex);
	uint32_t next = stream_ring_next(ring, *tail);

	if (head >= ring->entry_count)
		return -EPROTO;
	if (head == *tail)
		return -EAGAIN;
	*ret = stream_ring_entry(ring, *tail);
	/* Release: who sees the index may overwrite what is copied. */
	store_release(&ring->queue->tailIndex, next);
	*tail = next;
	return 0;
}
