/* SPDX-License-Identifier: MIT */
/*
 * test_trust - a peer that lies: a table of lies for each word, and then random
 *
 * Every lie gets a result, never an access outside the memory (the pages around
 * it are guarded), never an endless loop.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "main.h"
#include "entries.h"

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
	static const uint64_t odd[] = {
		0, 1, 7, 8, 4096, 8192, 0xfffffff8, UINT32_MAX, UINT64_MAX,
	};
	uint64_t head = load_relaxed(&sides->memory.consumer->head);
	uint64_t tail = load_relaxed(&sides->memory.data->tail);
	uint64_t near[] = { head, tail, head + 8, tail + 8, tail - 8, head + 8192, tail - 8192 };
	uint64_t value = random() % 2 ? odd[random() % 9] : near[random() % 7];
	uint64_t place = (random() % 2 ? head : (uint64_t)random()) % sides->geometry.queue_size;
	unsigned char *slot = sides->memory.data->queue + place / 8 * 8;

	switch (random() % 4) {
	case 0:
		store_relaxed(&sides->memory.data->tail, value);
		break;
	case 1:
		store_relaxed(&sides->memory.consumer->head, value);
		break;
	case 2:
		store_relaxed((uint64_t *)(void *)slot, value);
		break;
	default:
		store_relaxed((uint32_t *)(void *)slot, (uint32_t)value);
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

#define N(array)	((int)(sizeof(array) / sizeof((array)[0])))

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, a_lie_at_attach_is_found_and_sticks, 0, N(attach_lies));
	tcase_add_test(tests, a_geometry_other_than_expected_is_refused);
	tcase_add_test(tests, a_ring_larger_than_it_needs_to_be_is_used_whole);
	tcase_add_loop_test(tests, a_lying_tail_is_reported_not_followed, 0, N(tail_lies));
	tcase_add_loop_test(tests, a_lying_head_is_reported_not_followed, 0, N(head_lies));
	tcase_add_loop_test(tests, a_lying_entry_is_reported_not_followed, 0, N(header_lies));
	tcase_add_test(tests, an_entry_that_changes_under_the_consumer_is_reported);
	tcase_add_loop_test(tests, whatever_is_poked_there_are_only_results, 0, 4);
	tcase_add_test(tests, a_peer_that_rewrites_everything_meanwhile_gets_only_results);
}
