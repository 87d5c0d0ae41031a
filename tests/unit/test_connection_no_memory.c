/* SPDX-License-Identifier: MIT */
/*
 * Each allocation of a connection's functions fails once: they say so, nothing is left over,
 * and the next try is as good as the first.
 *
 * The linker gives the functions below in place of the C library's (--wrap).
 */
#include "plain_mount.h"

#include <stdarg.h>

#include <IOKit/IODataQueueClient.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
__attribute__((format(printf, 2, 0)))
int __real_vasprintf(char **ret, const char *format, va_list arguments);
__attribute__((format(printf, 2, 0)))
int __wrap_vasprintf(char **ret, const char *format, va_list arguments);

static long n_left;		/* allocations up to the one that fails; below 0: it has failed */
static bool armed;		/* for as long as the function is called that is looked at */

static bool fails(void)
{
	return armed && n_left-- == 0;
}

#define failing(call) \
	__extension__ ({ \
		IOReturn result_; \
		armed = true; \
		result_ = (call); \
		armed = false; \
		result_; \
	})

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

int __wrap_vasprintf(char **ret, const char *format, va_list arguments)
{
	return fails() ? -1 : __real_vasprintf(ret, format, arguments);
}

static struct plain_mount mount;
static IONotificationPortRef port;
static io_connect_t connection;
static unsigned n_open_at_first;

static void set_up(void)
{
	n_open_at_first = n_open();
	new_mount(&mount);
	port = IONotificationPortCreate(MACH_PORT_NULL);
	json_set_alloc_funcs(__wrap_malloc, free);
}

static void tear_down(void)
{
	IONotificationPortDestroy(port);
	remove_mount(&mount);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}

/* With an allocation failing at each place in turn, until there is none that would. */
static void each_fails(IOReturn (*try)(void), IOReturn failure)
{
	IOReturn result;
	long n = -1;

	do {
		tcflush(mount.clone.slave, TCIOFLUSH);
		n_left = ++n;
		result = try();
		/* What can be done without that memory may be done. */
		ck_assert_msg(result == failure || result == kIOReturnSuccess,
			      "allocation %ld: %s", n, IOReturnName(result));
	} while (n_left < 0);
	ck_assert_int_eq(result, kIOReturnSuccess);
}

static IOReturn try_open(void)
{
	io_connect_t connect = IO_OBJECT_NULL;
	IOReturn result;

	say(&mount.clone, "7\n");
	result = failing(IOServiceOpen(mount.service, mach_task_self(), 0, &connect));
	if (result != kIOReturnSuccess)
		ck_assert_int_eq(connect, IO_OBJECT_NULL);
	else
		ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	return result;
}

START_TEST(an_open_without_memory_says_so)
{
	each_fails(try_open, kIOReturnNoMemory);
}
END_TEST

/* A struct that does not fit into what is there anyway. */
static IOReturn try_call(void)
{
	static const char large[7000];
	IOReturn result;

	say(&mount.call, "{'rc':0}\n");
	result = failing(IOConnectCallStructMethod(connection, 1, large, sizeof(large), NULL,
						   NULL));
	tcflush(mount.call.slave, TCIFLUSH);
	tcflush(mount.call.master, TCIFLUSH);
	return result;
}

static IOReturn try_any(void)
{
	size_t size = kIOConnectMethodVarOutputSize;
	void *made = NULL;
	IOReturn result;

	say(&mount.call, "{'rc':0,'sob':'aGk='}\n");
	result = failing(IOConnectCallStructMethod(connection, 1, NULL, 0, &made, &size));
	if (result == kIOReturnSuccess)
		free(made);
	else
		ck_assert_uint_eq(size, kIOConnectMethodVarOutputSize);
	tcflush(mount.call.master, TCIFLUSH);
	return result;
}

static void ignore(void *refcon, IOReturn result)
{
	(void)refcon;
	(void)result;
}

/* One reference more each time. */
static IOReturn try_async(void)
{
	static uint64_t refcon;
	uint64_t reference[3] = { 0, (uintptr_t)ignore, refcon++ };
	mach_port_t wake = IONotificationPortGetMachPort(port);
	IOReturn result;

	say(&mount.call, "{'rc':0}\n");
	result = failing(IOConnectCallAsyncScalarMethod(connection, 6, wake, reference, 3, NULL, 0,
							NULL, NULL));
	tcflush(mount.call.slave, TCIFLUSH);
	tcflush(mount.call.master, TCIFLUSH);
	return result;
}

static IOReturn try_map(void)
{
	mach_vm_address_t address = 0;
	IOReturn result = failing(IOConnectMapMemory64(connection, 1, mach_task_self(), &address,
						       NULL, kIOMapAnywhere));

	if (result == kIOReturnSuccess)
		IOConnectUnmapMemory64(connection, 1, mach_task_self(), address);
	return result;
}

static IOReturn try_queue(void)
{
	mach_vm_address_t address = 0;
	IOReturn result = failing(IOConnectMapMemory64(connection, 2, mach_task_self(), &address,
						       NULL, kIOMapAnywhere));

	if (result == kIOReturnSuccess)
		IOConnectUnmapMemory64(connection, 2, mach_task_self(), address);
	return result;
}

static IOReturn try_port(void)
{
	mach_port_t wake = IONotificationPortGetMachPort(port);
	IOReturn result = failing(IOConnectSetNotificationPort(connection, 3, wake, 0));

	if (result == kIOReturnSuccess)
		IOConnectSetNotificationPort(connection, 3, MACH_PORT_NULL, 0);
	return result;
}

static IOReturn try_service(void)
{
	io_service_t service;
	IOReturn result = failing(IOConnectGetService(connection, &service));

	if (result == kIOReturnSuccess)
		IOObjectRelease(service);
	return result;
}

static IOReturn try_client(void)
{
	return failing(IOConnectAddClient(connection, connection));
}

START_TEST(functions_of_a_connection_say_so)
{
	say(&mount.clone, "7\n");
	ck_assert_int_eq(IOServiceOpen(mount.service, mach_task_self(), 0, &connection),
			 kIOReturnSuccess);
	each_fails(try_call, kIOReturnNoMemory);
	each_fails(try_any, kIOReturnNoMemory);
	each_fails(try_async, kIOReturnNoMemory);
	each_fails(try_map, kIOReturnBadArgument);
	each_fails(try_queue, kIOReturnBadArgument);
	each_fails(try_port, kIOReturnNoMemory);
	each_fails(try_service, kIOReturnNoMemory);
	each_fails(try_client, kIOReturnNoMemory);
	IOServiceClose(connection);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, an_open_without_memory_says_so);
	tcase_add_test(tests, functions_of_a_connection_say_so);
}
