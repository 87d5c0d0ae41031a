/* SPDX-License-Identifier: MIT */
/*
 * handler QUEUE COUNT - a consumer whose handler is called when there are entries
 *
 *	cc handler.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IODataQueueDispatchSource.h>

static IODataQueueDispatchSource *source;
static long left;		/* entries */

/* The payload, where it lies in the queue. */
static void print(void *file, const void *data, size_t size)
{
	fwrite(data, 1, size, file);
	left--;
}

static void data_available(void *target, OSAction *action)
{
	(void)target, (void)action;
	while (left && IODataQueueDispatchSource_Dequeue(source, print, stdout) == kIOReturnSuccess)
		;
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pollfd ready = { .events = POLLIN };
	IODispatchQueue *queue;
	OSAction *action;
	IOReturn r;

	left = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	if (left <= 0)
		errx(2, "usage: handler QUEUE COUNT");

	/* With 0 for the option, the handler would be called on a thread of the queue's. */
	IODispatchQueue_Create("handler", kIODispatchQueueCallerRuns, 0, &queue);
	OSAction_Create(NULL, data_available, 0, NULL, &action);
	r = IODataQueueDispatchSource_Open(argv[1], kIODataQueueConsumer, queue, &source);
	if (r == kIOReturnSuccess)
		r = IODataQueueDispatchSource_SetDataAvailableHandler(source, action);
	if (r != kIOReturnSuccess)
		errx(1, "%s: %s", argv[1], IOReturnText(r));
	ready.fd = IODispatchQueue_GetDescriptor(queue);
	while (left > 0 && poll(&ready, 1, -1) == 1)
		IODispatchQueue_Dispatch(queue);
	OSObject_release(source);
	OSObject_release(action);
	OSObject_release(queue);
	return ferror(stdout);
}
