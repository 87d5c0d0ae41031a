/* SPDX-License-Identifier: MIT */
/*
 * generator QUEUE fixed|varied SECONDS [stop|unended] - the other side of most shapes
 *
 * A full queue it waits out in each way that there is, by turns. With `stop` an
 * entry half-way says so; an `unended` stream has no last entry. Where SECONDS are 0
 * the last entry is the only one.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shape.h"

struct generator {
	IODataQueueMemory *queue;
	mach_port_t port;
	bool varied;
	uint64_t next, n_full;
	struct rhythm rhythm;
};

static void wait_for_space(struct generator *generator, uint32_t size)
{
	switch (rhythm_random(&generator->rhythm, 3)) {
	case 0:
		shape_check(IODataQueueWaitForSpace(generator->queue, size), "wait for space");
		return;
	case 1:
		shape_poll(generator->port);
		return;
	default:
		shape_sleep(50000);
	}
}

static void generate(struct generator *generator, uint32_t flags)
{
	static uint64_t entry[LARGEST_SIZE / 8];
	uint32_t size = entry_size(generator->next, generator->varied);
	IOReturn r;

	entry_make(entry, generator->next, size, flags, 0);
	while ((r = IODataQueueEnqueue(generator->queue, entry, size)) == kIOReturnOverrun) {
		generator->n_full++;
		wait_for_space(generator, size);
	}
	shape_check(r, "enqueue");
	generator->next++;
	shape_progress();
}

static void generate_phase(struct generator *generator, const struct phase *phase)
{
	for (unsigned i = 0; i < phase->n; i++) {
		generate(generator, 0);
		if (phase->one_by_one)
			wait_until_taken(generator->queue);
	}
	if (phase->pause_ns > 0)
		shape_sleep(phase->pause_ns);
}

int main(int argc, char **argv)
{
	struct generator generator = { 0 };
	struct phase phase;
	bool stops, fills;
	uint64_t stop_at;

	if (argc < 4)
		errx(2, "usage: generator QUEUE fixed|varied SECONDS [stop|unended]");
	shape_begin();
	generator.queue = shape_open(argv[1], kIODataQueueProducer);
	generator.port = shape_port(generator.queue);
	generator.varied = shape_is_varied(argv[2]);
	fills = strtod(argv[3], NULL) > 0;
	rhythm_begin(&generator.rhythm, argv[3], (uint64_t)getpid());
	stops = argc > 4 && strcmp(argv[4], "stop") == 0;
	stop_at = (shape_now_ns() + generator.rhythm.end_ns) / 2;

	while (rhythm_next(&generator.rhythm, &phase)) {
		generate_phase(&generator, &phase);
		if (stops && shape_now_ns() > stop_at) {
			generate(&generator, ENTRY_STOP);
			stops = false;
		}
	}
	if (argc < 5 || strcmp(argv[4], "unended") != 0)
		generate(&generator, ENTRY_LAST);

	if (fills && generator.n_full == 0)
		errx(1, "the queue was never found full");
	printf("%llu\n", (unsigned long long)generator.next);
	IODataQueueClose(generator.queue);
	close(generator.port);
	return 0;
}
