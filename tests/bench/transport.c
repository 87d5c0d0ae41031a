/* SPDX-License-Identifier: MIT */
/*
 * transport KIND SIZE COUNT [QUEUE] - send COUNT messages of SIZE bytes from one
 * process to another and print how many went through in a second
 *
 * KIND is pipe, socket (a Unix stream socket pair), or queue: the entries of the
 * queue whose directory is QUEUE, with the documented functions. Both processes
 * are pinned, to the first two CPUs that we may use. The first and the last
 * byte of each message are looked at, so that nobody can skip the payload.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include <IOKit/IODataQueueClient.h>

#include "bench.h"

#define MAX_SIZE	(1u << 20)
#define PIPE_SIZE	(1 << 20)	/* as much room as the queue has */

struct run {
	const char *queue;		/* NULL: a descriptor */
	int ends[2];			/* to read from, to write to */
	size_t size;
	unsigned long count;
};

static unsigned char buffer[MAX_SIZE];

static void mark(size_t size, unsigned long i)
{
	buffer[0] = (unsigned char)i;
	buffer[size - 1] = (unsigned char)i;
}

static void check(size_t size, unsigned long i)
{
	if (buffer[0] != (unsigned char)i || buffer[size - 1] != (unsigned char)i) {
		fprintf(stderr, "transport: message %lu is not what was sent\n", i);
		exit(1);
	}
}

static void send_bytes(int fd, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, buffer + done, size - done);

		if (n <= 0)
			fail("write");
		done += (size_t)n;
	}
}

static void receive_bytes(int fd, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, buffer + done, size - done);

		if (n <= 0)
			fail("read");
		done += (size_t)n;
	}
}

static void send_entry(IODataQueueMemory *queue, size_t size)
{
	IOReturn r;

	while ((r = IODataQueueEnqueue(queue, buffer, (UInt32)size)) == kIOReturnOverrun)
		r = IODataQueueWaitForSpace(queue, (UInt32)size);
	if (r != kIOReturnSuccess) {
		fprintf(stderr, "transport: enqueue: 0x%x\n", (unsigned)r);
		exit(1);
	}
}

static void receive_entry(IODataQueueMemory *queue, mach_port_t port)
{
	UInt32 size = sizeof(buffer);
	IOReturn r;

	while ((r = IODataQueueDequeue(queue, buffer, &size)) == kIOReturnUnderrun) {
		IODataQueueWaitForAvailableData(queue, port);
		size = sizeof(buffer);
	}
	if (r != kIOReturnSuccess) {
		fprintf(stderr, "transport: dequeue: 0x%x\n", (unsigned)r);
		exit(1);
	}
}

static IODataQueueMemory *open_queue(const char *path, int role)
{
	IODataQueueMemory *queue = IODataQueueOpen(path, role);

	if (!queue)
		fail(path);
	return queue;
}

static void produce(void *arg)
{
	const struct run *run = arg;
	IODataQueueMemory *queue = run->queue ? open_queue(run->queue, kIODataQueueProducer) : NULL;

	meet();
	for (unsigned long i = 0; i < run->count; i++) {
		mark(run->size, i);
		if (queue)
			send_entry(queue, run->size);
		else
			send_bytes(run->ends[1], run->size);
	}
	IODataQueueClose(queue);
}

static void consume(void *arg)
{
	const struct run *run = arg;
	IODataQueueMemory *queue = run->queue ? open_queue(run->queue, kIODataQueueConsumer) : NULL;
	mach_port_t port = queue ? IODataQueueAllocateNotificationPort() : MACH_PORT_NULL;
	double started;

	meet();
	started = now();
	for (unsigned long i = 0; i < run->count; i++) {
		if (queue)
			receive_entry(queue, port);
		else
			receive_bytes(run->ends[0], run->size);
		check(run->size, i);
	}
	printf("%.0f\n", (double)run->count / (now() - started));
	IODataQueueClose(queue);
}

static void open_ends(struct run *run, const char *kind)
{
	if (strcmp(kind, "pipe") == 0) {
		if (pipe(run->ends) < 0)
			fail("pipe");
		fcntl(run->ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	} else if (strcmp(kind, "socket") == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, run->ends) < 0)
			fail("socketpair");
	} else {
		fprintf(stderr, "transport: KIND is pipe, socket or queue\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct run run = { .ends = { -1, -1 } };

	if (argc < 4) {
		fprintf(stderr, "usage: transport KIND SIZE COUNT [QUEUE]\n");
		return 2;
	}
	run.size = strtoul(argv[2], NULL, 10);
	run.count = strtoul(argv[3], NULL, 10);
	if (run.size < 1 || run.size > MAX_SIZE)
		return 2;
	if (argc > 4)
		run.queue = argv[4];
	else
		open_ends(&run, argv[1]);

	run_pair(produce, consume, &run);
	return 0;
}
