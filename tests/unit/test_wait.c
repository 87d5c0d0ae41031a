/* SPDX-License-Identifier: MIT */
/*
 * test_wait - when a side is rung: the rules one by one, with both sides in one
 * process. test_wake.c has two processes that wake each other.
 */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "main.h"
#include "clock.h"
#include "kernel.h"
#include "memory.h"

#include "libqueue/wait.h"

#define FUTEX	QUEUE_WAIT_FUTEX
#define FIFO	QUEUE_WAIT_FIFO

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

static struct ring *late;

static void ring_late(void)
{
	wait_ring(late, wait_due(late));
}

/* Its entry was taken already, but the turn is used up: sleep would be for ever. */
START_TEST(a_ring_for_nothing_while_arming_is_not_slept_through)
{
	struct sides sides;

	new_waits(&sides);
	if (!sides.producer.asymmetric)
		return;		/* the fence is how the test gets in between */
	put(&sides, 8);
	take(&sides);
	late = &sides.producer;
	at_membarrier = ring_late;
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	at_membarrier = NULL;
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
	struct timespec far = in_ms(100000), soon = in_ms(2);
	struct sides sides;

	membarrier_fails = true;
	new_waits(&sides);
	if (!sides.producer.asymmetric)
		return;		/* a kernel without membarrier: nobody relies on it */
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(wait_limit_ms(&sides.consumer), 10);
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &far), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &soon), -ETIMEDOUT);
}
END_TEST

START_TEST(a_sleep_on_memory_that_went_away_is_short_and_no_error)
{
	struct timespec before = in_ms(0), soon = in_ms(9);
	struct sides sides;

	new_waits(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FUTEX, 0), 0);
	ck_assert_int_eq(mprotect(sides.memory.data, QUEUE_PAGE, PROT_NONE), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, NULL), 0);
	ck_assert_int_eq(wait_sleep(&sides.consumer, &before), 0);
	ck_assert(is_over(&soon));
}
END_TEST

START_TEST(asking_whether_a_ring_is_due_rings_nobody)
{
	struct sides sides;

	new_waits(&sides);
	put(&sides, 8);
	ck_assert(!wait_is_due(&sides.producer));
	take(&sides);
	ck_assert_int_eq(wait_arm(&sides.consumer, FIFO, 0), 0);
	put(&sides, 8);
	ck_assert(wait_is_due(&sides.producer));
	ck_assert(wait_is_due(&sides.producer));
	ck_assert_uint_eq(wait_due(&sides.producer), FIFO);
	ck_assert(!wait_is_due(&sides.producer));

	fill_up(&sides, 1016);
	ck_assert_int_eq(wait_arm(&sides.producer, FIFO, 2048), 0);
	take(&sides);
	ck_assert(!wait_is_due(&sides.consumer));
	take(&sides);
	take(&sides);
	ck_assert(wait_is_due(&sides.consumer));

	store_relaxed(&sides.memory.consumer->consumer_flags, 0);
	ck_assert(!wait_is_due(&sides.producer));
	while (ring_dequeue(&sides.consumer, NULL, NULL) == 0)
		;
	put(&sides, 8);
	ck_assert(wait_is_due(&sides.producer));
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
	tcase_add_test(tests, a_sleep_on_memory_that_went_away_is_short_and_no_error);
	tcase_add_test(tests, asking_whether_a_ring_is_due_rings_nobody);
}
