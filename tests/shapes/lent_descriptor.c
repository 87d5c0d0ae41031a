/* SPDX-License-Identifier: MIT */
/*
 * lent_descriptor QUEUE fixed|varied - a dispatch source without a thread, in the
 * program's own poll loop
 */
#include <err.h>

#include "source.h"

static void data_available(void *target, OSAction *action)
{
	struct source *source = target;
	kern_return_t r;

	(void)action;
	do {
		r = IODataQueueDispatchSource_Dequeue(source->source, source_take, source);
	} while (r == kIOReturnSuccess);
	if (r != kIOReturnUnderrun)
		shape_check(r, "dequeue");
}

int main(int argc, char **argv)
{
	static struct source source;
	IODispatchQueue *queue;

	if (argc != 3)
		errx(2, "usage: lent_descriptor QUEUE fixed|varied");
	shape_begin();
	source.stream.varied = shape_is_varied(argv[2]);
	shape_check(IODispatchQueue_Create("loop", kIODispatchQueueCallerRuns, 0, &queue),
		    "a queue");
	source_open(&source, argv[1], kIODataQueueConsumer, queue, data_available);
	while (!source.stream.ended) {
		source.stream.n_waits++;
		shape_poll(IODispatchQueue_GetDescriptor(queue));
		IODispatchQueue_Dispatch(queue);
	}
	source_wait_done(&source);
	source_close(&source, queue);
	OSObject_release(queue);
	return stream_close(&source.stream);
}
