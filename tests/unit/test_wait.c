/* SPDX-License-Identifier: MIT */
/*
 * test_wait - when a side is rung, and that no ring is lost
 *
 * The rules are tried one by one, with both sides in one process; then two
 * processes sleep and wake one another as fast as they can. A stall is a sleep
 * that ran out while there was something to do: there must be none, however
 * long anything takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "memory.h"

#include "libqueue/wait.h"

#define FUTEX	QUEUE_WAIT_FUTEX
#define FIFO	QUEUE_WAIT_FIFO

/* The kernel as the test wants it: linked with --wrap=syscall. */
static bool register_fails, membarrier_fails;
static unsigned n_membarriers;
static struct ring *meanwhile;	/* a side that rings while the other one fences */

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

	if (number == SYS_membarrier) {
		bool registers = (int)a[0] == MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;

		n_membarriers += !registers;
		if (!registers && meanwhile)
			wait_ring(meanwhile, wait_due(meanwhile));
		if (registers ? register_fails : membarrier_fails) {
			errno = EPERM;
			return -1;
		}
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void attach_waits(struct sides *sides)
{
	wait_attach(&sides->producer);
	wait_attach(&sides->consumer);
}

static void new_waits(struct sides *sides)
{
	struct geometry geometry = geometry_of(4096, 1024);

	new_sides(sides, &geometry);
	attach_waits(sides);
}

static void put(struct sides *sides, size_t size)
{
	static const char bytes[1024];

	ck_assert_int_eq(ring_enqueue(&sides->producer, bytes, size), 0);
}

static void take(struct sides *sides)
{
	ck_assert_int_eq(ring_dequeue(&sides->consumer, NULL, NULL), 0);
}

static void fill_up(struct sides *sides, size_t size)
{
	static const char bytes[1024];

	while (ring_enqueue(&sides->producer, bytes, size) == 0)
		ck_assert_uint_eq(wait_due(&sides->producer) & FUTEX, 0);
}

START_TEST(each_side_says_at_attach_who_it_is)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert_uint_eq(sides.memory.data->producer_flags & QUEUE_PACED, QUEUE_PACED);
	ck_assert_uint_eq(sides.memory.consumer->consumer_flags & QUEUE_PACED, QUEUE_PACED);
	ck_assert(sides.producer.asymmetric ==
		  !!(sides.memory.data->producer_flags & QUEUE_ASYMMETRIC));
}
END_TEST

START_TEST(nobody_is_rung_who_does_not_wait)
{
	struct sides sides;

	new_waits(&sides);
	for (int i = 0; i < 100; i++) {
		put(&sides, 8);
		ck_assert_uint_eq(wait_due(&sides.producer), 0);
		take(&sides);
		ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	}
	ck_assert_uint_eq(sides.memory.data->data_sequence, 0);
	ck_assert_uint_eq(sides.memory.consumer->space_sequence, 0);
}
END_TEST

START_TEST(a_wait_is_rung_once_in_the_way_it_asked_for)
{
	struct sides sides;

	new_waits(&sides);
	for (unsigned how = 1; how <= 3; how++) {
		ck_assert_int_eq(wait_arm(&sides.consumer, how, 0), 0);
		put(&sides, 8);
		ck_assert_uint_eq(wait_due(&sides.producer), how);
		put(&sides, 8);
		ck_assert_uint_eq(wait_due(&sides.producer), 0);
		put(&sides, 8);
		ck_assert_uint_eq(wait_due(&sides.producer), 0);
		while (ring_dequeue(&sides.consumer, NULL, NULL) == 0)
			wait_due(&sides.consumer);
	}
}
END_TEST

START_TEST(each_turn_has_a_number_of_its_own)
{
	struct sides sides;
	uint32_t last = 0;

	new_waits(&sides);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
		ck_assert_uint_gt(sides.memory.consumer->data_wait, last);
		ck_assert_uint_eq(sides.memory.consumer->data_wait & QUEUE_WAIT_HOW, FUTEX);
		last = sides.memory.consumer->data_wait;
	}
	wait_disarm(&sides.consumer);
	ck_assert_uint_eq(sides.memory.consumer->data_wait, last & ~QUEUE_WAIT_HOW);
}
END_TEST

START_TEST(turn_numbers_go_on_from_one_holder_to_the_next)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->data_wait, 41u << 2 | FIFO);
	ck_assert_int_eq(ring_attach(&sides.consumer, ROLE_CONSUMER, &sides.memory, NULL), 0);
	wait_attach(&sides.consumer);
	ck_assert_uint_eq(sides.memory.consumer->data_wait, 41u << 2);
	ck_assert_int_eq(wait_arm(&sides.consumer, FIFO, 0), 0);
	ck_assert_uint_eq(sides.memory.consumer->data_wait, 42u << 2 | FIFO);
}
END_TEST

START_TEST(turn_numbers_wrap)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->data_wait, UINT32_MAX << 2);
	wait_attach(&sides.consumer);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_uint_eq(sides.memory.consumer->data_wait, FUTEX);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FUTEX);
}
END_TEST

START_TEST(a_new_side_rings_a_peer_that_waits_already)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FIFO, 0), 0);
	put(&sides, 8);		/* and dies before it rings */
	ck_assert_int_eq(ring_attach(&sides.producer, ROLE_PRODUCER, &sides.memory, NULL), 0);
	ck_assert_uint_eq(wait_attach(&sides.producer), FIFO);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
}
END_TEST

START_TEST(a_new_side_does_not_ring_a_peer_that_is_awake)
{
	struct sides sides;

	new_waits(&sides);
	put(&sides, 8);
	ck_assert_uint_eq(wait_attach(&sides.producer), 0);
	ck_assert_uint_eq(wait_attach(&sides.consumer), 0);
}
END_TEST

START_TEST(arming_looks_once_more)
{
	struct sides sides;

	new_waits(&sides);
	put(&sides, 8);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 1);
	store_relaxed(&sides.memory.data->tail, 4);
	take(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), -EIO);
}
END_TEST

START_TEST(the_next_success_disarms)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	put(&sides, 8);
	take(&sides);
	ck_assert_uint_ne(sides.memory.consumer->data_wait & QUEUE_WAIT_HOW, 0);
	wait_due(&sides.consumer);
	ck_assert_uint_eq(sides.memory.consumer->data_wait & QUEUE_WAIT_HOW, 0);

	fill_up(&sides, 1016);
	ck_assert_int_eq(wait_arm(&sides.producer, FUTEX, ring_span(&sides.producer, 1016)), 0);
	take(&sides);
	put(&sides, 1016);
	wait_due(&sides.producer);
	ck_assert_uint_eq(sides.memory.data->space_wait & QUEUE_WAIT_HOW, 0);
}
END_TEST

START_TEST(a_producer_is_rung_once_its_bytes_are_free_and_not_before)
{
	struct sides sides;

	new_waits(&sides);
	fill_up(&sides, 248);
	ck_assert_int_eq(wait_arm(&sides.producer, FUTEX, 1024), 0);
	for (int i = 0; i < 3; i++) {
		take(&sides);
		ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	}
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), FUTEX);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	ck_assert_int_eq(wait_arm(&sides.producer, FUTEX, 1024), 1);
}
END_TEST

START_TEST(a_lie_about_the_space_wanted_is_harmless)
{
	struct sides sides;

	new_waits(&sides);
	fill_up(&sides, 1016);
	ck_assert_int_eq(wait_arm(&sides.producer, FUTEX, 1024), 0);
	store_relaxed(&sides.memory.data->space_wanted, UINT64_MAX);
	for (int i = 0; i < 7; i++) {
		take(&sides);
		ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	}
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), FUTEX);
}
END_TEST

START_TEST(a_lie_about_tail_while_we_free_is_harmless)
{
	struct sides sides;

	new_waits(&sides);
	fill_up(&sides, 1016);
	ck_assert_int_eq(wait_arm(&sides.producer, FIFO, 1024), 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 1);
	store_relaxed(&sides.memory.data->tail, UINT64_MAX);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	store_relaxed(&sides.memory.data->producer_flags, 0);
	take(&sides);
	wait_due(&sides.consumer);
}
END_TEST

/* A consumer without flags: a script that polls `notify` and drains. */
START_TEST(an_unpaced_consumer_is_rung_when_the_queue_was_empty)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->consumer_flags, 0);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
	take(&sides);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
	take(&sides);
	take(&sides);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
}
END_TEST

START_TEST(an_unpaced_consumer_is_rung_when_the_queue_became_empty_meanwhile)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->consumer_flags, 0);
	put(&sides, 8);
	put(&sides, 8);
	take(&sides);	/* all but the second, between its publication and our look */
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
}
END_TEST

START_TEST(an_unpaced_producer_is_rung_when_enough_became_free)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.data->producer_flags, 0);
	store_relaxed(&sides.memory.data->space_wanted, 2048);
	fill_up(&sides, 1016);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), FIFO);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
}
END_TEST

START_TEST(an_unpaced_producer_that_wants_nothing_special_gets_room_for_any_entry)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.data->producer_flags, 0);
	fill_up(&sides, 504);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	take(&sides);		/* 1024 bytes; e(max_entry) is 1032 */
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), FIFO);
	take(&sides);
	ck_assert_uint_eq(wait_due(&sides.consumer), 0);
	/* It may need a gap besides, but never more than the empty queue. */
	while (ring_available(&sides.consumer)) {
		take(&sides);
		ck_assert_uint_eq(wait_due(&sides.consumer),
				  ring_available(&sides.consumer) ? 0 : FIFO);
	}
}
END_TEST

START_TEST(a_peer_that_paces_itself_from_now_on_is_rung_so_from_now_on)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->consumer_flags, 0);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
	take(&sides);
	wait_attach(&sides.consumer);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
	take(&sides);
	wait_detach(&sides.consumer);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
}
END_TEST

START_TEST(a_new_side_rings_an_unpaced_peer_for_what_is_there)
{
	struct sides sides;

	new_waits(&sides);
	store_relaxed(&sides.memory.consumer->consumer_flags, 0);
	ck_assert_uint_eq(wait_attach(&sides.producer), 0);
	put(&sides, 8);
	ck_assert_int_eq(ring_attach(&sides.producer, ROLE_PRODUCER, &sides.memory, NULL), 0);
	ck_assert_uint_eq(wait_attach(&sides.producer), FIFO);
}
END_TEST

START_TEST(every_ring_is_counted)
{
	struct sides sides;

	new_waits(&sides);
	wait_ring(&sides.producer, FUTEX);
	wait_ring(&sides.producer, FIFO);
	wait_ring(&sides.consumer, FIFO);
	ck_assert_uint_eq(sides.memory.data->data_sequence, 2);
	ck_assert_uint_eq(sides.memory.consumer->space_sequence, 1);
	ck_assert_int_eq(ring_attach(&sides.producer, ROLE_PRODUCER, &sides.memory, NULL), 0);
	wait_attach(&sides.producer);
	wait_ring(&sides.producer, FIFO);
	ck_assert_uint_eq(sides.memory.data->data_sequence, 3);
}
END_TEST

START_TEST(a_wait_is_pending_until_it_is_rung)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert(!wait_is_pending(&sides.consumer, FIFO));
	ck_assert_int_eq(wait_arm(&sides.consumer, FIFO, 0), 0);
	ck_assert(wait_is_pending(&sides.consumer, FIFO));
	ck_assert(!wait_is_pending(&sides.consumer, FUTEX));
	wait_ring(&sides.producer, FIFO);
	ck_assert(!wait_is_pending(&sides.consumer, FIFO));
	ck_assert_int_eq(wait_arm(&sides.consumer, FIFO, 0), 0);
	wait_disarm(&sides.consumer);
	ck_assert(!wait_is_pending(&sides.consumer, FIFO));
}
END_TEST

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

START_TEST(a_ring_between_arming_and_sleeping_is_not_slept_through)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	wait_ring(&sides.producer, FUTEX);
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), 0);
	ck_assert_int_eq(wait_arm(&sides.producer, FUTEX, UINT64_MAX), 0);
	wait_ring(&sides.consumer, FUTEX);
	ck_assert_int_eq(wait_sleep(&sides.producer, NULL), 0);
}
END_TEST

/* Its entry was taken already, but the turn is used up: sleep would be for ever. */
START_TEST(a_ring_for_nothing_while_arming_is_not_slept_through)
{
	struct sides sides;

	new_waits(&sides);
	if (!sides.producer.asymmetric)
		return;		/* the fence is how the test gets in between */
	put(&sides, 8);
	take(&sides);
	meanwhile = &sides.producer;
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	meanwhile = NULL;
	ck_assert_uint_eq(sides.memory.data->data_sequence, 1);
	ck_assert(!wait_is_pending(&sides.consumer, FUTEX));
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), 0);
}
END_TEST

START_TEST(a_sleep_ends_at_its_deadline)
{
	struct sides sides;
	struct timespec soon = in_ms(20), after;

	new_waits(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &soon), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert(after.tv_sec > soon.tv_sec ||
		  (after.tv_sec == soon.tv_sec && after.tv_nsec >= soon.tv_nsec));
	ck_assert_int_eq(wait_sleep(&sides.consumer, &soon), -ETIMEDOUT);
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
}

START_TEST(a_signal_ends_a_sleep)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 10000 }, { 0, 10000 } };
	struct sides sides;

	new_waits(&sides);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), -EINTR);
}
END_TEST

START_TEST(the_generation_is_read_afresh)
{
	struct sides sides;

	new_waits(&sides);
	ck_assert_uint_eq(wait_generation(&sides.consumer), 0);
	store_relaxed(&sides.memory.data->generation, 9);
	ck_assert_uint_eq(wait_generation(&sides.consumer), 9);
	ck_assert_uint_eq(wait_generation(&sides.producer), 9);
}
END_TEST

START_TEST(the_fence_is_given_to_a_peer_that_relies_on_it_and_to_no_other)
{
	struct sides sides;

	new_waits(&sides);
	n_membarriers = 0;
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_uint_eq(n_membarriers, sides.producer.asymmetric);
	store_relaxed(&sides.memory.data->producer_flags, QUEUE_PACED);
	n_membarriers = 0;
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_uint_eq(n_membarriers, 0);
}
END_TEST

START_TEST(without_registration_we_say_so_and_rings_come_all_the_same)
{
	struct sides sides;

	register_fails = true;
	new_waits(&sides);
	ck_assert_uint_eq(sides.memory.data->producer_flags, QUEUE_PACED);
	ck_assert_uint_eq(sides.memory.consumer->consumer_flags, QUEUE_PACED);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(wait_limit_ms(&sides.consumer), -1);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), FUTEX);
	put(&sides, 8);
	ck_assert_uint_eq(wait_due(&sides.producer), 0);
}
END_TEST

START_TEST(a_side_that_cannot_give_the_fence_sleeps_for_a_short_time_only)
{
	struct timespec late = in_ms(100000), soon = in_ms(2);
	struct sides sides;

	membarrier_fails = true;
	new_waits(&sides);
	if (!sides.producer.asymmetric)
		return;		/* a kernel without membarrier: nobody relies on it */
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(wait_limit_ms(&sides.consumer), 10);
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &late), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &soon), -ETIMEDOUT);
}
END_TEST

/*
 * Two processes. A consumer that finds nothing sleeps, a producer that finds no
 * room sleeps; a small queue makes both happen all the time.
 */
#define STALL_MS	5000
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

static bool is_over(const struct timespec *end)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec > end->tv_sec || (t.tv_sec == end->tv_sec && t.tv_nsec > end->tv_nsec);
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
	tcase_add_test(tests, each_side_says_at_attach_who_it_is);
	tcase_add_test(tests, nobody_is_rung_who_does_not_wait);
	tcase_add_test(tests, a_wait_is_rung_once_in_the_way_it_asked_for);
	tcase_add_test(tests, each_turn_has_a_number_of_its_own);
	tcase_add_test(tests, turn_numbers_go_on_from_one_holder_to_the_next);
	tcase_add_test(tests, turn_numbers_wrap);
	tcase_add_test(tests, a_new_side_rings_a_peer_that_waits_already);
	tcase_add_test(tests, a_new_side_does_not_ring_a_peer_that_is_awake);
	tcase_add_test(tests, arming_looks_once_more);
	tcase_add_test(tests, the_next_success_disarms);
	tcase_add_test(tests, a_producer_is_rung_once_its_bytes_are_free_and_not_before);
	tcase_add_test(tests, a_lie_about_the_space_wanted_is_harmless);
	tcase_add_test(tests, a_lie_about_tail_while_we_free_is_harmless);
	tcase_add_test(tests, an_unpaced_consumer_is_rung_when_the_queue_was_empty);
	tcase_add_test(tests,
		       an_unpaced_consumer_is_rung_when_the_queue_became_empty_meanwhile);
	tcase_add_test(tests, an_unpaced_producer_is_rung_when_enough_became_free);
	tcase_add_test(tests,
		       an_unpaced_producer_that_wants_nothing_special_gets_room_for_any_entry);
	tcase_add_test(tests, a_peer_that_paces_itself_from_now_on_is_rung_so_from_now_on);
	tcase_add_test(tests, a_new_side_rings_an_unpaced_peer_for_what_is_there);
	tcase_add_test(tests, every_ring_is_counted);
	tcase_add_test(tests, a_wait_is_pending_until_it_is_rung);
	tcase_add_test(tests, a_ring_between_arming_and_sleeping_is_not_slept_through);
	tcase_add_test(tests, a_ring_for_nothing_while_arming_is_not_slept_through);
	tcase_add_test(tests, a_sleep_ends_at_its_deadline);
	tcase_add_test(tests, a_signal_ends_a_sleep);
	tcase_add_test(tests, the_generation_is_read_afresh);
	tcase_add_test(tests,
		       the_fence_is_given_to_a_peer_that_relies_on_it_and_to_no_other);
	tcase_add_test(tests, without_registration_we_say_so_and_rings_come_all_the_same);
	tcase_add_test(tests, a_side_that_cannot_give_the_fence_sleeps_for_a_short_time_only);
	tcase_add_test(tests, no_ring_is_lost_on_the_futex);
	tcase_add_test(tests, no_ring_is_lost_on_the_fifo);
	tcase_add_test(tests, no_single_ring_is_lost_on_the_futex);
	tcase_add_test(tests, no_single_ring_is_lost_on_the_fifo);
	tcase_add_test(tests, no_single_ring_is_lost_by_a_producer_that_fences_for_itself);
}
