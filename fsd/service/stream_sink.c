/* SPDX-License-Identifier: MIT */
/*
 * A sink inside fsd: it takes a frame each time one is due, and gives the buffer back to be
 * filled again. When one is due and none is there, it is lost.
 */
#include "service/stream_pace.h"
#include "util/clock.h"

struct sink {
	struct stream_pace pace;
	uint64_t n_shown;		/* since the start */
};

static struct sink *sink_of(const struct stream *stream)
{
	return stream->builtin_state;
}

/* When it was shown, and how many there were; what the client wrote there stays. */
static void tell_client(struct stream *stream, struct stream_buffer *buffer)
{
	IOStreamControlHeader *header = stream_control_room(buffer);

	if (!header)
		return;
	header->timestamp = clock_ns();
	header->frames = sink_of(stream)->n_shown;
	header->dropped = stream_counts(stream, STREAM_DRIVER).dropped;
	header->flags = 0;
	header->version = kIOStreamControlVersion;
}

/* Return: whether there was one. */
static bool show_frame(struct stream *stream)
{
	IOStreamBufferQueueEntry entry;

	if (stream_take(stream, STREAM_DRIVER, &entry) != kIOReturnSuccess)
		return false;
	sink_of(stream)->n_shown++;
	tell_client(stream, stream->buffers[entry.bufferID]);
	entry = stream_whole_buffer(stream, entry.bufferID);
	stream_give(stream, STREAM_DRIVER, &entry);
	return true;
}

static void due(struct stream *stream, uint64_t n)
{
	uint64_t shown = 0;

	if (stream->state != STREAM_RUNNING && stream->state != STREAM_DRAINING)
		return;
	while (shown < n && show_frame(stream))
		shown++;
	/* Before the first there is nothing to miss, and behind the last neither. */
	if (shown < n && stream->state == STREAM_RUNNING && sink_of(stream)->n_shown > 0)
		stream_drop(stream, n - shown);
	if (shown > 0)
		stream_notify_output(stream);
}

static void sink_start(struct stream *stream)
{
	sink_of(stream)->n_shown = 0;
}

static void sink_started(struct stream *stream)
{
	stream_pace_start(stream, 1);
}

/* It looks when the next is due. */
static void sink_passed(struct stream *stream)
{
	(void)stream;
}

static const struct stream_builtin sink_driver = {
	.start = sink_start, .started = sink_started, .halt = stream_pace_halt,
	.passed = sink_passed, .free = stream_pace_free,
};

int stream_add_sink(struct stream *stream, double rate)
{
	return stream_pace_add(stream, &sink_driver, sizeof(struct sink), rate, due);
}
