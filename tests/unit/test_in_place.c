/* SPDX-License-Identifier: MIT */
/*
 * test_in_place - entries that are built in the ring (reserve, commit) and read
 * in it (peek, release)
 *
 * The ring of new_default() has 8192 bytes. Its pages are guarded: a place beyond
 * its end is a SIGSEGV.
 */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "entries.h"

/* The place for @size bytes. */
static unsigned char *reserve(struct ring *ring, size_t size)
{
	void *payload = NULL;

	ck_assert_int_eq(ring_reserve(ring, size, &payload), 0);
	ck_assert_ptr_nonnull(payload);
	ck_assert_uint_eq((uintptr_t)payload % 8, 0);
	return payload;
}

/* Build the @n-th entry in a place for @room bytes. */
static void build(struct ring *ring, uint64_t n, size_t size, size_t room)
{
	fill(reserve(ring, room), n, size);
	ck_assert_int_eq(ring_commit(ring, size), 0);
}

static void fill_up(struct sides *sides, size_t size)
{
	while (put(&sides->producer, 0, size) == 0)
		;
}

static void peek(struct ring *ring, uint32_t size)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t found;

	ck_assert_int_eq(ring_peek(ring, &entry, &found, &position), 0);
	ck_assert_uint_eq(found, size);
}

START_TEST(an_entry_built_in_place_comes_out_as_it_was_built)
{
	struct sides sides;

	new_default(&sides);
	for (size_t size = 0; size <= 1024; size++) {
		build(&sides.producer, size, size, size);
		ck_assert_uint_eq(sides.memory.data->enqueued, size + 1);
		get(&sides.consumer, size, size);
	}
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
	ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
}
END_TEST

START_TEST(a_commit_may_be_of_fewer_bytes_and_takes_no_more_room)
{
	struct sides sides;
	uint64_t before;

	new_default(&sides);
	for (size_t size = 0; size <= 1024; size += 31) {
		before = sides.producer.tail;
		build(&sides.producer, size, size, 1024);
		if (before % 8192 + entry_space(1024) <= 8192)
			ck_assert_uint_eq(sides.memory.data->tail, before + entry_space(size));
		get(&sides.consumer, size, size);
	}
}
END_TEST

START_TEST(a_commit_of_no_bytes_is_an_empty_entry)
{
	struct sides sides;
	uint32_t size = 5;
	char byte;

	new_default(&sides);
	reserve(&sides.producer, 1024);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), 0);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, &byte, &size), 0);
	ck_assert_uint_eq(size, 0);
}
END_TEST

/* Also where more was written there than is committed. */
START_TEST(filler_behind_a_commit_is_zero)
{
	struct sides sides;

	new_default(&sides);
	for (size_t size = 0; size < 300; size++) {
		unsigned char *payload = reserve(&sides.producer, 300);
		size_t end = (size + 7) / 8 * 8;

		memset(payload, 0xEE, 300);
		ck_assert_int_eq(ring_commit(&sides.producer, size), 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_uint_eq(payload[i], 0xEE);
		for (size_t i = size; i < end; i++)
			ck_assert_uint_eq(payload[i], 0);
		ck_assert_int_eq(ring_dequeue(&sides.consumer, NULL, NULL), 0);
	}
}
END_TEST

START_TEST(nothing_is_published_before_the_commit)
{
	struct sides sides;
	unsigned char *payload;

	new_default(&sides);
	payload = reserve(&sides.producer, 100);
	fill(payload, 7, 100);
	ck_assert_uint_eq(sides.memory.data->tail, 0);
	ck_assert_uint_eq(sides.memory.data->enqueued, 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
	ck_assert_int_eq(ring_commit(&sides.producer, 100), 0);
	ck_assert_uint_eq(sides.memory.data->tail, 112);
	get(&sides.consumer, 7, 100);
}
END_TEST

/* The last place before the end, of 512 bytes, is at 7680. */
START_TEST(a_place_that_does_not_fit_before_the_end_is_at_the_beginning)
{
	struct sides sides;
	unsigned char *payload;

	new_default(&sides);
	start_at(&sides, 8192 * 5 + 7680);
	payload = reserve(&sides.producer, 505);
	ck_assert_ptr_eq(payload, sides.memory.data->queue + 8);
	ck_assert_uint_eq(sides.memory.data->tail, 8192 * 5 + 7680);
	fill(payload, 3, 505);
	ck_assert_int_eq(ring_commit(&sides.producer, 505), 0);
	ck_assert_uint_eq(sides.memory.data->tail, 8192 * 6 + 520);
	get(&sides.consumer, 3, 505);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192 * 6 + 520);
}
END_TEST

/* Where it was built it stays, although less would have fitted before the end. */
START_TEST(a_smaller_commit_behind_a_gap_stays_behind_it)
{
	struct sides sides;

	new_default(&sides);
	start_at(&sides, 7680);
	build(&sides.producer, 4, 10, 1000);
	ck_assert_uint_eq(sides.memory.data->tail, 8192 + 24);
	get(&sides.consumer, 4, 10);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192 + 24);
}
END_TEST

START_TEST(a_place_may_end_where_the_ring_ends)
{
	struct sides sides;

	new_default(&sides);
	start_at(&sides, 7680);
	build(&sides.producer, 1, 504, 504);
	ck_assert_uint_eq(sides.memory.data->tail, 8192);
	build(&sides.producer, 2, 24, 24);
	get(&sides.consumer, 1, 504);
	get(&sides.consumer, 2, 24);
}
END_TEST

static void put_at_the_end(struct sides *sides)
{
	new_default(sides);
	start_at(sides, 8192 - 80);
	ck_assert_int_eq(put(&sides->producer, 1, 72), 0);
	ck_assert_uint_eq(sides->memory.data->tail, 8192);
}

START_TEST(a_place_behind_an_entry_that_ends_with_the_ring_is_at_the_beginning)
{
	struct sides sides;
	unsigned char *payload;

	put_at_the_end(&sides);
	payload = reserve(&sides.producer, 100);
	ck_assert_ptr_eq(payload, sides.memory.data->queue + 8);
	fill(payload, 2, 100);
	ck_assert_int_eq(ring_commit(&sides.producer, 100), 0);
	get(&sides.consumer, 1, 72);
	get(&sides.consumer, 2, 100);
}
END_TEST

START_TEST(another_entry_takes_the_place_of_a_reserved_one)
{
	struct sides sides;
	struct iovec entry = { .iov_len = 0 };
	uint32_t n;

	new_default(&sides);
	reserve(&sides.producer, 100);
	ck_assert_int_eq(put(&sides.producer, 1, 40), 0);
	ck_assert_int_eq(ring_commit(&sides.producer, 100), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EINVAL);
	reserve(&sides.producer, 100);
	ck_assert_int_eq(ring_enqueue_batch(&sides.producer, &entry, 1, &n), 0);
	ck_assert_int_eq(ring_commit(&sides.producer, 100), -EINVAL);
	get(&sides.consumer, 1, 40);
	get(&sides.consumer, 2, 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

START_TEST(a_refused_entry_leaves_the_reserved_one)
{
	struct sides sides;
	char byte = 0;

	new_default(&sides);
	fill(reserve(&sides.producer, 100), 5, 100);
	ck_assert_int_eq(ring_enqueue(&sides.producer, &byte, 1025), -EMSGSIZE);
	ck_assert_int_eq(ring_enqueue(&sides.producer, NULL, 1), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, 100), 0);
	get(&sides.consumer, 5, 100);
}
END_TEST

START_TEST(a_later_reservation_replaces_an_earlier_one)
{
	struct sides sides;
	unsigned char *first, *second;

	new_default(&sides);
	first = reserve(&sides.producer, 1000);
	second = reserve(&sides.producer, 50);
	ck_assert_ptr_eq(first, second);
	fill(second, 9, 50);
	ck_assert_int_eq(ring_commit(&sides.producer, 51), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, 50), 0);
	get(&sides.consumer, 9, 50);
}
END_TEST

START_TEST(a_refused_reservation_leaves_the_earlier_one_and_its_place)
{
	struct sides sides;
	void *payload = &sides;

	new_default(&sides);
	fill(reserve(&sides.producer, 50), 6, 50);
	ck_assert_int_eq(ring_reserve(&sides.producer, 1025, &payload), -EMSGSIZE);
	ck_assert_ptr_eq(payload, &sides);
	ck_assert_int_eq(ring_commit(&sides.producer, 50), 0);
	get(&sides.consumer, 6, 50);
}
END_TEST

START_TEST(nothing_reserved_is_nothing_to_commit)
{
	struct sides sides;

	new_default(&sides);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EINVAL);
	put(&sides.producer, 1, 8);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EINVAL);
	ck_assert_uint_eq(sides.memory.data->tail, 16);
	ck_assert_uint_eq(sides.memory.data->enqueued, 1);
}
END_TEST

START_TEST(an_entry_is_committed_once)
{
	struct sides sides;

	new_default(&sides);
	build(&sides.producer, 1, 16, 16);
	ck_assert_int_eq(ring_commit(&sides.producer, 16), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EINVAL);
	ck_assert_uint_eq(sides.memory.data->enqueued, 1);
	get(&sides.consumer, 1, 16);
}
END_TEST

START_TEST(no_more_is_committed_than_was_reserved)
{
	struct sides sides;

	new_default(&sides);
	fill(reserve(&sides.producer, 16), 1, 16);
	ck_assert_int_eq(ring_commit(&sides.producer, 17), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, SIZE_MAX), -EINVAL);
	ck_assert_int_eq(ring_commit(&sides.producer, 16), 0);
	get(&sides.consumer, 1, 16);
}
END_TEST

/* Wherever the queue stands, also where the reservation needed a gap. */
START_TEST(a_reservation_that_is_given_up_changes_nothing)
{
	struct sides sides;
	struct ring_status status;

	new_default(&sides);
	for (uint64_t at = 8; at <= 8192; at += 8) {
		start_at(&sides, at);
		reserve(&sides.producer, 1024);
		ck_assert_uint_eq(sides.memory.data->tail, at);
		ck_assert_uint_eq(sides.memory.data->enqueued, sides.memory.consumer->dequeued);
		ring_observe(&sides.memory, &sides.geometry, &status);
		ck_assert_uint_eq(status.used, 0);
		ck_assert(!status.corrupt);

		ck_assert_int_eq(ring_can_enqueue(&sides.producer, 1024, 1), 0);
		ck_assert_int_eq(put(&sides.producer, at, 1024), 0);
		get(&sides.consumer, at, 1024);
	}
}
END_TEST

START_TEST(refused_reservations_are_as_refused_entries)
{
	struct sides sides;
	void *payload;

	new_default(&sides);
	ck_assert_int_eq(ring_reserve(&sides.producer, SIZE_MAX, &payload), -EMSGSIZE);
	ck_assert_uint_eq(sides.memory.data->overruns, 0);
	fill_up(&sides, 1016);
	ck_assert_uint_eq(sides.memory.data->overruns, 1);
	ck_assert_int_eq(ring_reserve(&sides.producer, 0, &payload), -EOVERFLOW);
	ck_assert_uint_eq(sides.memory.data->overruns, 2);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EINVAL);
	get(&sides.consumer, 0, 1016);
	build(&sides.producer, 1, 1016, 1016);

	store_relaxed(&sides.memory.consumer->head, 4);
	ck_assert_int_eq(ring_reserve(&sides.producer, 0, &payload), -EIO);
	ck_assert_int_eq(ring_reserve(&sides.producer, 0, &payload), -EIO);
	ck_assert_int_eq(ring_commit(&sides.producer, 0), -EIO);
}
END_TEST

START_TEST(the_last_positions_take_no_place_that_passes_them)
{
	struct sides sides;
	void *payload;

	new_default(&sides);
	start_at(&sides, UINT64_MAX - 7 - 64);
	build(&sides.producer, 1, 56, 56);
	ck_assert_uint_eq(sides.memory.data->tail, UINT64_MAX - 7);
	ck_assert_int_eq(ring_reserve(&sides.producer, 0, &payload), -EIO);
}
END_TEST

START_TEST(the_peeked_entry_is_released_and_no_other)
{
	struct sides sides;

	new_default(&sides);
	put(&sides.producer, 1, 40);
	put(&sides.producer, 2, 41);
	peek(&sides.consumer, 40);
	ck_assert_uint_eq(sides.memory.consumer->head, 0);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_uint_eq(sides.memory.consumer->head, 48);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 1);
	get(&sides.consumer, 2, 41);
}
END_TEST

START_TEST(an_entry_is_released_once)
{
	struct sides sides;

	new_default(&sides);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	put(&sides.producer, 1, 40);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	put(&sides.producer, 2, 41);
	peek(&sides.consumer, 40);
	peek(&sides.consumer, 40);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	get(&sides.consumer, 2, 41);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 2);
}
END_TEST

START_TEST(an_entry_that_was_dequeued_is_not_released)
{
	struct sides sides;
	struct iovec drop = { .iov_base = NULL };
	uint32_t n;

	new_default(&sides);
	for (uint64_t i = 0; i < 4; i++)
		put(&sides.producer, i, 8);
	peek(&sides.consumer, 8);
	get(&sides.consumer, 0, 8);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	peek(&sides.consumer, 8);
	ck_assert_int_eq(ring_dequeue_batch(&sides.consumer, &drop, 1, &n), 0);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
	get(&sides.consumer, 2, 8);
	get(&sides.consumer, 3, 8);
}
END_TEST

START_TEST(a_look_that_finds_nothing_new_leaves_the_peeked_entry)
{
	struct sides sides;
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;

	new_default(&sides);
	put(&sides.producer, 1, 8);
	peek(&sides.consumer, 8);
	ck_assert_int_eq(ring_look(&sides.consumer), 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 1);
	put(&sides.producer, 2, 8);
	ck_assert_int_eq(ring_look(&sides.consumer), 0);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	get(&sides.consumer, 2, 8);
	ck_assert_int_eq(ring_peek(&sides.consumer, &entry, &size, &position), -ENODATA);
	ck_assert_int_eq(ring_release(&sides.consumer), -EINVAL);
}
END_TEST

/* What the peer makes of the header meanwhile: what was checked counts. */
static const uint64_t changed_headers[] = {
	0, 39, 41, 1016, 4096, UINT32_MAX, 40 | (uint64_t)QUEUE_GAP << 32, UINT64_MAX,
};

START_TEST(an_entry_is_released_by_the_size_that_was_peeked)
{
	struct sides sides;

	new_default(&sides);
	put(&sides.producer, 1, 40);
	put(&sides.producer, 2, 41);
	peek(&sides.consumer, 40);
	store_relaxed((entry_word *)(void *)sides.memory.data->queue, changed_headers[_i]);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_uint_eq(sides.memory.consumer->head, 48);
	get(&sides.consumer, 2, 41);
}
END_TEST

START_TEST(a_release_takes_the_gap_before_the_entry_too)
{
	struct sides sides;

	new_default(&sides);
	start_at(&sides, 7680);
	put(&sides.producer, 1, 600);
	put(&sides.producer, 2, 20);
	peek(&sides.consumer, 600);
	ck_assert_int_eq(ring_available(&sides.consumer), 1);
	ck_assert_int_eq(ring_look(&sides.consumer), 0);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192 + 608);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 1);
	get(&sides.consumer, 2, 20);
}
END_TEST

START_TEST(a_release_may_end_where_the_ring_ends)
{
	struct sides sides;

	put_at_the_end(&sides);
	ck_assert_int_eq(put(&sides.producer, 2, 30), 0);
	peek(&sides.consumer, 72);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192);
	peek(&sides.consumer, 30);
	ck_assert_int_eq(ring_release(&sides.consumer), 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

START_TEST(nothing_is_released_once_the_memory_is_damaged)
{
	struct sides sides;

	new_default(&sides);
	put(&sides.producer, 1, 40);
	peek(&sides.consumer, 40);
	store_relaxed(&sides.memory.data->tail, 4);
	ck_assert_int_eq(ring_look(&sides.consumer), -EIO);
	ck_assert_int_eq(ring_release(&sides.consumer), -EIO);
	ck_assert_uint_eq(sides.memory.consumer->head, 0);
}
END_TEST

#define N(array)	((int)(sizeof(array) / sizeof((array)[0])))

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, an_entry_built_in_place_comes_out_as_it_was_built);
	tcase_add_test(tests, a_commit_may_be_of_fewer_bytes_and_takes_no_more_room);
	tcase_add_test(tests, a_commit_of_no_bytes_is_an_empty_entry);
	tcase_add_test(tests, filler_behind_a_commit_is_zero);
	tcase_add_test(tests, nothing_is_published_before_the_commit);
	tcase_add_test(tests, a_place_that_does_not_fit_before_the_end_is_at_the_beginning);
	tcase_add_test(tests, a_smaller_commit_behind_a_gap_stays_behind_it);
	tcase_add_test(tests, a_place_may_end_where_the_ring_ends);
	tcase_add_test(tests,
		       a_place_behind_an_entry_that_ends_with_the_ring_is_at_the_beginning);
	tcase_add_test(tests, another_entry_takes_the_place_of_a_reserved_one);
	tcase_add_test(tests, a_refused_entry_leaves_the_reserved_one);
	tcase_add_test(tests, a_later_reservation_replaces_an_earlier_one);
	tcase_add_test(tests, a_refused_reservation_leaves_the_earlier_one_and_its_place);
	tcase_add_test(tests, nothing_reserved_is_nothing_to_commit);
	tcase_add_test(tests, an_entry_is_committed_once);
	tcase_add_test(tests, no_more_is_committed_than_was_reserved);
	tcase_add_test(tests, a_reservation_that_is_given_up_changes_nothing);
	tcase_add_test(tests, refused_reservations_are_as_refused_entries);
	tcase_add_test(tests, the_last_positions_take_no_place_that_passes_them);
	tcase_add_test(tests, the_peeked_entry_is_released_and_no_other);
	tcase_add_test(tests, an_entry_is_released_once);
	tcase_add_test(tests, an_entry_that_was_dequeued_is_not_released);
	tcase_add_test(tests, a_look_that_finds_nothing_new_leaves_the_peeked_entry);
	tcase_add_loop_test(tests, an_entry_is_released_by_the_size_that_was_peeked,
			    0, N(changed_headers));
	tcase_add_test(tests, a_release_takes_the_gap_before_the_entry_too);
	tcase_add_test(tests, a_release_may_end_where_the_ring_ends);
	tcase_add_test(tests, nothing_is_released_once_the_memory_is_damaged);
}
