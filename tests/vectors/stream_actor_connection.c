/* SPDX-License-Identifier: MIT */
/* A client's end, by methods, traps, memory and ports of a connection to the stream's entry. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IOKitLib.h>

#include "stream_actor.h"

static io_connect_t connection;

void connection_begin(const char *service, const char *name)
{
	io_string_t path;
	io_service_t entry;
	IOReturn result;

	snprintf(path, sizeof(path), "IOService:/%s/%s", service, name);
	entry = IORegistryEntryFromPath(0, path);
	if (!entry || !IOObjectConformsTo(entry, "IOStream"))
		errx(1, "%s is no IOStream", path);
	result = IOServiceOpen(entry, mach_task_self(), 0, &connection);
	if (result != kIOReturnSuccess)
		errx(1, "open: %s", IOReturnText(result));
	IOObjectRelease(entry);
}

/* Methods and traps */

static IOReturn call(uint32_t selector)
{
	return IOConnectCallScalarMethod(connection, selector, NULL, 0, NULL, NULL);
}

/* One word, as a scalar or as a struct: both are right, and what one says the other says, too. */
static IOReturn call_with(uint32_t selector, uint32_t word)
{
	static unsigned n;
	uint64_t scalar = word;

	if (n++ % 2)
		return IOConnectCallStructMethod(connection, selector, &word, sizeof(word), NULL, NULL);
	return IOConnectCallScalarMethod(connection, selector, &scalar, 1, NULL, NULL);
}

static uint32_t word_of(uint32_t selector)
{
	uint64_t scalar;
	uint32_t word, n = 1;
	size_t size = sizeof(word);

	if (IOConnectCallScalarMethod(connection, selector, NULL, 0, &scalar, &n) !=
		    kIOReturnSuccess ||
	    IOConnectCallStructMethod(connection, selector, NULL, 0, &word, &size) !=
		    kIOReturnSuccess ||
	    size != sizeof(word) || word != scalar)
		errx(1, "method %u gives no word", selector);
	return word;
}

static json_t *run_open(json_t *words)
{
	return returned(call_with(kIOStreamMethodOpen, (uint32_t)number(words, "options")));
}

static json_t *run_close(json_t *words)
{
	(void)words;
	return returned(call(kIOStreamMethodClose));
}

static json_t *run_start(json_t *words)
{
	(void)words;
	return returned(call(kIOStreamMethodStart));
}

static json_t *run_stop(json_t *words)
{
	(void)words;
	return returned(call(kIOStreamMethodStop));
}

static json_t *run_suspend(json_t *words)
{
	(void)words;
	return returned(call(kIOStreamMethodSuspend));
}

static json_t *run_send(json_t *words)
{
	return returned(IOConnectTrap1(connection, kIOStreamTrapEnqueueInput,
				       (uintptr_t)number(words, "token")));
}

static json_t *run_send_sync(json_t *words)
{
	return returned(IOConnectTrap1(connection, kIOStreamTrapEnqueueInputSync,
				       (uintptr_t)number(words, "token")));
}

static const char *const modes[] = { "input", "output", "inout" };

static json_t *run_set_mode(json_t *words)
{
	uint32_t mode = 0;

	while (mode < 3 && strcmp(modes[mode], text(words, "mode")) != 0)
		mode++;
	return returned(call_with(kIOStreamMethodSetMode, mode));
}

static json_t *run_get_mode(json_t *words)
{
	(void)words;
	return valued(json_string(modes[word_of(kIOStreamMethodGetMode) % 3]));
}

static json_t *run_buffer_count(json_t *words)
{
	(void)words;
	return valued(json_integer(word_of(kIOStreamMethodGetBufferCount)));
}

/* Memory and ports */

/* The bytes that are used: of a queue, as many as its entries say. */
static json_int_t size_of(uint32_t kind, mach_vm_address_t address, mach_vm_size_t mapped)
{
	const IOStreamBufferQueue *ring = (const IOStreamBufferQueue *)(uintptr_t)address;
	mach_vm_size_t size = mapped;

	if (kind == kIOStreamMemoryTypeOutputQueue || kind == kIOStreamMemoryTypeInputQueue)
		size = sizeof(*ring) + (ring->entryCount - 1) * sizeof(ring->queue[0]);
	if (size > mapped)
		errx(1, "%u entries do not fit into %llu bytes", ring->entryCount,
		     (unsigned long long)mapped);
	return (json_int_t)size;
}

static json_t *run_map_memory(json_t *words)
{
	uint32_t type = (uint32_t)strtoul(text(words, "type"), NULL, 16);
	mach_vm_address_t address = 0;
	mach_vm_size_t size = 0;
	IOReturn result = IOConnectMapMemory64(connection, type, mach_task_self(), &address, &size,
					       kIOMapAnywhere);
	json_t *answer = returned(result);

	if (result != kIOReturnSuccess)
		return answer;
	json_object_set_new(answer, "size",
			    json_integer(size_of(type & kIOStreamMemoryTypeMask, address, size)));
	result = IOConnectUnmapMemory64(connection, type, mach_task_self(), address);
	if (result != kIOReturnSuccess)
		errx(1, "unmap: %s", IOReturnText(result));
	return answer;
}

static json_t *run_register_port(json_t *words)
{
	IONotificationPortRef port = IONotificationPortCreate(0);
	IOReturn result = IOConnectSetNotificationPort(connection, (uint32_t)number(words, "type"),
						       IONotificationPortGetMachPort(port), 0);

	if (result != kIOReturnSuccess)
		IONotificationPortDestroy(port);
	return returned(result);
}

const struct operation connection_operations[] = {
	{ "open", run_open },
	{ "close", run_close },
	{ "start", run_start },
	{ "stop", run_stop },
	{ "suspend", run_suspend },
	{ "send_input_notification", run_send },
	{ "send_input_sync_notification", run_send_sync },
	{ "set_mode", run_set_mode },
	{ "get_mode", run_get_mode },
	{ "buffer_count", run_buffer_count },
	{ "map_memory", run_map_memory },
	{ "register_port", run_register_port },
	{ NULL, NULL },
};
