/* SPDX-License-Identifier: MIT */
/*
 * bare WHAT COUNT - what the machine itself takes for what a queue does, in
 * shared memory and between two processes
 *
 *	word	a word there, another one back: nanoseconds
 *	lines	the same, each with a payload in a line of its own: nanoseconds
 *	futex	from before FUTEX_WAKE to the return of FUTEX_WAIT: microseconds
 *	eventfd	from before write(2) to the return of poll(2): microseconds
 *	memcpy	16 KiB into a ring of 4 MiB and out again, in one process: how many
 *		in a second
 *	handover  the same between the processes, with two indices for a ring
 */
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "message.h"

#define PAUSE		100e-6	/* seconds, for the consumer to fall asleep */
#define RING_SIZE	(1u << 22)
#define COPY_SIZE	(1u << 14)
#define N_COPIES	(RING_SIZE / COPY_SIZE)
#define N_PIECES	(COPY_SIZE / sizeof(piece))

/* One direction; each member in lines of its own. */
struct way {
	__attribute__((aligned(CACHE_LINES))) uint64_t index;
	__attribute__((aligned(CACHE_LINES))) uint64_t payload;
};

struct job {
	unsigned long count;
	struct way *there, *back;
	uint32_t *sequence;			/* futex word */
	double *sent;			/* when */
	int event_fd;
	unsigned char *ring;
};

bench_inline void send_word(struct way *way, uint64_t index, uint64_t payload, bool two_lines)
{
	if (two_lines)
		__atomic_store_n(&way->payload, payload, __ATOMIC_RELAXED);
	__atomic_store_n(&way->index, index, __ATOMIC_RELEASE);
}

bench_inline uint64_t receive_word(struct way *way, uint64_t index, bool two_lines)
{
	while (__atomic_load_n(&way->index, __ATOMIC_ACQUIRE) != index)
		;
	return two_lines ? __atomic_load_n(&way->payload, __ATOMIC_RELAXED) : index;
}

bench_inline void answer(const struct job *job, bool two_lines)
{
	meet();
	for (uint64_t i = 1; i <= job->count; i++)
		send_word(job->back, i, receive_word(job->there, i, two_lines), two_lines);
}

bench_inline void ask(const struct job *job, bool two_lines)
{
	double started;

	meet();
	started = now();
	for (uint64_t i = 1; i <= job->count; i++) {
		send_word(job->there, i, i, two_lines);
		if (receive_word(job->back, i, two_lines) != i)
			fail("answer");
	}
	printf("%.2f\n", (now() - started) / (double)job->count * 1e9);
}

static void answer_word(void *job) { answer(job, false); }
static void ask_word(void *job) { ask(job, false); }
static void answer_lines(void *job) { answer(job, true); }
static void ask_lines(void *job) { ask(job, true); }

static void wake_futex(const struct job *job)
{
	__atomic_add_fetch(job->sequence, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, job->sequence, FUTEX_WAKE, 1);
}

static void wait_futex(const struct job *job, uint32_t seen)
{
	while (__atomic_load_n(job->sequence, __ATOMIC_ACQUIRE) == seen)
		syscall(SYS_futex, job->sequence, FUTEX_WAIT, seen, NULL);
}

static void wake_eventfd(const struct job *job)
{
	if (eventfd_write(job->event_fd, 1) < 0)
		fail("eventfd");
}

static void wait_eventfd(const struct job *job, uint32_t seen)
{
	struct pollfd watch = { .fd = job->event_fd, .events = POLLIN };

	(void)seen;
	while (poll(&watch, 1, -1) < 1)
		;
}

static void send_times(const struct job *job, void (*wake)(const struct job *))
{
	meet();
	for (unsigned long i = 0; i < job->count; i++) {
		double due = now() + PAUSE, time;

		while ((time = now()) < due)
			relax();
		*job->sent = time;
		wake(job);
	}
}

static void take_times(const struct job *job, void (*wait)(const struct job *, uint32_t))
{
	double *late = calloc(job->count, sizeof(*late));
	eventfd_t n = 1;
	size_t i = 0;

	if (!late)
		fail("calloc");
	meet();
	while (i < job->count) {
		uint32_t seen = __atomic_load_n(job->sequence, __ATOMIC_ACQUIRE);

		wait(job, seen);
		late[i] = now() - *job->sent;
		if (job->event_fd >= 0)
			eventfd_read(job->event_fd, &n);
		else
			n = __atomic_load_n(job->sequence, __ATOMIC_ACQUIRE) - seen;
		i += n;
	}
	printf("%.3f\n", median(late, job->count) * 1e6);
	free(late);
}

static void send_futex(void *job) { send_times(job, wake_futex); }
static void take_futex(void *job) { take_times(job, wait_futex); }
static void send_eventfd(void *job) { send_times(job, wake_eventfd); }
static void take_eventfd(void *job) { take_times(job, wait_eventfd); }

/* As the two sides of a queue do it, one after the other. */
static void copy_in_and_out(void *arg)
{
	static piece from[N_PIECES], to[N_PIECES];
	const struct job *job = arg;
	double started = now();

	for (unsigned long i = 0; i < job->count; i++) {
		unsigned char *at = job->ring + i % N_COPIES * COPY_SIZE;

		mark_message(from, N_PIECES, i);
		memcpy(at, from, COPY_SIZE);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		memcpy(to, at, COPY_SIZE);
		check_message(to, N_PIECES, i);
	}
	printf("%.0f\n", (double)job->count / (now() - started));
}

static uint64_t wait_to_pass(const uint64_t *index, uint64_t passed)
{
	uint64_t seen;

	while ((seen = __atomic_load_n(index, __ATOMIC_ACQUIRE)) <= passed)
		relax();
	return seen;
}

/* The indices count pieces of COPY_SIZE: put there, and taken. */
static void put_copies(void *arg)
{
	static piece from[N_PIECES];
	const struct job *job = arg;
	uint64_t taken = 0;

	meet();
	for (uint64_t i = 0; i < job->count; i++) {
		if (i - taken == N_COPIES)
			taken = wait_to_pass(&job->back->index, taken);
		mark_message(from, N_PIECES, i);
		memcpy(job->ring + i % N_COPIES * COPY_SIZE, from, COPY_SIZE);
		__atomic_store_n(&job->there->index, i + 1, __ATOMIC_RELEASE);
	}
}

static void take_copies(void *arg)
{
	static piece to[N_PIECES];
	const struct job *job = arg;
	uint64_t put = 0;
	double started;

	meet();
	started = now();
	for (uint64_t i = 0; i < job->count; i++) {
		if (put == i)
			put = wait_to_pass(&job->there->index, put);
		memcpy(to, job->ring + i % N_COPIES * COPY_SIZE, COPY_SIZE);
		__atomic_store_n(&job->back->index, i + 1, __ATOMIC_RELEASE);
		check_message(to, N_PIECES, i);
	}
	printf("%.0f\n", (double)job->count / (now() - started));
}

static const struct measure {
	const char *name;
	side *produce;		/* NULL: one process does all */
	side *consume;
} measures[] = {
	{ "word", answer_word, ask_word },
	{ "lines", answer_lines, ask_lines },
	{ "futex", send_futex, take_futex },
	{ "eventfd", send_eventfd, take_eventfd },
	{ "memcpy", NULL, copy_in_and_out },
	{ "handover", put_copies, take_copies },
};

static void prepare(struct job *job, const char *what)
{
	unsigned char *shared = shared_memory(4096);

	job->there = (struct way *)(void *)shared;
	job->back = job->there + 1;
	job->ring = shared_memory(RING_SIZE);
	job->sequence = (uint32_t *)(void *)(shared + 1024);
	job->sent = (double *)(void *)(shared + 1024 + CACHE_LINES);
	job->event_fd = strcmp(what, "eventfd") == 0 ? eventfd(0, 0) : -1;
}

int main(int argc, char **argv)
{
	struct job job = { 0 };

	if (argc < 3) {
		fprintf(stderr, "usage: bare WHAT COUNT\n");
		return 2;
	}
	job.count = strtoul(argv[2], NULL, 10);
	prepare(&job, argv[1]);

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		const struct measure *measure = &measures[i];

		if (strcmp(argv[1], measure->name) != 0)
			continue;
		if (measure->produce)
			run_pair(measure->produce, measure->consume, &job);
		else
			measure->consume(&job);
		return 0;
	}
	fprintf(stderr, "bare: no such measure: %s\n", argv[1]);
	return 2;
}
