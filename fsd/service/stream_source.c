/* SPDX-License-Identifier: MIT */
/*
 * A source inside fsd: frames that are numbered, at a rate.
 *
 * It works as hardware with two buffers does: with three or more, frames come in pairs; and
 * it always keeps one buffer to fill, so what it cannot pass on in time it loses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/stream_pace.h"
#include "util/clock.h"

#define MARK 16			/* bytes: "frame        12\n" */

struct frame_source {
	struct stream_pace pace;
	uint32_t next;			/* buffer, if it is free */
	uint64_t first;			/* ns: when the first frame was made */
};

static struct frame_source *source_of(const struct stream *stream)
{
	return stream->builtin_state;
}

/* All of the area: its number, again and again. */
static void fill_data(struct stream_memory *data, uint64_t sequence)
{
	char mark[32];
	size_t n = MARK;
	char *to;

	if (!data || stream_memory_map(data) < 0)
		return;
	to = data->map;
	snprintf(mark, sizeof(mark), "frame %9" PRIu64 "\n", sequence % 1000000000);
	memcpy(to, mark, n < data->size ? n : data->size);
	for (; n < data->size; n *= 2)
		memcpy(to + n, to, n < data->size - n ? n : data->size - n);
}

static void fill_control(struct stream *stream, struct stream_buffer *buffer, uint64_t sequence)
{
	IOStreamControlHeader *header = stream_control_room(buffer);
	struct frame_source *source = source_of(stream);
	uint64_t now = clock_ns();

	if (sequence == 0)
		source->first = now;
	if (!header)
		return;
	*header = (IOStreamControlHeader){
		.sequence = sequence, .timestamp = now, .frames = sequence + 1,
		.dropped = stream_counts(stream, STREAM_DRIVER).dropped,
		.startTimestamp = source->first, .version = kIOStreamControlVersion,
	};
}

/* The next that is free, unless it is the last. */
static bool find_free(struct stream *stream, uint32_t *ret)
{
	const struct stream_end *end = &stream->ends[STREAM_DRIVER];
	uint32_t n = stream->n_buffers, n_free = 0;

	for (uint32_t i = n; i-- > 0;) {
		uint32_t id = (source_of(stream)->next + i) % n;

		if (!stream_end_has(end, id))
			continue;
		*ret = id;
		n_free++;
	}
	return n_free > (n > 1);
}

/* Return: kIOReturnNotFound, there was no buffer for it; or why it could not be passed. */
static IOReturn make_frame(struct stream *stream)
{
	struct stream_count count = stream_counts(stream, STREAM_DRIVER);
	IOStreamBufferQueueEntry entry;
	uint32_t id;

	if (!find_free(stream, &id))
		return kIOReturnNotFound;
	fill_data(stream->buffers[id]->data, count.frames - count.payload_at_start);
	fill_control(stream, stream->buffers[id], count.frames - count.payload_at_start);
	entry = stream_whole_buffer(stream, id);
	source_of(stream)->next = (id + 1) % stream->n_buffers;
	return stream_give(stream, STREAM_DRIVER, &entry);
}

static void take_back(struct stream *stream)
{
	IOStreamBufferQueueEntry entry;

	while (stream_take(stream, STREAM_DRIVER, &entry) == kIOReturnSuccess)
		;
}

static void make_frames(struct stream *stream, uint64_t n)
{
	IOReturn code = kIOReturnSuccess;
	uint64_t made = 0, lost;

	take_back(stream);
	while (made < n && made < stream->n_buffers &&
	       (code = make_frame(stream)) == kIOReturnSuccess)
		made++;
	/* That for which the ring had no room is counted already. */
	lost = n - made - (code == kIOReturnOverrun);
	if (lost > 0)
		stream_drop(stream, lost);
	if (made > 0)
		stream_notify_output(stream);
}

static void due(struct stream *stream, uint64_t n)
{
	if (stream->state == STREAM_RUNNING)
		make_frames(stream, n);
}

static void source_start(struct stream *stream)
{
	source_of(stream)->next = 0;
}

static void source_started(struct stream *stream)
{
	uint32_t step = stream->n_buffers > 2 ? 2 : 1;
	struct stream_count count = stream_counts(stream, STREAM_DRIVER);

	if (stream->state == STREAM_RUNNING && count.frames == count.payload_at_start)
		make_frames(stream, step);
	stream_pace_start(stream, step);
}

static void source_passed(struct stream *stream)
{
	take_back(stream);
}

static const struct stream_builtin source_driver = {
	.start = source_start, .started = source_started, .halt = stream_pace_halt,
	.passed = source_passed, .free = stream_pace_free,
};

int stream_add_source(struct stream *stream, double rate)
{
	return stream_pace_add(stream, &source_driver, sizeof(struct frame_source), rate, due);
}
