/* SPDX-License-Identifier: MIT */
/*
 * What both ends of a stream share: the board, for as long as the stream is there; the
 * rings and the tally, for a session.
 */
#include <inttypes.h>
#include <string.h>

#include "libqueue/atomic.h"
#include "service/stream.h"

/* The board */

static uint32_t epoch_of(const struct stream *stream)
{
	return load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS;
}

static void set_moment(struct stream *stream, uint32_t epoch)
{
	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | stream->state);
	full_fence();
}

void stream_tell_board(struct stream *stream)
{
	struct stream_board *board = stream->board;

	store_relaxed(&board->mode, stream->mode);
	store_relaxed(&board->n_buffers, stream->n_buffers);
	store_relaxed(&board->entry_count, stream->rings.entry_count);
	set_moment(stream, epoch_of(stream));
}

void stream_set_state(struct stream *stream, enum stream_state state)
{
	if (stream->state != state)
		stream->n_state_changes++;
	stream->state = state;
	set_moment(stream, epoch_of(stream));
}

/* Rings */

static struct stream_ring ring_of(const struct stream *stream, const struct stream_memory *memory)
{
	return (struct stream_ring){ memory->map, stream->rings.entry_count };
}

static int make_memory(struct stream *stream, struct node *node, const char *row, const char *name,
		       uint64_t size, struct stream_memory **ret)
{
	struct attributes attributes = stream_row_attributes(stream, node, node_row(node, row));
	char file[40];
	int r;

	snprintf(file, sizeof(file), "%s.%" PRIu64, name, ++stream->last_serial);
	r = stream_memory_new(stream->registry->store, stream->node->id, file, size, &attributes, ret);
	return r < 0 ? r : stream_memory_map(*ret);
}

static IOReturn make_rings(struct stream *stream, uint32_t length)
{
	uint32_t n = length ? length : stream->queue_length ? stream->queue_length : stream->n_buffers;
	struct stream_rings *rings = &stream->rings;
	size_t size = stream_pages(stream_ring_size(n + 1));
	int r;

	stream_drop_rings(stream);
	r = make_memory(stream, stream->output, "data", "output", size, &rings->output);
	if (r == 0)
		r = make_memory(stream, stream->input, "data", "input", size, &rings->input);
	rings->entry_count = n + 1;
	if (r < 0) {
		stream_drop_rings(stream);
		return stream_code(r);
	}
	stream_ring_format(rings->output->map, n + 1);
	stream_ring_format(rings->input->map, n + 1);
	stream_tell_board(stream);
	return kIOReturnSuccess;
}

static void save_counts(struct stream *stream)
{
	for (int i = 0; stream->rings.tally && i < N_STREAM_SIDES; i++)
		stream->counts[i] = stream_counts(stream, (enum stream_side)i);
}

void stream_drop_rings(struct stream *stream)
{
	struct stream_rings *rings = &stream->rings;

	save_counts(stream);
	for (int i = 0; i < N_STREAM_SIDES; i++)
		stream_end_deinit(&stream->ends[i]);
	rings->output = stream_memory_remove(rings->output);
	rings->input = stream_memory_remove(rings->input);
	rings->tally = stream_memory_remove(rings->tally);
	rings->entry_count = rings->room = 0;
	stream_tell_board(stream);
}

IOReturn stream_create_queues(struct stream *stream, uint64_t length)
{
	IOReturn code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);

	if (code == kIOReturnSuccess && length > STREAM_MAX_LENGTH)
		code = kIOReturnBadArgument;
	return code == kIOReturnSuccess ? make_rings(stream, (uint32_t)length) : code;
}

IOReturn stream_destroy_queues(struct stream *stream)
{
	IOReturn code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);

	if (code == kIOReturnSuccess)
		stream_drop_rings(stream);
	return code;
}

/* Sessions */

static void tell_areas(struct stream *stream, struct stream_end *end)
{
	end->n_buffers = stream->n_buffers < end->room ? stream->n_buffers : end->room;
	for (uint32_t i = 0; i < end->n_buffers; i++)
		end->areas[i] = (struct stream_area){ stream_area_size(stream->buffers[i]->data),
						      stream_area_size(stream->buffers[i]->control) };
}

static int make_tally(struct stream *stream)
{
	struct stream_rings *rings = &stream->rings;
	uint32_t n = rings->entry_count - 1;
	struct stream_tally *tally;
	int r;

	rings->room = n > stream->n_buffers ? n : stream->n_buffers;
	rings->tally = stream_memory_remove(rings->tally);
	r = make_memory(stream, stream->node, "tally", "tally",
			stream_pages(stream_tally_size(rings->room)), &rings->tally);
	if (r < 0)
		return r;
	tally = rings->tally->map;
	memcpy(tally->magic, STREAM_TALLY_MAGIC, sizeof(tally->magic));
	tally->room = rings->room;
	return 0;
}

static int make_ends(struct stream *stream)
{
	struct stream_rings *rings = &stream->rings;
	struct stream_ring output = ring_of(stream, rings->output);
	struct stream_ring input = ring_of(stream, rings->input);
	int r = 0;

	for (int i = 0; i < N_STREAM_SIDES && r == 0; i++) {
		stream_end_deinit(&stream->ends[i]);
		r = stream_end_init(&stream->ends[i], (enum stream_side)i, stream->board, &output,
				    &input, rings->tally->map, rings->room);
		if (r == 0)
			tell_areas(stream, &stream->ends[i]);
	}
	return r;
}

IOReturn stream_begin_session(struct stream *stream)
{
	IOReturn code = kIOReturnSuccess;
	int r;

	if (stream->rings.entry_count == 0)
		code = make_rings(stream, 0);
	if (code != kIOReturnSuccess)
		return code;
	r = stream_memory_map(stream->rings.output);
	if (r == 0)
		r = stream_memory_map(stream->rings.input);
	if (r == 0)
		r = make_tally(stream);
	if (r == 0) {
		store_relaxed(&stream->board->session, load_relaxed(&stream->board->session) + 1);
		r = make_ends(stream);
	}
	if (r < 0) {
		stream_drop_rings(stream);
		return stream_code(r);
	}
	stream->takes_itself[STREAM_DRIVER] = stream->takes_itself[STREAM_CLIENT] = false;
	stream->discarded = 0;
	stream->last_error = kIOReturnSuccess;
	stream_empty_rings(stream, STREAM_STOPPED);
	return kIOReturnSuccess;
}

/* Entries that somebody has lost: those with a payload. */
static uint32_t payload_entries(const struct stream *stream)
{
	uint32_t n = 0;

	if (stream->mode != kIOStreamModeInput)
		n += stream_ring_entries(stream, STREAM_DRIVER);
	if (stream->mode != kIOStreamModeOutput)
		n += stream_ring_entries(stream, STREAM_CLIENT);
	return n;
}

void stream_empty_rings(struct stream *stream, enum stream_state state)
{
	const struct stream_rings *rings = &stream->rings;
	struct stream_tally *tally;

	if (!rings->tally) {
		stream_set_state(stream, state);
		return;
	}
	stream->discarded += payload_entries(stream);
	if (stream->state != state)
		stream->n_state_changes++;
	stream->state = state;
	/* First, so that who is at it sees that what it stores is late (was_emptied()). */
	set_moment(stream, epoch_of(stream) + 1);
	if (stream_memory_mend(rings->output) == 0)
		stream_ring_format(rings->output->map, rings->entry_count);
	if (stream_memory_mend(rings->input) == 0)
		stream_ring_format(rings->input->map, rings->entry_count);
	stream_memory_mend(rings->tally);
	tally = rings->tally->map;
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		stream_end_move(&stream->ends[i], rings->output->map, rings->input->map, tally);
		stream_end_reset(&stream->ends[i]);
	}
	stream->client_bytes = stream->driver_bytes = (struct stream_bytes){ 0 };
}

/* Somebody cut off what both ends share; to stop mends it. */
bool stream_is_spoiled(const struct stream *stream)
{
	const struct stream_rings *rings = &stream->rings;

	return rings->tally && (stream_memory_is_lost(rings->output) ||
				stream_memory_is_lost(rings->input) ||
				stream_memory_is_lost(rings->tally));
}

/* Looking */

struct stream_tally *stream_tally(const struct stream *stream)
{
	return stream->rings.tally ? stream->rings.tally->map : NULL;
}

bool stream_is_kept(const struct stream *stream, enum stream_side side)
{
	const struct stream_tally *tally = stream_tally(stream);

	if (side == STREAM_DRIVER)
		return stream->provider && stream->provider->keeps;
	return tally && load_relaxed(&tally->sides[side].is_kept) != 0;
}

void stream_follow(struct stream *stream)
{
	if (!stream->rings.tally)
		return;
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		uint32_t tail = stream->ends[i].tail;

		tell_areas(stream, &stream->ends[i]);
		stream_end_follow(&stream->ends[i], stream_is_kept(stream, (enum stream_side)i));
		stream->takes_itself[i] |= stream->ends[i].tail != tail;
	}
}

enum stream_holder stream_buffer_holder(struct stream *stream, uint32_t id)
{
	stream_follow(stream);
	if (!stream->rings.tally || id >= stream->rings.room)
		return STREAM_WITH_DRIVER;
	return stream_holder(&stream->ends[STREAM_DRIVER], &stream->ends[STREAM_CLIENT], id);
}

uint32_t stream_ring_entries(const struct stream *stream, enum stream_side writer)
{
	const struct stream_memory *memory = writer == STREAM_DRIVER ? stream->rings.output
								     : stream->rings.input;
	struct stream_ring ring;
	uint32_t length;

	if (!memory || !memory->map)
		return 0;
	ring = ring_of(stream, memory);
	return stream_ring_length(&ring, &length) < 0 ? 0 : length;
}

struct stream_count stream_counts(const struct stream *stream, enum stream_side side)
{
	const struct stream_tally *tally = stream_tally(stream);
	const struct stream_count *count;

	if (!tally)
		return stream->counts[side];
	count = &tally->sides[side];
	return (struct stream_count){
		.frames = load_relaxed(&count->frames),
		.bytes = load_relaxed(&count->bytes),
		.taken = load_relaxed(&count->taken),
		.dropped = load_relaxed(&count->dropped),
		.overruns = load_relaxed(&count->overruns),
		.errors = load_relaxed(&count->errors),
		.payload_at_start = load_relaxed(&count->payload_at_start),
	};
}
