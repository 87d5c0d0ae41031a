/* SPDX-License-Identifier: MIT */
/*
 * queue_made_anew QUEUE fixed|varied - the queue may go, and another come in its place
 *
 * When nothing comes for a while it looks whether the directory still is the one
 * that it attached to, and attaches anew if not. After a mere restart of fsd that
 * goes on where it was; another queue begins with entry 0.
 */
#include <err.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "shape.h"

#define PATIENCE_NS	50000000
#define RETRY_NS	10000000

static struct stat attached_to;

/* Return: NULL while there is no queue, or its last consumer is still there. */
static IODataQueueMemory *try_to_attach(const char *path)
{
	IODataQueueMemory *queue;

	if (stat(path, &attached_to) < 0)
		return NULL;
	queue = IODataQueueOpen(path, kIODataQueueConsumer);
	if (!queue && errno != ENOENT && errno != EBUSY && errno != ENOTCONN &&
	    errno != ECONNABORTED)
		err(1, "%s", path);
	return queue;
}

static IODataQueueMemory *attach(const char *path)
{
	IODataQueueMemory *queue;

	while (!(queue = try_to_attach(path)))
		shape_sleep(RETRY_NS);
	return queue;
}

static bool is_another(const char *path)
{
	struct stat now;

	return stat(path, &now) < 0 || now.st_dev != attached_to.st_dev ||
	       now.st_ino != attached_to.st_ino;
}

static IOReturn wait_a_little(IODataQueueMemory *queue, mach_port_t port)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += PATIENCE_NS;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_nsec -= 1000000000;
		deadline.tv_sec++;
	}
	return IODataQueueWaitForAvailableDataUntil(queue, port, &deadline);
}

static void drain(IODataQueueMemory *queue, struct stream *stream)
{
	static uint64_t message[LARGEST_SIZE / 8];

	while (IODataQueueDataAvailable(queue)) {
		UInt32 size = sizeof(message);

		shape_check(IODataQueueDequeue(queue, message, &size), "dequeue");
		if (((struct entry *)message)->number == 0)
			stream->next = 0;
		stream_take(stream, message, size);
	}
}

int main(int argc, char **argv)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();
	IODataQueueMemory *queue;
	struct stream stream = { 0 };

	if (argc != 3)
		errx(2, "usage: queue_made_anew QUEUE fixed|varied");
	shape_begin();
	stream.varied = shape_is_varied(argv[2]);
	queue = attach(argv[1]);

	for (;;) {
		IOReturn r;

		drain(queue, &stream);
		if (stream.ended)
			break;
		stream.n_waits++;
		r = wait_a_little(queue, port);
		if (r == kIOReturnTimeout && is_another(argv[1])) {
			IODataQueueClose(queue);
			queue = attach(argv[1]);
		} else if (r != kIOReturnTimeout) {
			shape_check(r, "wait");
		}
	}

	return shape_finish(queue, port, &stream);
}
