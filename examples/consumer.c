/* SPDX-License-Identifier: MIT */
/*
 * consumer QUEUE COUNT - write the payloads of COUNT entries to standard output
 *
 *	cc consumer.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>

int main(int argc, char **argv)
{
	uint32_t n_buffer = 4096, size;
	char *buffer = malloc(n_buffer);
	IODataQueueMemory *queue;
	mach_port_t port;
	long count;

	if (argc != 3)
		errx(2, "usage: consumer QUEUE COUNT");
	count = strtol(argv[2], NULL, 10);

	queue = IODataQueueOpen(argv[1], kIODataQueueConsumer);
	if (!queue || !buffer)
		err(1, "%s", argv[1]);

	port = IODataQueueAllocateNotificationPort();
	if (IODataQueueSetNotificationPort(queue, port) != kIOReturnSuccess)
		errx(1, "%s: no notification port", argv[1]);

	while (count > 0) {
		IOReturn r = IODataQueueDequeue(queue, buffer, (size = n_buffer, &size));

		if (r == kIOReturnSuccess) {
			fwrite(buffer, 1, size, stdout);
			count--;
		} else if (r == kIOReturnNoSpace) {	/* size says how much to bring */
			free(buffer);
			buffer = malloc(n_buffer = size);
			if (!buffer)
				err(1, "an entry of %u bytes", size);
		} else if (r == kIOReturnUnderrun) {	/* empty now */
			fflush(stdout);
			r = IODataQueueWaitForAvailableData(queue, port);
		}
		if (r != kIOReturnSuccess && r != kIOReturnNoSpace)
			errx(1, "%s: dequeue: 0x%08x", argv[1], (unsigned)r);
	}
	free(buffer);
	IODataQueueClose(queue);
	return fflush(stdout) || ferror(stdout);
}
