/* SPDX-License-Identifier: MIT */
/*
 * port - one descriptor that tells of any number of queues
 *
 * A port is an epoll instance. Each queue that it is set on adds:
 *
 *	the FIFO that rings us	the peer published something, or is gone
 *	an eventfd		we found by ourselves that there is something
 *	mountinfo		a mount came or went: fsd may have been restarted,
 *				and the next ring will be in a FIFO of its new mount
 *	a timer			only where the kernel denies us membarrier, so that
 *				a ring may be missed
 *
 * Each call that finds nothing passes port_arm(): take the rings that led here,
 * look at the generation, arm, look once more. In this order: a ring taken after
 * the look could be the one that tells of a new mount (G3), one taken after arming
 * the answer to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <IOKit/IODataQueueClient.h>

#include "attachment.h"
#include "cleanup.h"
#include "result.h"

/* A peer that changes the generation at each look shall not keep us here. */
#define N_MOVES		4

/* Have @queue's port tell of @fd, and say that it is @queue's. */
static int watch_fd(IODataQueueMemory *queue, int port, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = queue };

	if (fd >= 0 && epoll_ctl(port, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	return 0;
}

static void unwatch_fd(int port, int fd)
{
	if (fd >= 0)
		epoll_ctl(port, EPOLL_CTL_DEL, fd, NULL);
}

static void port_watch_close(struct port_watch *watch)
{
	if (watch->port != MACH_PORT_NULL) {
		unwatch_fd(watch->port, watch->self_fd);
		unwatch_fd(watch->port, watch->mounts_fd);
		unwatch_fd(watch->port, watch->tick_fd);
	}
	close_fd(watch->self_fd);
	close_fd(watch->mounts_fd);
	close_fd(watch->tick_fd);
	*watch = PORT_WATCH_NULL;
}

static int port_watch_open(IODataQueueMemory *queue, int port, struct port_watch *ret)
{
	_cleanup_(port_watch_close) struct port_watch watch = PORT_WATCH_NULL;
	int r;

	watch.port = port;
	watch.self_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch.self_fd < 0)
		return -errno;
	/* Without /proc, a second restart in a short while may not be told. */
	watch.mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	r = watch_fd(queue, port, watch.self_fd, EPOLLIN);
	if (r == 0)
		r = watch_fd(queue, port, watch.mounts_fd, EPOLLPRI);
	if (r == 0)
		r = watch_fd(queue, port, queue->bell.wait_fd, EPOLLIN);
	if (r < 0)
		return r;

	*ret = watch;
	watch = PORT_WATCH_NULL;
	return 0;
}

void port_clear(IODataQueueMemory *queue)
{
	if (queue->watch.port == MACH_PORT_NULL)
		return;
	unwatch_fd(queue->watch.port, queue->bell.wait_fd);
	port_watch_close(&queue->watch);
}

void port_move(IODataQueueMemory *queue, int wait_fd)
{
	if (queue->watch.port != MACH_PORT_NULL) {
		unwatch_fd(queue->watch.port, queue->bell.wait_fd);
		watch_fd(queue, queue->watch.port, wait_fd, EPOLLIN);
	}
	close_fd(queue->bell.wait_fd);
	queue->bell.wait_fd = wait_fd;
}

void port_ring_self(IODataQueueMemory *queue)
{
	eventfd_write(queue->watch.self_fd, 1);
}

/* An eventfd or a timerfd: that it had nothing to say is as good. */
static void drain_counter(int fd)
{
	uint64_t n;

	if (fd >= 0 && read(fd, &n, sizeof(n)) < 0)
		return;
}

/*
 * A FIFO whose other end is closed would keep the port readable for ever; opened
 * anew, it tells of the next peer.
 */
bool port_take_rings(IODataQueueMemory *queue)
{
	unsigned what;
	int fd;

	drain_counter(queue->watch.self_fd);
	drain_counter(queue->watch.tick_fd);
	what = doorbell_drain(&queue->bell);
	if ((what & DOORBELL_HUNG_UP) == 0)
		return what & DOORBELL_RANG;

	fd = doorbell_open_wait(&queue->bell);
	if (fd >= 0)
		port_move(queue, fd);
	else	/* the mount is gone, and mountinfo tells when one comes */
		unwatch_fd(queue->watch.port, queue->bell.wait_fd);
	return what & DOORBELL_RANG;
}

/* Where a ring may be missed, have the port readable again soon. */
static void port_set_timer(IODataQueueMemory *queue)
{
	struct port_watch *watch = &queue->watch;
	int ms = wait_limit_ms(&queue->ring);
	struct itimerspec once = { .it_value = { .tv_nsec = ms * 1000000L } };

	if (ms < 0)
		return;
	if (watch->tick_fd < 0) {
		watch->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		watch_fd(queue, watch->port, watch->tick_fd, EPOLLIN);
	}
	if (watch->tick_fd >= 0)
		timerfd_settime(watch->tick_fd, 0, &once, NULL);
}

/*
 * Take the rings that led here, and be in the mount of now.
 * Return: true when we moved.
 */
static bool follow_mount(IODataQueueMemory *queue)
{
	bool moved = false;

	for (int i = 0; i < N_MOVES; i++) {
		port_take_rings(queue);
		if (!attachment_refresh(queue))
			break;
		moved = true;
	}
	return moved;
}

/* Return: as wait_arm(). */
static int arm(IODataQueueMemory *queue, uint64_t wanted)
{
	int i = 0, r;

	queue->wanted = wanted;
	do {
		r = wait_arm(&queue->ring, QUEUE_WAIT_FIFO, wanted);
	} while (r >= 0 && ++i < N_MOVES && attachment_refresh(queue));
	return r;
}

int port_arm(IODataQueueMemory *queue, uint64_t wanted)
{
	bool moved;
	int r;

	if (queue->watch.port == MACH_PORT_NULL)
		return 0;

	moved = follow_mount(queue);
	/* Armed still, with nothing rung since: that costs no fence again. */
	if (!moved && queue->wanted == wanted &&
	    wait_limit_ms(&queue->ring) < 0 && wait_is_pending(&queue->ring, QUEUE_WAIT_FIFO))
		return 0;

	r = arm(queue, wanted);
	if (r == 0)
		port_set_timer(queue);
	else
		wait_disarm(&queue->ring);
	return r;
}

int port_arm_beyond(IODataQueueMemory *queue, uint64_t seen)
{
	int r;

	follow_mount(queue);
	r = arm(queue, 0);
	/* The fence of arming is behind us; what wait_arm() saw may be old. */
	if (r >= 0)
		r = ring_look(&queue->ring);
	if (r < 0)
		return r;
	port_set_timer(queue);
	return queue->ring.tail != seen;
}

mach_port_t IODataQueueAllocateNotificationPort(void)
{
	int port = epoll_create1(EPOLL_CLOEXEC), other;

	/* 0 is no port, but it may be a free descriptor. */
	if (port == 0) {
		other = fcntl(port, F_DUPFD_CLOEXEC, 1);
		close(port);
		port = other;
	}
	return port < 0 ? MACH_PORT_NULL : port;
}

static IOReturn port_result(int r)
{
	switch (r) {
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
	case -ENOMEM:
		return kIOReturnNoResources;
	default:	/* not open, or not an epoll instance */
		return kIOReturnBadArgument;
	}
}

/* What a port that was just set has to tell. Return: as port_arm(). */
static int port_first_look(IODataQueueMemory *queue)
{
	struct ring *ring = &queue->ring;
	uint64_t wanted = 0;

	if (ring->role == ROLE_PRODUCER)
		wanted = ring_span(ring, ring->geometry.max_entry);
	return port_arm(queue, wanted);
}

int port_set(IODataQueueMemory *queue, int port)
{
	struct port_watch watch;
	int r;

	if (port == queue->watch.port)
		port_clear(queue);
	r = port_watch_open(queue, port, &watch);
	if (r < 0)
		return r;
	port_clear(queue);
	queue->watch = watch;
	return 0;
}

bool port_is_open(const IODataQueueMemory *queue, int port)
{
	bool is_set = port == queue->watch.port;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = (void *)(uintptr_t)queue };

	if (port <= 0)
		return false;
	/* The same again: what is watched knows its port. */
	if (epoll_ctl(port, EPOLL_CTL_MOD, is_set ? queue->watch.self_fd : queue->bell.ring_fd,
		      &event) == 0)
		return true;
	return !is_set && errno != EINVAL && fcntl(port, F_GETFD) >= 0;
}

int port_own(IODataQueueMemory *queue)
{
	mach_port_t port;

	if (queue->own_port >= 0)
		return queue->own_port;
	port = IODataQueueAllocateNotificationPort();
	if (port == MACH_PORT_NULL)
		return -errno;
	queue->own_port = port;
	return port;
}

IOReturn IODataQueueSetNotificationPort(IODataQueueMemory *queue, mach_port_t port)
{
	int r;

	if (!queue || port < 0)
		return kIOReturnBadArgument;
	if (queue->ring.role == ROLE_OBSERVER)
		return kIOReturnNotPermitted;
	if (port == MACH_PORT_NULL) {
		port_clear(queue);
		wait_disarm(&queue->ring);
		return kIOReturnSuccess;
	}
	if (queue->bell.wait_fd < 0)
		return kIOReturnNotPermitted;

	r = port_set(queue, port);
	if (r < 0)
		return port_result(r);
	r = port_first_look(queue);
	if (r == 1)
		port_ring_self(queue);
	return r < 0 ? result_from_ring(r) : kIOReturnSuccess;
}

int IODataQueueGetDescriptor(IODataQueueMemory *queue)
{
	IOReturn result;
	int port;

	if (!queue) {
		errno = EINVAL;
		return -1;
	}
	if (queue->watch.port != MACH_PORT_NULL)
		return queue->watch.port;

	port = port_own(queue);
	if (port < 0) {
		errno = -port;
		return -1;
	}
	result = IODataQueueSetNotificationPort(queue, port);
	if (result != kIOReturnSuccess) {
		errno = IOReturnToErrno(result);
		return -1;
	}
	return port;
}
