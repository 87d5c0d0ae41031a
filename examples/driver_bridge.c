/* SPDX-License-Identifier: MIT */
/*
 * driver_bridge MOUNT DIRECTORY - a service whose queue tells what happens in a directory
 *
 *	cc driver_bridge.c $(pkg-config --cflags --libs libqueue)
 *
 * The kernel's inotify events become entries of MOUNT/IOService/Watcher/queues/events, a line each,
 * "create NAME", for programs that map it, and for `cat .../dequeue`. This is how the events of
 * anything that has a descriptor become a service: poll it beside the service's own descriptor.
 */
#include <err.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <IOKit/IOUserClient.h>

#define CAPACITY	65536
#define EVENTS		(IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO)

static const struct {
	uint32_t mask;
	const char *word;
} words[] = {
	{ IN_CREATE, "create" }, { IN_DELETE, "delete" }, { IN_CLOSE_WRITE, "write" },
	{ IN_MOVED_FROM, "leave" }, { IN_MOVED_TO, "arrive" }, { IN_Q_OVERFLOW, "lost" },
};

/* The service has no methods of its own: its queue is all that there is. */
static const struct IOServiceClass class = { .className = "Watcher" };

static void tell(IODataQueue *queue, const struct inotify_event *event)
{
	char line[NAME_MAX + 16];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(event->mask & words[i].mask))
			continue;
		int n = snprintf(line, sizeof(line), "%s %s", words[i].word,
				 event->len ? event->name : "");

		/* Full: who reads so slowly loses events, and not the system its memory. */
		if (!IODataQueue_enqueue(queue, line, (UInt32)n))
			warnx("no room for \"%s\"", line);
	}
}

static void tell_all(IODataQueue *queue, int events)
{
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t n = read(events, bytes, sizeof(bytes));
	const struct inotify_event *event;

	for (char *at = bytes; at < bytes + n; at += sizeof(*event) + event->len) {
		event = (const void *)at;
		tell(queue, event);
	}
}

/* Both descriptors, until the service is terminated. */
static void run(IOService *service, IODataQueue *queue, int events)
{
	struct pollfd ready[] = {
		{ .fd = IOService_getDescriptor(service), .events = POLLIN },
		{ .fd = events, .events = POLLIN },
	};

	while (IOService_dispatch(service) != kIOReturnNotAttached) {
		if (poll(ready, 2, -1) > 0 && (ready[1].revents & POLLIN))
			tell_all(queue, events);
	}
}

static void must(IOReturn result, const char *what)
{
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnText(result));
}

int main(int argc, char **argv)
{
	IODataQueue *queue = IODataQueue_withCapacity(CAPACITY);
	IOService *service = IOService_withClass(&class);
	json_t *directory;
	char plane[4096];
	int events;

	if (argc != 3)
		errx(2, "usage: driver_bridge MOUNT DIRECTORY");
	events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (events < 0 || inotify_add_watch(events, argv[2], EVENTS | IN_ONLYDIR) < 0)
		err(1, "%s", argv[2]);

	snprintf(plane, sizeof(plane), "%s/IOService", argv[1]);
	must(IOService_attachAt(service, plane), plane);
	directory = json_string(argv[2]);
	IOService_setProperty(service, "Directory", directory);
	json_decref(directory);
	must(IOService_serve(service), plane);
	must(IOService_publishDataQueue(service, queue, "events"), "queues/events");
	must(IOService_registerService(service, 0), plane);
	puts("registered");
	fflush(stdout);

	run(service, queue, events);
	OSObject_release(queue);
	OSObject_release(service);
	return 0;
}
