/* SPDX-License-Identifier: MIT */
/*
 * wait_then_drain QUEUE fixed|varied wait|poll - a wait comes first
 *
 * There may be entries when the port is set, and nothing may come after them: the
 * port has to tell of them all the same. With `poll` nothing but the port tells.
 */
#include <err.h>
#include <string.h>

#include "shape.h"

static bool polls;

static IOReturn wait_at(IODataQueueMemory *queue, mach_port_t port)
{
	if (!polls)
		return IODataQueueWaitForAvailableData(queue, port);
	shape_poll(port);
	return kIOReturnSuccess;
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	uint64_t event[LARGEST_SIZE / 8];

	polls = argc > 3 && strcmp(argv[3], "poll") == 0;
	while (!stream.ended && wait_at(queue, port) == kIOReturnSuccess) {
		stream.n_waits++;
		while (IODataQueueDataAvailable(queue)) {
			UInt32 size = sizeof(event);

			shape_check(IODataQueueDequeue(queue, event, &size), "dequeue");
			stream_take(&stream, event, size);
		}
	}

	return shape_finish(queue, port, &stream);
}
