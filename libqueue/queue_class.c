/* SPDX-License-Identifier: MIT */
/*
 * queue_class - IODataQueue and IOSharedDataQueue
 */
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOSharedDataQueue.h>

#include "memory_descriptor.h"
#include "queue_class.h"

/*
 * The original counts in 32 bits, and its memory begins with a header and, where
 * it is shared both ways, ends with an appendix. Ours needs none of that; but
 * what the original refuses is a mistake of the caller's here, too.
 */
#define ORIGINAL_HEADER		12u
#define ORIGINAL_APPENDIX	36u
#define ORIGINAL_ENTRY_HEADER	4u

static void queue_class_free(void *object)
{
	IODataQueue_free(object);
}

static const OSMetaClass data_queue_class = {
	.name = "IODataQueue",
	.size = sizeof(IODataQueue),
	.free = queue_class_free,
};

static const OSMetaClass shared_data_queue_class = {
	.name = "IOSharedDataQueue",
	.super = &data_queue_class,
	.size = sizeof(IOSharedDataQueue),
	.free = queue_class_free,
};

static IODataQueue *queue_alloc(const OSMetaClass *meta)
{
	IODataQueue *queue = object_new(meta);

	if (queue)
		queue->memory = PROCESS_MEMORY_NULL;
	return queue;
}

static uint64_t largest_size(const IODataQueue *queue)
{
	return UINT32_MAX - ORIGINAL_HEADER -
	       (queue->object.meta == &shared_data_queue_class ? ORIGINAL_APPENDIX : 0);
}

/* Return: false where the original's size, @size, is too much, or memory lacks. */
static Boolean queue_init(IODataQueue *queue, uint64_t size, const struct geometry *geometry)
{
	if (queue->place != QUEUE_NOWHERE || size > largest_size(queue))
		return false;
	if (process_memory_open(geometry, &queue->memory) < 0)
		return false;

	queue->place = QUEUE_IN_MEMORY;
	queue->size = (UInt32)size;
	return true;
}

Boolean IODataQueue_initWithCapacity(IODataQueue *queue, UInt32 size)
{
	struct geometry geometry;

	return queue && geometry_with_capacity(size, &geometry) == 0 &&
	       queue_init(queue, size, &geometry);
}

Boolean IODataQueue_initWithEntries(IODataQueue *queue, UInt32 numEntries, UInt32 entrySize)
{
	uint64_t n = (uint64_t)numEntries + 1;
	uint64_t each = (uint64_t)entrySize + ORIGINAL_ENTRY_HEADER;
	struct geometry geometry;

	if (!queue || n > UINT32_MAX || each > UINT32_MAX || each > UINT32_MAX / n)
		return false;
	return geometry_with_entries(numEntries, entrySize, &geometry) == 0 &&
	       queue_init(queue, n * each, &geometry);
}

/* A queue that was not initialised is of no use. */
static IODataQueue *initialised(IODataQueue *queue, Boolean good)
{
	if (!good)
		OSSafeReleaseNULL(queue);
	return queue;
}

IODataQueue *IODataQueue_alloc(void)
{
	return queue_alloc(&data_queue_class);
}

IODataQueue *IODataQueue_withCapacity(UInt32 size)
{
	IODataQueue *queue = IODataQueue_alloc();

	return initialised(queue, IODataQueue_initWithCapacity(queue, size));
}

IODataQueue *IODataQueue_withEntries(UInt32 numEntries, UInt32 entrySize)
{
	IODataQueue *queue = IODataQueue_alloc();

	return initialised(queue, IODataQueue_initWithEntries(queue, numEntries, entrySize));
}

void queue_close_sides(IODataQueue *queue)
{
	IODataQueueClose(queue->producer);
	IODataQueueClose(queue->consumer);
	queue->producer = NULL;
	queue->consumer = NULL;
}

void IODataQueue_free(IODataQueue *queue)
{
	if (!queue)
		return;
	queue_close_sides(queue);
	process_memory_close(&queue->memory);
	free(queue->path);
	queue->path = NULL;
	queue->port = MACH_PORT_NULL;
	queue->place = QUEUE_NOWHERE;
}

static IODataQueueMemory *open_side(IODataQueue *queue, enum role role)
{
	IODataQueueMemory *side = NULL;
	int r;

	if (queue->place == QUEUE_NOWHERE)
		return NULL;
	if (queue->place == QUEUE_IN_MOUNT)
		r = attachment_open(queue->path, role, &side);
	else
		r = attachment_open_memory(&queue->memory, role, &side);
	if (r < 0)
		return NULL;

	if (role == ROLE_CONSUMER && queue->port != MACH_PORT_NULL)
		IODataQueueSetNotificationPort(side, queue->port);
	return side;
}

/* NULL when it cannot be had. */
static IODataQueueMemory *side_of(IODataQueue *queue, enum role role)
{
	IODataQueueMemory **side;

	if (!queue)
		return NULL;
	side = role == ROLE_PRODUCER ? &queue->producer : &queue->consumer;
	if (!*side)
		*side = open_side(queue, role);
	return *side;
}

Boolean IODataQueue_enqueue(IODataQueue *queue, void *data, UInt32 dataSize)
{
	return IODataQueueEnqueue(side_of(queue, ROLE_PRODUCER), data, dataSize) ==
	       kIOReturnSuccess;
}

void IODataQueue_setNotificationPort(IODataQueue *queue, mach_port_t port)
{
	if (!queue)
		return;
	queue->port = port;
	if (queue->consumer)
		IODataQueueSetNotificationPort(queue->consumer, port);
	else if (queue->place == QUEUE_IN_MEMORY)
		side_of(queue, ROLE_CONSUMER);
}

void IODataQueue_sendDataAvailableNotification(IODataQueue *queue)
{
	IODataQueueMemory *producer = side_of(queue, ROLE_PRODUCER);

	if (producer)
		attachment_ring(producer, QUEUE_WAIT_FUTEX | QUEUE_WAIT_FIFO);
}

IOMemoryDescriptor *IODataQueue_getMemoryDescriptor(IODataQueue *queue)
{
	if (!queue || queue->place == QUEUE_NOWHERE)
		return NULL;
	if (queue->place == QUEUE_IN_MOUNT)
		return memory_descriptor_of_queue(queue->path);
	return memory_descriptor_new(queue->memory.data_fd,
				     geometry_file_size(&queue->memory.geometry));
}

const OSMetaClass *IODataQueue_getMetaClass(const IODataQueue *queue)
{
	return queue ? OSObject_getMetaClass(queue) : &data_queue_class;
}

/* IOSharedDataQueue: what is derived, and what is its own. */

static IOSharedDataQueue *shared(IODataQueue *queue)
{
	return (IOSharedDataQueue *)(void *)queue;
}

static IODataQueue *base(IOSharedDataQueue *queue)
{
	return queue ? &queue->queue : NULL;
}

IOSharedDataQueue *IOSharedDataQueue_alloc(void)
{
	return shared(queue_alloc(&shared_data_queue_class));
}

IOSharedDataQueue *IOSharedDataQueue_withCapacity(UInt32 size)
{
	IODataQueue *queue = base(IOSharedDataQueue_alloc());

	return shared(initialised(queue, IODataQueue_initWithCapacity(queue, size)));
}

IOSharedDataQueue *IOSharedDataQueue_withEntries(UInt32 numEntries, UInt32 entrySize)
{
	IODataQueue *queue = base(IOSharedDataQueue_alloc());

	return shared(initialised(queue,
				  IODataQueue_initWithEntries(queue, numEntries, entrySize)));
}

Boolean IOSharedDataQueue_initWithCapacity(IOSharedDataQueue *queue, UInt32 size)
{
	return IODataQueue_initWithCapacity(base(queue), size);
}

Boolean IOSharedDataQueue_initWithEntries(IOSharedDataQueue *queue, UInt32 numEntries,
					  UInt32 entrySize)
{
	return IODataQueue_initWithEntries(base(queue), numEntries, entrySize);
}

void IOSharedDataQueue_free(IOSharedDataQueue *queue)
{
	IODataQueue_free(base(queue));
}

Boolean IOSharedDataQueue_enqueue(IOSharedDataQueue *queue, void *data, UInt32 dataSize)
{
	return IODataQueue_enqueue(base(queue), data, dataSize);
}

void IOSharedDataQueue_setNotificationPort(IOSharedDataQueue *queue, mach_port_t port)
{
	IODataQueue_setNotificationPort(base(queue), port);
}

IOMemoryDescriptor *IOSharedDataQueue_getMemoryDescriptor(IOSharedDataQueue *queue)
{
	return IODataQueue_getMemoryDescriptor(base(queue));
}

const OSMetaClass *IOSharedDataQueue_getMetaClass(const IOSharedDataQueue *queue)
{
	return queue ? OSObject_getMetaClass(queue) : &shared_data_queue_class;
}

IODataQueueEntry *IOSharedDataQueue_peek(IOSharedDataQueue *queue)
{
	return IODataQueuePeek(side_of(base(queue), ROLE_CONSUMER));
}

Boolean IOSharedDataQueue_dequeue(IOSharedDataQueue *queue, void *data, UInt32 *dataSize)
{
	return IODataQueueDequeue(side_of(base(queue), ROLE_CONSUMER), data, dataSize) ==
	       kIOReturnSuccess;
}

UInt32 IOSharedDataQueue_getQueueSize(IOSharedDataQueue *queue)
{
	return queue && queue->queue.place != QUEUE_NOWHERE ? queue->queue.size : 0;
}

Boolean IOSharedDataQueue_setQueueSize(IOSharedDataQueue *queue, UInt32 size)
{
	IODataQueueMemory *consumer = side_of(base(queue), ROLE_CONSUMER);
	IOSharedDataQueue *other;
	IODataQueue old;

	/* Surely empty: there is a consumer's side, and it says so. */
	if (!consumer || queue->queue.place != QUEUE_IN_MEMORY ||
	    ring_available(&consumer->ring) != 0)
		return false;
	other = IOSharedDataQueue_withCapacity(size);
	if (!other)
		return false;

	/* The two change their memory, and keep who they are. */
	queue_close_sides(&queue->queue);
	old = queue->queue;
	queue->queue.memory = other->queue.memory;
	queue->queue.size = size;
	other->queue.memory = old.memory;
	OSObject_release(other);
	if (queue->queue.port != MACH_PORT_NULL)
		side_of(&queue->queue, ROLE_CONSUMER);
	return true;
}
