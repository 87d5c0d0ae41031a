/* SPDX-License-Identifier: MIT */
/*
 * producer QUEUE - each line of standard input becomes one entry
 *
 *	cc producer.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>

static IOReturn enqueue(IODataQueueMemory *queue, char *line, uint32_t size)
{
	IOReturn r = IODataQueueEnqueue(queue, line, size);

	while (r == kIOReturnOverrun) {		/* full now */
		r = IODataQueueWaitForSpace(queue, size);
		if (r == kIOReturnSuccess)
			r = IODataQueueEnqueue(queue, line, size);
	}
	return r;
}

int main(int argc, char **argv)
{
	IODataQueueMemory *queue;
	char *line = NULL;
	size_t n_line = 0;
	ssize_t size;

	if (argc != 2)
		errx(2, "usage: producer QUEUE");

	queue = IODataQueueOpen(argv[1], kIODataQueueProducer);
	if (!queue)
		err(1, "%s", argv[1]);

	while ((size = getline(&line, &n_line, stdin)) > 0) {
		IOReturn r = size > UINT32_MAX ? kIOReturnMessageTooLarge :
			     enqueue(queue, line, (uint32_t)size);

		if (r != kIOReturnSuccess)
			errx(1, "%s: enqueue: 0x%08x", argv[1], (unsigned)r);
	}
	if (ferror(stdin))
		err(1, "standard input");

	free(line);
	IODataQueueClose(queue);
	return 0;
}
