/* SPDX-License-Identifier: MIT */
/*
 * stream - a stream's memory for a test, with both ends; the test is fsd
 *
 * It is anonymous and shared with a fork's child. Each piece ends where a page begins
 * that nobody may touch.
 */
#pragma once

#include <string.h>

#include "memory.h"
#include "libqueue/stream_end.h"

#define DATA		4096u	/* bytes of each buffer's areas */
#define CONTROL		64u

struct stream {
	struct stream_board *board;
	struct stream_tally *tally;
	struct stream_ring output, input;
	struct stream_end driver, client;
	uint32_t room;
};

/* @n bytes of zeros, a step behind which is a SIGSEGV. */
static inline void *guarded_bytes(size_t n)
{
	return (char *)guarded_pages(stream_pages(n)) + stream_pages(n) - n;
}

static inline struct stream_ring new_ring(uint32_t entry_count)
{
	struct stream_ring ring = {
		.queue = guarded_bytes(stream_ring_size(entry_count)),
		.entry_count = entry_count,
	};

	stream_ring_format(ring.queue, entry_count);
	return ring;
}

static inline enum stream_state state_of(const struct stream *stream)
{
	return load_relaxed(&stream->board->moment) & STREAM_STATE_MASK;
}

static inline void set_state(struct stream *stream, enum stream_state state)
{
	uint32_t moment = load_relaxed(&stream->board->moment);

	store_release(&stream->board->moment, (moment & ~STREAM_STATE_MASK) | state);
}

static inline void new_end(struct stream *stream, struct stream_end *end, enum stream_side side,
			   uint32_t n_buffers)
{
	ck_assert_int_eq(stream_end_init(end, side, stream->board, &stream->output, &stream->input,
					 stream->tally, stream->room), 0);
	for (uint32_t i = 0; i < n_buffers; i++)
		end->areas[i] = (struct stream_area){ DATA, CONTROL };
	end->n_buffers = n_buffers;
}

/* A running one of @n_buffers, and rings for @length entries; there is room for one buffer more. */
static inline void new_stream(struct stream *stream, IOStreamMode mode, uint32_t n_buffers,
			      uint32_t length)
{
	*stream = (struct stream){
		.board = guarded_bytes(sizeof(*stream->board)),
		.tally = guarded_bytes(stream_tally_size(n_buffers + 1)),
		.output = new_ring(length + 1),
		.input = new_ring(length + 1),
		.room = n_buffers + 1,
	};
	*stream->board = (struct stream_board){
		.session = 7, .moment = 5u << STREAM_STATE_BITS | STREAM_RUNNING,
		.mode = mode, .n_buffers = n_buffers, .entry_count = length + 1,
	};
	new_end(stream, &stream->driver, STREAM_DRIVER, n_buffers);
	new_end(stream, &stream->client, STREAM_CLIENT, n_buffers);
}

static inline void free_stream(struct stream *stream)
{
	stream_end_deinit(&stream->driver);
	stream_end_deinit(&stream->client);
}

/* What fsd does at a stop, and again in @state. The ends learn of it by themselves. */
static inline void empty_rings(struct stream *stream, enum stream_state state)
{
	uint32_t epoch = (load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS) + 1;

	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | STREAM_STOPPED);
	full_fence();
	stream_ring_format(stream->output.queue, stream->output.entry_count);
	stream_ring_format(stream->input.queue, stream->input.entry_count);
	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | state);
}

static inline IOStreamBufferQueueEntry entry_of(uint32_t id)
{
	return (IOStreamBufferQueueEntry){ id, 1, 2 + id, 3, 4, { 0 } };
}

static inline IOReturn give(struct stream_end *end, uint32_t id)
{
	IOStreamBufferQueueEntry entry = entry_of(id);

	return stream_end_give(end, &entry);
}

/* Take it, and see that it is as it was passed. */
static inline void take(struct stream_end *end, uint32_t id)
{
	IOStreamBufferQueueEntry entry, passed = entry_of(id);

	ck_assert_int_eq(stream_end_take(end, &entry), kIOReturnSuccess);
	ck_assert_mem_eq(&entry, &passed, sizeof(entry));
}

static inline IOReturn take_any(struct stream_end *end)
{
	IOStreamBufferQueueEntry entry;

	return stream_end_take(end, &entry);
}

/* As a program that knows of nothing but the rings; there is room, or an entry. */
static inline void put_raw(const struct stream_ring *ring, const IOStreamBufferQueueEntry *entry)
{
	uint32_t head = ring->queue->headIndex;

	ck_assert_uint_ne(stream_ring_next(ring, head), ring->queue->tailIndex);
	ring->queue->queue[head] = *entry;
	store_release(&ring->queue->headIndex, stream_ring_next(ring, head));
}

static inline uint32_t get_raw(const struct stream_ring *ring)
{
	uint32_t tail = ring->queue->tailIndex;

	ck_assert_uint_ne(tail, ring->queue->headIndex);
	store_release(&ring->queue->tailIndex, stream_ring_next(ring, tail));
	return ring->queue->queue[tail].bufferID;
}

static inline void put_raw_id(const struct stream_ring *ring, uint32_t id)
{
	IOStreamBufferQueueEntry entry = entry_of(id);

	put_raw(ring, &entry);
}

static inline void check_holder(const struct stream *stream, uint32_t id, enum stream_holder holder)
{
	ck_assert_int_eq(stream_holder(&stream->driver, &stream->client, id), holder);
}

static inline struct stream_count *count_of(struct stream *stream, enum stream_side side)
{
	return &stream->tally->sides[side];
}

static inline uint32_t shared_turns(struct stream *stream, enum stream_side side, uint32_t id)
{
	return stream_tally_turns(stream->tally, stream->room, side)[id];
}

/* The driver has it; it goes round for the @round-th time, from 0, since a stop. */
static inline void check_round(struct stream *stream, uint32_t id, uint32_t round)
{
	check_holder(stream, id, STREAM_WITH_DRIVER);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnSuccess);
	check_holder(stream, id, STREAM_ON_OUTPUT);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnBusy);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnBusy);
	take(&stream->client, id);
	check_holder(stream, id, STREAM_WITH_CLIENT);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnBusy);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnSuccess);
	check_holder(stream, id, STREAM_ON_INPUT);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnBusy);
	take(&stream->driver, id);
	for (enum stream_side side = 0; side < N_STREAM_SIDES; side++)
		ck_assert_uint_eq(shared_turns(stream, side, id), 2 * (round + 1));
}
