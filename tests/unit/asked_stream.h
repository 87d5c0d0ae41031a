/* SPDX-License-Identifier: MIT */
/*
 * asked_stream - a driver's stream in a mount as plain files, and what its class was asked
 */
#pragma once

#include "driven_stream.h"

#include "stream_driver.h"

static struct driven_stream mount;
static IOStreamBuffer *buffers[N_BUFFERS];
static IOStream *stream;

/* What the class's functions were called with. */
static char said[2048];
static IOReturn answer;
static bool refuses;

__attribute__((format(printf, 1, 2)))
static inline void note(const char *format, ...)
{
	size_t n = strlen(said);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(said + n, sizeof(said) - n, format, arguments);
	va_end(arguments);
}

static inline void check_said(const char *text)
{
	ck_assert_str_eq(said, text);
	*said = '\0';
}

static inline IOReturn start(IOStream *of)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };

	note("start ");
	/* It is not running before this returns. */
	ck_assert_int_ne(IOStream_enqueueOutputEntry(of, &entry), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_dispatch(of), kIOReturnBusy);
	return answer;
}

static inline IOReturn stop(IOStream *of)
{
	(void)of;
	note("stop ");
	return answer;
}

static inline IOReturn suspend(IOStream *of)
{
	(void)of;
	note("suspend ");
	return answer;
}

static inline IOReturn set_mode(IOStream *of, IOStreamMode mode)
{
	note("mode %u->%u ", IOStream_getStreamMode(of), mode);
	return answer;
}

static inline bool handle_open(IOStream *of, task_t client, IOOptionBits options, void *argument)
{
	(void)of;
	note("open %d %u ", IOTaskGetPID(client), IOTaskGetUID(client));
	ck_assert_uint_eq(options, 0);
	ck_assert_ptr_null(argument);
	return !refuses;
}

static inline void handle_close(IOStream *of, task_t client, IOOptionBits options)
{
	(void)of, (void)options;
	note("close %d ", IOTaskGetPID(client));
}

static inline void called(IOStream *of, UInt32 token)
{
	(void)of;
	note("async %u ", token);
}

static inline void called_sync(IOStream *of, UInt32 token)
{
	(void)of;
	note("sync %u ", token);
	ck_assert_str_eq(text_in(in_stream(&mount, "driver/ack")), "");
}

static inline void did_terminate(IOStream *of)
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

static inline void make_stream(IOStreamMode mode, json_t *properties)
{
	for (unsigned i = 0; i < N_BUFFERS; i++) {
		buffers[i] = IOStreamBuffer_withCapacity(DATA_SIZE, CONTROL_SIZE);
		memset(IOStreamBuffer_getDataBytes(buffers[i]), 'a' + (int)i, DATA_SIZE);
	}
	stream = IOStream_withBuffers(&class, buffers, N_BUFFERS, mode, 0, properties);
	ck_assert_ptr_nonnull(stream);
}

static inline void publish(IOStreamMode mode)
{
	static const char *const words[] = { "mode input\nkeep\n", "mode output\nkeep\n",
					     "mode inout\nkeep\n" };

	new_driven_stream(&mount, mode);
	make_stream(mode, NULL);
	ck_assert_int_eq(IOStream_publish(stream, in_service(&mount), "video"), kIOReturnSuccess);
	heard(&mount.control, words[mode]);
}

static inline void end(void)
{
	OSObject_release(stream);
	for (unsigned i = 0; i < N_BUFFERS; i++)
		OSSafeReleaseNULL(buffers[i]);
	remove_driven_stream(&mount);
}

static inline void serve(void)
{
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnSuccess);
}

static inline void ask(const char *question, const char *expected)
{
	say(&mount.control, question);
	serve();
	heard(&mount.control, expected);
}

static inline void open_it(void)
{
	ask("open 4000000 1000\n", "0\n");
	check_said("open 4000000 1000 ");
	begin_session(&mount, N_BUFFERS);
}

/* As fsd does it. */
static inline void start_it(void)
{
	empty_rings(&mount.rings, STREAM_STOPPED);
	ask("start\n", "0\n");
	check_said("start ");
	set_state(&mount.rings, STREAM_RUNNING);
}

static inline void run(IOStreamMode mode)
{
	publish(mode);
	open_it();
	start_it();
}

static inline IOReturn enqueue(unsigned id)
{
	return IOStream_enqueueOutputBuffer(stream, buffers[id], 1, 2, 3, 4);
}

static inline void check_taken(uint32_t id)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(stream_end_take(&mount.rings.end, &entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.bufferID, id);
}

static inline IOReturn give_back(uint32_t id)
{
	IOStreamBufferQueueEntry entry = { .bufferID = id };

	return stream_end_give(&mount.rings.end, &entry);
}

static inline IOReturn dequeue(void)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };
	IOReturn result = IOStream_dequeueInputEntry(stream, &entry);

	return result == kIOReturnSuccess ? (IOReturn)entry.bufferID : result;
}

static inline SInt32 references(unsigned id)
{
	return IOStreamBuffer_getClientReferenceCount(buffers[id]);
}
