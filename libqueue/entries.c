/* SPDX-License-Identifier: MIT */
/*
 * entries - entries in place, and many at a time; and what a queue's memory
 * tells of it. What each promises is in IOKit/IODataQueueClient.h.
 */
#include <errno.h>

#include <IOKit/IODataQueueClient.h>

#include "attachment.h"
#include "observe.h"
#include "result.h"

/* A success is told to the peer, if it waits. */
static IOReturn finish(IODataQueueMemory *queue, int r)
{
	if (r < 0)
		return result_from_ring(r);
	return wait_is_quiet(&queue->ring) ? kIOReturnSuccess : attachment_announce(queue);
}

/* As finish(); a queue found empty may have been filled while the port was armed. */
static bool empty_for_good(IODataQueueMemory *queue, int r)
{
	return r != -ENODATA || port_arm(queue, 0) != 1;
}

/* Full: the refusal stands; but the port may tell at once. */
static void port_wants_space(IODataQueueMemory *queue, size_t size)
{
	if (port_arm(queue, ring_span(&queue->ring, size)) == 1)
		port_ring_self(queue);
}

IOReturn IODataQueueReserve(IODataQueueMemory *queue, UInt32 dataSize, void **data)
{
	IOReturn result = attachment_check(queue, ROLE_PRODUCER);
	int r;

	if (result != kIOReturnSuccess)
		return result;
	if (!data)
		return kIOReturnBadArgument;

	r = ring_reserve(&queue->ring, dataSize, data);
	if (r == -EOVERFLOW)
		port_wants_space(queue, dataSize);
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

IOReturn IODataQueueCommit(IODataQueueMemory *queue, UInt32 dataSize)
{
	IOReturn result = attachment_check(queue, ROLE_PRODUCER);

	if (result != kIOReturnSuccess)
		return result;
	return finish(queue, ring_commit(&queue->ring, dataSize));
}

IOReturn IODataQueueRelease(IODataQueueMemory *queue)
{
	IOReturn result = attachment_check(queue, ROLE_CONSUMER);

	if (result != kIOReturnSuccess)
		return result;
	return finish(queue, ring_release(&queue->ring));
}

IOReturn IODataQueueEnqueueBatch(IODataQueueMemory *queue, const struct iovec *entries,
				 UInt32 *count)
{
	IOReturn result = attachment_check(queue, ROLE_PRODUCER);
	UInt32 n;
	int r;

	if (result != kIOReturnSuccess)
		return result;
	if (!count || (!entries && *count > 0))
		return kIOReturnBadArgument;
	if (*count == 0)
		return kIOReturnSuccess;

	r = ring_enqueue_batch(&queue->ring, entries, *count, &n);
	if (r == -EOVERFLOW)
		port_wants_space(queue, entries->iov_len);
	*count = n;
	return finish(queue, r);
}

IOReturn IODataQueueDequeueBatch(IODataQueueMemory *queue, struct iovec *entries, UInt32 *count)
{
	IOReturn result = attachment_check(queue, ROLE_CONSUMER);
	UInt32 n;
	int r;

	if (result != kIOReturnSuccess)
		return result;
	if (!count || (!entries && *count > 0))
		return kIOReturnBadArgument;
	if (*count == 0)
		return kIOReturnSuccess;

	r = ring_dequeue_batch(&queue->ring, entries, *count, &n);
	if (!empty_for_good(queue, r))
		r = ring_dequeue_batch(&queue->ring, entries, *count, &n);
	*count = n;
	return finish(queue, r);
}

IOReturn IODataQueueGetStatistics(const IODataQueueMemory *queue, IODataQueueStatistics *statistics)
{
	const struct geometry *geometry;
	struct ring_status status;

	if (!queue || !statistics)
		return kIOReturnBadArgument;

	geometry = &queue->ring.geometry;
	ring_observe(&queue->mapping, geometry, &status);
	*statistics = (IODataQueueStatistics){
		.entries = status.entries,
		.used = status.used,
		.free = status.free,
		.capacity = geometry->capacity,
		.maxEntry = geometry->max_entry,
		.enqueued = status.enqueued,
		.dequeued = status.dequeued,
		.overruns = status.overruns,
		.dataNotifications = status.data_notifications,
		.spaceNotifications = status.space_notifications,
		.failedNotifications = load_relaxed(&queue->n_failed_rings),
		.corrupt = status.corrupt,
	};
	return kIOReturnSuccess;
}
