/* SPDX-License-Identifier: MIT */
/*
 * test_source_handlers - when which handler of a source is called
 *
 * Most sources lend a descriptor, and run() runs what there is to run, so that "is
 * not called" can be told from "not yet".
 */
#include "source.h"

START_TEST(the_handler_is_called_when_the_queue_is_no_longer_empty)
{
	in_handler = drain;
	handle_available();
	expect_called(0);
	put("one");
	expect_called(1);
	put("two");
	put("three");
	expect_called(1);
	expect_called(0);
}
END_TEST

START_TEST(setting_the_handler_tells_of_what_is_there_each_time)
{
	put("one");
	handle_available();
	expect_called(1);
	handle_available();
	expect_called(1);
	drain();
	handle_available();
	expect_called(0);
}
END_TEST

START_TEST(one_entry_for_each_call_is_called_for_each_entry)
{
	in_handler = take_one;
	for (int i = 0; i < 8; i++)
		put("entry");
	handle_available();
	expect_called(8);
	for (int i = 0; i < 8; i++)
		put("entry");
	expect_called(8);
}
END_TEST

START_TEST(a_handler_that_takes_nothing_is_called_for_what_is_new)
{
	handle_available();
	put("one");
	expect_called(1);
	expect_called(0);
	put("two");
	expect_called(1);
	drain();
	put("three");
	expect_called(1);
}
END_TEST

START_TEST(who_drains_outside_of_the_handler_leaves_it_armed)
{
	handle_available();
	for (int i = 0; i < 5; i++) {
		put("entry");
		run();
		expect_next("entry");
		put("entry");
		expect_called(1);
		drain();
		expect_called(0);
	}
}
END_TEST

START_TEST(no_handler_is_called_once_it_is_taken_away)
{
	OSAction *none = available;

	handle_available();
	put("one");
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(source, NULL),
			 kIOReturnSuccess);
	put("two");
	expect_called(0);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataAvailableHandler(source, &none),
			 kIOReturnNotReady);
	ck_assert_ptr_null(none);
	handle_available();
	expect_called(1);
}
END_TEST

static int n_other;

static void on_other(void *target, OSAction *action)
{
	(void)target;
	(void)action;
	n_other++;
	drain();
}

START_TEST(a_changed_handler_is_the_one_that_is_called)
{
	OSAction *other, *copy = NULL;

	handle_available();
	put("one");
	run();
	ck_assert_int_eq(OSAction_Create(NULL, on_other, 0, NULL, &other), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(source, other),
			 kIOReturnSuccess);
	expect_called(0);
	ck_assert_int_eq(n_other, 1);
	put("two");
	expect_called(0);
	ck_assert_int_eq(n_other, 2);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataAvailableHandler(source, &copy),
			 kIOReturnSuccess);
	ck_assert_ptr_eq(copy, other);
	OSObject_release(copy);
	OSObject_release(other);
}
END_TEST

START_TEST(send_calls_the_handler_though_there_is_nothing)
{
	handle_available();
	handle_serviced();
	IODataQueueDispatchSource_SendDataAvailable(source);
	expect_called(1);
	IODataQueueDispatchSource_SendDataServiced(source);
	expect_serviced(1);
	expect_called(0);
}
END_TEST

START_TEST(coalesced_entries_are_told_of_by_one_send)
{
	bool flag = false, again = false;

	in_handler = drain;
	handle_available();
	run();
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(IODataQueueDispatchSource_EnqueueWithCoalesce(
			source, 3, &flag, write_text, (void *)(uintptr_t)"abc"), kIOReturnSuccess);
	ck_assert(flag);
	expect_called(0);
	IODataQueueDispatchSource_SendDataAvailable(source);
	expect_called(1);
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));

	/* Nobody handles: true for the first, into the empty queue, and not after. */
	IODataQueueDispatchSource_SetDataAvailableHandler(source, NULL);
	flag = false;
	IODataQueueDispatchSource_EnqueueWithCoalesce(source, 3, &flag, write_text,
						      (void *)(uintptr_t)"abc");
	IODataQueueDispatchSource_EnqueueWithCoalesce(source, 3, &again, write_text,
						      (void *)(uintptr_t)"abc");
	ck_assert(flag && !again);
}
END_TEST

START_TEST(a_full_queue_calls_the_producer_once_there_is_room)
{
	handle_serviced();
	expect_serviced(0);
	ck_assert_int_ge(fill_up(), 10);
	expect_serviced(0);
	get();
	expect_serviced(1);
	/* It did not try again, so it is not told again. */
	drain();
	expect_serviced(0);
}
END_TEST

START_TEST(the_producer_is_called_only_when_what_it_wants_fits)
{
	char large[BYTES - 3] = { 0 };

	memset(large, 'l', sizeof(large) - 1);
	handle_serviced();
	fill_up();
	ck_assert_int_eq(put(large), kIOReturnOverrun);
	n_serviced = 0;
	while (IODataQueueDispatchSource_CanEnqueueData(source, BYTES - 4) == kIOReturnOverrun) {
		expect_serviced(0);
		get();
	}
	expect_serviced(1);
	ck_assert_int_eq(put(large), kIOReturnSuccess);
}
END_TEST

START_TEST(an_enqueue_that_succeeds_ends_the_wait_for_space)
{
	handle_serviced();
	fill_up();
	drain();
	ck_assert_int_eq(put("it fits"), kIOReturnSuccess);
	run();
	expect_serviced(0);
	drain();
	expect_serviced(0);
}
END_TEST

START_TEST(a_producer_that_waited_before_it_had_a_handler_is_told)
{
	fill_up();
	drain();
	handle_serviced();
	expect_serviced(1);
}
END_TEST

START_TEST(setting_the_serviced_handler_alone_calls_nothing)
{
	put("one");
	handle_serviced();
	expect_serviced(0);
	handle_serviced();
	expect_serviced(0);
}
END_TEST

START_TEST(a_refused_entry_nudges_the_consumer_once)
{
	handle_available();
	put_16();
	run();
	fill_up();
	run();
	n_available = 0;
	ck_assert_int_eq(put_16(), kIOReturnOverrun);
	ck_assert_int_eq(put_16(), kIOReturnOverrun);
	expect_called(0);
	get();
	put_16();
	put_16();
	ck_assert_int_eq(put_16(), kIOReturnOverrun);
	run();
	ck_assert_int_le(n_available, 1);
}
END_TEST

START_TEST(coalesced_dequeues_say_that_the_producer_waits)
{
	bool flag = false;

	handle_serviced();
	put("one");
	ck_assert_int_eq(IODataQueueDispatchSource_DequeueWithCoalesce(source, &flag, read_text,
								       NULL), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_DequeueWithCoalesce(source, &flag, read_text,
								       NULL), kIOReturnUnderrun);
	ck_assert(!flag);

	fill_up();
	while (IODataQueueDispatchSource_DequeueWithCoalesce(source, &flag, read_text, NULL) ==
	       kIOReturnSuccess)
		;
	ck_assert(flag);
	expect_serviced(0);
	flag = false;
	IODataQueueDispatchSource_DequeueWithCoalesce(source, &flag, read_text, NULL);
	ck_assert(flag);
	IODataQueueDispatchSource_SendDataServiced(source);
	expect_serviced(1);
}
END_TEST

START_TEST(a_dequeue_of_the_empty_queue_makes_up_for_a_dropped_flag)
{
	bool dropped = false;

	handle_serviced();
	fill_up();
	while (IODataQueueDispatchSource_DequeueWithCoalesce(source, &dropped, read_text, NULL) ==
	       kIOReturnSuccess)
		;
	expect_serviced(0);
	ck_assert_int_eq(get(), kIOReturnUnderrun);
	expect_serviced(1);
}
END_TEST

START_TEST(what_happens_while_disabled_is_told_once_when_enabled)
{
	in_handler = drain;
	handle_available();
	run();
	ck_assert_int_eq(IODataQueueDispatchSource_SetEnable(source, false), kIOReturnSuccess);
	put("one");
	put("two");
	expect_called(0);
	IODataQueueDispatchSource_SetEnable(source, true);
	expect_called(1);
	expect_called(0);
}
END_TEST

START_TEST(what_is_no_longer_so_when_enabled_is_not_told)
{
	handle_available();
	run();
	IODataQueueDispatchSource_SetEnable(source, false);
	put("one");
	run();
	drain();
	IODataQueueDispatchSource_SetEnable(source, true);
	expect_called(0);
	put("two");
	expect_called(1);
}
END_TEST

static void one_while_disabled(void)
{
	if (!IODataQueueDispatchSource_IsDataAvailable(source))
		return;
	IODataQueueDispatchSource_SetEnable(source, false);
	get();
	IODataQueueDispatchSource_SendDataServiced(source);
	IODataQueueDispatchSource_SetEnable(source, true);
}

START_TEST(a_handler_that_disables_and_enables_misses_nothing)
{
	in_handler = one_while_disabled;
	handle_available();
	for (int i = 0; i < 8; i++) {
		put("entry");
		put("entry");
		run();
		ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));
	}
}
END_TEST

static void leave_disabled(void)
{
	IODataQueueDispatchSource_SetEnable(source, false);
}

START_TEST(a_source_that_a_handler_left_disabled_is_told_when_enabled)
{
	in_handler = leave_disabled;
	handle_available();
	put("one");
	expect_called(1);
	put("two");
	expect_called(0);
	in_handler = drain;
	IODataQueueDispatchSource_SetEnable(source, true);
	expect_called(1);
	put("three");
	expect_called(1);
}
END_TEST

START_TEST(the_completion_of_enable_is_called_once)
{
	handle_available();
	for (int i = 1; i <= 4; i++) {
		ck_assert_int_eq(IODataQueueDispatchSource_SetEnableWithCompletion(
			source, i % 2, on_completion, NULL), kIOReturnSuccess);
		ck_assert_int_eq(n_completed, i - 1);
		run();
		ck_assert_int_eq(n_completed, i);
	}
}
END_TEST

START_TEST(after_cancel_no_handler_is_called_and_entries_still_go)
{
	handle_available();
	handle_serviced();
	put("one");
	ck_assert_int_eq(IODataQueueDispatchSource_Cancel(source, on_completion, NULL),
			 kIOReturnSuccess);
	expect_called(0);
	ck_assert_int_eq(n_completed, 1);
	IODataQueueDispatchSource_SetEnable(source, true);
	IODataQueueDispatchSource_SendDataAvailable(source);
	handle_available();
	expect_next("one");
	fill_up();
	drain();
	expect_called(0);
	expect_serviced(0);
	ck_assert_int_eq(n_completed, 1);
}
END_TEST

START_TEST(cancel_without_a_queue_completes_at_once)
{
	IODataQueueDispatchSource *bare = NULL;

	ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, NULL, &bare), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_Cancel(bare, on_completion, NULL),
			 kIOReturnSuccess);
	ck_assert_int_eq(n_completed, 1);
	OSObject_release(bare);
}
END_TEST

static bool in_call;

static void cancel_slowly(void)
{
	store_release(&in_call, true);
	IODataQueueDispatchSource_Cancel(source, on_completion, NULL);
	usleep(20000);
	ck_assert_int_eq(load_acquire(&n_completed), 0);
	store_release(&in_call, false);
}

START_TEST(the_completion_of_cancel_waits_for_the_handler)
{
	in_handler = cancel_slowly;
	handle_available();
	put("one");
	expect_called(1);
	ck_assert_int_eq(n_completed, 1);
}
END_TEST

static void wait_until(const int *counter, int n)
{
	struct timespec end = in_ms(20000);

	while (load_acquire(counter) < n && !is_over(&end))
		usleep(100);
	ck_assert_int_ge(load_acquire(counter), n);
}

static void be_slow(void)
{
	store_release(&in_call, true);
	usleep(5000);
	drain();
	store_release(&in_call, false);
}

static void complete_after(void *refcon)
{
	(void)refcon;
	ck_assert(!load_acquire(&in_call));
	store_release(&n_completed, n_completed + 1);
}

/* On a thread, against a running handler, many times. */
START_TEST(no_handler_begins_after_cancel_has_completed)
{
	for (int i = 0; i < 50; i++) {
		int calls = load_acquire(&n_available);

		OSSafeReleaseNULL(source);
		n_completed = 0;
		ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, NULL, &source),
				 kIOReturnSuccess);
		in_handler = be_slow;
		handle_available();
		put("one");
		if (i % 2)
			wait_until(&n_available, calls + 1);
		put("two");
		IODataQueueDispatchSource_Cancel(source, complete_after, NULL);
		wait_until(&n_completed, 1);
		calls = load_acquire(&n_available);
		put("three");
		IODataQueueDispatchSource_SendDataAvailable(source);
		usleep(2000);
		ck_assert_int_eq(load_acquire(&n_available), calls);
		ck_assert_int_eq(load_acquire(&n_completed), 1);
	}
}
END_TEST

START_TEST(the_last_release_while_a_handler_runs_is_safe)
{
	for (int i = 0; i < 100; i++) {
		OSSafeReleaseNULL(source);
		ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, NULL, &source),
				 kIOReturnSuccess);
		handle_available();
		for (int j = 0; j < i % 5; j++)
			put("entry");
		if (i % 3 == 0)
			sched_yield();
	}
}
END_TEST

START_TEST(free_gives_up_the_memory_and_waits_for_the_handler)
{
	IOMemoryDescriptor *memory = NULL;

	OSSafeReleaseNULL(source);
	ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, NULL, &source), kIOReturnSuccess);
	in_handler = be_slow;
	handle_available();
	put("one");
	wait_until(&n_available, 1);
	IODataQueueDispatchSource_free(source);
	ck_assert(!load_acquire(&in_call));
	ck_assert(!IODataQueueDispatchSource_init(source));
	ck_assert_int_eq(put("two"), kIOReturnNoMemory);
	ck_assert_int_eq(get(), kIOReturnNoMemory);
	ck_assert_int_eq(IODataQueueDispatchSource_Peek(source, read_text, NULL),
			 kIOReturnNoMemory);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(source, 1), kIOReturnNoMemory);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(source, available),
			 kIOReturnNoMemory);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyMemory(source, &memory),
			 kIOReturnNotReady);
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));
	IODataQueueDispatchSource_free(source);
}
END_TEST

START_TEST(check_for_work_looks_and_calls)
{
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, false), kIOReturnNotReady);
	put("one");
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, false), kIOReturnNotReady);
	handle_available();
	run();
	n_available = 0;
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, true), kIOReturnSuccess);
	ck_assert_int_eq(n_available, 1);
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, false), kIOReturnSuccess);
	expect_called(1);
	IODataQueueDispatchSource_SetEnable(source, false);
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, true), kIOReturnNotReady);
	drain();
	IODataQueueDispatchSource_SetEnable(source, true);
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(source, true), kIOReturnNotReady);
}
END_TEST

START_TEST(an_action_with_a_queue_runs_there)
{
	IODispatchQueue *own;
	OSAction *action;

	ck_assert_int_eq(IODispatchQueue_Create("own", 0, 0, &own), kIOReturnSuccess);
	/* Counted apart, as its thread may come late. */
	ck_assert_int_eq(OSAction_Create(NULL, on_serviced, 0, own, &action), kIOReturnSuccess);
	OSObject_release(own);
	IODataQueueDispatchSource_SetDataAvailableHandler(source, action);
	OSObject_release(action);
	put("one");
	wait_until(&n_serviced, 1);
	/* The last reference to that queue goes with it, while its thread may run. */
	put("two");
	handle_available();
	run();
	put("three");
	expect_called(1);
}
END_TEST

#define N_THROUGH	20000

static int n_through;

static void check_number(void *refcon, const void *data, size_t size)
{
	int number;

	(void)refcon;
	ck_assert_uint_eq(size, sizeof(number));
	memcpy(&number, data, size);
	ck_assert_int_eq(number, n_through);
	store_release(&n_through, n_through + 1);
}

static void take_eight(void)
{
	for (int i = 0; i < 8; i++)
		if (IODataQueueDispatchSource_Dequeue(source, check_number, NULL) !=
		    kIOReturnSuccess)
			break;
}

static pthread_mutex_t space_lock = PTHREAD_MUTEX_INITIALIZER;
static int next_number;

static void write_number(void *refcon, void *data, size_t size)
{
	(void)refcon;
	memcpy(data, &next_number, size);
}

/* As many as there is room for; the handler goes on where this stopped. */
static void produce(void)
{
	pthread_mutex_lock(&space_lock);
	while (next_number < N_THROUGH &&
	       IODataQueueDispatchSource_Enqueue(source, sizeof(next_number), write_number,
						 NULL) == kIOReturnSuccess)
		next_number++;
	pthread_mutex_unlock(&space_lock);
}

/* Both handlers on threads of their own, and no other hand to help. */
START_TEST(two_handlers_keep_each_other_going)
{
	IODispatchQueue *one, *two;
	OSAction *consume, *refill;

	ck_assert_int_eq(IODispatchQueue_Create("one", 0, 0, &one), kIOReturnSuccess);
	ck_assert_int_eq(IODispatchQueue_Create("two", 0, 0, &two), kIOReturnSuccess);
	OSAction_Create(NULL, on_available, 0, one, &consume);
	OSAction_Create(NULL, on_serviced, 0, two, &refill);
	in_handler = take_eight;
	in_serviced = produce;
	IODataQueueDispatchSource_SetDataAvailableHandler(source, consume);
	IODataQueueDispatchSource_SetDataServicedHandler(source, refill);
	produce();
	wait_until(&n_through, N_THROUGH);
	IODataQueueDispatchSource_free(source);
	OSObject_release(consume);
	OSObject_release(refill);
	OSObject_release(one);
	OSObject_release(two);
}
END_TEST

/* A queue in a directory, a source at each side. */
static struct directory directory;
static IODataQueueDispatchSource *other_side;

static void open_sides(void)
{
	new_directory(&directory, 4096, 1024);
	OSSafeReleaseNULL(source);
	ck_assert_int_eq(IODataQueueDispatchSource_Open(directory.path, kIODataQueueConsumer,
							queue, &source), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_Open(directory.path, kIODataQueueProducer,
							queue, &other_side), kIOReturnSuccess);
}

static void close_sides(void)
{
	OSSafeReleaseNULL(source);
	OSSafeReleaseNULL(other_side);
	remove_directory(&directory);
}

static IOReturn put_other(const char *text)
{
	return IODataQueueDispatchSource_Enqueue(other_side, (uint32_t)strlen(text), write_text,
						 (void *)(uintptr_t)text);
}

START_TEST(a_side_does_what_its_role_may)
{
	IODataQueueDispatchSource *second = NULL;
	IOMemoryDescriptor *memory = NULL;

	open_sides();
	ck_assert_int_eq(IODataQueueDispatchSource_Open(directory.path, kIODataQueueConsumer,
							queue, &second), kIOReturnExclusiveAccess);
	ck_assert_int_eq(put("one"), kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(source, 1),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDispatchSource_Dequeue(other_side, read_text, NULL),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataServicedHandler(source, serviced),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(other_side, available),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(other_side, true),
			 kIOReturnNotReady);

	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(other_side));
	ck_assert_int_eq(put_other("one"), kIOReturnSuccess);
	ck_assert(IODataQueueDispatchSource_IsDataAvailable(source));
	ck_assert(IODataQueueDispatchSource_IsDataAvailable(other_side));
	expect_next("one");
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(other_side));
	ck_assert_int_eq(IODataQueueDispatchSource_CopyMemory(source, &memory), kIOReturnSuccess);
	ck_assert_uint_ge(IOMemoryDescriptor_getLength(memory), QUEUE_PAGE + 4096u);
	OSObject_release(memory);
	close_sides();
}
END_TEST

START_TEST(two_sides_of_a_directory_call_each_other)
{
	open_sides();
	in_handler = drain;
	handle_available();
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataServicedHandler(other_side, serviced),
			 kIOReturnSuccess);
	run();
	put_other("one");
	expect_called(1);
	IODataQueueDispatchSource_SetEnable(source, false);
	while (put_other("0123456789abcdef") == kIOReturnSuccess)
		;
	expect_serviced(0);
	IODataQueueDispatchSource_SetEnable(source, true);
	run();
	ck_assert_int_eq(n_serviced, 1);
	IODataQueueDispatchSource_SendDataServiced(source);
	expect_serviced(1);
	IODataQueueDispatchSource_SendDataAvailable(other_side);
	expect_called(1);
	close_sides();
}
END_TEST

START_TEST(damage_is_reported_once_and_sticks)
{
	open_sides();
	handle_available();
	run();
	put_other("one");
	store_relaxed(&directory.memory.data->tail, 12345);
	expect_called(1);
	ck_assert_int_eq(get(), kIOReturnError);
	ck_assert_int_eq(IODataQueueDispatchSource_Peek(source, read_text, NULL), kIOReturnError);
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));
	expect_called(0);
	close_sides();
}
END_TEST

START_TEST(a_peer_that_comes_late_and_goes_early_is_no_trouble)
{
	open_sides();
	in_handler = drain;
	handle_available();
	for (int i = 0; i < 5; i++) {
		OSSafeReleaseNULL(other_side);
		run();
		ck_assert_int_eq(IODataQueueDispatchSource_Open(directory.path,
								kIODataQueueProducer, queue,
								&other_side), kIOReturnSuccess);
		run();
		put_other("entry");
		n_available = 0;
		run();
		ck_assert_int_ge(n_available, 1);
		ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));
	}
	close_sides();
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_handler_is_called_when_the_queue_is_no_longer_empty);
	tcase_add_test(tests, setting_the_handler_tells_of_what_is_there_each_time);
	tcase_add_test(tests, one_entry_for_each_call_is_called_for_each_entry);
	tcase_add_test(tests, a_handler_that_takes_nothing_is_called_for_what_is_new);
	tcase_add_test(tests, who_drains_outside_of_the_handler_leaves_it_armed);
	tcase_add_test(tests, no_handler_is_called_once_it_is_taken_away);
	tcase_add_test(tests, a_changed_handler_is_the_one_that_is_called);
	tcase_add_test(tests, send_calls_the_handler_though_there_is_nothing);
	tcase_add_test(tests, coalesced_entries_are_told_of_by_one_send);
	tcase_add_test(tests, a_full_queue_calls_the_producer_once_there_is_room);
	tcase_add_test(tests, the_producer_is_called_only_when_what_it_wants_fits);
	tcase_add_test(tests, an_enqueue_that_succeeds_ends_the_wait_for_space);
	tcase_add_test(tests, a_producer_that_waited_before_it_had_a_handler_is_told);
	tcase_add_test(tests, setting_the_serviced_handler_alone_calls_nothing);
	tcase_add_test(tests, a_refused_entry_nudges_the_consumer_once);
	tcase_add_test(tests, coalesced_dequeues_say_that_the_producer_waits);
	tcase_add_test(tests, a_dequeue_of_the_empty_queue_makes_up_for_a_dropped_flag);
	tcase_add_test(tests, what_happens_while_disabled_is_told_once_when_enabled);
	tcase_add_test(tests, what_is_no_longer_so_when_enabled_is_not_told);
	tcase_add_test(tests, a_handler_that_disables_and_enables_misses_nothing);
	tcase_add_test(tests, a_source_that_a_handler_left_disabled_is_told_when_enabled);
	tcase_add_test(tests, the_completion_of_enable_is_called_once);
	tcase_add_test(tests, after_cancel_no_handler_is_called_and_entries_still_go);
	tcase_add_test(tests, cancel_without_a_queue_completes_at_once);
	tcase_add_test(tests, the_completion_of_cancel_waits_for_the_handler);
	tcase_add_test(tests, no_handler_begins_after_cancel_has_completed);
	tcase_add_test(tests, the_last_release_while_a_handler_runs_is_safe);
	tcase_add_test(tests, free_gives_up_the_memory_and_waits_for_the_handler);
	tcase_add_test(tests, check_for_work_looks_and_calls);
	tcase_add_test(tests, an_action_with_a_queue_runs_there);
	tcase_add_test(tests, two_handlers_keep_each_other_going);
	tcase_add_test(tests, a_side_does_what_its_role_may);
	tcase_add_test(tests, two_sides_of_a_directory_call_each_other);
	tcase_add_test(tests, damage_is_reported_once_and_sticks);
	tcase_add_test(tests, a_peer_that_comes_late_and_goes_early_is_no_trouble);
}
