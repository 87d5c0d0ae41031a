/* SPDX-License-Identifier: MIT */
/*
 * test_stream_client_callback - who is told that entries came: by a dispatch queue, or by polling
 */
#include "plain_stream.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "clock.h"

static struct plain_stream stream;
static IOStreamRef ref;
static int n_calls;			/* any thread */
static void *last_context;

static void make(void)
{
	new_stream(&stream);
	ref = open_stream(&stream);
	set_state(&stream.rings, STREAM_RUNNING);
}

static void clean(void)
{
	(*ref)->Release(ref);
	remove_stream(&stream);
}

static void count_call(IOStreamRef called, void *context)
{
	ck_assert_ptr_eq(called, ref);
	last_context = context;
	settle_notify(&stream);
	__atomic_fetch_add(&n_calls, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_calls(int n)
{
	const struct timespec end = in_ms(20000);

	while (__atomic_load_n(&n_calls, __ATOMIC_SEQ_CST) < n) {
		ck_assert(!is_over(&end));
		sched_yield();
	}
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static IODispatchQueue *new_queue(uint64_t options)
{
	IODispatchQueue *queue = NULL;

	ck_assert_int_eq(IODispatchQueue_Create("stream", options, 0, &queue), kIOReturnSuccess);
	return queue;
}

/* --- by polling */

START_TEST(one_call_however_many_notifications)
{
	int source = (*ref)->GetRunLoopSource(ref);

	ck_assert_int_gt(source, 2);
	ck_assert_int_eq((*ref)->GetOutputPort(ref), source);
	ck_assert_int_eq((*ref)->SetOutputCallback(ref, count_call, &stream), kIOReturnSuccess);
	ck_assert(!is_readable(source));
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);

	for (int i = 0; i < 3; i++)
		notify_client(&stream);
	ck_assert(is_readable(source));
	ck_assert_uint_eq(IOStreamDispatch(ref), 1);
	ck_assert_int_eq(n_calls, 1);
	ck_assert_ptr_eq(last_context, &stream);
	ck_assert_uint_eq(stream.rings.tally->pending, 0);
	ck_assert(!is_readable(source));
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	ck_assert_uint_eq(IOStreamDispatch(NULL), 0);
	ck_assert_int_eq(n_calls, 1);
}
END_TEST

START_TEST(what_comes_before_there_is_a_callback_waits)
{
	notify_client(&stream);
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	ck_assert_uint_eq(stream.rings.tally->pending, 1);
	(*ref)->SetOutputCallback(ref, count_call, NULL);
	ck_assert_uint_eq(IOStreamDispatch(ref), 1);
	notify_client(&stream);
	(*ref)->SetOutputCallback(ref, NULL, NULL);
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	ck_assert_int_eq(n_calls, 1);
}
END_TEST

static void notify_again(IOStreamRef called, void *context)
{
	count_call(called, context);
	if (n_calls < 5) {
		notify_client(&stream);
		/* Not within itself. */
		ck_assert_uint_eq(IOStreamDispatch(called), 0);
	}
}

START_TEST(what_comes_in_the_callback_makes_another)
{
	int source = (*ref)->GetRunLoopSource(ref);

	(*ref)->SetOutputCallback(ref, notify_again, NULL);
	notify_client(&stream);
	while (is_readable(source))
		ck_assert_uint_eq(IOStreamDispatch(ref), 1);
	ck_assert_int_eq(n_calls, 5);
}
END_TEST

START_TEST(callback_and_source_outlast_close_and_open)
{
	IODispatchQueue *queue = new_queue(0);
	IOStreamRef other;
	int source;

	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &other), kIOReturnSuccess);
	(*ref)->Release(ref);
	ref = other;
	source = (*ref)->GetRunLoopSource(ref);
	ck_assert_int_eq((*ref)->SetOutputCallback(ref, count_call, NULL), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, queue), kIOReturnSuccess);
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
		notify_client(&stream);
		wait_for_calls(i);
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
		ck_assert_int_eq((*ref)->GetRunLoopSource(ref), source);
		ck_assert(!is_readable(source));
		ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	}
	OSObject_release(queue);
}
END_TEST

/* --- by dispatch queues */

START_TEST(a_queue_calls_each_time)
{
	IODispatchQueue *queue = new_queue(0);

	(*ref)->SetOutputCallback(ref, count_call, NULL);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, queue), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, queue), kIOReturnSuccess);
	OSObject_release(queue);
	for (int i = 1; i <= 100; i++) {
		notify_client(&stream);
		wait_for_calls(i);
	}
}
END_TEST

START_TEST(a_callback_that_is_set_late_is_called_by_the_queue)
{
	IODispatchQueue *queue = new_queue(kIODispatchQueueCallerRuns);
	int descriptor = IODispatchQueue_GetDescriptor(queue);

	(*ref)->AddToRunLoop(ref, queue);
	notify_client(&stream);
	/* It does not look again and again for nobody. */
	for (int i = 0; i < 3; i++)
		IODispatchQueue_Dispatch(queue);
	ck_assert(!is_readable(descriptor));
	(*ref)->SetOutputCallback(ref, count_call, NULL);
	ck_assert(is_readable(descriptor));
	IODispatchQueue_Dispatch(queue);
	ck_assert_int_eq(n_calls, 1);
	OSObject_release(queue);
}
END_TEST

START_TEST(a_stream_is_with_the_queue_that_was_added_last)
{
	IODispatchQueue *one = new_queue(kIODispatchQueueCallerRuns);
	IODispatchQueue *other = new_queue(kIODispatchQueueCallerRuns);

	ck_assert_int_eq((*ref)->AddToRunLoop(ref, NULL), kIOReturnBadArgument);
	ck_assert_int_eq((*ref)->RemoveFromRunLoop(ref, NULL), kIOReturnBadArgument);
	ck_assert_int_eq((*ref)->RemoveFromRunLoop(ref, one), kIOReturnSuccess);
	(*ref)->SetOutputCallback(ref, count_call, NULL);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, one), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, other), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->RemoveFromRunLoop(ref, one), kIOReturnSuccess);
	notify_client(&stream);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(one), 0);
	ck_assert(is_readable(IODispatchQueue_GetDescriptor(other)));
	IODispatchQueue_Dispatch(other);
	ck_assert_int_eq(n_calls, 1);

	ck_assert_int_eq((*ref)->RemoveFromRunLoop(ref, other), kIOReturnSuccess);
	notify_client(&stream);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(other), 0);
	ck_assert_int_eq(n_calls, 1);
	ck_assert_uint_eq(IOStreamDispatch(ref), 1);
	ck_assert_uint_eq(OSObject_getRetainCount(one), 1);
	ck_assert_uint_eq(OSObject_getRetainCount(other), 1);
	OSObject_release(one);
	OSObject_release(other);
}
END_TEST

static void drain_all(IOStreamRef called, void *context)
{
	IOStreamBufferQueueEntry entry;

	settle_notify(&stream);
	while ((*called)->DequeueOutputEntry(called, &entry) == kIOReturnSuccess) {
		ck_assert_int_eq((*called)->EnqueueInputBuffer(called, entry.bufferID, 0, 0, 0, 0),
				 kIOReturnSuccess);
		__atomic_fetch_add((unsigned *)context, 1, __ATOMIC_SEQ_CST);
	}
}

START_TEST(no_frame_is_left_without_a_call)
{
	const struct timespec end = in_ms(40000);
	IODispatchQueue *queue = new_queue(0);
	IOStreamBufferQueueEntry entry;
	unsigned n_sent = 0, n_taken = 0;
	uint32_t id = 0;

	(*ref)->SetOutputCallback(ref, drain_all, &n_taken);
	(*ref)->AddToRunLoop(ref, queue);
	/* One frame, one notification: each has to come without the next. */
	while (n_sent < 3000) {
		ck_assert_int_eq(send_frame(&stream, id, 1), kIOReturnSuccess);
		notify_client(&stream);
		n_sent++;
		id = (id + 1) % N_BUFFERS;
		while (__atomic_load_n(&n_taken, __ATOMIC_SEQ_CST) < n_sent) {
			ck_assert(!is_over(&end));
			sched_yield();
		}
		while (stream_end_take(&stream.rings.end, &entry) != kIOReturnSuccess)
			;
	}
	(*ref)->RemoveFromRunLoop(ref, queue);
	OSObject_release(queue);
}
END_TEST

/* --- the end */

START_TEST(the_end_is_told_once)
{
	IODispatchQueue *queue = new_queue(kIODispatchQueueCallerRuns);
	int source = (*ref)->GetRunLoopSource(ref);

	(*ref)->SetOutputCallback(ref, count_call, NULL);
	(*ref)->AddToRunLoop(ref, queue);
	close(stream.notify);
	stream.notify = -1;
	ck_assert(is_readable(source));
	IODispatchQueue_Dispatch(queue);
	ck_assert_int_eq(n_calls, 1);
	ck_assert(!is_readable(source));
	ck_assert(!is_readable(IODispatchQueue_GetDescriptor(queue)));
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);

	/* Opened again, it is heard of again. */
	make_notify(&stream);
	restart(&stream);
	ck_assert_int_eq((*ref)->StartStream(ref), kIOReturnSuccess);
	ck_assert(!is_readable(source));
	notify_client(&stream);
	ck_assert(is_readable(source));
	IODispatchQueue_Dispatch(queue);
	ck_assert_int_eq(n_calls, 2);
	OSObject_release(queue);
}
END_TEST

START_TEST(a_restart_that_nobody_polled_through_leaves_no_old_descriptor)
{
	int source = (*ref)->GetRunLoopSource(ref), old = dup(stream.notify);

	(*ref)->SetOutputCallback(ref, count_call, NULL);
	close(stream.notify);
	make_notify(&stream);
	restart(&stream);
	ck_assert_int_eq((*ref)->StopStream(ref), kIOReturnSuccess);
	close(old);
	ck_assert(!is_readable(source));
	notify_client(&stream);
	ck_assert_uint_eq(IOStreamDispatch(ref), 1);
}
END_TEST

/* --- while it runs */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int n_inside, n_most;

static void wait_inside(IOStreamRef called, void *context)
{
	int n = __atomic_add_fetch(&n_inside, 1, __ATOMIC_SEQ_CST);

	if (n > n_most)
		n_most = n;
	count_call(called, context);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	__atomic_fetch_sub(&n_inside, 1, __ATOMIC_SEQ_CST);
}

/* *@n_then: how many calls there were when it was unset. */
static void *unset_callback(void *n_then)
{
	(*ref)->SetOutputCallback(ref, NULL, NULL);
	/* Nobody is in it any more. */
	ck_assert_int_eq(__atomic_load_n(&n_inside, __ATOMIC_SEQ_CST), 0);
	__atomic_store_n((int *)n_then, __atomic_load_n(&n_calls, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
	return NULL;
}

START_TEST(a_callback_that_runs_is_waited_for_and_not_run_twice)
{
	IODispatchQueue *queue = new_queue(0);
	pthread_t thread;
	int n_then = 0;

	pthread_mutex_lock(&gate);
	(*ref)->SetOutputCallback(ref, wait_inside, NULL);
	(*ref)->AddToRunLoop(ref, queue);
	notify_client(&stream);
	wait_for_calls(1);
	notify_client(&stream);
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, unset_callback, &n_then), 0);
	/* All else goes on meanwhile. */
	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_eq((*ref)->GetBufferCount(ref), N_BUFFERS);
		ck_assert_int_eq((*ref)->StopStream(ref), kIOReturnSuccess);
	}
	ck_assert_int_eq(__atomic_load_n(&n_then, __ATOMIC_SEQ_CST), 0);
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	/* One more, if the thread came after the gate was opened; none after it. */
	ck_assert(n_then == 1 || n_then == 2);
	notify_client(&stream);
	ck_assert_uint_eq(IOStreamDispatch(ref), 0);
	OSObject_release(queue);
	ck_assert_int_eq(n_calls, n_then);
	ck_assert_int_eq(n_most, 1);
}
END_TEST

static void end_it_all(IOStreamRef called, void *queue)
{
	settle_notify(&stream);
	ck_assert_int_eq((*called)->SetOutputCallback(called, NULL, NULL), kIOReturnSuccess);
	ck_assert_int_eq((*called)->StopStream(called), kIOReturnSuccess);
	ck_assert_int_eq((*called)->Close(called), kIOReturnSuccess);
	ck_assert_int_eq((*called)->RemoveFromRunLoop(called, queue), kIOReturnSuccess);
	(*called)->Release(called);
	__atomic_fetch_add(&n_calls, 1, __ATOMIC_SEQ_CST);
}

START_TEST(a_callback_may_end_everything)
{
	unsigned n_before = n_open(), n_maps;
	IODispatchQueue *queue;
	IOStreamRef other;

	(*ref)->Close(ref);
	n_maps = n_mappings(&stream);
	n_before = n_open();
	for (int i = 1; i <= 20; i++) {
		queue = new_queue(0);
		other = open_stream(&stream);
		(*other)->SetOutputCallback(other, end_it_all, queue);
		(*other)->AddToRunLoop(other, queue);
		notify_client(&stream);
		wait_for_calls(i);
		OSObject_release(queue);
		/* By polling, too. */
		other = open_stream(&stream);
		(*other)->SetOutputCallback(other, end_it_all, &stream);
		notify_client(&stream);
		ck_assert_uint_eq(IOStreamDispatch(other), 1);
		n_calls--;
	}
	ck_assert_uint_eq(n_open(), n_before);
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, one_call_however_many_notifications);
	tcase_add_test(tests, what_comes_before_there_is_a_callback_waits);
	tcase_add_test(tests, what_comes_in_the_callback_makes_another);
	tcase_add_test(tests, callback_and_source_outlast_close_and_open);
	tcase_add_test(tests, a_queue_calls_each_time);
	tcase_add_test(tests, a_callback_that_is_set_late_is_called_by_the_queue);
	tcase_add_test(tests, a_stream_is_with_the_queue_that_was_added_last);
	tcase_add_test(tests, no_frame_is_left_without_a_call);
	tcase_add_test(tests, the_end_is_told_once);
	tcase_add_test(tests, a_restart_that_nobody_polled_through_leaves_no_old_descriptor);
	tcase_add_test(tests, a_callback_that_runs_is_waited_for_and_not_run_twice);
	tcase_add_test(tests, a_callback_may_end_everything);
}
