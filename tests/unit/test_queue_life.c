/* SPDX-License-Identifier: MIT */
/*
 * test_queue_life - queues that are made, resized, freed, and not made for lack of
 * something
 */
#include "shared_queue.h"

/* --- sizes */

START_TEST(an_empty_queue_can_get_another_size)
{
	IOSharedDataQueue *queue = new_queue(64);
	IOMemoryDescriptor *old = IOSharedDataQueue_getMemoryDescriptor(queue);
	IOMemoryDescriptor *fresh;
	char bytes[8192] = { 0 };
	UInt32 size = sizeof(bytes);
	mach_port_t port = new_port();

	IOSharedDataQueue_setNotificationPort(queue, port);
	ck_assert(put(queue, "gone"));
	check_next(queue, "gone");
	ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, 8000));
	ck_assert(IOSharedDataQueue_setQueueSize(queue, 8192));
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 8192);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);
	fresh = IOSharedDataQueue_getMemoryDescriptor(queue);
	ck_assert_uint_gt(IOMemoryDescriptor_getLength(fresh), IOMemoryDescriptor_getLength(old));

	expect_quiet(queue, port);
	ck_assert(IOSharedDataQueue_enqueue(queue, bytes, 8000));
	ck_assert(is_readable(port));
	ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, 8000);
	OSObject_release(old);
	OSObject_release(fresh);
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(no_size_is_taken_while_there_are_entries_or_without_a_queue)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_alloc();

	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 64));
	ck_assert(!IOSharedDataQueue_setQueueSize(NULL, 64));
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 0);
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(NULL), 0);
	ck_assert(IOSharedDataQueue_initWithCapacity(queue, 64));
	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 0xffffffff));
	ck_assert(put(queue, "here"));
	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 8192));
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 64);
	check_next(queue, "here");
	OSObject_release(queue);
}
END_TEST

/* --- a queue's life */

/* Every call on a queue that is not (any more) one. */
static void check_says_no(IOSharedDataQueue *queue)
{
	char bytes[8] = { 0 };
	UInt32 size = sizeof(bytes);

	ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, 1));
	ck_assert(!IODataQueue_enqueue(plain(queue), bytes, 1));
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, sizeof(bytes));
	ck_assert_ptr_null(IOSharedDataQueue_getMemoryDescriptor(queue));
	ck_assert_ptr_null(IODataQueue_getMemoryDescriptor(plain(queue)));
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 0);
	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 64));
	ck_assert_int_eq(IOSharedDataQueue_publish(queue, "/tmp", "q"), kIOReturnBadArgument);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(IODataQueue_publish(plain(queue), "/tmp", "q"), kIOReturnBadArgument);
	IODataQueue_sendDataAvailableNotification(plain(queue));
	IOSharedDataQueue_setNotificationPort(queue, MACH_PORT_NULL);
	IODataQueue_setNotificationPort(plain(queue), MACH_PORT_NULL);
}

START_TEST(no_queue_says_no)
{
	check_says_no(NULL);
	IODataQueue_free(NULL);
	IOSharedDataQueue_free(NULL);
	ck_assert(!IODataQueue_initWithCapacity(NULL, 64));
	ck_assert(!IODataQueue_initWithEntries(NULL, 1, 1));
	ck_assert(!IOSharedDataQueue_initWithCapacity(NULL, 64));
	ck_assert(!IOSharedDataQueue_initWithEntries(NULL, 1, 1));
}
END_TEST

START_TEST(a_queue_says_no_until_it_is_initialised_which_is_once)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_alloc();
	IODataQueue *other = IODataQueue_alloc();

	check_says_no(queue);
	ck_assert(!IOSharedDataQueue_initWithCapacity(queue, 0xffffffff));
	ck_assert(!IOSharedDataQueue_initWithEntries(queue, 0xffffffff, 1));
	check_says_no(queue);
	ck_assert(IOSharedDataQueue_initWithEntries(queue, 2, 8));
	ck_assert(!IOSharedDataQueue_initWithEntries(queue, 2, 8));
	ck_assert(!IOSharedDataQueue_initWithCapacity(queue, 64));
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 36);
	ck_assert(put(queue, "once"));

	ck_assert(!IODataQueue_enqueue(other, NULL, 0));
	ck_assert(IODataQueue_initWithCapacity(other, 64));
	ck_assert(!IODataQueue_initWithCapacity(other, 64));
	ck_assert(!IODataQueue_initWithEntries(other, 2, 8));
	ck_assert(IODataQueue_enqueue(other, NULL, 0));
	check_next(queue, "once");
	OSObject_release(queue);
	OSObject_release(other);
}
END_TEST

START_TEST(a_port_may_be_set_before_a_queue_is_initialised)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_alloc();
	mach_port_t port = new_port();
	UInt32 size = 0;

	IOSharedDataQueue_setNotificationPort(queue, port);
	ck_assert(IOSharedDataQueue_initWithCapacity(queue, 64));
	ck_assert(!IOSharedDataQueue_dequeue(queue, &size, &size));
	ck_assert(put(queue, ""));
	ck_assert(is_readable(port));
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(a_freed_queue_says_no_and_may_be_freed_again)
{
	IOSharedDataQueue *queue = new_queue(64);
	IOMemoryDescriptor *descriptor = IOSharedDataQueue_getMemoryDescriptor(queue);
	mach_port_t port = new_port();

	ck_assert(put(queue, "lost"));
	IOSharedDataQueue_setNotificationPort(queue, port);
	IOSharedDataQueue_free(queue);
	check_says_no(queue);
	IOSharedDataQueue_free(queue);
	IODataQueue_free(plain(queue));
	check_says_no(queue);
	ck_assert(!is_readable(port));
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);

	/* What was handed out is the holder's. */
	ck_assert_int_ge(fcntl(IOMemoryDescriptor_getDescriptor(descriptor), F_GETFD), 0);
	OSObject_release(descriptor);

	ck_assert(IOSharedDataQueue_initWithCapacity(queue, 128));
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(put(queue, "a new life"));
	check_next(queue, "a new life");
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(publish_refuses_what_is_no_directory_and_no_name)
{
	static const char *const names[] = { NULL, "", ".", "..", "a/b", "/", "q/" };
	IODataQueue *queue = IODataQueue_withCapacity(64);
	IOSharedDataQueue *shared = new_queue(64);

	ck_assert_int_eq(IODataQueue_publish(queue, NULL, "q"), kIOReturnBadArgument);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(IODataQueue_publish(queue, "", "q"), kIOReturnNotFound);
	ck_assert_int_eq(IODataQueue_publish(queue, "/nowhere/at/all", "q"), kIOReturnNotFound);
	ck_assert_int_eq(errno, ENOENT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(IODataQueue_publish(queue, "/tmp", names[i]),
				 kIOReturnBadArgument);
		ck_assert_int_eq(IOSharedDataQueue_publish(shared, "/tmp", names[i]),
				 kIOReturnBadArgument);
	}
	ck_assert(IODataQueue_enqueue(queue, NULL, 0));
	ck_assert(put(shared, "as before"));
	check_next(shared, "as before");
	OSObject_release(queue);
	OSObject_release(shared);
}
END_TEST

START_TEST(a_plain_directory_is_no_place_to_publish_and_stays_clean)
{
	char path[] = "/tmp/queue-XXXXXX";
	IOSharedDataQueue *queue = new_queue(64);

	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert(put(queue, "as before"));
	ck_assert_int_eq(IOSharedDataQueue_publish(queue, path, "q"), kIOReturnUnsupported);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	ck_assert_int_eq(rmdir(path), 0);
	check_next(queue, "as before");
	OSObject_release(queue);
}
END_TEST

/* --- what runs out */

static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The number that the next descriptor gets: with this as the limit there is none. */
static rlim_t next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return (rlim_t)fd;
}

/* With one descriptor more at each try: no, no, ..., yes; and nothing is left over. */
START_TEST(out_of_descriptors_there_is_no_queue_and_nothing_is_left)
{
	const rlim_t first = next_descriptor();
	rlim_t n = first;
	bool made = false;

	for (; !made && n < N_FDS_AT_MOST; n++) {
		IODataQueue *queue;
		IOSharedDataQueue *shared;

		limit_descriptors(n);
		queue = IODataQueue_withCapacity(64);
		shared = IOSharedDataQueue_withEntries(1, 1);
		made = queue && shared;
		OSObject_release(queue);
		OSObject_release(shared);
		limit_descriptors(N_FDS_AT_MOST);
		ck_assert_uint_eq(n_open(), n_open_at_first);
	}
	ck_assert(made);
	ck_assert_uint_gt(n, first + 2);
}
END_TEST

START_TEST(a_queue_that_cannot_be_looked_at_is_not_taken_for_an_empty_one)
{
	IOSharedDataQueue *queue = new_queue(4096);

	ck_assert(put(queue, "as before"));
	limit_descriptors(next_descriptor());
	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 64));
	limit_descriptors(N_FDS_AT_MOST);
	check_next(queue, "as before");
	ck_assert(IOSharedDataQueue_setQueueSize(queue, 64));
	OSObject_release(queue);
}
END_TEST

START_TEST(out_of_descriptors_calls_say_no_and_later_they_succeed)
{
	IOSharedDataQueue *queue = new_queue(64);
	unsigned n = n_open();
	UInt32 size = 0;

	limit_descriptors(next_descriptor());
	ck_assert_ptr_null(IOSharedDataQueue_getMemoryDescriptor(queue));
	ck_assert(!put(queue, ""));
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(!IOSharedDataQueue_dequeue(queue, &size, &size));
	ck_assert(!IOSharedDataQueue_setQueueSize(queue, 128));
	limit_descriptors(N_FDS_AT_MOST);
	ck_assert_uint_eq(n_open(), n);

	ck_assert(put(queue, "later"));
	check_next(queue, "later");
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), 64);
	OSObject_release(queue);
}
END_TEST

START_TEST(a_size_is_refused_out_of_descriptors_and_the_entries_stay)
{
	IOSharedDataQueue *queue = new_queue(64);

	ck_assert(put(queue, "stays"));
	for (rlim_t n = next_descriptor(); n < N_FDS_AT_MOST; n++) {
		limit_descriptors(n);
		ck_assert(!IOSharedDataQueue_setQueueSize(queue, 128));
	}
	check_next(queue, "stays");
	OSObject_release(queue);
}
END_TEST

START_TEST(a_child_may_release_its_parents_queues)
{
	IOSharedDataQueue *queue = new_queue(64);
	int status;
	pid_t child;

	ck_assert(put(queue, "the parent's"));
	child = fork();
	if (child == 0) {
		OSObject_release(queue);
		_exit(n_open() == n_open_at_first ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(put(queue, "goes on"));
	check_next(queue, "the parent's");
	check_next(queue, "goes on");
	OSObject_release(queue);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, an_empty_queue_can_get_another_size);
	tcase_add_test(tests, no_size_is_taken_while_there_are_entries_or_without_a_queue);
	tcase_add_test(tests, no_queue_says_no);
	tcase_add_test(tests, a_queue_says_no_until_it_is_initialised_which_is_once);
	tcase_add_test(tests, a_port_may_be_set_before_a_queue_is_initialised);
	tcase_add_test(tests, a_freed_queue_says_no_and_may_be_freed_again);
	tcase_add_test(tests, publish_refuses_what_is_no_directory_and_no_name);
	tcase_add_test(tests, a_plain_directory_is_no_place_to_publish_and_stays_clean);
	tcase_add_test(tests, out_of_descriptors_there_is_no_queue_and_nothing_is_left);
	tcase_add_test(tests, a_queue_that_cannot_be_looked_at_is_not_taken_for_an_empty_one);
	tcase_add_test(tests, out_of_descriptors_calls_say_no_and_later_they_succeed);
	tcase_add_test(tests, a_size_is_refused_out_of_descriptors_and_the_entries_stay);
	tcase_add_test(tests, a_child_may_release_its_parents_queues);
}
