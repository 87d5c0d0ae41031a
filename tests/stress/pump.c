/* SPDX-License-Identifier: MIT */
/*
 * pump - a stream of bytes through a queue, to its very end
 *
 *	pump produce QUEUE futex|port [SIZE]	standard input becomes entries: a line
 *						each, or SIZE bytes; then an empty one
 *	pump consume QUEUE futex|port		payloads to standard output, up to the
 *						empty entry
 *
 * futex, port: how it waits. Exits with 1 at any result that it does not expect.
 */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>

static IODataQueueMemory *queue;
static mach_port_t port;
static bool waits_at_port;

static void check(IOReturn r, const char *what)
{
	if (r != kIOReturnSuccess)
		errx(1, "%s: %s (0x%08x)", what, IOReturnText(r), (unsigned)r);
}

static void wait_at_port(void)
{
	if (poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1, -1) != 1)
		err(1, "poll");
}

static void enqueue(void *data, uint32_t size)
{
	IOReturn r;

	while ((r = IODataQueueEnqueue(queue, data, size)) == kIOReturnOverrun) {
		if (waits_at_port)
			wait_at_port();
		else
			check(IODataQueueWaitForSpace(queue, size), "wait for space");
	}
	check(r, "enqueue");
}

static void produce_lines(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0)
		enqueue(line, (uint32_t)n);
	free(line);
}

static void produce_blocks(uint32_t size)
{
	char *block = malloc(size);
	size_t n;

	if (!block)
		err(1, "a block of %u bytes", size);
	while ((n = fread(block, 1, size, stdin)) > 0)
		enqueue(block, (uint32_t)n);
	free(block);
}

/* Return: the entry's size; *@buffer grows as it must. */
static uint32_t dequeue(char **buffer, uint32_t *room)
{
	for (;;) {
		uint32_t size = *room;
		IOReturn r = IODataQueueDequeue(queue, *buffer, &size);

		switch (r) {
		case kIOReturnSuccess:
			return size;
		case kIOReturnNoSpace:
			*buffer = realloc(*buffer, *room = size);
			if (!*buffer)
				err(1, "a buffer of %u bytes", size);
			break;
		case kIOReturnUnderrun:
			fflush(stdout);
			if (waits_at_port)
				wait_at_port();
			else
				check(IODataQueueWaitForAvailableData(queue, port),
				      "wait for data");
			break;
		default:
			check(r, "dequeue");
		}
	}
}

static void consume(void)
{
	uint32_t room = 16, n;
	char *buffer = malloc(room);

	if (!buffer)
		err(1, "a buffer");
	while ((n = dequeue(&buffer, &room)) > 0)
		fwrite(buffer, 1, n, stdout);
	free(buffer);
	if (fflush(stdout) || ferror(stdout))
		err(1, "standard output");
}

int main(int argc, char **argv)
{
	bool produces = argc > 1 && strcmp(argv[1], "produce") == 0;

	if (argc < 4 || argc > 5)
		errx(2, "usage: pump produce|consume QUEUE futex|port [SIZE]");
	queue = IODataQueueOpen(argv[2], produces ? kIODataQueueProducer : kIODataQueueConsumer);
	if (!queue)
		err(1, "%s", argv[2]);
	port = IODataQueueAllocateNotificationPort();
	if (port == MACH_PORT_NULL)
		err(1, "a port");
	waits_at_port = strcmp(argv[3], "port") == 0;
	if (waits_at_port)
		check(IODataQueueSetNotificationPort(queue, port), "set port");

	if (!produces) {
		consume();
	} else {
		if (argc == 5)
			produce_blocks((uint32_t)strtoul(argv[4], NULL, 10));
		else
			produce_lines();
		enqueue(NULL, 0);
	}
	IODataQueueClose(queue);
	close(port);
	return 0;
}
