/* SPDX-License-Identifier: MIT */
/*
 * stop_message QUEUE fixed|varied FIRST - until a message says stop
 *
 * What lies behind it is the next consumer's, which begins with number FIRST.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shape.h"

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	uint64_t message[LARGEST_SIZE / 8];
	bool done = false;

	stream.next = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	while (!done && IODataQueueWaitForAvailableData(queue, port) == kIOReturnSuccess) {
		stream.n_waits++;
		while (!done && IODataQueueDataAvailable(queue)) {
			UInt32 size = sizeof(message);
			IOReturn r = IODataQueueDequeue(queue, message, &size);

			if (r != kIOReturnSuccess) {
				fprintf(stderr, "dequeue: %s\n", IOReturnText(r));
				continue;
			}
			stream_take(&stream, message, size);
			done = stream.stopped || stream.ended;
		}
	}

	return shape_finish(queue, port, &stream);
}
