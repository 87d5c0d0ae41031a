/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_traffic - buffers passed and taken, and the client notified
 *
 * The state is looked up on the board, the rings are ours: the way of a buffer passes no
 * system call.
 */
#include <IOKit/IOBufferMemoryDescriptor.h>

#include "atomic.h"
#include "mount.h"
#include "stream_driver.h"

static uint32_t epoch_of_now(const IOStream *stream)
{
	return load_acquire(&stream->board->moment) >> STREAM_STATE_BITS;
}

/* When the rings were emptied, all buffers became ours. */
static void follow_epoch(IOStream *stream)
{
	uint32_t epoch = epoch_of_now(stream);

	if (epoch == stream->epoch)
		return;
	stream_driver_reset_references(stream);
	stream->epoch = epoch;
}

/* May it be done, and is there our end? */
static IOReturn prepare(IOStream *stream, enum stream_operation operation)
{
	IOReturn result = stream_driver_allows(stream, operation);
	int r;

	if (result != kIOReturnSuccess)
		return result;
	r = stream_driver_attach(stream);
	if (r < 0)
		return stream_driver_file_result(stream, r);
	follow_epoch(stream);
	return kIOReturnSuccess;
}

/* --- passing */

/* What begins the buffer's control area, of a driver that uses it; or NULL. */
static IOStreamControlHeader *header_of(const IOStreamBuffer *buffer)
{
	IOStreamControlHeader *header;

	if (stream_buffer_size(buffer->control) < sizeof(*header))
		return NULL;
	header = IOBufferMemoryDescriptor_getBytesNoCopy(buffer->control);
	return header && load_relaxed(&header->version) == kIOStreamControlVersion ? header : NULL;
}

/* Before it is passed, and only while it is ours. */
static void mark_gap(IOStream *stream, uint32_t id)
{
	const struct stream_end *end = &stream->end;
	IOStreamControlHeader *header;

	if (!end->gap || id >= stream->n_buffers || id >= end->n_buffers ||
	    end->epoch != stream->epoch || !stream_end_has(end, id))
		return;
	header = header_of(stream->buffers[id]);
	if (header)
		store_relaxed(&header->flags,
			      load_relaxed(&header->flags) | kIOStreamControlDiscontinuity);
}

static IOReturn give(IOStream *stream, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result = prepare(stream, STREAM_ENQUEUE_OUTPUT);

	if (result != kIOReturnSuccess)
		return result;
	mark_gap(stream, entry->bufferID);
	result = stream_end_give(&stream->end, entry);
	if (result == kIOReturnSuccess)
		IOStreamBuffer_sendClientReference(stream->buffers[entry->bufferID], 0, 0);
	return result;
}

IOReturn IOStream_enqueueOutputEntry(IOStream *stream, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result;

	if (!stream || !entry)
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = give(stream, entry);
	stream_unlock(stream);
	return result;
}

/* What does not fit is a buffer that there is not, so that the state comes first. */
static IOStreamBufferQueueEntry entry_of(const IOStream *stream, const IOStreamBuffer *buffer,
					 const IOByteCount *numbers)
{
	IOStreamBufferQueueEntry entry = {
		.bufferID = buffer && buffer->stream == stream ? IOStreamBuffer_getBufferID(buffer)
							       : kIOStreamBufferIDInvalid,
		.dataOffset = (UInt32)numbers[0], .dataLength = (UInt32)numbers[1],
		.controlOffset = (UInt32)numbers[2], .controlLength = (UInt32)numbers[3],
	};

	for (int i = 0; i < 4; i++)
		if (numbers[i] > UINT32_MAX)
			entry.bufferID = kIOStreamBufferIDInvalid;
	return entry;
}

IOReturn IOStream_enqueueOutputBuffer(IOStream *stream, IOStreamBuffer *buffer,
				      IOByteCount dataOffset, IOByteCount dataLength,
				      IOByteCount controlOffset, IOByteCount controlLength)
{
	IOByteCount numbers[] = { dataOffset, dataLength, controlOffset, controlLength };
	IOStreamBufferQueueEntry entry = entry_of(stream, buffer, numbers);

	return IOStream_enqueueOutputEntry(stream, &entry);
}

void stream_driver_post_buffers(IOStream *stream)
{
	if (stream_driver_attach(stream) < 0)
		return;
	follow_epoch(stream);
	/* As many as there is room for: those that stay here are no frames that were lost. */
	for (uint32_t id = 0;
	     id < stream->end.n_buffers && id + 1 < stream->end.give.entry_count; id++) {
		IOStreamBufferQueueEntry entry = {
			.bufferID = id,
			.dataLength = stream->end.areas[id].data,
			.controlLength = stream->end.areas[id].control,
		};

		if (stream_end_post(&stream->end, &entry) == kIOReturnSuccess)
			IOStreamBuffer_sendClientReference(stream->buffers[id], 0, 0);
	}
}

/* --- taking */

static bool is_draining(const IOStream *stream)
{
	return (load_relaxed(&stream->board->moment) & STREAM_STATE_MASK) == STREAM_DRAINING;
}

static IOReturn take(IOStream *stream, IOStreamBufferQueueEntry *entry)
{
	IOReturn result = prepare(stream, STREAM_DEQUEUE_INPUT);

	if (result == kIOReturnSuccess)
		result = stream_end_take(&stream->end, entry);
	if (result == kIOReturnSuccess)
		IOStreamBuffer_receiveClientReference(stream->buffers[entry->bufferID], 0, 0);
	else if (result == kIOReturnUnderrun && is_draining(stream))
		stream_driver_tell(stream, "drained\n");
	return result;
}

IOReturn IOStream_dequeueInputEntry(IOStream *stream, IOStreamBufferQueueEntry *entry)
{
	IOReturn result;

	if (!stream || !entry)
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = take(stream, entry);
	stream_unlock(stream);
	return result;
}

/* --- notifying */

/*
 * One more that the client will find when it collects those that it has not yet. Who reads bytes
 * or lines may never collect any: then fsd is told of each.
 */
static bool add_pending(IOStream *stream)
{
	struct stream_tally *tally = IOBufferMemoryDescriptor_getBytesNoCopy(stream->queues.tally);
	uint32_t n = load_relaxed(&tally->pending);

	if (!load_relaxed(&tally->sides[STREAM_CLIENT].is_kept))
		return false;
	while (n > 0 && n < UINT32_MAX)
		if (__atomic_compare_exchange_n(&tally->pending, &n, n + 1, true, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return true;
	return n > 0;
}

static IOReturn notify(IOStream *stream)
{
	IOReturn result = prepare(stream, STREAM_NOTIFY);

	if (result != kIOReturnSuccess || add_pending(stream))
		return result;
	if (stream->notify_fd < 0)
		return kIOReturnNotAttached;
	return stream_driver_file_result(stream, stream_write(stream->notify_fd, "1\n", 2));
}

IOReturn IOStream_sendOutputNotification(IOStream *stream)
{
	IOReturn result;

	if (!stream)
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = notify(stream);
	stream_unlock(stream);
	return result;
}

/* --- frames that are missing */

IOReturn IOStream_reportDrop(IOStream *stream, UInt64 n)
{
	IOReturn result;

	if (!stream)
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = prepare(stream, STREAM_NOTIFY);
	if (result == kIOReturnSuccess) {
		if (stream->end.epoch != stream->epoch)
			stream_end_reset(&stream->end);
		stream_end_drop(&stream->end, n);
	}
	stream_unlock(stream);
	return result;
}

bool IOStream_isDiscontinuous(IOStream *stream)
{
	bool is_gap;

	if (!stream)
		return false;
	stream_lock(stream);
	is_gap = prepare(stream, STREAM_NOTIFY) == kIOReturnSuccess && stream->end.gap &&
		 stream->end.epoch == stream->epoch;
	stream_unlock(stream);
	return is_gap;
}
