/* SPDX-License-Identifier: MIT */
/*
 * handler QUEUE COUNT - as consumer, with a handler that is called when there are
 * entries
 *
 *	cc handler.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IODataQueueDispatchSource.h>

struct printer {
	IODataQueueDispatchSource *source;
	long left;		/* entries */
};

/* The payload, where it lies in the queue. */
static void print(void *refcon, const void *data, size_t size)
{
	struct printer *printer = refcon;

	fwrite(data, 1, size, stdout);
	printer->left--;
}

static void print_what_is_there(void *target, OSAction *action)
{
	struct printer *printer = target;

	(void)action;
	while (printer->left > 0 &&
	       IODataQueueDispatchSource_Dequeue(printer->source, print, printer) ==
	       kIOReturnSuccess)
		;
	fflush(stdout);
}

static void check(IOReturn r, const char *what)
{
	if (r != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnText(r));
}

int main(int argc, char **argv)
{
	struct printer printer = { 0 };
	struct pollfd ready = { .events = POLLIN };
	IODispatchQueue *queue;
	OSAction *action;

	if (argc != 3)
		errx(2, "usage: handler QUEUE COUNT");
	printer.left = strtol(argv[2], NULL, 10);

	/* Without the option, the handler would be called on a thread of the queue's. */
	check(IODispatchQueue_Create("printer", kIODispatchQueueCallerRuns, 0, &queue), "queue");
	check(IODataQueueDispatchSource_Open(argv[1], kIODataQueueConsumer, queue,
					     &printer.source), argv[1]);
	check(OSAction_Create(&printer, print_what_is_there, 0, NULL, &action), "action");
	check(IODataQueueDispatchSource_SetDataAvailableHandler(printer.source, action), argv[1]);

	ready.fd = IODispatchQueue_GetDescriptor(queue);
	while (printer.left > 0 && poll(&ready, 1, -1) == 1)
		IODispatchQueue_Dispatch(queue);

	OSObject_release(printer.source);
	OSObject_release(action);
	OSObject_release(queue);
	return ferror(stdout);
}
