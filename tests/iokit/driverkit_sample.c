/* SPDX-License-Identifier: MIT */
/*
 * driverkit_sample - waits for a driver to come, tries its methods, checked and unchecked,
 * synchronous and not, and waits for it to go
 */
#include "client.h"

#include <poll.h>

#define CLASS_NAME	"NullDriver"

enum {
	ExternalMethodType_Scalar,
	ExternalMethodType_Struct,
	ExternalMethodType_CheckedScalar,
	ExternalMethodType_CheckedStruct,
	ExternalMethodType_RegisterAsyncCallback,
	ExternalMethodType_AsyncRequest
};

typedef struct {
	uint64_t foo, bar;
} DataStruct;

/* Larger than what goes in one message. */
typedef struct {
	uint64_t foo, bar;
	uint64_t largeArray[511];
} OversizedDataStruct;

static IONotificationPortRef global_port;
static io_connect_t connection = IO_OBJECT_NULL;
static bool is_gone;
static unsigned n_completions;

/* --- methods */

static void unchecked_scalar(void)
{
	const uint64_t input[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	uint64_t output[16];
	uint32_t n = 16;
	kern_return_t r = IOConnectCallScalarMethod(connection, ExternalMethodType_Scalar,
						    input, 16, output, &n);

	printf("scalar: %s, %u from %" PRIu64 " to %" PRIu64 "\n", name_of(r), n, output[0],
	       output[15]);
}

static void unchecked_struct(void)
{
	DataStruct in = { 300, 70000 }, out = { 0, 0 };
	size_t size = sizeof(out);
	kern_return_t r = IOConnectCallStructMethod(connection, ExternalMethodType_Struct, &in,
						    sizeof(in), &out, &size);

	printf("struct: %s, %" PRIu64 ", %" PRIu64 "\n", name_of(r), out.foo, out.bar);
}

static void unchecked_large_struct(void)
{
	static OversizedDataStruct in, out;
	size_t size = sizeof(out);
	kern_return_t r;

	in.foo = 300;
	in.largeArray[510] = UINT64_MAX;
	r = IOConnectCallStructMethod(connection, ExternalMethodType_Struct, &in, sizeof(in), &out,
				      &size);
	printf("large struct: %s, %zu bytes, %" PRIu64 ", %" PRIu64 ", %#" PRIx64 "\n",
	       name_of(r), size, out.foo, out.bar, out.largeArray[510]);
}

static void checked_scalar(uint32_t n_input)
{
	const uint64_t input[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	uint64_t output[16] = { 0 };
	uint32_t n = 16;
	kern_return_t r = IOConnectCallScalarMethod(connection, ExternalMethodType_CheckedScalar,
						    input, n_input, output, &n);

	printf("checked scalar, %u: %s, %" PRIu64 "\n", n_input, name_of(r), output[15]);
}

static void checked_struct(size_t room)
{
	DataStruct in = { 300, 70000 };
	OversizedDataStruct out = { .foo = 0 };
	kern_return_t r = IOConnectCallStructMethod(connection, ExternalMethodType_CheckedStruct,
						    &in, sizeof(in), &out, &room);

	printf("checked struct: %s, %" PRIu64 ", %" PRIu64 "\n", name_of(r), out.foo, out.bar);
}

/* --- asynchronous ones */

static void async_callback(void *refcon, IOReturn result, void **args, uint32_t numArgs)
{
	printf("completion of %s: %s, %u words, %" PRIuPTR ", %" PRIuPTR "\n", (const char *)refcon,
	       name_of(result), numArgs, (uintptr_t)args[0], (uintptr_t)args[1]);
	n_completions++;
}

static kern_return_t call_async(uint32_t selector, mach_port_t port, char *refcon)
{
	uint64_t reference[kOSAsyncRef64Count] = { 0 };
	DataStruct in = { 300, 70000 }, out = { 0, 0 };
	size_t size = sizeof(out);

	reference[kIOAsyncCalloutFuncIndex] = (uint64_t)(uintptr_t)async_callback;
	reference[kIOAsyncCalloutRefconIndex] = (uint64_t)(uintptr_t)refcon;
	return IOConnectCallAsyncStructMethod(connection, selector, port, reference,
					      kIOAsyncCalloutCount, &in, sizeof(in), &out, &size);
}

/* Until @what says so, or for 20 s. */
static void run_loop(bool (*is_done)(void))
{
	struct pollfd port = {
		.fd = IONotificationPortGetMachPort(global_port), .events = POLLIN
	};

	while (!is_done()) {
		if (poll(&port, 1, 20000) != 1) {
			fprintf(stderr, "nothing happens\n");
			exit(EXIT_FAILURE);
		}
		IONotificationPortDispatch(port.fd);
	}
}

static bool has_completed(void)
{
	return n_completions > 0;
}

static bool has_completed_twice(void)
{
	return n_completions > 1;
}

static void try_async(void)
{
	static char registered[] = "the registered call", own[] = "the request itself";
	mach_port_t port = IONotificationPortGetMachPort(global_port);

	say("request, nothing registered",
	    call_async(ExternalMethodType_AsyncRequest, MACH_PORT_NULL, registered));
	say("register, synchronously",
	    call_async(ExternalMethodType_RegisterAsyncCallback, MACH_PORT_NULL, registered));
	say("register", call_async(ExternalMethodType_RegisterAsyncCallback, port, registered));
	say("request, synchronously",
	    call_async(ExternalMethodType_AsyncRequest, MACH_PORT_NULL, own));
	run_loop(has_completed);
	say("request", call_async(ExternalMethodType_AsyncRequest, port, own));
	run_loop(has_completed_twice);
}

static void try_all(void)
{
	unchecked_scalar();
	unchecked_struct();
	unchecked_large_struct();
	checked_scalar(16);
	checked_scalar(15);
	checked_struct(sizeof(DataStruct));
	checked_struct(sizeof(DataStruct) - 1);
	checked_struct(sizeof(DataStruct) + 1);
	try_async();
}

/* --- coming and going */

static void device_added(void *refcon, io_iterator_t iterator)
{
	io_service_t device;

	(void)refcon;
	while ((device = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
		printf("added\n");
		if (connection == IO_OBJECT_NULL)
			must("IOServiceOpen",
			     IOServiceOpen(device, mach_task_self(), 0, &connection));
		IOObjectRelease(device);
	}
}

static void device_removed(void *refcon, io_iterator_t iterator)
{
	io_service_t device;

	(void)refcon;
	while ((device = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
		printf("removed\n");
		is_gone = true;
		IOObjectRelease(device);
	}
}

static bool is_open(void)
{
	return connection != IO_OBJECT_NULL;
}

static bool is_removed(void)
{
	return is_gone;
}

int main(void)
{
	io_iterator_t added = IO_OBJECT_NULL, removed = IO_OBJECT_NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	global_port = IONotificationPortCreate(kIOMainPortDefault);
	must("added", IOServiceAddMatchingNotification(global_port, kIOFirstMatchNotification,
						       IOServiceMatching(CLASS_NAME), device_added,
						       NULL, &added));
	must("removed", IOServiceAddMatchingNotification(global_port, kIOTerminatedNotification,
							 IOServiceMatching(CLASS_NAME),
							 device_removed, NULL, &removed));
	/* Emptied now, they are armed. */
	device_added(NULL, added);
	device_removed(NULL, removed);
	printf("waiting\n");
	run_loop(is_open);
	try_all();
	printf("done\n");
	run_loop(is_removed);
	say("after it", IOConnectCallScalarMethod(connection, 0, NULL, 0, NULL, NULL));
	say("IOServiceClose", IOServiceClose(connection));
	IOObjectRelease(added);
	IOObjectRelease(removed);
	IONotificationPortDestroy(global_port);
	return EXIT_SUCCESS;
}
