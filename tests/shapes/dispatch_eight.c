/* SPDX-License-Identifier: MIT */
/*
 * dispatch_eight QUEUE fixed|varied - a network driver: at most 8 entries for each
 * callback
 *
 * For the others it must be called again, without another entry coming.
 */
#include <err.h>

#include "source.h"

#define N_MOST	8

static void data_available(void *target, OSAction *action)
{
	struct source *source = target;

	(void)action;
	for (int i = 0; i < N_MOST; i++) {
		kern_return_t r = IODataQueueDispatchSource_Dequeue(source->source, source_take,
								    source);

		if (r == kIOReturnUnderrun) {
			source->stream.n_waits++;
			return;
		}
		shape_check(r, "dequeue");
	}
}

int main(int argc, char **argv)
{
	static struct source source;

	if (argc != 3)
		errx(2, "usage: dispatch_eight QUEUE fixed|varied");
	shape_begin();
	source.stream.varied = shape_is_varied(argv[2]);
	source_open(&source, argv[1], kIODataQueueConsumer, NULL, data_available);
	source_wait_done(&source);
	source_close(&source, NULL);
	return stream_close(&source.stream);
}
