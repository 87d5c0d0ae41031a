/* SPDX-License-Identifier: MIT */
/*
 * test_dispatch_source - entries in place, and what a source tells of itself
 */
#include "source.h"

START_TEST(create_refuses_what_the_original_refuses)
{
	IODataQueueDispatchSource *none = NULL;

	ck_assert_int_eq(IODataQueueDispatchSource_Create(6, queue, &none), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Create(8, queue, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Create(0xffffff80, queue, &none),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Create(UINT64_MAX - 3, queue, &none),
			 kIOReturnBadArgument);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(IODataQueueDispatchSource_Open("/nowhere", kIODataQueueObserver, queue,
							&none), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Open("", kIODataQueueProducer, queue, &none),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Open("/nowhere", kIODataQueueProducer, queue,
							&none), kIOReturnNotFound);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(create_without_descriptors_leaves_nothing_behind)
{
	IODataQueueDispatchSource *none = NULL;
	int held[1024], n = 0;

	while (n < 1024 && (held[n] = dup(0)) >= 0)
		n++;
	if (n < 1024) {
		ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, queue, &none),
				 kIOReturnNoResources);
		for (int i = 0; i < 4; i++)
			close(held[--n]);
		ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, queue, &none),
				 kIOReturnNoResources);
		for (int i = 0; i < 4; i++)
			ck_assert_int_ge(held[n + i] = dup(0), 0);
		ck_assert_int_lt(dup(0), 0);
		n += 4;
	}
	while (n > 0)
		close(held[--n]);
}
END_TEST

START_TEST(a_source_of_no_bytes_takes_one_empty_entry_at_least)
{
	IODataQueueDispatchSource *empty = NULL;

	ck_assert_int_eq(IODataQueueDispatchSource_Create(0, NULL, &empty), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(empty, 1),
			 kIOReturnMessageTooLarge);
	OSObject_release(empty);
}
END_TEST

START_TEST(entries_go_through_in_their_order)
{
	ck_assert(IODataQueueDispatchSource_init(source));
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(source));
	ck_assert_int_eq(get(), kIOReturnUnderrun);
	ck_assert_int_eq(put("one"), kIOReturnSuccess);
	ck_assert_int_eq(put(""), kIOReturnSuccess);
	ck_assert_int_eq(put("three"), kIOReturnSuccess);
	ck_assert(IODataQueueDispatchSource_IsDataAvailable(source));
	expect_next("one");
	expect_next("");
	expect_next("three");
	ck_assert_int_eq(get(), kIOReturnUnderrun);
	ck_assert_uint_eq(IODataQueueDispatchSource_GetDataQueueEntryHeaderSize(), 8);
}
END_TEST

START_TEST(peek_shows_the_next_and_leaves_it)
{
	ck_assert_int_eq(IODataQueueDispatchSource_Peek(source, read_text, NULL),
			 kIOReturnUnderrun);
	put("one");
	for (int i = 0; i < 2; i++) {
		memset(seen, 0, sizeof(seen));
		ck_assert_int_eq(IODataQueueDispatchSource_Peek(source, read_text, NULL),
				 kIOReturnSuccess);
		ck_assert_str_eq(seen, "one");
	}
	expect_next("one");
}
END_TEST

START_TEST(null_is_a_bad_argument_everywhere)
{
	bool flag;

	ck_assert_int_eq(IODataQueueDispatchSource_Enqueue(NULL, 0, write_text, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Enqueue(source, 0, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_EnqueueWithCoalesce(source, 0, NULL, write_text,
								       NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_EnqueueWithCoalesce(source, 0, &flag, NULL,
								       NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Dequeue(NULL, read_text, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Dequeue(source, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_DequeueWithCoalesce(source, NULL, read_text,
								       NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_DequeueWithCoalesce(source, &flag, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Peek(source, NULL, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(NULL, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataServicedHandler(NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_SetEnable(NULL, true), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_Cancel(NULL, NULL, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_CheckForWork(NULL, false), kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataAvailableHandler(source, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataServicedHandler(NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IODataQueueDispatchSource_CopyMemory(source, NULL), kIOReturnBadArgument);
	ck_assert(!IODataQueueDispatchSource_IsDataAvailable(NULL));
	ck_assert(!IODataQueueDispatchSource_init(NULL));
	IODataQueueDispatchSource_SendDataAvailable(NULL);
	IODataQueueDispatchSource_SendDataServiced(NULL);
	IODataQueueDispatchSource_DataAvailable(source, NULL);
	IODataQueueDispatchSource_DataServiced(NULL, serviced);
	IODataQueueDispatchSource_free(NULL);
	ck_assert_int_eq(n_serviced, 0);
}
END_TEST

START_TEST(what_fits_into_the_original_fits_here)
{
	/* Ten of 16 bytes, fifty of none, twelve of 12 after a lap and a half. */
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 16, 10),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 0, 50),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(source, BYTES - 4),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(source, BYTES - 3),
			 kIOReturnMessageTooLarge);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 16, 0),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 16, UINT32_MAX),
			 kIOReturnOverrun);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 12, 12),
				 kIOReturnSuccess);
		put("0123456789ab");
		expect_next("0123456789ab");
	}
}
END_TEST

/* Each promise of room is kept, and each refusal too. */
START_TEST(can_enqueue_tells_what_enqueue_does)
{
	srand(1);
	for (int step = 0; step < 20000; step++) {
		uint32_t n = 0;

		while (IODataQueueDispatchSource_CanEnqueueDataWithCount(source, 16, n + 1) ==
		       kIOReturnSuccess)
			n++;
		if (rand() % 2) {
			ck_assert_int_eq(put_16(), n > 0 ? kIOReturnSuccess : kIOReturnOverrun);
		} else if (rand() % 16 == 0) {
			for (uint32_t i = 0; i < n; i++)
				ck_assert_int_eq(put_16(), kIOReturnSuccess);
			ck_assert_int_eq(put_16(), kIOReturnOverrun);
		} else {
			get();
		}
	}
}
END_TEST

START_TEST(sizes_that_overflow_are_refused_and_nobody_is_told)
{
	bool flag = false;

	handle_available();
	handle_serviced();
	for (uint32_t size = 0xfffffff9; size != 0; size++) {
		ck_assert_int_eq(IODataQueueDispatchSource_EnqueueWithCoalesce(
			source, size, &flag, write_text, NULL), kIOReturnMessageTooLarge);
		ck_assert_int_eq(IODataQueueDispatchSource_CanEnqueueData(source, size),
				 kIOReturnMessageTooLarge);
	}
	ck_assert(!flag);
	expect_called(0);
	expect_serviced(0);
}
END_TEST

static IOReturn inner;

static void enqueue_inside(void *refcon, void *data, size_t size)
{
	(void)refcon;
	memset(data, 'x', size);
	inner = put("inner");
}

static void dequeue_inside(void *refcon, const void *data, size_t size)
{
	(void)refcon;
	(void)data;
	(void)size;
	inner = get();
	ck_assert(IODataQueueDispatchSource_IsDataAvailable(source));
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(source, NULL),
			 kIOReturnBusy);
	ck_assert_int_eq(put("other way"), kIOReturnSuccess);
}

START_TEST(a_callback_that_uses_its_own_direction_is_told_so)
{
	ck_assert_int_eq(IODataQueueDispatchSource_Enqueue(source, 4, enqueue_inside, NULL),
			 kIOReturnSuccess);
	ck_assert_int_eq(inner, kIOReturnBusy);
	ck_assert_int_eq(IODataQueueDispatchSource_Dequeue(source, dequeue_inside, NULL),
			 kIOReturnSuccess);
	ck_assert_int_eq(inner, kIOReturnBusy);
	expect_next("other way");
}
END_TEST

START_TEST(data_available_calls_the_action_here_and_now)
{
	IODataQueueDispatchSource_DataAvailable(source, available);
	IODataQueueDispatchSource_DataServiced(source, serviced);
	ck_assert_int_eq(n_available, 1);
	ck_assert_int_eq(n_serviced, 1);
}
END_TEST

START_TEST(the_serviced_handler_can_be_copied)
{
	OSAction *copy = available;

	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataServicedHandler(source, &copy),
			 kIOReturnNotReady);
	ck_assert_ptr_null(copy);
	handle_serviced();
	ck_assert_int_eq(IODataQueueDispatchSource_CopyDataServicedHandler(source, &copy),
			 kIOReturnSuccess);
	ck_assert_ptr_eq(copy, serviced);
	OSObject_release(copy);
}
END_TEST

START_TEST(the_memory_can_be_mapped_and_not_cut_off)
{
	IOMemoryDescriptor *memory = NULL;
	size_t length;
	char *bytes;

	put("one");
	ck_assert_int_eq(IODataQueueDispatchSource_CopyMemory(source, &memory), kIOReturnSuccess);
	length = IOMemoryDescriptor_getLength(memory);
	bytes = mmap(NULL, length, PROT_READ, MAP_SHARED,
		     IOMemoryDescriptor_getDescriptor(memory), 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	ck_assert_mem_eq(bytes, QUEUE_MAGIC, 8);
	ck_assert_mem_eq(bytes + QUEUE_PAGE + 8, "one", 3);
	ck_assert_int_lt(ftruncate(IOMemoryDescriptor_getDescriptor(memory), 0), 0);
	ck_assert_int_eq(errno, EPERM);
	munmap(bytes, length);
	OSObject_release(memory);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, create_refuses_what_the_original_refuses);
	tcase_add_test(tests, create_without_descriptors_leaves_nothing_behind);
	tcase_add_test(tests, a_source_of_no_bytes_takes_one_empty_entry_at_least);
	tcase_add_test(tests, entries_go_through_in_their_order);
	tcase_add_test(tests, peek_shows_the_next_and_leaves_it);
	tcase_add_test(tests, null_is_a_bad_argument_everywhere);
	tcase_add_test(tests, what_fits_into_the_original_fits_here);
	tcase_add_test(tests, can_enqueue_tells_what_enqueue_does);
	tcase_add_test(tests, sizes_that_overflow_are_refused_and_nobody_is_told);
	tcase_add_test(tests, a_callback_that_uses_its_own_direction_is_told_so);
	tcase_add_test(tests, data_available_calls_the_action_here_and_now);
	tcase_add_test(tests, the_serviced_handler_can_be_copied);
	tcase_add_test(tests, the_memory_can_be_mapped_and_not_cut_off);
}
