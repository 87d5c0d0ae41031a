/* SPDX-License-Identifier: MIT */
/*
 * peek_in_place QUEUE fixed|varied - entries are used where they lie, then dropped
 */
#include "shape.h"

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	IODataQueueEntry *entry;

	while (!stream.ended) {
		while ((entry = IODataQueuePeek(queue))) {
			stream_take(&stream, entry->data, entry->size);
			shape_check(IODataQueueDequeue(queue, NULL, NULL), "dequeue");
		}
		stream.n_waits++;
		if (!stream.ended)
			shape_poll(port);
	}

	return shape_finish(queue, port, &stream);
}
