/* SPDX-License-Identifier: MIT */
/*
 * fast_path - batches over dispatch sources, told of once for each batch
 *
 *	fast_path consume QUEUE
 *	fast_path produce QUEUE SECONDS
 *
 * The producer asks whether a batch fits, enqueues it, and tells once; it refills
 * the queue in its DataServiced handler. The consumer dequeues only while there are
 * entries, so it never learns from a dequeue that there is none, and tells once.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

#define N_BATCH	8u

/* --- the consumer */

static void look_at_entry(void *refcon, const void *data, size_t size)
{
	const struct source *source = refcon;
	const struct entry *entry = data;

	if (size != FIXED_SIZE || entry->number != source->stream.next)
		errx(1, "peeked at entry %llu of %zu bytes, wanted %llu",
		     (unsigned long long)entry->number, size,
		     (unsigned long long)source->stream.next);
}

static void data_available(void *target, OSAction *action)
{
	struct source *source = target;
	bool tell = false;

	(void)action;
	while (IODataQueueDispatchSource_IsDataAvailable(source->source)) {
		shape_check(IODataQueueDispatchSource_Peek(source->source, look_at_entry, source),
			    "peek");
		shape_check(IODataQueueDispatchSource_DequeueWithCoalesce(source->source, &tell,
									  source_take, source),
			    "dequeue");
	}
	source->stream.n_waits++;
	if (tell)
		IODataQueueDispatchSource_SendDataServiced(source->source);
}

static int consume(const char *path)
{
	static struct source source;

	source_open(&source, path, kIODataQueueConsumer, NULL, data_available);
	source_wait_done(&source);
	source_close(&source, NULL);
	return stream_close(&source.stream);
}

/* --- the producer; all of it runs on its queue but produce() */

static struct {
	struct source source;
	uint64_t number, n_full;
	uint32_t left;			/* of this phase */
	uint32_t flags;
} producer;

static void write_entry(void *refcon, void *data, size_t size)
{
	(void)refcon;
	entry_make(data, producer.number, (uint32_t)size, producer.flags, 0);
}

/* Return: false when there was no room. */
static bool send_batch(uint32_t n, bool fits, bool *tell)
{
	while (n-- > 0) {
		kern_return_t r = IODataQueueDispatchSource_EnqueueWithCoalesce(
			producer.source.source, FIXED_SIZE, tell, write_entry, NULL);

		if (r == kIOReturnOverrun && !fits)
			return false;
		shape_check(r, "enqueue");
		producer.number++;
		producer.left--;
		shape_progress();
	}
	return true;
}

/* Asking leads to no call of DataServiced, being refused does. */
static void refill(void)
{
	bool tell = false, room = true;

	if (producer.left == 0)
		return;
	while (producer.left > 0 && room) {
		uint32_t n = producer.left < N_BATCH ? producer.left : N_BATCH;
		kern_return_t r = IODataQueueDispatchSource_CanEnqueueDataWithCount(
			producer.source.source, FIXED_SIZE, n);

		if (r != kIOReturnOverrun)
			shape_check(r, "can enqueue");
		room = send_batch(r == kIOReturnOverrun ? 1 : n, r != kIOReturnOverrun, &tell);
	}
	producer.n_full += !room;
	if (tell)
		IODataQueueDispatchSource_SendDataAvailable(producer.source.source);
	if (producer.left == 0)
		source_say_done(&producer.source);
}

static void data_serviced(void *target, OSAction *action)
{
	(void)target;
	(void)action;
	refill();
}

struct order {
	uint32_t n, flags;
};

static void begin_phase(void *refcon)
{
	const struct order *order = refcon;

	producer.left = order->n;
	producer.flags = order->flags;
	refill();
}

static void send_all(IODispatchQueue *queue, struct order order)
{
	shape_check(IODispatchQueue_DispatchSync(queue, begin_phase, &order), "dispatch");
	source_wait_done(&producer.source);
}

static int produce(const char *path, const char *seconds)
{
	IODispatchQueue *queue;
	struct rhythm rhythm;
	struct phase phase;

	shape_check(IODispatchQueue_Create("producer", 0, 0, &queue), "a queue");
	source_open(&producer.source, path, kIODataQueueProducer, queue, data_serviced);
	shape_check(IODataQueueDispatchSource_CanEnqueueDataWithCount(producer.source.source,
								      FIXED_SIZE, N_BATCH),
		    "an empty queue");
	rhythm_begin(&rhythm, seconds, (uint64_t)getpid());
	while (rhythm_next(&rhythm, &phase)) {
		send_all(queue, (struct order){ .n = phase.n });
		while (phase.one_by_one &&
		       IODataQueueDispatchSource_IsDataAvailable(producer.source.source))
			;
		if (phase.pause_ns > 0)
			shape_sleep(phase.pause_ns);
	}
	send_all(queue, (struct order){ .n = 1, .flags = ENTRY_LAST });

	if (producer.n_full == 0)
		errx(1, "the queue was never found full");
	printf("%llu\n", (unsigned long long)producer.number);
	source_close(&producer.source, NULL);
	OSObject_release(queue);
	return 0;
}

int main(int argc, char **argv)
{
	shape_begin();
	if (argc == 3 && strcmp(argv[1], "consume") == 0)
		return consume(argv[2]);
	if (argc == 4 && strcmp(argv[1], "produce") == 0)
		return produce(argv[2], argv[3]);
	errx(2, "usage: fast_path consume QUEUE | produce QUEUE SECONDS");
}
