/* SPDX-License-Identifier: MIT */
/*
 * dispatch_source - what a source is, and the entries that go through it
 */
#include <errno.h>

#include <IOKit/IODataQueueClient.h>

#include "dispatch_source.h"
#include "memory_descriptor.h"
#include "result.h"

#define ALL_WAYS		(QUEUE_WAIT_FUTEX | QUEUE_WAIT_FIFO)

/* The original counts in 32 bits, with a header of 128 bytes. */
#define ORIGINAL_HEADER		128u
#define ORIGINAL_ENTRY_HEADER	4u

static void init_locks(IODataQueueDispatchSource *source)
{
	pthread_mutexattr_t owned;

	pthread_mutexattr_init(&owned);
	pthread_mutexattr_settype(&owned, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&source->consumer.lock, &owned);
	pthread_mutex_init(&source->producer.lock, &owned);
	pthread_mutexattr_destroy(&owned);
	pthread_mutex_init(&source->lock, NULL);
	pthread_cond_init(&source->idle, NULL);
}

static void source_class_free(void *object)
{
	IODataQueueDispatchSource *source = object;

	IODataQueueDispatchSource_free(source);
	OSObject_release(source->queue);
	pthread_cond_destroy(&source->idle);
	pthread_mutex_destroy(&source->lock);
	pthread_mutex_destroy(&source->producer.lock);
	pthread_mutex_destroy(&source->consumer.lock);
}

static const OSMetaClass source_class = {
	.name = "IODataQueueDispatchSource",
	.size = sizeof(IODataQueueDispatchSource),
	.free = source_class_free,
};

static IODataQueueDispatchSource *source_new(IODispatchQueue *queue)
{
	IODataQueueDispatchSource *source = object_new(&source_class);

	if (!source)
		return NULL;
	init_locks(source);
	source->memory = PROCESS_MEMORY_NULL;
	source->enabled = true;
	OSObject_retain(queue);
	source->queue = queue;
	return source;
}

/*
 * Room for whatever fits into the original's @n bytes: its entries take half of
 * what ours do at the worst (4 bytes against 8, 8 against 16).
 */
static int source_geometry(uint64_t n, struct geometry *ret)
{
	uint64_t max_entry = n > ORIGINAL_ENTRY_HEADER ? n - ORIGINAL_ENTRY_HEADER : 0;

	return geometry_make(2 * n, max_entry, ret);
}

static int open_both_sides(IODataQueueDispatchSource *source, uint64_t n)
{
	struct geometry geometry;
	int r;

	r = source_geometry(n, &geometry);
	if (r == 0)
		r = process_memory_open(&geometry, &source->memory);
	if (r == 0)
		r = attachment_open_memory(&source->memory, ROLE_PRODUCER,
					   &source->producer.attachment);
	if (r == 0)
		r = attachment_open_memory(&source->memory, ROLE_CONSUMER,
					   &source->consumer.attachment);
	return r;
}

kern_return_t IODataQueueDispatchSource_Create(uint64_t queueByteCount, IODispatchQueue *queue,
					       IODataQueueDispatchSource **ret)
{
	IODataQueueDispatchSource *source;
	int r;

	if (!ret || queueByteCount % 4 != 0 || queueByteCount > UINT32_MAX - ORIGINAL_HEADER)
		return kIOReturnBadArgument;

	source = source_new(queue);
	if (!source)
		return kIOReturnNoMemory;
	r = open_both_sides(source, queueByteCount);
	if (r < 0) {
		OSObject_release(source);
		return r == -ENOMEM ? kIOReturnNoMemory : kIOReturnNoResources;
	}

	*ret = source;
	return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource_Open(const char *path, int role, IODispatchQueue *queue,
					     IODataQueueDispatchSource **ret)
{
	IODataQueueDispatchSource *source;
	struct side *side;
	int r;

	if (!path || !*path || !ret ||
	    (role != kIODataQueueProducer && role != kIODataQueueConsumer))
		return kIOReturnBadArgument;

	source = source_new(queue);
	if (!source)
		return kIOReturnNoMemory;
	side = role == kIODataQueueProducer ? &source->producer : &source->consumer;
	r = attachment_open(path, role == kIODataQueueProducer ? ROLE_PRODUCER : ROLE_CONSUMER,
			    &side->attachment);
	if (r < 0) {
		OSObject_release(source);
		errno = -r;
		return result_from_ring(r);
	}

	*ret = source;
	return kIOReturnSuccess;
}

bool IODataQueueDispatchSource_init(IODataQueueDispatchSource *source)
{
	return source && (source->consumer.attachment || source->producer.attachment);
}

static void side_close(struct side *side)
{
	if (pthread_mutex_lock(&side->lock) != 0)
		return;		/* in a callback, which must not do this */
	if (side->attachment)
		attachment_close(side->attachment);
	side->attachment = NULL;
	pthread_mutex_unlock(&side->lock);
}

void IODataQueueDispatchSource_free(IODataQueueDispatchSource *source)
{
	if (!source)
		return;
	source_stop(source);
	side_close(&source->consumer);
	side_close(&source->producer);
	process_memory_close(&source->memory);
}

size_t IODataQueueDispatchSource_GetDataQueueEntryHeaderSize(void)
{
	return sizeof(struct queue_entry);
}

IOReturn side_lock(IODataQueueDispatchSource *source, struct side *side)
{
	if (!source)
		return kIOReturnBadArgument;
	if (pthread_mutex_lock(&side->lock) != 0)
		return kIOReturnBusy;
	if (side->attachment)
		return kIOReturnSuccess;

	pthread_mutex_unlock(&side->lock);
	return IODataQueueDispatchSource_init(source) ? kIOReturnNotPermitted : kIOReturnNoMemory;
}

void side_unlock(struct side *side)
{
	pthread_mutex_unlock(&side->lock);
}

/*
 * Full: have us rung when @size bytes fit.
 * Return: 1 when they do by now, else 0, or -EIO.
 */
static int arm_for_space(IODataQueueMemory *producer, uint32_t size)
{
	uint64_t wanted = ring_span(&producer->ring, size);
	int r;

	if (producer->watch.port != MACH_PORT_NULL)
		return port_arm(producer, wanted);

	producer->wanted = wanted;
	r = wait_arm(&producer->ring, QUEUE_WAIT_FIFO, wanted);
	if (r != 0)
		wait_disarm(&producer->ring);
	return r;
}

/*
 * A place for an entry; or else the producer waits for one, and *@ret_nudge says
 * whether this is news, of which the consumer should hear.
 */
static int reserve(IODataQueueMemory *producer, uint32_t size, void **ret_payload, bool *ret_nudge)
{
	bool waited = wait_is_pending(&producer->ring, QUEUE_WAIT_FIFO);
	int r;

	*ret_nudge = false;
	r = ring_reserve(&producer->ring, size, ret_payload);
	if (r != -EOVERFLOW)
		return r;

	r = arm_for_space(producer, size);
	if (r == 1)
		return ring_reserve(&producer->ring, size, ret_payload);
	*ret_nudge = !waited;
	return r < 0 ? r : -EOVERFLOW;
}

/* Had the consumer taken all that was there before? */
static bool was_empty(struct ring *ring)
{
	uint64_t before = ring->previous;

	full_fence();
	return ring_look(ring) == 0 && ring->head == before;
}

/* Append an entry. *@ret_tell: the consumer should be told. */
static IOReturn enqueue(IODataQueueMemory *producer, uint32_t size,
			IODataQueueClientEnqueueEntryBlock callback, void *refcon, bool *ret_tell)
{
	void *payload;
	int r;

	r = reserve(producer, size, &payload, ret_tell);
	if (r < 0)
		return result_from_ring(r);
	callback(refcon, payload, size);
	r = ring_commit(&producer->ring, size);
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource_Enqueue(IODataQueueDispatchSource *source,
						uint32_t dataSize,
						IODataQueueClientEnqueueEntryBlock callback,
						void *refcon)
{
	IODataQueueMemory *producer;
	IOReturn result;
	bool nudge;

	if (!source || !callback)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->producer);
	if (result != kIOReturnSuccess)
		return result;

	producer = source->producer.attachment;
	result = enqueue(producer, dataSize, callback, refcon, &nudge);
	if (result == kIOReturnSuccess && !wait_is_quiet(&producer->ring))
		attachment_announce(producer);
	if (nudge)
		attachment_ring(producer, ALL_WAYS);
	side_unlock(&source->producer);
	return result;
}

kern_return_t IODataQueueDispatchSource_EnqueueWithCoalesce(
	IODataQueueDispatchSource *source, uint32_t dataSize, bool *sendDataAvailable,
	IODataQueueClientEnqueueEntryBlock callback, void *refcon)
{
	struct ring *ring;
	IOReturn result;
	bool nudge;

	if (!source || !callback || !sendDataAvailable)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->producer);
	if (result != kIOReturnSuccess)
		return result;

	ring = &source->producer.attachment->ring;
	result = enqueue(source->producer.attachment, dataSize, callback, refcon, &nudge);
	if (result == kIOReturnSuccess) {
		if (ring->armed)
			wait_disarm(ring);
		if (wait_is_due(ring) || was_empty(ring))
			*sendDataAvailable = true;
	} else if (result == kIOReturnOverrun) {
		*sendDataAvailable = true;
	}
	side_unlock(&source->producer);
	return result;
}

static void send(IODataQueueDispatchSource *source, struct side *side)
{
	if (side_lock(source, side) != kIOReturnSuccess)
		return;
	attachment_ring(side->attachment, ALL_WAYS);
	side_unlock(side);
}

void IODataQueueDispatchSource_SendDataAvailable(IODataQueueDispatchSource *source)
{
	if (source)
		send(source, &source->producer);
}

void IODataQueueDispatchSource_SendDataServiced(IODataQueueDispatchSource *source)
{
	if (source)
		send(source, &source->consumer);
}

kern_return_t IODataQueueDispatchSource_CanEnqueueDataWithCount(IODataQueueDispatchSource *source,
								uint32_t dataSize,
								uint32_t entryCount)
{
	IOReturn result;
	int r;

	if (!source)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->producer);
	if (result != kIOReturnSuccess)
		return result;
	r = ring_can_enqueue(&source->producer.attachment->ring, dataSize, entryCount);
	side_unlock(&source->producer);
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource_CanEnqueueData(IODataQueueDispatchSource *source,
						       uint32_t dataSize)
{
	return IODataQueueDispatchSource_CanEnqueueDataWithCount(source, dataSize, 1);
}

/*
 * Whoever finds the queue empty, or makes it so, has the handler told of the next
 * entry.
 */
static void arm_if_empty(IODataQueueMemory *consumer)
{
	const struct ring *ring = &consumer->ring;

	if (consumer->watch.port == MACH_PORT_NULL || ring->armed || ring->head != ring->tail)
		return;
	if (port_arm(consumer, 0) == 1)
		port_ring_self(consumer);
}

/* The next entry, to @callback; and @take it. */
static IOReturn read_entry(IODataQueueMemory *consumer, bool take,
			   IODataQueueClientDequeueEntryBlock callback, void *refcon)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r;

	r = ring_peek(&consumer->ring, &entry, &size, &position);
	if (r < 0)
		return result_from_ring(r);
	callback(refcon, entry->data, size);
	r = take ? ring_release(&consumer->ring) : 0;
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource_Dequeue(IODataQueueDispatchSource *source,
						IODataQueueClientDequeueEntryBlock callback,
						void *refcon)
{
	IODataQueueMemory *consumer;
	IOReturn result;

	if (!source || !callback)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->consumer);
	if (result != kIOReturnSuccess)
		return result;

	consumer = source->consumer.attachment;
	result = read_entry(consumer, true, callback, refcon);
	if (result == kIOReturnSuccess && !wait_is_quiet(&consumer->ring))
		attachment_announce(consumer);
	/* A flag that DequeueWithCoalesce gave was forgotten. */
	if (result == kIOReturnUnderrun && wait_is_due(&consumer->ring))
		attachment_announce(consumer);
	arm_if_empty(source->consumer.attachment);
	side_unlock(&source->consumer);
	return result;
}

kern_return_t IODataQueueDispatchSource_DequeueWithCoalesce(
	IODataQueueDispatchSource *source, bool *sendDataServiced,
	IODataQueueClientDequeueEntryBlock callback, void *refcon)
{
	struct ring *ring;
	IOReturn result;

	if (!source || !callback || !sendDataServiced)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->consumer);
	if (result != kIOReturnSuccess)
		return result;

	ring = &source->consumer.attachment->ring;
	result = read_entry(source->consumer.attachment, true, callback, refcon);
	if (result == kIOReturnSuccess && ring->armed)
		wait_disarm(ring);
	if ((result == kIOReturnSuccess || result == kIOReturnUnderrun) && wait_is_due(ring))
		*sendDataServiced = true;
	arm_if_empty(source->consumer.attachment);
	side_unlock(&source->consumer);
	return result;
}

kern_return_t IODataQueueDispatchSource_Peek(IODataQueueDispatchSource *source,
					     IODataQueueClientDequeueEntryBlock callback,
					     void *refcon)
{
	IOReturn result;

	if (!source || !callback)
		return kIOReturnBadArgument;
	result = side_lock(source, &source->consumer);
	if (result != kIOReturnSuccess)
		return result;
	result = read_entry(source->consumer.attachment, false, callback, refcon);
	side_unlock(&source->consumer);
	return result;
}

bool IODataQueueDispatchSource_IsDataAvailable(IODataQueueDispatchSource *source)
{
	struct side *side;
	IOReturn result;
	bool available;

	if (!source)
		return false;
	side = source->consumer.attachment ? &source->consumer : &source->producer;
	result = side_lock(source, side);
	/* A callback may ask, too: the lock is its own. */
	if (result != kIOReturnSuccess && result != kIOReturnBusy)
		return false;

	if (side == &source->producer)
		ring_look(&side->attachment->ring);
	available = ring_available(&side->attachment->ring) == 1;
	if (result == kIOReturnSuccess)
		side_unlock(side);
	return available;
}

kern_return_t IODataQueueDispatchSource_CopyMemory(IODataQueueDispatchSource *source,
						   IOMemoryDescriptor **ret)
{
	struct side *side;
	IOReturn result;

	if (!source || !ret)
		return kIOReturnBadArgument;
	*ret = NULL;
	side = source->consumer.attachment ? &source->consumer : &source->producer;
	result = side_lock(source, side);
	if (result != kIOReturnSuccess)
		return result == kIOReturnBusy ? result : kIOReturnNotReady;

	if (source->memory.data_fd < 0)
		*ret = memory_descriptor_of_queue(side->attachment->bell.directory);
	else
		*ret = memory_descriptor_new(source->memory.data_fd,
					     geometry_file_size(&source->memory.geometry));
	side_unlock(side);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}
