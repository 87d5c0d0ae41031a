/* SPDX-License-Identifier: MIT */
/*
 * sample_pci - sets properties of each card and looks at them, calls with one buffer for
 * both ways, and works in memory that it shares with the driver
 */
#include "client.h"

#define CLASS_NAME	"SamplePCI"
#define CONNECT_TYPE	23
#define MEMORY_TYPE	1

enum {
	kSampleMethodSwap,
	kSampleMethodSum
};

struct words {
	uint32_t data1, data2, data3;
};

/* As it lies in shared memory, which has a page. */
struct shared {
	struct words words;
	char string[24];
	char rest[4060];
};

static void set_properties(io_service_t service)
{
	json_t *properties = json_object();
	json_t *all = NULL;

	json_object_set_new(properties, "value", json_integer(24));
	must("IORegistryEntrySetCFProperties", IORegistryEntrySetCFProperties(service, properties));
	json_decref(properties);

	must("IORegistryEntryCreateCFProperties",
	     IORegistryEntryCreateCFProperties(service, &all, kCFAllocatorDefault, 0));
	printf("IONameMatched: %s\n", json_string_value(json_object_get(all, "IONameMatched")));
	printf("value: %d\n", (int)json_integer_value(json_object_get(all, "value")));
	json_decref(all);
}

static void call_in_place(io_connect_t connect)
{
	struct words words = { 1, 2, 3 };
	size_t size = sizeof(words);

	must("swap", IOConnectCallStructMethod(connect, kSampleMethodSwap, &words, sizeof(words),
					       &words, &size));
	printf("swapped: %u %u %u, %zu bytes\n", words.data1, words.data2, words.data3, size);
}

static void use_memory(io_connect_t connect)
{
	mach_vm_address_t address;
	mach_vm_size_t size;
	struct shared *shared;
	static unsigned char large[0x4321];
	uint32_t sum = 0;
	size_t sum_size = sizeof(sum);

	must("IOConnectMapMemory64", IOConnectMapMemory64(connect, MEMORY_TYPE, mach_task_self(),
							  &address, &size, kIOMapAnywhere));
	printf("size: %s\n", size == sizeof(struct shared) ? "as expected" : "another");
	shared = (struct shared *)(uintptr_t)address;
	printf("words: %#x %#x %#x\n", shared->words.data1, shared->words.data2,
	       shared->words.data3);
	printf("string: %s\n", shared->string);
	memset(shared->string, 0, sizeof(shared->string));
	strcpy(shared->string, "the client wrote this");

	/* More than goes in one message. */
	memset(large, 1, sizeof(large));
	must("sum", IOConnectCallStructMethod(connect, kSampleMethodSum, large, sizeof(large), &sum,
					      &sum_size));
	for (const char *byte = shared->string; *byte; byte++)
		sum -= (unsigned char)*byte;
	printf("sum: %#x\n", sum);
	must("IOConnectUnmapMemory64",
	     IOConnectUnmapMemory64(connect, MEMORY_TYPE, mach_task_self(), address));
}

static void test_service(io_service_t service)
{
	io_connect_t connect;
	io_string_t path;

	must("IORegistryEntryGetPath", IORegistryEntryGetPath(service, "IOService", path));
	printf("%s\n", path);
	set_properties(service);
	say("type 0", IOServiceOpen(service, mach_task_self(), 0, &connect));
	must("IOServiceOpen", IOServiceOpen(service, mach_task_self(), CONNECT_TYPE, &connect));
	call_in_place(connect);
	use_memory(connect);
	must("IOServiceClose", IOServiceClose(connect));
}

int main(void)
{
	io_iterator_t iterator;
	io_service_t service;

	must("IOServiceGetMatchingServices",
	     IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching(CLASS_NAME),
					  &iterator));
	for (; (service = IOIteratorNext(iterator)) != IO_OBJECT_NULL; IOObjectRelease(service))
		test_service(service);
	IOObjectRelease(iterator);
	return EXIT_SUCCESS;
}
