/* SPDX-License-Identifier: MIT */
/*
 * locked_producers QUEUE fixed|varied SECONDS - many threads enqueue, behind a lock
 * of the program's own
 *
 * Some wait for space with the lock in their hands, others let it go and try again.
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>

#include "shape.h"

#define N_THREADS	4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static IODataQueueMemory *queue;
static bool varied;
static uint64_t next, n_full;
static const char *seconds;

/* The lock is held. Return: false when there is no room. */
static bool try_to_enqueue(uint32_t flags, bool waits)
{
	static uint64_t entry[LARGEST_SIZE / 8];
	uint32_t size = entry_size(next, varied);
	IOReturn r;

	entry_make(entry, next, size, flags, 0);
	while ((r = IODataQueueEnqueue(queue, entry, size)) == kIOReturnOverrun) {
		n_full++;
		if (!waits)
			return false;
		shape_check(IODataQueueWaitForSpace(queue, size), "wait for space");
	}
	shape_check(r, "enqueue");
	next++;
	shape_progress();
	return true;
}

static void enqueue(uint32_t flags, bool waits)
{
	for (;;) {
		bool done;

		pthread_mutex_lock(&lock);
		done = try_to_enqueue(flags, waits);
		pthread_mutex_unlock(&lock);
		if (done)
			return;
		shape_sleep(20000);
	}
}

static void *produce(void *argument)
{
	const uint64_t *seed = argument;
	struct rhythm rhythm;
	struct phase phase;

	rhythm_begin(&rhythm, seconds, *seed);
	while (rhythm_next(&rhythm, &phase)) {
		for (unsigned i = 0; i < phase.n; i++)
			enqueue(0, rhythm_random(&rhythm, 2));
		if (phase.pause_ns > 0)
			shape_sleep(phase.pause_ns);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const uint64_t seeds[N_THREADS] = { 1, 2, 3, 4 };
	pthread_t threads[N_THREADS];

	if (argc != 4)
		errx(2, "usage: locked_producers QUEUE fixed|varied SECONDS");
	shape_begin();
	queue = shape_open(argv[1], kIODataQueueProducer);
	varied = shape_is_varied(argv[2]);
	seconds = argv[3];

	for (int i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, produce, (void *)(uintptr_t)&seeds[i]) != 0)
			errx(1, "a thread");
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	enqueue(ENTRY_LAST, true);

	if (n_full == 0)
		errx(1, "the queue was never found full");
	printf("%llu\n", (unsigned long long)next);
	IODataQueueClose(queue);
	return 0;
}
