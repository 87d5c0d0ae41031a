/* SPDX-License-Identifier: MIT */
/*
 * data_queue - the documented functions on a queue: the ring, the doorbells and
 * the port, put together. What each promises is in IOKit/IODataQueueClient.h.
 *
 * Enqueue and Dequeue are the hot path. They go to the ring, look whether the
 * other side waits, and leave everything else to functions that are called
 * rarely, and last, so that nothing needs to be kept meanwhile.
 */
#include <errno.h>

#include <IOKit/IODataQueueClient.h>

#include "attachment.h"
#include "result.h"
#include "ring_inline.h"

static const enum role roles[] = {
	[kIODataQueueObserver] = ROLE_OBSERVER,
	[kIODataQueueProducer] = ROLE_PRODUCER,
	[kIODataQueueConsumer] = ROLE_CONSUMER,
};

IODataQueueMemory *IODataQueueOpen(const char *path, int role)
{
	IODataQueueMemory *queue;
	int r;

	if (!path || !*path || role < 0 || (size_t)role >= sizeof(roles) / sizeof(roles[0])) {
		errno = EINVAL;
		return NULL;
	}

	r = attachment_open(path, roles[role], &queue);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	return queue;
}

void IODataQueueClose(IODataQueueMemory *queue)
{
	if (queue)
		attachment_close(queue);
}

/* Return: 1, 0 or -EIO; a consumer with a port is told of the next change. */
static int queue_look(IODataQueueMemory *queue)
{
	int r;

	/* What a producer saw of head says nothing of now. */
	if (queue->ring.role == ROLE_PRODUCER)
		ring_look(&queue->ring);
	r = ring_available(&queue->ring);
	if (r == 0 && queue->ring.role == ROLE_CONSUMER)
		r = port_arm(queue, 0);
	return r;
}

Boolean IODataQueueDataAvailable(IODataQueueMemory *queue)
{
	return queue && queue_look(queue) == 1;
}

IODataQueueEntry *IODataQueuePeek(IODataQueueMemory *queue)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r;

	static_assert(offsetof(IODataQueueEntry, data) == offsetof(struct queue_entry, data) &&
		      DATA_QUEUE_ENTRY_HEADER_SIZE == sizeof(struct queue_entry),
		      "the documented entry is ours");

	if (!queue || queue->ring.role == ROLE_PRODUCER)
		return NULL;

	r = ring_peek(&queue->ring, &entry, &size, &position);
	if (r == -ENODATA && queue->ring.role == ROLE_CONSUMER && port_arm(queue, 0) == 1)
		r = ring_peek(&queue->ring, &entry, &size, &position);
	/* The documented type lacks the const that the mapping has. */
	return r < 0 ? NULL : (IODataQueueEntry *)(uintptr_t)entry;
}

static IOReturn finish(IODataQueueMemory *queue)
{
	return wait_is_quiet(&queue->ring) ? kIOReturnSuccess : attachment_announce(queue);
}

__attribute__((noinline))
static IOReturn dequeue_slow(IODataQueueMemory *queue, void *data, UInt32 *size)
{
	int r = ring_dequeue_slow(&queue->ring, data, size);

	if (r == -ENODATA && queue->watch.port == MACH_PORT_NULL)
		return kIOReturnUnderrun;
	if (r == -ENODATA && port_arm(queue, 0) == 1)
		r = ring_dequeue(&queue->ring, data, size);
	return r < 0 ? result_from_ring(r) : finish(queue);
}

IOReturn IODataQueueDequeue(IODataQueueMemory *queue, void *data, UInt32 *dataSize)
{
	uint64_t before;

	if (unlikely(!queue || queue->ring.role != ROLE_CONSUMER))
		return attachment_check(queue, ROLE_CONSUMER);

	before = queue->ring.head;
	if (unlikely(!dequeue_short(&queue->ring, data, dataSize)))
		return dequeue_slow(queue, data, dataSize);
	if (likely(wait_is_quiet(&queue->ring)))
		return kIOReturnSuccess;
	queue->ring.previous = before;
	return attachment_announce(queue);
}

__attribute__((noinline))
static IOReturn enqueue_slow(IODataQueueMemory *queue, const void *data, UInt32 size)
{
	int r = ring_enqueue_slow(&queue->ring, data, size);

	/* The refusal stands, and is counted; but the port may tell at once. */
	if (r == -EOVERFLOW && port_arm(queue, ring_span(&queue->ring, size)) == 1)
		port_ring_self(queue);
	return r < 0 ? result_from_ring(r) : finish(queue);
}

IOReturn IODataQueueEnqueue(IODataQueueMemory *queue, void *data, UInt32 dataSize)
{
	uint64_t before;

	if (unlikely(!queue || queue->ring.role != ROLE_PRODUCER))
		return attachment_check(queue, ROLE_PRODUCER);

	before = queue->ring.tail;
	if (unlikely(!enqueue_short(&queue->ring, data, dataSize)))
		return enqueue_slow(queue, data, dataSize);
	if (likely(wait_is_quiet(&queue->ring)))
		return kIOReturnSuccess;
	queue->ring.previous = before;
	return attachment_announce(queue);
}
