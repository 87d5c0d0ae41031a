/* SPDX-License-Identifier: MIT */
/*
 * fuzz_session - any text in the sessions that a client's library reads: services that come and
 * go, messages, completions, notifications, the number of a connection, and `methods`
 *
 * The first byte says which. What a program is told of can be read, and is told while it is there.
 */
#include <errno.h>
#include <sys/epoll.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IOKitLib.h>

#include "libqueue/connection_text.h"
#include "libqueue/json_text.h"
#include "mount.h"

#define SERVICE		"IOService/Svc"
#define CONNECTION	SERVICE "/clients/7"
#define REFCON		((void *)(uintptr_t)0x5ef)
#define TOKEN		(UINT64_C(1) << 32 | 1)	/* what the library calls its first reference */
#define TYPE		3u

static io_connect_t connected;

/* --- files */

/* A file that is a session: what fsd would say is in it. Return: the end that fsd has. */
static int put_session(const char *name)
{
	int fd;

	unlink(in_mount(name));
	CHECK(mkfifo(in_mount(name), 0600) == 0);
	fd = open(in_mount(name), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void say(int fd, const char *text, size_t n)
{
	CHECK(write(fd, text, n) == (ssize_t)n);
}

/* A call is answered by what stands where its line ends. */
static void put_call(const char *answer, size_t n)
{
	const struct method_call call = { .selector = 1, .reference = TOKEN };
	size_t size = call_room(&call);
	char *text = malloc(size + n);

	CHECK(text);
	size = call_print(&call, text);
	memcpy(text + size, answer, n);
	put_file(CONNECTION "/call", text, size + n);
	free(text);
}

static void make_service(void)
{
	static const char *const folders[] = {
		SERVICE, SERVICE "/clients", CONNECTION, CONNECTION "/mem", CONNECTION "/port",
	};

	make_mount();
	if (access(in_mount(SERVICE "/id"), F_OK) == 0)
		return;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		put_folder(folders[i]);
	put_text(SERVICE "/id", SERVICE_ID "\n");
	put_text(SERVICE "/state", "registered matched active\n");
	put_text(CONNECTION "/id", "0x100000108\n");
	put_text(SERVICE "/rom", "rom");
	CHECK(symlink("../..", in_mount(CONNECTION "/service")) == 0);
	CHECK(symlink("../../../rom", in_mount(CONNECTION "/mem/1")) == 0);
}

static io_service_t find_service(void)
{
	io_service_t service = IORegistryEntryFromPath(MACH_PORT_NULL, "IOService:/Svc");

	CHECK(service);
	return service;
}

/* Return: whether it was opened: fsd says which one it is. */
static bool open_connection(const char *number, size_t n)
{
	io_service_t service = find_service();
	int session = put_session(SERVICE "/clone");
	kern_return_t result;

	if (n > 0)
		say(session, number, n);
	result = n > 0 ? IOServiceOpen(service, mach_task_self(), 0, &connected) : kIOReturnError;
	IOObjectRelease(service);
	close(session);
	return result == kIOReturnSuccess;
}

/* --- what the program is told */

static unsigned n_told;

static void take_services(void *refcon, io_iterator_t iterator)
{
	io_service_t service;
	io_name_t name;

	CHECK(refcon == REFCON);
	n_told++;
	while ((service = IOIteratorNext(iterator))) {
		IORegistryEntryGetName(service, name);
		IOObjectGetClass(service, name);
		IOObjectRelease(service);
	}
}

static void take_message(void *refcon, io_service_t service, uint32_t type, void *argument)
{
	(void)argument;
	(void)type;
	CHECK(refcon == REFCON && service);
	n_told++;
}

/* What else it is called with depends on what the driver says. */
static void take_result(void *refcon, IOReturn result)
{
	(void)result;
	CHECK(refcon == REFCON);
	n_told++;
}

static void take_document(void *refcon, io_connect_t connect, uint32_t type, uintptr_t reference,
			  json_t *message)
{
	char *text = json_text_print(message, true);

	CHECK(refcon == REFCON && connect == connected && type == TYPE && reference == 9 && text);
	n_told++;
	free(text);
}

static void dispatch(IONotificationPortRef port)
{
	while (IONotificationPortDispatch(IONotificationPortGetMachPort(port)) > 0)
		;
}

/* --- the sessions */

static void watch(IONotificationPortRef port, const char *text, size_t n)
{
	static const char armed[] = "\n{\"armed\":true}\n";
	const char *type = n & 1 ? kIOTerminatedNotification : kIOFirstMatchNotification;
	int session = put_session("watch");
	io_iterator_t iterator;

	say(session, text, n);
	say(session, armed, strlen(armed));
	CHECK(IOServiceAddMatchingNotification(port, type, IOServiceMatching("IOService"),
					       take_services, REFCON, &iterator) ==
	      kIOReturnSuccess);
	take_services(REFCON, iterator);
	say(session, text, n);
	dispatch(port);
	IOObjectRelease(iterator);
	close(session);
}

static void take_interest(IONotificationPortRef port, const char *text, size_t n)
{
	io_service_t service = find_service();
	int session = put_session(SERVICE "/events");
	io_object_t notification;

	CHECK(IOServiceAddInterestNotification(port, service, kIOGeneralInterest, take_message,
					       REFCON, &notification) == kIOReturnSuccess);
	say(session, text, n);
	dispatch(port);
	IOObjectRelease(notification);
	IOObjectRelease(service);
	close(session);
}

static void take_notifications(IONotificationPortRef port, const char *text, size_t n)
{
	int session = put_session(CONNECTION "/port/3");

	CHECK(open_connection("7\n", 2));
	CHECK(IOConnectSetNotificationCallback(connected, TYPE, take_document, REFCON) ==
	      kIOReturnSuccess);
	CHECK(IOConnectSetNotificationPort(connected, TYPE,
					   IONotificationPortGetMachPort(port), 9) ==
	      kIOReturnSuccess);
	say(session, text, n);
	dispatch(port);
	IOServiceClose(connected);
	close(session);
}

static void copy_notifications(IONotificationPortRef port, const char *text, size_t n)
{
	int session = put_session(CONNECTION "/port/3"), epoll = epoll_create1(EPOLL_CLOEXEC);
	json_t *message;

	(void)port;
	CHECK(epoll >= 0 && open_connection("7\n", 2));
	CHECK(IOConnectSetNotificationPort(connected, TYPE, epoll, 0) == kIOReturnSuccess);
	say(session, text, n);
	while (IOConnectCopyNotification(connected, TYPE, &message) == kIOReturnSuccess)
		json_decref(message);
	IOServiceClose(connected);
	close(epoll);
	close(session);
}

/* The first line answers the call; the others complete it. */
static void complete(IONotificationPortRef port, const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);
	size_t size = end ? (size_t)(end + 1 - text) : n;
	uint64_t reference[kIOAsyncCalloutCount] = {
		[kIOAsyncCalloutFuncIndex] = (uintptr_t)take_result,
		[kIOAsyncCalloutRefconIndex] = (uintptr_t)REFCON,
	};
	int session = put_session(CONNECTION "/async");

	put_call(text, size);
	CHECK(open_connection("7\n", 2));
	IOConnectCallAsyncScalarMethod(connected, 1, IONotificationPortGetMachPort(port), reference,
				       kIOAsyncCalloutCount, NULL, 0, NULL, NULL);
	say(session, text + size, n - size);
	dispatch(port);
	IOServiceClose(connected);
	close(session);
}

static void open_any(IONotificationPortRef port, const char *text, size_t n)
{
	(void)port;
	if (open_connection(text, n))
		IOServiceClose(connected);
}

static void read_methods(IONotificationPortRef port, const char *text, size_t n)
{
	mach_vm_address_t address;
	mach_vm_size_t size;
	io_service_t service;

	(void)port;
	put_file(SERVICE "/methods", text, n);
	CHECK(open_connection("7\n", 2));
	if (IOConnectGetService(connected, &service) == kIOReturnSuccess)
		IOObjectRelease(service);
	if (IOConnectMapMemory64(connected, 1, mach_task_self(), &address, &size,
				 kIOMapAnywhere) == kIOReturnSuccess)
		CHECK(size == 3 && memcmp((void *)(uintptr_t)address, "rom", 3) == 0);
	IOServiceClose(connected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const sessions[])(IONotificationPortRef port, const char *text, size_t n) = {
		watch, take_interest, take_notifications, copy_notifications, complete, open_any,
		read_methods,
	};
	struct input input = { bytes, n };
	size_t which = take_byte(&input) % (sizeof(sessions) / sizeof(sessions[0]));
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);

	CHECK(port);
	make_service();
	sessions[which](port, (const char *)input.bytes, input.n);
	IONotificationPortDestroy(port);
	return 0;
}
