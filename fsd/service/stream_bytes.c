/* SPDX-License-Identifier: MIT */
/*
 * A stream as bytes, from either end. Who reads is given the entries of one ring, one
 * after the other, and passes the emptied buffers back; who writes fills what buffers he has.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "service/stream.h"

static struct stream_bytes *bytes_of(struct stream *stream, enum stream_side side)
{
	return side == STREAM_CLIENT ? &stream->client_bytes : &stream->driver_bytes;
}

static void notify(struct stream *stream, enum stream_side side)
{
	struct stream_call call = { .token = 0 };

	list_init(&call.link);
	if (side == STREAM_CLIENT)
		stream_notify_input(stream, &call);
	else
		stream_notify_output(stream);
}

/* What goes back empty: to a client with the room that it may fill. */
static void pass_back(struct stream *stream, enum stream_side side, uint32_t id)
{
	IOStreamBufferQueueEntry entry = { .bufferID = id };

	if (side == STREAM_DRIVER)
		entry = stream_whole_buffer(stream, id);
	stream_give(stream, side, &entry);
	notify(stream, side);
}

bool stream_must_start(const struct stream *stream)
{
	return stream->state == STREAM_STOPPED && !stream->was_started;
}

bool stream_was_stopped(const struct stream *stream)
{
	return stream->state == STREAM_STOPPED && stream->was_started;
}

/* In mode inout what comes empty is room to write into: who reads takes it, and keeps it. */
static bool is_room(const struct stream *stream, const IOStreamBufferQueueEntry *entry)
{
	return stream->mode == kIOStreamModeInputOutput && entry->dataLength == 0;
}

/* Something to read is on its way, whatever is before it. */
static bool has_payload(const struct stream *stream, enum stream_side side)
{
	const struct stream_end *end = &stream->ends[side];
	uint32_t head, tail;

	if (stream_ring_indices(&end->take, &head, &tail) < 0)
		return false;
	for (tail = end->tail; tail != head; tail = stream_ring_next(&end->take, tail)) {
		IOStreamBufferQueueEntry entry = stream_ring_entry(&end->take, tail);

		if (!is_room(stream, &entry))
			return true;
	}
	return false;
}

static bool is_for_writer(const struct stream *stream, enum stream_side side)
{
	const struct stream_end *end = &stream->ends[side];
	uint32_t head, tail;

	if (stream->mode != kIOStreamModeInputOutput)
		return true;
	return stream_ring_indices(&end->take, &head, &tail) == 0 && head != end->tail &&
	       stream_ring_entry(&end->take, end->tail).dataLength == 0;
}

/* Reading */

static ssize_t next_entry(struct stream *stream, enum stream_side side)
{
	struct stream_bytes *bytes = bytes_of(stream, side);
	bool has_more_room = false;
	IOReturn code;

	stream_follow(stream);
	while ((code = stream_take(stream, side, &bytes->entry)) == kIOReturnSuccess &&
	       is_room(stream, &bytes->entry))
		has_more_room = true;
	if (has_more_room)
		stream_changed(stream);		/* for who waits to write */
	if (code == kIOReturnUnderrun)
		return stream_was_stopped(stream) || stream->state == STREAM_CLOSED ? 0 : FILE_WAIT;
	if (code != kIOReturnSuccess)
		return stream_result(stream, code);
	bytes->is_entry = true;
	bytes->at = 0;
	return 1;
}

static size_t copy_out(struct stream *stream, struct stream_bytes *bytes, void *buffer, size_t size)
{
	struct stream_memory *data = stream->buffers[bytes->entry.bufferID]->data;
	uint32_t left = bytes->entry.dataLength - bytes->at;

	if (size > left)
		size = left;
	if (size == 0 || stream_memory_map(data) < 0)
		return 0;
	memcpy(buffer, (char *)data->map + bytes->entry.dataOffset + bytes->at, size);
	bytes->at += (uint32_t)size;
	return size;
}

/* The driver's end has none to hold it open: it reads on in the next session. */
static ssize_t idle(const struct stream *stream, enum stream_side side)
{
	if (stream->state == STREAM_DEAD)
		return 0;
	if (stream_was_stopped(stream))
		return 0;
	if (side == STREAM_DRIVER && (stream->state == STREAM_CLOSED ||
				      stream->state == STREAM_STOPPED ||
				      stream->state == STREAM_SUSPENDED))
		return FILE_WAIT;
	return 1;
}

ssize_t stream_read_bytes(struct stream *stream, enum stream_side side, void *buffer, size_t size)
{
	struct stream_bytes *bytes = bytes_of(stream, side);
	ssize_t r = idle(stream, side);
	size_t n;

	if (r <= 0)
		return r;
	if (size == 0)
		return 0;
	/* Entries without bytes are none to a reader. */
	do {
		r = bytes->is_entry ? 1 : next_entry(stream, side);
		if (r <= 0)
			return r;
		n = copy_out(stream, bytes, buffer, size);
		if (n == 0 || bytes->at == bytes->entry.dataLength) {
			bytes->is_entry = false;
			pass_back(stream, side, bytes->entry.bufferID);
		}
	} while (n == 0);
	return (ssize_t)n;
}

/* Writing */

static bool has_buffer(const struct stream *stream, enum stream_side side, uint32_t *ret)
{
	const struct stream_end *end = &stream->ends[side];
	const struct stream_bytes *bytes = side == STREAM_CLIENT ? &stream->client_bytes
								 : &stream->driver_bytes;

	/* The one after the last, so that all are used in turn. */
	for (uint32_t i = 1; i <= end->n_buffers; i++) {
		uint32_t id = (bytes->last_written + i) % end->n_buffers;

		if (bytes->is_entry && id == bytes->entry.bufferID)	/* it is being read */
			continue;
		if (stream_end_has(end, id) && stream->buffers[id]->data) {
			*ret = id;
			return true;
		}
	}
	return false;
}

static ssize_t next_buffer(struct stream *stream, enum stream_side side, uint32_t *ret)
{
	IOStreamBufferQueueEntry entry;
	IOReturn code = kIOReturnSuccess;

	stream_follow(stream);
	while (!has_buffer(stream, side, ret)) {
		if (!is_for_writer(stream, side))
			return FILE_WAIT;
		code = stream_take(stream, side, &entry);
		if (code == kIOReturnUnderrun)
			return FILE_WAIT;
		if (code != kIOReturnSuccess)
			return stream_result(stream, code);
	}
	return 1;
}

static ssize_t fill_one(struct stream *stream, enum stream_side side, const void *data, size_t size)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 0 };
	struct stream_bytes *bytes = bytes_of(stream, side);
	struct stream_memory *memory;
	IOReturn code;
	ssize_t r = next_buffer(stream, side, &entry.bufferID);

	if (r <= 0)
		return r;
	memory = stream->buffers[entry.bufferID]->data;
	if (stream_memory_mend(memory) < 0)
		return -EIO;
	if (size > memory->size)
		size = memory->size;
	memcpy(memory->map, data, size);
	entry.dataLength = (uint32_t)size;
	code = stream_give(stream, side, &entry);
	if (code == kIOReturnOverrun)
		return FILE_WAIT;
	if (code != kIOReturnSuccess)
		return stream_result(stream, code);
	bytes->last_written = entry.bufferID;
	return (ssize_t)size;
}

static IOReturn may_write(const struct stream *stream, enum stream_side side)
{
	return stream_allows(side == STREAM_CLIENT ? STREAM_ENQUEUE_INPUT : STREAM_ENQUEUE_OUTPUT,
			     stream->state, stream->mode);
}

ssize_t stream_write_bytes(struct stream *stream, enum stream_side side, const void *data,
			   size_t size)
{
	ssize_t r = idle(stream, side);
	size_t done = 0;

	if (r <= 0)
		return r < 0 ? r : -EPIPE;
	if (may_write(stream, side) != kIOReturnSuccess)
		return stream_result(stream, may_write(stream, side));
	while (done < size) {
		r = fill_one(stream, side, (const char *)data + done, size - done);
		if (r < 0)
			break;
		done += (size_t)r;
	}
	if (done > 0)
		notify(stream, side);
	stream->wrote_bytes |= done > 0 && side == STREAM_CLIENT;
	return done > 0 ? (ssize_t)done : r;
}

/* Polling */

static bool can_read(struct stream *stream, enum stream_side side)
{
	return bytes_of(stream, side)->is_entry || has_payload(stream, side) ||
	       stream_ends_with_take(stream, side);
}

static bool can_write(struct stream *stream, enum stream_side side)
{
	uint32_t id;

	return may_write(stream, side) == kIOReturnSuccess &&
	       (has_buffer(stream, side, &id) ||
		(stream_ring_entries(stream, stream_other(side)) > 0 && is_for_writer(stream, side)));
}

short stream_poll_bytes(struct stream *stream, enum stream_side side)
{
	bool reads = stream_is_read_by(stream, side);
	bool writes = stream_is_read_by(stream, stream_other(side));
	short ready = 0;

	if (stream->state == STREAM_DEAD || stream->removed)
		return POLLERR | POLLHUP;
	if (stream_was_stopped(stream))
		return (short)(POLLHUP | (reads ? POLLIN : 0));
	if (!stream->rings.tally)
		return 0;
	stream_follow(stream);
	if (stream_must_start(stream) && side == STREAM_CLIENT)	/* the first of them starts it */
		return (short)(reads ? POLLIN : 0) | (short)(writes ? POLLOUT : 0);
	if (reads && can_read(stream, side))
		ready |= POLLIN;
	if (writes && can_write(stream, side))
		ready |= POLLOUT;
	return ready;
}
