/* SPDX-License-Identifier: MIT */
/*
 * test_fixes - what went wrong in the original, and cannot here
 *
 * Each test is named after what it prevents; docs/data-queues.md has the list, with
 * those that are tested elsewhere.
 */
#include <IOKit/IOSharedDataQueue.h>

#include "both_sides.h"
#include "entries.h"

static IOReturn enqueue(UInt32 size)
{
	unsigned char bytes[1024];

	fill(bytes, size, size);
	return IODataQueueEnqueue(producer, bytes, size);
}

static IOReturn dequeue(UInt32 *size)
{
	unsigned char bytes[1024];

	*size = sizeof(bytes);
	return IODataQueueDequeue(consumer, bytes, size);
}

/* Through the queue, one after the other. */
static void move_entries(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		UInt32 got;

		ck_assert_int_eq(enqueue(i * 37 % 1025), kIOReturnSuccess);
		ck_assert_int_eq(dequeue(&got), kIOReturnSuccess);
		ck_assert_uint_eq(got, i * 37 % 1025);
	}
}

/* The queue's size was read from shared memory at each call. */
START_TEST(sizes_that_the_peer_changes_lead_nobody_out_of_the_memory)
{
	struct queue_data *data = directory.memory.data;
	static const uint64_t sizes[] = { 0, 8, 4096, UINT32_MAX, 1ull << 40, UINT64_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		store_relaxed(&data->queue_size, sizes[i]);
		store_relaxed(&data->capacity, sizes[i]);
		store_relaxed(&data->max_entry, (uint32_t)sizes[i]);
		store_relaxed(&data->header_size, (uint32_t)sizes[i]);
		move_entries(100);
		ck_assert_int_eq(IODataQueueEnqueue(producer, data, 1025),
				 kIOReturnMessageTooLarge);
	}
}
END_TEST

static bool is_word(size_t at)
{
	return at < 44 || (at >= 128 && at < 144) || (at >= 256 && at < 268) ||
	       (at >= 272 && at < 288);
}

static bool is_consumer_word(size_t at)
{
	return at < 12 || (at >= 128 && at < 144) || (at >= 256 && at < 268);
}

/* Ports and pointers to them lay where the peer could read and change them. */
START_TEST(no_port_and_no_pointer_is_in_shared_memory)
{
	const struct queue_data *data = directory.memory.data;
	const struct queue_consumer *page = directory.memory.consumer;
	mach_port_t port = IODataQueueAllocateNotificationPort();
	UInt32 size;

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueSetNotificationPort(producer, port), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(&size), kIOReturnUnderrun);
	while (enqueue(1000) == kIOReturnSuccess)
		;
	ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);

	for (size_t i = 0; i < QUEUE_PAGE; i++) {
		ck_assert(is_word(i) || ((const char *)data)[i] == 0);
		ck_assert(is_consumer_word(i) || ((const char *)page)[i] == 0);
	}
	/* What is there are counts, positions, and flags. */
	ck_assert_uint_eq(load_relaxed(&data->producer_flags) & ~3u, 0);
	ck_assert_uint_eq(load_relaxed(&page->consumer_flags) & ~3u, 0);
	ck_assert_uint_lt(load_relaxed(&data->space_wait) >> 2, 100);
	ck_assert_uint_lt(load_relaxed(&page->data_wait) >> 2, 100);
	ck_assert_uint_lt(load_relaxed(&data->data_sequence), 100);
	ck_assert_uint_lt(load_relaxed(&page->space_sequence), 100);
	close(port);
}
END_TEST

/* The last entry was read and written behind the end of the memory. */
START_TEST(no_byte_is_touched_behind_the_ring)
{
	struct geometry geometry = geometry_of(4096, 1024);
	struct sides sides;

	new_sides(&sides, &geometry);		/* between guard pages */
	for (uint64_t left = 8; left <= 64; left += 8)
		for (uint32_t size = 0; size <= 64; size++) {
			start_at(&sides, 10 * geometry.queue_size - left);
			ck_assert_int_eq(put(&sides.producer, size, size), 0);
			get(&sides.consumer, size, size);
		}
}
END_TEST

/* An error took nothing away, and a loop that did not look at it never ended. */
START_TEST(a_loop_that_ignores_errors_ends)
{
	struct queue_entry *entry = (void *)directory.memory.data->queue;
	unsigned n = 0;
	UInt32 size;

	ck_assert_int_eq(enqueue(8), kIOReturnSuccess);
	store_relaxed(&entry->size, UINT32_MAX);
	while (IODataQueueDataAvailable(consumer)) {
		dequeue(&size);
		ck_assert_uint_lt(n++, 10);
	}
	ck_assert_int_eq(dequeue(&size), kIOReturnError);
}
END_TEST

/* A refused entry woke the consumer, each time. */
START_TEST(refused_entries_wake_nobody)
{
	IODataQueueStatistics before, after;

	while (enqueue(1000) == kIOReturnSuccess)
		;
	IODataQueueGetStatistics(producer, &before);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(enqueue(1000), kIOReturnOverrun);
	IODataQueueGetStatistics(producer, &after);
	ck_assert_uint_eq(after.dataNotifications, before.dataNotifications);
	ck_assert_uint_eq(after.overruns, before.overruns + 10);
}
END_TEST

/* The notification's error was returned for an entry that was enqueued. */
START_TEST(a_notification_that_fails_is_no_reason_to_enqueue_again)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();
	UInt32 size;

	ck_assert_int_eq(unlink(file_in(&directory, "notify")), 0);
	IODataQueueClose(producer);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(&size), kIOReturnUnderrun);

	ck_assert_int_eq(enqueue(5), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(dequeue(&size), kIOReturnUnderrun);
	make_file(&directory, "notify", 0);
	close(port);
}
END_TEST

/* A notification for which there was no buffer was lost. */
START_TEST(a_full_fifo_swallows_no_wake_up)
{
	int fifo = open(file_in(&directory, "notify"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	mach_port_t port = IODataQueueAllocateNotificationPort();
	struct timespec soon = in_ms(10000), past = in_ms(0);
	IODataQueueMemory *rang;
	UInt32 size, n = 1;

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(&size), kIOReturnUnderrun);
	while (write(fifo, "\n", 1) == 1)
		;
	ck_assert_int_eq(enqueue(5), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueWaitForNotification(port, &soon, &rang, &n), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);
	do {		/* again where a mount came or went */
		ck_assert(!is_over(&soon));
		ck_assert_int_eq(dequeue(&size), kIOReturnUnderrun);
		n = 1;
	} while (IODataQueueWaitForNotification(port, &past, &rang, &n) == kIOReturnSuccess);
	close(fifo);
	close(port);
}
END_TEST

/* An empty queue refused for ever what it had once taken. */
START_TEST(an_empty_queue_takes_again_what_it_took)
{
	static const UInt32 capacities[] = { 8, 12, 24, 100, 4000 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		UInt32 size = (capacities[i] + 7) / 8 * 8 - 8, got = size;
		IOSharedDataQueue *queue = IOSharedDataQueue_withCapacity(capacities[i]);
		char bytes[4096] = { 0 };

		for (int k = 0; k < 5000; k++) {
			ck_assert(IOSharedDataQueue_enqueue(queue, bytes, size));
			ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &got));
		}
		OSObject_release(queue);
	}
}
END_TEST

/* Where an entry lay followed from the sizes of those before it. */
START_TEST(no_entry_is_misaligned)
{
	for (UInt32 size = 0; size < 500; size++) {
		void *place;
		UInt32 got;

		ck_assert_int_eq(IODataQueueReserve(producer, size, &place), kIOReturnSuccess);
		ck_assert_uint_eq((uintptr_t)place % 8, 0);
		ck_assert_int_eq(IODataQueueCommit(producer, size), kIOReturnSuccess);
		ck_assert_uint_eq((uintptr_t)IODataQueuePeek(consumer) % 8, 0);
		ck_assert_int_eq(dequeue(&got), kIOReturnSuccess);
	}
}
END_TEST

/* Both sides wrote to one cache line. */
START_TEST(no_page_is_written_by_both_sides)
{
	struct queue_consumer consumers = *directory.memory.consumer;
	unsigned char producers[QUEUE_PAGE];
	UInt32 size;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(enqueue(100), kIOReturnSuccess);
	ck_assert_mem_eq(directory.memory.consumer, &consumers, sizeof(consumers));
	memcpy(producers, directory.memory.data, sizeof(producers));
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);
	ck_assert_mem_eq(directory.memory.data, producers, sizeof(producers));
	/* And each has its index on another line than what it writes rarely. */
	ck_assert_uint_ne(offsetof(struct queue_data, tail) / 128,
			  offsetof(struct queue_data, data_sequence) / 128);
	ck_assert_uint_ne(offsetof(struct queue_consumer, head) / 128,
			  offsetof(struct queue_consumer, data_wait) / 128);
}
END_TEST

/* With the head at the very end, peek showed nothing though there was an entry. */
START_TEST(peek_misses_no_entry_behind_the_rings_end)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_withCapacity(2048);
	char bytes[1016] = { 0 };

	/* 4096 bytes of ring: each fourth entry ends where it ends. */
	for (int i = 0; i < 100; i++) {
		UInt32 size = sizeof(bytes);

		ck_assert(IOSharedDataQueue_enqueue(queue, bytes, size));
		ck_assert_ptr_nonnull(IOSharedDataQueue_peek(queue));
		ck_assert_uint_eq(IOSharedDataQueue_peek(queue)->size, size);
		ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &size));
		ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	}
	OSObject_release(queue);
}
END_TEST

/* What an earlier entry left was published with a later one. */
START_TEST(no_byte_of_an_earlier_entry_is_published)
{
	const unsigned char *ring = directory.memory.data->queue;
	UInt32 size;

	for (size_t i = 0; i < directory.memory.n_data - QUEUE_PAGE; i++)
		ck_assert_uint_eq(ring[i], 0);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(enqueue(1000), kIOReturnSuccess);
		ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);
	}
	ck_assert_int_eq(IODataQueueEnqueue(producer, NULL, 8), kIOReturnBadArgument);
	ck_assert(!IODataQueueDataAvailable(consumer));
	for (UInt32 n = 0; n < 100; n++) {
		const IODataQueueEntry *entry;

		ck_assert_int_eq(enqueue(n), kIOReturnSuccess);
		entry = IODataQueuePeek(consumer);
		for (UInt32 i = n; i % 8 != 0; i++)
			ck_assert_uint_eq(((const unsigned char *)entry->data)[i], 0);
		ck_assert_int_eq(dequeue(&size), kIOReturnSuccess);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, open_sides, close_sides);
	tcase_add_test(tests, sizes_that_the_peer_changes_lead_nobody_out_of_the_memory);
	tcase_add_test(tests, no_port_and_no_pointer_is_in_shared_memory);
	tcase_add_test(tests, no_byte_is_touched_behind_the_ring);
	tcase_add_test(tests, a_loop_that_ignores_errors_ends);
	tcase_add_test(tests, refused_entries_wake_nobody);
	tcase_add_test(tests, a_notification_that_fails_is_no_reason_to_enqueue_again);
	tcase_add_test(tests, a_full_fifo_swallows_no_wake_up);
	tcase_add_test(tests, an_empty_queue_takes_again_what_it_took);
	tcase_add_test(tests, no_entry_is_misaligned);
	tcase_add_test(tests, no_page_is_written_by_both_sides);
	tcase_add_test(tests, peek_misses_no_entry_behind_the_rings_end);
	tcase_add_test(tests, no_byte_of_an_earlier_entry_is_published);
}
