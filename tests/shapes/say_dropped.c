/* SPDX-License-Identifier: MIT */
/*
 * say_dropped QUEUE fixed|varied SECONDS - a producer that never waits: what there
 * is no room for is lost, and the next message that goes through says so
 */
#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "shape.h"

static IODataQueueMemory *queue;
static bool varied;
static uint64_t next, n_dropped;
static bool dropped_before;

/* Return: false when it was lost. */
static bool log_message(uint32_t flags)
{
	static uint64_t entry[LARGEST_SIZE / 8];
	uint32_t size = entry_size(next, varied);
	IOReturn r;

	if (dropped_before)
		flags |= ENTRY_AFTER_DROPPED;
	entry_make(entry, next, size, flags, n_dropped);
	r = IODataQueueEnqueue(queue, entry, size);
	if (r == kIOReturnSuccess) {
		shape_progress();
	} else if (r == kIOReturnOverrun) {
		n_dropped++;
	} else {
		shape_check(r, "enqueue");
	}
	dropped_before = r != kIOReturnSuccess;
	next++;
	return r == kIOReturnSuccess;
}

int main(int argc, char **argv)
{
	struct rhythm rhythm;
	struct phase phase;

	if (argc != 4)
		errx(2, "usage: say_dropped QUEUE fixed|varied SECONDS");
	shape_begin();
	queue = shape_open(argv[1], kIODataQueueProducer);
	varied = shape_is_varied(argv[2]);
	rhythm_begin(&rhythm, argv[3], (uint64_t)getpid());

	while (rhythm_next(&rhythm, &phase)) {
		for (unsigned i = 0; i < phase.n; i++)
			log_message(0);
		if (phase.pause_ns > 0)
			shape_sleep(phase.pause_ns);
	}
	while (!log_message(ENTRY_LAST))
		shape_sleep(1000000);

	if (n_dropped == 0)
		errx(1, "nothing was dropped");
	printf("%llu, %llu dropped\n", (unsigned long long)next, (unsigned long long)n_dropped);
	IODataQueueClose(queue);
	return 0;
}
