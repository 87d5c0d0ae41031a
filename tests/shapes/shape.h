/* SPDX-License-Identifier: MIT */
/*
 * shape - what the programs of this folder have in common
 *
 * Each is the call shape of a real program that used data queues: one side of a
 * queue, which somebody wrote without thinking of ours. The other side is a
 * generator of numbered entries with checksums, of fixed or of varied size, which
 * comes in bursts, with pauses, and at full speed.
 *
 * A program ends with 0 when it has had the last entry and each one before it, in
 * order and unharmed; else with a message and 1. One that has not moved an entry
 * for 20 s has stalled: it says so, and ends with 3. The waits of the library look
 * again twice a second, so that a wake-up that was lost is only late: of those there
 * may be a few, as machines are busy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <IOKit/IODataQueueClient.h>

/* Bytes of an entry, header and all. */
#define FIXED_SIZE	64u
#define SMALL_SIZE	32u		/* of the smallest, of varied size */
#define LARGEST_SIZE	2000u

enum {
	ENTRY_LAST = 1,			/* the stream ends here */
	ENTRY_STOP = 2,			/* stop, and leave the rest to a successor */
	ENTRY_AFTER_DROPPED = 4		/* messages were dropped before this one */
};

struct entry {
	uint32_t checksum;		/* of all that follows */
	uint32_t flags;
	uint64_t number;
	uint64_t dropped;		/* by the producer, of the stream up to here */
	uint64_t made_ns;		/* when, by CLOCK_MONOTONIC */
	unsigned char rest[];
};

struct stream;

/* Begin a program: nothing of it may stall. */
void shape_begin(void);

/* An entry was moved. */
void shape_progress(void);

/* End the program unless @r is kIOReturnSuccess. */
void shape_check(IOReturn r, const char *what);

/* Attach, with a port that is set. */
IODataQueueMemory *shape_open(const char *path, int role);
mach_port_t shape_port(IODataQueueMemory *queue);

/* What most consumers begin with (they are called with QUEUE fixed|varied), and end with. */
IODataQueueMemory *shape_consumer(int argc, char **argv, struct stream *ret);
int shape_finish(IODataQueueMemory *queue, mach_port_t port, const struct stream *stream);

/* Until @port is readable. */
void shape_poll(mach_port_t port);

void shape_sleep(long ns);
uint64_t shape_now_ns(void);

/* "fixed" or "varied"; whether it is the latter. */
bool shape_is_varied(const char *word);

/* --- the entries of a stream */

uint32_t entry_size(uint64_t number, bool varied);
void entry_make(void *entry, uint64_t number, uint32_t size, uint32_t flags, uint64_t dropped);

/* The consumer's side of a stream. */
struct stream {
	bool varied;
	uint64_t next;			/* the number that is to come */
	uint64_t dropped;
	uint64_t n_waits;		/* the shape says how often it found nothing */
	uint64_t n_waits_before;	/* the entry that came last */
	unsigned n_late;		/* entries that came long after they were made */
	bool stopped, ended;		/* what came last said so */
};

/*
 * Here is the next entry; is it? Takes its time now and then, so that the queue
 * is full for once.
 */
void stream_take(struct stream *stream, const void *data, uint32_t size);

/* The next entry was thrown away unread. */
void stream_skip(struct stream *stream);

/* Say what came. Return: the program's exit status. */
int stream_close(const struct stream *stream);

/* --- the rhythm of a producer */

struct rhythm {
	uint64_t random;
	uint64_t end_ns;
	bool begun;
};

struct phase {
	unsigned n;			/* entries to send */
	bool one_by_one;		/* each once the one before has been taken */
	long pause_ns;			/* then */
};

void rhythm_begin(struct rhythm *rhythm, const char *seconds, uint64_t seed);
uint64_t rhythm_random(struct rhythm *rhythm, uint64_t limit);

/* Return: false when the time is over. */
bool rhythm_next(struct rhythm *rhythm, struct phase *ret);

/* Until the consumer has taken everything. */
void wait_until_taken(IODataQueueMemory *producer);
