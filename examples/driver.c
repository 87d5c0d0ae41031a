/* SPDX-License-Identifier: MIT */
/*
 * driver DIRECTORY NAME - make a queue, fill it with the lines of standard input as
 * far as they fit, and publish it as DIRECTORY/NAME; the other lines follow
 *
 *	cc driver.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <IOKit/IODataQueue.h>

#define CAPACITY	65536

int main(int argc, char **argv)
{
	IODataQueue *queue = IODataQueue_withCapacity(CAPACITY);
	bool published = false;
	char *line = NULL;
	size_t n_line = 0;
	ssize_t size;

	if (argc != 3)
		errx(2, "usage: driver DIRECTORY NAME");
	if (!queue)
		errx(1, "no queue of %d bytes", CAPACITY);

	while ((size = getline(&line, &n_line, stdin)) > 0) {
		if (size > CAPACITY / 2)
			errx(1, "a line of %zd bytes", size);
		while (!IODataQueue_enqueue(queue, line, (UInt32)size)) {
			IOReturn r = published ? kIOReturnSuccess :
				     IODataQueue_publish(queue, argv[1], argv[2]);

			if (r != kIOReturnSuccess)
				errx(1, "%s/%s: %s", argv[1], argv[2], IOReturnText(r));
			published = true;
			usleep(1000);		/* full: somebody has to dequeue */
		}
	}
	if (!published && IODataQueue_publish(queue, argv[1], argv[2]) != kIOReturnSuccess)
		err(1, "%s/%s", argv[1], argv[2]);

	free(line);
	OSObject_release(queue);	/* the queue stays, with its entries */
	return 0;
}
