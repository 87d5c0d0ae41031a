/* SPDX-License-Identifier: MIT */
/*
 * peek_then_dequeue QUEUE fixed|varied - memory of the size that a peek told
 *
 * It aborts unless the dequeue then gives that very size.
 */
#include <stdlib.h>

#include "shape.h"

static void take_one(IODataQueueMemory *queue, UInt32 size, struct stream *stream)
{
	void *message = malloc(size);
	UInt32 size_of_entry = size;

	if (!message || IODataQueueDequeue(queue, message, &size_of_entry) != kIOReturnSuccess ||
	    size_of_entry != size)
		abort();
	stream_take(stream, message, size);
	free(message);
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	IODataQueueEntry *entry;

	while (!stream.ended) {
		while ((entry = IODataQueuePeek(queue)))
			take_one(queue, entry->size, &stream);
		stream.n_waits++;
		if (!stream.ended)
			shape_poll(port);
	}

	return shape_finish(queue, port, &stream);
}
