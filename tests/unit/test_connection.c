/* SPDX-License-Identifier: MIT */
/* Connections: what they say and hear, and their results, without fsd. */
#include "plain_mount.h"

#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <IOKit/IODataQueueClient.h>

static struct plain_mount mount;
static unsigned n_open_at_first;

static unsigned n_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void set_up(void)
{
	n_open_at_first = n_open();
	new_mount(&mount);
}

/* Whatever a test did, it released. */
static void tear_down(void)
{
	remove_mount(&mount);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}

/* --- coming and going */

START_TEST(an_open_wants_a_service_and_the_caller)
{
	io_connect_t connect = 77;
	struct handle *other;
	io_service_t service;

	ck_assert_int_eq(IOServiceOpen(mount.service, 0, 0, &connect), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceOpen(mount.service, 12, 0, &connect), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceOpen(mount.service, mach_task_self(), 0, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceOpen(0, mach_task_self(), 0, &connect), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceOpen(-1, mach_task_self(), 0, &connect), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceOpen(1, mach_task_self(), 0, &connect), kIOReturnBadArgument);

	/* An entry that has no `clone` is no service. */
	ck_assert_int_eq(registry_open(mount.path, "IOService/Other", &other), 0);
	service = handle_publish(other);
	ck_assert_int_eq(IOServiceOpen(service, mach_task_self(), 0, &connect),
			 kIOReturnBadArgument);
	IOObjectRelease(service);
	ck_assert_int_eq(connect, 77);
}
END_TEST

START_TEST(a_session_that_is_none_is_no_connection)
{
	io_connect_t connect = 77;

	say(&mount.clone, "what\n");
	ck_assert_int_eq(IOServiceOpen(mount.service, mach_task_self(), 0, &connect),
			 kIOReturnError);
	say(&mount.clone, "8\n");
	ck_assert_int_ne(IOServiceOpen(mount.service, mach_task_self(), 0, &connect),
			 kIOReturnSuccess);
	ck_assert_int_eq(connect, 77);
}
END_TEST

START_TEST(a_connection_takes_no_connections)
{
	io_connect_t connect = open_connection(&mount), other = 77;

	ck_assert_int_eq(IOServiceOpen(connect, mach_task_self(), 0, &other),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
}
END_TEST

START_TEST(a_close_is_said_once_and_succeeds_twice)
{
	io_connect_t connect = open_connection(&mount);

	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	heard(&mount.clone, "close\n");
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	ck_assert_int_eq(IOConnectRelease(connect), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceClose(mount.service), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceClose(0), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceClose(-7), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceClose(900000), kIOReturnBadArgument);
}
END_TEST

START_TEST(a_connection_lives_until_its_last_reference_goes)
{
	io_connect_t connect = open_connection(&mount);
	uint64_t out = 5;
	uint32_t n = 1;

	ck_assert_int_eq(IOConnectAddRef(connect), kIOReturnSuccess);
	ck_assert_int_eq(IOConnectRelease(connect), kIOReturnSuccess);
	say(&mount.call, "{'rc':0,'so':[9]}\n");
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 1, NULL, 0, &out, &n),
			 kIOReturnSuccess);
	ck_assert_uint_eq(out, 9);

	/* Closed, with a reference that is left: dead. */
	ck_assert_int_eq(IOConnectAddRef(connect), kIOReturnSuccess);
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 1, NULL, 0, NULL, NULL),
			 MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, MACH_PORT_NULL, 0),
			 MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	ck_assert_int_eq(IOConnectAddRef(connect), kIOReturnBadArgument);
}
END_TEST

START_TEST(a_release_closes_without_a_word)
{
	io_connect_t connect = open_connection(&mount);
	struct pollfd session = { .fd = mount.clone.master, .events = POLLIN };

	ck_assert_int_eq(IOConnectRelease(connect), kIOReturnSuccess);
	ck_assert_int_eq(poll(&session, 1, 0), 0);
}
END_TEST

START_TEST(a_connection_knows_its_service)
{
	io_connect_t connect = open_connection(&mount);
	io_service_t service = 0;

	ck_assert_int_eq(IOConnectGetService(connect, &service), kIOReturnSuccess);
	ck_assert(IOObjectIsEqualTo(service, mount.service));
	IOObjectRelease(service);
	ck_assert_int_eq(IOConnectGetService(connect, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectGetService(mount.service, &service), kIOReturnBadArgument);
	IOServiceClose(connect);
}
END_TEST

static void write_methods(const char *text)
{
	const char *path = in_connection(&mount, "../../methods");

	ck_assert_int_eq(unlink(path), 0);
	make_text(path, text, 0600);
}

START_TEST(a_driver_that_has_no_getService_says_so)
{
	io_connect_t connect = open_connection(&mount);
	io_service_t service = 77;

	write_methods("{\"getService\":false}\n");
	ck_assert_int_eq(IOConnectGetService(connect, &service), kIOReturnUnsupported);
	ck_assert_int_eq(service, 77);
	write_methods("{\"getService\":true}\n");
	ck_assert_int_eq(IOConnectGetService(connect, &service), kIOReturnSuccess);
	IOObjectRelease(service);
	IOServiceClose(connect);
}
END_TEST

/* As many descriptors as there are, and not one more; or as before. */
static void limit_descriptors(bool limited)
{
	static struct rlimit before;
	struct rlimit limit;

	if (limited) {
		int lowest = dup(0);

		close(lowest);
		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
		limit = before;
		limit.rlim_cur = (rlim_t)lowest;
	} else {
		limit = before;
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(without_descriptors_each_function_says_so)
{
	io_connect_t connect = open_connection(&mount), other = 77;
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	mach_port_t wake = IONotificationPortGetMachPort(port);
	uint64_t reference[kOSAsyncRef64Count] = { 0 };
	mach_vm_address_t address = 0;
	json_t *value = json_object();
	io_service_t service = 77;

	limit_descriptors(true);
	ck_assert_int_eq(IOServiceOpen(mount.service, mach_task_self(), 0, &other),
			 kIOReturnNoResources);
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 1, NULL, 0, NULL, NULL),
			 kIOReturnNoResources);
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 1, wake, reference, 3, NULL, 0,
							NULL, NULL), kIOReturnNoResources);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, wake, 0),
			 kIOReturnNoResources);
	ck_assert_int_eq(IOConnectSetCFProperties(connect, value), kIOReturnNoResources);
	ck_assert_int_eq(IOConnectGetService(connect, &service), kIOReturnNoResources);
	ck_assert_int_eq(IOConnectMapMemory64(connect, 0, mach_task_self(), &address, NULL,
					      kIOMapAnywhere), kIOReturnBadArgument);
	ck_assert_int_eq(other, 77);
	ck_assert_int_eq(service, 77);
	limit_descriptors(false);

	say(&mount.call, "{'rc':0}\n");
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 1, NULL, 0, NULL, NULL),
			 kIOReturnSuccess);
	IOServiceClose(connect);
	IONotificationPortDestroy(port);
	json_decref(value);
}
END_TEST

/* --- what is said to the session, and to files */

START_TEST(a_driver_is_told_of_another_connection)
{
	io_connect_t connect = open_connection(&mount);

	ck_assert_int_eq(IOConnectAddClient(connect, connect), kIOReturnSuccess);
	heard(&mount.clone, "addclient IOService/Svc/clients/7\n");
	ck_assert_int_eq(IOConnectAddClient(connect, mount.service), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectAddClient(mount.service, connect), kIOReturnBadArgument);
	IOServiceClose(connect);
}
END_TEST

START_TEST(properties_are_written_as_a_document)
{
	io_connect_t connect = open_connection(&mount);
	json_t *value = json_integer(-1);
	char text[64] = "";
	int fd;

	ck_assert_int_eq(IOConnectSetCFProperty(connect, "Words", value), kIOReturnSuccess);
	fd = open(in_connection(&mount, "props"), O_RDONLY);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	ck_assert_str_eq(text, "{\"Words\":18446744073709551615}\n");
	ck_assert_int_eq(IOConnectSetCFProperty(connect, NULL, value), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetCFProperty(connect, "a", NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetCFProperty(connect, "\xff", value), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetCFProperties(connect, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetCFProperties(mount.service, value), kIOReturnBadArgument);
	json_decref(value);
	IOServiceClose(connect);
}
END_TEST

/* Whatever it is, it has an end. */
START_TEST(what_is_no_dictionary_is_written_as_well)
{
	static const char *const values[] = { "7\n", "[1,2]\n", "\"text\"\n", "true\n" };
	io_connect_t connect = open_connection(&mount);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		json_t *value = json_loads(values[i], JSON_DECODE_ANY, NULL);
		char text[64] = "";
		int fd;

		ck_assert_int_eq(truncate(in_connection(&mount, "props"), 0), 0);
		ck_assert_int_eq(IOConnectSetCFProperties(connect, value), kIOReturnSuccess);
		fd = open(in_connection(&mount, "props"), O_RDONLY);
		ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
		close(fd);
		ck_assert_str_eq(text, values[i]);
		json_decref(value);
	}
	IOServiceClose(connect);
}
END_TEST

START_TEST(there_are_no_traps)
{
	io_connect_t connect = open_connection(&mount);

	ck_assert_int_eq(IOConnectTrap0(connect, 0), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap1(connect, 0, 1), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap2(connect, 0, 1, 2), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap3(connect, 0, 1, 2, 3), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap4(connect, 0, 1, 2, 3, 4), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap5(connect, 0, 1, 2, 3, 4, 5), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap6(connect, 0, 1, 2, 3, 4, 5, 6), kIOReturnUnsupported);
	ck_assert_int_eq(IOConnectTrap0(0, 0), kIOReturnBadArgument);
	IOServiceClose(connect);
}
END_TEST

/* --- calls */

START_TEST(a_call_brings_scalars_and_a_struct)
{
	const uint64_t in[] = { 10, UINT64_MAX };
	io_connect_t connect = open_connection(&mount);
	uint64_t out[3] = { 0 };
	uint32_t n_out = 3;
	char buffer[8] = "hello";
	size_t size = sizeof(buffer);

	say(&mount.call, "{'rc':0,'name':'x','so':[1,18446744073709551615],'sob':'aGk='}\n");
	ck_assert_int_eq(IOConnectCallMethod(connect, 4, in, 2, buffer, 5, out, &n_out, buffer,
					     &size), kIOReturnSuccess);
	heard(&mount.call,
	      "{'sel':4,'si':[10,18446744073709551615],'so':3,'sib':'aGVsbG8=','sos':8}\n");
	ck_assert_uint_eq(n_out, 2);
	ck_assert_uint_eq(out[1], UINT64_MAX);
	ck_assert_uint_eq(size, 2);
	ck_assert_int_eq(memcmp(buffer, "hillo", 5), 0);
	IOServiceClose(connect);
}
END_TEST

START_TEST(a_refused_call_changes_nothing)
{
	static const struct {
		const char *answer;
		IOReturn result;
	} cases[] = {
		{ "{'rc':3758097090,'name':'kIOReturnBadArgument'}\n", kIOReturnBadArgument },
		{ "{'rc':1,'so':[5],'sob':'aGk='}\n", 1 },
		{ "{'rc':0,'so':[5,6]}\n", kIOReturnIPCError },
		{ "{'rc':0,'so':[5],'sob':'aGVsbG8='}\n", kIOReturnIPCError },
		{ "{'rc':0,'so':[5],'sob':'aGk'}\n", kIOReturnIPCError },
		{ "what?\n", kIOReturnIPCError },
		{ "\n", kIOReturnIPCError },
	};
	io_connect_t connect = open_connection(&mount);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t out = 77;
		uint32_t n = 1;
		char bytes[4] = "abc";
		size_t size = sizeof(bytes);

		say(&mount.call, cases[i].answer);
		ck_assert_int_eq(IOConnectCallMethod(connect, 0, NULL, 0, NULL, 0, &out, &n, bytes,
						     &size), cases[i].result);
		ck_assert_uint_eq(out, 77);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(size, 4);
		ck_assert_str_eq(bytes, "abc");
		tcflush(mount.call.slave, TCIOFLUSH);
	}
	IOServiceClose(connect);
}
END_TEST

START_TEST(arguments_are_checked_before_the_driver_sees_them)
{
	const uint64_t in[17] = { 0 };
	io_connect_t connect = open_connection(&mount);
	struct pollfd call = { .fd = mount.call.master, .events = POLLIN };
	uint64_t reference[9] = { 0 };
	uint32_t n = 1;
	size_t size = 1;
	char byte;

	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 0, in, 17, NULL, NULL),
			 MIG_ARRAY_TOO_LARGE);
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 0, NULL, 1, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 0, NULL, 0, NULL, &n),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCallStructMethod(connect, 0, NULL, 1, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCallStructMethod(connect, 0, NULL, 0, NULL, &size),
			 kIOReturnBadArgument);
	size = (size_t)UINT32_MAX + 1;
	ck_assert_int_eq(IOConnectCallStructMethod(connect, 0, NULL, 0, &byte, &size),
			 kIOReturnIPCError);

	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 0, 5, reference, 9, NULL, 0, NULL,
							NULL), MIG_ARRAY_TOO_LARGE);
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 0, 5, reference, 0, NULL, 0, NULL,
							NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 0, 5, NULL, 1, NULL, 0, NULL,
							NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 0, connect, reference, 3, NULL, 0,
							NULL, NULL), kIOReturnBadArgument);
	size = kIOConnectMethodVarOutputSize;
	ck_assert_int_eq(IOConnectCallAsyncStructMethod(connect, 0, 5, reference, 3, NULL, 0, &byte,
							&size), kIOReturnIPCError);

	ck_assert_int_eq(IOConnectCallScalarMethod(mount.service, 0, NULL, 0, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(poll(&call, 1, 0), 0);
	IOServiceClose(connect);
}
END_TEST

START_TEST(room_for_more_than_sixteen_scalars_is_room_for_sixteen)
{
	io_connect_t connect = open_connection(&mount);
	uint64_t out[20];
	uint32_t n = 20;

	say(&mount.call, "{'rc':0,'so':[1,2,3]}\n");
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 3, NULL, 0, out, &n), kIOReturnSuccess);
	heard(&mount.call, "{'sel':3,'so':16}\n");
	ck_assert_uint_eq(n, 3);
	IOServiceClose(connect);
}
END_TEST

START_TEST(output_of_any_size_is_memory_of_its_own)
{
	io_connect_t connect = open_connection(&mount);
	size_t size = kIOConnectMethodVarOutputSize;
	void *made = NULL;

	say(&mount.call, "{'rc':0,'sob':'aGVsbG8='}\n");
	ck_assert_int_eq(IOConnectCallStructMethod(connect, 0, NULL, 0, &made, &size),
			 kIOReturnSuccess);
	heard(&mount.call, "{'sel':0,'sos':'var'}\n");
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(memcmp(made, "hello", 5), 0);
	free(made);

	size = kIOConnectMethodVarOutputSize;
	say(&mount.call, "{'rc':0}\n");
	ck_assert_int_eq(IOConnectCallStructMethod(connect, 0, NULL, 0, &made, &size),
			 kIOReturnUnderrun);
	ck_assert_uint_eq(size, kIOConnectMethodVarOutputSize);
	IOServiceClose(connect);
}
END_TEST

START_TEST(calls_on_a_dead_connection_say_so)
{
	io_connect_t connect = open_connection(&mount);
	io_service_t service;
	json_t *value = json_object();

	terminate(&mount);
	unlink(in_connection(&mount, "call"));
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 0, NULL, 0, NULL, NULL),
			 MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOConnectGetService(connect, &service), MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOConnectAddClient(connect, connect), MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOConnectSetCFProperties(connect, value), MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, 5, 0), MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOServiceClose(connect), kIOReturnSuccess);
	json_decref(value);
}
END_TEST

START_TEST(a_child_asks_on_a_description_of_its_own)
{
	io_connect_t connect = open_connection(&mount);
	int status;
	pid_t pid;

	say(&mount.call, "{'rc':0}\n");
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 1, NULL, 0, NULL, NULL),
			 kIOReturnSuccess);
	pid = fork();
	if (pid == 0) {
		/* As a session is looked up anew. */
		unlink(in_connection(&mount, "call"));
		_exit(IOConnectCallScalarMethod(connect, 2, NULL, 0, NULL, NULL) !=
		      MACH_SEND_INVALID_DEST);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	say(&mount.call, "{'rc':0}\n");
	ck_assert_int_eq(IOConnectCallScalarMethod(connect, 3, NULL, 0, NULL, NULL),
			 kIOReturnSuccess);
	heard(&mount.call, "{'sel':1}\n{'sel':3}\n");
	IOServiceClose(connect);
}
END_TEST

/* --- completions */

struct heard {
	unsigned n_calls;
	IOReturn result;
	uint32_t n_arguments;
	uint64_t arguments[16];
};

static void *word(uint64_t value)
{
	return (void *)(uintptr_t)value;
}

static void called0(void *refcon, IOReturn result)
{
	struct heard *heard = refcon;

	heard->n_calls++;
	heard->result = result;
	heard->n_arguments = 0;
}

static void called1(void *refcon, IOReturn result, void *a)
{
	called0(refcon, result);
	((struct heard *)refcon)->n_arguments = 1;
	ck_assert_ptr_eq(a, word(11));
}

static void called2(void *refcon, IOReturn result, void *a, void *b)
{
	called0(refcon, result);
	((struct heard *)refcon)->n_arguments = 2;
	ck_assert_ptr_eq(a, word(11));
	ck_assert_ptr_eq(b, word(UINT64_MAX));
}

static void called_more(void *refcon, IOReturn result, void **arguments, uint32_t n)
{
	struct heard *heard = refcon;

	called0(refcon, result);
	heard->n_arguments = n;
	for (uint32_t i = 0; i < n; i++)
		heard->arguments[i] = (uint64_t)(uintptr_t)arguments[i];
}

static uint64_t start(io_connect_t connect, IONotificationPortRef port, uintptr_t function,
		      struct heard *heard, IOReturn answer)
{
	uint64_t reference[kOSAsyncRef64Count] = { 0 };
	char line[64], *token;
	ssize_t n;

	reference[kIOAsyncCalloutFuncIndex] = function;
	reference[kIOAsyncCalloutRefconIndex] = (uint64_t)(uintptr_t)heard;
	snprintf(line, sizeof(line), "{'rc':%u}\n", (unsigned)answer);
	say(&mount.call, line);
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 6,
							IONotificationPortGetMachPort(port),
							reference, kOSAsyncRef64Count, NULL, 0,
							NULL, NULL), answer);
	n = read(mount.call.master, line, sizeof(line) - 1);
	ck_assert_int_gt(n, 0);
	line[n] = '\0';
	token = strstr(line, "\"async\":");
	ck_assert_ptr_nonnull(token);
	return strtoull(token + 8, NULL, 10);
}

static void write_async(const char *text)
{
	ck_assert_int_eq(write(mount.async, text, strlen(text)), (ssize_t)strlen(text));
}

/* @rest: what stands behind the reference. */
static void complete(uint64_t token, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"ref\":%llu,%s\n", (unsigned long long)token, rest);
	write_async(line);
}

static void dispatch(IONotificationPortRef port)
{
	struct pollfd readable = {
		.fd = IONotificationPortGetMachPort(port), .events = POLLIN
	};

	while (poll(&readable, 1, 0) > 0 && IONotificationPortDispatch(readable.fd) > 0)
		;
}

START_TEST(a_completion_is_given_to_the_function_of_its_call)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	io_connect_t connect = open_connection(&mount);
	struct heard heard = { 0 };
	uint64_t token[4] = {
		start(connect, port, (uintptr_t)called0, &heard, 0),
		start(connect, port, (uintptr_t)called1, &heard, 0),
		start(connect, port, (uintptr_t)called2, &heard, 0),
		start(connect, port, (uintptr_t)called_more, &heard, 0),
	};

	complete(token[0], "\"rc\":3758097084,\"args\":[]}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_calls, 1);
	ck_assert_int_eq(heard.result, kIOReturnError);
	complete(token[1], "\"rc\":0,\"args\":[11]}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_arguments, 1);
	complete(token[2], "\"rc\":0,\"args\":[11,18446744073709551615]}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_arguments, 2);
	complete(token[3], "\"rc\":0,\"args\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_arguments, 16);
	ck_assert_uint_eq(heard.arguments[15], 16);
	ck_assert_uint_eq(heard.n_calls, 4);

	IOServiceClose(connect);
	IONotificationPortDestroy(port);
}
END_TEST

START_TEST(a_call_may_be_completed_more_than_once)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	io_connect_t connect = open_connection(&mount);
	struct heard heard = { 0 };
	uint64_t token = start(connect, port, (uintptr_t)called0, &heard, 0);
	char piece[64];

	/* In pieces, and several at once. */
	snprintf(piece, sizeof(piece), "{\"ref\":%llu,", (unsigned long long)token);
	write_async(piece);
	dispatch(port);
	ck_assert_uint_eq(heard.n_calls, 0);
	write_async("\"rc\":0}\n");
	for (int i = 0; i < 100; i++)
		complete(token, "\"rc\":0}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_calls, 101);

	IOServiceClose(connect);
	IONotificationPortDestroy(port);
}
END_TEST

START_TEST(equal_references_are_one)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	io_connect_t connect = open_connection(&mount);
	struct heard one = { 0 }, two = { 0 };
	uint64_t token = start(connect, port, (uintptr_t)called0, &one, 0);

	ck_assert_uint_eq(start(connect, port, (uintptr_t)called0, &one, 0), token);
	ck_assert_uint_ne(start(connect, port, (uintptr_t)called0, &two, 0), token);
	/* A call that was refused takes none away. */
	ck_assert_uint_eq(start(connect, port, (uintptr_t)called0, &one, kIOReturnBusy), token);
	complete(token, "\"rc\":0}");
	dispatch(port);
	ck_assert_uint_eq(one.n_calls, 1);
	ck_assert_uint_eq(two.n_calls, 0);

	IOServiceClose(connect);
	IONotificationPortDestroy(port);
}
END_TEST

START_TEST(a_completion_of_no_call_is_dropped)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	io_connect_t connect = open_connection(&mount);
	struct heard heard = { 0 };
	uint64_t token = start(connect, port, (uintptr_t)called0, &heard, kIOReturnBusy);

	complete(token, "\"rc\":0}");
	write_async("{\"ref\":0,\"rc\":0}\n{\"ref\":18446744073709551615,\"rc\":0}\nwhat?\n\n");
	token = start(connect, port, 0, &heard, 0);
	complete(token, "\"rc\":0}");
	token = start(connect, port, (uintptr_t)called0, &heard, 0);
	for (uint64_t other = token - 2; other < token + 3; other++)
		complete(other, "\"rc\":0}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_calls, 1);

	IOServiceClose(connect);
	IONotificationPortDestroy(port);
}
END_TEST

START_TEST(each_port_hears_of_its_own_calls)
{
	IONotificationPortRef port[2] = {
		IONotificationPortCreate(MACH_PORT_NULL), IONotificationPortCreate(MACH_PORT_NULL),
	};
	io_connect_t connect = open_connection(&mount);
	struct heard heard[2] = { 0 };
	uint64_t token[2];

	for (int i = 0; i < 2; i++)
		token[i] = start(connect, port[i], (uintptr_t)called0, &heard[i], 0);
	ck_assert_uint_ne(token[0], token[1]);
	/* This FIFO gives a line to one of them; fsd gives it to all. */
	complete(token[1], "\"rc\":0}");
	dispatch(port[0]);
	ck_assert_uint_eq(heard[0].n_calls + heard[1].n_calls, 0);
	complete(token[1], "\"rc\":0}");
	dispatch(port[1]);
	ck_assert_uint_eq(heard[1].n_calls, 1);

	IOServiceClose(connect);
	for (int i = 0; i < 2; i++)
		IONotificationPortDestroy(port[i]);
}
END_TEST

START_TEST(without_a_port_an_asynchronous_call_is_a_synchronous_one)
{
	io_connect_t connect = open_connection(&mount);
	uint64_t reference[3] = { 0 };

	say(&mount.call, "{'rc':0}\n");
	ck_assert_int_eq(IOConnectCallAsyncScalarMethod(connect, 6, MACH_PORT_NULL, reference, 3,
							NULL, 0, NULL, NULL), kIOReturnSuccess);
	heard(&mount.call, "{'sel':6}\n");
	IOServiceClose(connect);
}
END_TEST

static io_connect_t closing;

static void close_it(void *refcon, IOReturn result)
{
	called0(refcon, result);
	IOServiceClose(closing);
}

START_TEST(a_callback_may_close_its_connection)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	struct heard heard = { 0 };
	uint64_t token;

	closing = open_connection(&mount);
	token = start(closing, port, (uintptr_t)close_it, &heard, 0);
	for (int i = 0; i < 3; i++)
		complete(token, "\"rc\":0}");
	dispatch(port);
	ck_assert_uint_eq(heard.n_calls, 1);
	IONotificationPortDestroy(port);
}
END_TEST

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

static bool is_readable(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	return poll(&readable, 1, 0) == 1;
}

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

/* --- notifications */

static void send_message(const char *text)
{
	ck_assert_int_eq(write(mount.port, text, strlen(text)), (ssize_t)strlen(text));
}

struct message {
	unsigned n_calls;
	io_connect_t connect;
	uint32_t type;
	uintptr_t reference;
	json_t *last;
};

static void hear_message(void *refcon, io_connect_t connect, uint32_t type, uintptr_t reference,
			 json_t *message)
{
	struct message *heard = refcon;

	json_decref(heard->last);
	*heard = (struct message){
		heard->n_calls + 1, connect, type, reference, json_incref(message)
	};
}

START_TEST(messages_go_to_the_callback_of_their_kind)
{
	IONotificationPortRef port = IONotificationPortCreate(MACH_PORT_NULL);
	io_connect_t connect = open_connection(&mount);
	struct message message = { 0 };
	json_t *none = NULL;

	ck_assert_int_eq(IOConnectSetNotificationCallback(connect, 3, hear_message, &message),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3,
						      IONotificationPortGetMachPort(port), 42),
			 kIOReturnSuccess);
	send_message("{\"poked\":true}\n{\"n\":1}\nnonsense\n");
	dispatch(port);
	ck_assert_uint_eq(message.n_calls, 2);
	ck_assert_int_eq(message.connect, connect);
	ck_assert_uint_eq(message.type, 3);
	ck_assert_uint_eq(message.reference, 42);
	ck_assert_int_eq(json_integer_value(json_object_get(message.last, "n")), 1);
	ck_assert_int_eq(IOConnectCopyNotification(connect, 3, &none), kIOReturnBadArgument);

	/* Without one they are dropped; without a port they are not heard. */
	IOConnectSetNotificationCallback(connect, 3, NULL, NULL);
	send_message("{}\n");
	dispatch(port);
	ck_assert_uint_eq(message.n_calls, 2);
	IOConnectSetNotificationCallback(connect, 3, hear_message, &message);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, MACH_PORT_NULL, 0),
			 kIOReturnSuccess);
	send_message("{}\n");
	dispatch(port);
	ck_assert_uint_eq(message.n_calls, 2);

	json_decref(message.last);
	IOServiceClose(connect);
	IONotificationPortDestroy(port);
}
END_TEST

START_TEST(messages_can_be_taken_one_by_one)
{
	io_connect_t connect = open_connection(&mount);
	mach_port_t port = IODataQueueAllocateNotificationPort();
	json_t *message = NULL;

	ck_assert_int_eq(IOConnectCopyNotification(connect, 3, &message), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, port, 0), kIOReturnSuccess);
	ck_assert_int_eq(IOConnectCopyNotification(connect, 3, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOConnectCopyNotification(connect, 3, &message), kIOReturnUnderrun);
	ck_assert(!is_readable(port));
	send_message("[1]\nnonsense\n[2]\n[3");
	ck_assert(is_readable(port));
	for (int i = 1; i < 3; i++) {
		ck_assert_int_eq(IOConnectCopyNotification(connect, 3, &message), kIOReturnSuccess);
		ck_assert_int_eq(json_integer_value(json_array_get(message, 0)), i);
		json_decref(message);
	}
	ck_assert_int_eq(IOConnectCopyNotification(connect, 3, &message), kIOReturnUnderrun);
	ck_assert(!is_readable(port));
	ck_assert_int_eq(IOConnectSetNotificationPort(connect, 3, mount.async, 0),
			 kIOReturnBadArgument);
	ck_assert_int_ne(IOConnectSetNotificationPort(connect, 5, port, 0), kIOReturnSuccess);
	IOServiceClose(connect);
	close(port);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, an_open_wants_a_service_and_the_caller);
	tcase_add_test(tests, a_session_that_is_none_is_no_connection);
	tcase_add_test(tests, a_connection_takes_no_connections);
	tcase_add_test(tests, a_close_is_said_once_and_succeeds_twice);
	tcase_add_test(tests, a_connection_lives_until_its_last_reference_goes);
	tcase_add_test(tests, a_release_closes_without_a_word);
	tcase_add_test(tests, a_connection_knows_its_service);
	tcase_add_test(tests, a_driver_that_has_no_getService_says_so);
	tcase_add_test(tests, without_descriptors_each_function_says_so);
	tcase_add_test(tests, a_driver_is_told_of_another_connection);
	tcase_add_test(tests, properties_are_written_as_a_document);
	tcase_add_test(tests, what_is_no_dictionary_is_written_as_well);
	tcase_add_test(tests, there_are_no_traps);
	tcase_add_test(tests, a_call_brings_scalars_and_a_struct);
	tcase_add_test(tests, a_refused_call_changes_nothing);
	tcase_add_test(tests, arguments_are_checked_before_the_driver_sees_them);
	tcase_add_test(tests, room_for_more_than_sixteen_scalars_is_room_for_sixteen);
	tcase_add_test(tests, output_of_any_size_is_memory_of_its_own);
	tcase_add_test(tests, calls_on_a_dead_connection_say_so);
	tcase_add_test(tests, a_child_asks_on_a_description_of_its_own);
	tcase_add_test(tests, a_completion_is_given_to_the_function_of_its_call);
	tcase_add_test(tests, a_call_may_be_completed_more_than_once);
	tcase_add_test(tests, equal_references_are_one);
	tcase_add_test(tests, a_completion_of_no_call_is_dropped);
	tcase_add_test(tests, each_port_hears_of_its_own_calls);
	tcase_add_test(tests, without_a_port_an_asynchronous_call_is_a_synchronous_one);
	tcase_add_test(tests, a_callback_may_close_its_connection);
	tcase_add_test(tests, memory_is_mapped_whole_and_shared);
	tcase_add_test(tests, memory_is_mapped_where_it_is_wanted_or_not_at_all);
	tcase_add_test(tests, every_failure_to_map_is_a_bad_argument);
	tcase_add_test_raise_signal(tests, writing_to_read_only_memory_ends_the_program, SIGSEGV);
	tcase_add_test(tests, maps_outlive_the_service_and_not_the_connection);
	tcase_add_test(tests, memory_that_is_a_queue_is_an_attachment);
	tcase_add_test(tests, where_the_consumer_is_taken_a_map_produces);
	tcase_add_test(tests, a_queues_port_is_set_before_or_after_its_map);
	tcase_add_test(tests, messages_go_to_the_callback_of_their_kind);
	tcase_add_test(tests, messages_can_be_taken_one_by_one);
}
