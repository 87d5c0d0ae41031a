/* SPDX-License-Identifier: MIT */
/* A driver's stream in a mount: what fsd asks, what is passed, and a client that cheats. */
#include "driven_stream.h"

#include <IOKit/IODataQueueClient.h>

#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "stream_driver.h"

static struct driven_stream mount;
static IOStreamBuffer *buffers[N_BUFFERS];
static IOStream *stream;

/* What the class's functions were called with. */
static char said[2048];
static IOReturn answer;
static bool refuses;

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	size_t n = strlen(said);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(said + n, sizeof(said) - n, format, arguments);
	va_end(arguments);
}

static void check_said(const char *text)
{
	ck_assert_str_eq(said, text);
	*said = '\0';
}

static IOReturn start(IOStream *of)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };

	note("start ");
	/* It is not running before this returns. */
	ck_assert_int_ne(IOStream_enqueueOutputEntry(of, &entry), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_dispatch(of), kIOReturnBusy);
	return answer;
}

static IOReturn stop(IOStream *of)
{
	(void)of;
	note("stop ");
	return answer;
}

static IOReturn suspend(IOStream *of)
{
	(void)of;
	note("suspend ");
	return answer;
}

static IOReturn set_mode(IOStream *of, IOStreamMode mode)
{
	note("mode %u->%u ", IOStream_getStreamMode(of), mode);
	return answer;
}

static bool handle_open(IOStream *of, task_t client, IOOptionBits options, void *argument)
{
	(void)of;
	note("open %d %u ", IOTaskGetPID(client), IOTaskGetUID(client));
	ck_assert_uint_eq(options, 0);
	ck_assert_ptr_null(argument);
	return !refuses;
}

static void handle_close(IOStream *of, task_t client, IOOptionBits options)
{
	(void)of, (void)options;
	note("close %d ", IOTaskGetPID(client));
}

static void called(IOStream *of, UInt32 token)
{
	(void)of;
	note("async %u ", token);
}

static void called_sync(IOStream *of, UInt32 token)
{
	(void)of;
	note("sync %u ", token);
	ck_assert_str_eq(text_in(in_stream(&mount, "driver/ack")), "");
}

static void did_terminate(IOStream *of)
{
	(void)of;
	note("gone ");
}

static const struct IOStreamMethods methods = {
	.startStream = start, .stopStream = stop, .suspendStream = suspend,
	.setStreamMode = set_mode, .handleOpen = handle_open, .handleClose = handle_close,
	.inputCallback = called, .inputSyncCallback = called_sync, .didTerminate = did_terminate,
};
static const struct IOStreamClass class = { .className = "Cam:IOStream", .methods = &methods };

static void make_stream(IOStreamMode mode, json_t *properties)
{
	for (unsigned i = 0; i < N_BUFFERS; i++) {
		buffers[i] = IOStreamBuffer_withCapacity(DATA_SIZE, CONTROL_SIZE);
		memset(IOStreamBuffer_getDataBytes(buffers[i]), 'a' + (int)i, DATA_SIZE);
	}
	stream = IOStream_withBuffers(&class, buffers, N_BUFFERS, mode, 0, properties);
	ck_assert_ptr_nonnull(stream);
}

static void publish(IOStreamMode mode)
{
	static const char *const words[] = { "mode input\nkeep\n", "mode output\nkeep\n",
					     "mode inout\nkeep\n" };

	new_driven_stream(&mount, mode);
	make_stream(mode, NULL);
	ck_assert_int_eq(IOStream_publish(stream, in_service(&mount), "video"), kIOReturnSuccess);
	heard(&mount.control, words[mode]);
}

static void end(void)
{
	OSObject_release(stream);
	for (unsigned i = 0; i < N_BUFFERS; i++)
		OSSafeReleaseNULL(buffers[i]);
	remove_driven_stream(&mount);
}

static void serve(void)
{
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnSuccess);
}

static void ask(const char *question, const char *expected)
{
	say(&mount.control, question);
	serve();
	heard(&mount.control, expected);
}

static void open_it(void)
{
	ask("open 4000000 1000\n", "0\n");
	check_said("open 4000000 1000 ");
	begin_session(&mount, N_BUFFERS);
}

/* As fsd does it. */
static void start_it(void)
{
	empty_rings(&mount, STREAM_STOPPED);
	ask("start\n", "0\n");
	check_said("start ");
	set_state(&mount, STREAM_RUNNING);
}

static void run(IOStreamMode mode)
{
	publish(mode);
	open_it();
	start_it();
}

static IOReturn enqueue(unsigned id)
{
	return IOStream_enqueueOutputBuffer(stream, buffers[id], 1, 2, 3, 4);
}

static void check_taken(uint32_t id)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(stream_end_take(&mount.client, &entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.bufferID, id);
}

static IOReturn give_back(uint32_t id)
{
	IOStreamBufferQueueEntry entry = { .bufferID = id };

	return stream_end_give(&mount.client, &entry);
}

static IOReturn dequeue(void)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };
	IOReturn result = IOStream_dequeueInputEntry(stream, &entry);

	return result == kIOReturnSuccess ? (IOReturn)entry.bufferID : result;
}

static SInt32 references(unsigned id)
{
	return IOStreamBuffer_getClientReferenceCount(buffers[id]);
}

/* --- published */

START_TEST(buffers_move_with_what_is_in_them)
{
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
		ck_assert_int_eq(text_in(in_stream(&mount, "buffers/%u/data", id))[0], '*');
		ck_assert_int_eq(text_in(in_stream(&mount, "buffers/%u/data", id))[1], 'a' + (int)id);
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
	set_state(&mount, STREAM_SUSPENDED);
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

/* --- passed */

START_TEST(buffers_go_round)
{
	IOStreamBufferQueueEntry entry;

	run(kIOStreamModeOutput);
	ck_assert_int_eq(references(1), 0);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_int_eq(references(1), 1);
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(stream_end_take(&mount.client, &entry), kIOReturnSuccess);
	ck_assert_mem_eq(&entry, (&(IOStreamBufferQueueEntry){ 1, 1, 2, 3, 4, { 0 } }), sizeof(entry));
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	ck_assert_int_eq(give_back(1), kIOReturnSuccess);
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(dequeue(), 1);
	ck_assert_int_eq(references(1), 0);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_uint_eq(mount.tally->sides[STREAM_DRIVER].is_kept, 1);
	end();
}
END_TEST

START_TEST(what_is_not_passed)
{
	IOStreamBuffer *strange = IOStreamBuffer_withCapacity(DATA_SIZE, CONTROL_SIZE);

	run(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, strange, 0, 0, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], 0, 1ull << 32, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], DATA_SIZE, 1, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], 0, 0, 1, UINT32_MAX),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], DATA_SIZE, 0, 64, 0),
			 kIOReturnSuccess);
	OSObject_release(strange);
	end();
}
END_TEST

START_TEST(the_state_is_looked_up_first)
{
	static const struct {
		enum stream_state state;
		IOReturn enqueued, dequeued, notified;
	} rows[] = {
		{ STREAM_STOPPED, kIOReturnNotReady, kIOReturnNotReady, kIOReturnSuccess },
		{ STREAM_SUSPENDED, kIOReturnNotReady, kIOReturnNotReady, kIOReturnSuccess },
		{ STREAM_DRAINING, kIOReturnNotReady, kIOReturnUnderrun, kIOReturnSuccess },
		{ STREAM_CLOSED, kIOReturnNotOpen, kIOReturnNotOpen, kIOReturnNotOpen },
		{ STREAM_DEAD, kIOReturnNoDevice, kIOReturnNoDevice, kIOReturnNoDevice },
	};

	run(kIOStreamModeOutput);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_state(&mount, rows[i].state);
		ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, NULL, 0, 0, 0, 0),
				 rows[i].enqueued);
		ck_assert_int_eq(dequeue(), rows[i].dequeued);
		ck_assert_int_eq(IOStream_reportDrop(stream, 0), rows[i].notified);
	}
	end();
}
END_TEST

START_TEST(a_stop_takes_all_back)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	check_taken(0);
	ask("stop\n", "0\n");
	ck_assert_int_eq(references(0), 0);
	ck_assert_int_eq(references(1), 0);
	empty_rings(&mount, STREAM_STOPPED);
	*said = '\0';
	start_it();
	for (unsigned id = 0; id < N_BUFFERS; id++)
		ck_assert_int_eq(enqueue(id), kIOReturnSuccess);
	ck_assert_uint_eq(mount.output->headIndex, N_BUFFERS);
	end();
}
END_TEST

START_TEST(in_mode_input_all_buffers_go_out_at_the_start)
{
	IOStreamBufferQueueEntry entry;

	run(kIOStreamModeInput);
	for (uint32_t id = 0; id < N_BUFFERS; id++) {
		ck_assert_int_eq(references(id), 1);
		ck_assert_int_eq(stream_end_take(&mount.client, &entry), kIOReturnSuccess);
		ck_assert_mem_eq(&entry, (&(IOStreamBufferQueueEntry){
				 id, 0, DATA_SIZE, 0, CONTROL_SIZE, { 0 } }), sizeof(entry));
	}
	ck_assert_int_eq(enqueue(0), kIOReturnBusy);
	ck_assert_int_eq(give_back(2), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(), 2);
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	end();
}
END_TEST

START_TEST(a_start_that_is_refused_posts_nothing)
{
	publish(kIOStreamModeInput);
	open_it();
	answer = kIOReturnBusy;
	ask("start\n", "0xe00002d5\n");
	ck_assert_uint_eq(mount.output->headIndex, 0);
	ck_assert_int_eq(references(0), 0);
	end();
}
END_TEST

START_TEST(an_empty_ring_is_told_while_draining)
{
	run(kIOStreamModeInput);
	check_taken(0);
	ck_assert_int_eq(give_back(0), kIOReturnSuccess);
	set_state(&mount, STREAM_DRAINING);
	ck_assert_int_eq(dequeue(), 0);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	heard(&mount.control, "drained\n");
	end();
}
END_TEST

START_TEST(another_client_gets_other_rings)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	say(&mount.control, "close\n");
	serve();
	drop_rings(&mount);
	set_state(&mount, STREAM_CLOSED);
	ck_assert_ptr_null(IOStream_getOutputQueue(stream));
	*said = '\0';
	open_it();
	ck_assert_ptr_nonnull(IOStream_getOutputQueue(stream));
	ck_assert_int_eq(references(0), 0);
	start_it();
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	check_taken(0);
	end();
}
END_TEST

/* --- notified */

START_TEST(what_is_pending_needs_no_system_call)
{
	run(kIOStreamModeOutput);
	mount.tally->sides[STREAM_CLIENT].is_kept = 1;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	heard(&mount.notify, "1\n");
	mount.tally->pending = 1;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_uint_eq(mount.tally->pending, 3);
	mount.tally->pending = UINT32_MAX;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_uint_eq(mount.tally->pending, UINT32_MAX);
	mount.tally->pending = 0;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	heard(&mount.notify, "1\n");
	end();
}
END_TEST

/* Who reads bytes or lines does not collect what is pending, and waits for the next. */
START_TEST(who_keeps_no_tally_is_told_of_each)
{
	run(kIOStreamModeOutput);
	for (int i = 0; i < 3; i++) {
		mount.tally->pending = 1;
		ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
		heard(&mount.notify, "1\n");
		ck_assert_uint_eq(mount.tally->pending, 1);
	}
	end();
}
END_TEST

static IOStreamControlHeader *header_of(unsigned id)
{
	return IOStreamBuffer_getControlBytes(buffers[id]);
}

/* The kernel ends who asks it for more than to be ended, or to read and write. */
#ifndef __SANITIZE_THREAD__		/* it makes system calls of its own */
static void pass_without_the_kernel(void)
{
	unsigned n_good = 0;

	close_terminal(&mount.notify);
	stream->notify_fd = -1;		/* so that a notification would be refused */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(2);
	for (int i = 0; i < 1000; i++) {
		IOStreamBufferQueueEntry entry;

		n_good += enqueue(0) == kIOReturnSuccess &&
			  IOStream_sendOutputNotification(stream) == kIOReturnSuccess &&
			  stream_end_take(&mount.client, &entry) == kIOReturnSuccess &&
			  give_back(0) == kIOReturnSuccess && dequeue() == 0 &&
			  dequeue() == kIOReturnUnderrun && !IOStream_isDiscontinuous(stream);
	}
	syscall(SYS_exit, n_good == 1000 ? 0 : 1);
}

START_TEST(buffers_go_round_without_a_system_call)
{
	pid_t child;
	int status;

	run(kIOStreamModeOutput);
	mount.tally->sides[STREAM_CLIENT].is_kept = 1;
	mount.tally->sides[STREAM_CLIENT].epoch = mount.client.epoch;
	mount.tally->pending = 1;
	ck_assert(!IOStream_isDiscontinuous(stream));	/* the rings are mapped now */
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		pass_without_the_kernel();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	end();
}
END_TEST
#endif

START_TEST(what_does_not_follow_is_marked_once)
{
	run(kIOStreamModeOutput);
	for (unsigned id = 0; id < N_BUFFERS; id++)
		header_of(id)->version = kIOStreamControlVersion;
	ck_assert(!IOStream_isDiscontinuous(stream));
	ck_assert_int_eq(IOStream_reportDrop(stream, 5), kIOReturnSuccess);
	ck_assert_uint_eq(mount.tally->sides[STREAM_DRIVER].dropped, 5);
	ck_assert(IOStream_isDiscontinuous(stream));
	header_of(0)->flags = kIOStreamControlKey;
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(0)->flags, kIOStreamControlKey | kIOStreamControlDiscontinuity);
	ck_assert(!IOStream_isDiscontinuous(stream));
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(1)->flags, 0);

	ask("suspend\n", "0\n");
	set_state(&mount, STREAM_SUSPENDED);
	ask("resume\n", "0\n");
	set_state(&mount, STREAM_RUNNING);
	ck_assert(IOStream_isDiscontinuous(stream));
	/* Not while the client has it, nor where there is no header. */
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_uint_eq(header_of(1)->flags, 0);
	header_of(2)->version = 2;
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(2)->flags, 0);
	ck_assert(!IOStream_isDiscontinuous(stream));
	end();
}
END_TEST

START_TEST(a_stop_makes_what_comes_the_first)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_reportDrop(stream, 1), kIOReturnSuccess);
	ask("stop\n", "0\n");
	empty_rings(&mount, STREAM_STOPPED);
	ck_assert(!IOStream_isDiscontinuous(stream));
	end();
}
END_TEST

/* --- a client that cheats */

static void put_raw(const IOStreamBufferQueueEntry *entry)
{
	uint32_t head = mount.input->headIndex;

	mount.input->queue[head] = *entry;
	store_release(&mount.input->headIndex, (head + 1) % mount.input->entryCount);
}

START_TEST(what_the_client_cannot_have_is_thrown_away)
{
	static const IOStreamBufferQueueEntry bad[] = {
		{ .bufferID = 0 },				/* ours */
		{ .bufferID = N_BUFFERS },
		{ .bufferID = kIOStreamBufferIDInvalid },
		{ .bufferID = 1, .dataOffset = 1, .dataLength = DATA_SIZE },
		{ .bufferID = 1, .dataOffset = 2, .dataLength = UINT32_MAX },
		{ .bufferID = 1, .controlLength = CONTROL_SIZE + 1 },
	};

	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	check_taken(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_raw(&bad[i]);
		ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
		ck_assert_uint_eq(mount.tally->sides[STREAM_DRIVER].errors, i + 1);
	}
	put_raw(&bad[0]);
	put_raw(&(IOStreamBufferQueueEntry){ .bufferID = 1 });
	ck_assert_int_eq(dequeue(), 1);
	ck_assert_int_eq(references(1), 0);
	end();
}
END_TEST

START_TEST(a_spoiled_index_is_an_error_until_a_stop)
{
	run(kIOStreamModeOutput);
	store_release(&mount.input->headIndex, 77777);
	ck_assert_int_eq(dequeue(), kIOReturnInternalError);
	store_release(&mount.output->tailIndex, UINT32_MAX);
	ck_assert_int_eq(enqueue(0), kIOReturnInternalError);
	ask("stop\n", "0\n");
	empty_rings(&mount, STREAM_STOPPED);
	*said = '\0';
	start_it();
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	end();
}
END_TEST

START_TEST(the_tallys_room_is_not_believed)
{
	publish(kIOStreamModeOutput);
	open_it();
	mount.tally->room = UINT32_MAX;
	start_it();
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	check_taken(2);
	end();
}
END_TEST

static bool is_done;

/* Writes whatever there is, everywhere but in the board. */
static void *spoil(void *unused)
{
	uint32_t seed = 1;

	(void)unused;
	while (!load_relaxed(&is_done)) {
		uint32_t *words[] = { (void *)mount.output, (void *)mount.input,
				      (void *)mount.tally };
		size_t sizes[] = { mount.ring_size, mount.ring_size, mount.tally_size };
		unsigned which;

		seed = seed * 1664525 + 1013904223;
		which = seed >> 16 & 1;
		store_relaxed(&words[which][(seed >> 8) % (sizes[which] / 4)],
			      seed >> 28 ? seed : seed >> 30);
		if (seed >> 24 == 7)
			store_relaxed(&words[2][(seed >> 8) % (sizes[2] / 4)], seed);
	}
	return NULL;
}

START_TEST(nothing_the_client_writes_stops_the_driver)
{
	pthread_t thread;

	run(kIOStreamModeOutput);
	ck_assert_int_eq(pthread_create(&thread, NULL, spoil, NULL), 0);
	for (unsigned i = 0; i < 200000; i++) {
		IOStreamBufferQueueEntry entry;

		if (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) {
			ck_assert_uint_lt(entry.bufferID, N_BUFFERS);
			ck_assert_uint_le((uint64_t)entry.dataOffset + entry.dataLength, DATA_SIZE);
			ck_assert_uint_le((uint64_t)entry.controlOffset + entry.controlLength,
					  CONTROL_SIZE);
		}
		enqueue(i % N_BUFFERS);
		if (i % 64 == 0)
			empty_rings(&mount, STREAM_RUNNING);
	}
	store_relaxed(&is_done, true);
	pthread_join(thread, NULL);
	empty_rings(&mount, STREAM_RUNNING);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	end();
}
END_TEST

/* --- many threads */

static unsigned n_passed[N_BUFFERS];

static void *pass_and_take(void *number)
{
	unsigned id = *(unsigned *)number;
	IOStreamBufferQueueEntry entry;

	for (unsigned i = 0; i < 20000; i++) {
		if (enqueue(id) == kIOReturnSuccess)
			n_passed[id]++;
		IOStream_dequeueInputEntry(stream, &entry);
	}
	return NULL;
}

START_TEST(any_thread_passes_and_takes)
{
	IOStreamBufferQueueEntry entry;
	pthread_t threads[N_BUFFERS];
	unsigned ids[N_BUFFERS];
	uint64_t n_taken = 0, n_all = 0;

	run(kIOStreamModeOutput);
	for (unsigned i = 0; i < N_BUFFERS; i++) {
		ids[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_and_take, &ids[i]), 0);
	}
	for (unsigned i = 0; i < 200000; i++)
		if (stream_end_take(&mount.client, &entry) == kIOReturnSuccess) {
			ck_assert_int_eq(give_back(entry.bufferID), kIOReturnSuccess);
			n_taken++;
		}
	for (unsigned i = 0; i < N_BUFFERS; i++)
		pthread_join(threads[i], NULL);
	while (stream_end_take(&mount.client, &entry) == kIOReturnSuccess)
		n_taken++;
	for (unsigned i = 0; i < N_BUFFERS; i++)
		n_all += n_passed[i];
	ck_assert_uint_eq(n_taken, n_all);
	ck_assert_uint_eq(mount.tally->sides[STREAM_DRIVER].errors, 0);
	ck_assert_uint_eq(mount.tally->sides[STREAM_CLIENT].errors, 0);
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
	mount.board->n_buffers = N_BUFFERS + 1;
	know_buffers(&mount);
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
	munmap(new_memory(in_stream(&mount, "buffers/1/data"), 100), 100);
	put_number(in_stream(&mount, "buffers/1/size"), 100);
	open_it();
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(IOStreamBuffer_getDataBuffer(buffers[1])), 100);
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
	tcase_add_test(tests, buffers_go_round);
	tcase_add_test(tests, what_is_not_passed);
	tcase_add_test(tests, the_state_is_looked_up_first);
	tcase_add_test(tests, a_stop_takes_all_back);
	tcase_add_test(tests, in_mode_input_all_buffers_go_out_at_the_start);
	tcase_add_test(tests, a_start_that_is_refused_posts_nothing);
	tcase_add_test(tests, an_empty_ring_is_told_while_draining);
	tcase_add_test(tests, another_client_gets_other_rings);
	tcase_add_test(tests, what_is_pending_needs_no_system_call);
	tcase_add_test(tests, who_keeps_no_tally_is_told_of_each);
#ifndef __SANITIZE_THREAD__
	tcase_add_test(tests, buffers_go_round_without_a_system_call);
#endif
	tcase_add_test(tests, what_does_not_follow_is_marked_once);
	tcase_add_test(tests, a_stop_makes_what_comes_the_first);
	tcase_add_test(tests, what_the_client_cannot_have_is_thrown_away);
	tcase_add_test(tests, a_spoiled_index_is_an_error_until_a_stop);
	tcase_add_test(tests, the_tallys_room_is_not_believed);
	tcase_add_test(tests, nothing_the_client_writes_stops_the_driver);
	tcase_add_test(tests, any_thread_passes_and_takes);
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
