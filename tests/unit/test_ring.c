/* SPDX-License-Identifier: MIT */
/*
 * test_ring - entries in shared memory, with an honest peer
 *
 * What each operation answers stands in tests/vectors as data; here are the
 * promises and the limits. test_trust.c has the lies.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "entries.h"
#include "ring_inline.h"

START_TEST(a_new_queue_is_empty)
{
	struct sides sides;
	uint32_t size = 1;
	char byte;

	new_default(&sides);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, &byte, &size), -ENODATA);
	ck_assert_uint_eq(size, 1);
}
END_TEST

START_TEST(an_entry_comes_out_as_it_went_in)
{
	struct sides sides;

	new_default(&sides);
	for (size_t size = 0; size <= 1024; size++) {
		ck_assert_int_eq(put(&sides.producer, size, size), 0);
		ck_assert_int_eq(ring_available(&sides.consumer), 1);
		get(&sides.consumer, size, size);
	}
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

/* Also what the peer may read of our memory: nothing but the payload. */
START_TEST(copies_stay_within_source_and_destination)
{
	struct sides sides;
	unsigned char out[300];

	new_default(&sides);
	for (uint32_t size = 0; size <= 256; size++) {
		unsigned char *exact = malloc(size + !size);
		uint32_t got = size;

		fill(exact, 1, size);
		memset(out, 0xEE, sizeof(out));
		ck_assert_int_eq(ring_enqueue(&sides.producer, exact, size), 0);
		ck_assert_int_eq(ring_dequeue(&sides.consumer, out + 8, &got), 0);
		ck_assert_mem_eq(out + 8, exact, size);
		ck_assert_uint_eq(out[7], 0xEE);
		ck_assert_uint_eq(out[8 + size], 0xEE);
		free(exact);
	}
}
END_TEST

START_TEST(filler_is_zero_where_the_ring_was_used_before)
{
	struct sides sides;
	const unsigned char *ring;

	new_default(&sides);
	ring = sides.memory.data->queue;
	memset(sides.memory.data->queue, 0xEE, sides.geometry.queue_size);
	for (size_t size = 1; size < 300; size++) {
		uint64_t at = sides.producer.tail % sides.geometry.queue_size;
		size_t end = size + (8 - size % 8) % 8;

		ck_assert_int_eq(put(&sides.producer, 1, size), 0);
		if (sides.producer.tail % sides.geometry.queue_size < at)
			at = 0;	/* it went behind a gap */
		for (size_t i = size; i < end; i++)
			ck_assert_uint_eq(ring[at + 8 + i], 0);
		get(&sides.consumer, 1, size);
	}
}
END_TEST

/* Pages: 2. An entry of 504 bytes takes 512; the last place is at 7680. */
START_TEST(a_gap_goes_with_the_entry_behind_it)
{
	struct geometry geometry = geometry_of(4096, 4088);
	struct sides sides;
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;

	new_sides(&sides, &geometry);
	start_at(&sides, 8192 * 5 + 7680);
	ck_assert_uint_eq(ring_span(&sides.producer, 504), 512);
	ck_assert_uint_eq(ring_span(&sides.producer, 505), 512 + 520);
	ck_assert_int_eq(put(&sides.producer, 1, 505), 0);
	ck_assert_uint_eq(sides.memory.data->tail, 8192 * 6 + 520);

	ck_assert_int_eq(ring_peek(&sides.consumer, &entry, &size, &position), 0);
	ck_assert_uint_eq(position, 8192 * 6);
	ck_assert_uint_eq(size, 505);
	ck_assert_ptr_eq(entry, sides.memory.data->queue);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192 * 5 + 7680);
	get(&sides.consumer, 1, 505);
	ck_assert_uint_eq(sides.memory.consumer->head, 8192 * 6 + 520);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 1);
}
END_TEST

START_TEST(the_ring_fills_to_the_last_byte)
{
	struct geometry geometry = geometry_of(4096, 1016);
	struct sides sides;

	new_sides(&sides, &geometry);
	for (int lap = 0; lap < 3; lap++) {
		uint64_t n = 0;

		while (put(&sides.producer, n, 1016) == 0)
			n++;
		ck_assert_uint_eq(n, geometry.queue_size / 1024);
		ck_assert_uint_eq(ring_free(&sides.producer), 0);
		for (uint64_t i = 0; i < n; i++)
			get(&sides.consumer, i, 1016);
	}
}
END_TEST

START_TEST(refusals_come_in_their_order)
{
	struct sides sides;
	uint32_t size = 0;
	char byte = 0;

	new_default(&sides);
	while (put(&sides.producer, 0, 1024) == 0)
		;
	ck_assert_int_eq(ring_enqueue(&sides.producer, NULL, 9999), -EINVAL);
	ck_assert_int_eq(ring_enqueue(&sides.producer, &byte, 9999), -EMSGSIZE);
	ck_assert_int_eq(ring_enqueue(&sides.producer, &byte, SIZE_MAX), -EMSGSIZE);
	ck_assert_int_eq(put(&sides.producer, 0, 1024), -EOVERFLOW);
	ck_assert_uint_eq(sides.memory.data->overruns, 2);

	store_relaxed(&sides.memory.consumer->head, 4);
	ck_assert_int_eq(put(&sides.producer, 0, 1024), -EIO);
	ck_assert_int_eq(ring_enqueue(&sides.producer, NULL, 1), -EINVAL);
	ck_assert_int_eq(ring_enqueue(&sides.producer, &byte, 9999), -EIO);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, &byte, NULL), -EINVAL);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, &byte, &size), -ENOSPC);
	ck_assert_uint_eq(size, 1024);
}
END_TEST

START_TEST(an_empty_entry_needs_no_data)
{
	struct sides sides;
	uint32_t size = 5;
	char byte;

	new_default(&sides);
	ck_assert_int_eq(ring_enqueue(&sides.producer, NULL, 0), 0);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, &byte, &size), 0);
	ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(a_small_buffer_learns_the_size_and_the_entry_stays)
{
	struct sides sides;
	unsigned char bytes[1024] = { 0 };
	uint32_t size;

	new_default(&sides);
	for (size_t n = 1; n <= 1024; n *= 2) {
		ck_assert_int_eq(put(&sides.producer, n, n), 0);
		size = (uint32_t)n - 1;
		ck_assert_int_eq(ring_dequeue(&sides.consumer, bytes, &size), -ENOSPC);
		ck_assert_uint_eq(size, n);
		ck_assert_uint_eq(bytes[0], 0);
		get(&sides.consumer, n, n);
	}
}
END_TEST

START_TEST(an_entry_can_be_skipped_with_and_without_a_size)
{
	struct sides sides;
	uint32_t size = 0;

	new_default(&sides);
	put(&sides.producer, 1, 10);
	put(&sides.producer, 2, 20);
	put(&sides.producer, 3, 30);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, NULL, &size), 0);
	ck_assert_uint_eq(size, 10);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, NULL, NULL), 0);
	get(&sides.consumer, 3, 30);
}
END_TEST

START_TEST(a_new_side_goes_on_where_the_last_one_was)
{
	struct sides sides;

	new_default(&sides);
	for (uint64_t n = 0; n < 500; n++) {
		const struct mapping *memory = &sides.memory;

		ck_assert_int_eq(put(&sides.producer, n, n % 900), 0);
		ck_assert_int_eq(ring_attach(&sides.producer, ROLE_PRODUCER, memory, NULL), 0);
		get(&sides.consumer, n, n % 900);
		ck_assert_int_eq(ring_attach(&sides.consumer, ROLE_CONSUMER, memory, NULL), 0);
	}
	ck_assert_uint_eq(sides.memory.data->enqueued, 500);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, 500);
}
END_TEST

/* Sizes of the entries in a queue, oldest first: what the ring must be like. */
struct row {
	uint32_t sizes[4096];
	uint64_t first, n;		/* the oldest entry, and how many */
	uint64_t used;			/* bytes of the entries */
};

static uint32_t *nth(struct row *row, uint64_t n)
{
	return &row->sizes[n % 4096];
}

static void random_put(struct sides *sides, struct row *row)
{
	uint32_t most = sides->geometry.max_entry;
	uint32_t size = random() % 4 ? (uint32_t)random() % (most + 1) : most;
	int can = ring_can_enqueue(&sides->producer, size, 1);
	int r = put(&sides->producer, row->first + row->n, size);

	ck_assert_int_eq(can, r);
	if (r == 0) {
		*nth(row, row->first + row->n++) = size;
		row->used += entry_space(size);
		return;
	}
	ck_assert_int_eq(r, -EOVERFLOW);
	ck_assert_uint_gt(row->n, 0);
	ck_assert_uint_gt(row->used + entry_space(size), sides->geometry.capacity);
}

static void random_get(struct sides *sides, struct row *row)
{
	ck_assert_int_eq(ring_available(&sides->consumer), row->n > 0);
	if (row->n == 0)
		return;
	row->used -= entry_space(*nth(row, row->first));
	get(&sides->consumer, row->first, *nth(row, row->first));
	row->first++;
	row->n--;
}

static const struct { uint64_t capacity, max_entry; } shapes[] = {
	{ 4096, 4088 }, { 4096, 100 }, { 8, 0 }, { 0, 5000 }, { 12000, 3000 }, { 20000, 13 },
	{ 4104, 4096 }, { 1000, 8000 },
};

START_TEST(random_entries_keep_their_order_and_have_the_room_that_is_promised)
{
	struct geometry geometry = geometry_of(shapes[_i].capacity, shapes[_i].max_entry);
	struct sides sides;
	struct row row = { .n = 0 };

	srandom((unsigned)_i + 1);
	new_sides(&sides, &geometry);
	for (int round = 0; round < 300; round++) {
		int lean = (int)(random() % 100);

		for (int i = 0; i < 100; i++) {
			if (random() % 100 < lean)
				random_put(&sides, &row);
			else
				random_get(&sides, &row);
		}
	}
	while (row.n > 0)
		random_get(&sides, &row);
	ck_assert_uint_eq(sides.memory.data->tail, sides.memory.consumer->head);
}
END_TEST

START_TEST(an_empty_queue_takes_the_largest_entry_wherever_it_stands)
{
	struct geometry geometry = geometry_of(0, (uint64_t)_i);
	struct sides sides;

	new_sides(&sides, &geometry);
	for (uint64_t at = 0; at < geometry.queue_size; at += 8) {
		start_at(&sides, at);
		ck_assert_int_eq(ring_can_enqueue(&sides.producer, (size_t)_i, 1), 0);
		ck_assert_int_eq(put(&sides.producer, at, (size_t)_i), 0);
		get(&sides.consumer, at, (size_t)_i);
	}
}
END_TEST

START_TEST(as_many_entries_fit_as_can_enqueue_says)
{
	struct sides sides;
	uint64_t n;

	new_default(&sides);
	for (uint64_t at = 0; at < sides.geometry.queue_size; at += 56) {
		for (size_t size = 0; size <= 1024; size += 100) {
			uint64_t counted = 0;

			start_at(&sides, at);
			for (n = 1; ring_can_enqueue(&sides.producer, size, n) == 0; n++)
				;
			while (put(&sides.producer, counted, size) == 0)
				counted++;
			ck_assert_uint_eq(n - 1, counted);
		}
	}
	ck_assert_int_eq(ring_can_enqueue(&sides.producer, 0, UINT64_MAX), -EOVERFLOW);
	ck_assert_int_eq(ring_can_enqueue(&sides.producer, 0, 0), 0);
}
END_TEST

/* The last position is 2^64 - 8; the offset there is that of 2^64 - 8 mod Q. */
START_TEST(positions_end_before_two_to_the_64)
{
	struct sides sides;

	new_default(&sides);
	start_at(&sides, UINT64_MAX - 7 - 64);
	ck_assert_int_eq(put(&sides.producer, 1, 24), 0);
	ck_assert_int_eq(put(&sides.producer, 2, 24), 0);
	ck_assert_uint_eq(sides.memory.data->tail, UINT64_MAX - 7);
	ck_assert_int_eq(ring_can_enqueue(&sides.producer, 0, 0), 0);
	ck_assert_int_eq(put(&sides.producer, 3, 0), -EIO);
	ck_assert_uint_eq(sides.memory.data->tail, UINT64_MAX - 7);
	get(&sides.consumer, 1, 24);
	get(&sides.consumer, 2, 24);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

START_TEST(an_entry_too_long_for_the_last_positions_is_an_error_at_once)
{
	struct sides sides;

	new_default(&sides);
	start_at(&sides, UINT64_MAX - 7 - 64);
	ck_assert_int_eq(ring_can_enqueue(&sides.producer, 56, 1), 0);
	ck_assert_int_eq(put(&sides.producer, 1, 57), -EIO);
	ck_assert_int_eq(put(&sides.producer, 1, 0), -EIO);
}
END_TEST

/* As the one that was not there a moment ago, when ring_dequeue() looked. */
START_TEST(an_entry_that_comes_before_the_second_look_is_taken)
{
	struct sides sides;
	uint32_t size = 8;
	char bytes[8];

	new_default(&sides);
	ck_assert_int_eq(ring_enqueue(&sides.producer, "now", 4), 0);
	ck_assert_int_eq(ring_dequeue_slow(&sides.consumer, bytes, &size), 0);
	ck_assert_uint_eq(size, 4);
	ck_assert_str_eq(bytes, "now");
	ck_assert_int_eq(ring_dequeue_slow(&sides.consumer, bytes, &size), -ENODATA);
}
END_TEST

static void produce(struct sides *sides, uint64_t n)
{
	for (uint64_t i = 0; i < n;)
		if (put(&sides->producer, i, i * 37 % 700) == 0)
			i++;
		else
			sched_yield();
}

START_TEST(another_process_gets_every_entry_in_order)
{
	const uint64_t n = 200000;
	struct sides sides;
	pid_t peer;
	int status;

	new_default(&sides);
	peer = fork();
	ck_assert_int_ge(peer, 0);
	if (peer == 0) {
		produce(&sides, n);
		_exit(0);
	}
	for (uint64_t i = 0; i < n; i++) {
		while (ring_available(&sides.consumer) == 0)
			sched_yield();
		get(&sides.consumer, i, i * 37 % 700);
	}
	ck_assert_int_eq(waitpid(peer, &status, 0), peer);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(sides.memory.data->enqueued, n);
	ck_assert_uint_eq(sides.memory.consumer->dequeued, n);
}
END_TEST

START_TEST(an_observer_sees_what_is_there_and_how_much_fits)
{
	struct ring_status status;
	struct sides sides;
	uint64_t n = 0;

	new_default(&sides);
	srandom(5);
	for (int i = 0; i < 3000; i++) {
		if (random() % 2 && put(&sides.producer, n, (size_t)random() % 1025) == 0)
			n++;
		else if (ring_dequeue(&sides.consumer, NULL, NULL) == 0)
			n--;

		ring_observe(&sides.memory, &sides.geometry, &status);
		ck_assert(!status.corrupt);
		ck_assert_uint_eq(status.entries, n);
		ck_assert_uint_eq(status.used, sides.producer.tail - sides.consumer.head);
		ck_assert_uint_eq(status.enqueued - status.dequeued, n);
		if (status.free > 0)
			ck_assert_int_eq(ring_can_enqueue(&sides.producer, status.free, 1), 0);
		if (status.free < sides.geometry.max_entry)
			ck_assert_int_ne(ring_can_enqueue(&sides.producer, status.free + 1, 1), 0);
	}
}
END_TEST

START_TEST(many_entries_are_counted_by_the_counters)
{
	struct geometry geometry = geometry_of(8 * 70000, 8);
	struct ring_status status;
	struct sides sides;

	new_sides(&sides, &geometry);
	for (int i = 0; i < 70000; i++)
		ck_assert_int_eq(ring_enqueue(&sides.producer, NULL, 0), 0);
	ring_observe(&sides.memory, &geometry, &status);
	ck_assert_uint_eq(status.entries, 70000);
	ck_assert(!status.corrupt);
}
END_TEST

START_TEST(an_observer_tells_that_the_memory_is_damaged)
{
	struct ring_status status;
	struct sides sides;

	new_default(&sides);
	put(&sides.producer, 0, 40);
	((struct queue_entry *)(void *)sides.memory.data->queue)->size = 41;
	ring_observe(&sides.memory, &sides.geometry, &status);
	ck_assert(status.corrupt);
	ck_assert_uint_eq(status.enqueued, 1);
	ck_assert_uint_eq(status.free, 0);

	layout_format(sides.memory.data, sides.memory.consumer, &sides.geometry);
	store_relaxed(&sides.memory.data->tail, 4);
	ring_observe(&sides.memory, &sides.geometry, &status);
	ck_assert(status.corrupt);

	layout_format(sides.memory.data, sides.memory.consumer, &sides.geometry);
	sides.memory.data->max_entry--;
	ring_observe(&sides.memory, &sides.geometry, &status);
	ck_assert(status.corrupt);
}
END_TEST

START_TEST(an_observer_peeks_at_what_is_the_next_entry_now)
{
	const struct queue_entry *entry;
	struct sides sides;
	struct ring observer;
	uint64_t position;
	uint32_t size;

	new_default(&sides);
	ck_assert_int_eq(ring_attach(&observer, ROLE_OBSERVER, &sides.memory, NULL), 0);
	ck_assert_int_eq(ring_peek(&observer, &entry, &size, &position), -ENODATA);
	ck_assert_int_eq(ring_available(&observer), 0);
	put(&sides.producer, 1, 100);
	put(&sides.producer, 2, 200);
	ck_assert_int_eq(ring_available(&observer), 1);
	ck_assert_int_eq(ring_peek(&observer, &entry, &size, &position), 0);
	ck_assert_uint_eq(size, 100);
	get(&sides.consumer, 1, 100);
	ck_assert_int_eq(ring_peek(&observer, &entry, &size, &position), 0);
	ck_assert_uint_eq(size, 200);
	ck_assert_uint_eq(position, 112);
	ck_assert_uint_eq(sides.memory.consumer->head, 112);

	store_relaxed(&sides.memory.data->tail, 4);
	ck_assert_int_eq(ring_peek(&observer, &entry, &size, &position), -EIO);
	ck_assert_int_eq(ring_available(&observer), -EIO);
}
END_TEST

#define N(array)	((int)(sizeof(array) / sizeof((array)[0])))

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_new_queue_is_empty);
	tcase_add_test(tests, an_entry_comes_out_as_it_went_in);
	tcase_add_test(tests, copies_stay_within_source_and_destination);
	tcase_add_test(tests, filler_is_zero_where_the_ring_was_used_before);
	tcase_add_test(tests, a_gap_goes_with_the_entry_behind_it);
	tcase_add_test(tests, the_ring_fills_to_the_last_byte);
	tcase_add_test(tests, refusals_come_in_their_order);
	tcase_add_test(tests, an_empty_entry_needs_no_data);
	tcase_add_test(tests, a_small_buffer_learns_the_size_and_the_entry_stays);
	tcase_add_test(tests, an_entry_can_be_skipped_with_and_without_a_size);
	tcase_add_test(tests, a_new_side_goes_on_where_the_last_one_was);
	tcase_add_loop_test(tests,
			    random_entries_keep_their_order_and_have_the_room_that_is_promised,
			    0, N(shapes));
	tcase_add_loop_test(tests, an_empty_queue_takes_the_largest_entry_wherever_it_stands,
			    4080, 4100);
	tcase_add_test(tests, as_many_entries_fit_as_can_enqueue_says);
	tcase_add_test(tests, positions_end_before_two_to_the_64);
	tcase_add_test(tests, an_entry_too_long_for_the_last_positions_is_an_error_at_once);
	tcase_add_test(tests, an_entry_that_comes_before_the_second_look_is_taken);
	tcase_add_test(tests, another_process_gets_every_entry_in_order);
	tcase_add_test(tests, an_observer_sees_what_is_there_and_how_much_fits);
	tcase_add_test(tests, many_entries_are_counted_by_the_counters);
	tcase_add_test(tests, an_observer_tells_that_the_memory_is_damaged);
	tcase_add_test(tests, an_observer_peeks_at_what_is_the_next_entry_now);
}
