/* SPDX-License-Identifier: MIT */
/*
 * plain_rings - a stream's memory as plain files: what fsd does with it, the test does here
 */
#pragma once

#include "plain_files.h"

#include "libqueue/atomic.h"
#include "libqueue/stream_end.h"

struct plain_rings {
	struct stream_board *board;		/* mapped, these */
	struct stream_tally *tally;
	IOStreamBufferQueue *output, *input;
	size_t tally_size, ring_size;
	struct stream_end end;			/* the test's, while there is a tally */
};

static inline void make_board(struct plain_rings *rings, const char *path, uint32_t mode,
			      uint32_t n_buffers)
{
	rings->board = map_new(path, 4096);
	memcpy(rings->board->magic, STREAM_BOARD_MAGIC, sizeof(rings->board->magic));
	rings->board->mode = mode;
	rings->board->n_buffers = n_buffers;
}

static inline void set_state(struct plain_rings *rings, enum stream_state state)
{
	uint32_t moment = load_relaxed(&rings->board->moment);

	store_release(&rings->board->moment, (moment & ~STREAM_STATE_MASK) | state);
}

/* As fsd does it when it is stopped, and before it is started. */
static inline void empty_rings(struct plain_rings *rings, enum stream_state state)
{
	uint32_t epoch = (load_relaxed(&rings->board->moment) >> STREAM_STATE_BITS) + 1;

	store_release(&rings->board->moment, epoch << STREAM_STATE_BITS | STREAM_STOPPED);
	full_fence();
	store_release(&rings->output->headIndex, 0);
	store_release(&rings->output->tailIndex, 0);
	store_release(&rings->input->headIndex, 0);
	store_release(&rings->input->tailIndex, 0);
	set_state(rings, state);
}

/* The first @n, of the test's end. */
static inline void know_buffers(struct plain_rings *rings, unsigned n, struct stream_area area)
{
	for (unsigned i = 0; i < n; i++)
		rings->end.areas[i] = area;
	rings->end.n_buffers = n;
}

static inline void drop_rings(struct plain_rings *rings)
{
	stream_end_deinit(&rings->end);
	if (!rings->tally)
		return;
	munmap(rings->tally, rings->tally_size);
	munmap(rings->output, rings->ring_size);
	munmap(rings->input, rings->ring_size);
	rings->tally = NULL;
	rings->board->entry_count = 0;
}

static inline void *map_below(const char *stream, const char *file, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", stream, file);
	return map_new(path, size);
}

/* Rings of @n entries, and a tally with room for @room buffers: other files than before. */
static inline void make_rings(struct plain_rings *rings, const char *stream, uint32_t n,
			      uint32_t room)
{
	drop_rings(rings);
	rings->ring_size = stream_pages(stream_ring_size(n + 1));
	rings->tally_size = stream_pages(stream_tally_size(room));
	rings->output = map_below(stream, "output/data", rings->ring_size);
	rings->input = map_below(stream, "input/data", rings->ring_size);
	stream_ring_format(rings->output, n + 1);
	stream_ring_format(rings->input, n + 1);
	rings->tally = map_below(stream, "tally", rings->tally_size);
	memcpy(rings->tally->magic, STREAM_TALLY_MAGIC, sizeof(rings->tally->magic));
	rings->tally->room = room;
	rings->board->entry_count = n + 1;
}

/* The test's own, of buffers that are all alike. */
static inline void begin_end(struct plain_rings *rings, enum stream_side side,
			     struct stream_area area)
{
	struct stream_ring output = { .queue = rings->output,
				      .entry_count = rings->board->entry_count };
	struct stream_ring input = { .queue = rings->input,
				     .entry_count = rings->board->entry_count };

	ck_assert_int_eq(stream_end_init(&rings->end, side, rings->board, &output, &input,
					 rings->tally, rings->tally->room), 0);
	know_buffers(rings, rings->board->n_buffers, area);
}
