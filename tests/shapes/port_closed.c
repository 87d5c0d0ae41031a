/* SPDX-License-Identifier: MIT */
/*
 * port_closed QUEUE fixed|varied - that the port is gone ends a wait, and the program
 *
 * Another thread closes it, again and again, until the last entry came: at any moment
 * of the stream, but only in a wait. Each time a new port is set, and nothing may be
 * lost.
 */
#include <err.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shape.h"

static pthread_mutex_t not_waiting = PTHREAD_MUTEX_INITIALIZER;

static void *close_port(void *argument)
{
	const mach_port_t *port = argument;
	static uint64_t n;

	shape_sleep((long)(n++ * 7 % 50) * 1000000);
	pthread_mutex_lock(&not_waiting);
	/* Meant so: no sanitizer has to take it for a mistake. */
	syscall(SYS_close, *port);
	pthread_mutex_unlock(&not_waiting);
	return NULL;
}

static void drain(IODataQueueMemory *queue, struct stream *stream)
{
	uint64_t message[LARGEST_SIZE / 8];

	while (IODataQueueDataAvailable(queue)) {
		UInt32 size = sizeof(message);

		shape_check(IODataQueueDequeue(queue, message, &size), "dequeue");
		stream_take(stream, message, size);
	}
}

/* One life of a port. */
static void serve(IODataQueueMemory *queue, struct stream *stream)
{
	mach_port_t port = shape_port(queue);
	pthread_t closer;
	IOReturn r;

	pthread_mutex_lock(&not_waiting);
	if (pthread_create(&closer, NULL, close_port, &port) != 0)
		errx(1, "a thread");
	do {
		drain(queue, stream);
		stream->n_waits++;
		pthread_mutex_unlock(&not_waiting);
		r = IODataQueueWaitForAvailableData(queue, port);
		pthread_mutex_lock(&not_waiting);
	} while (r == kIOReturnSuccess);
	pthread_mutex_unlock(&not_waiting);

	pthread_join(closer, NULL);
	/* Closed between two waits it is no port at all. */
	if (r != MACH_RCV_PORT_DIED && r != kIOReturnBadArgument)
		shape_check(r, "wait");
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);

	while (!stream.ended)
		serve(queue, &stream);
	return shape_finish(queue, MACH_PORT_NULL, &stream);
}
