/* SPDX-License-Identifier: MIT */
/* The driver's end: a stream of a class that agrees to all it is asked, served by a queue. */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <IOKit/IOService.h>
#include <IOKit/stream/IOStream.h>

#include "stream_actor.h"

#define PATIENCE_MS	30000

static IOStream *stream;
static IODispatchQueue *queue;
static json_t *heard;		/* calls of the client, in their order */
static unsigned n_opened, n_closed;

/* The class */

static IOReturn agree(IOStream *which)
{
	(void)which;
	return kIOReturnSuccess;
}

static IOReturn agree_to_mode(IOStream *which, IOStreamMode mode)
{
	(void)which;
	(void)mode;
	return kIOReturnSuccess;
}

static bool opened(IOStream *which, task_t client, IOOptionBits options, void *argument)
{
	n_opened++;
	return IOStream_handleOpen(which, client, options, argument);
}

static void closed(IOStream *which, task_t client, IOOptionBits options)
{
	n_closed++;
	IOStream_handleClose(which, client, options);
}

static void hear(const char *kind, UInt32 token)
{
	json_array_append_new(heard, json_pack("[sI]", kind, (json_int_t)token));
}

static void called(IOStream *which, UInt32 token)
{
	(void)which;
	hear("async", token);
}

static void called_sync(IOStream *which, UInt32 token)
{
	(void)which;
	hear("sync", token);
}

static const struct IOStreamMethods methods = {
	.startStream = agree,
	.stopStream = agree,
	.suspendStream = agree,
	.setStreamMode = agree_to_mode,
	.handleOpen = opened,
	.handleClose = closed,
	.inputCallback = called,
	.inputSyncCallback = called_sync,
};

static struct IOStreamClass stream_class = {
	.className = "VectorStream",
	.methods = &methods,
};

/* Making it, as a line says */

static IOStreamMode mode_of(const char *name)
{
	static const char *const names[] = { "input", "output", "inout" };

	for (IOStreamMode mode = 0; mode < 3; mode++)
		if (strcmp(names[mode], name) == 0)
			return mode;
	errx(1, "mode %s", name);
}

static void must(const char *what, IOReturn result)
{
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnText(result));
}

static void make(json_t *line)
{
	json_t *sizes = json_object_get(line, "buffers"), *size;
	size_t i, n = json_array_size(sizes);
	IOStreamBuffer **buffers = calloc(n + 1, sizeof(IOStreamBuffer *));
	json_t *mode;

	json_array_foreach(json_object_get(line, "modes"), i, mode)
		stream_class.modes |= 1u << mode_of(json_string_value(mode));
	json_array_foreach(sizes, i, size)
		buffers[i] = IOStreamBuffer_withCapacity(number(size, "data"),
							 number(size, "control"));
	stream = IOStream_withBuffers(&stream_class, buffers, (IOItemCount)n,
				      mode_of(text(line, "mode")),
				      (IOItemCount)number(line, "queue_length"), NULL);
	for (i = 0; i < n; i++)
		OSObject_release(buffers[i]);
	free(buffers);
	if (!stream)
		errx(1, "no stream");
}

void driver_begin(const char *service, const char *name, json_t *line)
{
	char directory[4096];

	heard = json_array();
	make(line);
	snprintf(directory, sizeof(directory), "%s/IOService/%s", getenv("FSD_MOUNT"), service);
	must("publish", IOStream_publish(stream, directory, name));
	must("queue", IODispatchQueue_Create("stream", 0, 0, &queue));
	must("set the queue", IOStream_SetDispatchQueue(stream, kIOStreamDefaultQueueName, queue));
}

/* What is asked is done by the thread that serves, between two things that it is asked by fsd. */

struct asked {
	json_t *(*run)(json_t *words);
	json_t *words, *answer;
};

static void run_asked(void *refcon)
{
	struct asked *asked = refcon;

	asked->answer = asked->run(asked->words);
}

static json_t *on_queue(json_t *(*run)(json_t *words), json_t *words)
{
	struct asked asked = { .run = run, .words = words };

	IODispatchQueue_DispatchSync(queue, run_asked, &asked);
	return asked.answer;
}

/* Entries */

/* NULL: it has none that is the driver's to fill. */
static IOStreamControlHeader *header_of(IOStreamBuffer *buffer)
{
	IOMemoryDescriptor *control = IOStreamBuffer_getControlBuffer(buffer);

	if (!control || IOMemoryDescriptor_getLength(control) < sizeof(IOStreamControlHeader))
		return NULL;
	return IOStreamBuffer_getClientReferenceCount(buffer) == 0 ?
		       IOStreamBuffer_getControlBytes(buffer) : NULL;
}

static IOReturn enqueue(const json_t *words, IOStreamBuffer *buffer)
{
	IOStreamBufferQueueEntry entry = {
		.bufferID = (IOStreamBufferID)number(words, "buffer"),
	};

	if (!buffer)
		return IOStream_enqueueOutputEntry(stream, &entry);
	return IOStream_enqueueOutputBuffer(stream, buffer, number(words, "data_offset"),
					    number(words, "data_length"),
					    number(words, "control_offset"),
					    number(words, "control_length"));
}

/* What is said of the frame before, its header says then. */
static json_t *enqueue_output(json_t *words)
{
	IOStreamBuffer *buffer;
	IOStreamControlHeader *header;
	bool gap = IOStream_isDiscontinuous(stream);
	json_t *answer;
	IOReturn result;

	buffer = IOStream_getBufferWithID(stream, (IOStreamBufferID)number(words, "buffer"));
	header = buffer ? header_of(buffer) : NULL;
	if (header)
		*header = (IOStreamControlHeader){ .version = kIOStreamControlVersion };
	result = enqueue(words, buffer);
	answer = returned(result);
	if (result != kIOReturnSuccess)
		return answer;
	if (header && (header->flags & kIOStreamControlDiscontinuity) != gap)
		errx(1, "the flags of the frame are %u", header->flags);
	json_object_set_new(answer, "discontinuity", json_boolean(gap));
	return answer;
}

static json_t *dequeue_input(json_t *words)
{
	IOStreamBufferQueueEntry entry;

	(void)words;
	return entry_returned(IOStream_dequeueInputEntry(stream, &entry), &entry);
}

static json_t *report_drop(json_t *words)
{
	return returned(IOStream_reportDrop(stream, number(words, "n")));
}

/* Notifications */

static json_t *send_output_notification(json_t *words)
{
	(void)words;
	return returned(IOStream_sendOutputNotification(stream));
}

static json_t *take_heard(json_t *words)
{
	json_t *all = heard;

	if (json_array_size(heard) < number(words, "sent") && number(words, "patience"))
		return NULL;
	heard = json_array();
	return valued(all);
}

/* Buffers and queues */

static json_t *add_buffer(json_t *words)
{
	IOStreamBuffer *buffer = IOStreamBuffer_withCapacity(number(words, "data"),
							     number(words, "control"));
	IOReturn result = IOStream_addBuffer(stream, buffer);
	json_t *answer = returned(result);

	if (result == kIOReturnSuccess)
		json_object_set_new(answer, "id", json_integer(IOStreamBuffer_getBufferID(buffer)));
	OSObject_release(buffer);
	return answer;
}

static json_t *remove_buffer(json_t *words)
{
	return returned(IOStream_removeBufferWithID(stream,
						    (IOStreamBufferID)number(words, "buffer")));
}

static json_t *remove_all_buffers(json_t *words)
{
	(void)words;
	return returned(IOStream_removeAllBuffers(stream));
}

static json_t *buffer_count(json_t *words)
{
	(void)words;
	return valued(json_integer(IOStream_getBufferCount(stream)));
}

static json_t *buffer_with_id(json_t *words)
{
	return valued(json_boolean(IOStream_getBufferWithID(stream,
					(IOStreamBufferID)number(words, "buffer"))));
}

static json_t *refs(json_t *words)
{
	IOStreamBuffer *buffer = IOStream_getBufferWithID(stream,
						(IOStreamBufferID)number(words, "buffer"));

	return valued(json_integer(IOStreamBuffer_getClientReferenceCount(buffer)));
}

static json_t *create_queues(json_t *words)
{
	return returned(IOStream_createQueues(stream, (IOItemCount)number(words, "length"), 0));
}

static json_t *destroy_queues(json_t *words)
{
	(void)words;
	return returned(IOStream_destroyQueues(stream));
}

static json_t *ring_of(const IOStreamBufferQueue *ring)
{
	return valued(ring ? json_pack("[III]", (json_int_t)ring->entryCount,
				       (json_int_t)ring->headIndex, (json_int_t)ring->tailIndex) :
			     json_null());
}

static json_t *output_queue(json_t *words)
{
	(void)words;
	return ring_of(IOStream_getOutputQueue(stream));
}

static json_t *input_queue(json_t *words)
{
	(void)words;
	return ring_of(IOStream_getInputQueue(stream));
}

static json_t *get_mode(json_t *words)
{
	static const char *const names[] = { "input", "output", "inout" };

	(void)words;
	return valued(json_string(names[IOStream_getStreamMode(stream) % 3]));
}

/* Of its own thread, one operation each */

#define ON_QUEUE(operation)						\
	static json_t *run_##operation(json_t *words)			\
	{								\
		return on_queue(operation, words);			\
	}

ON_QUEUE(enqueue_output)
ON_QUEUE(dequeue_input)
ON_QUEUE(report_drop)
ON_QUEUE(send_output_notification)
ON_QUEUE(add_buffer)
ON_QUEUE(remove_buffer)
ON_QUEUE(remove_all_buffers)
ON_QUEUE(buffer_count)
ON_QUEUE(buffer_with_id)
ON_QUEUE(refs)
ON_QUEUE(create_queues)
ON_QUEUE(destroy_queues)
ON_QUEUE(output_queue)
ON_QUEUE(input_queue)
ON_QUEUE(get_mode)

/* Until as many came as were sent, or it takes too long; then what did come. */
static json_t *run_take_input_callbacks(json_t *words)
{
	json_t *answer;

	json_object_set_new(words, "patience", json_integer(1));
	for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
		answer = on_queue(take_heard, words);
		if (answer)
			return answer;
		usleep(1000);
	}
	json_object_set_new(words, "patience", json_integer(0));
	return on_queue(take_heard, words);
}

/* There is nothing to serve, and nothing is being served. */
static json_t *is_settled(json_t *words)
{
	struct pollfd wait = { .fd = IOStream_getDescriptor(stream), .events = POLLIN };

	(void)words;
	return json_boolean(poll(&wait, 1, 0) == 0);
}

static json_t *is_closed(json_t *words)
{
	(void)words;
	return json_boolean(n_closed == n_opened);
}

static json_t *wait_until(json_t *(*is_so)(json_t *words), json_t *words)
{
	for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
		if (json_is_true(on_queue(is_so, words)))
			return returned(kIOReturnSuccess);
		usleep(1000);
	}
	return returned(kIOReturnTimeout);
}

static json_t *run_settle(json_t *words)
{
	return wait_until(is_settled, words);
}

/* A close is told afterwards. */
static json_t *run_wait_for_close(json_t *words)
{
	return wait_until(is_closed, words);
}

const struct operation driver_operations[] = {
	{ "enqueue_output", run_enqueue_output },
	{ "dequeue_input", run_dequeue_input },
	{ "report_drop", run_report_drop },
	{ "send_output_notification", run_send_output_notification },
	{ "take_input_callbacks", run_take_input_callbacks },
	{ "add_buffer", run_add_buffer },
	{ "remove_buffer", run_remove_buffer },
	{ "remove_all_buffers", run_remove_all_buffers },
	{ "buffer_count", run_buffer_count },
	{ "buffer_with_id", run_buffer_with_id },
	{ "refs", run_refs },
	{ "create_queues", run_create_queues },
	{ "destroy_queues", run_destroy_queues },
	{ "output_queue", run_output_queue },
	{ "input_queue", run_input_queue },
	{ "get_mode", run_get_mode },
	{ "settle", run_settle },
	{ "wait_for_close", run_wait_for_close },
	{ NULL, NULL },
};
