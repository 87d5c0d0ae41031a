/* SPDX-License-Identifier: MIT */
/*
 * test_queue_class - objects, memory descriptors and the two classes of queues in
 * a process's memory; linked with the shared library, as a program is
 *
 * What needs a mount is in tests/integration/publish.bats.
 */
#include "shared_queue.h"

/* --- OSObject */

START_TEST(an_object_lives_until_its_last_reference_goes)
{
	IODataQueue *queue = IODataQueue_withCapacity(64);

	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);
	OSObject_retain(queue);
	OSObject_retain(queue);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 3);
	OSObject_release(queue);
	OSObject_release(queue);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);
	ck_assert_uint_gt(n_open(), n_open_at_first);
	OSObject_release(queue);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}
END_TEST

START_TEST(null_is_no_object_and_harms_nobody)
{
	IODataQueue *queue = NULL;

	OSObject_retain(NULL);
	OSObject_release(NULL);
	OSSafeReleaseNULL(queue);
	ck_assert_uint_eq(OSObject_getRetainCount(NULL), 0);
	ck_assert_ptr_null(OSObject_getMetaClass(NULL));
	ck_assert_ptr_null(OSObject_metaCast(NULL, "IODataQueue"));
	ck_assert_ptr_null(OSMetaClass_getClassName(NULL));
	ck_assert_ptr_null(OSMetaClass_getSuperClass(NULL));
}
END_TEST

START_TEST(safe_release_forgets_what_it_released)
{
	IODataQueue *queue = IODataQueue_alloc();
	IODataQueue *same = queue;

	OSObject_retain(same);
	OSSafeReleaseNULL(queue);
	ck_assert_ptr_null(queue);
	ck_assert_uint_eq(OSObject_getRetainCount(same), 1);
	OSSafeReleaseNULL(same);
}
END_TEST

START_TEST(classes_have_the_originals_names_and_line)
{
	IODataQueue *queue = IODataQueue_alloc();
	IOSharedDataQueue *shared = IOSharedDataQueue_alloc();
	const OSMetaClass *meta = OSObject_getMetaClass(queue);
	const OSMetaClass *shared_meta = OSObject_getMetaClass(shared);

	ck_assert_str_eq(OSMetaClass_getClassName(meta), "IODataQueue");
	ck_assert_str_eq(OSMetaClass_getClassName(shared_meta), "IOSharedDataQueue");
	ck_assert_ptr_eq(OSMetaClass_getSuperClass(shared_meta), meta);
	ck_assert_ptr_null(OSMetaClass_getSuperClass(meta));
	ck_assert_ptr_eq(IODataQueue_getMetaClass(queue), meta);
	ck_assert_ptr_eq(IODataQueue_getMetaClass(plain(shared)), shared_meta);
	ck_assert_ptr_eq(IODataQueue_getMetaClass(NULL), meta);
	ck_assert_ptr_eq(IOSharedDataQueue_getMetaClass(shared), shared_meta);
	ck_assert_ptr_eq(IOSharedDataQueue_getMetaClass(NULL), shared_meta);
	OSObject_release(queue);
	OSObject_release(shared);
}
END_TEST

START_TEST(a_cast_succeeds_up_the_line_and_not_down)
{
	IODataQueue *queue = IODataQueue_alloc();
	IOSharedDataQueue *shared = IOSharedDataQueue_alloc();

	ck_assert_ptr_eq(OSObject_metaCast(queue, "IODataQueue"), queue);
	ck_assert_ptr_null(OSObject_metaCast(queue, "IOSharedDataQueue"));
	ck_assert_ptr_eq(OSObject_metaCast(shared, "IOSharedDataQueue"), shared);
	ck_assert_ptr_eq(OSObject_metaCast(shared, "IODataQueue"), shared);
	ck_assert_ptr_null(OSObject_metaCast(shared, "IOMemoryDescriptor"));
	ck_assert_ptr_null(OSObject_metaCast(shared, "IOData"));
	ck_assert_ptr_null(OSObject_metaCast(shared, ""));
	ck_assert_ptr_null(OSObject_metaCast(shared, NULL));
	ck_assert_uint_eq(OSObject_getRetainCount(shared), 1);
	OSObject_release(queue);
	OSObject_release(shared);
}
END_TEST

static void *retain_and_release(void *object)
{
	for (int i = 0; i < 20000; i++) {
		OSObject_retain(object);
		OSObject_release(object);
	}
	OSObject_release(object);
	return NULL;
}

START_TEST(threads_may_retain_and_release_at_once)
{
	IODataQueue *queue = IODataQueue_withCapacity(64);
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		OSObject_retain(queue);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, retain_and_release, queue), 0);
	}
	OSObject_release(queue);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}
END_TEST

/* --- IOMemoryDescriptor */

START_TEST(each_memory_descriptor_is_an_object_of_its_own)
{
	IOSharedDataQueue *queue = new_queue(64);
	IOMemoryDescriptor *one = IOSharedDataQueue_getMemoryDescriptor(queue);
	IOMemoryDescriptor *two = IODataQueue_getMemoryDescriptor(plain(queue));

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_nonnull(two);
	ck_assert_ptr_ne(one, two);
	ck_assert_int_ne(IOMemoryDescriptor_getDescriptor(one),
			 IOMemoryDescriptor_getDescriptor(two));
	ck_assert_uint_eq(OSObject_getRetainCount(one), 1);
	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(one)),
			 "IOMemoryDescriptor");
	ck_assert_ptr_null(OSMetaClass_getSuperClass(OSObject_getMetaClass(one)));
	ck_assert_ptr_null(OSObject_metaCast(one, "IODataQueue"));
	OSObject_release(one);
	ck_assert_int_eq(fcntl(IOMemoryDescriptor_getDescriptor(two), F_GETFD), FD_CLOEXEC);
	OSObject_release(two);
	OSObject_release(queue);
}
END_TEST

static struct queue_data *map(const IOMemoryDescriptor *descriptor, int protection)
{
	void *memory = mmap(NULL, IOMemoryDescriptor_getLength(descriptor), protection, MAP_SHARED,
			    IOMemoryDescriptor_getDescriptor(descriptor), 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

START_TEST(a_memory_descriptor_can_be_mapped_and_shows_the_queue)
{
	IODataQueue *queue = IODataQueue_withCapacity(4000);
	IOMemoryDescriptor *descriptor = IODataQueue_getMemoryDescriptor(queue);
	const IOByteCount n = IOMemoryDescriptor_getLength(descriptor);
	struct queue_data *data = map(descriptor, PROT_READ);
	const struct queue_entry *entry = (const void *)data->queue;
	struct stat st;

	ck_assert_int_eq(fstat(IOMemoryDescriptor_getDescriptor(descriptor), &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, n);
	ck_assert_mem_eq(data->magic, QUEUE_MAGIC, 8);
	ck_assert_uint_eq(data->version, QUEUE_VERSION);
	ck_assert_uint_eq(data->capacity, 4000);
	ck_assert_uint_eq(data->max_entry, 3992);
	ck_assert_uint_eq(QUEUE_PAGE + data->queue_size, n);
	ck_assert_uint_eq(data->tail, 0);

	ck_assert(IODataQueue_enqueue(queue, (char[]){ "seven b" }, 7));
	ck_assert_uint_eq(load_acquire(&data->tail), 16);
	ck_assert_uint_eq(entry->size, 7);
	ck_assert_mem_eq(entry->data, "seven b", 7);

	/* It outlives the queue. */
	OSObject_release(queue);
	ck_assert_mem_eq(entry->data, "seven b", 7);
	munmap(data, n);
	OSObject_release(descriptor);
}
END_TEST

START_TEST(nobody_can_cut_off_what_a_memory_descriptor_shows)
{
	IODataQueue *queue = IODataQueue_withCapacity(64);
	IOMemoryDescriptor *descriptor = IODataQueue_getMemoryDescriptor(queue);
	int fd = IOMemoryDescriptor_getDescriptor(descriptor);
	off_t n = (off_t)IOMemoryDescriptor_getLength(descriptor);

	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, n + 1), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 0), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	OSObject_release(descriptor);
	ck_assert(IODataQueue_enqueue(queue, NULL, 0));
	OSObject_release(queue);
}
END_TEST

START_TEST(without_a_descriptor_there_is_no_length_and_no_file)
{
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(NULL), 0);
	ck_assert_int_eq(IOMemoryDescriptor_getDescriptor(NULL), -1);
}
END_TEST

/* --- what a queue is made of */

/* So much memory as the largest have is not asked for here: only what is refused. */
START_TEST(sizes_that_the_original_refuses_are_refused)
{
	static const UInt32 sizes[] = { 0xffffffff, 0xfffffff4 };
	static const UInt32 entries[][2] = {
		{ 0xffff, 0xfffc }, { 0xffffffff, 0 }, { 0xffffffff, 16 }, { 0xfffffffe, 0 },
		{ 0, 0xfffffffc }, { 10, 0xfffffffc }, { 0, 0xfffffffb }, { 1, 0x80000000 },
		{ 0x7fffffff, 4 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_ptr_null(IODataQueue_withCapacity(sizes[i]));
		ck_assert_ptr_null(IOSharedDataQueue_withCapacity(sizes[i]));
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		ck_assert_ptr_null(IODataQueue_withEntries(entries[i][0], entries[i][1]));
		ck_assert_ptr_null(IOSharedDataQueue_withEntries(entries[i][0], entries[i][1]));
	}
	/* 12 bytes of header, and 36 more of what is shared both ways. */
	ck_assert_ptr_null(IOSharedDataQueue_withCapacity(0xfffffff3));
	ck_assert_ptr_null(IOSharedDataQueue_withCapacity(0xfffffff3 - 35));
}
END_TEST

START_TEST(sizes_that_the_original_takes_are_taken)
{
	static const UInt32 sizes[] = { 0, 1, 4048, 4084, 4085, 100 * 1024 };
	static const UInt32 entries[][3] = {	/* and the original's size */
		{ 0, 0, 4 }, { 2, 8, 36 }, { 10, 16, 220 }, { 255, 12, 4096 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		IOSharedDataQueue *queue = new_queue(sizes[i]);
		IODataQueue *other = IODataQueue_withCapacity(sizes[i]);

		ck_assert_ptr_nonnull(other);
		ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), sizes[i]);
		OSObject_release(queue);
		OSObject_release(other);
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		IOSharedDataQueue *queue = IOSharedDataQueue_withEntries(entries[i][0],
									 entries[i][1]);
		IODataQueue *other = IODataQueue_withEntries(entries[i][0], entries[i][1]);

		ck_assert_ptr_nonnull(queue);
		ck_assert_ptr_nonnull(other);
		ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(queue), entries[i][2]);
		OSObject_release(queue);
		OSObject_release(other);
	}
}
END_TEST

/* What is only reserved costs nothing: memory files are sparse until touched. */
START_TEST(the_largest_sizes_are_taken)
{
	IODataQueue *queue = IODataQueue_withCapacity(0xfffffff3);
	IOSharedDataQueue *shared = IOSharedDataQueue_withCapacity(0xfffffff3 - 36);
	IODataQueue *entries = IODataQueue_withEntries(0xfffe, 0xfffc);
	IOSharedDataQueue *shared_entries = IOSharedDataQueue_withEntries(0xfffe, 0xfffc);

	ck_assert_ptr_nonnull(queue);
	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_nonnull(entries);
	ck_assert_ptr_nonnull(shared_entries);
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(shared), 0xfffffff3 - 36);
	ck_assert_uint_eq(IOSharedDataQueue_getQueueSize(shared_entries), 0xffff0000);
	OSObject_release(queue);
	OSObject_release(shared);
	OSObject_release(entries);
	OSObject_release(shared_entries);
}
END_TEST

START_TEST(a_queue_without_capacity_takes_an_empty_entry_at_a_time)
{
	IOSharedDataQueue *queue = new_queue(0);
	UInt32 size = 0;

	for (int i = 0; i < 1000; i++) {
		ck_assert(!put(queue, "x"));
		ck_assert(IOSharedDataQueue_enqueue(queue, NULL, 0));
		ck_assert(IOSharedDataQueue_dequeue(queue, &size, &size));
	}
	ck_assert(!IOSharedDataQueue_dequeue(queue, &size, &size));
	OSObject_release(queue);
}
END_TEST

/* --- room */

static uint32_t random_below(uint32_t n)
{
	static uint32_t state = 1;

	state = state * 1103515245 + 12345;
	return (state >> 8) % n;
}

/* Whatever went through before, @n entries of @size bytes fit, and none larger. */
static void check_entries(UInt32 n, UInt32 size)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_withEntries(n, size);
	char *bytes = calloc(1, size + 1u);
	UInt32 n_in = 0, got;

	ck_assert_ptr_nonnull(queue);
	for (int step = 0; step < 4000; step++) {
		ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, size + 1));
		if (step % 100 == 0) {		/* fill, whatever there is */
			for (; n_in < n; n_in++)
				ck_assert(IOSharedDataQueue_enqueue(queue, bytes, size));
		} else if (random_below(2) == 0 && n_in < n) {
			ck_assert(IOSharedDataQueue_enqueue(queue, bytes, random_below(size + 1)));
			n_in++;
		} else if (n_in > 0) {
			got = size;
			ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &got));
			n_in--;
		}
	}
	free(bytes);
	OSObject_release(queue);
}

START_TEST(so_many_entries_of_that_size_always_fit)
{
	check_entries(1, 0);
	check_entries(1, 1);
	check_entries(3, 13);
	check_entries(16, 16);
	check_entries(100, 100);
	check_entries(7, 4088);
	check_entries(2, 5000);
}
END_TEST

/* Entries of any sizes fit while they and their headers are within @capacity. */
static void check_capacity(UInt32 capacity)
{
	IOSharedDataQueue *queue = new_queue(capacity);
	const UInt32 most = (capacity + 7) / 8 * 8;
	UInt32 sizes[4096], used = 0, first = 0, last = 0;
	char *bytes = calloc(1, most);

	for (int step = 0; step < 20000; step++) {
		UInt32 size = random_below(step % 3 ? 64 : most) % (most - 7);
		UInt32 need = (UInt32)entry_space(size);
		UInt32 got = most;

		ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, most - 7));
		if (used + need <= most && last - first < 4096) {
			ck_assert(IOSharedDataQueue_enqueue(queue, bytes, size));
			sizes[last++ % 4096] = size;
			used += need;
		} else {
			ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &got));
			ck_assert_uint_eq(got, sizes[first % 4096]);
			used -= (UInt32)entry_space(sizes[first++ % 4096]);
		}
	}
	free(bytes);
	OSObject_release(queue);
}

START_TEST(so_many_bytes_always_fit)
{
	check_capacity(8);
	check_capacity(12);
	check_capacity(100);
	check_capacity(2048);
	check_capacity(4084);
	check_capacity(4096);
	check_capacity(10000);
}
END_TEST

/* --- enqueue, peek, dequeue */

START_TEST(entries_come_out_as_they_went_in)
{
	IOSharedDataQueue *queue = new_queue(4096);
	char text[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "entry %d", i);
		ck_assert(put(queue, text));
		ck_assert(IODataQueue_enqueue(plain(queue), NULL, 0));
		check_next(queue, text);
		check_next(queue, "");
	}
	OSObject_release(queue);
}
END_TEST

START_TEST(enqueue_refuses_what_does_not_fit_and_what_is_not_there)
{
	IOSharedDataQueue *queue = new_queue(64);
	char bytes[64] = { 0 };

	ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, 57));
	ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, 0xfffffffc));
	ck_assert(!IOSharedDataQueue_enqueue(queue, bytes, 0xffffffff));
	ck_assert(!IOSharedDataQueue_enqueue(queue, NULL, 1));
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(IOSharedDataQueue_enqueue(queue, bytes, 56));
	/* Pages are whole, so that more fits than must; but not without end. */
	for (int i = 0; IOSharedDataQueue_enqueue(queue, bytes, 56); i++)
		ck_assert_int_lt(i, 4096 / 64);
	OSObject_release(queue);
}
END_TEST

START_TEST(peek_shows_the_next_entry_and_leaves_it)
{
	IOSharedDataQueue *queue = new_queue(64);
	IODataQueueEntry *entry;

	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(put(queue, "one"));
	ck_assert(put(queue, "two"));
	entry = IOSharedDataQueue_peek(queue);
	ck_assert_ptr_nonnull(entry);
	ck_assert_uint_eq(entry->size, 3);
	ck_assert_mem_eq(entry->data, "one", 3);
	ck_assert_ptr_eq(IOSharedDataQueue_peek(queue), entry);
	check_next(queue, "one");
	ck_assert_mem_eq(IOSharedDataQueue_peek(queue)->data, "two", 3);
	check_next(queue, "two");
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	OSObject_release(queue);
}
END_TEST

START_TEST(dequeue_refuses_what_has_no_room_and_tells_the_size)
{
	IOSharedDataQueue *queue = new_queue(64);
	char bytes[8] = "unharmed";
	UInt32 size = 8;

	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, 8);
	ck_assert(put(queue, "three"));
	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, NULL));
	size = 4;
	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, 5);
	ck_assert_mem_eq(bytes, "unharmed", 8);
	ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_mem_eq(bytes, "threemed", 8);

	ck_assert(put(queue, "dropped"));
	ck_assert(put(queue, "dropped, too"));
	size = 0;
	ck_assert(IOSharedDataQueue_dequeue(queue, NULL, &size));
	ck_assert_uint_eq(size, 7);
	ck_assert(IOSharedDataQueue_dequeue(queue, NULL, NULL));
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	OSObject_release(queue);
}
END_TEST

START_TEST(damaged_memory_is_a_no_and_no_crash)
{
	IOSharedDataQueue *queue = new_queue(64);
	IOMemoryDescriptor *descriptor = IOSharedDataQueue_getMemoryDescriptor(queue);
	struct queue_data *data = map(descriptor, PROT_READ | PROT_WRITE);
	struct queue_entry *entry = (void *)data->queue;
	char bytes[64];
	UInt32 size = sizeof(bytes);

	ck_assert(put(queue, "entry"));
	store_relaxed(&entry->size, 0xfffffff0);
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, sizeof(bytes));
	store_relaxed(&data->tail, 3);
	ck_assert(!IOSharedDataQueue_dequeue(queue, bytes, &size));
	munmap(data, IOMemoryDescriptor_getLength(descriptor));
	OSObject_release(descriptor);
	OSObject_release(queue);
}
END_TEST

/* --- a producer and a consumer at once */

#define N_NUMBERED	100000u

static void *produce_numbers(void *object)
{
	IOSharedDataQueue *queue = object;

	for (uint32_t i = 0; i < N_NUMBERED; i++) {
		uint32_t entry[8] = { i, ~i, i, ~i, i, ~i, i, ~i };

		while (!IOSharedDataQueue_enqueue(queue, entry, 8 + i % 7 * 4))
			sched_yield();
	}
	return NULL;
}

START_TEST(one_thread_may_enqueue_while_another_dequeues)
{
	IOSharedDataQueue *queue = new_queue(1000);
	pthread_t producer;

	ck_assert_int_eq(pthread_create(&producer, NULL, produce_numbers, queue), 0);
	for (uint32_t i = 0; i < N_NUMBERED; i++) {
		uint32_t entry[8], size;

		do {
			size = sizeof(entry);
		} while (!IOSharedDataQueue_dequeue(queue, entry, &size) && sched_yield() == 0);
		ck_assert_uint_eq(size, 8 + i % 7 * 4);
		for (uint32_t k = 0; k < size / 4; k++)
			ck_assert_uint_eq(entry[k], k % 2 ? ~i : i);
	}
	pthread_join(producer, NULL);
	ck_assert_ptr_null(IOSharedDataQueue_peek(queue));
	OSObject_release(queue);
}
END_TEST

/* The consumer sleeps at its port whenever there is nothing. */
START_TEST(a_thread_that_sleeps_at_the_port_misses_nothing)
{
	IOSharedDataQueue *queue = new_queue(1000);
	mach_port_t port = new_port();
	pthread_t producer;

	IOSharedDataQueue_setNotificationPort(queue, port);
	ck_assert_int_eq(pthread_create(&producer, NULL, produce_numbers, queue), 0);
	for (uint32_t i = 0; i < N_NUMBERED; i++) {
		uint32_t entry[8], size;

		while ((size = sizeof(entry), !IOSharedDataQueue_dequeue(queue, entry, &size)))
			ck_assert_int_eq(poll(&(struct pollfd){ .fd = port, .events = POLLIN }, 1,
					      20000), 1);
		ck_assert_uint_eq(entry[0], i);
	}
	pthread_join(producer, NULL);
	OSObject_release(queue);
	close(port);
}
END_TEST

/* --- ports */

START_TEST(a_port_that_is_set_before_an_entry_tells_of_it)
{
	IOSharedDataQueue *queue = new_queue(64);
	mach_port_t port = new_port();

	IODataQueue_setNotificationPort(plain(queue), port);
	expect_quiet(queue, port);
	ck_assert(IODataQueue_enqueue(plain(queue), NULL, 0));
	ck_assert(is_readable(port));
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(a_port_that_is_set_after_an_entry_tells_of_it_at_once)
{
	IOSharedDataQueue *queue = new_queue(64);
	mach_port_t port = new_port();

	ck_assert(put(queue, ""));
	IOSharedDataQueue_setNotificationPort(queue, port);
	ck_assert(is_readable(port));
	ck_assert(IOSharedDataQueue_dequeue(queue, NULL, NULL));
	expect_quiet(queue, port);
	ck_assert(put(queue, ""));
	ck_assert(is_readable(port));
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(port_null_takes_the_port_away)
{
	IOSharedDataQueue *queue = new_queue(64);
	mach_port_t port = new_port();

	IOSharedDataQueue_setNotificationPort(queue, port);
	IOSharedDataQueue_setNotificationPort(queue, MACH_PORT_NULL);
	ck_assert(put(queue, "quiet"));
	ck_assert(!is_readable(port));
	IODataQueue_sendDataAvailableNotification(plain(queue));
	ck_assert(!is_readable(port));
	/* Entries are as they were, and a port can be set again. */
	IODataQueue_setNotificationPort(plain(queue), port);
	ck_assert(is_readable(port));
	check_next(queue, "quiet");
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(a_notification_can_be_sent_for_nothing)
{
	IOSharedDataQueue *queue = new_queue(64);
	mach_port_t port = new_port();

	IODataQueue_sendDataAvailableNotification(plain(queue));
	IOSharedDataQueue_setNotificationPort(queue, port);
	expect_quiet(queue, port);
	for (int i = 0; i < 100000; i++)	/* more than any pipe holds */
		IODataQueue_sendDataAvailableNotification(plain(queue));
	ck_assert(is_readable(port));
	expect_quiet(queue, port);
	ck_assert(put(queue, "and then"));
	ck_assert(is_readable(port));
	check_next(queue, "and then");
	OSObject_release(queue);
	close(port);
}
END_TEST

START_TEST(a_closed_port_changes_no_result)
{
	IOSharedDataQueue *queue = new_queue(64);
	mach_port_t port = new_port();

	IOSharedDataQueue_setNotificationPort(queue, port);
	close(port);
	ck_assert(put(queue, "one"));
	ck_assert(put(queue, "two"));
	check_next(queue, "one");
	check_next(queue, "two");
	OSObject_release(queue);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, an_object_lives_until_its_last_reference_goes);
	tcase_add_test(tests, null_is_no_object_and_harms_nobody);
	tcase_add_test(tests, safe_release_forgets_what_it_released);
	tcase_add_test(tests, classes_have_the_originals_names_and_line);
	tcase_add_test(tests, a_cast_succeeds_up_the_line_and_not_down);
	tcase_add_test(tests, threads_may_retain_and_release_at_once);
	tcase_add_test(tests, each_memory_descriptor_is_an_object_of_its_own);
	tcase_add_test(tests, a_memory_descriptor_can_be_mapped_and_shows_the_queue);
	tcase_add_test(tests, nobody_can_cut_off_what_a_memory_descriptor_shows);
	tcase_add_test(tests, without_a_descriptor_there_is_no_length_and_no_file);
	tcase_add_test(tests, sizes_that_the_original_refuses_are_refused);
	tcase_add_test(tests, sizes_that_the_original_takes_are_taken);
	tcase_add_test(tests, the_largest_sizes_are_taken);
	tcase_add_test(tests, a_queue_without_capacity_takes_an_empty_entry_at_a_time);
	tcase_add_test(tests, so_many_entries_of_that_size_always_fit);
	tcase_add_test(tests, so_many_bytes_always_fit);
	tcase_add_test(tests, entries_come_out_as_they_went_in);
	tcase_add_test(tests, enqueue_refuses_what_does_not_fit_and_what_is_not_there);
	tcase_add_test(tests, peek_shows_the_next_entry_and_leaves_it);
	tcase_add_test(tests, dequeue_refuses_what_has_no_room_and_tells_the_size);
	tcase_add_test(tests, damaged_memory_is_a_no_and_no_crash);
	tcase_add_test(tests, one_thread_may_enqueue_while_another_dequeues);
	tcase_add_test(tests, a_thread_that_sleeps_at_the_port_misses_nothing);
	tcase_add_test(tests, a_port_that_is_set_before_an_entry_tells_of_it);
	tcase_add_test(tests, a_port_that_is_set_after_an_entry_tells_of_it_at_once);
	tcase_add_test(tests, port_null_takes_the_port_away);
	tcase_add_test(tests, a_notification_can_be_sent_for_nothing);
	tcase_add_test(tests, a_closed_port_changes_no_result);
}
