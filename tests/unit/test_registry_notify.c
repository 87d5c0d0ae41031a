/* SPDX-License-Identifier: MIT */
/* Notifications and their ports: what is told, when, and by whom; without fsd. */
#include "plain_tree.h"

#include <poll.h>
#include <pthread.h>

#include <IOKit/IOMessage.h>

static IONotificationPortRef port;
static int watch, events;	/* the test's ends of sessions */
static io_service_t service;

static int make_fifo(const char *path)
{
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void set_up(void)
{
	new_tree();
	make_entry("IOService/A");
	make_entry("IOService/B");
	make_entry("IOService/C");
	watch = make_fifo(in_tree("watch"));
	events = make_fifo(in_tree("IOService/A/events"));
	service = entry_at("IOService:/A");
	port = IONotificationPortCreate(kIOMainPortDefault);
	ck_assert_ptr_nonnull(port);
}

static void tear_down(void)
{
	IONotificationPortDestroy(port);
	IOObjectRelease(service);
	close(watch);
	if (events >= 0)
		close(events);
	remove_tree();
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The entry @name, A to C, comes, goes, or is there. */
static void say_news(char name)
{
	char line[160];

	snprintf(line, sizeof(line), "{\"type\":\"T\",\"id\":\"0x%llx\",\"path\":\"IOService:/%c\","
		 "\"class\":\"Cls\"}\n", FIRST_ID + (unsigned)(name - 'A'), name);
	say(watch, line);
}

static bool is_readable(mach_port_t fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static unsigned n_calls;
static io_iterator_t called_with;

static void count(void *refcon, io_iterator_t iterator)
{
	n_calls++;
	called_with = iterator;
	ck_assert_ptr_eq(refcon, &n_calls);
}

/* @first: names of what is there at first. */
static io_iterator_t add(const char *type, const char *first, IOServiceMatchingCallback callback)
{
	io_iterator_t iterator = IO_OBJECT_NULL;

	for (; *first; first++)
		say_news(*first);
	say(watch, "{\"armed\":true}\n");
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, type, IOServiceMatching("Cls"),
							  callback, &n_calls, &iterator),
			 kIOReturnSuccess);
	ck_assert_int_gt(iterator, 0);
	return iterator;
}

static const char *drain(io_iterator_t iterator)
{
	static char names[4096];
	io_object_t next;
	io_name_t name;
	size_t n = 0;

	names[0] = '\0';
	while ((next = IOIteratorNext(iterator))) {
		ck_assert_int_eq(IORegistryEntryGetName(next, name), kIOReturnSuccess);
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s", name);
		IOObjectRelease(next);
	}
	return names;
}

static UInt32 dispatch(void)
{
	return IONotificationPortDispatch(IONotificationPortGetMachPort(port));
}

/* --- matching notifications */

START_TEST(an_iterator_has_what_is_there_newest_first)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "ABC", count);
	io_name_t name;

	ck_assert(IOIteratorIsValid(iterator));
	ck_assert_str_eq(drain(iterator), "CBA");
	ck_assert_uint_eq(n_calls, 0);
	ck_assert_int_eq(IOObjectGetClass(iterator, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "IOServiceUserNotification");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(one_that_was_not_emptied_is_not_armed)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "A", count);

	say_news('B');
	ck_assert(!is_readable(IONotificationPortGetMachPort(port)));
	ck_assert_uint_eq(dispatch(), 0);
	ck_assert_uint_eq(n_calls, 0);
	ck_assert_str_eq(drain(iterator), "BA");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(an_armed_one_tells_once_until_it_is_emptied)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	ck_assert_str_eq(drain(iterator), "");
	ck_assert_uint_eq(dispatch(), 0);
	say_news('A');
	ck_assert(is_readable(IONotificationPortGetMachPort(port)));
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(n_calls, 1);
	ck_assert_int_eq(called_with, iterator);
	say_news('B');
	ck_assert(!is_readable(IONotificationPortGetMachPort(port)));
	ck_assert_uint_eq(dispatch(), 0);
	ck_assert_str_eq(drain(iterator), "BA");
	say_news('C');
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(n_calls, 2);
	ck_assert_str_eq(drain(iterator), "C");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(lines_that_are_no_services_wake_nobody)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	drain(iterator);
	say(watch, "{\"lost\":3}\n[1]\nnonsense\n\n{\"id\":\"x\"}\n");
	dispatch();
	ck_assert_uint_eq(n_calls, 0);
	say_news('A');
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(n_calls, 1);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_line_may_come_in_pieces)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	drain(iterator);
	say(watch, "{\"id\":\"0x100000101\",\"pa");
	dispatch();
	ck_assert_uint_eq(n_calls, 0);
	say(watch, "th\":\"IOService:/A\"}\n");
	dispatch();
	ck_assert_uint_eq(n_calls, 1);
	ck_assert_str_eq(drain(iterator), "A");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(at_most_1024_wait)
{
	io_iterator_t iterator = add(kIOPublishNotification, "", count);
	unsigned n = 0;
	io_object_t next;

	drain(iterator);
	ck_assert_int_gt(fcntl(watch, F_SETPIPE_SZ, 1 << 20), 0);
	for (int i = 0; i < 1030; i++) {
		say_news('A');
		if (i % 400 == 0)
			dispatch();
	}
	while ((next = IOIteratorNext(iterator))) {
		IOObjectRelease(next);
		n++;
	}
	ck_assert_uint_eq(n, 1024);
	ck_assert_uint_eq(n_calls, 1);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(what_is_gone_is_left_out_unless_that_is_the_news)
{
	io_iterator_t matched = add(kIOMatchedNotification, "AB", count);
	io_object_t gone;
	io_iterator_t ended;
	io_name_t name;
	uint64_t id;

	ck_assert_int_eq(rename(in_tree("IOService/B"), in_tree("gone")), 0);
	ck_assert_str_eq(drain(matched), "A");
	IOObjectRelease(matched);
	ended = add(kIOTerminatedNotification, "B", count);
	gone = IOIteratorNext(ended);
	ck_assert_int_gt(gone, 0);
	ck_assert_int_eq(IORegistryEntryGetRegistryEntryID(gone, &id), kIOReturnSuccess);
	ck_assert_uint_eq(id, FIRST_ID + 1);
	ck_assert_int_eq(IOObjectGetClass(gone, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "Cls");
	IOObjectRelease(gone);
	IOObjectRelease(ended);
}
END_TEST

START_TEST(a_released_one_tells_nothing)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	drain(iterator);
	say_news('A');
	IOObjectRelease(iterator);
	ck_assert(!is_readable(IONotificationPortGetMachPort(port)));
	ck_assert_uint_eq(dispatch(), 0);
	ck_assert_uint_eq(n_calls, 0);
}
END_TEST

static void release_it(void *refcon, io_iterator_t iterator)
{
	(void)refcon;
	n_calls++;
	ck_assert_int_eq(IOObjectRelease(iterator), kIOReturnSuccess);
}

START_TEST(a_callback_may_release_its_notification)
{
	drain(add(kIOMatchedNotification, "", release_it));
	say_news('A');
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(n_calls, 1);
	say_news('B');
	ck_assert_uint_eq(dispatch(), 0);
}
END_TEST

static void destroy_port(void *refcon, io_iterator_t iterator)
{
	(void)refcon;
	(void)iterator;
	n_calls++;
	IONotificationPortDestroy(port);
	port = NULL;
}

START_TEST(a_callback_may_destroy_the_port)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", destroy_port);

	drain(iterator);
	say_news('A');
	dispatch();
	ck_assert_uint_eq(n_calls, 1);
	ck_assert_str_eq(drain(iterator), "A");
	ck_assert_str_eq(drain(iterator), "");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_matching_notification_gives_each_of_its_results)
{
	io_iterator_t iterator;

	ck_assert_int_eq(IOServiceAddMatchingNotification(port, "IOServiceWhatever",
							  IOServiceMatching("A"), count, NULL,
							  &iterator), kIOReturnUnsupported);
	ck_assert_int_eq(IOServiceAddMatchingNotification(NULL, kIOMatchedNotification,
							  IOServiceMatching("A"), count, NULL,
							  &iterator), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, NULL, IOServiceMatching("A"), count,
							  NULL, &iterator), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification,
							  IOServiceMatching("A"), NULL, NULL,
							  &iterator), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification,
							  IOServiceMatching("A"), count, NULL,
							  NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification, NULL, count,
							  NULL, &iterator), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification,
							  json_array(), count, NULL, &iterator),
			 kIOReturnBadArgument);
	setenv("FSD_MOUNT", "/nowhere", 1);
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification,
							  IOServiceMatching("A"), count, NULL,
							  &iterator), kIOReturnNoDevice);
}
END_TEST

/* --- interest notifications */

static struct {
	unsigned n;
	io_service_t service;
	uint32_t message;
	void *argument;
	char bytes[64];
} told;

static void hear(void *refcon, io_service_t about, uint32_t message, void *argument)
{
	ck_assert_ptr_eq(refcon, &told);
	told.n++;
	told.service = about;
	told.message = message;
	told.argument = argument;
	if ((uintptr_t)argument > 4096 && (uintptr_t)argument != UINTPTR_MAX)
		memcpy(told.bytes, argument, sizeof(told.bytes));
}

static io_object_t add_interest(const char *interest)
{
	io_object_t notification = IO_OBJECT_NULL;

	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, interest, hear, &told,
							  &notification), kIOReturnSuccess);
	ck_assert_int_gt(notification, 0);
	return notification;
}

static void say_message(const char *interest, const char *message, const char *argument)
{
	char line[512];

	snprintf(line, sizeof(line), "{\"interest\":\"%s\",\"message\":\"%s\",\"name\":\"x\","
		 "\"arg\":%s}\n", interest, message, argument);
	say(events, line);
}

START_TEST(each_message_of_the_interest_is_told)
{
	io_object_t notification = add_interest(kIOBusyInterest);
	io_name_t name;

	say_message(kIOBusyInterest, "0xe0000120", "1");
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(told.n, 1);
	ck_assert_int_eq(told.service, service);
	ck_assert_uint_eq(told.message, kIOMessageServiceBusyStateChange);
	ck_assert_uint_eq((uintptr_t)told.argument, 1);
	say_message(kIOGeneralInterest, "0xe0000130", "null");
	say_message(kIOBusyInterest, "0xe0000120", "1");
	say_message(kIOBusyInterest, "0xe0000120", "0");
	ck_assert_uint_eq(dispatch(), 1);
	ck_assert_uint_eq(told.n, 3);
	ck_assert_ptr_null(told.argument);
	ck_assert_int_eq(IOObjectGetClass(notification, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "IOServiceMessageUserNotification");
	IOObjectRelease(notification);
}
END_TEST

START_TEST(an_argument_is_a_word_or_up_to_64_bytes)
{
	io_object_t notification = add_interest(kIOGeneralInterest);

	say_message(kIOGeneralInterest, "0xe3ff8001", "\"text\"");
	dispatch();
	ck_assert_uint_eq(told.message, iokit_vendor_specific_msg(1));
	ck_assert_str_eq(told.bytes, "text");
	say_message(kIOGeneralInterest, "0xe3ff8001", "{\"$data\":\"AAEC\"}");
	dispatch();
	ck_assert_mem_eq(told.bytes, "\0\1\2\0", 4);
	say_message(kIOGeneralInterest, "0xe3ff8001", "{\"k\": [1]}");
	dispatch();
	ck_assert_str_eq(told.bytes, "{\"k\":[1]}");
	say_message(kIOGeneralInterest, "0xe3ff8001",
		    "\"0123456789012345678901234567890123456789012345678901234567890123456789\"");
	dispatch();
	ck_assert_uint_eq(strlen(told.bytes), 63);
	say_message(kIOGeneralInterest, "0xe3ff8001", "true");
	dispatch();
	ck_assert_uint_eq((uintptr_t)told.argument, 1);
	say_message(kIOGeneralInterest, "0xe3ff8001", "18446744073709551615");
	dispatch();
	ck_assert_uint_eq((uintptr_t)told.argument, UINTPTR_MAX);
	ck_assert_uint_eq(told.n, 6);
	IOObjectRelease(notification);
}
END_TEST

START_TEST(the_end_of_a_service_ends_its_notification)
{
	io_object_t notification = add_interest(kIOGeneralInterest);

	say_message(kIOGeneralInterest, "0xe0000010", "0");
	close(events);
	events = -1;
	dispatch();
	ck_assert_uint_eq(told.n, 1);
	ck_assert_uint_eq(told.message, kIOMessageServiceIsTerminated);
	ck_assert(!is_readable(IONotificationPortGetMachPort(port)));
	IOObjectRelease(notification);
}
END_TEST

static void release_and_hear(void *refcon, io_service_t about, uint32_t message, void *argument)
{
	(void)about;
	(void)message;
	(void)argument;
	told.n++;
	IOObjectRelease(*(io_object_t *)refcon);
}

START_TEST(nothing_is_told_after_a_release_in_the_callback)
{
	io_object_t notification;

	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, kIOGeneralInterest,
							  release_and_hear, &notification,
							  &notification), kIOReturnSuccess);
	say_message(kIOGeneralInterest, "0xe0000130", "0");
	say_message(kIOGeneralInterest, "0xe0000130", "0");
	dispatch();
	ck_assert_uint_eq(told.n, 1);
}
END_TEST

START_TEST(an_interest_notification_gives_each_of_its_results)
{
	io_object_t notification;

	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, "IOWhatever", hear, NULL,
							  &notification), kIOReturnUnsupported);
	ck_assert_int_eq(IOServiceAddInterestNotification(port, 0, kIOGeneralInterest, hear, NULL,
							  &notification), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddInterestNotification(NULL, service, kIOGeneralInterest, hear,
							  NULL, &notification),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, NULL, hear, NULL,
							  &notification), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, kIOGeneralInterest, NULL,
							  NULL, &notification),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, kIOGeneralInterest, hear,
							  NULL, NULL), kIOReturnBadArgument);
	ck_assert_uint_eq(IOObjectGetUserRetainCount(service), 1);
	unlink(in_tree("IOService/A/events"));
	ck_assert_int_eq(IOServiceAddInterestNotification(port, service, kIOGeneralInterest, hear,
							  NULL, &notification),
			 kIOReturnUnsupported);
}
END_TEST

/* --- ports */

START_TEST(a_port_is_a_descriptor)
{
	mach_port_t fd = IONotificationPortGetMachPort(port);

	ck_assert_int_gt(fd, 2);
	ck_assert_int_eq(IONotificationPortGetRunLoopSource(port), fd);
	ck_assert_int_eq(IONotificationPortGetMachPort(NULL), MACH_PORT_NULL);
	ck_assert(!is_readable(fd));
	ck_assert_uint_eq(IONotificationPortDispatch(MACH_PORT_NULL), 0);
	ck_assert_uint_eq(IONotificationPortDispatch(-1), 0);
	ck_assert_uint_eq(IONotificationPortDispatch(watch), 0);
	ck_assert_int_eq(IONotificationPortSetImportanceReceiver(port), kIOReturnUnsupported);
	ck_assert_int_eq(IONotificationPortSetImportanceReceiver(NULL), kIOReturnBadArgument);
	IONotificationPortDestroy(NULL);
	IODispatchCalloutFromMessage(NULL, NULL, NULL);
}
END_TEST

START_TEST(a_message_is_what_there_is_to_dispatch)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	drain(iterator);
	say_news('A');
	IODispatchCalloutFromMessage(NULL, NULL, port);
	ck_assert_uint_eq(n_calls, 1);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(one_port_serves_many_notifications)
{
	io_object_t busy = add_interest(kIOBusyInterest);
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);

	drain(iterator);
	say_news('A');
	say_message(kIOBusyInterest, "0xe0000120", "1");
	ck_assert_uint_eq(dispatch(), 2);
	ck_assert_uint_eq(n_calls, 1);
	ck_assert_uint_eq(told.n, 1);
	IOObjectRelease(busy);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_destroyed_port_ends_nothing_else)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "A", count);
	mach_port_t fd = IONotificationPortGetMachPort(port);

	IONotificationPortDestroy(port);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	port = IONotificationPortCreate(kIOMainPortDefault);
	ck_assert_str_eq(drain(iterator), "A");
	say_news('B');
	ck_assert_uint_eq(dispatch(), 0);
	ck_assert_str_eq(drain(iterator), "B");
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_receive_port_is_a_handle)
{
	mach_port_t receive = MACH_PORT_NULL;

	ck_assert_int_eq(IOCreateReceivePort(kOSNotificationMessageID, &receive),
			 kIOReturnSuccess);
	ck_assert(!is_readable(receive));
	ck_assert_uint_eq(IONotificationPortDispatch(receive), 0);
	ck_assert_int_eq(IOObjectRelease(receive), kIOReturnSuccess);
	ck_assert_int_eq(fcntl(receive, F_GETFD), -1);
	ck_assert_int_eq(IOCreateReceivePort(kOSAsyncCompleteMessageID, &receive),
			 kIOReturnSuccess);
	IOObjectRelease(receive);
	ck_assert_int_eq(IOCreateReceivePort(54, &receive), kIOReturnBadArgument);
	ck_assert_int_eq(IOCreateReceivePort(kOSNotificationMessageID, NULL),
			 kIOReturnBadArgument);
}
END_TEST

/* --- on a dispatch queue */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned n_seen;

static void drain_on_queue(void *refcon, io_iterator_t iterator)
{
	io_object_t next;

	ck_assert(IODispatchQueue_OnQueue(refcon));
	while ((next = IOIteratorNext(iterator))) {
		IOObjectRelease(next);
		pthread_mutex_lock(&lock);
		n_seen++;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&lock);
	}
}

static void wait_for(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (n_seen < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

START_TEST(a_dispatch_queue_calls_the_callbacks)
{
	IODispatchQueue *queue;
	io_iterator_t iterator = IO_OBJECT_NULL;

	ck_assert_int_eq(IODispatchQueue_Create("q", 0, 0, &queue), kIOReturnSuccess);
	IONotificationPortSetDispatchQueue(port, queue);
	say(watch, "{\"armed\":true}\n");
	ck_assert_int_eq(IOServiceAddMatchingNotification(port, kIOMatchedNotification,
							  IOServiceMatching("Cls"), drain_on_queue,
							  queue, &iterator), kIOReturnSuccess);
	drain(iterator);
	for (unsigned i = 1; i <= 300; i++) {
		say_news('A');
		if (i % 3 == 0)
			wait_for(i);
	}
	IONotificationPortSetDispatchQueue(port, NULL);
	OSObject_release(queue);
	say_news('B');
	ck_assert(is_readable(IONotificationPortGetMachPort(port)));
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(a_queue_that_the_program_runs_calls_them_too)
{
	io_iterator_t iterator = add(kIOMatchedNotification, "", count);
	IODispatchQueue *queue;

	ck_assert_int_eq(IODispatchQueue_Create("q", kIODispatchQueueCallerRuns, 0, &queue),
			 kIOReturnSuccess);
	IONotificationPortSetDispatchQueue(port, queue);
	drain(iterator);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 0);
	for (unsigned i = 1; i <= 3; i++) {
		say_news('A');
		ck_assert(is_readable(IODispatchQueue_GetDescriptor(queue)));
		ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 1);
		ck_assert_uint_eq(n_calls, i);
		ck_assert_str_eq(drain(iterator), "A");
	}
	IONotificationPortDestroy(port);
	port = NULL;
	OSObject_release(queue);
	IOObjectRelease(iterator);
}
END_TEST

/* Released and made by one thread while another one is called. */
START_TEST(notifications_may_come_and_go_while_they_tell)
{
	IODispatchQueue *queue;

	ck_assert_int_eq(IODispatchQueue_Create("q", 0, 0, &queue), kIOReturnSuccess);
	IONotificationPortSetDispatchQueue(port, queue);
	for (int i = 0; i < 300; i++) {
		io_object_t notification = add_interest(kIOGeneralInterest);

		say_message(kIOGeneralInterest, "0xe0000130", "0");
		say_message(kIOGeneralInterest, "0xe0000130", "0");
		IOObjectRelease(notification);
	}
	IONotificationPortDestroy(port);
	port = NULL;
	OSObject_release(queue);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, an_iterator_has_what_is_there_newest_first);
	tcase_add_test(tests, one_that_was_not_emptied_is_not_armed);
	tcase_add_test(tests, an_armed_one_tells_once_until_it_is_emptied);
	tcase_add_test(tests, lines_that_are_no_services_wake_nobody);
	tcase_add_test(tests, a_line_may_come_in_pieces);
	tcase_add_test(tests, at_most_1024_wait);
	tcase_add_test(tests, what_is_gone_is_left_out_unless_that_is_the_news);
	tcase_add_test(tests, a_released_one_tells_nothing);
	tcase_add_test(tests, a_callback_may_release_its_notification);
	tcase_add_test(tests, a_callback_may_destroy_the_port);
	tcase_add_test(tests, a_matching_notification_gives_each_of_its_results);
	tcase_add_test(tests, each_message_of_the_interest_is_told);
	tcase_add_test(tests, an_argument_is_a_word_or_up_to_64_bytes);
	tcase_add_test(tests, the_end_of_a_service_ends_its_notification);
	tcase_add_test(tests, nothing_is_told_after_a_release_in_the_callback);
	tcase_add_test(tests, an_interest_notification_gives_each_of_its_results);
	tcase_add_test(tests, a_port_is_a_descriptor);
	tcase_add_test(tests, a_message_is_what_there_is_to_dispatch);
	tcase_add_test(tests, one_port_serves_many_notifications);
	tcase_add_test(tests, a_destroyed_port_ends_nothing_else);
	tcase_add_test(tests, a_receive_port_is_a_handle);
	tcase_add_test(tests, a_dispatch_queue_calls_the_callbacks);
	tcase_add_test(tests, a_queue_that_the_program_runs_calls_them_too);
	tcase_add_test(tests, notifications_may_come_and_go_while_they_tell);
}
