/* SPDX-License-Identifier: MIT */
/* The client's end, by its IOStreamRef. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <IOKit/stream/IOStreamLib.h>

#include "stream_actor.h"

static IOStreamRef stream;

void client_begin(const char *service, const char *name)
{
	char directory[4096];
	IOReturn result;

	snprintf(directory, sizeof(directory), "%s/IOService/%s/streams/%s", getenv("FSD_MOUNT"),
		 service, name);
	result = IOStreamCreateWithPath(directory, &stream);
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", directory, IOReturnText(result));
}

/* Sessions, and what is done to the stream */

static json_t *run_open(json_t *words)
{
	return returned((*stream)->Open(stream, (IOOptionBits)number(words, "options")));
}

static json_t *run_close(json_t *words)
{
	(void)words;
	return returned((*stream)->Close(stream));
}

static json_t *run_start(json_t *words)
{
	(void)words;
	return returned((*stream)->StartStream(stream));
}

static json_t *run_stop(json_t *words)
{
	(void)words;
	return returned((*stream)->StopStream(stream));
}

static json_t *run_suspend(json_t *words)
{
	(void)words;
	return returned((*stream)->SuspendStream(stream));
}

static json_t *run_drain(json_t *words)
{
	(void)words;
	return returned(IOStreamDrain(stream));
}

static const char *const modes[] = { "input", "output", "inout" };

static json_t *run_set_mode(json_t *words)
{
	IOStreamMode mode = 0;

	while (mode < 3 && strcmp(modes[mode], text(words, "mode")) != 0)
		mode++;
	return returned((*stream)->SetMode(stream, mode));
}

static json_t *run_get_mode(json_t *words)
{
	(void)words;
	return valued(json_string(modes[(*stream)->GetMode(stream) % 3]));
}

/* Entries */

static json_t *run_enqueue_input(json_t *words)
{
	return returned((*stream)->EnqueueInputBuffer(stream,
						      (IOStreamBufferID)number(words, "buffer"),
						      number(words, "data_offset"),
						      number(words, "data_length"),
						      number(words, "control_offset"),
						      number(words, "control_length")));
}

static json_t *run_dequeue_output(json_t *words)
{
	IOStreamBufferQueueEntry entry;

	(void)words;
	return entry_returned((*stream)->DequeueOutputEntry(stream, &entry), &entry);
}

/*
 * The ring, to be written to as nobody should. Before the library has done anything with rings that
 * were emptied, the driver does not look at ours; this is refused, and enough.
 */
static IOStreamBufferQueue *ring_to_spoil(void)
{
	(*stream)->EnqueueInputBuffer(stream, kIOStreamBufferIDInvalid, 0, 0, 0, 0);
	return (*stream)->GetInputQueue(stream);
}

static json_t *run_poke_input(json_t *words)
{
	IOStreamBufferQueue *ring = ring_to_spoil();
	UInt32 *fields = (UInt32 *)&ring->queue[ring->headIndex];
	size_t i;
	json_t *word;

	json_array_foreach(json_object_get(words, "raw"), i, word)
		fields[i] = (UInt32)json_integer_value(word);
	__atomic_store_n(&ring->headIndex, (ring->headIndex + 1) % ring->entryCount,
			 __ATOMIC_RELEASE);
	return returned(kIOReturnSuccess);
}

static json_t *run_poke_input_head(json_t *words)
{
	ring_to_spoil()->headIndex = (UInt32)number(words, "head");
	return returned(kIOReturnSuccess);
}

/* Notifications */

static unsigned n_called;

static void called(IOStreamRef which, void *context)
{
	(void)which;
	(void)context;
	n_called++;
}

static json_t *run_set_output_callback(json_t *words)
{
	bool set = json_is_true(json_object_get(words, "set"));

	return returned((*stream)->SetOutputCallback(stream, set ? called : NULL, NULL));
}

static json_t *run_run_loop(json_t *words)
{
	unsigned before = n_called;

	(void)words;
	if (IOStreamDispatch(stream) != n_called - before)
		errx(1, "the callback was called %u times", n_called - before);
	return valued(json_integer(n_called - before));
}

static json_t *run_send(json_t *words)
{
	return returned((*stream)->SendInputNotification(stream, (UInt32)number(words, "token")));
}

static json_t *run_send_sync(json_t *words)
{
	return returned((*stream)->SendInputSyncNotification(stream,
							     (UInt32)number(words, "token")));
}

/* Buffers */

static json_t *run_buffer_count(json_t *words)
{
	(void)words;
	return valued(json_integer((*stream)->GetBufferCount(stream)));
}

static json_t *run_get_buffer_info(json_t *words)
{
	IOStreamBufferID id = (IOStreamBufferID)number(words, "buffer");
	void *data, *control;
	IOByteCount data_size, control_size;
	IOReturn result = (*stream)->GetBufferInfo(stream, id, &data, &data_size, &control,
						   &control_size);
	json_t *answer = returned(result);

	if (result != kIOReturnSuccess)
		return answer;
	if (data != (*stream)->GetDataBuffer(stream, id) ||
	    control != (*stream)->GetControlBuffer(stream, id) ||
	    data_size != (*stream)->GetDataBufferLength(stream, id) ||
	    control_size != (*stream)->GetControlBufferLength(stream, id))
		errx(1, "buffer %u: two functions, two answers", id);
	json_object_set_new(answer, "value", json_pack("[II]", (json_int_t)data_size,
						       (json_int_t)control_size));
	return answer;
}

const struct operation client_operations[] = {
	{ "open", run_open },
	{ "close", run_close },
	{ "start", run_start },
	{ "stop", run_stop },
	{ "suspend", run_suspend },
	{ "drain", run_drain },
	{ "set_mode", run_set_mode },
	{ "get_mode", run_get_mode },
	{ "enqueue_input", run_enqueue_input },
	{ "dequeue_output", run_dequeue_output },
	{ "poke_input", run_poke_input },
	{ "poke_input_head", run_poke_input_head },
	{ "set_output_callback", run_set_output_callback },
	{ "run_loop", run_run_loop },
	{ "send_input_notification", run_send },
	{ "send_input_sync_notification", run_send_sync },
	{ "buffer_count", run_buffer_count },
	{ "get_buffer_info", run_get_buffer_info },
	{ NULL, NULL },
};
