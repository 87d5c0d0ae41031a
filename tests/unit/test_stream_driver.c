/* SPDX-License-Identifier: MIT */
/* A driver's stream in a mount: made there, asked, served, and what if fsd ends. */
#include "asked_stream.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

#include <IOKit/IODataQueueClient.h>

/* --- published */

START_TEST(buffers_move_with_what_is_in_them)
{
	const char *text;
	char *data;

	publish(kIOStreamModeOutput);
	ck_assert_str_eq(IOStream_getDirectory(stream) + strlen(mount.path),
			 "/IOService/Cam/streams/video");
	ck_assert_str_eq(text_in(in_stream(&mount, "driver/modes")), "input output inout");
	ck_assert_str_eq(text_in(in_stream(&mount, "queue_length")), "0\n");
	for (unsigned id = 0; id < N_BUFFERS; id++) {
		data = IOStreamBuffer_getDataBytes(buffers[id]);
		ck_assert_int_eq(data[DATA_SIZE - 1], 'a' + (int)id);
		data[0] = '*';
		text = text_in(in_stream(&mount, "buffers/%u/data", id));
		ck_assert_int_eq(text[0], '*');
		ck_assert_int_eq(text[1], 'a' + (int)id);
	}
	ck_assert_int_eq(IOStream_publish(stream, in_service(&mount), "other"),
			 kIOReturnBadArgument);
	IOStreamBuffer_setDataBuffer(buffers[0], NULL);
	ck_assert_ptr_nonnull(IOStreamBuffer_getDataBuffer(buffers[0]));
	end();
}
END_TEST

START_TEST(properties_are_the_entrys)
{
	json_t *properties = json_pack("{s:s}", "Model", "x");

	new_driven_stream(&mount, kIOStreamModeOutput);
	make_stream(kIOStreamModeOutput, properties);
	ck_assert_int_eq(IOStream_publish(stream, in_service(&mount), "video"), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_stream(&mount, "../../video/props")), "{\"Model\":\"x\"}");
	json_decref(properties);
	end();
}
END_TEST

START_TEST(what_cannot_be_published_is_as_before)
{
	void *data;

	new_driven_stream(&mount, kIOStreamModeOutput);
	make_stream(kIOStreamModeOutput, NULL);
	data = IOStreamBuffer_getDataBytes(buffers[0]);
	ck_assert_int_eq(unlink(in_stream(&mount, "board")), 0);
	ck_assert_int_eq(IOStream_publish(stream, in_service(&mount), "video"), kIOReturnNotFound);
	ck_assert_ptr_null(IOStream_getDirectory(stream));
	ck_assert_ptr_eq(IOStreamBuffer_getDataBytes(buffers[0]), data);
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotReady);
	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnSuccess);
	end();
}
END_TEST

/* --- asked */

START_TEST(each_request_is_a_function_and_an_answer)
{
	run(kIOStreamModeOutput);
	ask("suspend\n", "0\n");
	set_state(&mount.rings, STREAM_SUSPENDED);
	ask("resume\n", "0\n");
	ask("stop\n", "0\n");
	check_said("suspend start stop ");
	say(&mount.control, "close\n");
	serve();
	check_said("close 4000000 ");
	end();
}
END_TEST

START_TEST(a_refusal_is_the_answer)
{
	publish(kIOStreamModeOutput);
	refuses = true;
	ask("open 4000000 1000\n", "0xe00002c5\n");
	check_said("open 4000000 1000 ");
	refuses = false;
	open_it();
	answer = kIOReturnNoSpace;
	ask("start\n", "0xe00002db\n");
	ask("mode input\n", "0xe00002db\n");
	ask("mode sideways\n", "0xe00002c2\n");
	ask("dance\n", "0xe00002c7\n");
	check_said("start mode 1->0 ");
	end();
}
END_TEST

START_TEST(what_runs_is_stopped_when_the_client_goes)
{
	run(kIOStreamModeOutput);
	say(&mount.control, "close\n");
	serve();
	check_said("stop close 4000000 ");
	/* And once. */
	say(&mount.control, "close\n");
	serve();
	check_said("");
	end();
}
END_TEST

START_TEST(requests_in_one_piece_are_answered_in_order)
{
	publish(kIOStreamModeOutput);
	ask("open 1 2\nstart\nsuspend\n", "0\n0\n0\n");
	check_said("open 1 2 start suspend ");
	end();
}
END_TEST

START_TEST(notifications_come_before_the_request_behind_them)
{
	run(kIOStreamModeOutput);
	say(&mount.notify, "async 170\nasync 4294967295\nsync 7\n");
	ask("stop\n", "0\n");
	check_said("async 170 async 4294967295 sync 7 stop ");
	ck_assert_str_eq(text_in(in_stream(&mount, "driver/ack")), "1\n");
	end();
}
END_TEST

START_TEST(who_never_stops_notifying_keeps_nobody_from_asking)
{
	run(kIOStreamModeOutput);
	for (int i = 0; i < 65; i++)
		say(&mount.notify, "async 1\n");
	say(&mount.control, "stop\n");
	while (!strstr(said, "stop"))
		serve();
	heard(&mount.control, "0\n");
	/* Of 65, the last comes after it. */
	ck_assert_uint_eq((size_t)(strstr(said, "stop") - said), 64 * strlen("async 1 "));
	end();
}
END_TEST

START_TEST(the_mode_is_changed_from_here)
{
	publish(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeOutput), kIOReturnSuccess);
	check_said("");
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeInput), kIOReturnSuccess);
	heard(&mount.control, "mode input\n");
	check_said("mode 1->0 ");
	ck_assert_int_eq(IOStream_changeStreamMode(stream, 3), kIOReturnBadArgument);
	open_it();
	start_it();
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeInput), kIOReturnBusy);
	end();
}
END_TEST

/* --- buffers and queues of others */

START_TEST(a_buffer_that_somebody_added_is_passed_too)
{
	IOStreamBuffer *added;

	publish(kIOStreamModeOutput);
	open_it();
	begin_session(&mount, N_BUFFERS + 1);
	start_it();
	ck_assert_uint_eq(IOStream_getBufferCount(stream), N_BUFFERS);
	add_files(&mount, N_BUFFERS);
	mount.rings.board->n_buffers = N_BUFFERS + 1;
	know_buffers(&mount.rings, mount.rings.board->n_buffers, AREA);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	added = IOStream_getBufferWithID(stream, N_BUFFERS);
	ck_assert_ptr_nonnull(IOStreamBuffer_getDataBytes(added));
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, added, 0, DATA_SIZE, 0, 0),
			 kIOReturnSuccess);
	check_taken(0);
	check_taken(N_BUFFERS);
	end();
}
END_TEST

START_TEST(sizes_that_somebody_changed_are_known_at_the_open)
{
	void *before;

	publish(kIOStreamModeOutput);
	before = IOStreamBuffer_getDataBytes(buffers[0]);
	munmap(map_new(in_stream(&mount, "buffers/1/data"), 100), 100);
	put_number(in_stream(&mount, "buffers/1/size"), 100);
	open_it();
	ck_assert_uint_eq(stream_buffer_size(buffers[1]->data), 100);
	ck_assert_ptr_eq(IOStreamBuffer_getDataBytes(buffers[0]), before);
	start_it();
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[1], 0, 101, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[1], 0, 100, 0, 0),
			 kIOReturnSuccess);
	end();
}
END_TEST

START_TEST(no_buffer_is_removed_and_no_queue_made_while_it_is_open)
{
	publish(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_createQueues(stream, 9, 0), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_stream(&mount, "driver/queues")), "create 9\n");
	open_it();
	ck_assert_int_eq(IOStream_removeBuffer(stream, buffers[0]), kIOReturnStillOpen);
	ck_assert_int_eq(IOStream_removeAllBuffers(stream), kIOReturnStillOpen);
	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnStillOpen);
	ck_assert_int_eq(IOStream_destroyQueues(stream), kIOReturnStillOpen);
	ck_assert_uint_eq(IOStream_getBufferCount(stream), N_BUFFERS);
	end();
}
END_TEST

START_TEST(there_is_no_room_for_more_buffers_than_entries)
{
	IOStreamBuffer *more = IOStreamBuffer_withCapacity(DATA_SIZE, CONTROL_SIZE);

	publish(kIOStreamModeOutput);
	open_it();
	ck_assert_int_eq(IOStream_addBuffer(stream, more), kIOReturnNoSpace);
	begin_session(&mount, N_BUFFERS + 1);
	add_files(&mount, N_BUFFERS);
	ck_assert_int_eq(IOStream_addBuffer(stream, more), kIOReturnSuccess);
	heard(&mount.control, "buffer 4096 64\n");
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(more), N_BUFFERS);
	OSObject_release(more);
	end();
}
END_TEST

/* --- fsd ends, and the stream */

/* Its files give errors then, and not their end: a directory does so, too. */
static void lose_fsd(void)
{
	int directory = open(mount.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(dup2(directory, stream->control.fd), 0);
	ck_assert_int_ge(dup2(directory, stream->calls.fd), 0);
	close(directory);
	close_terminal(&mount.control);
	close_terminal(&mount.notify);
	unlink(in_stream(&mount, "driver/control"));
	unlink(in_stream(&mount, "driver/notify"));
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotReady);
}

START_TEST(fsd_is_found_again)
{
	char version[64];

	run(kIOStreamModeOutput);
	snprintf(version, sizeof(version), "%s/version", mount.path);
	ck_assert_int_eq(unlink(version), 0);
	lose_fsd();
	/* What both ends know needs no fsd. */
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	check_taken(0);
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnNotAttached);
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotReady);
	check_said("");
	make_text(version, "fsd 1\n", 0600);

	make_terminal(&mount.control, in_stream(&mount, "driver/control"));
	make_terminal(&mount.notify, in_stream(&mount, "driver/notify"));
	begin_session(&mount, N_BUFFERS);
	say(&mount.control, "open 4000000 1000\n");
	serve();
	heard(&mount.control, "keep\n0\n");
	check_said("stop close 4000000 open 4000000 1000 ");
	start_it();
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	check_taken(0);
	end();
}
END_TEST

START_TEST(a_stream_that_is_gone_is_terminated)
{
	run(kIOStreamModeOutput);
	lose_fsd();
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotAttached);
	check_said("stop close 4000000 gone ");
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotAttached);
	ck_assert_int_eq(IOStream_run(stream), kIOReturnNotAttached);
	ck_assert_int_eq(enqueue(0), kIOReturnNoDevice);
	ck_assert_int_eq(dequeue(), kIOReturnNoDevice);
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnNoDevice);
	ck_assert_int_eq(IOStream_addBuffer(stream, buffers[0]), kIOReturnNoDevice);
	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnNoDevice);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, 0), kIOReturnNoDevice);
	check_said("");
	end();
}
END_TEST

START_TEST(a_child_releases_what_its_parent_serves)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();
	struct pollfd ready[] = { { .events = POLLIN }, { .fd = port, .events = POLLIN } };
	pid_t child;
	int status;

	publish(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_setInputPort(stream, port), kIOReturnSuccess);
	ready[0].fd = IOStream_getDescriptor(stream);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		OSObject_release(stream);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	say(&mount.control, "open 1 2\n");
	ck_assert_int_eq(poll(&ready[0], 1, 10000), 1);
	ck_assert_int_eq(poll(&ready[1], 1, 10000), 1);
	serve();
	heard(&mount.control, "0\n");
	check_said("open 1 2 ");
	close(port);
	end();
}
END_TEST

/* --- by whom it is served */

START_TEST(a_dispatch_queue_serves)
{
	IODispatchQueue *queue = NULL;

	publish(kIOStreamModeOutput);
	ck_assert_int_eq(IODispatchQueue_Create("cam", 0, 0, &queue), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_SetDispatchQueue(stream, "Other", queue), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_SetDispatchQueue(stream, kIOStreamDefaultQueueName, queue),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOStream_SetDispatchQueue(stream, kIOStreamDefaultQueueName, queue),
			 kIOReturnBusy);
	ck_assert_int_eq(IOStream_run(stream), kIOReturnBusy);
	say(&mount.control, "open 1 2\n");
	heard(&mount.control, "0\n");
	say(&mount.control, "suspend\n");
	heard(&mount.control, "0\n");
	OSObject_release(queue);
	end();
}
END_TEST

static void *run_it(void *unused)
{
	static IOReturn result;

	(void)unused;
	result = IOStream_run(stream);
	return &result;
}

START_TEST(run_serves_until_it_is_gone)
{
	IOReturn *result;
	pthread_t thread;

	publish(kIOStreamModeOutput);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_it, NULL), 0);
	say(&mount.control, "open 1 2\n");
	heard(&mount.control, "0\n");
	unlink(in_stream(&mount, "driver/control"));
	close_terminal(&mount.control);
	pthread_join(thread, (void **)&result);
	ck_assert_int_eq(*result, kIOReturnNotAttached);
	check_said("open 1 2 close 1 gone ");
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, buffers_move_with_what_is_in_them);
	tcase_add_test(tests, properties_are_the_entrys);
	tcase_add_test(tests, what_cannot_be_published_is_as_before);
	tcase_add_test(tests, each_request_is_a_function_and_an_answer);
	tcase_add_test(tests, a_refusal_is_the_answer);
	tcase_add_test(tests, what_runs_is_stopped_when_the_client_goes);
	tcase_add_test(tests, requests_in_one_piece_are_answered_in_order);
	tcase_add_test(tests, notifications_come_before_the_request_behind_them);
	tcase_add_test(tests, who_never_stops_notifying_keeps_nobody_from_asking);
	tcase_add_test(tests, the_mode_is_changed_from_here);
	tcase_add_test(tests, a_buffer_that_somebody_added_is_passed_too);
	tcase_add_test(tests, sizes_that_somebody_changed_are_known_at_the_open);
	tcase_add_test(tests, no_buffer_is_removed_and_no_queue_made_while_it_is_open);
	tcase_add_test(tests, there_is_no_room_for_more_buffers_than_entries);
	tcase_add_test(tests, fsd_is_found_again);
	tcase_add_test(tests, a_stream_that_is_gone_is_terminated);
	tcase_add_test(tests, a_child_releases_what_its_parent_serves);
	tcase_add_test(tests, a_dispatch_queue_serves);
	tcase_add_test(tests, run_serves_until_it_is_gone);
}
