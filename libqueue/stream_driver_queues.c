/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_queues - the two rings: made, destroyed, and looked at
 *
 * In memory they are files of this process. In a mount fsd makes them, for each session of a
 * client's: the board says which session it is, and what is of another is given up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <IOKit/IOBufferMemoryDescriptor.h>

#include "atomic.h"
#include "stream_driver.h"

UInt32 IOStream_getStreamState(const IOStream *stream)
{
	if (!stream || !stream->board)
		return STREAM_CLOSED;
	if (load_relaxed(&stream->is_ended))
		return STREAM_DEAD;
	return load_acquire(&stream->board->moment) & STREAM_STATE_MASK;
}

IOReturn stream_driver_allows(const IOStream *stream, enum stream_operation operation)
{
	return stream_allows(operation, IOStream_getStreamState(stream),
			     IOStream_getStreamMode(stream));
}

void stream_driver_drop_queues(IOStream *stream)
{
	struct stream_queues *queues = &stream->queues;

	stream_end_deinit(&stream->end);
	stream->has_end = false;
	OSObject_release(queues->output);
	OSObject_release(queues->input);
	OSObject_release(queues->tally);
	*queues = (struct stream_queues){ 0 };
}

/* --- those of fsd's */

/* Return: 0; -ENXIO where there are none; or a negative errno. */
static int open_rings(IOStream *stream, struct stream_queues *queues)
{
	uint64_t size;
	int r;

	queues->session = load_relaxed(&stream->board->session);
	queues->entry_count = load_relaxed(&stream->board->entry_count);
	if (queues->entry_count == 0 || queues->entry_count > STREAM_MAX_LENGTH + 1)
		return -ENXIO;
	size = stream_ring_size(queues->entry_count);
	r = stream_driver_open_memory(stream, "output/data", O_RDWR, size, &queues->output);
	return r < 0 ? r : stream_driver_open_memory(stream, "input/data", O_RDWR, size,
						     &queues->input);
}

static bool is_mapped(IOMemoryDescriptor *memory)
{
	return IOBufferMemoryDescriptor_getBytesNoCopy(memory) != NULL;
}

/* Both rings, mapped. Return: 0 or a negative errno. */
static int hold_rings(IOStream *stream)
{
	int r = open_rings(stream, &stream->queues);

	if (r == 0 && (!is_mapped(stream->queues.output) || !is_mapped(stream->queues.input)))
		r = -ENOMEM;
	if (r < 0)
		stream_driver_drop_queues(stream);
	return r;
}

static struct stream_ring ring_of(const IOStream *stream, IOMemoryDescriptor *memory)
{
	return (struct stream_ring){ IOBufferMemoryDescriptor_getBytesNoCopy(memory),
				     stream->queues.entry_count };
}

static struct stream_tally *tally_of(const IOStream *stream)
{
	return IOBufferMemoryDescriptor_getBytesNoCopy(stream->queues.tally);
}

/* What its areas are, our end knows by itself. */
static void tell_areas(IOStream *stream)
{
	struct stream_end *end = &stream->end;

	end->n_buffers = stream->n_buffers < end->room ? stream->n_buffers : end->room;
	for (uint32_t i = 0; i < end->n_buffers; i++) {
		const IOStreamBuffer *buffer = stream->buffers[i];

		end->areas[i] = (struct stream_area){ stream_buffer_size(buffer->data),
						      stream_buffer_size(buffer->control) };
	}
}

/* As the tally says, but that the client may have spoiled. */
static uint32_t room_of(const IOStream *stream)
{
	uint32_t n_entries = stream->queues.entry_count - 1;
	uint32_t n_buffers = load_relaxed(&stream->board->n_buffers);

	return n_entries > n_buffers ? n_entries : n_buffers;
}

static int make_end(IOStream *stream)
{
	uint32_t room = room_of(stream);
	struct stream_ring output, input;
	struct stream_tally *tally;
	int r = stream_driver_open_memory(stream, "tally", O_RDWR, stream_tally_size(room),
					  &stream->queues.tally);

	if (r < 0)
		return r;
	tally = tally_of(stream);
	if (!tally)
		return -ENOMEM;
	output = ring_of(stream, stream->queues.output);
	input = ring_of(stream, stream->queues.input);
	r = stream_end_init(&stream->end, STREAM_DRIVER, stream->board, &output, &input, tally,
			    room);
	if (r == 0)
		store_relaxed(&tally->sides[STREAM_DRIVER].is_kept, 1);
	return r;
}

static bool is_of_now(const IOStream *stream)
{
	return stream->queues.session == load_relaxed(&stream->board->session);
}

int stream_driver_attach(IOStream *stream)
{
	int r;

	if (stream->has_end && is_of_now(stream) &&
	    load_relaxed(&stream->board->n_buffers) == stream->n_buffers) {
		/* One that we added while it is open. */
		if (stream->end.n_buffers != stream->n_buffers)
			tell_areas(stream);
		return 0;
	}
	r = stream_driver_refresh_buffers(stream, false);
	if (r == 0 && !(stream->has_end && is_of_now(stream))) {
		stream_driver_drop_queues(stream);
		r = hold_rings(stream);
		if (r == 0)
			r = make_end(stream);
		/* It may have been closed and opened meanwhile. */
		if (r == 0 && !is_of_now(stream))
			r = -ENXIO;
		stream->has_end = r == 0;
	}
	if (r < 0)
		stream_driver_drop_queues(stream);
	else
		tell_areas(stream);
	return r;
}

/* --- made and destroyed */

static int make_ring(uint32_t entry_count, IOMemoryDescriptor **ret)
{
	IOStreamBufferQueue *queue;

	*ret = IOBufferMemoryDescriptor_withCapacity(stream_pages(stream_ring_size(entry_count)));
	queue = IOBufferMemoryDescriptor_getBytesNoCopy(*ret);
	if (!queue)
		return -ENOMEM;
	stream_ring_format(queue, entry_count);
	return 0;
}

static int make_in_memory(IOStream *stream, uint32_t length)
{
	uint32_t n = length ? length : stream->queue_length ? stream->queue_length
							    : stream->n_buffers;
	struct stream_queues *queues = &stream->queues;
	int r;

	queues->entry_count = n + 1;
	r = make_ring(n + 1, &queues->output);
	if (r == 0)
		r = make_ring(n + 1, &queues->input);
	if (r < 0)
		stream_driver_drop_queues(stream);
	return r;
}

/* Those that are there are given up. */
static IOReturn make_queues(IOStream *stream, uint32_t length)
{
	char text[32];
	int r;

	if (!stream->board) {
		stream_driver_drop_queues(stream);
		return make_in_memory(stream, length) < 0 ? kIOReturnNoMemory : kIOReturnSuccess;
	}
	snprintf(text, sizeof(text), length ? "create %u\n" : "create\n", length);
	r = stream_driver_write_file(stream, "driver/queues", text);
	if (r == 0)
		stream_driver_drop_queues(stream);
	return stream_driver_file_result(stream, r);
}

IOReturn IOStream_createQueues(IOStream *stream, IOItemCount queueLength, IOOptionBits options)
{
	IOReturn result;

	(void)options;
	if (!stream)
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_CHANGE);
	if (result == kIOReturnSuccess && queueLength > STREAM_MAX_LENGTH)
		result = kIOReturnBadArgument;
	if (result != kIOReturnSuccess)
		return result;
	stream_lock(stream);
	result = make_queues(stream, queueLength);
	stream_unlock(stream);
	return result;
}

IOReturn IOStream_destroyQueues(IOStream *stream)
{
	IOReturn result;
	int r = 0;

	if (!stream)
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_CHANGE);
	if (result != kIOReturnSuccess)
		return result;
	stream_lock(stream);
	if (stream->board)
		r = stream_driver_write_file(stream, "driver/queues", "destroy\n");
	if (r == 0)
		stream_driver_drop_queues(stream);
	result = stream_driver_file_result(stream, r);
	stream_unlock(stream);
	return result;
}

/* --- looked at */

/* One of both, of now; NULL: there are none. With the lock. */
static IOMemoryDescriptor *queue_of_now(IOStream *stream, IOMemoryDescriptor **which)
{
	if (!stream->board)
		return *which;
	/* With a client they are our end's, too; before, they are only looked at. */
	if (stream_driver_allows(stream, STREAM_MAP) == kIOReturnSuccess)
		return stream_driver_attach(stream) == 0 ? *which : NULL;
	if (stream_driver_allows(stream, STREAM_CHANGE) != kIOReturnSuccess ||
	    load_relaxed(&stream->board->entry_count) == 0)
		return NULL;
	if (!stream->queues.output || stream->has_end || !is_of_now(stream)) {
		stream_driver_drop_queues(stream);
		if (hold_rings(stream) < 0)
			return NULL;
	}
	return *which;
}

static IOStreamBufferQueue *queue(IOStream *stream, IOMemoryDescriptor **which)
{
	IOStreamBufferQueue *at;

	stream_lock(stream);
	at = IOBufferMemoryDescriptor_getBytesNoCopy(queue_of_now(stream, which));
	stream_unlock(stream);
	return at;
}

static IOMemoryDescriptor *queue_memory(IOStream *stream, IOMemoryDescriptor **which)
{
	IOMemoryDescriptor *memory;

	stream_lock(stream);
	memory = queue_of_now(stream, which);
	OSObject_retain(memory);
	stream_unlock(stream);
	return memory;
}

IOStreamBufferQueue *IOStream_getOutputQueue(IOStream *stream)
{
	return stream ? queue(stream, &stream->queues.output) : NULL;
}

IOStreamBufferQueue *IOStream_getInputQueue(IOStream *stream)
{
	return stream ? queue(stream, &stream->queues.input) : NULL;
}

IOMemoryDescriptor *IOStream_getOutputQueueMemoryDescriptor(IOStream *stream)
{
	return stream ? queue_memory(stream, &stream->queues.output) : NULL;
}

IOMemoryDescriptor *IOStream_getInputQueueMemoryDescriptor(IOStream *stream)
{
	return stream ? queue_memory(stream, &stream->queues.input) : NULL;
}
