/* SPDX-License-Identifier: MIT */
/*
 * discard_small QUEUE varied - what is too small to be a message is thrown away,
 * with neither buffer nor size
 */
#include <err.h>

#include "shape.h"

static void discard_one(IODataQueueMemory *queue, struct stream *stream)
{
	if (entry_size(stream->next, stream->varied) != SMALL_SIZE)
		errx(1, "entry %llu is not that small", (unsigned long long)stream->next);
	shape_check(IODataQueueDequeue(queue, NULL, NULL), "discard");
	stream_skip(stream);
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	static uint64_t buffer[LARGEST_SIZE / 8];
	IODataQueueEntry *entry;
	uint64_t n_discarded = 0;

	while (!stream.ended) {
		while ((entry = IODataQueuePeek(queue))) {
			UInt32 size = entry->size;

			/* The last one is known by its flags. */
			if (size == SMALL_SIZE &&
			    !(((struct entry *)(void *)entry->data)->flags & ENTRY_LAST)) {
				discard_one(queue, &stream);
				n_discarded++;
				continue;
			}
			shape_check(IODataQueueDequeue(queue, buffer, &size), "dequeue");
			stream_take(&stream, buffer, size);
		}
		stream.n_waits++;
		if (!stream.ended)
			shape_poll(port);
	}

	if (n_discarded == 0)
		errx(1, "nothing was discarded");
	return shape_finish(queue, port, &stream);
}
