/* SPDX-License-Identifier: MIT */
/* test_layout - how large a queue's memory is, and how a new one begins */
#include <errno.h>

#include "main.h"
#include "memory.h"

START_TEST(capacity_is_rounded_up_to_eight)
{
	struct geometry geometry;

	ck_assert_int_eq(geometry_with_capacity(65, &geometry), 0);
	ck_assert_uint_eq(geometry.capacity, 72);
	ck_assert_uint_eq(geometry.max_entry, 64);
	ck_assert_int_eq(geometry_make(65, 10, &geometry), 0);
	ck_assert_uint_eq(geometry.capacity, 72);
}
END_TEST

START_TEST(no_capacity_still_takes_an_empty_entry)
{
	struct geometry geometry;

	ck_assert_int_eq(geometry_with_capacity(0, &geometry), 0);
	ck_assert_uint_eq(geometry.capacity, 0);
	ck_assert_uint_eq(geometry.max_entry, 0);
	ck_assert_uint_eq(geometry.queue_size, QUEUE_PAGE);
}
END_TEST

START_TEST(the_ring_is_whole_pages_with_room_for_a_gap)
{
	struct geometry geometry = geometry_of(65536, 65528);

	ck_assert_uint_eq(geometry.queue_size, 2 * 65536);
	ck_assert_uint_eq(geometry_file_size(&geometry), 2 * 65536 + QUEUE_PAGE);
	geometry = geometry_of(65536, 0);
	ck_assert_uint_eq(geometry.queue_size, 65536 + QUEUE_PAGE);
	geometry = geometry_of(0, 4089);	/* e = 4104, twice */
	ck_assert_uint_eq(geometry.queue_size, 3 * QUEUE_PAGE);
}
END_TEST

START_TEST(entries_of_one_size_make_up_the_capacity)
{
	struct geometry geometry;

	ck_assert_int_eq(geometry_with_entries(10, 13, &geometry), 0);
	ck_assert_uint_eq(geometry.capacity, 10 * 24);
	ck_assert_uint_eq(geometry.max_entry, 13);
}
END_TEST

static const struct limit {
	uint64_t capacity, max_entry;
	int result;
} limits[] = {
	{ 8, UINT32_MAX, 0 },
	{ 8, (uint64_t)UINT32_MAX + 1, -EINVAL },
	{ INT64_MAX - 3 * QUEUE_PAGE, 8, 0 },
	{ INT64_MAX - QUEUE_PAGE + 1, 8, -EINVAL },
	{ UINT64_MAX - 7, 8, -EINVAL },
	{ UINT64_MAX, 8, -EINVAL },
	{ 8, UINT64_MAX, -EINVAL },
};

START_TEST(what_no_file_can_hold_is_refused)
{
	const struct limit *limit = &limits[_i];
	struct geometry geometry = { .queue_size = 1 };

	ck_assert_int_eq(geometry_make(limit->capacity, limit->max_entry, &geometry),
			 limit->result);
	if (limit->result < 0)
		ck_assert_uint_eq(geometry.queue_size, 1);
}
END_TEST

START_TEST(products_that_overflow_are_refused)
{
	struct geometry geometry;

	ck_assert_int_eq(geometry_with_entries(UINT64_MAX, 8, &geometry), -EINVAL);
	ck_assert_int_eq(geometry_with_entries(UINT64_MAX / 16 + 1, 8, &geometry), -EINVAL);
	ck_assert_int_eq(geometry_with_entries(1, UINT64_MAX, &geometry), -EINVAL);
	ck_assert_int_eq(geometry_with_capacity(UINT64_MAX, &geometry), -EINVAL);
	ck_assert_int_eq(geometry_with_capacity((uint64_t)UINT32_MAX + 10, &geometry), -EINVAL);
}
END_TEST

START_TEST(a_new_queue_is_empty_and_keeps_the_generation)
{
	struct geometry geometry = geometry_of(100, 50);
	struct mapping memory = new_memory(&geometry);

	memory.data->generation = 7;
	memory.data->tail = 8;
	memory.data->overruns = 3;
	memory.consumer->data_wait = 5;
	layout_format(memory.data, memory.consumer, &geometry);

	ck_assert_mem_eq(memory.data->magic, "IODQRNG1", 8);
	ck_assert_mem_eq(memory.consumer->magic, "IODQCON1", 8);
	ck_assert_uint_eq(memory.data->version, 1);
	ck_assert_uint_eq(memory.data->header_size, 4096);
	ck_assert_uint_eq(memory.data->queue_size, geometry.queue_size);
	ck_assert_uint_eq(memory.data->capacity, 104);
	ck_assert_uint_eq(memory.data->max_entry, 50);
	ck_assert_uint_eq(memory.data->generation, 7);
	ck_assert_uint_eq(memory.data->tail, 0);
	ck_assert_uint_eq(memory.data->overruns, 0);
	ck_assert_uint_eq(memory.consumer->data_wait, 0);
	ck_assert_uint_eq(memory.consumer->version, 1);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, capacity_is_rounded_up_to_eight);
	tcase_add_test(tests, no_capacity_still_takes_an_empty_entry);
	tcase_add_test(tests, the_ring_is_whole_pages_with_room_for_a_gap);
	tcase_add_test(tests, entries_of_one_size_make_up_the_capacity);
	tcase_add_loop_test(tests, what_no_file_can_hold_is_refused, 0,
			    (int)(sizeof(limits) / sizeof(limits[0])));
	tcase_add_test(tests, products_that_overflow_are_refused);
	tcase_add_test(tests, a_new_queue_is_empty_and_keeps_the_generation);
}
