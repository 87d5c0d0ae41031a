/* SPDX-License-Identifier: MIT */
/*
 * discard_on_no_space QUEUE varied - what does not fit into the buffer is thrown
 * away, and the next entry is as good as ever
 */
#include <err.h>

#include "shape.h"

#define ROOM	1000u

static void discard_one(IODataQueueMemory *queue, UInt32 size, struct stream *stream)
{
	UInt32 discarded = 0;

	if (size != entry_size(stream->next, stream->varied))
		errx(1, "no space for %u bytes of entry %llu", size,
		     (unsigned long long)stream->next);
	shape_check(IODataQueueDequeue(queue, NULL, &discarded), "discard");
	if (discarded != size)
		errx(1, "no space for %u bytes, and discarded %u", size, discarded);
	stream_skip(stream);
}

int main(int argc, char **argv)
{
	struct stream stream;
	IODataQueueMemory *queue = shape_consumer(argc, argv, &stream);
	mach_port_t port = shape_port(queue);
	uint64_t buffer[LARGEST_SIZE / 8];
	uint64_t n_discarded = 0;

	while (!stream.ended) {
		/* The last entry, whatever its size, is wanted. */
		IODataQueueEntry *entry = IODataQueuePeek(queue);
		bool last = entry && ((struct entry *)(void *)entry->data)->flags & ENTRY_LAST;
		UInt32 size = last ? sizeof(buffer) : ROOM;

		switch (IODataQueueDequeue(queue, buffer, &size)) {
		case kIOReturnSuccess:
			stream_take(&stream, buffer, size);
			break;
		case kIOReturnNoSpace:
			discard_one(queue, size, &stream);
			n_discarded++;
			break;
		case kIOReturnUnderrun:
			stream.n_waits++;
			shape_check(IODataQueueWaitForAvailableData(queue, port), "wait");
			break;
		default:
			errx(1, "dequeue");
		}
	}

	if (n_discarded == 0)
		errx(1, "nothing was discarded");
	return shape_finish(queue, port, &stream);
}
