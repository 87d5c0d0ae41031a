/* SPDX-License-Identifier: MIT */
/* A driver's stream while it is in this process's memory, without a mount. */
#include "main.h"
#include "leftovers.h"

#include <poll.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/stream/IOStream.h>

#include "stream_layout.h"

#define MAX	8

static IOStreamBuffer *buffers[MAX];

static void make_buffers(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		buffers[i] = IOStreamBuffer_withCapacity(4096, 64);
		ck_assert_ptr_nonnull(buffers[i]);
	}
}

static void release_buffers(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		OSSafeReleaseNULL(buffers[i]);
}

/* The buffers are the test's, too. */
static IOStream *new_stream(unsigned n, IOStreamMode mode, IOItemCount length)
{
	IOStream *stream;

	make_buffers(n);
	stream = IOStream_withBuffers(NULL, buffers, n, mode, length, NULL);
	ck_assert_ptr_nonnull(stream);
	return stream;
}

static void check_order(const IOStream *stream, const IOStreamBuffer *const *expected, unsigned n)
{
	IOStreamBuffer *found[MAX] = { NULL };

	ck_assert_uint_eq(IOStream_getBufferCount(stream), n);
	ck_assert_uint_eq(IOStream_getBuffers(stream, found, MAX), n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_ptr_eq(found[i], expected[i]);
		ck_assert_uint_eq(IOStreamBuffer_getBufferID(expected[i]), i);
		ck_assert_ptr_eq(IOStream_getBufferWithID(stream, i), expected[i]);
	}
	ck_assert_ptr_null(IOStream_getBufferWithID(stream, n));
	ck_assert_ptr_null(IOStream_getBufferWithID(stream, kIOStreamBufferIDInvalid));
}

START_TEST(buffers_get_ids_in_their_order)
{
	IOStream *stream = new_stream(3, kIOStreamModeInput, 0);
	IOStreamBuffer *found = NULL;

	check_order(stream, (const IOStreamBuffer *[]){ buffers[0], buffers[1], buffers[2] }, 3);
	ck_assert_uint_eq(IOStream_getBuffers(stream, &found, 1), 3);
	ck_assert_ptr_eq(found, buffers[0]);
	ck_assert_uint_eq(OSObject_getRetainCount(buffers[0]), 2);
	IOStreamBuffer_setBufferID(buffers[0], 5);
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(buffers[0]), 0);
	ck_assert_uint_eq(IOStream_getStreamMode(stream), kIOStreamModeInput);
	OSObject_release(stream);
	ck_assert_uint_eq(OSObject_getRetainCount(buffers[0]), 1);
	release_buffers(3);
}
END_TEST

START_TEST(what_no_stream_is_made_of)
{
	IOStreamBuffer *empty = IOStreamBuffer_alloc();
	IOStreamBuffer *twice[2];
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);
	json_t *array = json_array();

	make_buffers(2);
	ck_assert_ptr_null(IOStream_withBuffers(NULL, &empty, 1, kIOStreamModeOutput, 0, NULL));
	ck_assert_ptr_null(IOStream_withBuffers(NULL, NULL, 1, kIOStreamModeOutput, 0, NULL));
	ck_assert_ptr_null(IOStream_withBuffers(NULL, buffers, 1, 3, 0, NULL));
	ck_assert_ptr_null(IOStream_withBuffers(NULL, buffers, 1, 1, STREAM_MAX_LENGTH + 1, NULL));
	ck_assert_ptr_null(IOStream_withBuffers(NULL, buffers, 1, 1, 0, array));
	twice[0] = twice[1] = buffers[0];
	ck_assert_ptr_null(IOStream_withBuffers(NULL, twice, 2, kIOStreamModeOutput, 0, NULL));
	ck_assert_uint_eq(OSObject_getRetainCount(buffers[0]), 1);
	ck_assert(!IOStream_init(NULL, NULL));
	ck_assert(!IOStream_init(stream, NULL));
	json_decref(array);
	OSObject_release(IOStream_getBufferWithID(stream, 0));
	OSObject_release(stream);
	OSObject_release(empty);
	release_buffers(2);
}
END_TEST

START_TEST(a_buffer_is_in_one_stream)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);
	IOStream *other = IOStream_alloc(NULL);

	ck_assert(IOStream_init(other, NULL));
	ck_assert_uint_eq(IOStream_getStreamMode(other), kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_addBuffer(other, buffers[0]), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_removeBuffer(other, buffers[0]), kIOReturnNotFound);
	ck_assert_int_eq(IOStream_removeBuffer(stream, buffers[0]), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_addBuffer(other, buffers[0]), kIOReturnSuccess);
	OSObject_release(stream);
	check_order(other, (const IOStreamBuffer *[]){ buffers[0] }, 1);
	OSObject_release(other);
	release_buffers(1);
}
END_TEST

START_TEST(buffers_are_added_all_or_none)
{
	IOStream *stream = new_stream(4, kIOStreamModeOutput, 0);
	IOStreamBuffer *more[3];

	for (int i = 0; i < 3; i++)
		more[i] = IOStreamBuffer_withCapacity(10, 0);
	ck_assert_int_eq(IOStream_addBuffers(stream, more, 2), kIOReturnSuccess);
	ck_assert_uint_eq(IOStreamBuffer_getBufferID(more[1]), 5);
	ck_assert_int_eq(IOStream_addBuffers(stream, (IOStreamBuffer *[]){ more[2], more[0] }, 2),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_addBuffers(stream, (IOStreamBuffer *[]){ more[2], NULL }, 2),
			 kIOReturnBadArgument);
	ck_assert_uint_eq(IOStream_getBufferCount(stream), 6);
	ck_assert_int_eq(IOStream_addBuffer(stream, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_addBuffer(NULL, more[2]), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_addBuffers(stream, NULL, 0), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_addBuffers(stream, more, STREAM_MAX_BUFFERS + 1),
			 kIOReturnNoSpace);
	OSObject_release(stream);
	release_buffers(4);
	for (int i = 0; i < 3; i++)
		OSObject_release(more[i]);
}
END_TEST

START_TEST(ids_move_up_behind_what_is_removed)
{
	IOStream *stream = new_stream(4, kIOStreamModeOutput, 0);

	ck_assert_int_eq(IOStream_removeBuffer(stream, buffers[1]), kIOReturnSuccess);
	check_order(stream, (const IOStreamBuffer *[]){ buffers[0], buffers[2], buffers[3] }, 3);
	ck_assert_int_eq(IOStream_removeBuffer(stream, buffers[1]), kIOReturnNotFound);
	ck_assert_int_eq(IOStream_removeBuffer(stream, NULL), kIOReturnNotFound);
	ck_assert_int_eq(IOStream_removeBufferWithID(stream, 3), kIOReturnNotFound);
	ck_assert_int_eq(IOStream_removeBufferWithID(stream, 0), kIOReturnSuccess);
	check_order(stream, (const IOStreamBuffer *[]){ buffers[2], buffers[3] }, 2);
	ck_assert_int_eq(IOStream_removeAllBuffers(stream), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_removeAllBuffers(stream), kIOReturnSuccess);
	check_order(stream, NULL, 0);
	ck_assert_int_eq(IOStream_removeBuffer(NULL, buffers[0]), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_removeAllBuffers(NULL), kIOReturnBadArgument);
	OSObject_release(stream);
	release_buffers(4);
}
END_TEST

static void check_queue(const IOStreamBufferQueue *queue, uint32_t entry_count)
{
	ck_assert_ptr_nonnull(queue);
	ck_assert_uint_eq(queue->entryCount, entry_count);
	ck_assert_uint_eq(queue->headIndex, 0);
	ck_assert_uint_eq(queue->tailIndex, 0);
}

START_TEST(queues_are_there_when_they_are_made)
{
	IOStream *stream = new_stream(3, kIOStreamModeOutput, 0);
	IOMemoryDescriptor *memory;

	ck_assert_ptr_null(IOStream_getOutputQueue(stream));
	ck_assert_ptr_null(IOStream_getInputQueue(stream));
	ck_assert_ptr_null(IOStream_getOutputQueueMemoryDescriptor(stream));
	ck_assert_int_eq(IOStream_destroyQueues(stream), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnSuccess);
	check_queue(IOStream_getOutputQueue(stream), 4);
	check_queue(IOStream_getInputQueue(stream), 4);
	memory = IOStream_getInputQueueMemoryDescriptor(stream);
	ck_assert_uint_ge(IOMemoryDescriptor_getLength(memory), stream_ring_size(4));
	OSObject_release(memory);
	ck_assert_int_eq(IOStream_createQueues(stream, 10, 0), kIOReturnSuccess);
	check_queue(IOStream_getOutputQueue(stream), 11);
	ck_assert_int_eq(IOStream_destroyQueues(stream), kIOReturnSuccess);
	ck_assert_ptr_null(IOStream_getOutputQueue(stream));
	OSObject_release(stream);
	release_buffers(3);
}
END_TEST

START_TEST(queues_have_the_streams_length)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 5);

	ck_assert_int_eq(IOStream_createQueues(stream, STREAM_MAX_LENGTH + 1, 0),
			 kIOReturnBadArgument);
	ck_assert_ptr_null(IOStream_getOutputQueue(stream));
	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnSuccess);
	check_queue(IOStream_getOutputQueue(stream), 6);
	ck_assert_int_eq(IOStream_createQueues(stream, STREAM_MAX_LENGTH, 0), kIOReturnSuccess);
	check_queue(IOStream_getInputQueue(stream), STREAM_MAX_LENGTH + 1);
	ck_assert_int_eq(IOStream_createQueues(NULL, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_destroyQueues(NULL), kIOReturnBadArgument);
	OSObject_release(stream);
	release_buffers(1);
}
END_TEST

START_TEST(what_is_not_open_passes_nothing)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };

	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], 0, 1, 0, 1),
			 kIOReturnNotOpen);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, NULL, 1ull << 32, 0, 0, 0),
			 kIOReturnNotOpen);
	ck_assert_int_eq(IOStream_enqueueOutputEntry(stream, &entry), kIOReturnNotOpen);
	ck_assert_int_eq(IOStream_dequeueInputEntry(stream, &entry), kIOReturnNotOpen);
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnNotOpen);
	ck_assert_int_eq(IOStream_reportDrop(stream, 1), kIOReturnNotOpen);
	ck_assert(!IOStream_isDiscontinuous(stream));
	ck_assert_int_eq(IOStreamBuffer_getClientReferenceCount(buffers[0]), 0);
	ck_assert_int_eq(IOStream_dispatch(stream), kIOReturnNotReady);
	ck_assert_int_eq(IOStream_run(stream), kIOReturnNotReady);
	OSObject_release(stream);
	release_buffers(1);
}
END_TEST

START_TEST(nothing_happens_to_no_stream)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };

	ck_assert_int_eq(IOStream_enqueueOutputEntry(NULL, &entry), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(NULL, NULL, 0, 0, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_dequeueInputEntry(NULL, &entry), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_sendOutputNotification(NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_reportDrop(NULL, 1), kIOReturnBadArgument);
	ck_assert(!IOStream_isDiscontinuous(NULL));
	ck_assert_uint_eq(IOStream_getBufferCount(NULL), 0);
	ck_assert_ptr_null(IOStream_getBufferWithID(NULL, 0));
	ck_assert_ptr_null(IOStream_getOutputQueue(NULL));
	ck_assert_ptr_null(IOStream_getInputQueueMemoryDescriptor(NULL));
	ck_assert_ptr_null(IOStream_getReference(NULL));
	ck_assert_ptr_null(IOStream_getDirectory(NULL));
	ck_assert_uint_eq(IOStream_getStreamMode(NULL), kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_dispatch(NULL), kIOReturnNotReady);
	ck_assert_int_eq(IOStream_run(NULL), kIOReturnNotReady);
	ck_assert_int_eq(IOStream_getDescriptor(NULL), -1);
	ck_assert_int_eq(IOStream_getInputPort(NULL), MACH_PORT_NULL);
	ck_assert_int_eq(IOStream_setOutputPort(NULL, 5), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_changeStreamMode(NULL, 0), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(NULL, "/tmp", "s"), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_SetDispatchQueue(NULL, kIOStreamDefaultQueueName, NULL),
			 kIOReturnBadArgument);
}
END_TEST

START_TEST(the_base_class_starts_nothing)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);

	ck_assert_int_eq(IOStream_startStream(stream), kIOReturnUnsupported);
	ck_assert_int_eq(IOStream_stopStream(stream), kIOReturnUnsupported);
	ck_assert_int_eq(IOStream_suspendStream(stream), kIOReturnUnsupported);
	ck_assert_int_eq(IOStream_setStreamMode(stream, kIOStreamModeOutput), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_setStreamMode(stream, kIOStreamModeInput), kIOReturnUnsupported);
	ck_assert_int_eq(IOStream_setStreamMode(stream, 3), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeOutput), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeInput),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, 3), kIOReturnBadArgument);
	ck_assert(IOStream_handleOpen(stream, NULL, 0, NULL));
	IOStream_handleClose(stream, NULL, 0);
	IOStream_inputCallback(stream, 1);
	IOStream_inputSyncCallback(stream, 1);
	OSObject_release(stream);
	release_buffers(1);
}
END_TEST

static unsigned n_freed, n_mode_changes;

static void count_free(IOStream *stream)
{
	ck_assert_int_eq(*(int *)IOStream_getReference(stream), 42);
	n_freed++;
}

static IOReturn change_mode(IOStream *stream, IOStreamMode mode)
{
	ck_assert_uint_eq(IOStream_getStreamMode(stream), kIOStreamModeOutput);
	n_mode_changes++;
	return mode == kIOStreamModeInput ? kIOReturnSuccess : kIOReturnBusy;
}

static const struct IOStreamMethods methods = { .free = count_free, .setStreamMode = change_mode };
static const struct IOStreamClass class = {
	.className = "VideoStream:IOStream", .referenceSize = sizeof(int), .methods = &methods,
};

START_TEST(a_class_has_members_and_decides)
{
	IOStream *stream = IOStream_withBuffers(&class, NULL, 0, kIOStreamModeOutput, 0, NULL);

	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(stream)), "VideoStream");
	ck_assert_ptr_eq(OSObject_metaCast(stream, "IOStream"), stream);
	ck_assert_ptr_eq(OSObject_metaCast(stream, "IOService"), stream);
	ck_assert_ptr_null(OSObject_metaCast(stream, "IODataQueue"));
	ck_assert_int_eq(*(int *)IOStream_getReference(stream), 0);
	*(int *)IOStream_getReference(stream) = 42;
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeInputOutput),
			 kIOReturnBusy);
	ck_assert_uint_eq(IOStream_getStreamMode(stream), kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_changeStreamMode(stream, kIOStreamModeInput), kIOReturnSuccess);
	ck_assert_uint_eq(IOStream_getStreamMode(stream), kIOStreamModeInput);
	ck_assert_uint_eq(n_mode_changes, 2);
	OSObject_release(stream);
	ck_assert_uint_eq(n_freed, 1);
}
END_TEST

START_TEST(properties_are_retained)
{
	json_t *properties = json_pack("{s:s}", "Model", "x");
	IOStream *stream = IOStream_withBuffers(NULL, NULL, 0, 1, 0, properties);

	ck_assert_uint_eq(properties->refcount, 2);
	OSObject_release(stream);
	ck_assert_uint_eq(properties->refcount, 1);
	json_decref(properties);
}
END_TEST

START_TEST(ports_are_set_and_taken_away)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);
	mach_port_t port = IODataQueueAllocateNotificationPort();
	struct pollfd ready = { .fd = port, .events = POLLIN };

	ck_assert_int_eq(IOStream_getInputPort(stream), IOStream_getDescriptor(stream));
	ck_assert_int_ne(IOStream_getOutputPort(stream), MACH_PORT_NULL);
	ck_assert_int_ne(IOStream_getOutputPort(stream), IOStream_getInputPort(stream));
	ck_assert_int_eq(IOStream_setInputPort(stream, port), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_setInputPort(stream, port), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_getInputPort(stream), port);
	ck_assert_int_eq(IOStream_setOutputPort(stream, port), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_setInputPort(stream, -1), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_setInputPort(stream, 0x7fffffff), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_getInputPort(stream), port);
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	ck_assert_int_eq(IOStream_setInputPort(stream, MACH_PORT_NULL), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_getInputPort(stream), IOStream_getDescriptor(stream));
	OSObject_release(stream);
	release_buffers(1);
}
END_TEST

START_TEST(names_and_places_that_no_stream_has)
{
	IOStream *stream = new_stream(1, kIOStreamModeOutput, 0);

	ck_assert_int_eq(IOStream_publish(stream, NULL, "s"), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(stream, "/tmp", NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(stream, "/tmp", ""), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(stream, "/tmp", ".."), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(stream, "/tmp", "a/b"), kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_publish(stream, "/tmp/no-such-service", "s"), kIOReturnNotFound);
	ck_assert_ptr_null(IOStream_getDirectory(stream));
	OSObject_release(stream);
	release_buffers(1);
}
END_TEST

START_TEST(nothing_is_left_open)
{
	unsigned n = n_open();
	IOStream *stream = new_stream(3, kIOStreamModeOutput, 0);

	ck_assert_int_eq(IOStream_createQueues(stream, 0, 0), kIOReturnSuccess);
	IOStream_getOutputQueue(stream);
	OSObject_release(stream);
	release_buffers(3);
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, buffers_get_ids_in_their_order);
	tcase_add_test(tests, what_no_stream_is_made_of);
	tcase_add_test(tests, a_buffer_is_in_one_stream);
	tcase_add_test(tests, buffers_are_added_all_or_none);
	tcase_add_test(tests, ids_move_up_behind_what_is_removed);
	tcase_add_test(tests, queues_are_there_when_they_are_made);
	tcase_add_test(tests, queues_have_the_streams_length);
	tcase_add_test(tests, what_is_not_open_passes_nothing);
	tcase_add_test(tests, nothing_happens_to_no_stream);
	tcase_add_test(tests, the_base_class_starts_nothing);
	tcase_add_test(tests, a_class_has_members_and_decides);
	tcase_add_test(tests, properties_are_retained);
	tcase_add_test(tests, ports_are_set_and_taken_away);
	tcase_add_test(tests, names_and_places_that_no_stream_has);
	tcase_add_test(tests, nothing_is_left_open);
}
