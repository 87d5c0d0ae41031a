/* SPDX-License-Identifier: MIT */
/*
 * stream_service WHAT DIRECTORY - a stream by its service and its user client, without
 * IOStreamLib; ends with 0 if it does what it is to do. DIRECTORY is the stream's.
 */
#include "checks.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <IOKit/IOCFPlugIn.h>
#include <IOKit/IODataQueueClient.h>
#include <IOKit/stream/IOStreamLib.h>

static const char *directory;

/* --- the stream's files, as its driver and a shell have them */

static void put(const char *file, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_WRONLY);
	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static const char *get(const char *file)
{
	static char text[256];
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	check(n >= 0);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(fd);
	return text;
}

#define is(file, wanted)	check(strcmp(get(file), wanted) == 0)

/* --- the service and its connections */

/* As a program looks for it: by class, and by a property and its name. */
static io_service_t find_stream(void)
{
	json_t *matching = json_pack("{s:s, s:s, s:{s:i}}", "IOProviderClass", "IOStream",
				     "IONameMatch", strrchr(directory, '/') + 1,
				     "IOPropertyMatch", "IOStreamMode", kIOStreamModeOutput);
	io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, matching);

	check(service != IO_OBJECT_NULL && IOObjectConformsTo(service, "IOService"));
	return service;
}

static io_connect_t open_stream(void)
{
	io_service_t service = find_stream();
	io_connect_t connect = IO_OBJECT_NULL;

	gives(kIOReturnSuccess, IOServiceOpen(service, mach_task_self(), 0, &connect));
	IOObjectRelease(service);
	return connect;
}

static IOReturn scalar(io_connect_t connect, uint32_t method, uint64_t word)
{
	return IOConnectCallScalarMethod(connect, method, &word, 1, NULL, NULL);
}

static IOReturn plain(io_connect_t connect, uint32_t method)
{
	return IOConnectCallScalarMethod(connect, method, NULL, 0, NULL, NULL);
}

static uint64_t scalar_of(io_connect_t connect, uint32_t method)
{
	uint64_t word = UINT64_MAX;
	uint32_t n = 1;

	gives(kIOReturnSuccess, IOConnectCallScalarMethod(connect, method, NULL, 0, &word, &n));
	check(n == 1);
	return word;
}

static uint32_t struct_of(io_connect_t connect, uint32_t method)
{
	uint32_t word = UINT32_MAX;
	size_t n = sizeof(word);

	gives(kIOReturnSuccess, IOConnectCallStructMethod(connect, method, NULL, 0, &word, &n));
	check(n == sizeof(word));
	return word;
}

static IOReturn bytes(io_connect_t connect, uint32_t method, uint32_t word)
{
	return IOConnectCallStructMethod(connect, method, &word, sizeof(word), NULL, NULL);
}

/* --- methods */

static void check_arguments(io_connect_t connect)
{
	const uint64_t words[] = { 0, 0 };
	uint64_t out[2];
	uint32_t n = 2;
	size_t size = 8;

	gives(kIOReturnBadArgument, plain(connect, kIOStreamMethodOpen));
	gives(kIOReturnBadArgument, scalar(connect, kIOStreamMethodOpen, 1ull << 32));
	gives(kIOReturnBadArgument, scalar(connect, kIOStreamMethodStart, 0));
	gives(kIOReturnBadArgument, plain(connect, 8));
	gives(kIOReturnBadArgument,
	      IOConnectCallScalarMethod(connect, kIOStreamMethodOpen, words, 2, NULL, NULL));
	gives(kIOReturnBadArgument,
	      IOConnectCallScalarMethod(connect, kIOStreamMethodGetMode, NULL, 0, out, &n));
	gives(kIOReturnBadArgument,
	      IOConnectCallStructMethod(connect, kIOStreamMethodGetMode, NULL, 0, out, &size));
	gives(kIOReturnBadArgument,
	      IOConnectCallStructMethod(connect, kIOStreamMethodOpen, words, 8, NULL, NULL));
	gives(kIOReturnBadArgument, scalar(connect, kIOStreamMethodOpen, 1));
	gives(kIOReturnBadArgument, bytes(connect, kIOStreamMethodOpen, kIOStreamOptionOpenShared |
					  kIOStreamOptionOpenExclusive));
	gives(kIOReturnUnsupported, bytes(connect, kIOStreamMethodOpen, kIOStreamOptionOpenShared));
	is("state", "closed");
}

static void check_closed(io_connect_t connect)
{
	gives(kIOReturnNotOpen, plain(connect, kIOStreamMethodStart));
	gives(kIOReturnNotOpen, plain(connect, kIOStreamMethodStop));
	gives(kIOReturnNotOpen, plain(connect, kIOStreamMethodSuspend));
	gives(kIOReturnNotOpen, plain(connect, kIOStreamMethodClose));
	check(scalar_of(connect, kIOStreamMethodGetMode) == kIOStreamModeOutput);
	check(struct_of(connect, kIOStreamMethodGetBufferCount) == 2);
}

/* open, start, suspend, resume, stop, close: the state follows, and what is wrong is refused. */
static void check_life(io_connect_t connect)
{
	gives(kIOReturnNotReady, plain(connect, kIOStreamMethodSuspend));
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	is("state", "running");
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	gives(kIOReturnBusy, scalar(connect, kIOStreamMethodSetMode, kIOStreamModeInput));
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodSuspend));
	is("state", "suspended");
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	is("state", "running");
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStop));
	is("state", "stopped");
	gives(kIOReturnBadArgument, scalar(connect, kIOStreamMethodSetMode, 3));
	gives(kIOReturnSuccess, bytes(connect, kIOStreamMethodSetMode, kIOStreamModeInput));
	check(struct_of(connect, kIOStreamMethodGetMode) == kIOStreamModeInput);
	is("mode", "input");
	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodSetMode, kIOStreamModeOutput));
}

static void methods(void)
{
	io_connect_t one = open_stream(), other = open_stream();
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	check_arguments(one);
	check_closed(one);
	gives(kIOReturnSuccess, scalar(one, kIOStreamMethodOpen, kIOStreamOptionOpenExclusive));
	is("client", pid);
	is("state", "stopped");
	gives(kIOReturnExclusiveAccess, scalar(one, kIOStreamMethodOpen, 0));
	gives(kIOReturnExclusiveAccess, bytes(other, kIOStreamMethodOpen, 0));
	check_closed(other);
	gives(kIOReturnNotOpen, scalar(other, kIOStreamMethodSetMode, kIOStreamModeInput));
	check_life(one);
	gives(kIOReturnSuccess, plain(one, kIOStreamMethodClose));
	is("state", "closed");
	is("client", "none");
	gives(kIOReturnNotOpen, plain(one, kIOStreamMethodClose));
	gives(kIOReturnSuccess, bytes(other, kIOStreamMethodOpen, 0));
	gives(kIOReturnSuccess, IOServiceClose(other));
	is("state", "closed");
	gives(kIOReturnSuccess, IOServiceClose(one));
}

/* --- memory */

static void *map(io_connect_t connect, uint32_t type, uint64_t *size)
{
	mach_vm_address_t address = 0;

	gives(kIOReturnSuccess, IOConnectMapMemory64(connect, type, mach_task_self(), &address, size,
						     kIOMapAnywhere));
	return word(address);
}

/* The code that says why there is no such memory is that of the unmap; a map has one for all. */
static void no_memory(io_connect_t connect, uint32_t type, IOReturn wanted)
{
	mach_vm_address_t address = 0;
	uint64_t size;

	gives(kIOReturnBadArgument, IOConnectMapMemory64(connect, type, mach_task_self(), &address,
							 &size, kIOMapAnywhere));
	gives(wanted, IOConnectUnmapMemory64(connect, type, mach_task_self(), 0));
}

/* A frame goes all the way, by what is mapped. */
static void pass_frame(const IOStreamBufferQueue *output, const char *data)
{
	put("buffers/1/data", "a frame");
	put("driver/enqueue", "1 0 7 0 64");
	check(output->headIndex == 1 && output->tailIndex == 0);
	check(output->queue[0].bufferID == 1 && output->queue[0].dataLength == 7);
	check(memcmp(data, "a frame", 7) == 0);
}

static void memory(void)
{
	io_connect_t connect = open_stream(), other = open_stream();
	IOStreamBufferQueue *output, *input;
	uint64_t size;

	no_memory(connect, kIOStreamMemoryTypeOutputQueue, kIOReturnNotOpen);
	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	no_memory(other, kIOStreamMemoryTypeOutputQueue, kIOReturnNotOpen);
	no_memory(connect, 0x50000000, kIOReturnBadArgument);
	no_memory(connect, 0, kIOReturnBadArgument);
	no_memory(connect, kIOStreamMemoryTypeInputQueue | 1, kIOReturnBadArgument);
	no_memory(connect, kIOStreamMemoryTypeBufferData | 2, kIOReturnBadArgument);
	no_memory(connect, kIOStreamMemoryTypeBufferControl, kIOReturnNotFound);
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	output = map(connect, kIOStreamMemoryTypeOutputQueue, &size);
	check(size >= 16 + 3 * sizeof(IOStreamBufferQueueEntry) && output->entryCount == 3);
	input = map(connect, kIOStreamMemoryTypeInputQueue, &size);
	check(input != output && input->entryCount == 3);
	map(connect, kIOStreamMemoryTypeBufferControl | 1, &size);
	check(size == 64);
	pass_frame(output, map(connect, kIOStreamMemoryTypeBufferData | 1, &size));
	check(size == 4096);
	gives(kIOReturnSuccess, IOConnectUnmapMemory64(connect, kIOStreamMemoryTypeOutputQueue,
						       mach_task_self(), (uintptr_t)output));
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodClose));
	no_memory(connect, kIOStreamMemoryTypeBufferData, kIOReturnNotOpen);
	IOServiceClose(other);
	IOServiceClose(connect);
}

/* --- notifications */

static void count(void *refcon, io_connect_t connect, uint32_t type, uintptr_t reference,
		  json_t *message)
{
	uint64_t *n = refcon;

	check(connect != IO_OBJECT_NULL && type == kIOStreamPortTypeOutput && reference == 5);
	*n += (uint64_t)json_integer_value(message);
}

static void wait_for(mach_port_t port, const uint64_t *n, uint64_t wanted)
{
	struct pollfd readable = { .fd = port, .events = POLLIN };

	while (*n < wanted) {
		check(poll(&readable, 1, 20000) == 1);
		IONotificationPortDispatch(port);
	}
	check(*n == wanted);
}

static void ports(void)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	mach_port_t wake = IONotificationPortGetMachPort(port);
	mach_port_t lent = IODataQueueAllocateNotificationPort();
	struct pollfd readable = { .fd = lent, .events = POLLIN };
	io_connect_t connect = open_stream();
	json_t *message;
	uint64_t n = 0;

	gives(kIOReturnNotOpen, IOConnectSetNotificationPort(connect, 0, wake, 5));
	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnBadArgument, IOConnectSetNotificationPort(connect, 2, wake, 5));
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 1, wake, 5));
	IOConnectSetNotificationCallback(connect, 0, count, &n);
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 0, wake, 5));
	put("driver/notify", "1");
	wait_for(wake, &n, 1);
	put("driver/notify", "1");
	put("driver/notify", "1");
	wait_for(wake, &n, 3);

	/* The last port that was set is the one. */
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 0, lent, 5));
	put("driver/notify", "1");
	check(poll(&readable, 1, 20000) == 1);
	gives(kIOReturnSuccess, IOConnectCopyNotification(connect, 0, &message));
	check(json_integer_value(message) == 1);
	json_decref(message);
	gives(kIOReturnUnderrun, IOConnectCopyNotification(connect, 0, &message));
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 0, MACH_PORT_NULL, 0));
	IOServiceClose(connect);
	IONotificationPortDestroy(port);
	close(lent);
}

/* The driver, a shell, acknowledges the second. */
static void traps(void)
{
	io_connect_t connect = open_stream();

	gives(kIOReturnNotOpen, IOConnectTrap1(connect, kIOStreamTrapEnqueueInput, 1));
	gives(kIOReturnNotOpen, IOConnectTrap1(connect, kIOStreamTrapEnqueueInputSync, 1));
	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnUnsupported, IOConnectTrap1(connect, 2, 1));
	gives(kIOReturnUnsupported, IOConnectTrap0(connect, kIOStreamTrapEnqueueInput));
	gives(kIOReturnSuccess, IOConnectTrap1(connect, kIOStreamTrapEnqueueInput, 0xaa));
	gives(kIOReturnSuccess, IOConnectTrap1(connect, kIOStreamTrapEnqueueInputSync,
					       (uintptr_t)0x100000007ull));
	puts("both");
	IOServiceClose(connect);
}

/* --- beside io, and IOStreamLib */

static IOStreamRef stream_of(io_service_t service)
{
	IOCFPlugInInterface **plugin;
	IOStreamRef stream;
	SInt32 score;

	gives(kIOReturnSuccess, IOCreatePlugInInterfaceForService(service, kIOStreamLibTypeID,
						kIOCFPlugInInterfaceID, &plugin, &score));
	check((*plugin)->QueryInterface(plugin, CFUUIDGetUUIDBytes(kIOStreamInterfaceID_v1),
					(void **)&stream) == S_OK);
	IODestroyPlugInInterface(plugin);
	return stream;
}

static void beside(void)
{
	io_service_t service = find_stream();
	IOStreamRef stream = stream_of(service);
	io_connect_t connect = open_stream();

	gives(kIOReturnSuccess, (*stream)->Open(stream, 0));
	gives(kIOReturnExclusiveAccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnNotOpen, plain(connect, kIOStreamMethodStart));
	no_memory(connect, kIOStreamMemoryTypeOutputQueue, kIOReturnNotOpen);
	gives(kIOReturnSuccess, (*stream)->StartStream(stream));
	is("state", "running");
	gives(kIOReturnSuccess, (*stream)->Close(stream));
	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnExclusiveAccess, (*stream)->Open(stream, 0));
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodClose));
	gives(kIOReturnSuccess, (*stream)->Open(stream, 0));
	(*stream)->Release(stream);
	is("state", "closed");
	IOServiceClose(connect);
	IOObjectRelease(service);
}

/* Held open and running, until it is killed or the service ends. */
static void hold(void)
{
	io_connect_t connect = open_stream();

	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	say_ready();
	while (plain(connect, kIOStreamMethodStart) == kIOReturnSuccess)
		usleep(10000);
}

/* What a driver that is asked says to a start is its result. */
static void ask(void)
{
	io_connect_t connect = open_stream();

	gives(kIOReturnSuccess, scalar(connect, kIOStreamMethodOpen, 0));
	gives(kIOReturnNoBandwidth, plain(connect, kIOStreamMethodStart));
	is("state", "stopped");
	gives(kIOReturnSuccess, plain(connect, kIOStreamMethodStart));
	is("state", "running");
	IOServiceClose(connect);
}

static const struct {
	const char *name;
	void (*run)(void);
} all[] = {
	{ "methods", methods }, { "memory", memory }, { "ports", ports }, { "traps", traps },
	{ "beside", beside }, { "hold", hold }, { "ask", ask },
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return EXIT_FAILURE;
	directory = argv[2];
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, argv[1]) != 0)
			continue;
		all[i].run();
		return EXIT_SUCCESS;
	}
	return EXIT_FAILURE;
}
