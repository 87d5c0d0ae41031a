/* SPDX-License-Identifier: MIT */
/*
 * size_reused QUEUE fixed - the variable with the size is set once, for ever
 *
 * It begins with the size of a large buffer and is an entry's from the first one
 * on. With entries of one size that works.
 */
#include <string.h>

#include "shape.h"

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	uint64_t event[4096 / 8];
	UInt32 size = sizeof(event);

	while (!stream.ended &&
	       IODataQueueWaitForAvailableData(queue, port) == kIOReturnSuccess) {
		stream.n_waits++;
		while (IODataQueueDataAvailable(queue)) {
			memset(event, 0, size);
			if (IODataQueueDequeue(queue, event, &size) != kIOReturnSuccess)
				continue;
			stream_take(&stream, event, size);
		}
	}

	return shape_finish(queue, port, &stream);
}
