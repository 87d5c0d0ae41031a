/* SPDX-License-Identifier: MIT */
/*
 * test_port - a port tells of what its queues have, and of nothing else
 *
 * Programs do `drain; poll(port); drain`. A poll here has a time limit that is
 * no part of any promise: reaching it is a stall, and a failed test.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "both_sides.h"
#include "mounts.h"
#include "kernel.h"

#define STALL_MS	20000
#define QUIET_MS	30	/* so long nothing comes, where nothing is to come */

static int port;

/* As a restarted fsd does, after it has changed the generation. */
static bool mount_something(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL) == 0 && umount("/mnt") == 0;
}

static void set_up(void)
{
	leave_mounts();
	open_sides();
	port = IODataQueueAllocateNotificationPort();
	ck_assert_int_gt(port, 0);
}

static void tear_down(void)
{
	close(port);
	close_sides();
}

static bool is_readable(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, ms) == 1;
}

static void put(IODataQueueMemory *queue)
{
	char bytes[8] = "entry";

	ck_assert_int_eq(IODataQueueEnqueue(queue, bytes, sizeof(bytes)), kIOReturnSuccess);
}

/* Return: how many entries there were. */
static int drain(IODataQueueMemory *queue)
{
	int n = 0;

	while (IODataQueueDequeue(queue, NULL, NULL) == kIOReturnSuccess)
		n++;
	return n;
}

static void set_port(IODataQueueMemory *queue, int value)
{
	ck_assert_int_eq(IODataQueueSetNotificationPort(queue, value), kIOReturnSuccess);
}

START_TEST(a_port_is_a_descriptor_that_is_not_zero)
{
	int first, second;

	close(0);
	first = IODataQueueAllocateNotificationPort();
	second = IODataQueueAllocateNotificationPort();
	ck_assert_int_gt(first, 0);
	ck_assert_int_gt(second, 0);
	ck_assert_int_ne(first, second);
	ck_assert_int_eq(fcntl(first, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(0, F_GETFD), -1);
	ck_assert(!is_readable(first, 0));
}
END_TEST

START_TEST(what_is_no_port_is_refused_and_nothing_changes)
{
	set_port(consumer, port);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, -1), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, 999), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, 2), kIOReturnBadArgument);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

START_TEST(a_queue_with_entries_makes_its_port_readable_at_once)
{
	put(producer);
	ck_assert(!is_readable(port, 0));
	set_port(consumer, port);
	ck_assert(is_readable(port, 0));
	ck_assert_int_eq(drain(consumer), 1);
	ck_assert(!is_readable(port, QUIET_MS));
}
END_TEST

START_TEST(draining_and_polling_is_all_that_it_takes)
{
	set_port(consumer, port);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(drain(consumer), 0);
		ck_assert(!is_readable(port, 0));
		put(producer);
		put(producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), 2);
	}
}
END_TEST

START_TEST(every_call_that_finds_nothing_arms_the_port)
{
	set_port(consumer, port);
	for (int i = 0; i < 4; i++) {
		struct timespec past = in_ms(-1);

		put(producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
		if (i == 0)
			ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL),
					 kIOReturnUnderrun);
		else if (i == 1)
			ck_assert_ptr_null(IODataQueuePeek(consumer));
		else if (i == 2)
			ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
		else
			ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port,
									      &past),
					 kIOReturnTimeout);
		ck_assert(!is_readable(port, 0));
	}
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

START_TEST(one_port_serves_many_queues)
{
	struct directory other;
	IODataQueueMemory *other_producer, *other_consumer;

	new_directory(&other, 4096, 64);
	other_producer = IODataQueueOpen(other.path, kIODataQueueProducer);
	other_consumer = IODataQueueOpen(other.path, kIODataQueueConsumer);
	set_port(consumer, port);
	set_port(other_consumer, port);
	ck_assert(!is_readable(port, 0));

	for (int i = 0; i < 10; i++) {
		put(i % 2 ? producer : other_producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), i % 2);
		ck_assert_int_eq(drain(other_consumer), !(i % 2));
		ck_assert(!is_readable(port, 0));
	}

	/* A wait is for its own queue, even so. */
	put(other_producer);
	struct timespec soon = in_ms(20);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &soon),
			 kIOReturnTimeout);
	put(producer);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), kIOReturnSuccess);

	IODataQueueClose(other_producer);
	IODataQueueClose(other_consumer);
	remove_directory(&other);
}
END_TEST

START_TEST(port_zero_takes_the_port_away)
{
	set_port(consumer, port);
	set_port(consumer, MACH_PORT_NULL);
	set_port(consumer, MACH_PORT_NULL);
	put(producer);
	ck_assert(!is_readable(port, QUIET_MS));
}
END_TEST

START_TEST(the_last_port_that_was_set_counts)
{
	int other = IODataQueueAllocateNotificationPort();

	set_port(consumer, port);
	set_port(consumer, other);
	put(producer);
	ck_assert(is_readable(other, STALL_MS));
	ck_assert(!is_readable(port, 0));
	set_port(consumer, port);
	ck_assert(is_readable(port, 0));
	ck_assert(!is_readable(other, 0));
	set_port(consumer, port);
	ck_assert(is_readable(port, 0));
	ck_assert_int_eq(drain(consumer), 1);
	ck_assert(!is_readable(port, 0));
	close(other);
}
END_TEST

START_TEST(a_closed_queue_no_longer_concerns_its_port)
{
	set_port(consumer, port);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
	IODataQueueClose(consumer);
	consumer = NULL;
	ck_assert(!is_readable(port, 0));
}
END_TEST

START_TEST(a_queue_outlives_a_port_that_was_closed)
{
	int other = IODataQueueAllocateNotificationPort();

	set_port(consumer, other);
	close(other);
	ck_assert_int_eq(drain(consumer), 0);
	put(producer);
	ck_assert_int_eq(drain(consumer), 1);
	set_port(consumer, port);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

START_TEST(a_producers_port_tells_of_space)
{
	set_port(producer, port);
	ck_assert(is_readable(port, 0));
	fill_up();
	ck_assert(!is_readable(port, 0));
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
	ck_assert(is_readable(port, STALL_MS));
	fill_up();
	ck_assert(!is_readable(port, 0));
	set_port(producer, port);
	ck_assert(!is_readable(port, 0));
}
END_TEST

START_TEST(a_producers_port_waits_for_the_entry_that_was_refused)
{
	char small[8] = { 0 }, large[1024] = { 0 };
	int n = 0;

	fill_up();
	while (IODataQueueEnqueue(producer, small, sizeof(small)) == kIOReturnSuccess)
		;
	set_port(producer, port);
	ck_assert_int_eq(IODataQueueEnqueue(producer, large, sizeof(large)), kIOReturnOverrun);
	while (!is_readable(port, 0)) {
		ck_assert_int_eq(IODataQueueEnqueue(producer, large, sizeof(large)),
				 kIOReturnOverrun);
		ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
		n++;
	}
	ck_assert_int_ge(n, 2);		/* 1016 bytes went; 1024 and a gap are wanted */
	ck_assert_int_eq(IODataQueueEnqueue(producer, large, sizeof(large)), kIOReturnSuccess);
}
END_TEST

START_TEST(a_queue_without_its_fifo_can_have_no_port)
{
	ck_assert_int_eq(unlink(file_in(&directory, "notify")), 0);
	IODataQueueClose(consumer);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port,
							      &(struct timespec){ 0, 0 }),
			 kIOReturnTimeout);
	ck_assert_int_eq(mkfifo(file_in(&directory, "notify"), 0666), 0);
}
END_TEST

START_TEST(the_end_of_the_producer_is_told_once)
{
	set_port(consumer, port);
	put(producer);
	IODataQueueClose(producer);
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 1);
	ck_assert(!is_readable(port, QUIET_MS));

	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_int_eq(drain(consumer), 0);
	ck_assert(!is_readable(port, QUIET_MS));
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 1);
}
END_TEST

START_TEST(a_killed_producer_is_told_and_the_next_one_rings)
{
	pid_t child;

	IODataQueueClose(producer);
	set_port(consumer, port);
	child = fork();
	if (child == 0) {
		producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
		put(producer);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 1);
	ck_assert(!is_readable(port, QUIET_MS));

	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

/* What a producer left that died between its position and its ring. */
START_TEST(a_new_producer_rings_for_its_predecessor)
{
	uint32_t sequence;

	set_port(consumer, port);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 1);
	IODataQueueClose(producer);
	ck_assert_int_eq(drain(consumer), 0);

	sequence = load_relaxed(&directory.memory.data->data_sequence);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_uint_eq(load_relaxed(&directory.memory.data->data_sequence), sequence + 1);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

/* A third one holds the old FIFO, so that its end is not what wakes. */
START_TEST(after_a_restart_a_ring_reaches_who_sleeps_on_the_old_fifo)
{
	set_port(consumer, port);
	for (int i = 0; i < 5; i++) {
		int held = open(file_in(&directory, "notify"), O_RDWR | O_NONBLOCK | O_CLOEXEC);

		ck_assert_int_eq(drain(consumer), 0);
		restart(&directory);
		ck_assert(!is_readable(port, 0));
		put(producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), 1);
		ck_assert(!is_readable(port, QUIET_MS));
		close(held);
	}
}
END_TEST

START_TEST(after_a_restart_the_new_fifo_is_used)
{
	int fd;

	set_port(consumer, port);
	restart(&directory);
	ck_assert_int_eq(drain(consumer), 0);
	fd = open(file_in(&directory, "notify"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	put(producer);
	ck_assert(is_readable(fd, STALL_MS));
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 1);
	close(fd);
}
END_TEST

START_TEST(while_the_new_mount_is_not_there_the_old_doorbells_serve)
{
	char moved[80];

	snprintf(moved, sizeof(moved), "%s-gone", directory.path);
	set_port(consumer, port);
	restart(&directory);
	ck_assert_int_eq(rename(directory.path, moved), 0);
	for (int i = 0; i < 5; i++) {
		put(producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), 1);
		ck_assert(!is_readable(port, 0));
	}
	ck_assert_int_eq(rename(moved, directory.path), 0);
	for (int i = 0; i < 5; i++) {
		put(producer);
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), 1);
	}
}
END_TEST

START_TEST(a_producer_that_ends_with_the_mount_leaves_no_port_that_stays_readable)
{
	char moved[80];

	snprintf(moved, sizeof(moved), "%s-gone", directory.path);
	set_port(consumer, port);
	ck_assert_int_eq(rename(directory.path, moved), 0);
	IODataQueueClose(producer);
	producer = NULL;
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 0);
	ck_assert(!is_readable(port, QUIET_MS));

	ck_assert_int_eq(rename(moved, directory.path), 0);
	restart(&directory);
	ck_assert_int_eq(drain(consumer), 0);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

/* The new producer never knew the old FIFO; only the mount itself tells. */
START_TEST(a_new_mount_wakes_who_sleeps_on_a_fifo_of_the_old_one)
{
	if (!mount_something())
		return;		/* not everybody can try it */

	set_port(consumer, port);
	IODataQueueClose(producer);
	ck_assert_int_eq(drain(consumer), 0);
	ck_assert(!is_readable(port, 0));

	restart(&directory);
	ck_assert(mount_something());
	ck_assert(is_readable(port, STALL_MS));
	ck_assert_int_eq(drain(consumer), 0);
	ck_assert(!is_readable(port, QUIET_MS));
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	put(producer);
	ck_assert(is_readable(port, STALL_MS));
}
END_TEST

START_TEST(a_port_that_rings_may_miss_is_readable_now_and_then)
{
	membarrier_fails = true;
	set_port(consumer, port);
	if (!(load_relaxed(&directory.memory.data->producer_flags) & QUEUE_ASYMMETRIC))
		return;		/* nobody relies on the fence here */
	for (int i = 0; i < 3; i++) {
		ck_assert(is_readable(port, STALL_MS));
		ck_assert_int_eq(drain(consumer), 0);
	}
}
END_TEST

static void produce(int n)
{
	char bytes[600] = { 0 };

	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	for (int i = 0; producer && i < n; i++) {
		UInt32 size = (UInt32)(i * 7 % 600);

		while (IODataQueueEnqueue(producer, bytes, size) == kIOReturnOverrun)
			if (IODataQueueWaitForSpace(producer, size) != kIOReturnSuccess)
				_exit(1);
	}
	_exit(!producer);
}

START_TEST(two_processes_drain_and_poll_without_a_stall)
{
	const int n = 50000;
	int status, got = 0;
	pid_t child;

	IODataQueueClose(producer);
	producer = NULL;
	set_port(consumer, port);
	child = fork();
	if (child == 0)
		produce(n);
	while (got < n) {
		int more = drain(consumer);

		got += more;
		if (got < n && more == 0)
			ck_assert_msg(is_readable(port, STALL_MS), "a stall at %d", got);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/*
 * Restarts come at any moment, also two before the producer notices one. What
 * then reaches a consumer asleep on a FIFO between the two is the mount.
 */
START_TEST(two_processes_go_on_through_restarts)
{
	const int n = 20000;
	int status, got = 0;
	pid_t child;

	if (!mount_something())
		return;		/* not everybody can try it */

	IODataQueueClose(producer);
	producer = NULL;
	set_port(consumer, port);
	child = fork();
	if (child == 0)
		produce(n);
	while (got < n) {
		int more = drain(consumer);

		got += more;
		if (got % 100 == 0) {
			restart(&directory);
			ck_assert(mount_something());
		}
		if (got < n && more == 0)
			ck_assert_msg(is_readable(port, STALL_MS), "a stall at %d", got);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_port_is_a_descriptor_that_is_not_zero);
	tcase_add_test(tests, what_is_no_port_is_refused_and_nothing_changes);
	tcase_add_test(tests, a_queue_with_entries_makes_its_port_readable_at_once);
	tcase_add_test(tests, draining_and_polling_is_all_that_it_takes);
	tcase_add_test(tests, every_call_that_finds_nothing_arms_the_port);
	tcase_add_test(tests, one_port_serves_many_queues);
	tcase_add_test(tests, port_zero_takes_the_port_away);
	tcase_add_test(tests, the_last_port_that_was_set_counts);
	tcase_add_test(tests, a_closed_queue_no_longer_concerns_its_port);
	tcase_add_test(tests, a_queue_outlives_a_port_that_was_closed);
	tcase_add_test(tests, a_producers_port_tells_of_space);
	tcase_add_test(tests, a_producers_port_waits_for_the_entry_that_was_refused);
	tcase_add_test(tests, a_queue_without_its_fifo_can_have_no_port);
	tcase_add_test(tests, the_end_of_the_producer_is_told_once);
	tcase_add_test(tests, a_killed_producer_is_told_and_the_next_one_rings);
	tcase_add_test(tests, a_new_producer_rings_for_its_predecessor);
	tcase_add_test(tests, after_a_restart_a_ring_reaches_who_sleeps_on_the_old_fifo);
	tcase_add_test(tests, after_a_restart_the_new_fifo_is_used);
	tcase_add_test(tests, while_the_new_mount_is_not_there_the_old_doorbells_serve);
	tcase_add_test(tests,
		       a_producer_that_ends_with_the_mount_leaves_no_port_that_stays_readable);
	tcase_add_test(tests, a_new_mount_wakes_who_sleeps_on_a_fifo_of_the_old_one);
	tcase_add_test(tests, a_port_that_rings_may_miss_is_readable_now_and_then);
	tcase_add_test(tests, two_processes_drain_and_poll_without_a_stall);
	tcase_add_test(tests, two_processes_go_on_through_restarts);
}
