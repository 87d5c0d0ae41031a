/* SPDX-License-Identifier: MIT */
/*
 * test_connection - connections: from open to close, properties, calls, without fsd
 */
#include "connection.h"

#include <sys/resource.h>
#include <sys/wait.h>

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
}
