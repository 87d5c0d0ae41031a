/* SPDX-License-Identifier: MIT */
/*
 * test_connection_async - completions of calls, and notifications, without fsd
 */
#include "connection.h"

/* --- completions */

struct heard {
	unsigned n_calls;
	IOReturn result;
	uint32_t n_arguments;
	uint64_t arguments[16];
};

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
	tcase_add_test(tests, a_completion_is_given_to_the_function_of_its_call);
	tcase_add_test(tests, a_call_may_be_completed_more_than_once);
	tcase_add_test(tests, equal_references_are_one);
	tcase_add_test(tests, a_completion_of_no_call_is_dropped);
	tcase_add_test(tests, each_port_hears_of_its_own_calls);
	tcase_add_test(tests, without_a_port_an_asynchronous_call_is_a_synchronous_one);
	tcase_add_test(tests, a_callback_may_close_its_connection);
	tcase_add_test(tests, messages_go_to_the_callback_of_their_kind);
	tcase_add_test(tests, messages_can_be_taken_one_by_one);
}
