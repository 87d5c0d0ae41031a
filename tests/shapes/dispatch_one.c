/* SPDX-License-Identifier: MIT */
/*
 * dispatch_one - a virtual serial port: one entry for each callback
 *
 *	dispatch_one consume QUEUE fixed|varied
 *	dispatch_one produce QUEUE fixed|varied SECONDS
 *
 * Both sides disable the source around what they do with it. The producer, when it
 * was refused, leaves it disabled, and tries again by and by.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

static void data_available(void *target, OSAction *action)
{
	struct source *source = target;

	(void)action;
	if (!IODataQueueDispatchSource_IsDataAvailable(source->source)) {
		source->stream.n_waits++;
		return;
	}
	IODataQueueDispatchSource_SetEnable(source->source, false);
	shape_check(IODataQueueDispatchSource_Dequeue(source->source, source_take, source),
		    "dequeue");
	if (!IODataQueueDispatchSource_IsDataAvailable(source->source))
		source->stream.n_waits++;
	IODataQueueDispatchSource_SendDataServiced(source->source);
	IODataQueueDispatchSource_SetEnable(source->source, true);
}

static int consume(char **argv)
{
	static struct source source;

	source.stream.varied = shape_is_varied(argv[3]);
	source_open(&source, argv[2], kIODataQueueConsumer, NULL, data_available);
	source_wait_done(&source);
	source_close(&source, NULL);
	return stream_close(&source.stream);
}

/* There may be space, and the producer tries again anyway. */
static void data_serviced(void *target, OSAction *action)
{
	(void)target;
	(void)action;
}

static void write_entry(void *refcon, void *data, size_t size)
{
	memcpy(data, refcon, size);
}

static bool try_to_send(struct source *source, void *entry, uint32_t size)
{
	kern_return_t r;

	IODataQueueDispatchSource_SetEnable(source->source, false);
	r = IODataQueueDispatchSource_Enqueue(source->source, size, write_entry, entry);
	if (r == kIOReturnOverrun)
		return false;
	shape_check(r, "enqueue");
	IODataQueueDispatchSource_SetEnable(source->source, true);
	return true;
}

static uint64_t send(struct source *source, uint64_t number, bool varied, uint32_t flags)
{
	uint64_t entry[LARGEST_SIZE / 8], n_full = 0;
	uint32_t size = entry_size(number, varied);

	entry_make(entry, number, size, flags, 0);
	while (!try_to_send(source, entry, size)) {
		n_full++;
		shape_sleep(20000);
	}
	shape_progress();
	return n_full;
}

static int produce(char **argv)
{
	static struct source source;
	struct rhythm rhythm;
	struct phase phase;
	bool varied = shape_is_varied(argv[3]);
	uint64_t number = 0, n_full = 0;

	source_open(&source, argv[2], kIODataQueueProducer, NULL, data_serviced);
	rhythm_begin(&rhythm, argv[4], (uint64_t)getpid());
	while (rhythm_next(&rhythm, &phase)) {
		for (unsigned i = 0; i < phase.n; i++)
			n_full += send(&source, number++, varied, 0);
		if (phase.pause_ns > 0)
			shape_sleep(phase.pause_ns);
	}
	send(&source, number++, varied, ENTRY_LAST);

	if (n_full == 0)
		errx(1, "the queue was never found full");
	printf("%llu\n", (unsigned long long)number);
	source_close(&source, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	shape_begin();
	if (argc == 4 && strcmp(argv[1], "consume") == 0)
		return consume(argv);
	if (argc == 5 && strcmp(argv[1], "produce") == 0)
		return produce(argv);
	errx(2, "usage: dispatch_one consume|produce QUEUE fixed|varied [SECONDS]");
}
