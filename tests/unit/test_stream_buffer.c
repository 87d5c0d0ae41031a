/* SPDX-License-Identifier: MIT */
/* Buffers of streams, and the memory that they are made of. */
#include "main.h"
#include "leftovers.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <IOKit/IOBufferMemoryDescriptor.h>
#include <IOKit/stream/IOStreamBuffer.h>

static IOMemoryDescriptor *memory(IOByteCount size)
{
	IOMemoryDescriptor *descriptor = IOBufferMemoryDescriptor_withCapacity(size);

	ck_assert_ptr_nonnull(descriptor);
	return descriptor;
}

START_TEST(memory_of_this_process_is_zeros_that_others_can_map)
{
	IOMemoryDescriptor *descriptor = memory(10000);
	char *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(descriptor);
	char *other;

	ck_assert_ptr_nonnull(bytes);
	ck_assert_ptr_eq(IOBufferMemoryDescriptor_getBytesNoCopy(descriptor), bytes);
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(descriptor), 10000);
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(bytes[i], 0);
	other = mmap(NULL, 10000, PROT_READ, MAP_SHARED,
		     IOMemoryDescriptor_getDescriptor(descriptor), 0);
	ck_assert_ptr_ne(other, MAP_FAILED);
	bytes[9999] = 'x';
	ck_assert_int_eq(other[9999], 'x');
	munmap(other, 10000);
	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(descriptor)),
			 "IOBufferMemoryDescriptor");
	ck_assert_ptr_eq(OSObject_metaCast(descriptor, "IOMemoryDescriptor"), descriptor);
	OSObject_release(descriptor);
}
END_TEST

START_TEST(memory_can_neither_be_cut_nor_grow)
{
	IOMemoryDescriptor *descriptor = memory(4096);
	int fd = IOMemoryDescriptor_getDescriptor(descriptor);

	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_lt(ftruncate(fd, 8192), 0);
	OSObject_release(descriptor);
}
END_TEST

START_TEST(there_is_no_memory_of_no_bytes_or_too_many)
{
	ck_assert_ptr_null(IOBufferMemoryDescriptor_withCapacity(0));
	ck_assert_ptr_null(IOBufferMemoryDescriptor_withCapacity(UINT64_MAX));
	ck_assert_ptr_null(IOBufferMemoryDescriptor_getBytesNoCopy(NULL));
}
END_TEST

static void *get_bytes(void *descriptor)
{
	return IOBufferMemoryDescriptor_getBytesNoCopy(descriptor);
}

START_TEST(many_threads_get_the_same_address)
{
	for (int round = 0; round < 50; round++) {
		IOMemoryDescriptor *descriptor = memory(4096);
		pthread_t threads[4];
		void *first, *other;

		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL, get_bytes,
							descriptor), 0);
		pthread_join(threads[0], &first);
		ck_assert_ptr_nonnull(first);
		for (int i = 1; i < 4; i++) {
			pthread_join(threads[i], &other);
			ck_assert_ptr_eq(other, first);
		}
		OSObject_release(descriptor);
	}
}
END_TEST

START_TEST(a_buffer_retains_its_areas)
{
	unsigned n = n_open();
	IOMemoryDescriptor *data = memory(4096), *control = memory(64);
	IOStreamBuffer *buffer = IOStreamBuffer_withMemoryDescriptors(data, control, 7);

	ck_assert_ptr_nonnull(buffer);
	OSObject_release(data);
	OSObject_release(control);
	ck_assert_ptr_eq(IOStreamBuffer_getDataBuffer(buffer), data);
	ck_assert_ptr_eq(IOStreamBuffer_getControlBuffer(buffer), control);
	ck_assert_uint_eq(OSObject_getRetainCount(data), 1);
	ck_assert_ptr_eq(IOStreamBuffer_getDataBytes(buffer),
			 IOBufferMemoryDescriptor_getBytesNoCopy(data));
	ck_assert_ptr_eq(IOStreamBuffer_getControlBytes(buffer),
			 IOBufferMemoryDescriptor_getBytesNoCopy(control));
	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(buffer)), "IOStreamBuffer");
	OSObject_release(buffer);
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

START_TEST(either_area_may_be_missing)
{
	IOStreamBuffer *buffer = IOStreamBuffer_withCapacity(4096, 0);

	ck_assert_ptr_nonnull(IOStreamBuffer_getDataBuffer(buffer));
	ck_assert_ptr_null(IOStreamBuffer_getControlBuffer(buffer));
	ck_assert_ptr_null(IOStreamBuffer_getControlBytes(buffer));
	OSObject_release(buffer);
	buffer = IOStreamBuffer_withCapacity(0, 64);
	ck_assert_ptr_null(IOStreamBuffer_getDataBytes(buffer));
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(IOStreamBuffer_getControlBuffer(buffer)),
			  64);
	OSObject_release(buffer);
}
END_TEST

START_TEST(areas_have_at_most_32_bits)
{
	IOMemoryDescriptor *large = memory(1ull << 32), *largest = memory(UINT32_MAX);
	IOStreamBuffer *buffer;

	ck_assert_ptr_null(IOStreamBuffer_withMemoryDescriptors(large, NULL, 0));
	ck_assert_ptr_null(IOStreamBuffer_withMemoryDescriptors(NULL, large, 0));
	ck_assert_ptr_null(IOStreamBuffer_withCapacity(1ull << 32, 0));
	ck_assert_ptr_null(IOStreamBuffer_withCapacity(0, 1ull << 32));
	buffer = IOStreamBuffer_withMemoryDescriptors(largest, NULL, 0);
	ck_assert_ptr_nonnull(buffer);
	IOStreamBuffer_setControlBuffer(buffer, large);
	ck_assert_ptr_null(IOStreamBuffer_getControlBuffer(buffer));
	OSObject_release(buffer);
	OSObject_release(large);
	OSObject_release(largest);
}
END_TEST

START_TEST(a_buffer_is_initialised_once)
{
	IOMemoryDescriptor *data = memory(4096);
	IOStreamBuffer *buffer = IOStreamBuffer_alloc();

	ck_assert_uint_eq(IOStreamBuffer_getBufferID(buffer), kIOStreamBufferIDInvalid);
	ck_assert(IOStreamBuffer_initWithMemoryDescriptors(buffer, data, NULL, 3));
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(buffer), 3);
	ck_assert(!IOStreamBuffer_initWithMemoryDescriptors(buffer, data, NULL, 4));
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(buffer), 3);
	ck_assert(!IOStreamBuffer_initWithMemoryDescriptors(NULL, data, NULL, 4));
	OSObject_release(buffer);
	OSObject_release(data);
}
END_TEST

START_TEST(areas_and_id_are_set)
{
	IOMemoryDescriptor *data = memory(4096), *control = memory(64);
	IOStreamBuffer *buffer = IOStreamBuffer_withCapacity(100, 100);

	IOStreamBuffer_setDataBuffer(buffer, data);
	IOStreamBuffer_setControlBuffer(buffer, control);
	ck_assert_ptr_eq(IOStreamBuffer_getDataBuffer(buffer), data);
	ck_assert_ptr_eq(IOStreamBuffer_getControlBuffer(buffer), control);
	ck_assert_uint_eq(OSObject_getRetainCount(data), 2);
	IOStreamBuffer_setDataBuffer(buffer, data);
	ck_assert_uint_eq(OSObject_getRetainCount(data), 2);
	IOStreamBuffer_setControlBuffer(buffer, NULL);
	ck_assert_ptr_null(IOStreamBuffer_getControlBuffer(buffer));
	ck_assert_uint_eq(OSObject_getRetainCount(control), 1);
	IOStreamBuffer_setBufferID(buffer, 9);
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(buffer), 9);
	IOStreamBuffer_free(buffer);
	ck_assert_ptr_null(IOStreamBuffer_getDataBuffer(buffer));
	ck_assert_uint_eq(OSObject_getRetainCount(data), 1);
	OSObject_release(buffer);
	OSObject_release(data);
	OSObject_release(control);
}
END_TEST

START_TEST(references_go_up_and_down)
{
	IOStreamBuffer *buffer = IOStreamBuffer_withCapacity(100, 0);

	ck_assert_int_eq(IOStreamBuffer_getClientReferenceCount(buffer), 0);
	ck_assert_int_eq(IOStreamBuffer_sendClientReference(buffer, 0, 0), 1);
	ck_assert_int_eq(IOStreamBuffer_sendClientReference(buffer, 10, 20), 2);
	ck_assert_int_eq(IOStreamBuffer_receiveClientReference(buffer, 0, 0), 1);
	IOStreamBuffer_receiveClientReference(buffer, 0, 0);
	ck_assert_int_eq(IOStreamBuffer_receiveClientReference(buffer, 0, 0), -1);
	ck_assert_int_eq(IOStreamBuffer_getClientReferenceCount(buffer), -1);
	OSObject_release(buffer);
}
END_TEST

START_TEST(nothing_happens_to_no_buffer)
{
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(NULL), kIOStreamBufferIDInvalid);
	ck_assert_ptr_null(IOStreamBuffer_getDataBuffer(NULL));
	ck_assert_ptr_null(IOStreamBuffer_getControlBuffer(NULL));
	ck_assert_ptr_null(IOStreamBuffer_getDataBytes(NULL));
	IOStreamBuffer_setBufferID(NULL, 1);
	IOStreamBuffer_setDataBuffer(NULL, NULL);
	IOStreamBuffer_setControlBuffer(NULL, NULL);
	IOStreamBuffer_free(NULL);
	ck_assert_int_eq(IOStreamBuffer_getClientReferenceCount(NULL), 0);
	ck_assert_int_eq(IOStreamBuffer_sendClientReference(NULL, 0, 0), 0);
	ck_assert_int_eq(IOStreamBuffer_receiveClientReference(NULL, 0, 0), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, memory_of_this_process_is_zeros_that_others_can_map);
	tcase_add_test(tests, memory_can_neither_be_cut_nor_grow);
	tcase_add_test(tests, there_is_no_memory_of_no_bytes_or_too_many);
	tcase_add_test(tests, many_threads_get_the_same_address);
	tcase_add_test(tests, a_buffer_retains_its_areas);
	tcase_add_test(tests, either_area_may_be_missing);
	tcase_add_test(tests, areas_have_at_most_32_bits);
	tcase_add_test(tests, a_buffer_is_initialised_once);
	tcase_add_test(tests, areas_and_id_are_set);
	tcase_add_test(tests, references_go_up_and_down);
	tcase_add_test(tests, nothing_happens_to_no_buffer);
}
