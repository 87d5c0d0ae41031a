/* SPDX-License-Identifier: MIT */
/*
 * litmus - does a wake-up get lost between two CPUs?
 *
 * The ringer, a child on a CPU of its own, makes some entries (or some room) and
 * then nothing more until the waiter has taken all of it. So a ring that is lost
 * is not made up for by the next one: the waiter sleeps on, with what it waits
 * for in front of it. That is a stall. A random pause lets the ringer meet the
 * waiter at any step of its falling asleep.
 *
 * A sleep has a limit. One that comes to it with nothing there was long, and no
 * more; one with something there goes on for a while, as the ring may be on its
 * way on a busy machine. If it does not come, that is a stall.
 *
 * Built a second time, WITHOUT_FENCE, the membarrier by which a waiter fences for
 * both sides says that it succeeded and does nothing. Then stalls must be seen:
 * else this program would not see them where they matter.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <IOKit/IODataQueueClient.h>

#include "tests/unit/main.h"
#include "tests/unit/directory.h"
#include "tests/unit/mounts.h"

#include "libqueue/attachment.h"

#define LIMIT_MS	200
#define LATE_MS		1000
#define SHORT_MS	2000
#define LONG_MS		60000
#define STALL_WITHIN_MS	15000	/* measured: a stall in some tenths of a second */
#define MOST		8	/* entries that are in the queue */

struct litmus {
	struct directory directory;
	IODataQueueMemory *queue;	/* the side of this process */
	bool at_port;			/* the waiter sleeps there, and not on the futex */
	int port;			/* the waiter's */
	unsigned long n_turns, n_sleeps, n_late, n_stalls;
};

static bool *done;			/* shared: the ringer is to end */

#ifdef WITHOUT_FENCE
#include <linux/membarrier.h>
#include <stdarg.h>
#include <sys/syscall.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);

	if (number == SYS_membarrier && a[0] == MEMBARRIER_CMD_GLOBAL_EXPEDITED)
		return 0;
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
#endif

static bool is_done(void)
{
	return load_relaxed(done);
}

/*
 * Not longer than the other side takes to fall asleep: at a port, or where its
 * fence is real, that is some microseconds.
 */
static void idle(const struct litmus *litmus)
{
#ifdef WITHOUT_FENCE
	long n = random() % (litmus->at_port ? 4000 : 400);
#else
	long n = random() % (litmus->at_port ? 8000 : 4000);
#endif

	for (volatile long i = 0; i < n; i++)
		;
}

/* Return: how many CPUs there are for us; with two, this process has the @nth. */
static int pin(int nth)
{
	cpu_set_t all, one;
	int n = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all) || n++ != nth)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
	}
	if (n > nth && n > 1)
		ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	return n;
}

static uint64_t used(const struct litmus *litmus)
{
	const struct mapping *memory = &litmus->directory.memory;
	uint64_t head = load_acquire(&memory->consumer->head);

	return load_acquire(&memory->data->tail) - head;
}

static uint64_t queue_size(const struct litmus *litmus)
{
	return litmus->queue->ring.geometry.queue_size;
}

/* Is there what the waiter waits for? An entry, or room for one of @wanted bytes. */
static bool is_there(const struct litmus *litmus, uint64_t wanted)
{
	if (litmus->queue->ring.role == ROLE_CONSUMER)
		return used(litmus) > 0;
	return queue_size(litmus) - used(litmus) >= wanted;
}

/* Return: false when the limit came first. */
static bool sleep_ms(struct litmus *litmus, int ms)
{
	struct timespec deadline = in_ms(ms);

	if (litmus->at_port)
		return poll(&(struct pollfd){ .fd = litmus->port, .events = POLLIN }, 1, ms) != 0;
	return wait_sleep(&litmus->queue->ring, &deadline) != -ETIMEDOUT;
}

/* The queue was found empty, or without @wanted bytes of room; the port knows. */
static void sleep_or_stall(struct litmus *litmus, uint64_t wanted)
{
	struct ring *ring = &litmus->queue->ring;

	litmus->n_turns++;
	if (!litmus->at_port && wait_arm(ring, QUEUE_WAIT_FUTEX, wanted) != 0)
		return;
	litmus->n_sleeps++;
	if (sleep_ms(litmus, LIMIT_MS) || !is_there(litmus, wanted))
		return;
	if (sleep_ms(litmus, LATE_MS))
		litmus->n_late++;
	else
		litmus->n_stalls++;
}

/* A waiter has seen enough: once a stall, without the fence. */
static bool is_enough(const struct litmus *litmus, const struct timespec *end)
{
#ifdef WITHOUT_FENCE
	if (litmus->n_stalls > 0)
		return true;
#endif
	return litmus->n_stalls > 9 || is_over(end);
}

static long run_ms(void)
{
#ifdef WITHOUT_FENCE
	return STALL_WITHIN_MS;
#else
	return getenv("FSD_TEST_LONG") ? LONG_MS : SHORT_MS;
#endif
}

static void wait_for_data(struct litmus *litmus)
{
	struct timespec end = in_ms(run_ms());

	while (!is_enough(litmus, &end)) {
		IOReturn r;

		while ((r = IODataQueueDequeue(litmus->queue, NULL, NULL)) == kIOReturnSuccess)
			;
		if (r != kIOReturnUnderrun)	/* a check that holds costs a system call */
			ck_abort_msg("%s", IOReturnText(r));
		sleep_or_stall(litmus, 0);
	}
}

static void wait_for_space(struct litmus *litmus)
{
	const UInt32 size = litmus->queue->ring.geometry.max_entry;
	struct timespec end = in_ms(run_ms());
	char bytes[4096] = { 0 };

	while (!is_enough(litmus, &end)) {
		IOReturn r;

		while ((r = IODataQueueEnqueue(litmus->queue, bytes, size)) == kIOReturnSuccess)
			;
		if (r != kIOReturnOverrun)
			ck_abort_msg("%s", IOReturnText(r));
		sleep_or_stall(litmus, ring_span(&litmus->queue->ring, size));
	}
}

/* One to MOST entries, one by one or together; then none until all are taken. */
static void make_data(struct litmus *litmus)
{
	struct iovec entries[MOST] = { 0 };

	while (!is_done()) {
		UInt32 n = random() % 2 ? 1 : 1 + (UInt32)random() % MOST;

		if (random() % 2)
			IODataQueueEnqueueBatch(litmus->queue, entries, &n);
		else
			for (UInt32 i = 0; i < n; i++)
				IODataQueueEnqueue(litmus->queue, NULL, 0);
		while (used(litmus) > 0 && !is_done())
			;
		idle(litmus);
	}
}

/* Takes some entries; then none until the queue is full again. */
static void make_space(struct litmus *litmus)
{
	struct iovec entries[MOST] = { 0 };

	while (!is_done()) {
		UInt32 n = random() % 2 ? 1 : 1 + (UInt32)random() % MOST;

		while (used(litmus) < queue_size(litmus) && !is_done())
			;
		idle(litmus);
		if (random() % 2)
			IODataQueueDequeueBatch(litmus->queue, entries, &n);
		else
			for (UInt32 i = 0; i < n; i++)
				IODataQueueDequeue(litmus->queue, NULL, NULL);
	}
}

/* Never asks for an entry without having looked whether there is one. */
static void service(struct litmus *litmus)
{
	struct iovec entries[MOST] = { 0 };

	while (!is_done()) {
		UInt32 n = MOST;

		if (!IODataQueueDataAvailable(litmus->queue))
			idle(litmus);
		else if (random() % 4)
			IODataQueueDequeueBatch(litmus->queue, entries, &n);
		else
			IODataQueueDequeue(litmus->queue, NULL, NULL);
	}
}

static void open_side(struct litmus *litmus, int role)
{
	litmus->queue = IODataQueueOpen(litmus->directory.path, role);
	ck_assert_ptr_nonnull(litmus->queue);
}

static pid_t start_ringer(struct litmus *litmus, int role, void (*act)(struct litmus *))
{
	pid_t ringer = fork();

	ck_assert_int_ge(ringer, 0);
	if (ringer == 0) {
		pin(1);
		open_side(litmus, role);
		act(litmus);
		IODataQueueClose(litmus->queue);
		_exit(0);
	}
	return ringer;
}

static void check(const struct litmus *litmus)
{
	fprintf(stderr, "# %s: %lu turns, %lu sleeps, %lu rung late, %lu stalls\n",
		litmus->at_port ? "port" : "futex", litmus->n_turns,
		litmus->n_sleeps, litmus->n_late, litmus->n_stalls);
#ifdef WITHOUT_FENCE
	ck_assert_msg(litmus->n_stalls > 0, "no stall without the fence: nothing is tested");
#else
	ck_assert_msg(litmus->n_stalls == 0, "%lu stalls", litmus->n_stalls);
	ck_assert_uint_gt(litmus->n_sleeps, 0);
#endif
}

struct kind {
	int waiter;			/* its role */
	uint64_t max_entry;
	void (*wait)(struct litmus *);
	void (*ring)(struct litmus *);
};

static const struct kind data_kind = {
	kIODataQueueConsumer, 504, wait_for_data, make_data,
}, space_kind = {
	kIODataQueueProducer, 504, wait_for_space, make_space,
}, service_kind = {
	kIODataQueueProducer, 2040, wait_for_space, service,
};

static void run(const struct kind *kind, bool at_port)
{
	const int other = kind->waiter == kIODataQueueProducer ? kIODataQueueConsumer :
								 kIODataQueueProducer;
	struct litmus litmus = { .at_port = at_port };
	pid_t ringer;
	int status;

	leave_mounts();
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(done, MAP_FAILED);
	/* Q is 4096: of either size as many fit as fill it. */
	new_directory(&litmus.directory, 0, kind->max_entry);
	ringer = start_ringer(&litmus, other, kind->ring);
	if (pin(0) < 2)
		fprintf(stderr, "# one CPU only: here there is little to be seen\n");
	open_side(&litmus, kind->waiter);
	if (at_port)
		litmus.port = IODataQueueGetDescriptor(litmus.queue);

	kind->wait(&litmus);
	store_relaxed(done, true);
	ck_assert_int_eq(waitpid(ringer, &status, 0), ringer);
	ck_assert_int_eq(status, 0);
	IODataQueueClose(litmus.queue);
	remove_directory(&litmus.directory);
	check(&litmus);
}

#ifdef WITHOUT_FENCE
START_TEST(stalls_without_the_fence_of_a_consumer_on_the_futex)
{
	run(&data_kind, false);
}
END_TEST

START_TEST(stalls_without_the_fence_of_a_consumer_at_its_port)
{
	run(&data_kind, true);
}
END_TEST

START_TEST(stalls_without_the_fence_of_a_producer_on_the_futex)
{
	run(&space_kind, false);
}
END_TEST

START_TEST(stalls_without_the_fence_of_a_producer_at_its_port)
{
	run(&space_kind, true);
}
END_TEST

START_TEST(stalls_without_the_fence_of_a_producer_whose_consumer_looks_first)
{
	run(&service_kind, false);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, stalls_without_the_fence_of_a_consumer_on_the_futex);
	tcase_add_test(tests, stalls_without_the_fence_of_a_consumer_at_its_port);
	tcase_add_test(tests, stalls_without_the_fence_of_a_producer_on_the_futex);
	tcase_add_test(tests, stalls_without_the_fence_of_a_producer_at_its_port);
	tcase_add_test(tests, stalls_without_the_fence_of_a_producer_whose_consumer_looks_first);
}
#else
START_TEST(no_consumer_stalls_on_the_futex)
{
	run(&data_kind, false);
}
END_TEST

START_TEST(no_consumer_stalls_at_its_port)
{
	run(&data_kind, true);
}
END_TEST

START_TEST(no_producer_stalls_on_the_futex)
{
	run(&space_kind, false);
}
END_TEST

START_TEST(no_producer_stalls_at_its_port)
{
	run(&space_kind, true);
}
END_TEST

START_TEST(no_producer_stalls_whose_consumer_looks_first)
{
	run(&service_kind, false);
}
END_TEST

START_TEST(no_producer_stalls_at_its_port_whose_consumer_looks_first)
{
	run(&service_kind, true);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, no_consumer_stalls_on_the_futex);
	tcase_add_test(tests, no_consumer_stalls_at_its_port);
	tcase_add_test(tests, no_producer_stalls_on_the_futex);
	tcase_add_test(tests, no_producer_stalls_at_its_port);
	tcase_add_test(tests, no_producer_stalls_whose_consumer_looks_first);
	tcase_add_test(tests, no_producer_stalls_at_its_port_whose_consumer_looks_first);
}
#endif
