/* SPDX-License-Identifier: MIT */
/*
 * if_empty_wait_one QUEUE fixed|varied - one entry a turn, a wait if there is none
 *
 * The byte behind the entry is made 0, as behind a line of a log: the size must be
 * that of the entry.
 */
#include "shape.h"

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	static union {
		uint64_t aligned;
		unsigned char text[LARGEST_SIZE + 1];
	} buffer;

	while (!stream.ended) {
		UInt32 size = sizeof(buffer.text) - 1;

		if (!IODataQueueDataAvailable(queue)) {
			stream.n_waits++;
			IODataQueueWaitForAvailableData(queue, port);
		}
		if (IODataQueueDequeue(queue, buffer.text, &size) != kIOReturnSuccess)
			continue;
		buffer.text[size] = 0;
		stream_take(&stream, buffer.text, size);
	}

	return shape_finish(queue, port, &stream);
}
