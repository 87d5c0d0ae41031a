/* SPDX-License-Identifier: MIT */
/*
 * poll_only QUEUE fixed|varied - no port and no wait: a look every 2 ms
 */
#include "shape.h"

#define INTERVAL_NS	2000000

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	static uint64_t buffer[4096 / 8];

	while (!stream.ended) {
		UInt32 size = sizeof(buffer);

		if (!IODataQueueDataAvailable(queue)) {
			stream.n_waits++;
			shape_sleep(INTERVAL_NS);
			continue;
		}
		if (IODataQueueDequeue(queue, buffer, &size) != kIOReturnSuccess)
			continue;
		stream_take(&stream, buffer, size);
	}

	return shape_finish(queue, MACH_PORT_NULL, &stream);
}
