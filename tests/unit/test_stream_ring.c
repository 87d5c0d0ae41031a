/* SPDX-License-Identifier: MIT */
/*
 * test_stream_ring - a stream's ring: order, room, and indices that are none
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "stream.h"

static uint32_t length_of(const struct stream_ring *ring)
{
	uint32_t length;

	ck_assert_int_eq(stream_ring_length(ring, &length), 0);
	return length;
}

static int put(const struct stream_ring *ring, uint32_t *head, uint32_t id)
{
	IOStreamBufferQueueEntry entry = entry_of(id);

	return stream_ring_put(ring, load_acquire(&ring->queue->tailIndex), head, &entry);
}

/* The next is @id, and all of it. */
static void get(const struct stream_ring *ring, uint32_t *tail, uint32_t id)
{
	IOStreamBufferQueueEntry entry, expected = entry_of(id);

	ck_assert_int_eq(stream_ring_get(ring, tail, &entry), 0);
	ck_assert_mem_eq(&entry, &expected, sizeof(entry));
}

static int get_any(const struct stream_ring *ring, uint32_t *tail)
{
	IOStreamBufferQueueEntry entry;

	return stream_ring_get(ring, tail, &entry);
}

START_TEST(a_ring_is_made_empty)
{
	struct stream_ring ring = new_ring(4);

	memset(ring.queue, 0xEE, stream_ring_size(4));
	stream_ring_format(ring.queue, 4);
	ck_assert_uint_eq(ring.queue->entryCount, 4);
	ck_assert_uint_eq(ring.queue->headIndex, 0);
	ck_assert_uint_eq(ring.queue->tailIndex, 0);
	ck_assert_uint_eq(ring.queue->reserved, 0);
	ck_assert_uint_eq(length_of(&ring), 0);
}
END_TEST

START_TEST(entries_come_in_order_round_and_round)
{
	for (uint32_t count = 2; count < 9; count++) {
		struct stream_ring ring = new_ring(count);
		uint32_t head = 0, tail = 0, in = 0, out = 0;

		/* Each fill level at each index. */
		for (uint32_t round = 0; round < 3 * count * count; round++) {
			uint32_t n = 1 + round % (count - 1);

			for (uint32_t i = 0; i < n; i++)
				ck_assert_int_eq(put(&ring, &head, in++), 0);
			ck_assert_uint_eq(length_of(&ring), n);
			ck_assert_uint_eq(ring.queue->headIndex, in % count);
			ck_assert_uint_eq(head, in % count);
			for (uint32_t i = 0; i < n; i++)
				get(&ring, &tail, out++);
			ck_assert_uint_eq(ring.queue->tailIndex, out % count);
			ck_assert_uint_eq(tail, out % count);
			ck_assert_int_eq(get_any(&ring, &tail), -EAGAIN);
			ck_assert_uint_eq(tail, out % count);
		}
	}
}
END_TEST

START_TEST(one_entry_stays_unused)
{
	for (uint32_t count = 1; count < 9; count++)
		for (uint32_t start = 0; start < count; start++) {
			struct stream_ring ring = new_ring(count);
			uint32_t head = start, tail = start;

			ring.queue->headIndex = ring.queue->tailIndex = start;
			for (uint32_t i = 0; i + 1 < count; i++)
				ck_assert_int_eq(put(&ring, &head, i), 0);
			ck_assert_int_eq(put(&ring, &head, 99), -EAGAIN);
			ck_assert_uint_eq(ring.queue->headIndex, head);
			ck_assert_uint_eq(length_of(&ring), count - 1);
			for (uint32_t i = 0; i + 1 < count; i++)
				get(&ring, &tail, i);
			ck_assert_int_eq(get_any(&ring, &tail), -EAGAIN);
		}
}
END_TEST

/* queueLength 0 without buffers: legal, and never anything in it. */
START_TEST(a_ring_of_one_entry_accepts_nothing)
{
	struct stream_ring ring = new_ring(1);
	uint32_t head = 0, tail = 0;

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(put(&ring, &head, 0), -EAGAIN);
		ck_assert_int_eq(get_any(&ring, &tail), -EAGAIN);
		ck_assert_uint_eq(length_of(&ring), 0);
	}
	ck_assert_uint_eq(ring.queue->headIndex, 0);
	ck_assert_uint_eq(ring.queue->tailIndex, 0);
	ring.queue->headIndex = 1;
	ck_assert_int_eq(get_any(&ring, &tail), -EPROTO);
	ring.queue->tailIndex = 1;
	ck_assert_int_eq(put(&ring, &head, 0), -EPROTO);
}
END_TEST

START_TEST(an_index_that_is_none_is_told_and_changes_nothing)
{
	static const uint32_t bad[] = { 4, 5, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct stream_ring ring = new_ring(4);
	uint32_t head = 0, tail = 0, length = 77, a = 77, b = 77;

	ck_assert_int_eq(put(&ring, &head, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring.queue->tailIndex = bad[i];
		ck_assert_int_eq(put(&ring, &head, 1), -EPROTO);
		ck_assert_uint_eq(head, 1);
		ck_assert_uint_eq(ring.queue->headIndex, 1);
		ck_assert_int_eq(stream_ring_length(&ring, &length), -EPROTO);
		ck_assert_int_eq(stream_ring_indices(&ring, &a, &b), -EPROTO);
		ring.queue->tailIndex = 0;

		ring.queue->headIndex = bad[i];
		ck_assert_int_eq(get_any(&ring, &tail), -EPROTO);
		ck_assert_uint_eq(tail, 0);
		ck_assert_uint_eq(ring.queue->tailIndex, 0);
		ck_assert_int_eq(stream_ring_length(&ring, &length), -EPROTO);
		ck_assert_int_eq(stream_ring_indices(&ring, &a, &b), -EPROTO);
		ring.queue->headIndex = 1;
	}
	ck_assert_uint_eq(length, 77);
	ck_assert_uint_eq(a, 77);
	ck_assert_uint_eq(b, 77);
	get(&ring, &tail, 0);
}
END_TEST

/* Our own word, and the count, are in memory that the other side may spoil. */
START_TEST(our_index_and_count_are_not_read_back)
{
	struct stream_ring ring = new_ring(4);
	uint32_t head = 0, tail = 0;

	for (uint32_t i = 0; i < 20; i++) {
		ring.queue->entryCount = i * 1000;
		ring.queue->reserved = i;
		ring.queue->headIndex = 1000 + i;
		ck_assert_int_eq(put(&ring, &head, i), 0);
		ck_assert_uint_eq(ring.queue->headIndex, (i + 1) % 4);
		ring.queue->tailIndex = 1000 + i;
		get(&ring, &tail, i);
		ck_assert_uint_eq(ring.queue->tailIndex, (i + 1) % 4);
	}
}
END_TEST

START_TEST(the_reserved_words_are_written_0_and_not_read)
{
	struct stream_ring ring = new_ring(3);
	IOStreamBufferQueueEntry entry = { 1, 2, 3, 4, 5, { 6, 7, 8 } };
	uint32_t head = 0, tail = 0;

	memset(ring.queue->queue, 0xEE, 3 * sizeof(entry));
	ck_assert_int_eq(stream_ring_put(&ring, 0, &head, &entry), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(ring.queue->queue[0].reserved[i], 0);
	memset(ring.queue->queue[0].reserved, 0xEE, sizeof(entry.reserved));
	ck_assert_int_eq(stream_ring_get(&ring, &tail, &entry), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(entry.reserved[i], 0);
}
END_TEST

START_TEST(a_distance_goes_round)
{
	struct stream_ring ring = { .entry_count = 5 };

	for (uint32_t tail = 0; tail < 5; tail++)
		for (uint32_t n = 0; n < 5; n++)
			ck_assert_uint_eq(stream_ring_distance(&ring, tail, (tail + n) % 5), n);
}
END_TEST

/* One entry in, one out, and a moment's pause behind each. */
static _Noreturn void move_one(const struct stream_ring *ring, const uint32_t *is_over)
{
	uint32_t head = 0, tail = 0;

	while (!load_relaxed(is_over)) {
		if (put(ring, &head, 1) < 0)
			_exit(1);
		for (int i = 0; i < 50; i++)
			cpu_relax();
		if (get_any(ring, &tail) < 0)
			_exit(1);
		for (int i = 0; i < 50; i++)
			cpu_relax();
	}
	_exit(0);
}

/* A head from before a tail would be a ring of 63 of 64 entries. */
START_TEST(who_looks_on_sees_one_moment)
{
	struct stream_ring ring = new_ring(64);
	uint32_t *is_over = guarded_bytes(sizeof(*is_over));
	pid_t child = fork();
	int status;

	if (child == 0)
		move_one(&ring, is_over);
	for (int i = 0; i < 300000; i++)
		ck_assert_uint_le(length_of(&ring), 1);
	store_relaxed(is_over, 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_ring_is_made_empty);
	tcase_add_test(tests, entries_come_in_order_round_and_round);
	tcase_add_test(tests, one_entry_stays_unused);
	tcase_add_test(tests, a_ring_of_one_entry_accepts_nothing);
	tcase_add_test(tests, an_index_that_is_none_is_told_and_changes_nothing);
	tcase_add_test(tests, our_index_and_count_are_not_read_back);
	tcase_add_test(tests, the_reserved_words_are_written_0_and_not_read);
	tcase_add_test(tests, a_distance_goes_round);
	tcase_add_test(tests, who_looks_on_sees_one_moment);
}
