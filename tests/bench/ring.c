/* SPDX-License-Identifier: MIT */
/*
 * ring WHAT SIZE COUNT QUEUE [QUEUE] - what libqueue takes, between two
 * processes, for COUNT entries of SIZE bytes through the queue at QUEUE
 *
 * WHAT is one of these. The first five print entries a second, roundtrip prints
 * nanoseconds, the others microseconds.
 *
 *	spin		both sides retry until it goes
 *	sleep		both sides wait in the library when it does not
 *	batch		as spin, N_BATCH entries a call
 *	place		as spin, built and read in place; the payload is not touched
 *	single-batch	as batch, one entry a call
 *	roundtrip	there through the first queue, back through the second
 *	wake		from an enqueue to the return of the wait for data
 *	poll		from an enqueue to the return of poll(2)
 */
#include <poll.h>

#include <IOKit/IODataQueueClient.h>

#include "message.h"

#define N_BATCH		32
#define MAX_SIZE	(1u << 20)
#define PAUSE		100e-6	/* seconds, for the consumer to fall asleep */

struct job {
	UInt32 size;
	unsigned long count;
	const char *queues[2];
};

static piece buffer[MAX_SIZE / sizeof(piece)];

static void succeed(IOReturn r, const char *what)
{
	if (r == kIOReturnSuccess)
		return;
	fprintf(stderr, "ring: %s: 0x%x\n", what, (unsigned)r);
	exit(1);
}

static IODataQueueMemory *open_queue(const char *path, int role)
{
	IODataQueueMemory *queue = IODataQueueOpen(path, role);

	if (!queue)
		fail(path);
	return queue;
}

static void print_rate(const struct job *job, double started)
{
	printf("%.0f\n", (double)job->count / (now() - started));
}

/* What a side does when the queue is full, or empty. */
typedef void hold_on(IODataQueueMemory *queue, mach_port_t port, UInt32 size);

bench_inline void send_entry(IODataQueueMemory *queue, UInt32 size, hold_on *full)
{
	IOReturn r;

	while ((r = IODataQueueEnqueue(queue, buffer, size)) == kIOReturnOverrun)
		full(queue, MACH_PORT_NULL, size);
	succeed(r, "enqueue");
}

bench_inline void receive_entry(IODataQueueMemory *queue, mach_port_t port, UInt32 size,
				hold_on *empty)
{
	UInt32 got = size;
	IOReturn r;

	while ((r = IODataQueueDequeue(queue, buffer, &got)) == kIOReturnUnderrun)
		empty(queue, port, size);
	succeed(r, "dequeue");
}

bench_inline void produce_entries(const struct job *job, hold_on *full)
{
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueProducer);

	meet();
	for (unsigned long i = 0; i < job->count; i++) {
		mark_message(buffer, job->size / sizeof(piece), i);
		send_entry(queue, job->size, full);
	}
	IODataQueueClose(queue);
}

bench_inline void consume_entries(const struct job *job, hold_on *empty)
{
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueConsumer);
	mach_port_t port = IODataQueueAllocateNotificationPort();
	double started;

	meet();
	started = now();
	for (unsigned long i = 0; i < job->count; i++) {
		receive_entry(queue, port, job->size, empty);
		check_message(buffer, job->size / sizeof(piece), i);
	}
	print_rate(job, started);
	IODataQueueClose(queue);
}

bench_inline void retry(IODataQueueMemory *queue, mach_port_t port, UInt32 size)
{
	(void)queue;
	(void)port;
	(void)size;
	relax();
}

/* For a round trip: both it and the bare one look again without a pause. */
bench_inline void retry_at_once(IODataQueueMemory *queue, mach_port_t port, UInt32 size)
{
	(void)queue;
	(void)port;
	(void)size;
}

bench_inline void wait_for_space(IODataQueueMemory *queue, mach_port_t port, UInt32 size)
{
	(void)port;
	succeed(IODataQueueWaitForSpace(queue, size), "wait for space");
}

bench_inline void wait_for_data(IODataQueueMemory *queue, mach_port_t port, UInt32 size)
{
	(void)size;
	succeed(IODataQueueWaitForAvailableData(queue, port), "wait for data");
}

static void produce_spinning(void *job) { produce_entries(job, retry); }
static void consume_spinning(void *job) { consume_entries(job, retry); }
static void produce_sleeping(void *job) { produce_entries(job, wait_for_space); }
static void consume_sleeping(void *job) { consume_entries(job, wait_for_data); }

/* The i-th message of a batch, of which some may have gone before. */
static void fill_batch(struct iovec *entries, struct message *messages, UInt32 size)
{
	for (unsigned i = 0; i < N_BATCH; i++)
		entries[i] = (struct iovec){ .iov_base = &messages[i], .iov_len = size };
}

static UInt32 batch_size(unsigned long left, UInt32 n_batch)
{
	return left < n_batch ? (UInt32)left : n_batch;
}

bench_inline void produce_batches(const struct job *job, UInt32 n_batch)
{
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueProducer);
	struct message messages[N_BATCH] = { 0 };
	struct iovec entries[N_BATCH];
	IOReturn r;

	fill_batch(entries, messages, sizeof(messages[0]));
	meet();
	for (unsigned long i = 0; i < job->count;) {
		UInt32 n = batch_size(job->count - i, n_batch), moved;

		for (UInt32 j = 0; j < n; j++)
			mark_message(messages[j].pieces, 4, i + j);
		for (UInt32 done = 0; done < n; done += moved) {
			moved = n - done;
			r = IODataQueueEnqueueBatch(queue, entries + done, &moved);
			if (r == kIOReturnOverrun)
				relax();
			else
				succeed(r, "enqueue a batch");
		}
		i += n;
	}
	IODataQueueClose(queue);
}

bench_inline void consume_batches(const struct job *job, UInt32 n_batch)
{
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueConsumer);
	struct message messages[N_BATCH];
	struct iovec entries[N_BATCH];
	double started;
	UInt32 n;
	IOReturn r;

	fill_batch(entries, messages, sizeof(messages[0]));
	meet();
	started = now();
	for (unsigned long i = 0; i < job->count; i += n) {
		n = batch_size(job->count - i, n_batch);
		r = IODataQueueDequeueBatch(queue, entries, &n);
		if (r == kIOReturnUnderrun)
			relax();
		else
			succeed(r, "dequeue a batch");
		for (UInt32 j = 0; j < n; j++)
			check_message(messages[j].pieces, 4, i + j);
	}
	print_rate(job, started);
	IODataQueueClose(queue);
}

static void produce_batched(void *job) { produce_batches(job, N_BATCH); }
static void consume_batched(void *job) { consume_batches(job, N_BATCH); }
static void produce_unbatched(void *job) { produce_batches(job, 1); }
static void consume_unbatched(void *job) { consume_batches(job, 1); }

static void produce_in_place(void *arg)
{
	const struct job *job = arg;
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueProducer);
	void *payload;
	IOReturn r;

	meet();
	for (unsigned long i = 0; i < job->count; i++) {
		while ((r = IODataQueueReserve(queue, job->size, &payload)) == kIOReturnOverrun)
			relax();
		succeed(r, "reserve");
		succeed(IODataQueueCommit(queue, job->size), "commit");
	}
	IODataQueueClose(queue);
}

static void consume_in_place(void *arg)
{
	const struct job *job = arg;
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueConsumer);
	const IODataQueueEntry *entry;
	double started;

	meet();
	started = now();
	for (unsigned long i = 0; i < job->count; i++) {
		while (!(entry = IODataQueuePeek(queue)))
			relax();
		if (entry->size != job->size)
			succeed(kIOReturnError, "peek");
		succeed(IODataQueueRelease(queue), "release");
	}
	print_rate(job, started);
	IODataQueueClose(queue);
}

/* Answers through the second queue what comes through the first. */
static void answer(void *arg)
{
	const struct job *job = arg;
	IODataQueueMemory *in = open_queue(job->queues[0], kIODataQueueConsumer);
	IODataQueueMemory *out = open_queue(job->queues[1], kIODataQueueProducer);

	meet();
	for (unsigned long i = 0; i < job->count; i++) {
		receive_entry(in, MACH_PORT_NULL, job->size, retry_at_once);
		send_entry(out, job->size, retry_at_once);
	}
	IODataQueueClose(out);
	IODataQueueClose(in);
}

static void ask(void *arg)
{
	const struct job *job = arg;
	IODataQueueMemory *out = open_queue(job->queues[0], kIODataQueueProducer);
	IODataQueueMemory *in = open_queue(job->queues[1], kIODataQueueConsumer);
	uint64_t *word = (uint64_t *)(void *)buffer;
	double started;

	meet();
	started = now();
	for (unsigned long i = 0; i < job->count; i++) {
		*word = i;
		send_entry(out, job->size, retry_at_once);
		receive_entry(in, MACH_PORT_NULL, job->size, retry_at_once);
		if (*word != i)
			succeed(kIOReturnError, "answer");
	}
	printf("%.2f\n", (now() - started) / (double)job->count * 1e9);
	IODataQueueClose(in);
	IODataQueueClose(out);
}

/* Sends the time, when the consumer sleeps. */
static void send_times(void *arg)
{
	const struct job *job = arg;
	IODataQueueMemory *queue = open_queue(job->queues[0], kIODataQueueProducer);

	meet();
	for (unsigned long i = 0; i < job->count; i++) {
		double due = now() + PAUSE, time;

		while ((time = now()) < due)
			relax();
		succeed(IODataQueueEnqueue(queue, &time, sizeof(time)), "enqueue");
	}
	IODataQueueClose(queue);
}

static void wait_in_library(IODataQueueMemory *queue, int fd)
{
	wait_for_data(queue, fd, 0);
}

static void wait_in_poll(IODataQueueMemory *queue, int fd)
{
	struct pollfd watch = { .fd = fd, .events = POLLIN };

	(void)queue;
	if (poll(&watch, 1, -1) < 0 && errno != EINTR)
		fail("poll");
}

/* Takes all there is, as who polls has to, and how late it is by @woken. */
static size_t take_times(IODataQueueMemory *queue, double woken, double *late)
{
	UInt32 size = sizeof(double);
	double time;
	size_t n = 0;

	for (; IODataQueueDequeue(queue, &time, &size) == kIOReturnSuccess; n++)
		late[n] = woken - time;
	return n;
}

static void consume_times(const struct job *job, IODataQueueMemory *queue, int fd,
			  void (*wait)(IODataQueueMemory *, int))
{
	double *late = calloc(job->count, sizeof(*late));

	if (!late)
		fail("calloc");
	take_times(queue, 0, late);
	meet();
	for (size_t n = 0; n < job->count;) {
		wait(queue, fd);
		n += take_times(queue, now(), late + n);
	}
	printf("%.3f\n", median(late, job->count) * 1e6);
	free(late);
	IODataQueueClose(queue);
}

static void consume_woken(void *job)
{
	IODataQueueMemory *queue = open_queue(((struct job *)job)->queues[0], kIODataQueueConsumer);

	consume_times(job, queue, IODataQueueAllocateNotificationPort(), wait_in_library);
}

static void consume_polled(void *job)
{
	IODataQueueMemory *queue = open_queue(((struct job *)job)->queues[0], kIODataQueueConsumer);
	int fd = IODataQueueGetDescriptor(queue);

	if (fd < 0)
		fail("descriptor");
	consume_times(job, queue, fd, wait_in_poll);
}

static const struct measure {
	const char *name;
	side *produce, *consume;
} measures[] = {
	{ "spin", produce_spinning, consume_spinning },
	{ "sleep", produce_sleeping, consume_sleeping },
	{ "batch", produce_batched, consume_batched },
	{ "single-batch", produce_unbatched, consume_unbatched },
	{ "place", produce_in_place, consume_in_place },
	{ "roundtrip", answer, ask },
	{ "wake", send_times, consume_woken },
	{ "poll", send_times, consume_polled },
};

int main(int argc, char **argv)
{
	struct job job = { 0 };

	if (argc < 5) {
		fprintf(stderr, "usage: ring WHAT SIZE COUNT QUEUE [QUEUE]\n");
		return 2;
	}
	job.size = (UInt32)strtoul(argv[2], NULL, 10);
	job.count = strtoul(argv[3], NULL, 10);
	job.queues[0] = argv[4];
	job.queues[1] = argv[argc - 1];
	if (job.size > MAX_SIZE)
		return 2;

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		if (strcmp(argv[1], measures[i].name) == 0) {
			run_pair(measures[i].produce, measures[i].consume, &job);
			return 0;
		}
	}
	fprintf(stderr, "ring: no such measure: %s\n", argv[1]);
	return 2;
}
