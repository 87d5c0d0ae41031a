/* SPDX-License-Identifier: MIT */
/*
 * event_source QUEUE fixed|varied - the port is one source of the program's loop
 *
 * The source is off while its handler runs, and the handler first clears what rang.
 * A ring that comes during the drain has it called again.
 */
#include <err.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shape.h"

#define TIMER_NS	1000000

static int loop, timer;

static void add_source(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (fd < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "a source");
}

/* The timer, as any loop has others to serve, too. */
static void make_loop(mach_port_t port)
{
	struct itimerspec often = { .it_interval.tv_nsec = TIMER_NS, .it_value.tv_nsec = TIMER_NS };

	loop = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	add_source(port, EPOLLIN | EPOLLONESHOT);
	add_source(timer, EPOLLIN);
	timerfd_settime(timer, 0, &often, NULL);
}

/* Take the message, if there is one, and do not wait for it. */
static void clear_notification(mach_port_t port)
{
	const struct timespec now = { 0 };
	IODataQueueMemory *rang[1];
	UInt32 n = 1;
	IOReturn r = IODataQueueWaitForNotification(port, &now, rang, &n);

	if (r != kIOReturnTimeout)
		shape_check(r, "clear");
}

static void handle_messages(IODataQueueMemory *queue, mach_port_t port, struct stream *stream)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = port };
	IODataQueueEntry *entry;

	clear_notification(port);
	while ((entry = IODataQueuePeek(queue))) {
		stream_take(stream, entry->data, entry->size);
		shape_check(IODataQueueDequeue(queue, NULL, NULL), "dequeue");
	}
	stream->n_waits++;
	if (epoll_ctl(loop, EPOLL_CTL_MOD, port, &event) < 0)
		err(1, "the port");
}

static void handle_timer(void)
{
	uint64_t n;

	if (read(timer, &n, sizeof(n)) < 0)
		err(1, "the timer");
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	struct epoll_event event;

	make_loop(port);
	while (!stream.ended) {
		if (epoll_wait(loop, &event, 1, -1) != 1) {
			if (errno != EINTR)
				err(1, "epoll_wait");
		} else if (event.data.fd == timer) {
			handle_timer();
		} else {
			handle_messages(queue, port, &stream);
		}
	}

	close(timer);
	close(loop);
	return shape_finish(queue, port, &stream);
}
