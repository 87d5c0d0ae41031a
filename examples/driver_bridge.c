/* SPDX-License-Identifier: MIT */
/*
 * driver_bridge MOUNT/IOService DIRECTORY - a service whose queue tells what happens in a directory
 *
 *	cc driver_bridge.c $(pkg-config --cflags --libs libqueue)
 *
 * Each event of inotify(7) is an entry of IOService/Watcher/queues/events, such as "new NAME": for
 * `cat .../dequeue`, or to map. Whatever has a descriptor becomes a service so, with two to poll.
 */
#include <err.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <IOKit/IOService.h>

#define NEW	(IN_CREATE | IN_MOVED_TO)
#define GONE	(IN_DELETE | IN_MOVED_FROM)

static void tell(IODataQueue *queue, const struct inotify_event *event)
{
	char line[NAME_MAX + 16];
	const char *word = event->mask & NEW ? "new" : event->mask & GONE ? "gone" :
			   event->mask & IN_CLOSE_WRITE ? "written" : "lost";
	int n = snprintf(line, sizeof(line), "%s %s", word, event->len ? event->name : "");

	/* Full: who reads so slowly loses events, and not the system its memory. */
	if (!IODataQueue_enqueue(queue, line, (UInt32)n))
		warnx("no room for \"%s\"", line);
}

int main(int argc, char **argv)
{
	static const struct IOServiceClass class = { .className = "Watcher" };
	IOService *service = IOService_withClass(&class);
	IODataQueue *queue = IODataQueue_withCapacity(65536);
	struct pollfd events = { inotify_init1(IN_CLOEXEC | IN_NONBLOCK), POLLIN, 0 };
	_Alignas(struct inotify_event) char bytes[4096];
	const struct inotify_event *event;
	IOReturn r;

	if (argc != 3 || inotify_add_watch(events.fd, argv[2], NEW | GONE | IN_CLOSE_WRITE) < 0)
		err(2, "usage: driver_bridge MOUNT/IOService DIRECTORY");
	if ((r = IOService_attachAt(service, argv[1])) || (r = IOService_serve(service)) ||
	    (r = IOService_publishDataQueue(service, queue, "events")) ||
	    (r = IOService_registerService(service, 0)))
		errx(1, "%s: %s", argv[1], IOReturnText(r));

	struct pollfd ready[] = { events, { IOService_getDescriptor(service), POLLIN, 0 } };
	while (IOService_dispatch(service) != kIOReturnNotAttached && poll(ready, 2, -1) > 0) {
		ssize_t n = read(events.fd, bytes, sizeof(bytes));

		for (char *at = bytes; at < bytes + n; at += sizeof(*event) + event->len)
			tell(queue, event = (const void *)at);
	}
	return 0;
}
