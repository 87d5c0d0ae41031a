/* SPDX-License-Identifier: MIT */
/*
 * shape - entries, their checks, the rhythm of producers, and the end of patience
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "shape.h"

#define STALL_TICKS	20		/* of a second each */
#define N_BYTES		256
#define LATE_NS		400000000	/* less than the half second of a wait's slice */
#define N_MOST_LATE	5

static uint64_t n_moved;		/* entries */
static uint32_t crc_table[256];
static unsigned char bytes[N_BYTES + LARGEST_SIZE];

/* Once a second. */
static void tick(int signal_number)
{
	static const char text[] = "stalled: no entry for 20 s\n";
	static uint64_t n_seen;
	static int n_ticks;
	uint64_t n = __atomic_load_n(&n_moved, __ATOMIC_RELAXED);

	(void)signal_number;
	if (n != n_seen)
		n_ticks = 0;
	n_seen = n;
	if (++n_ticks <= STALL_TICKS)
		return;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static void fill_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
		crc_table[i] = crc;
	}
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
}

void shape_begin(void)
{
	struct sigaction action = { .sa_handler = tick, .sa_flags = SA_RESTART };
	struct itimerval second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };

	fill_tables();
	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &second, NULL) < 0)
		err(1, "the timer");
}

void shape_progress(void)
{
	__atomic_fetch_add(&n_moved, 1, __ATOMIC_RELAXED);
}

void shape_check(IOReturn r, const char *what)
{
	if (r != kIOReturnSuccess)
		errx(1, "%s: %s (0x%08x)", what, IOReturnText(r), (unsigned)r);
}

IODataQueueMemory *shape_open(const char *path, int role)
{
	IODataQueueMemory *queue = IODataQueueOpen(path, role);

	if (!queue)
		err(1, "%s", path);
	return queue;
}

mach_port_t shape_port(IODataQueueMemory *queue)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();

	if (port == MACH_PORT_NULL)
		err(1, "a port");
	shape_check(IODataQueueSetNotificationPort(queue, port), "set port");
	return port;
}

IODataQueueMemory *shape_consumer(int argc, char **argv, struct stream *ret)
{
	if (argc < 3)
		errx(2, "usage: %s QUEUE fixed|varied", program_invocation_short_name);
	shape_begin();
	*ret = (struct stream){ .varied = shape_is_varied(argv[2]) };
	return shape_open(argv[1], kIODataQueueConsumer);
}

int shape_finish(IODataQueueMemory *queue, mach_port_t port, const struct stream *stream)
{
	IODataQueueClose(queue);
	if (port != MACH_PORT_NULL)
		close(port);
	return stream_close(stream);
}

void shape_poll(mach_port_t port)
{
	while (poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1, -1) != 1)
		if (errno != EINTR)
			err(1, "poll");
}

void shape_sleep(long ns)
{
	struct timespec left = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

uint64_t shape_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool shape_is_varied(const char *word)
{
	bool varied = strcmp(word, "varied") == 0;

	if (!varied && strcmp(word, "fixed") != 0)
		errx(2, "sizes are fixed or varied, not '%s'", word);
	return varied;
}

/* --- the entries of a stream */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185u;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44du;
	return x ^ x >> 33;
}

uint32_t entry_size(uint64_t number, bool varied)
{
	if (!varied)
		return FIXED_SIZE;
	/* A tenth of them is small. */
	if (mix(number) % 10 == 0)
		return SMALL_SIZE;
	return SMALL_SIZE + (uint32_t)(mix(number + 1) % (LARGEST_SIZE - SMALL_SIZE + 1));
}

static uint32_t checksum(const struct entry *entry, uint32_t size)
{
	const unsigned char *from = (const unsigned char *)&entry->flags;
	const unsigned char *end = (const unsigned char *)entry + size;
	uint32_t crc = 0xffffffffu;

	for (; from < end; from++)
		crc = crc >> 8 ^ crc_table[(crc ^ *from) & 0xff];
	return ~crc;
}

void entry_make(void *data, uint64_t number, uint32_t size, uint32_t flags, uint64_t dropped)
{
	struct entry *entry = data;

	*entry = (struct entry){ .flags = flags, .number = number, .dropped = dropped,
				  .made_ns = shape_now_ns() };
	memcpy(entry->rest, bytes + mix(number) % N_BYTES, size - sizeof(*entry));
	entry->checksum = checksum(entry, size);
}

/* Was a wait for @entry a long one, though the entry was there? */
static void judge_wait(struct stream *stream, const struct entry *entry)
{
	if (stream->n_waits == stream->n_waits_before)
		return;
	stream->n_waits_before = stream->n_waits;
	if (shape_now_ns() > entry->made_ns + LATE_NS)
		stream->n_late++;
}

static void next_entry(struct stream *stream)
{
	stream->next++;
	shape_progress();
	/* Rarely a while, often an instant: full and empty, and what lies between. */
	if (mix(stream->next) % 1024 == 0)
		shape_sleep(1000000);
	else if (mix(stream->next) % 128 == 0)
		shape_sleep(1000);
}

void stream_take(struct stream *stream, const void *data, uint32_t size)
{
	const struct entry *entry = data;
	uint64_t dropped;

	if (stream->ended)
		errx(1, "an entry came after the last one");
	if (size < sizeof(*entry) || entry->checksum != checksum(entry, size))
		errx(1, "a wrong checksum, of %u bytes, in the place of entry %llu", size,
		     (unsigned long long)stream->next);
	dropped = entry->dropped - stream->dropped;
	if (entry->number != stream->next + dropped ||
	    size != entry_size(entry->number, stream->varied))
		errx(1, "entry %llu of %u bytes, after %llu that were dropped; wanted %llu",
		     (unsigned long long)entry->number, size, (unsigned long long)dropped,
		     (unsigned long long)stream->next);
	if ((entry->flags & ENTRY_AFTER_DROPPED) && dropped == 0)
		errx(1, "nothing was dropped before entry %llu", (unsigned long long)entry->number);

	stream->dropped += dropped;
	stream->next += dropped;
	stream->stopped = entry->flags & ENTRY_STOP;
	stream->ended = entry->flags & ENTRY_LAST;
	judge_wait(stream, entry);
	next_entry(stream);
}

void stream_skip(struct stream *stream)
{
	next_entry(stream);
}

int stream_close(const struct stream *stream)
{
	if (!stream->ended && !stream->stopped)
		errx(1, "the last entry never came");
	if (stream->n_waits == 0)
		errx(1, "the queue was never found empty");
	if (stream->n_late > N_MOST_LATE)
		errx(1, "%u entries came late, as if wake-ups were lost", stream->n_late);
	printf("%llu\n", (unsigned long long)stream->next);
	return 0;
}

/* --- the rhythm of a producer */

void rhythm_begin(struct rhythm *rhythm, const char *seconds, uint64_t seed)
{
	rhythm->random = seed;
	rhythm->end_ns = shape_now_ns() + (uint64_t)(strtod(seconds, NULL) * 1e9);
	rhythm->begun = false;
}

uint64_t rhythm_random(struct rhythm *rhythm, uint64_t limit)
{
	return mix(++rhythm->random * 0x9e3779b97f4a7c15u) % limit;
}

static struct phase full_speed(void)
{
	return (struct phase){ .n = 3000 };
}

/* The first is one that fills the queue. */
bool rhythm_next(struct rhythm *rhythm, struct phase *ret)
{
	uint64_t kind = rhythm_random(rhythm, 20);

	if (!rhythm->begun)
		*ret = full_speed();
	else if (kind == 0)
		*ret = (struct phase){ .n = 1, .pause_ns = 20000000 };
	else if (kind < 4)
		*ret = full_speed();
	else if (kind < 8)
		*ret = (struct phase){ .n = 50, .one_by_one = true };
	else if (kind < 12)
		*ret = (struct phase){ .n = 1, .pause_ns = (long)rhythm_random(rhythm, 1000000) };
	else
		*ret = (struct phase){ .n = 1 + (unsigned)rhythm_random(rhythm, 100),
				       .pause_ns = (long)rhythm_random(rhythm, 300000) };
	rhythm->begun = true;
	return shape_now_ns() < rhythm->end_ns;
}

void wait_until_taken(IODataQueueMemory *producer)
{
	while (IODataQueueDataAvailable(producer))
		sched_yield();
}
