/* SPDX-License-Identifier: MIT */
/*
 * stream_client_entries - what is passed and taken, and where the buffers are: no system call, but
 * for a buffer that is new
 */
#include "atomic.h"
#include "lock.h"
#include "stream_client.h"

/* With the lock, as all here. Return: kIOReturnSuccess, or why the session is none. */
static IOReturn check(struct stream_client *client)
{
	if (!client->is_open || stream_client_is_stale(client))
		return stream_client_not_open(client);
	return kIOReturnSuccess;
}

/* Likewise, and all buffers are mapped. */
static IOReturn prepare(struct stream_client *client)
{
	IOReturn result = check(client);

	if (result != kIOReturnSuccess)
		return result;
	return stream_client_result(client, stream_client_meet(client), kIOReturnBusy);
}

/* --- entries */

static IOReturn take(struct stream_client *client, IOStreamBufferQueueEntry *entry,
		     bool *ends_drain)
{
	const struct stream_board *board;
	IOReturn result;
	with_lock(&client->lock);

	result = prepare(client);
	if (result != kIOReturnSuccess)
		return result;
	result = stream_end_take(&client->session.end, entry);
	board = client->session.board.address;
	*ends_drain = result == kIOReturnUnderrun &&
		(load_relaxed(&board->moment) & STREAM_STATE_MASK) == STREAM_DRAINING &&
		load_relaxed(&board->mode) != kIOStreamModeInput;
	return result;
}

IOReturn stream_client_dequeue(IOStreamRef stream, IOStreamBufferQueueEntry *entry)
{
	struct stream_client *client = stream_client_of(stream);
	bool ends_drain = false;
	IOReturn result;

	if (!entry)
		return kIOReturnBadArgument;
	result = take(client, entry, &ends_drain);
	/* fsd cannot see what we take: have it look. */
	if (ends_drain)
		stream_client_write(client, "drain", "1\n");
	return result;
}

static IOReturn give(struct stream_client *client, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result;
	with_lock(&client->lock);

	result = prepare(client);
	return result == kIOReturnSuccess ? stream_end_give(&client->session.end, entry) : result;
}

IOReturn stream_client_enqueue(IOStreamRef stream, IOStreamBufferQueueEntry *entry)
{
	return entry ? give(stream_client_of(stream), entry) : kIOReturnBadArgument;
}

IOReturn stream_client_enqueue_buffer(IOStreamRef stream, IOStreamBufferID id,
				      IOByteCount data_offset, IOByteCount data_length,
				      IOByteCount control_offset, IOByteCount control_length)
{
	IOStreamBufferQueueEntry entry = {
		.bufferID = id,
		.dataOffset = (UInt32)data_offset,
		.dataLength = (UInt32)data_length,
		.controlOffset = (UInt32)control_offset,
		.controlLength = (UInt32)control_length,
	};

	/* What no entry can say is as wrong as what is in no buffer; the state comes first. */
	if ((data_offset | data_length | control_offset | control_length) > UINT32_MAX)
		entry.bufferID = kIOStreamBufferIDInvalid;
	return give(stream_client_of(stream), &entry);
}

/* --- buffers */

/* With the lock. Return: it, or NULL. */
static const struct stream_client_buffer *find(struct stream_client *client, IOStreamBufferID id)
{
	const struct stream_client_session *session = &client->session;

	if (!client->is_open)
		return NULL;
	if (id >= session->end.n_buffers)
		stream_client_meet(client);
	return id < session->end.n_buffers ? &session->buffers[id] : NULL;
}

/* With the lock. */
static IOReturn may_map(struct stream_client *client)
{
	const struct stream_board *board = client->session.board.address;
	IOReturn result = check(client);

	if (result != kIOReturnSuccess)
		return result;
	return stream_allows(STREAM_MAP, load_acquire(&board->moment) & STREAM_STATE_MASK,
			     load_relaxed(&board->mode));
}

static void tell_area(const struct stream_client_map *map, void **address, IOByteCount *size)
{
	if (address)
		*address = map->address;
	if (size)
		*size = map->size;
}

IOReturn stream_client_get_buffer_info(IOStreamRef stream, IOStreamBufferID id, void **data,
				       IOByteCount *data_size, void **control,
				       IOByteCount *control_size)
{
	struct stream_client *client = stream_client_of(stream);
	const struct stream_client_buffer *buffer;
	IOReturn result;
	with_lock(&client->lock);

	result = may_map(client);
	if (result != kIOReturnSuccess)
		return result;
	buffer = find(client, id);
	if (!buffer)
		return kIOReturnBadArgument;
	tell_area(&buffer->data, data, data_size);
	tell_area(&buffer->control, control, control_size);
	return kIOReturnSuccess;
}

/* A copy of what is mapped, or none. */
static struct stream_client_buffer buffer_of(IOStreamRef stream, IOStreamBufferID id)
{
	struct stream_client *client = stream_client_of(stream);
	const struct stream_client_buffer *buffer;
	with_lock(&client->lock);

	buffer = find(client, id);
	return buffer ? *buffer : (struct stream_client_buffer){ .data.address = NULL };
}

void *stream_client_get_data(IOStreamRef stream, IOStreamBufferID id)
{
	return buffer_of(stream, id).data.address;
}

IOByteCount stream_client_get_data_length(IOStreamRef stream, IOStreamBufferID id)
{
	return buffer_of(stream, id).data.size;
}

void *stream_client_get_control(IOStreamRef stream, IOStreamBufferID id)
{
	return buffer_of(stream, id).control.address;
}

IOByteCount stream_client_get_control_length(IOStreamRef stream, IOStreamBufferID id)
{
	return buffer_of(stream, id).control.size;
}

/* --- queues */

IOStreamBufferQueue *stream_client_get_output(IOStreamRef stream)
{
	struct stream_client *client = stream_client_of(stream);
	with_lock(&client->lock);

	return client->session.output.address;
}

IOStreamBufferQueue *stream_client_get_input(IOStreamRef stream)
{
	struct stream_client *client = stream_client_of(stream);
	with_lock(&client->lock);

	return client->session.input.address;
}
