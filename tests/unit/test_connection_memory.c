/* SPDX-License-Identifier: MIT */
/*
 * test_connection_memory - memory and queues of a connection, without fsd
 */
#include "connection.h"

#include <signal.h>
#include <sys/mman.h>

/* --- memory */

START_TEST(memory_is_mapped_whole_and_shared)
{
	io_connect_t connect = open_connection(&mount);
	mach_vm_address_t address = 1, again = 0;
	mach_vm_size_t size = 5;
	char byte;
	int fd;

	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), &address, &size,
					      kIOMapAnywhere | kIOMapInhibitCache | kIOMapReadOnly),
			 kIOReturnSuccess);
	ck_assert_uint_eq(size, 8192);
	ck_assert_int_eq(memcmp(word(address), "first bytes", 11), 0);
	((char *)word(address))[8191] = 'x';
	fd = open(in_connection(&mount, "mem/0"), O_RDONLY);
	ck_assert_int_eq(pread(fd, &byte, 1, 8191), 1);
	ck_assert_int_eq(byte, 'x');
	close(fd);

	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), &again, NULL,
					      kIOMapAnywhere), kIOReturnSuccess);
	ck_assert_uint_ne(again, address);
	ck_assert_int_eq(IOConnectUnmapMemory64(connect, 0, mach_task_self(), again),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOConnectUnmapMemory64(connect, 0, mach_task_self(), again),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectUnmapMemory64(connect, 1, mach_task_self(), address),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectUnmapMemory64(connect, 0, 0, address), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectUnmapMemory(connect, 0, mach_task_self(), address),
			 kIOReturnSuccess);
	IOServiceClose(connect);
}
END_TEST

START_TEST(memory_is_mapped_where_it_is_wanted_or_not_at_all)
{
	io_connect_t connect = open_connection(&mount);
	void *place = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm_address_t address = (vm_address_t)place;
	vm_size_t size;

	ck_assert_int_eq(IOConnectMapMemory(connect, 0, mach_task_self(), &address, &size, 0),
			 kIOReturnBadArgument);
	munmap(place, 8192);
	ck_assert_int_eq(IOConnectMapMemory(connect, 0, mach_task_self(), &address, &size, 0),
			 kIOReturnSuccess);
	ck_assert_ptr_eq((void *)address, place);
	ck_assert_uint_eq(size, 8192);
	address++;
	ck_assert_int_eq(IOConnectMapMemory(connect, 0, mach_task_self(), &address, &size, 0),
			 kIOReturnBadArgument);
	IOServiceClose(connect);
}
END_TEST

START_TEST(every_failure_to_map_is_a_bad_argument)
{
	io_connect_t connect = open_connection(&mount);
	mach_vm_address_t address = 77;
	mach_vm_size_t size = 77;
	static const uint32_t types[] = { 5, 9, UINT32_MAX };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		ck_assert_int_eq(IOConnectMapMemory64(connect, types[i], mach_task_self(), &address,
						      &size, kIOMapAnywhere), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, 0, &address, &size, kIOMapAnywhere),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), NULL, &size,
					      kIOMapAnywhere), kIOReturnBadArgument);
	terminate(&mount);
	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), &address, &size,
					      kIOMapAnywhere), kIOReturnBadArgument);
	ck_assert_uint_eq(address, 77);
	ck_assert_uint_eq(size, 77);
	IOServiceClose(connect);
}
END_TEST

START_TEST(writing_to_read_only_memory_ends_the_program)
{
	io_connect_t connect = open_connection(&mount);
	mach_vm_address_t address = 0;

	ck_assert_int_eq(IOConnectMapMemory64(connect, 1, mach_task_self(), &address, NULL,
					      kIOMapAnywhere), kIOReturnSuccess);
	*(volatile char *)word(address) = 'x';
}
END_TEST

START_TEST(maps_outlive_the_service_and_not_the_connection)
{
	io_connect_t connect = open_connection(&mount);
	mach_vm_address_t address = 0;
	unsigned char resident;

	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), &address, NULL,
					      kIOMapAnywhere), kIOReturnSuccess);
	terminate(&mount);
	ck_assert_int_eq(memcmp(word(address), "first bytes", 11), 0);
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 0, NULL, 0, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	ck_assert_int_lt(mincore(word(address), 4096, &resident), 0);
}
END_TEST

/* --- queues */

START_TEST(memory_that_is_a_queue_is_an_attachment)
{
	io_connect_t connect = open_connection(&mount);
	IODataQueueMemory *producer = IODataQueueOpen(mount.queue.path, kIODataQueueProducer);
	mach_vm_address_t address = 0, again = 0;
	mach_vm_size_t size = 0;
	char bytes[16];
	UInt32 n = sizeof(bytes);

	ck_assert_int_eq(IOConnectMapMemory64(connect, 2, mach_task_self(), &address, &size,
					      kIOMapAnywhere), kIOReturnSuccess);
	ck_assert_uint_ge(size, 4096);
	IODataQueueEnqueue(producer, (void *)(uintptr_t)"entry", 5);
	ck_assert_int_eq(IODataQueueDequeue((IODataQueueMemory *)word(address), bytes, &n),
			 kIOReturnSuccess);
	ck_assert_uint_eq(n, 5);

	ck_assert_int_eq(IOConnectMapMemory64(connect, 2, mach_task_self(), &again, &size,
					      kIOMapAnywhere), kIOReturnSuccess);
	ck_assert_uint_eq(again, address);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(IOConnectUnmapMemory64(connect, 2, mach_task_self(), address),
				 kIOReturnSuccess);
	ck_assert_int_eq(IOConnectUnmapMemory64(connect, 2, mach_task_self(), address),
			 kIOReturnBadArgument);
	/* The role is free again. */
	IODataQueueClose(producer);
	producer = IODataQueueOpen(mount.queue.path, kIODataQueueConsumer);
	ck_assert_ptr_nonnull(producer);
	IODataQueueClose(producer);
	IOServiceClose(connect);
}
END_TEST

START_TEST(where_the_consumer_is_taken_a_map_produces)
{
	io_connect_t connect = open_connection(&mount);
	IODataQueueMemory *consumer = IODataQueueOpen(mount.queue.path, kIODataQueueConsumer);
	mach_vm_address_t address = 0;
	IODataQueueMemory *producer;

	ck_assert_int_eq(IOConnectMapMemory64(connect, 2, mach_task_self(), &address, NULL,
					      kIOMapAnywhere), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueEnqueue((IODataQueueMemory *)word(address),
					    (void *)(uintptr_t)"entry", 5), kIOReturnSuccess);
	ck_assert(IODataQueueDataAvailable(consumer));
	IODataQueueClose(consumer);
	IOServiceClose(connect);
	producer = IODataQueueOpen(mount.queue.path, kIODataQueueProducer);
	ck_assert_ptr_nonnull(producer);
	IODataQueueClose(producer);
}
END_TEST

START_TEST(a_queues_port_is_set_before_or_after_its_map)
{
	io_connect_t connect = open_connection(&mount);
	mach_port_t port = IODataQueueAllocateNotificationPort();
	mach_vm_address_t address = 0;
	IODataQueueMemory *producer = IODataQueueOpen(mount.queue.path, kIODataQueueProducer);
	IODataQueueMemory *queue;
	IONotificationPortRef other = IONotificationPortCreate(MACH_PORT_NULL);

	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2, port, 0), kIOReturnSuccess);
	IODataQueueEnqueue(producer, (void *)(uintptr_t)"entry", 5);
	ck_assert(!is_readable(port));
	ck_assert_int_eq(IOConnectMapMemory64(connect, 2, mach_task_self(), &address, NULL,
					      kIOMapAnywhere), kIOReturnSuccess);
	ck_assert(is_readable(port));
	queue = word(address);
	ck_assert_int_eq(IODataQueueDequeue(queue, NULL, NULL), kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDequeue(queue, NULL, NULL), kIOReturnUnderrun);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2, MACH_PORT_NULL, 0),
			 kIOReturnSuccess);
	IODataQueueEnqueue(producer, (void *)(uintptr_t)"entry", 5);
	ck_assert(!is_readable(port));
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2, port, 0), kIOReturnSuccess);
	ck_assert(is_readable(port));

	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2,
						      IONotificationPortGetMachPort(other), 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2, connect, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 2, -1, 0), kIOReturnBadArgument);
	ck_assert(is_readable(port));
	IONotificationPortDestroy(other);
	IOServiceClose(connect);
	IODataQueueClose(producer);
	close(port);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, memory_is_mapped_whole_and_shared);
	tcase_add_test(tests, memory_is_mapped_where_it_is_wanted_or_not_at_all);
	tcase_add_test(tests, every_failure_to_map_is_a_bad_argument);
	tcase_add_test_raise_signal(tests, writing_to_read_only_memory_ends_the_program, SIGSEGV);
	tcase_add_test(tests, maps_outlive_the_service_and_not_the_connection);
	tcase_add_test(tests, memory_that_is_a_queue_is_an_attachment);
	tcase_add_test(tests, where_the_consumer_is_taken_a_map_produces);
	tcase_add_test(tests, a_queues_port_is_set_before_or_after_its_map);
}
