/* SPDX-License-Identifier: MIT */
/*
 * numbered - a side of a queue that may be killed at any moment
 *
 *	numbered produce|consume QUEUE LOG futex|port
 *
 * Entry N has a size and bytes that follow from N, so that a torn one is seen.
 * LOG (a file of a page, mapped; numbered.py has the same) says what the process
 * is about to do: move entry N at its position P. Who comes after a process that
 * was killed compares P with the shared position, and knows whether that was
 * done: if the position is still P, entry N is to be moved once more; if not,
 * never again. So a lost, doubled or torn entry is an error at once.
 *
 * Ends with 0 before the entry whose number is the log's `last`.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>

#define PAGE		4096
#define POSITION	(128 / 8)	/* of head, of tail: words into the page */
#define MAX_SIZE	2000u
#define OPEN_TRIES	500

struct step {
	uint64_t position, number;
};

struct log {
	uint64_t n;			/* steps begun, of all processes; 0: none */
	uint64_t last;
	struct step steps[2];		/* that of step n is steps[n % 2] */
};

static IODataQueueMemory *queue;
static mach_port_t port;
static bool waits_at_port;
static struct log *steps;
static const uint64_t *position;	/* shared: `tail` of a producer, `head` of a consumer */
static unsigned char bytes[256 + MAX_SIZE];

static void check(IOReturn r, const char *what)
{
	if (r != kIOReturnSuccess)
		errx(1, "%s: %s (0x%08x)", what, IOReturnText(r), (unsigned)r);
}

static void *map(const char *path, int flags, int protection)
{
	int fd = open(path, flags | O_CLOEXEC);
	void *page = mmap(NULL, PAGE, protection, MAP_SHARED, fd, 0);

	if (fd < 0 || page == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return page;
}

static uint32_t size_of(uint64_t number)
{
	return 8 + (uint32_t)(number * 2654435761u) % (MAX_SIZE - 8);
}

static void make(uint64_t number, unsigned char *entry)
{
	memcpy(entry, &number, 8);
	memcpy(entry + 8, bytes + number % 256, size_of(number) - 8);
}

/* The predecessor of a process that is killed may take a moment to be gone. */
static void open_queue(const char *path, int role)
{
	for (int i = 1; !queue; i++) {
		queue = IODataQueueOpen(path, role);
		if (queue)
			break;
		if (errno != EBUSY || i == OPEN_TRIES)
			err(1, "%s, at try %d", path, i);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	port = IODataQueueAllocateNotificationPort();
	if (port == MACH_PORT_NULL)
		err(1, "a port");
	if (waits_at_port)
		check(IODataQueueSetNotificationPort(queue, port), "set port");
}

static void wait_for(bool produces, uint32_t size)
{
	if (waits_at_port) {
		if (poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1, -1) != 1)
			err(1, "poll");
		return;
	}
	check(produces ? IODataQueueWaitForSpace(queue, size) :
			 IODataQueueWaitForAvailableData(queue, port), "wait");
}

static uint64_t first_number(void)
{
	uint64_t n = __atomic_load_n(&steps->n, __ATOMIC_ACQUIRE);
	const struct step *step = &steps->steps[n % 2];

	if (n == 0)
		return 0;
	return step->number + (__atomic_load_n(position, __ATOMIC_ACQUIRE) != step->position);
}

/* Once for each number, and again by a successor. */
static void begin_step(uint64_t number)
{
	uint64_t n = steps->n + 1;

	steps->steps[n % 2] = (struct step){ __atomic_load_n(position, __ATOMIC_ACQUIRE), number };
	__atomic_store_n(&steps->n, n, __ATOMIC_RELEASE);
}

static bool is_last(uint64_t number)
{
	return number == __atomic_load_n(&steps->last, __ATOMIC_ACQUIRE);
}

static void produce(void)
{
	static unsigned char entry[MAX_SIZE];

	for (uint64_t number = first_number(); !is_last(number); number++) {
		uint32_t size = size_of(number);
		IOReturn r;

		make(number, entry);
		begin_step(number);
		while ((r = IODataQueueEnqueue(queue, entry, size)) == kIOReturnOverrun)
			wait_for(true, size);
		check(r, "enqueue");
	}
}

static void consume(void)
{
	static unsigned char entry[2 * MAX_SIZE], wanted[MAX_SIZE];

	for (uint64_t number = first_number(); !is_last(number); number++) {
		uint32_t size;
		IOReturn r;

		make(number, wanted);
		begin_step(number);
		while ((r = IODataQueueDequeue(queue, entry, (size = sizeof(entry), &size))) ==
		       kIOReturnUnderrun)
			wait_for(false, 0);
		check(r, "dequeue");
		if (size != size_of(number) || memcmp(entry, wanted, size) != 0)
			errx(1, "wanted entry %llu of %u bytes, got %llu of %u",
			     (unsigned long long)number, size_of(number),
			     *(unsigned long long *)(void *)entry, size);
	}
}

int main(int argc, char **argv)
{
	bool produces = argc > 1 && strcmp(argv[1], "produce") == 0;
	char path[4096];

	if (argc != 5)
		errx(2, "usage: numbered produce|consume QUEUE LOG futex|port");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	waits_at_port = strcmp(argv[4], "port") == 0;
	steps = map(argv[3], O_RDWR, PROT_READ | PROT_WRITE);
	open_queue(argv[2], produces ? kIODataQueueProducer : kIODataQueueConsumer);
	snprintf(path, sizeof(path), "%s/%s", argv[2], produces ? "data" : "consumer");
	position = (const uint64_t *)map(path, O_RDONLY, PROT_READ) + POSITION;

	if (produces)
		produce();
	else
		consume();
	IODataQueueClose(queue);
	return 0;
}
