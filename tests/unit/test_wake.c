/* SPDX-License-Identifier: MIT */
/*
 * test_wake - two processes put each other to sleep and wake each other, as fast
 * as they can, and no ring is lost
 *
 * A consumer that finds nothing sleeps, a producer that finds no room sleeps; a
 * small queue makes both happen all the time. A stall is a sleep that ran out
 * while there was something to do: there must be none, however long things take.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "clock.h"
#include "kernel.h"
#include "memory.h"

#include "libqueue/wait.h"

#define FUTEX	QUEUE_WAIT_FUTEX
#define FIFO	QUEUE_WAIT_FIFO

#define STALL_MS	20000
#define STRESS_MS	2000

struct stress {
	struct sides sides;
	unsigned how;
	bool lockstep;			/* the producer goes on once the queue is empty */
	int notify[2], serviced[2];	/* the FIFOs */
};

static void ring_out(struct ring *ring, unsigned due, int fd)
{
	if (!due)
		return;
	wait_ring(ring, due);
	if (due & FIFO)
		ck_assert_int_eq(write(fd, "\n", 1), 1);
}

/* Return: false on a stall. */
static bool sleep_or_stall(struct stress *stress, struct ring *ring, int fd)
{
	struct timespec deadline = in_ms(STALL_MS);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char bytes[64];

	if (stress->how == FUTEX)
		return wait_sleep(ring, &deadline) != -ETIMEDOUT;
	if (poll(&poll_fd, 1, STALL_MS) == 0)
		return false;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	return true;
}

/* Entries of 8 bytes count up; the one that says UINT64_MAX is the last. */
static bool send_one(struct stress *stress, uint64_t value)
{
	struct ring *ring = &stress->sides.producer;
	int r;

	while ((r = ring_enqueue(ring, &value, sizeof(value))) == -EOVERFLOW) {
		if (wait_arm(ring, stress->how, ring_span(ring, sizeof(value))) == 0 &&
		    !sleep_or_stall(stress, ring, stress->serviced[0]))
			return false;
	}
	ring_out(ring, wait_due(ring), stress->notify[1]);
	return r == 0;
}

static void idle(long n)
{
	for (volatile long i = 0; i < n; i++)
		;
}

/* Return: false when the consumer does not come for what is in the queue. */
static bool await_empty(struct ring *ring)
{
	struct timespec deadline = in_ms(STALL_MS);

	while (load_acquire(&ring->consumer->head) != ring->tail)
		if (is_over(&deadline))
			return false;
	return true;
}

/*
 * In lockstep a ring that is lost is a stall, as no later entry makes up for it;
 * the pause lets the entry meet the consumer at any step of its falling asleep.
 */
static int produce(struct stress *stress)
{
	struct timespec end = in_ms(STRESS_MS);

	for (uint64_t value = 0; !is_over(&end); value++) {
		if (!send_one(stress, value))
			return 1;
		if (stress->lockstep && !await_empty(&stress->sides.producer))
			return 1;
		if (stress->lockstep)
			idle(random() % 400);
		else if (value % 16 == 0)
			idle(500);
	}
	return !send_one(stress, UINT64_MAX);
}

/* Return: entries received, or 0 on a stall. */
static uint64_t consume(struct stress *stress)
{
	struct ring *ring = &stress->sides.consumer;
	uint64_t value, n = 0;

	for (;;) {
		uint32_t size = sizeof(value);
		int r = ring_dequeue(ring, &value, &size);

		if (r == -ENODATA) {
			if (wait_arm(ring, stress->how, 0) == 0 &&
			    !sleep_or_stall(stress, ring, stress->notify[0]))
				return 0;
			continue;
		}
		ck_assert_int_eq(r, 0);
		ring_out(ring, wait_due(ring), stress->serviced[1]);
		if (value == UINT64_MAX)
			return n + 1;
		ck_assert_uint_eq(value, n++);
	}
}

static void stress_both(unsigned how, bool lockstep, bool registered)
{
	struct geometry geometry = geometry_of(0, 504);
	struct stress stress = { .how = how, .lockstep = lockstep };
	pid_t peer;
	int status;

	new_sides(&stress.sides, &geometry);
	ck_assert_int_eq(pipe2(stress.notify, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(stress.serviced, O_NONBLOCK | O_CLOEXEC), 0);

	register_fails = !registered;
	peer = fork();
	ck_assert_int_ge(peer, 0);
	if (peer == 0) {
		ring_out(&stress.sides.producer, wait_attach(&stress.sides.producer),
			 stress.notify[1]);
		_exit(produce(&stress));
	}
	register_fails = false;
	ring_out(&stress.sides.consumer, wait_attach(&stress.sides.consumer), stress.serviced[1]);
	ck_assert_msg(consume(&stress) > 0, "the consumer stalled");
	ck_assert_int_eq(waitpid(peer, &status, 0), peer);
	ck_assert_msg(status == 0, "the producer stalled");
}

START_TEST(no_ring_is_lost_on_the_futex)
{
	stress_both(FUTEX, false, true);
}
END_TEST

START_TEST(no_ring_is_lost_on_the_fifo)
{
	stress_both(FIFO, false, true);
}
END_TEST

START_TEST(no_single_ring_is_lost_by_a_producer_that_fences_for_itself)
{
	stress_both(FUTEX, true, false);
}
END_TEST

START_TEST(no_single_ring_is_lost_on_the_futex)
{
	stress_both(FUTEX, true, true);
}
END_TEST

START_TEST(no_single_ring_is_lost_on_the_fifo)
{
	stress_both(FIFO, true, true);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, no_ring_is_lost_on_the_futex);
	tcase_add_test(tests, no_ring_is_lost_on_the_fifo);
	tcase_add_test(tests, no_single_ring_is_lost_on_the_futex);
	tcase_add_test(tests, no_single_ring_is_lost_on_the_fifo);
	tcase_add_test(tests, no_single_ring_is_lost_by_a_producer_that_fences_for_itself);
}
