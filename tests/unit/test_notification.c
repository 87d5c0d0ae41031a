/* SPDX-License-Identifier: MIT */
/*
 * test_notification - one port over several queues, and which of them rang; the
 * descriptor of a queue in poll(), select() and epoll
 *
 * A wait here has a time limit that is no part of any promise: reaching it is a
 * stall, and a failed test.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <IOKit/IODataQueueClient.h>

#include "main.h"
#include "asleep.h"
#include "directory.h"
#include "mounts.h"

#define STALL_MS	20000
#define QUIET_MS	30	/* so long nothing comes, where nothing is to come */
#define N_QUEUES	3

static struct directory *directories[N_QUEUES];
static IODataQueueMemory *producers[N_QUEUES], *consumers[N_QUEUES];
static int port;

static void set_up(void)
{
	leave_mounts();
	port = IODataQueueAllocateNotificationPort();
	ck_assert_int_gt(port, 0);
	for (int i = 0; i < N_QUEUES; i++) {
		directories[i] = malloc(sizeof(*directories[i]));
		ck_assert_ptr_nonnull(directories[i]);
		new_directory(directories[i], 4096, 1024);
		producers[i] = IODataQueueOpen(directories[i]->path, kIODataQueueProducer);
		consumers[i] = IODataQueueOpen(directories[i]->path, kIODataQueueConsumer);
		ck_assert_ptr_nonnull(producers[i]);
		ck_assert_ptr_nonnull(consumers[i]);
	}
}

static void tear_down(void)
{
	for (int i = 0; i < N_QUEUES; i++) {
		IODataQueueClose(producers[i]);
		IODataQueueClose(consumers[i]);
		remove_directory(directories[i]);
		free(directories[i]);
	}
	close(port);
}

static void put(int i)
{
	char bytes[8] = "entry";

	ck_assert_int_eq(IODataQueueEnqueue(producers[i], bytes, sizeof(bytes)), kIOReturnSuccess);
}

/* Return: how many entries there were. */
static int drain(int i)
{
	int n = 0;

	while (IODataQueueDequeue(consumers[i], NULL, NULL) == kIOReturnSuccess)
		n++;
	return n;
}

static void fill_up(int i)
{
	char bytes[1016] = { 0 };

	while (IODataQueueEnqueue(producers[i], bytes, sizeof(bytes)) == kIOReturnSuccess)
		;
}

static void set_port_on_all(IODataQueueMemory **queues)
{
	for (int i = 0; i < N_QUEUES; i++)
		ck_assert_int_eq(IODataQueueSetNotificationPort(queues[i], port), kIOReturnSuccess);
}

/*
 * Which of @queues rang within @ms, as a set of bits.
 * Return: 0 for none.
 */
static unsigned rung(IODataQueueMemory **queues, UInt32 room, long ms)
{
	struct timespec deadline = in_ms(ms);
	IODataQueueMemory *found[16];
	UInt32 count = room;
	unsigned set = 0;
	IOReturn r;

	r = IODataQueueWaitForNotification(port, &deadline, found, &count);
	ck_assert_uint_le(count, room);
	ck_assert_int_eq(r, count > 0 ? kIOReturnSuccess : kIOReturnTimeout);
	for (UInt32 i = 0; i < count; i++) {
		int which = 0;

		while (which < N_QUEUES && queues[which] != found[i])
			which++;
		ck_assert_int_lt(which, N_QUEUES);
		ck_assert_uint_eq(set & 1u << which, 0);
		set |= 1u << which;
	}
	return set;
}

START_TEST(a_port_tells_which_of_its_queues_rang)
{
	set_port_on_all(consumers);
	ck_assert_uint_eq(rung(consumers, 8, -1), 0);
	for (unsigned set = 1; set < 1u << N_QUEUES; set++) {
		for (int i = 0; i < N_QUEUES; i++)
			if (set & 1u << i)
				put(i);
		ck_assert_uint_eq(rung(consumers, 8, STALL_MS), set);
		for (int i = 0; i < N_QUEUES; i++)
			ck_assert_int_eq(drain(i), !!(set & 1u << i));
		ck_assert_uint_eq(rung(consumers, 8, -1), 0);
	}
}
END_TEST

START_TEST(a_queue_is_told_of_until_it_is_found_empty)
{
	set_port_on_all(consumers);
	put(1);
	put(1);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 1);
	ck_assert_int_eq(IODataQueueDequeue(consumers[1], NULL, NULL), kIOReturnSuccess);
	ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 1);
	ck_assert_int_eq(drain(1), 1);
	ck_assert_uint_eq(rung(consumers, 8, -1), 0);
}
END_TEST

START_TEST(less_room_than_rang_loses_nobody)
{
	unsigned left = (1u << N_QUEUES) - 1;

	set_port_on_all(consumers);
	for (int i = 0; i < N_QUEUES; i++)
		put(i);
	while (left) {
		unsigned one = rung(consumers, 1, STALL_MS);

		ck_assert_uint_ne(one & left, 0);
		ck_assert_int_eq(drain(__builtin_ctz(one)), 1);
		left &= ~one;
	}
	ck_assert_uint_eq(rung(consumers, 8, -1), 0);
}
END_TEST

/* One queue has several ways to make the port readable: it is told once. */
START_TEST(a_queue_is_told_of_once_in_a_call)
{
	put(0);
	set_port_on_all(consumers);
	put(0);
	IODataQueueClose(producers[0]);
	producers[0] = NULL;
	ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 0);
	ck_assert_int_eq(drain(0), 2);
}
END_TEST

START_TEST(queues_that_have_entries_when_the_port_is_set_are_told_of)
{
	put(0);
	put(2);
	set_port_on_all(consumers);
	ck_assert_uint_eq(rung(consumers, 8, -1), 1u << 0 | 1u << 2);
}
END_TEST

START_TEST(queues_that_were_closed_or_taken_away_are_not_told_of)
{
	set_port_on_all(consumers);
	for (int i = 0; i < N_QUEUES; i++)
		put(i);
	IODataQueueClose(consumers[0]);
	consumers[0] = NULL;
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[1], MACH_PORT_NULL),
			 kIOReturnSuccess);
	ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 2);
}
END_TEST

START_TEST(producers_are_told_of_space)
{
	set_port_on_all(producers);
	ck_assert_uint_eq(rung(producers, 8, -1), (1u << N_QUEUES) - 1);
	for (int i = 0; i < N_QUEUES; i++)
		fill_up(i);
	ck_assert_uint_eq(rung(producers, 8, -1), 0);
	ck_assert_int_eq(IODataQueueDequeue(consumers[2], NULL, NULL), kIOReturnSuccess);
	ck_assert_uint_eq(rung(producers, 8, STALL_MS), 1u << 2);
	fill_up(2);
	ck_assert_uint_eq(rung(producers, 8, -1), 0);
	ck_assert_int_eq(drain(0), 8);
	ck_assert_int_eq(IODataQueueRelease(consumers[0]), kIOReturnBadArgument);
	ck_assert_uint_eq(rung(producers, 8, STALL_MS), 1u << 0);
}
END_TEST

/* Each way to find a queue empty, or full, and each way to change that. */
START_TEST(entries_in_place_and_batches_arm_and_ring)
{
	char bytes[1016] = { 0 };
	struct iovec entry = { bytes, sizeof(bytes) };
	UInt32 count = 1;
	void *data;

	set_port_on_all(consumers);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(IODataQueueReserve(producers[0], 8, &data), kIOReturnSuccess);
		ck_assert_int_eq(IODataQueueCommit(producers[0], 0), kIOReturnSuccess);
		ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 0);
		ck_assert_ptr_nonnull(IODataQueuePeek(consumers[0]));
		ck_assert_int_eq(IODataQueueRelease(consumers[0]), kIOReturnSuccess);
		ck_assert_ptr_null(IODataQueuePeek(consumers[0]));
		ck_assert_uint_eq(rung(consumers, 8, -1), 0);

		count = 1;
		ck_assert_int_eq(IODataQueueEnqueueBatch(producers[0], &entry, &count),
				 kIOReturnSuccess);
		ck_assert_uint_eq(rung(consumers, 8, STALL_MS), 1u << 0);
		ck_assert_int_eq(IODataQueueDequeueBatch(consumers[0], &entry, &count),
				 kIOReturnSuccess);
		ck_assert_int_eq(IODataQueueDequeueBatch(consumers[0], &entry, &count),
				 kIOReturnUnderrun);
		ck_assert_uint_eq(rung(consumers, 8, -1), 0);
	}

	set_port_on_all(producers);
	fill_up(1);
	fill_up(2);
	ck_assert_int_eq(IODataQueueReserve(producers[1], 1016, &data), kIOReturnOverrun);
	count = 1;
	ck_assert_int_eq(IODataQueueEnqueueBatch(producers[2], &entry, &count), kIOReturnOverrun);
	ck_assert_int_eq(drain(0), 0);
	ck_assert_int_eq(IODataQueueSetNotificationPort(producers[0], 0), kIOReturnSuccess);
	for (int i = 0; i < N_QUEUES; i++)
		ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[i], 0), kIOReturnSuccess);
	ck_assert_uint_eq(rung(producers, 8, -1), 0);
	ck_assert_ptr_nonnull(IODataQueuePeek(consumers[1]));
	ck_assert_int_eq(IODataQueueRelease(consumers[1]), kIOReturnSuccess);
	ck_assert_uint_eq(rung(producers, 8, STALL_MS), 1u << 1);
	count = 1;
	ck_assert_int_eq(IODataQueueDequeueBatch(consumers[2], &entry, &count), kIOReturnSuccess);
	ck_assert_uint_eq(rung(producers, 8, STALL_MS), 1u << 1 | 1u << 2);
}
END_TEST

START_TEST(what_is_no_port_and_no_room_is_a_bad_argument)
{
	struct timespec past = in_ms(-1);
	IODataQueueMemory *found[1];
	UInt32 count = 1, none = 0;
	int closed = IODataQueueAllocateNotificationPort(), other[2];

	close(closed);
	ck_assert_int_eq(pipe(other), 0);
	ck_assert_int_eq(IODataQueueWaitForNotification(0, &past, found, &count),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForNotification(-1, &past, found, &count),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForNotification(port, &past, NULL, &count),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForNotification(port, &past, found, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForNotification(port, &past, found, &none),
			 kIOReturnBadArgument);
	count = 1;
	ck_assert_int_eq(IODataQueueWaitForNotification(closed + 100, NULL, found, &count),
			 kIOReturnBadArgument);
	count = 1;
	ck_assert_int_eq(IODataQueueWaitForNotification(other[0], NULL, found, &count),
			 kIOReturnBadArgument);
	close(other[0]);
	close(other[1]);
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
}

START_TEST(a_wait_for_a_notification_ends_at_its_deadline_and_not_with_a_signal)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	struct timespec soon;

	set_port_on_all(consumers);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 2; i++) {
		soon = in_ms(i == 0 ? 60 : 700);	/* within a slice of the wait, and past one */
		ck_assert_uint_eq(rung(consumers, 8, i == 0 ? 60 : 700), 0);
		ck_assert(is_over(&soon));
	}
}
END_TEST

static void *put_late(void *i)
{
	wait_until_main_sleeps();
	put(*(int *)i);
	return NULL;
}

START_TEST(a_wait_for_a_notification_without_end_ends_with_one)
{
	IODataQueueMemory *found[4];
	UInt32 count = 4;
	pthread_t thread;
	int which = 1;

	set_port_on_all(consumers);
	ck_assert_int_eq(pthread_create(&thread, NULL, put_late, &which), 0);
	ck_assert_int_eq(IODataQueueWaitForNotification(port, NULL, found, &count),
			 kIOReturnSuccess);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_ptr_eq(found[0], consumers[1]);
}
END_TEST

static void *close_late(void *fd)
{
	wait_until_main_sleeps();
	/* Meant so: no sanitizer has to take it for a mistake. */
	syscall(SYS_close, *(int *)fd);
	return NULL;
}

START_TEST(a_wait_for_a_notification_ends_when_another_thread_closes_the_port)
{
	int other = IODataQueueAllocateNotificationPort();
	IODataQueueMemory *found[4];
	UInt32 count = 4;
	pthread_t thread;

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[0], other), kIOReturnSuccess);
	ck_assert_int_eq(pthread_create(&thread, NULL, close_late, &other), 0);
	ck_assert_int_eq(IODataQueueWaitForNotification(other, NULL, found, &count),
			 MACH_RCV_PORT_DIED);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(count, 0);
	put(0);
	ck_assert_int_eq(drain(0), 1);
}
END_TEST

static bool poll_says(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

static bool select_says(int fd)
{
	struct timeval now = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &now) == 1;
}

static bool epoll_says(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int outer = epoll_create1(EPOLL_CLOEXEC), n;

	ck_assert_int_eq(epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event), 0);
	n = epoll_wait(outer, &event, 1, 0);
	close(outer);
	return n == 1;
}

static void check_readable(int fd, bool expected)
{
	ck_assert(poll_says(fd) == expected);
	ck_assert(select_says(fd) == expected);
	ck_assert(epoll_says(fd) == expected);
}

START_TEST(a_descriptor_can_be_polled_selected_and_added_to_an_epoll)
{
	int fd = IODataQueueGetDescriptor(consumers[0]);

	ck_assert_int_gt(fd, 0);
	ck_assert_int_eq(IODataQueueGetDescriptor(consumers[0]), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(drain(0), 0);
		check_readable(fd, false);
		put(0);
		check_readable(fd, true);
		ck_assert_int_eq(drain(0), 1);
	}
}
END_TEST

START_TEST(a_descriptor_of_a_producer_tells_of_space)
{
	int fd = IODataQueueGetDescriptor(producers[0]);

	check_readable(fd, true);
	fill_up(0);
	check_readable(fd, false);
	ck_assert_int_eq(IODataQueueDequeue(consumers[0], NULL, NULL), kIOReturnSuccess);
	check_readable(fd, true);
}
END_TEST

START_TEST(a_descriptor_is_the_port_that_is_set)
{
	int own;

	set_port_on_all(consumers);
	for (int i = 0; i < N_QUEUES; i++)
		ck_assert_int_eq(IODataQueueGetDescriptor(consumers[i]), port);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[0], 0), kIOReturnSuccess);
	own = IODataQueueGetDescriptor(consumers[0]);
	ck_assert_int_gt(own, 0);
	ck_assert_int_ne(own, port);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[0], port), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueGetDescriptor(consumers[0]), port);
	ck_assert_int_eq(fcntl(own, F_GETFD), FD_CLOEXEC);
	put(0);
	check_readable(own, false);
	check_readable(port, true);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[0], 0), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueGetDescriptor(consumers[0]), own);
	check_readable(own, true);
}
END_TEST

START_TEST(a_descriptor_of_its_own_is_closed_with_the_queue_and_a_port_is_not)
{
	int own = IODataQueueGetDescriptor(consumers[0]);

	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[1], port), kIOReturnSuccess);
	IODataQueueClose(consumers[0]);
	IODataQueueClose(consumers[1]);
	consumers[0] = consumers[1] = NULL;
	ck_assert_int_eq(fcntl(own, F_GETFD), -1);
	ck_assert_int_eq(fcntl(port, F_GETFD), FD_CLOEXEC);
}
END_TEST

static void check_no_descriptor(IODataQueueMemory *queue, int error)
{
	errno = 0;
	ck_assert_int_eq(IODataQueueGetDescriptor(queue), -1);
	ck_assert_int_eq(errno, error);
}

START_TEST(who_may_have_no_descriptor_is_told_why)
{
	IODataQueueMemory *observer = IODataQueueOpen(directories[0]->path, kIODataQueueObserver);

	check_no_descriptor(NULL, EINVAL);
	check_no_descriptor(observer, EPERM);
	IODataQueueClose(observer);

	IODataQueueClose(consumers[0]);
	ck_assert_int_eq(unlink(file_in(directories[0], "notify")), 0);
	consumers[0] = IODataQueueOpen(directories[0]->path, kIODataQueueConsumer);
	check_no_descriptor(consumers[0], EPERM);

	store_relaxed(&directories[1]->memory.data->tail, 4);
	check_no_descriptor(consumers[1], EIO);
}
END_TEST

START_TEST(without_descriptors_left_there_is_none_and_one_later)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 4096 };
	struct rlimit before;
	int fd;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	check_no_descriptor(consumers[0], EMFILE);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumers[1], port),
			 kIOReturnNoResources);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ before.rlim_cur < 4096 ?
			 before.rlim_cur : 4096, 4096 }), 0);
	fd = IODataQueueGetDescriptor(consumers[0]);
	ck_assert_int_gt(fd, 0);
	put(0);
	check_readable(fd, true);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_port_tells_which_of_its_queues_rang);
	tcase_add_test(tests, a_queue_is_told_of_until_it_is_found_empty);
	tcase_add_test(tests, less_room_than_rang_loses_nobody);
	tcase_add_test(tests, a_queue_is_told_of_once_in_a_call);
	tcase_add_test(tests, queues_that_have_entries_when_the_port_is_set_are_told_of);
	tcase_add_test(tests, queues_that_were_closed_or_taken_away_are_not_told_of);
	tcase_add_test(tests, producers_are_told_of_space);
	tcase_add_test(tests, entries_in_place_and_batches_arm_and_ring);
	tcase_add_test(tests, what_is_no_port_and_no_room_is_a_bad_argument);
	tcase_add_test(tests,
		       a_wait_for_a_notification_ends_at_its_deadline_and_not_with_a_signal);
	tcase_add_test(tests, a_wait_for_a_notification_without_end_ends_with_one);
	tcase_add_test(tests,
		       a_wait_for_a_notification_ends_when_another_thread_closes_the_port);
	tcase_add_test(tests, a_descriptor_can_be_polled_selected_and_added_to_an_epoll);
	tcase_add_test(tests, a_descriptor_of_a_producer_tells_of_space);
	tcase_add_test(tests, a_descriptor_is_the_port_that_is_set);
	tcase_add_test(tests,
		       a_descriptor_of_its_own_is_closed_with_the_queue_and_a_port_is_not);
	tcase_add_test(tests, who_may_have_no_descriptor_is_told_why);
	tcase_add_test(tests, without_descriptors_left_there_is_none_and_one_later);
}
