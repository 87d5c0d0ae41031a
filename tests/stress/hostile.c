/* SPDX-License-Identifier: MIT */
/*
 * hostile - each call of the library beside somebody who writes what he likes
 * into a queue's memory
 *
 *	hostile QUEUE DATA CONSUMER chosen
 *	hostile QUEUE DATA CONSUMER random ROUNDS SEED
 *	hostile QUEUE DATA CONSUMER scribble SEED
 *
 * DATA and CONSUMER are the files behind QUEUE, which it scribbles on without a
 * role. chosen: each hostile word in each field, before a side attaches and
 * after it. random: a child writes all the time while the calls are made.
 * scribble: only write, until killed, what others have to live with.
 *
 * Exits with 0 when each call returned, with a result that its header lists,
 * and none wrote outside the caller's buffer. What the memory holds at the end
 * is not worth reading.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>

#define PAGE		4096
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define CANARY		0xa5
#define PAYLOAD		2048
#define BUFFER		32768	/* more than all of the ring */
#define LAST		40	/* bytes of the entries of prepare() */

static struct field {
	bool in_consumer;
	unsigned offset, size;
} fields[] = {
	{ 0, 0, 8 }, { 0, 8, 4 }, { 0, 12, 4 }, { 0, 16, 8 }, { 0, 24, 8 }, { 0, 32, 4 },
	{ 0, 36, 4 }, { 0, 40, 4 }, { 0, 128, 8 }, { 0, 136, 8 }, { 0, 256, 4 }, { 0, 260, 4 },
	{ 0, 264, 4 }, { 0, 272, 8 }, { 0, 280, 8 },
	/* Headers of the entries; prepare() moves them. */
	{ 0, PAGE, 4 }, { 0, PAGE + 4, 4 }, { 0, PAGE, 8 }, { 0, PAGE + 24, 8 },
	{ 1, 0, 8 }, { 1, 8, 4 }, { 1, 128, 8 }, { 1, 136, 8 }, { 1, 256, 4 }, { 1, 260, 4 },
	{ 1, 264, 4 },
};

struct memory {
	unsigned char *bytes, *fresh;
	size_t size;
};

static const char *path;
static struct memory memory[2];		/* data, consumer */
static uint64_t queue_size;
static uint64_t words[32];
static unsigned n_words;
static mach_port_t port;
static uint64_t state;			/* of the random numbers; never 0 */

static uint64_t chance(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static struct memory map(const char *name)
{
	struct memory mapped;
	struct stat st;
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", name);
	mapped.size = (size_t)st.st_size;
	mapped.bytes = mmap(NULL, mapped.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	mapped.fresh = malloc(mapped.size);
	if (mapped.bytes == MAP_FAILED || !mapped.fresh)
		err(1, "%s: memory", name);
	memcpy(mapped.fresh, mapped.bytes, mapped.size);
	close(fd);
	return mapped;
}

static void mend(void)
{
	for (int i = 0; i < 2; i++)
		memcpy(memory[i].bytes, memory[i].fresh, memory[i].size);
}

static uint64_t word_at(int which, size_t offset)
{
	uint64_t word;

	memcpy(&word, memory[which].bytes + offset, sizeof(word));
	return word;
}

static void make_words(void)
{
	uint64_t base[12] = { 0, 1, 7, 8, 4096, 0xffffffff, UINT64_MAX, 1ull << 63,
				 1ull << 32, (1ull << 32) + 8, UINT64_MAX - 7 };

	queue_size = word_at(0, 16);
	for (; n_words < 11; n_words++)
		words[n_words] = base[n_words];
	for (uint64_t word = queue_size - 16; word <= queue_size + 16; word += 8)
		words[n_words++] = word;
	words[n_words++] = queue_size + 4;
	words[n_words++] = (queue_size - 8) | 1ull << 32;	/* a gap, as a header */
	words[n_words++] = 2 * queue_size;
}

static void scribble(const struct field *field, uint64_t word)
{
	memcpy(memory[field->in_consumer].bytes + field->offset, &word, field->size);
}

/* The call's result is one of @results, which end with 1. */
static void expect(const char *call, IOReturn r, const IOReturn *results)
{
	while (*results != 1 && *results != r)
		results++;
	if (*results == 1)
		errx(1, "%s: %s (0x%08x)", call, IOReturnText(r), (unsigned)r);
}

#define EXPECT(call, ...) expect(#call, call, (const IOReturn[]){ __VA_ARGS__, 1 })
#define PERHAPS(role)	(role) ? kIOReturnSuccess : kIOReturnNotPermitted

static struct timespec soon(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

static void call_dequeue(IODataQueueMemory *queue, bool consumes)
{
	static unsigned char buffer[BUFFER + 64];
	UInt32 room = (UInt32)chance(BUFFER), size = room;
	IOReturn r;

	memset(buffer, CANARY, sizeof(buffer));
	r = IODataQueueDequeue(queue, buffer, &size);
	expect("dequeue", r, (const IOReturn[]){ PERHAPS(consumes), kIOReturnUnderrun,
						 kIOReturnNoSpace, kIOReturnError, 1 });
	if (r == kIOReturnSuccess ? size > room : r != kIOReturnNoSpace && size != room)
		errx(1, "dequeue: %s, %u of %u bytes", IOReturnText(r), size, room);
	if ((r == kIOReturnSuccess || r == kIOReturnNoSpace) && size > queue_size)
		errx(1, "dequeue: an entry of %u bytes", size);
	for (size_t i = room; i < sizeof(buffer); i++)
		if (buffer[i] != CANARY)
			errx(1, "dequeue wrote %zu bytes behind the buffer", i - room);
	if (chance(4) == 0)
		EXPECT(IODataQueueDequeue(queue, NULL, NULL), PERHAPS(consumes),
		       kIOReturnUnderrun, kIOReturnError);
}

static void call_all(IODataQueueMemory *queue, int role)
{
	static unsigned char payload[PAYLOAD];
	bool produces = role == kIODataQueueProducer, consumes = role == kIODataQueueConsumer;
	UInt32 size = (UInt32)chance(PAYLOAD);
	struct timespec now = soon();
	IODataQueueEntry *entry;
	volatile UInt32 seen;

	IODataQueueDataAvailable(queue);
	entry = IODataQueuePeek(queue);
	if (entry)
		seen = entry->size;	/* its header lies in the mapping, whatever it says */
	(void)seen;
	EXPECT(IODataQueueEnqueue(queue, payload, size), PERHAPS(produces), kIOReturnOverrun,
	       kIOReturnMessageTooLarge, kIOReturnError);
	call_dequeue(queue, consumes);
	EXPECT(IODataQueueWaitForAvailableDataUntil(queue, port, &now), PERHAPS(consumes),
	       kIOReturnTimeout, kIOReturnError);
	EXPECT(IODataQueueWaitForSpaceUntil(queue, size, &now), PERHAPS(produces),
	       kIOReturnTimeout, kIOReturnMessageTooLarge, kIOReturnError);
	EXPECT(IODataQueueSetNotificationPort(queue, chance(2) ? port : MACH_PORT_NULL),
	       kIOReturnSuccess, kIOReturnNotPermitted, kIOReturnError);
	if (poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1, 0) < 0)
		err(1, "poll");
}

/* Return: NULL where the memory was damaged already. */
static IODataQueueMemory *attach(int role)
{
	IODataQueueMemory *queue;

	/* The close before is not done with when it returns. */
	for (int i = 0; !(queue = IODataQueueOpen(path, role)) && errno == EBUSY && i < 10000; i++)
		poll(NULL, 0, 1);
	if (!queue && errno != EIO)
		err(1, "open as %d", role);
	return queue;
}

static void put(IODataQueueMemory *producer, UInt32 size)
{
	static char payload[PAYLOAD];

	EXPECT(IODataQueueEnqueue(producer, payload, size), kIOReturnSuccess);
}

/* Two entries just before the ring's end, so that there is something to find, and to pass. */
static void prepare(void)
{
	IODataQueueMemory *producer = attach(kIODataQueueProducer);
	IODataQueueMemory *consumer = attach(kIODataQueueConsumer);

	if (!producer || !consumer)
		errx(1, "the queue is damaged at the start");
	for (uint64_t left = queue_size - LAST; left > 0;) {
		UInt32 size = (UInt32)(left < 2 * 1024 ? left : 1024) - 8;

		put(producer, size);
		EXPECT(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
		left -= size + 8;
	}
	put(producer, 16);
	put(producer, 4);
	IODataQueueClose(producer);
	IODataQueueClose(consumer);
	for (int i = 0; i < 2; i++)
		memcpy(memory[i].fresh, memory[i].bytes, memory[i].size);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].offset >= PAGE)
			fields[i].offset += (unsigned)queue_size - LAST;
}

/* No role can be had. */
static bool is_damaged(void)
{
	uint64_t head = word_at(1, 128), tail = word_at(0, 128);

	return memcmp(memory[0].bytes, memory[0].fresh, 16) != 0 ||
	       memcmp(memory[1].bytes, memory[1].fresh, 12) != 0 ||
	       head % 8 || tail % 8 || head > tail || tail - head > queue_size;
}

static void try_word(const struct field *field, uint64_t word, int role)
{
	for (int attached_first = 0; attached_first < 2; attached_first++) {
		IODataQueueMemory *queue;

		mend();
		if (!attached_first)
			scribble(field, word);
		queue = attach(role);
		if (queue && role != kIODataQueueObserver && is_damaged())
			errx(1, "attached to damage: %llx at %u", (unsigned long long)word,
			     field->offset);
		if (attached_first)
			scribble(field, word);
		for (int i = 0; queue && i < 4; i++)
			call_all(queue, role);
		IODataQueueClose(queue);
	}
}

static void chosen(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		for (unsigned j = 0; j < n_words; j++)
			for (int role = 0; role < 3; role++)
				try_word(&fields[i], words[j], role);
}

/* A word, for a moment; then what was there, or nobody ever attached. */
static void scribble_at_random(void)
{
	const struct field *field = &fields[chance(ARRAY_SIZE(fields))];
	struct field anywhere = { 0, (unsigned)(PAGE + 8 * chance((memory[0].size - PAGE) / 8)),
				  8 };
	uint64_t before = 0, word = chance(3) ? words[chance(n_words)] : chance(UINT64_MAX);

	if (chance(8) == 0)
		field = &anywhere;
	memcpy(&before, memory[field->in_consumer].bytes + field->offset, field->size);
	if (chance(4) == 0)
		word = chance(2) ? before + 8 : before - 8;
	scribble(field, word);
	for (uint64_t n = chance(2000); n > 0; n--)
		__asm__ volatile("" ::: "memory");
	scribble(field, before);
	for (uint64_t n = chance(20000); n > 0; n--)
		__asm__ volatile("" ::: "memory");
}

/* The memory stays damaged when a word is written back that was damaged meanwhile. */
static void scribble_on(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t i = 0;; i++) {
		if (i % 64 == 0)
			mend();
		scribble_at_random();
	}
}

static void random_words(uint64_t rounds)
{
	uint64_t attached = 0;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0)
		scribble_on();
	for (uint64_t i = 0; i < rounds; i++) {
		int role = (int)chance(3);
		IODataQueueMemory *queue = attach(role);

		attached += queue != NULL;
		for (int j = 0; queue && j < 50; j++)
			call_all(queue, role);
		IODataQueueClose(queue);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* Else the test is none. */
	if (attached < rounds / 20)
		errx(1, "attached %llu times only", (unsigned long long)attached);
}

int main(int argc, char **argv)
{
	bool scribbles = argc == 6 && strcmp(argv[4], "scribble") == 0;
	bool random = argc == 7 && strcmp(argv[4], "random") == 0;

	if (!scribbles && !random && !(argc == 5 && strcmp(argv[4], "chosen") == 0))
		errx(2, "QUEUE DATA CONSUMER chosen | random ROUNDS SEED | scribble SEED");
	path = argv[1];
	memory[0] = map(argv[2]);
	memory[1] = map(argv[3]);
	state = strtoull(argv[argc - 1], NULL, 10) | 1;
	port = IODataQueueAllocateNotificationPort();
	if (port == MACH_PORT_NULL)
		err(1, "port");
	make_words();
	if (scribbles)
		scribble_on();
	prepare();
	if (random)
		random_words(strtoull(argv[5], NULL, 10));
	else
		chosen();
	return 0;
}
