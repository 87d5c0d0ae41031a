/* SPDX-License-Identifier: MIT */
/*
 * drop_oldest QUEUE fixed|varied SECONDS - a producer that never waits, and that
 * rather loses old messages than new ones
 *
 * The originals dequeued from the consumer's queue, beside the consumer. Here
 * messages go through a backlog, a queue of this process alone, from which the
 * oldest are dropped; what is in the consumer's queue is the consumer's. Each
 * message tells how many were dropped so far, when it leaves the backlog.
 */
#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include <IOKit/IOSharedDataQueue.h>

#include "shape.h"

#define BACKLOG_BYTES	16384

static IODataQueueMemory *queue;
static IOSharedDataQueue *backlog;
static bool varied;
static uint64_t next, n_dropped;

/* Always succeeds, at the cost of the oldest. */
static void log_message(uint32_t flags)
{
	static uint64_t entry[LARGEST_SIZE / 8];
	uint32_t size = entry_size(next, varied);

	entry_make(entry, next, size, flags, 0);
	while (!IOSharedDataQueue_enqueue(backlog, entry, size)) {
		UInt32 dropped_size = 0;

		if (!IOSharedDataQueue_dequeue(backlog, NULL, &dropped_size))
			errx(1, "neither room nor anything to drop");
		n_dropped++;
	}
	next++;
}

/* As much of the backlog as there is room for. Return: false when some is left. */
static bool pump(void)
{
	IODataQueueEntry *oldest;

	while ((oldest = IOSharedDataQueue_peek(backlog))) {
		struct entry *entry = (struct entry *)(void *)oldest->data;
		UInt32 size = oldest->size;
		void *place;
		IOReturn r = IODataQueueReserve(queue, size, &place);

		if (r == kIOReturnOverrun)
			return false;
		shape_check(r, "reserve");
		entry_make(place, entry->number, size, entry->flags, n_dropped);
		shape_check(IODataQueueCommit(queue, size), "commit");
		if (!IOSharedDataQueue_dequeue(backlog, NULL, NULL))
			errx(1, "what was there is gone");
		shape_progress();
	}
	return true;
}

int main(int argc, char **argv)
{
	struct rhythm rhythm;
	struct phase phase;

	if (argc != 4)
		errx(2, "usage: drop_oldest QUEUE fixed|varied SECONDS");
	shape_begin();
	queue = shape_open(argv[1], kIODataQueueProducer);
	backlog = IOSharedDataQueue_withCapacity(BACKLOG_BYTES);
	if (!backlog)
		err(1, "a backlog");
	varied = shape_is_varied(argv[2]);
	rhythm_begin(&rhythm, argv[3], (uint64_t)getpid());

	while (rhythm_next(&rhythm, &phase)) {
		for (unsigned i = 0; i < phase.n; i++) {
			log_message(0);
			pump();
		}
		if (phase.pause_ns > 0)
			shape_sleep(phase.pause_ns);
	}
	log_message(ENTRY_LAST);
	while (!pump())
		shape_check(IODataQueueWaitForSpace(queue, LARGEST_SIZE), "wait for space");

	if (n_dropped == 0)
		errx(1, "nothing was dropped");
	printf("%llu, %llu dropped\n", (unsigned long long)next, (unsigned long long)n_dropped);
	OSObject_release(backlog);
	IODataQueueClose(queue);
	return 0;
}
