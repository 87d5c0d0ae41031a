/* SPDX-License-Identifier: MIT */
/*
 * three_queues fixed|varied QUEUE... - one port for all of them, which tells who rang
 */
#include <err.h>
#include <unistd.h>

#include "shape.h"

#define N_MOST	8

static struct {
	IODataQueueMemory *queue;
	struct stream stream;
} sources[N_MOST];
static int n_sources;

static struct stream *stream_of(const IODataQueueMemory *queue)
{
	for (int i = 0; i < n_sources; i++)
		if (sources[i].queue == queue)
			return &sources[i].stream;
	errx(1, "a queue rang that was not asked");
}

/* Return: whether this was the end of it. */
static bool drain(IODataQueueMemory *queue)
{
	struct stream *stream = stream_of(queue);
	static uint64_t buffer[LARGEST_SIZE / 8];
	IOReturn r;

	for (;;) {
		UInt32 size = sizeof(buffer);

		r = IODataQueueDequeue(queue, buffer, &size);
		if (r == kIOReturnUnderrun)
			break;
		shape_check(r, "dequeue");
		stream_take(stream, buffer, size);
	}
	stream->n_waits++;
	return stream->ended;
}

static void wait_and_drain(mach_port_t port, int *n_open)
{
	IODataQueueMemory *rang[N_MOST];
	UInt32 n = N_MOST;

	shape_check(IODataQueueWaitForNotification(port, NULL, rang, &n), "wait");
	for (UInt32 i = 0; i < n; i++) {
		if (!drain(rang[i]))
			continue;
		IODataQueueClose(rang[i]);
		stream_close(stream_of(rang[i]));
		(*n_open)--;
	}
}

int main(int argc, char **argv)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();
	bool varied;
	int n_open;

	if (argc < 3 || argc > 2 + N_MOST || port == MACH_PORT_NULL)
		errx(2, "usage: three_queues fixed|varied QUEUE...");
	shape_begin();
	varied = shape_is_varied(argv[1]);
	n_open = n_sources = argc - 2;
	for (int i = 0; i < n_sources; i++) {
		sources[i].queue = shape_open(argv[2 + i], kIODataQueueConsumer);
		sources[i].stream.varied = varied;
		shape_check(IODataQueueSetNotificationPort(sources[i].queue, port), "set port");
	}

	while (n_open > 0)
		wait_and_drain(port, &n_open);
	close(port);
	return 0;
}
