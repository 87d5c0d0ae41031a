/* SPDX-License-Identifier: MIT */
/*
 * test_ring - entries in shared memory, with an honest peer and another one
 *
 * What each operation answers stands in tests/vectors as data; here are the
 * promises, the limits, and the lies.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "main.h"
#include "memory.h"

static unsigned char byte_of(uint64_t n, size_t i)
{
	return (unsigned char)(n * 31 + i * 7 + 1);
}

static void fill(unsigned char *bytes, uint64_t n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_of(n, i);
}

/* Enqueue the @n-th entry, of @size bytes that tell which it is. */
static int put(struct ring *ring, uint64_t n, size_t size)
{
	unsigned char bytes[8192];

	ck_assert_uint_le(size, sizeof(bytes));
	fill(bytes, n, size);
	return ring_enqueue(ring, bytes, size);
}

static void get(struct ring *ring, uint64_t n, size_t size)
{
	unsigned char expected[8192], bytes[8192];
	uint32_t got = sizeof(bytes);

	fill(expected, n, size);
	ck_assert_int_eq(ring_dequeue(ring, bytes, &got), 0);
	ck_assert_uint_eq(got, size);
	ck_assert_mem_eq(bytes, expected, size);
}

static void new_default(struct sides *sides)
{
	struct geometry geometry = geometry_of(4096, 1024);

	new_sides(sides, &geometry);
}

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
		ck_assert_int_eq(put(&sides.producer, n, n % 900), 0);
		ck_assert_int_eq(ring_attach(&sides.producer, ROLE_PRODUCER, &sides.memory, NULL), 0);
		get(&sides.consumer, n, n % 900);
		ck_assert_int_eq(ring_attach(&sides.consumer, ROLE_CONSUMER, &sides.memory, NULL), 0);
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

/* What geometry and magic may not be. */
static const struct attach_lie {
	const char *what;
	size_t offset;		/* in `data`, or in `consumer` where so said */
	int in_consumer;
	unsigned n;		/* bytes */
	uint64_t value;
} attach_lies[] = {
	{ "magic of data",		0,	0, 8, 0 },
	{ "magic of consumer",		0,	1, 8, 0 },
	{ "version of data",		8,	0, 4, 2 },
	{ "version of consumer",	8,	1, 4, 0 },
	{ "header size",		12,	0, 4, 8192 },
	{ "no ring",			16,	0, 8, 0 },
	{ "ring not whole pages",	16,	0, 8, 8184 },
	{ "ring longer than the file",	16,	0, 8, 1 << 20 },
	{ "ring of 2^64 - 4096",	16,	0, 8, UINT64_MAX - 4095 },
	{ "capacity larger than ring",	24,	0, 8, 8192 - 1024 },
	{ "capacity of 2^64 - 1",	24,	0, 8, UINT64_MAX },
	{ "max_entry larger than ring",	32,	0, 4, 4096 },
	{ "max_entry of 2^32 - 1",	32,	0, 4, UINT32_MAX },
	{ "tail odd",			128,	0, 8, 4 },
	{ "head odd",			128,	1, 8, 4 },
	{ "head past tail",		128,	1, 8, 8 },
	{ "more in use than the ring",	128,	0, 8, 8200 },
	{ "tail of 2^64 - 8",		128,	0, 8, UINT64_MAX - 7 },
};

START_TEST(a_lie_at_attach_is_found_and_sticks)
{
	const struct attach_lie *lie = &attach_lies[_i];
	struct sides sides;
	struct geometry geometry = geometry_of(4096, 1024);
	char *word, byte;
	uint32_t size = 1;

	new_sides(&sides, &geometry);
	ck_assert_uint_eq(geometry.queue_size, 8192);
	word = lie->in_consumer ? (char *)sides.memory.consumer : (char *)sides.memory.data;
	memcpy(word + lie->offset, &lie->value, lie->n);
	for (enum role role = ROLE_PRODUCER; role <= ROLE_CONSUMER; role++) {
		struct ring ring;

		ck_assert_msg(ring_attach(&ring, role, &sides.memory, NULL) == -EIO,
			      "believed: %s", lie->what);
		layout_format(sides.memory.data, sides.memory.consumer, &geometry);
		if (role == ROLE_PRODUCER) {
			ck_assert_int_eq(ring_enqueue(&ring, &byte, 1), -EIO);
			ck_assert_int_eq(ring_can_enqueue(&ring, 0, 1), -EIO);
		} else {
			ck_assert_int_eq(ring_dequeue(&ring, &byte, &size), -EIO);
		}
		ck_assert_int_eq(ring_available(&ring), -EIO);
		ck_assert_int_eq(ring_look(&ring), -EIO);
		memcpy(word + lie->offset, &lie->value, lie->n);
	}
}
END_TEST

START_TEST(a_geometry_other_than_expected_is_refused)
{
	struct geometry geometry = geometry_of(4096, 1024), other = geometry;
	struct mapping memory = new_memory(&geometry);
	struct ring ring;

	other.max_entry--;
	ck_assert_int_eq(ring_attach(&ring, ROLE_CONSUMER, &memory, &other), -EIO);
	ck_assert_int_eq(ring_attach(&ring, ROLE_CONSUMER, &memory, &geometry), 0);
}
END_TEST

START_TEST(a_ring_larger_than_it_needs_to_be_is_used_whole)
{
	struct geometry geometry = geometry_of(4096, 1024);
	struct sides sides;

	geometry.queue_size += QUEUE_PAGE;
	new_sides(&sides, &geometry);
	for (uint64_t n = 0; n < 100; n++) {
		ck_assert_int_eq(put(&sides.producer, n, 1000), 0);
		get(&sides.consumer, n, 1000);
	}
}
END_TEST

/* Words of the peer, with one entry of 40 bytes at position 8192 of a ring of 8192. */
static const struct index_lie {
	const char *what;
	uint64_t value;
} tail_lies[] = {
	{ "behind our head",		8192 - 8 },
	{ "zero",			0 },
	{ "not a multiple of 8",	8192 + 4 },
	{ "more than the ring",		8192 * 2 + 8 },
	{ "far away",			UINT64_MAX - 7 },
};

START_TEST(a_lying_tail_is_reported_not_followed)
{
	struct geometry geometry = geometry_of(4096, 1024);
	struct sides sides;
	uint32_t size = 0;

	new_sides(&sides, &geometry);
	start_at(&sides, 8192);
	store_relaxed(&sides.memory.data->tail, tail_lies[_i].value);
	ck_assert_msg(ring_available(&sides.consumer) == -EIO, "%s", tail_lies[_i].what);
	store_relaxed(&sides.memory.data->tail, 8192);
	ck_assert_int_eq(ring_dequeue(&sides.consumer, NULL, &size), -EIO);
	ck_assert_int_eq(ring_attach(&sides.consumer, ROLE_CONSUMER, &sides.memory, NULL), 0);
	ck_assert_int_eq(ring_available(&sides.consumer), 0);
}
END_TEST

static const struct index_lie head_lies[] = {
	{ "past our tail",		16384 + 8 },
	{ "not a multiple of 8",	8192 + 4 },
	{ "more than the ring behind",	8192 - 8 },
	{ "far away",			UINT64_MAX - 7 },
};

START_TEST(a_lying_head_is_reported_not_followed)
{
	struct geometry geometry = geometry_of(4096, 1024);
	struct sides sides;

	new_sides(&sides, &geometry);
	start_at(&sides, 8192);
	while (put(&sides.producer, 0, 1016) == 0)
		;
	ck_assert_uint_eq(sides.memory.data->tail, 16384);
	store_relaxed(&sides.memory.consumer->head, head_lies[_i].value);
	ck_assert_msg(put(&sides.producer, 0, 0) == -EIO, "%s", head_lies[_i].what);
	store_relaxed(&sides.memory.consumer->head, 16384);
	ck_assert_int_eq(put(&sides.producer, 0, 0), -EIO);
	ck_assert_uint_eq(sides.memory.data->tail, 16384);
}
END_TEST

/* Headers in place of that of a 40-byte entry with 8 bytes behind it, at @at. */
static const struct header_lie {
	const char *what;
	uint64_t at;
	uint32_t size, flags;
} header_lies[] = {
	{ "past tail",				0,	49,	0 },
	{ "larger than max_entry",		0,	1025,	0 },
	{ "2^32 - 1",				0,	UINT32_MAX, 0 },
	{ "2^32 - 8",				0,	UINT32_MAX - 7, 0 },
	{ "an unknown flag",			0,	40,	2 },
	{ "all flags",				0,	40,	UINT32_MAX },
	{ "a gap that is not at the end",	0,	40,	1 },
	{ "past the ring's end",		8192 - 48, 41,	0 },
	{ "a gap with nothing behind it",	8192 - 56, 48,	1 },
	{ "a gap one word short",		8192 - 48, 32,	1 },
	{ "a gap past the end",			8192 - 48, 48,	1 },
};

START_TEST(a_lying_entry_is_reported_not_followed)
{
	const struct header_lie *lie = &header_lies[_i];
	struct geometry geometry = geometry_of(4096, 1024);
	struct sides sides;
	struct queue_entry *entry;
	uint32_t size = 4096;
	char bytes[4096];

	new_sides(&sides, &geometry);
	start_at(&sides, lie->at);
	store_relaxed(&sides.memory.data->tail, lie->at + 56);
	entry = (void *)(sides.memory.data->queue + lie->at);
	entry->size = lie->size;
	entry->flags = lie->flags;

	ck_assert_msg(ring_dequeue(&sides.consumer, bytes, &size) == -EIO, "%s", lie->what);
	ck_assert_uint_eq(sides.memory.consumer->head, lie->at);
	entry->size = 40;
	entry->flags = 0;
	ck_assert_int_eq(ring_dequeue(&sides.consumer, bytes, &size), -EIO);
}
END_TEST

/* The same, when the consumer has seen honest entries there, and is in the short way. */
START_TEST(an_entry_that_changes_under_the_consumer_is_reported)
{
	struct sides sides;
	struct queue_entry *second;
	uint32_t size = 4096;
	char bytes[4096];

	new_default(&sides);
	put(&sides.producer, 1, 40);
	put(&sides.producer, 2, 40);
	get(&sides.consumer, 1, 40);
	second = (void *)(sides.memory.data->queue + 48);
	second->size = 41;
	ck_assert_int_eq(ring_dequeue(&sides.consumer, bytes, &size), -EIO);
}
END_TEST

static void poke_at_random(const struct sides *sides)
{
	static const uint64_t odd[] = { 0, 1, 7, 8, 4096, 8192, 0xfffffff8, UINT32_MAX, UINT64_MAX };
	uint64_t head = load_relaxed(&sides->memory.consumer->head);
	uint64_t tail = load_relaxed(&sides->memory.data->tail);
	uint64_t near[] = { head, tail, head + 8, tail + 8, tail - 8, head + 8192, tail - 8192 };
	uint64_t value = random() % 2 ? odd[random() % 9] : near[random() % 7];
	uint64_t slot = (random() % 2 ? head : (uint64_t)random()) % sides->geometry.queue_size & ~7ul;

	switch (random() % 4) {
	case 0:
		store_relaxed(&sides->memory.data->tail, value);
		break;
	case 1:
		store_relaxed(&sides->memory.consumer->head, value);
		break;
	case 2:
		store_relaxed((uint64_t *)(void *)(sides->memory.data->queue + slot), value);
		break;
	default:
		store_relaxed((uint32_t *)(void *)(sides->memory.data->queue + slot), (uint32_t)value);
	}
}

/* Only results: no fault (the pages around are guarded), no loop without end. */
static void act_at_random(struct sides *sides)
{
	unsigned char bytes[2048] = { 0 };
	const struct queue_entry *entry;
	struct ring_status status;
	uint64_t position;
	uint32_t size = (uint32_t)random() % 2048;

	switch (random() % 6) {
	case 0:
		ring_enqueue(&sides->producer, bytes, (size_t)random() % 1100);
		break;
	case 1:
		if (ring_dequeue(&sides->consumer, bytes, &size) == 0)
			ck_assert_uint_le(size, sides->geometry.max_entry);
		break;
	case 2:
		if (ring_peek(&sides->consumer, &entry, &size, &position) == 0)
			memcpy(bytes, entry->data, size);
		break;
	case 3:
		ring_can_enqueue(&sides->producer, (size_t)random() % 1100, (uint64_t)random() % 9);
		break;
	case 4:
		ring_observe(&sides->memory, &sides->geometry, &status);
		break;
	default:
		ring_attach(&sides->producer, ROLE_PRODUCER, &sides->memory, NULL);
		ring_attach(&sides->consumer, ROLE_CONSUMER, &sides->memory, NULL);
	}
}

START_TEST(whatever_is_poked_there_are_only_results)
{
	struct sides sides;

	srandom((unsigned)_i + 99);
	for (int round = 0; round < 200; round++) {
		new_default(&sides);
		for (int i = 0; i < 300; i++) {
			if (random() % 4 == 0)
				poke_at_random(&sides);
			act_at_random(&sides);
		}
		mapping_close(&sides.memory);
	}
}
END_TEST

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

START_TEST(a_peer_that_rewrites_everything_meanwhile_gets_only_results)
{
	double end = now() + 0.5;
	struct sides sides;
	pid_t peer;

	new_default(&sides);
	peer = fork();
	ck_assert_int_ge(peer, 0);
	while (peer == 0 && now() < end + 0.2)
		poke_at_random(&sides);
	if (peer == 0)
		_exit(0);

	while (now() < end)
		act_at_random(&sides);
	ck_assert_int_eq(waitpid(peer, NULL, 0), peer);
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
	tcase_add_loop_test(tests, a_lie_at_attach_is_found_and_sticks, 0, N(attach_lies));
	tcase_add_test(tests, a_geometry_other_than_expected_is_refused);
	tcase_add_test(tests, a_ring_larger_than_it_needs_to_be_is_used_whole);
	tcase_add_loop_test(tests, a_lying_tail_is_reported_not_followed, 0, N(tail_lies));
	tcase_add_loop_test(tests, a_lying_head_is_reported_not_followed, 0, N(head_lies));
	tcase_add_loop_test(tests, a_lying_entry_is_reported_not_followed, 0, N(header_lies));
	tcase_add_test(tests, an_entry_that_changes_under_the_consumer_is_reported);
	tcase_add_loop_test(tests, whatever_is_poked_there_are_only_results, 0, 4);
	tcase_add_test(tests, a_peer_that_rewrites_everything_meanwhile_gets_only_results);
	tcase_add_test(tests, another_process_gets_every_entry_in_order);
	tcase_add_test(tests, an_observer_sees_what_is_there_and_how_much_fits);
	tcase_add_test(tests, many_entries_are_counted_by_the_counters);
	tcase_add_test(tests, an_observer_tells_that_the_memory_is_damaged);
	tcase_add_test(tests, an_observer_peeks_at_what_is_the_next_entry_now);
}
