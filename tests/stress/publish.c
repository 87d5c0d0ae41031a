/* SPDX-License-Identifier: MIT */
/*
 * publish - a driver that makes a queue and publishes it, as it is told
 *
 *	publish IODataQueue|IOSharedDataQueue
 *
 * Each line of standard input is a command, each has one line of answer:
 *
 *	capacity SIZE		initWithCapacity()
 *	entries COUNT SIZE	initWithEntries()
 *	put TEXT		enqueue()
 *	fill SIZE		enqueue() numbered entries until one is refused; how many
 *	number FIRST COUNT	enqueue() lines with these numbers, each until it is taken
 *	get, peek		the entry, or "none"
 *	size			getQueueSize()
 *	resize SIZE		setQueueSize()
 *	length			of getMemoryDescriptor()
 *	ring			sendDataAvailableNotification()
 *	port			setNotificationPort() of a new port
 *	told			is the port readable?
 *	damage			spoil what the next entry says of its size
 *	go DIRECTORY		chdir()
 *	limit N			N descriptors more can be had; -1: as many as ever
 *	publish DIRECTORY NAME	the result's name and the errno's
 *	free			free()
 *	release			OSObject_release(); there is no queue after that
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOSharedDataQueue.h>

#define HEADER	4096u		/* in front of the ring */

static IODataQueue *queue;
static mach_port_t port;
static char bytes[1 << 20];

static IOSharedDataQueue *shared(void)
{
	IOSharedDataQueue *same = OSObject_metaCast(queue, "IOSharedDataQueue");

	if (!same)
		errx(2, "that takes an IOSharedDataQueue");
	return same;
}

static UInt32 number_of(const char *text)
{
	return (UInt32)strtoul(text, NULL, 0);
}

/* Each command: its answer, or -1 when it is printed already. */

static long init_capacity(char *size, char *unused)
{
	(void)unused;
	return IODataQueue_initWithCapacity(queue, number_of(size));
}

static long init_entries(char *count, char *size)
{
	return IODataQueue_initWithEntries(queue, number_of(count), number_of(size));
}

static long put(char *text, char *unused)
{
	(void)unused;
	return IODataQueue_enqueue(queue, text, (UInt32)strlen(text));
}

static long fill(char *text, char *unused)
{
	UInt32 size = number_of(text);
	UInt32 n = 0;

	(void)unused;
	if (size < sizeof(n) || size > sizeof(bytes))
		errx(2, "no size for a numbered entry");
	memset(bytes, 'x', size);
	for (;; n++) {
		memcpy(bytes, &n, sizeof(n));
		if (!IODataQueue_enqueue(queue, bytes, size))
			return n;
	}
}

static long number(char *first, char *count)
{
	UInt32 i = number_of(first);

	for (UInt32 end = i + number_of(count); i < end; i++) {
		int n = sprintf(bytes, "%u\n", i);

		while (!IODataQueue_enqueue(queue, bytes, (UInt32)n))
			sched_yield();
	}
	return 1;
}

static long get(char *unused, char *unused_too)
{
	UInt32 size = sizeof(bytes);

	(void)unused, (void)unused_too;
	if (IOSharedDataQueue_dequeue(shared(), bytes, &size))
		printf("%.*s\n", (int)size, bytes);
	else
		puts("none");
	return -1;
}

static long peek(char *unused, char *unused_too)
{
	IODataQueueEntry *entry = IOSharedDataQueue_peek(shared());

	(void)unused, (void)unused_too;
	if (entry)
		printf("%.*s\n", (int)entry->size, (char *)entry->data);
	else
		puts("none");
	return -1;
}

static long get_size(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	return IOSharedDataQueue_getQueueSize(shared());
}

static long resize(char *size, char *unused)
{
	(void)unused;
	return IOSharedDataQueue_setQueueSize(shared(), number_of(size));
}

static long length(char *unused, char *unused_too)
{
	IOMemoryDescriptor *descriptor = IODataQueue_getMemoryDescriptor(queue);
	IOByteCount n = IOMemoryDescriptor_getLength(descriptor);

	(void)unused, (void)unused_too;
	OSObject_release(descriptor);
	return (long)n;
}

static long ring(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	IODataQueue_sendDataAvailableNotification(queue);
	return 1;
}

static long set_port(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	port = IODataQueueAllocateNotificationPort();
	IODataQueue_setNotificationPort(queue, port);
	return port != MACH_PORT_NULL;
}

static long is_told(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	return poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1, 0) == 1;
}

/* While the queue is in memory, and nothing was dequeued. */
static long damage(char *unused, char *unused_too)
{
	IOMemoryDescriptor *descriptor = IODataQueue_getMemoryDescriptor(queue);
	char *data = mmap(NULL, IOMemoryDescriptor_getLength(descriptor), PROT_READ | PROT_WRITE,
			  MAP_SHARED, IOMemoryDescriptor_getDescriptor(descriptor), 0);

	(void)unused, (void)unused_too;
	if (data == MAP_FAILED)
		err(1, "mmap");
	memset(data + HEADER, 0xff, 4);
	munmap(data, IOMemoryDescriptor_getLength(descriptor));
	OSObject_release(descriptor);
	return 1;
}

static long go(char *directory, char *unused)
{
	(void)unused;
	return chdir(directory) == 0;
}

static long limit(char *count, char *unused)
{
	struct rlimit descriptors;
	long n = strtol(count, NULL, 0);
	int next = dup(STDIN_FILENO);

	(void)unused;
	close(next);
	if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		return 0;
	descriptors.rlim_cur = n < 0 ? descriptors.rlim_max : (rlim_t)(next + n);
	return setrlimit(RLIMIT_NOFILE, &descriptors) == 0;
}

static long publish(char *directory, char *name)
{
	IOReturn r = IODataQueue_publish(queue, directory, name);

	if (r == kIOReturnSuccess)
		puts("kIOReturnSuccess");
	else
		printf("%s %s\n", IOReturnName(r), strerrorname_np(errno));
	return -1;
}

static long free_queue(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	IODataQueue_free(queue);
	return 1;
}

static long release(char *unused, char *unused_too)
{
	(void)unused, (void)unused_too;
	OSSafeReleaseNULL(queue);
	return 1;
}

static const struct command {
	const char *name;
	long (*call)(char *argument, char *second);
} commands[] = {
	{ "capacity", init_capacity }, { "entries", init_entries }, { "put", put },
	{ "fill", fill }, { "number", number }, { "get", get }, { "peek", peek },
	{ "size", get_size }, { "resize", resize }, { "length", length }, { "ring", ring },
	{ "port", set_port }, { "told", is_told }, { "damage", damage }, { "go", go },
	{ "limit", limit }, { "publish", publish }, { "free", free_queue }, { "release", release },
};

static void obey(const char *name, char *argument, char *second)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0) {
			long answer = commands[i].call(argument, second);

			if (answer >= 0)
				printf("%ld\n", answer);
			return;
		}
	errx(2, "%s: no such command", name);
}

/* The next word of a line, or "". */
static char *word(char *line)
{
	static char none[1];
	char *found = strtok(line, " \n");

	return found ? found : none;
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;

	if (argc != 2)
		errx(2, "usage: publish IODataQueue|IOSharedDataQueue");
	if (strcmp(argv[1], "IODataQueue") == 0)
		queue = IODataQueue_alloc();
	else
		queue = (void *)IOSharedDataQueue_alloc();

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (getline(&line, &size, stdin) > 0) {
		char *name = word(line), *argument = word(NULL), *second = word(NULL);

		obey(name, argument, second);
	}
	free(line);
	return 0;
}
