/* SPDX-License-Identifier: MIT */
/*
 * drain_then_wait QUEUE fixed|varied - all there is, then a wait, and so on
 *
 * What came before the port was set must be found by the first drain.
 */
#include "shape.h"

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	uint64_t message[LARGEST_SIZE / 8];

	do {
		while (IODataQueueDataAvailable(queue)) {
			UInt32 size = sizeof(message);

			shape_check(IODataQueueDequeue(queue, message, &size), "dequeue");
			stream_take(&stream, message, size);
		}
		stream.n_waits++;
	} while (!stream.ended &&
		 IODataQueueWaitForAvailableData(queue, port) == kIOReturnSuccess);

	return shape_finish(queue, port, &stream);
}
