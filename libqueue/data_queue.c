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
#include <fcntl.h>
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>

#include "attachment.h"
#include "result.h"
#include "ring_inline.h"

/* Turns of looking before a wait costs a system call: some microseconds. */
#define N_SPINS		200

/* A wait looks so often whether its port still is there, or fsd was restarted. */
#define SLICE_NS	500000000L

#define N_CACHE_LINES	128u	/* bytes: two lines, as the prefetcher takes them */

static const enum role roles[] = {
	[kIODataQueueObserver] = ROLE_OBSERVER,
	[kIODataQueueProducer] = ROLE_PRODUCER,
	[kIODataQueueConsumer] = ROLE_CONSUMER,
};

/* Return: 0, or a negative errno; what @queue holds is the caller's to close. */
static int queue_attach(IODataQueueMemory *queue, const char *path, enum role role)
{
	unsigned how;
	int r;

	r = doorbell_open(path, role, &queue->bell, &queue->mapping);
	if (r < 0)
		return r;
	r = ring_attach(&queue->ring, role, &queue->mapping, NULL);
	if (r < 0)
		return r;

	if (role == ROLE_OBSERVER)
		return 0;

	how = wait_attach(&queue->ring);
	if (how)
		attachment_ring(queue, how);
	return 0;
}

static void queue_free(IODataQueueMemory *queue)
{
	port_clear(queue);
	mapping_close(&queue->mapping);
	doorbell_close(&queue->bell);
	free(queue);
}

IODataQueueMemory *IODataQueueOpen(const char *path, int role)
{
	const size_t n = (sizeof(IODataQueueMemory) + N_CACHE_LINES - 1) / N_CACHE_LINES;
	IODataQueueMemory *queue;
	int r;

	if (!path || !*path || role < 0 || (size_t)role >= sizeof(roles) / sizeof(roles[0])) {
		errno = EINVAL;
		return NULL;
	}

	/* On lines of its own: two threads may hold one side each. */
	queue = aligned_alloc(N_CACHE_LINES, n * N_CACHE_LINES);
	if (!queue)
		return NULL;
	*queue = (IODataQueueMemory){
		.mapping = MAPPING_NULL,
		.bell = DOORBELL_NULL,
		.watch = PORT_WATCH_NULL,
	};

	r = queue_attach(queue, path, roles[role]);
	if (r < 0) {
		queue_free(queue);
		errno = -r;
		return NULL;
	}
	return queue;
}

void IODataQueueClose(IODataQueueMemory *queue)
{
	if (!queue)
		return;
	if (queue->ring.role != ROLE_OBSERVER)
		wait_detach(&queue->ring);
	queue_free(queue);
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

/* Is @queue held in @role? Return: kIOReturnSuccess, or what the caller answers. */
static IOReturn check_role(const IODataQueueMemory *queue, enum role role)
{
	if (!queue)
		return kIOReturnBadArgument;
	return queue->ring.role == role ? kIOReturnSuccess : kIOReturnNotPermitted;
}

/* The peer's words changed: it waits, or no longer does. */
__attribute__((noinline))
static IOReturn announce(IODataQueueMemory *queue)
{
	unsigned how = wait_due_slow(&queue->ring);

	if (how)
		attachment_ring(queue, how);
	return kIOReturnSuccess;
}

__attribute__((noinline))
static IOReturn dequeue_refused(IODataQueueMemory *queue, void *data, UInt32 *size, int r)
{
	if (r == -ENODATA && port_arm(queue, 0) == 1)
		r = ring_dequeue(&queue->ring, data, size);
	return r < 0 ? result_from_ring(r) : announce(queue);
}

IOReturn IODataQueueDequeue(IODataQueueMemory *queue, void *data, UInt32 *dataSize)
{
	int r;

	if (unlikely(!queue || queue->ring.role != ROLE_CONSUMER))
		return check_role(queue, ROLE_CONSUMER);

	r = dequeue_inline(&queue->ring, data, dataSize);
	if (unlikely(r < 0))
		return dequeue_refused(queue, data, dataSize, r);
	return likely(wait_is_quiet(&queue->ring)) ? kIOReturnSuccess : announce(queue);
}

__attribute__((noinline))
static IOReturn enqueue_refused(IODataQueueMemory *queue, UInt32 size, int r)
{
	/* The refusal stands, and is counted; but the port may tell at once. */
	if (r == -EOVERFLOW && port_arm(queue, ring_span(&queue->ring, size)) == 1)
		port_ring_self(queue);
	return result_from_ring(r);
}

IOReturn IODataQueueEnqueue(IODataQueueMemory *queue, void *data, UInt32 dataSize)
{
	int r;

	if (unlikely(!queue || queue->ring.role != ROLE_PRODUCER))
		return check_role(queue, ROLE_PRODUCER);

	r = enqueue_inline(&queue->ring, data, dataSize);
	if (unlikely(r < 0))
		return enqueue_refused(queue, dataSize, r);
	return likely(wait_is_quiet(&queue->ring)) ? kIOReturnSuccess : announce(queue);
}

/*
 * Is there what we wait for: data, or @wanted free bytes?
 * Return: 1, 0, or -EIO.
 */
static int wait_look(struct ring *ring, uint64_t wanted)
{
	int r;

	if (ring->role == ROLE_CONSUMER)
		return ring_available(ring);

	r = ring_look(ring);
	return r < 0 ? r : ring_free(ring) >= wanted;
}

static int spin(struct ring *ring, uint64_t wanted)
{
	int r = wait_look(ring, wanted);

	for (int i = 0; i < N_SPINS && r == 0; i++) {
		cpu_relax();
		r = wait_look(ring, wanted);
	}
	return r;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* The end of this slice of a wait. Return: false when @deadline is over. */
static bool next_slice(const struct timespec *deadline, struct timespec *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (deadline && !is_before(&now, deadline))
		return false;

	*ret = now;
	ret->tv_nsec += SLICE_NS;
	if (ret->tv_nsec >= 1000000000L) {
		ret->tv_nsec -= 1000000000L;
		ret->tv_sec++;
	}
	if (deadline && is_before(deadline, ret))
		*ret = *deadline;
	return true;
}

static bool port_is_open(mach_port_t port)
{
	return port > 0 && fcntl(port, F_GETFD) >= 0;
}

/*
 * Sleep, a slice at a time, until there is what we wait for.
 * Return: 1, -EIO, -ETIMEDOUT, or -ENODEV when @port (unless MACH_PORT_NULL)
 * was closed.
 */
static int sleep_until(IODataQueueMemory *queue, mach_port_t port, uint64_t wanted,
		       const struct timespec *deadline)
{
	struct ring *ring = &queue->ring;
	struct timespec slice;
	int r;

	for (;;) {
		r = wait_look(ring, wanted);
		if (r != 0)
			return r;
		attachment_refresh(queue);
		if (port != MACH_PORT_NULL && !port_is_open(port))
			return -ENODEV;
		if (!next_slice(deadline, &slice))
			return -ETIMEDOUT;

		if (!wait_is_pending(ring, QUEUE_WAIT_FUTEX)) {
			r = wait_arm(ring, QUEUE_WAIT_FUTEX, wanted);
			if (r != 0)
				return r;
		}
		wait_sleep(ring, &slice);
	}
}

static IOReturn wait_result(int r)
{
	if (r == -ENODEV)
		return MACH_RCV_PORT_DIED;
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

static IOReturn wait_until(IODataQueueMemory *queue, mach_port_t port, uint64_t wanted,
			   const struct timespec *deadline)
{
	int r = spin(&queue->ring, wanted);

	if (r == 0) {
		r = sleep_until(queue, port, wanted, deadline);
		wait_disarm(&queue->ring);
		/* The port told of this queue before, and does again. */
		if (r == -ETIMEDOUT && port_arm(queue, wanted) == 1)
			port_ring_self(queue);
	}
	return wait_result(r);
}

IOReturn IODataQueueWaitForAvailableDataUntil(IODataQueueMemory *queue, mach_port_t port,
					      const struct timespec *deadline)
{
	IOReturn r = check_role(queue, ROLE_CONSUMER);

	if (r != kIOReturnSuccess)
		return r;
	if (!port_is_open(port))
		return kIOReturnBadArgument;
	return wait_until(queue, port, 0, deadline);
}

IOReturn IODataQueueWaitForAvailableData(IODataQueueMemory *queue, mach_port_t port)
{
	return IODataQueueWaitForAvailableDataUntil(queue, port, NULL);
}

IOReturn IODataQueueWaitForSpaceUntil(IODataQueueMemory *queue, UInt32 dataSize,
				      const struct timespec *deadline)
{
	IOReturn r = check_role(queue, ROLE_PRODUCER);

	if (r != kIOReturnSuccess)
		return r;
	if (dataSize > queue->ring.geometry.max_entry)
		return kIOReturnMessageTooLarge;
	return wait_until(queue, MACH_PORT_NULL, ring_span(&queue->ring, dataSize), deadline);
}

IOReturn IODataQueueWaitForSpace(IODataQueueMemory *queue, UInt32 dataSize)
{
	return IODataQueueWaitForSpaceUntil(queue, dataSize, NULL);
}
