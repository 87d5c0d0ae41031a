/* SPDX-License-Identifier: MIT */
/*
 * waiting - the documented waits: look a little, then sleep on the futex word
 *
 * A wait sleeps in slices, so that it sees that its port was closed, or that fsd
 * was restarted; what it waits for wakes it at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include <IOKit/IODataQueueClient.h>

#include "attachment.h"
#include "result.h"

/* Turns of looking before a wait costs a system call: some microseconds. */
#define N_SPINS		200

/* A wait looks so often whether its port still is there, or fsd was restarted. */
#define SLICE_NS	500000000L

/* Of one look at a port. A queue that does not come up now does in the next. */
#define N_EVENTS	64

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

/* Milliseconds, rounded up; 0 once @time is over. */
static int ms_until(const struct timespec *time)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(time->tv_sec - now.tv_sec) * 1000000000L + time->tv_nsec - now.tv_nsec;
	return ns > 0 ? (int)((ns + 999999) / 1000000) : 0;
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
		if (port != MACH_PORT_NULL && !port_is_open(queue, port))
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
	IOReturn r = attachment_check(queue, ROLE_CONSUMER);

	if (r != kIOReturnSuccess)
		return r;
	if (!port_is_open(queue, port))
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
	IOReturn r = attachment_check(queue, ROLE_PRODUCER);

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

/* Put the queues of @events, each once, into @queues. Return: how many. */
static UInt32 collect(const struct epoll_event *events, int n, IODataQueueMemory **queues)
{
	UInt32 n_queues = 0;

	for (int i = 0; i < n; i++) {
		UInt32 j = 0;

		while (j < n_queues && queues[j] != events[i].data.ptr)
			j++;
		if (j == n_queues)
			queues[n_queues++] = events[i].data.ptr;
	}
	return n_queues;
}

IOReturn IODataQueueWaitForNotification(mach_port_t port, const struct timespec *deadline,
					IODataQueueMemory **queues, UInt32 *count)
{
	struct epoll_event events[N_EVENTS];
	struct timespec slice;
	int n = 0, n_most;

	if (!queues || !count || *count == 0 || port <= 0)
		return kIOReturnBadArgument;

	n_most = *count < N_EVENTS ? (int)*count : N_EVENTS;
	*count = 0;
	for (bool first = true; n == 0; first = false) {
		bool more = next_slice(deadline, &slice);

		if (!more && !first)
			return kIOReturnTimeout;
		n = epoll_wait(port, events, n_most, more ? ms_until(&slice) : 0);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return first ? kIOReturnBadArgument : MACH_RCV_PORT_DIED;
		/* A descriptor that is closed meanwhile is waited for to the end. */
		if (n == 0 && fcntl(port, F_GETFD) < 0)
			return MACH_RCV_PORT_DIED;
	}

	*count = collect(events, n, queues);
	return kIOReturnSuccess;
}
