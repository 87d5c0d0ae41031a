/* SPDX-License-Identifier: MIT */
/*
 * Entries and notifications of those who do not map the rings: for them fsd is the end.
 */
#include "libqueue/atomic.h"
#include "service/stream.h"

/* Entries */

/* An end that a program keeps is that program's alone: an index has one writer. */
static IOReturn check_end(struct stream *stream, enum stream_side side,
			  enum stream_operation operation)
{
	IOReturn code = stream_allows(operation, stream->state, stream->mode);

	if (code != kIOReturnSuccess)
		return code;
	stream_follow(stream);
	if (stream_is_spoiled(stream))
		return kIOReturnInternalError;
	return stream_is_kept(stream, side) ? kIOReturnBusy : kIOReturnSuccess;
}

/* In link mode a shell's > has cut it; what is passed is there, all of it. */
static void mend_buffer(const struct stream *stream, const IOStreamBufferQueueEntry *entry)
{
	const struct stream_buffer *buffer;

	if (entry->bufferID >= stream->n_buffers)
		return;
	buffer = stream->buffers[entry->bufferID];
	if (buffer->data)
		stream_memory_mend(buffer->data);
	if (buffer->control)
		stream_memory_mend(buffer->control);
}

static void mark_gap(struct stream *stream, const IOStreamBufferQueueEntry *entry)
{
	IOStreamControlHeader *header = NULL;

	if (entry->bufferID < stream->n_buffers)
		header = stream_control_header(stream->buffers[entry->bufferID]);
	if (header)
		header->flags |= kIOStreamControlDiscontinuity;
}

IOReturn stream_take(struct stream *stream, enum stream_side side, IOStreamBufferQueueEntry *ret)
{
	IOReturn code = check_end(stream, side, side == STREAM_CLIENT ? STREAM_DEQUEUE_OUTPUT
								      : STREAM_DEQUEUE_INPUT);

	if (code == kIOReturnSuccess)
		code = stream_end_take(&stream->ends[side], ret);
	if (code == kIOReturnUnderrun && stream_is_read_by(stream, side))
		stream_look_for_end(stream);
	return code;
}

IOReturn stream_give(struct stream *stream, enum stream_side side,
		     const IOStreamBufferQueueEntry *entry)
{
	struct stream_end *end = &stream->ends[side];
	IOReturn code = check_end(stream, side, side == STREAM_CLIENT ? STREAM_ENQUEUE_INPUT
								      : STREAM_ENQUEUE_OUTPUT);

	if (code != kIOReturnSuccess)
		return code;
	mend_buffer(stream, entry);
	if (side == STREAM_DRIVER && end->gap && entry->bufferID < end->n_buffers &&
	    stream_end_has(end, entry->bufferID))
		mark_gap(stream, entry);
	return stream_end_give(end, entry);
}

IOReturn stream_drop(struct stream *stream, uint64_t n)
{
	IOReturn code = stream_allows(STREAM_NOTIFY, stream->state, stream->mode);

	if (code == kIOReturnSuccess)
		stream_end_drop(&stream->ends[STREAM_DRIVER], n);
	return code;
}

bool stream_is_discontinuous(const struct stream *stream)
{
	return stream->rings.tally && stream->ends[STREAM_DRIVER].gap;
}

/* As the original's drivers do when they start: what the client fills it has to be given. */
void stream_post_buffers(struct stream *stream)
{
	for (uint32_t i = 0; i < stream->n_buffers; i++) {
		IOStreamBufferQueueEntry entry = stream_whole_buffer(stream, i);

		if (stream_ring_entries(stream, STREAM_DRIVER) + 1 >= stream->rings.entry_count ||
		    stream_end_give(&stream->ends[STREAM_DRIVER], &entry) != kIOReturnSuccess)
			return;
	}
}

/* Output notifications: a number */

IOReturn stream_notify_output(struct stream *stream)
{
	IOReturn code = stream_allows(STREAM_NOTIFY, stream->state, stream->mode);

	if (code != kIOReturnSuccess)
		return code;
	__atomic_fetch_add(&stream_tally(stream)->pending, 1, __ATOMIC_RELEASE);
	stream_follow(stream);
	if (stream->takes_itself[STREAM_DRIVER])
		stream_look_for_end(stream);
	stream_changed(stream);
	return kIOReturnSuccess;
}

uint32_t stream_pending(const struct stream *stream, bool take)
{
	struct stream_tally *tally = stream_tally(stream);

	if (!tally)
		return 0;
	return take ? __atomic_exchange_n(&tally->pending, 0, __ATOMIC_ACQ_REL) :
		      load_acquire(&tally->pending);
}

/* Input notifications: each is told, once and in order */

static void end_call(struct stream *stream, struct stream_call *call, IOReturn code)
{
	list_remove(&call->link);
	if (!call->is_sync) {
		stream->n_calls--;
		free(call);
		return;
	}
	call->code = code;
	call->stream = NULL;
}

static IOReturn queue_call(struct stream *stream, struct stream_call *call)
{
	struct stream_call *copy;

	if (call->is_sync) {
		call->stream = stream;
		list_append(&stream->calls, &call->link);
		return kIOReturnSuccess;
	}
	if (stream->n_calls >= STREAM_MAX_CALLS)
		return kIOReturnNoResources;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return kIOReturnNoMemory;
	*copy = *call;
	list_append(&stream->calls, &copy->link);
	stream->n_calls++;
	return kIOReturnSuccess;
}

IOReturn stream_notify_input(struct stream *stream, struct stream_call *call)
{
	IOReturn code = stream_allows(STREAM_NOTIFY, stream->state, stream->mode);

	if (code != kIOReturnSuccess)
		return code;
	stream_follow(stream);
	if (!stream->builtin)
		code = queue_call(stream, call);
	else
		stream->builtin->passed(stream);
	if (stream->takes_itself[STREAM_CLIENT])
		stream_look_for_end(stream);
	stream_changed(stream);
	return code;
}

struct stream_call *stream_next_call(struct stream *stream)
{
	struct stream_call *call = container_of(stream->calls.next, struct stream_call, link);

	if (list_is_empty(&stream->calls))
		return NULL;
	list_remove(&call->link);
	if (call->is_sync)
		list_append(&stream->delivered, &call->link);
	else
		stream->n_calls--;
	return call;
}

IOReturn stream_ack(struct stream *stream)
{
	IOReturn code = stream_allows(STREAM_NOTIFY, stream->state, stream->mode);

	if (code != kIOReturnSuccess)
		return code;
	if (list_is_empty(&stream->delivered))
		return kIOReturnUnderrun;
	end_call(stream, container_of(stream->delivered.next, struct stream_call, link),
		 kIOReturnSuccess);
	stream_changed(stream);
	return kIOReturnSuccess;
}

void stream_call_abandon(struct stream_call *call)
{
	list_remove(&call->link);
	call->stream = NULL;
}

void stream_end_calls(struct stream *stream, IOReturn code)
{
	struct stream_call *call;

	list_for_each(call, &stream->calls, link)
		end_call(stream, call, code);
	list_for_each(call, &stream->delivered, link)
		end_call(stream, call, code);
}
