/* SPDX-License-Identifier: MIT */
/*
 * test_data_queue - the documented functions, each with each of its results;
 * linked with the shared library, as a program is
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "both_sides.h"
#include "asleep.h"

static void check_no_open(const char *path, int role, int error)
{
	errno = 0;
	ck_assert_ptr_null(IODataQueueOpen(path, role));
	ck_assert_int_eq(errno, error);
}

START_TEST(open_refuses_what_is_no_path_and_no_role)
{
	check_no_open(NULL, kIODataQueueObserver, EINVAL);
	check_no_open("", kIODataQueueObserver, EINVAL);
	check_no_open(directory.path, -1, EINVAL);
	check_no_open(directory.path, 3, EINVAL);
}
END_TEST

START_TEST(open_says_what_is_wrong_with_the_path)
{
	check_no_open("/nowhere/to/be/found", kIODataQueueObserver, ENOENT);
	check_no_open(file_in(&directory, "data"), kIODataQueueObserver, ENOTDIR);
	check_no_open("/tmp", kIODataQueueConsumer, ENOENT);
}
END_TEST

START_TEST(a_role_has_one_holder_and_observers_are_many)
{
	IODataQueueMemory *one, *two;

	check_no_open(directory.path, kIODataQueueProducer, EBUSY);
	check_no_open(directory.path, kIODataQueueConsumer, EBUSY);
	one = IODataQueueOpen(directory.path, kIODataQueueObserver);
	two = IODataQueueOpen(directory.path, kIODataQueueObserver);
	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_nonnull(two);
	IODataQueueClose(one);
	IODataQueueClose(two);
}
END_TEST

START_TEST(close_gives_up_the_role_and_leaves_the_entries)
{
	put_text("one");
	IODataQueueClose(producer);
	IODataQueueClose(consumer);
	IODataQueueClose(NULL);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	put_text("two");
	check_next("one");
	check_next("two");
}
END_TEST

START_TEST(open_refuses_damaged_memory)
{
	IODataQueueClose(producer);
	producer = NULL;
	store_relaxed(&directory.memory.data->version, 2);
	check_no_open(directory.path, kIODataQueueProducer, EIO);
	store_relaxed(&directory.memory.data->version, 1);
	ck_assert_int_eq(truncate(file_in(&directory, "consumer"), 0), 0);
	check_no_open(directory.path, kIODataQueueProducer, EIO);
	ck_assert_int_eq(truncate(file_in(&directory, "consumer"), QUEUE_PAGE), 0);
	/* A refused open holds nothing. */
	memcpy(directory.memory.consumer->magic, QUEUE_CONSUMER_MAGIC, 8);
	store_relaxed(&directory.memory.consumer->version, 1);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_ptr_nonnull(producer);
}
END_TEST

START_TEST(open_wants_the_rights_of_its_role)
{
	IODataQueueMemory *observer;

	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(directory.path, 0755), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	} else {
		ck_assert_int_eq(chmod(file_in(&directory, "data"), 0444), 0);
	}
	IODataQueueClose(producer);
	producer = NULL;
	check_no_open(directory.path, kIODataQueueProducer, EACCES);
	observer = IODataQueueOpen(directory.path, kIODataQueueObserver);
	ck_assert_ptr_nonnull(observer);
	IODataQueueClose(observer);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(a_relative_path_is_one_from_the_current_directory)
{
	IODataQueueClose(consumer);
	ck_assert_int_eq(chdir("/tmp"), 0);
	consumer = IODataQueueOpen(directory.path + strlen("/tmp/"), kIODataQueueConsumer);
	ck_assert_ptr_nonnull(consumer);
	put_text("x");
	check_next("x");
}
END_TEST

START_TEST(a_queue_without_fifos_still_moves_entries)
{
	ck_assert_int_eq(unlink(file_in(&directory, "notify")), 0);
	ck_assert_int_eq(unlink(file_in(&directory, "serviced")), 0);
	close(make_file(&directory, "notify", 0));
	IODataQueueClose(consumer);
	IODataQueueClose(producer);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	ck_assert_ptr_nonnull(producer);
	ck_assert_ptr_nonnull(consumer);
	put_text("x");
	check_next("x");
}
END_TEST

START_TEST(null_is_a_bad_argument_everywhere)
{
	struct timespec now = in_ms(0);
	UInt32 size = 0;
	char byte;

	ck_assert_int_eq(IODataQueueDataAvailable(NULL), 0);
	ck_assert_ptr_null(IODataQueuePeek(NULL));
	ck_assert_int_eq(IODataQueueDequeue(NULL, &byte, &size), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDequeue(consumer, &byte, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueue(NULL, &byte, 1), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueue(producer, NULL, 1), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueEnqueue(producer, NULL, 0), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueSetNotificationPort(NULL, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(NULL, 1), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(NULL, 1, &now), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForSpace(NULL, 1), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForSpaceUntil(NULL, 1, &now), kIOReturnBadArgument);
}
END_TEST

START_TEST(what_a_role_may_not_do_is_not_permitted)
{
	IODataQueueMemory *observer = IODataQueueOpen(directory.path, kIODataQueueObserver);
	int port = IODataQueueAllocateNotificationPort();
	UInt32 size = 1;
	char byte = 0;

	ck_assert_int_eq(IODataQueueEnqueue(consumer, &byte, 1), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueEnqueue(observer, &byte, 1), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDequeue(producer, &byte, &size), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDequeue(observer, &byte, &size), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueWaitForSpace(consumer, 1), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(producer, port), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(observer, port), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueSetNotificationPort(observer, port), kIOReturnNotPermitted);
	ck_assert_ptr_null(IODataQueuePeek(producer));
	IODataQueueClose(observer);
	close(port);
}
END_TEST

START_TEST(an_empty_queue_is_an_underrun_and_changes_nothing)
{
	UInt32 size = 7;
	char bytes[7] = "before";

	ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
	ck_assert_ptr_null(IODataQueuePeek(consumer));
	ck_assert_int_eq(IODataQueueDequeue(consumer, bytes, &size), kIOReturnUnderrun);
	ck_assert_uint_eq(size, 7);
	ck_assert_str_eq(bytes, "before");
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnUnderrun);
}
END_TEST

START_TEST(a_small_buffer_gets_no_space_and_the_true_size)
{
	UInt32 size = 4;
	char bytes[5] = "....";

	put_text("hello");
	ck_assert_int_eq(IODataQueueDequeue(consumer, bytes, &size), kIOReturnNoSpace);
	ck_assert_uint_eq(size, 5);
	ck_assert_str_eq(bytes, "....");
	check_next("hello");
}
END_TEST

START_TEST(null_data_drops_an_entry_and_tells_its_size)
{
	UInt32 size = 0;

	put_text("hello");
	put_text("world");
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, &size), kIOReturnSuccess);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
}
END_TEST

START_TEST(too_large_is_not_the_same_as_full)
{
	char bytes[1025] = { 0 };

	fill_up();
	ck_assert_int_eq(IODataQueueEnqueue(producer, bytes, 1016), kIOReturnOverrun);
	ck_assert_int_eq(IODataQueueEnqueue(producer, bytes, 1025), kIOReturnMessageTooLarge);
	ck_assert_int_eq(IODataQueueEnqueue(producer, bytes, UINT32_MAX), kIOReturnMessageTooLarge);
	ck_assert_int_eq(IODataQueueWaitForSpace(producer, 1025), kIOReturnMessageTooLarge);
	ck_assert_int_eq(IODataQueueDequeue(consumer, NULL, NULL), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueEnqueue(producer, bytes, 1016), kIOReturnSuccess);
}
END_TEST

START_TEST(peek_shows_the_entry_in_place_and_leaves_it)
{
	IODataQueueMemory *observer = IODataQueueOpen(directory.path, kIODataQueueObserver);
	IODataQueueEntry *entry;

	ck_assert_uint_eq(DATA_QUEUE_ENTRY_HEADER_SIZE, 8);
	put_text("hello");
	for (int i = 0; i < 2; i++) {
		entry = IODataQueuePeek(consumer);
		ck_assert_ptr_nonnull(entry);
		ck_assert_uint_eq(entry->size, 5);
		ck_assert_mem_eq(entry->data, "hello", 5);
	}
	entry = IODataQueuePeek(observer);
	ck_assert_ptr_nonnull(entry);
	ck_assert_mem_eq(entry->data, "hello", 5);
	ck_assert_int_eq(IODataQueueDataAvailable(observer), 1);
	ck_assert_int_eq(IODataQueueDataAvailable(producer), 1);
	check_next("hello");
	ck_assert_int_eq(IODataQueueDataAvailable(observer), 0);
	ck_assert_int_eq(IODataQueueDataAvailable(producer), 0);
	ck_assert_ptr_null(IODataQueuePeek(observer));
	IODataQueueClose(observer);
}
END_TEST

START_TEST(damage_is_an_error_in_every_call_until_opened_anew)
{
	int port = IODataQueueAllocateNotificationPort();
	UInt32 size = 8;
	char bytes[8];

	put_text("hello");
	((struct queue_entry *)(void *)directory.memory.data->queue)->size = 6;
	ck_assert_ptr_nonnull(IODataQueuePeek(consumer));
	((struct queue_entry *)(void *)directory.memory.data->queue)->size = 4096;
	ck_assert_int_eq(IODataQueueDequeue(consumer, bytes, &size), kIOReturnError);
	((struct queue_entry *)(void *)directory.memory.data->queue)->size = 5;
	ck_assert_int_eq(IODataQueueDequeue(consumer, bytes, &size), kIOReturnError);
	ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
	ck_assert_ptr_null(IODataQueuePeek(consumer));
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), kIOReturnError);
	ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnError);

	IODataQueueClose(consumer);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	check_next("hello");
	close(port);
}
END_TEST

START_TEST(a_wait_looks_at_the_queue_first)
{
	struct timespec past = in_ms(-1000);
	int port = IODataQueueAllocateNotificationPort();

	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &past),
			 kIOReturnTimeout);
	put_text("x");
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &past),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueWaitForSpace(producer, 1024), kIOReturnSuccess);
	fill_up();
	ck_assert_int_eq(IODataQueueWaitForSpaceUntil(producer, 1024, &past), kIOReturnTimeout);
	close(port);
}
END_TEST

START_TEST(a_wait_needs_an_open_port)
{
	int port = IODataQueueAllocateNotificationPort();

	close(port);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, -1), kIOReturnBadArgument);
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
}

START_TEST(a_wait_ends_at_its_deadline_and_not_with_a_signal)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	struct timespec soon = in_ms(60);
	int port = IODataQueueAllocateNotificationPort();

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &soon),
			 kIOReturnTimeout);
	ck_assert(is_over(&soon));
	close(port);
}
END_TEST

/*
 * A child that does @act with attachments of its own, once the parent sleeps.
 * The parent's are closed for its descriptors: a role lives as long as any copy.
 */
static pid_t child_that(void (*act)(void))
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		act();
		_exit(0);
	}
	return child;
}

static void reap(pid_t child, int expected)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, expected);
}

static void produce_late(void)
{
	usleep(30000);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	if (!producer || try_put_text("late") != kIOReturnSuccess)
		_exit(1);
}

START_TEST(a_wait_is_ended_by_another_process_that_produces)
{
	int port = IODataQueueAllocateNotificationPort();
	pid_t child;

	IODataQueueClose(producer);
	producer = NULL;
	child = child_that(produce_late);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), kIOReturnSuccess);
	check_next("late");
	reap(child, 0);
	close(port);
}
END_TEST

static void consume_late(void)
{
	usleep(30000);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	while (consumer && IODataQueueDequeue(consumer, NULL, NULL) == kIOReturnSuccess)
		;
	if (!consumer)
		_exit(1);
}

START_TEST(a_wait_for_space_is_ended_by_another_process_that_consumes)
{
	pid_t child;

	fill_up();
	IODataQueueClose(consumer);
	consumer = NULL;
	child = child_that(consume_late);
	ck_assert_int_eq(IODataQueueWaitForSpace(producer, 1024), kIOReturnSuccess);
	put_text("fits");
	reap(child, 0);
}
END_TEST

static void *close_late(void *fd)
{
	wait_until_main_sleeps();
	/* Meant so: no sanitizer has to take it for a mistake. */
	syscall(SYS_close, *(int *)fd);
	return NULL;
}

START_TEST(a_wait_ends_when_another_thread_closes_its_port)
{
	int port = IODataQueueAllocateNotificationPort();
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, close_late, &port), 0);
	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port), MACH_RCV_PORT_DIED);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* The number is at once another file's. */
static void *replace_late(void *fd)
{
	int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

	wait_until_main_sleeps();
	dup2(other, *(int *)fd);
	close(other);
	return NULL;
}

START_TEST(a_wait_ends_when_its_port_is_closed_and_the_number_used_again)
{
	for (int is_set = 0; is_set < 2; is_set++) {
		int port = IODataQueueAllocateNotificationPort();
		pthread_t thread;

		if (is_set)
			ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port),
					 kIOReturnSuccess);
		ck_assert_int_eq(pthread_create(&thread, NULL, replace_late, &port), 0);
		ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, port),
				 MACH_RCV_PORT_DIED);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		close(port);
	}
}
END_TEST

START_TEST(a_file_that_is_no_port_is_none)
{
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(IODataQueueWaitForAvailableData(consumer, file), kIOReturnBadArgument);
	close(file);
}
END_TEST

/* With each number of descriptors left, up to what it takes. */
START_TEST(open_without_enough_descriptors_says_so)
{
	struct rlimit before, few;
	int first = dup(0), n = 0;

	close(first);
	IODataQueueClose(producer);
	producer = NULL;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (; !producer && n < 20; n++) {
		few = (struct rlimit){ (rlim_t)(first + n), before.rlim_max };
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
		ck_assert(producer || errno == EMFILE);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	}
	ck_assert_int_gt(n, 3);
	ck_assert_int_ge(IODataQueueGetDescriptor(producer), 0);
}
END_TEST

static void produce_and_be_killed(void)
{
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	if (!producer || try_put_text("from the first") != kIOReturnSuccess)
		_exit(1);
	kill(getpid(), SIGKILL);
}

START_TEST(a_killed_producer_frees_the_role_and_the_next_one_goes_on)
{
	IODataQueueClose(producer);
	reap(child_that(produce_and_be_killed), SIGKILL);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	ck_assert_ptr_nonnull(producer);
	put_text("from the second");
	check_next("from the first");
	check_next("from the second");
}
END_TEST

static void peek_and_be_killed(void)
{
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	if (!consumer || !IODataQueuePeek(consumer))
		_exit(1);
	kill(getpid(), SIGKILL);
}

START_TEST(a_killed_consumer_frees_the_role_and_its_entry_is_delivered_again)
{
	IODataQueueClose(consumer);
	put_text("twice");
	reap(child_that(peek_and_be_killed), SIGKILL);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	ck_assert_ptr_nonnull(consumer);
	check_next("twice");
}
END_TEST

START_TEST(after_a_restart_the_roles_are_held_still)
{
	struct timespec soon = in_ms(1);
	int port = IODataQueueAllocateNotificationPort();

	restart(&directory);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &soon),
			 kIOReturnTimeout);
	put_text("x");
	check_next("x");
	check_no_open(directory.path, kIODataQueueProducer, EBUSY);
	check_no_open(directory.path, kIODataQueueConsumer, EBUSY);
	close(port);
}
END_TEST

/* The role's file is another one then, as in a mount; the memory is not. */
START_TEST(after_a_restart_the_role_is_taken_in_the_new_mount)
{
	struct timespec soon = in_ms(1);
	int port = IODataQueueAllocateNotificationPort();
	char moved[80];

	snprintf(moved, sizeof(moved), "%s/old", directory.path);
	ck_assert_int_eq(rename(file_in(&directory, "consumer"), moved), 0);
	close(make_file(&directory, "consumer", QUEUE_PAGE));
	restart(&directory);
	ck_assert_int_eq(IODataQueueWaitForAvailableDataUntil(consumer, port, &soon),
			 kIOReturnTimeout);
	check_no_open(directory.path, kIODataQueueConsumer, EBUSY);
	put_text("x");
	check_next("x");
	unlink(moved);
	close(port);
}
END_TEST

START_TEST(each_attachment_leaves_no_descriptor_behind)
{
	int first = dup(0), last;

	close(first);
	for (int i = 0; i < 3; i++) {
		int port = IODataQueueAllocateNotificationPort();

		IODataQueueClose(consumer);
		consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
		ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, port), kIOReturnSuccess);
		restart(&directory);
		ck_assert_int_eq(IODataQueueDataAvailable(consumer), 0);
		check_no_open("/tmp", kIODataQueueConsumer, ENOENT);
		ck_assert_int_eq(IODataQueueSetNotificationPort(consumer, 0), kIOReturnSuccess);
		close(port);
	}
	last = dup(0);
	close(last);
	ck_assert_int_eq(last, first);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, open_sides, close_sides);
	tcase_add_test(tests, open_refuses_what_is_no_path_and_no_role);
	tcase_add_test(tests, open_says_what_is_wrong_with_the_path);
	tcase_add_test(tests, a_role_has_one_holder_and_observers_are_many);
	tcase_add_test(tests, close_gives_up_the_role_and_leaves_the_entries);
	tcase_add_test(tests, open_refuses_damaged_memory);
	tcase_add_test(tests, open_wants_the_rights_of_its_role);
	tcase_add_test(tests, a_relative_path_is_one_from_the_current_directory);
	tcase_add_test(tests, a_queue_without_fifos_still_moves_entries);
	tcase_add_test(tests, null_is_a_bad_argument_everywhere);
	tcase_add_test(tests, what_a_role_may_not_do_is_not_permitted);
	tcase_add_test(tests, an_empty_queue_is_an_underrun_and_changes_nothing);
	tcase_add_test(tests, a_small_buffer_gets_no_space_and_the_true_size);
	tcase_add_test(tests, null_data_drops_an_entry_and_tells_its_size);
	tcase_add_test(tests, too_large_is_not_the_same_as_full);
	tcase_add_test(tests, peek_shows_the_entry_in_place_and_leaves_it);
	tcase_add_test(tests, damage_is_an_error_in_every_call_until_opened_anew);
	tcase_add_test(tests, a_wait_looks_at_the_queue_first);
	tcase_add_test(tests, a_wait_needs_an_open_port);
	tcase_add_test(tests, a_wait_ends_at_its_deadline_and_not_with_a_signal);
	tcase_add_test(tests, a_wait_is_ended_by_another_process_that_produces);
	tcase_add_test(tests, a_wait_for_space_is_ended_by_another_process_that_consumes);
	tcase_add_test(tests, a_wait_ends_when_another_thread_closes_its_port);
	tcase_add_test(tests, a_wait_ends_when_its_port_is_closed_and_the_number_used_again);
	tcase_add_test(tests, a_file_that_is_no_port_is_none);
	tcase_add_test(tests, open_without_enough_descriptors_says_so);
	tcase_add_test(tests, a_killed_producer_frees_the_role_and_the_next_one_goes_on);
	tcase_add_test(tests,
		       a_killed_consumer_frees_the_role_and_its_entry_is_delivered_again);
	tcase_add_test(tests, after_a_restart_the_roles_are_held_still);
	tcase_add_test(tests, after_a_restart_the_role_is_taken_in_the_new_mount);
	tcase_add_test(tests, each_attachment_leaves_no_descriptor_behind);
}
