/* SPDX-License-Identifier: MIT */
/*
 * test_entries - the documented functions for entries in place, for batches and
 * for statistics, each with each of its results; and what is promised of forks
 * and threads. Linked with the shared library, as a program is.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "both_sides.h"

static IODataQueueMemory *observer;

static void set_up(void)
{
	open_sides();
	observer = IODataQueueOpen(directory.path, kIODataQueueObserver);
	ck_assert_ptr_nonnull(observer);
}

static void tear_down(void)
{
	IODataQueueClose(observer);
	close_sides();
}

/* The next calls of either side find that the memory is damaged. */
static void damage(void)
{
	store_relaxed(&directory.memory.data->tail, 4);
	store_relaxed(&directory.memory.consumer->head, 4);
}

static IODataQueueStatistics statistics_of(const IODataQueueMemory *queue)
{
	IODataQueueStatistics statistics;

	memset(&statistics, 0xEE, sizeof(statistics));
	ck_assert_int_eq(IODataQueueGetStatistics(queue, &statistics), kIOReturnSuccess);
	return statistics;
}

START_TEST(reserve_and_commit_make_an_entry)
{
	void *data;

	ck_assert_int_eq(IODataQueueReserve(producer, 1024, &data), kIOReturnSuccess);
	ck_assert_uint_eq((uintptr_t)data % 8, 0);
	memcpy(data, "in place", 8);
	ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
	ck_assert_int_eq(IODataQueueCommit(producer, 8), kIOReturnSuccess);
	check_next("in place");
}
END_TEST

START_TEST(reserve_gives_each_of_its_results)
{
	void *data = &data;

	ck_assert_int_eq(IODataQueueReserve(NULL, 1, &data), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueReserve(producer, 1, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueReserve(consumer, 1, &data), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueReserve(observer, 1, &data), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueReserve(producer, 1025, &data), kIOReturnMessageTooLarge);
	ck_assert_int_eq(IODataQueueReserve(producer, UINT32_MAX, &data), kIOReturnMessageTooLarge);
	fill_up();
	ck_assert_int_eq(IODataQueueReserve(producer, 1016, &data), kIOReturnOverrun);
	ck_assert_ptr_eq(data, &data);
	ck_assert_uint_eq(statistics_of(producer).overruns, 2);
	damage();
	ck_assert_int_eq(IODataQueueReserve(producer, 1016, &data), kIOReturnError);
	ck_assert_int_eq(IODataQueueReserve(producer, 0, &data), kIOReturnError);
}
END_TEST

START_TEST(commit_gives_each_of_its_results)
{
	void *data;

	ck_assert_int_eq(IODataQueueCommit(NULL, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueCommit(consumer, 0), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueCommit(observer, 0), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueCommit(producer, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueReserve(producer, 8, &data), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueCommit(producer, 9), kIOReturnBadArgument);
	put_text("first");
	ck_assert_int_eq(IODataQueueCommit(producer, 8), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueReserve(producer, 8, &data), kIOReturnSuccess);
	memcpy(data, "12345678", 8);
	ck_assert_int_eq(IODataQueueCommit(producer, 7), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueCommit(producer, 7), kIOReturnBadArgument);
	check_next("first");
	check_next("1234567");

	fill_up();
	damage();
	ck_assert_int_eq(IODataQueueReserve(producer, 1016, &data), kIOReturnError);
	ck_assert_int_eq(IODataQueueCommit(producer, 0), kIOReturnError);
}
END_TEST

START_TEST(release_gives_each_of_its_results)
{
	ck_assert_int_eq(IODataQueueRelease(NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueRelease(producer), kIOReturnNotPermitted);
	put_text("one");
	put_text("two");
	ck_assert_ptr_nonnull(IODataQueuePeek(observer));
	ck_assert_int_eq(IODataQueueRelease(observer), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnBadArgument);
	ck_assert_ptr_nonnull(IODataQueuePeek(consumer));
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnBadArgument);
	ck_assert_ptr_nonnull(IODataQueuePeek(consumer));
	check_next("two");
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnBadArgument);
	ck_assert_ptr_null(IODataQueuePeek(consumer));
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnBadArgument);

	damage();
	ck_assert_ptr_null(IODataQueuePeek(consumer));
	ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnError);
}
END_TEST

/* More than fit: 8 of 1016 bytes do. */
START_TEST(enqueue_batch_gives_each_of_its_results)
{
	char bytes[1025] = { 0 };
	struct iovec entries[9];
	UInt32 count = 9;

	for (int i = 0; i < 9; i++)
		entries[i] = (struct iovec){ bytes, 1016 };
	ck_assert_int_eq(IODataQueueEnqueueBatch(NULL, entries, &count), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, NULL, &count), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueueBatch(consumer, entries, &count), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueEnqueueBatch(observer, entries, &count), kIOReturnNotPermitted);
	ck_assert_uint_eq(count, 9);
	count = 0;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, NULL, &count), kIOReturnSuccess);
	ck_assert_uint_eq(count, 0);

	count = 1;
	entries[0].iov_base = NULL;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries, &count), kIOReturnBadArgument);
	ck_assert_uint_eq(count, 0);
	count = 1;
	entries[0] = (struct iovec){ bytes, 1025 };
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries, &count),
			 kIOReturnMessageTooLarge);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);

	entries[0].iov_len = 1016;
	count = 9;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries, &count), kIOReturnSuccess);
	ck_assert_uint_eq(count, 8);
	count = 1;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries + 8, &count), kIOReturnOverrun);
	ck_assert_uint_eq(count, 0);
	damage();
	count = 1;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, entries + 8, &count), kIOReturnError);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(dequeue_batch_gives_each_of_its_results)
{
	char bytes[4][8];
	struct iovec entries[4];
	UInt32 count = 4;

	for (int i = 0; i < 4; i++)
		entries[i] = (struct iovec){ bytes[i], 8 };
	ck_assert_int_eq(IODataQueueDequeueBatch(NULL, entries, &count), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, entries, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, NULL, &count), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDequeueBatch(producer, entries, &count), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDequeueBatch(observer, entries, &count), kIOReturnNotPermitted);
	ck_assert_uint_eq(count, 4);
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, entries, &count), kIOReturnUnderrun);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, NULL, &count), kIOReturnSuccess);

	put_text("one");
	put_text("dropped");
	put_text("too large");
	entries[1].iov_base = NULL;
	count = 4;
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, entries, &count), kIOReturnSuccess);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(entries[0].iov_len, 3);
	ck_assert_mem_eq(bytes[0], "one", 3);
	ck_assert_uint_eq(entries[1].iov_len, 7);
	ck_assert_uint_eq(entries[2].iov_len, 9);
	ck_assert_uint_eq(entries[3].iov_len, 8);

	count = 1;
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, entries + 3, &count), kIOReturnNoSpace);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(entries[3].iov_len, 9);
	check_next("too large");
	damage();
	count = 1;
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, entries, &count), kIOReturnError);
	ck_assert_uint_eq(count, 0);
}
END_TEST

static bool becomes_readable(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, 20000) == 1;
}

START_TEST(a_batch_of_none_leaves_a_consumer_to_be_told)
{
	int fd = IODataQueueGetDescriptor(consumer);
	UInt32 none = 0;

	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnUnderrun);
	ck_assert_int_eq(IODataQueueDequeueBatch(consumer, NULL, &none), kIOReturnSuccess);
	put_text("one");
	ck_assert(becomes_readable(fd));
}
END_TEST

START_TEST(a_batch_of_none_leaves_a_producer_to_be_told)
{
	int fd = IODataQueueGetDescriptor(producer);
	UInt32 none = 0;

	fill_up();
	ck_assert_int_eq(IODataQueueEnqueueBatch(producer, NULL, &none), kIOReturnSuccess);
	while (IODataQueueDequeue(consumer, NULL, NULL) == kIOReturnSuccess)
		;
	ck_assert(becomes_readable(fd));
}
END_TEST

START_TEST(statistics_tell_how_the_queue_stands)
{
	IODataQueueMemory *roles[] = { producer, consumer, observer };
	IODataQueueStatistics statistics;

	ck_assert_int_eq(IODataQueueGetStatistics(NULL, &statistics), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueGetStatistics(observer, NULL), kIOReturnBadArgument);

	put_text("12345678");
	put_text("12345678");
	check_next("12345678");
	fill_up();
	for (int i = 0; i < 3; i++) {
		statistics = statistics_of(roles[i]);
		ck_assert_uint_eq(statistics.enqueued, statistics.entries + 1);
		ck_assert_uint_eq(statistics.dequeued, 1);
		ck_assert_uint_eq(statistics.used,
				  directory.memory.data->tail - directory.memory.consumer->head);
		ck_assert_uint_lt(statistics.free, 1016);
		ck_assert_uint_eq(statistics.capacity, 4096);
		ck_assert_uint_eq(statistics.maxEntry, 1024);
		ck_assert_uint_eq(statistics.overruns, 1);
		ck_assert_uint_eq(statistics.dataNotifications, 0);
		ck_assert_uint_eq(statistics.spaceNotifications, 0);
		ck_assert_uint_eq(statistics.failedNotifications, 0);
		ck_assert(!statistics.corrupt);
	}
	damage();
	for (int i = 0; i < 3; i++)
		ck_assert(statistics_of(roles[i]).corrupt);
}
END_TEST

/* Also that they wake nobody and move nothing. */
START_TEST(statistics_count_notifications)
{
	int port = IODataQueueAllocateNotificationPort();

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
	for (UInt64 i = 1; i <= 3; i++) {
		put_text("x");
		ck_assert_uint_eq(statistics_of(observer).dataNotifications, i);
		ck_assert_uint_eq(statistics_of(consumer).dataNotifications, i);
		check_next("x");
		ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnUnderrun);
	}
	ck_assert_int_eq(IODataQueueSetNotificationPort(producer, port), kIOReturnSuccess);
	fill_up();
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
	ck_assert_uint_eq(statistics_of(observer).spaceNotifications, 1);
	close(port);
}
END_TEST

/* A consumer that wants the FIFO, and a producer that has none. */
START_TEST(statistics_count_rings_that_failed)
{
	int port = IODataQueueAllocateNotificationPort();

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
	IODataQueueClose(producer);
	ck_assert_int_eq(unlink(file_in(&directory, "notify")), 0);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_ptr_nonnull(producer);
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnUnderrun);
	put_text("x");
	ck_assert_uint_gt(statistics_of(producer).failedNotifications, 0);
	ck_assert_uint_eq(statistics_of(consumer).failedNotifications, 0);
	check_next("x");
	close(port);
}
END_TEST

static void reap(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static pid_t fork_checked(void)
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	return child;
}

/* By exit(), which runs what there is to run, and by _exit(). */
START_TEST(the_child_of_a_fork_that_ends_leaves_the_role_to_its_parent)
{
	pid_t child;

	for (int i = 0; i < 2; i++) {
		child = fork_checked();
		if (child == 0 && i == 0)
			exit(0);
		if (child == 0)
			_exit(0);
		reap(child);
		errno = 0;
		ck_assert_ptr_null(IODataQueueOpen(directory.path, kIODataQueueProducer));
		ck_assert_int_eq(errno, EBUSY);
		ck_assert_ptr_null(IODataQueueOpen(directory.path, kIODataQueueConsumer));
		ck_assert_int_eq(errno, EBUSY);
		put_text("still here");
		check_next("still here");
	}
}
END_TEST

START_TEST(a_child_that_lives_on_keeps_the_role_until_it_ends)
{
	int hold[2];
	pid_t child;

	ck_assert_int_eq(pipe(hold), 0);
	child = fork_checked();
	if (child == 0) {
		char byte;

		close(hold[1]);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	IODataQueueClose(producer);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_ptr_null(producer);
	ck_assert_int_eq(errno, EBUSY);
	close(hold[1]);
	reap(child);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_ptr_nonnull(producer);
}
END_TEST

START_TEST(a_program_that_is_executed_does_not_keep_the_role)
{
	const struct timespec end = in_ms(20000);
	int hold[2];
	pid_t child;

	ck_assert_int_eq(pipe(hold), 0);
	child = fork_checked();
	if (child == 0) {
		dup2(hold[0], 0);
		close(hold[1]);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	close(hold[0]);
	IODataQueueClose(producer);
	producer = NULL;
	while (!producer && !is_over(&end)) {
		producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
		usleep(producer ? 0 : 1000);	/* until it was executed */
	}
	ck_assert_ptr_nonnull(producer);
	close(hold[1]);
	reap(child);
}
END_TEST

START_TEST(a_child_may_open_attachments_of_its_own)
{
	pid_t child;

	IODataQueueClose(consumer);
	consumer = NULL;
	put_text("for the child");
	child = fork_checked();
	if (child == 0) {
		consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
		if (!consumer)
			_exit(1);
		check_next("for the child");
		IODataQueueClose(consumer);
		_exit(0);
	}
	reap(child);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	ck_assert_ptr_nonnull(consumer);
	put_text("for us");
	check_next("for us");
}
END_TEST

#define N_THREAD_ENTRIES	30000u

static bool both_done;

/* Numbers, by all ways in turn. */
static bool produce_some(UInt32 *next)
{
	UInt32 numbers[3] = { *next, *next + 1, *next + 2 }, count = 3;
	struct iovec entries[3] = {
		{ &numbers[0], 4 }, { &numbers[1], 4 }, { &numbers[2], 4 },
	};
	void *data;
	IOReturn r;

	if (*next % 2 == 0) {
		r = IODataQueueEnqueueBatch(producer, entries, &count);
		*next += r == kIOReturnSuccess ? count : 0;
		return r == kIOReturnSuccess;
	}
	/* The other way sleeps for its room. */
	r = IODataQueueWaitForSpace(producer, 100);
	if (r == kIOReturnSuccess)
		r = IODataQueueReserve(producer, 100, &data);
	if (r != kIOReturnSuccess)
		return false;
	memcpy(data, next, 4);
	++*next;
	return IODataQueueCommit(producer, 4) == kIOReturnSuccess;
}

static void *produce(void *unused)
{
	UInt32 next = 0;

	while (next < N_THREAD_ENTRIES)
		if (!produce_some(&next))
			sched_yield();
	return unused;
}

static void consume_some(UInt32 *next)
{
	UInt32 numbers[4], count = 4;
	struct iovec entries[4];

	for (int i = 0; i < 4; i++)
		entries[i] = (struct iovec){ &numbers[i], 4 };
	if (*next % 3 != 0) {
		IODataQueueEntry *entry = IODataQueuePeek(consumer);

		if (!entry)
			return;
		memcpy(&numbers[0], entry->data, 4);
		ck_assert_uint_eq(numbers[0], *next);
		ck_assert_int_eq(IODataQueueRelease(consumer), kIOReturnSuccess);
		++*next;
		return;
	}
	if (IODataQueueDequeueBatch(consumer, entries, &count) != kIOReturnSuccess)
		return;
	for (UInt32 i = 0; i < count; i++)
		ck_assert_uint_eq(numbers[i], (*next)++);
}

static void *consume(void *unused)
{
	UInt32 next = 0;

	while (next < N_THREAD_ENTRIES)
		consume_some(&next);
	return unused;
}

/* While both run; of any of the three attachments. */
static void *watch(void *queue)
{
	IODataQueueStatistics statistics;

	while (!__atomic_load_n(&both_done, __ATOMIC_ACQUIRE)) {
		ck_assert_int_eq(IODataQueueGetStatistics(queue, &statistics), kIOReturnSuccess);
		ck_assert(!statistics.corrupt);
		ck_assert_uint_le(statistics.used, 8192);
		ck_assert_uint_le(statistics.free, 1024);
	}
	return NULL;
}

START_TEST(one_thread_for_each_side_and_others_for_statistics)
{
	IODataQueueMemory *watched[] = { producer, consumer, observer };
	pthread_t threads[2], watchers[3];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&watchers[i], NULL, watch, watched[i]), 0);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, produce, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, consume, NULL), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	__atomic_store_n(&both_done, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(watchers[i], NULL), 0);
	ck_assert_uint_eq(statistics_of(observer).enqueued, N_THREAD_ENTRIES);
	ck_assert_uint_eq(statistics_of(observer).dequeued, N_THREAD_ENTRIES);
	ck_assert_uint_eq(statistics_of(observer).entries, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reserve_and_commit_make_an_entry);
	tcase_add_test(tests, reserve_gives_each_of_its_results);
	tcase_add_test(tests, commit_gives_each_of_its_results);
	tcase_add_test(tests, release_gives_each_of_its_results);
	tcase_add_test(tests, enqueue_batch_gives_each_of_its_results);
	tcase_add_test(tests, dequeue_batch_gives_each_of_its_results);
	tcase_add_test(tests, a_batch_of_none_leaves_a_consumer_to_be_told);
	tcase_add_test(tests, a_batch_of_none_leaves_a_producer_to_be_told);
	tcase_add_test(tests, statistics_tell_how_the_queue_stands);
	tcase_add_test(tests, statistics_count_notifications);
	tcase_add_test(tests, statistics_count_rings_that_failed);
	tcase_add_test(tests, the_child_of_a_fork_that_ends_leaves_the_role_to_its_parent);
	tcase_add_test(tests, a_child_that_lives_on_keeps_the_role_until_it_ends);
	tcase_add_test(tests, a_program_that_is_executed_does_not_keep_the_role);
	tcase_add_test(tests, a_child_may_open_attachments_of_its_own);
	tcase_add_test(tests, one_thread_for_each_side_and_others_for_statistics);
}
