/* SPDX-License-Identifier: MIT */
/*
 * stream_layout - the memory of a stream, beside its rings and buffers
 *
 * The rings have the original's format (IOKit/stream/IOStreamShared.h), and suffice:
 * a program may map them and nothing else. Who uses the library does two things
 * more, so that no daemon is in the way of a buffer and still every count is right:
 *
 * The board is fsd's: both ends read the state there, before each operation. It
 * stays the same file as long as the stream is there.
 *
 * The tally is both ends': what each has passed and taken since the stream was opened,
 * and for each buffer how often. It is made anew with the rings. Like them it is memory
 * that the other end may spoil: it is shown, never relied on.
 */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include <IOKit/stream/IOStreamShared.h>

#define STREAM_BOARD_MAGIC	"IOSTRBD1"
#define STREAM_TALLY_MAGIC	"IOSTRTL1"
#define STREAM_MAX_LENGTH	65536u		/* entries of a ring, less the unused one */
#define STREAM_MAX_BUFFERS	1024u

enum stream_state {
	STREAM_CLOSED, STREAM_STOPPED, STREAM_RUNNING, STREAM_SUSPENDED, STREAM_DRAINING, STREAM_DEAD,
	N_STREAM_STATES
};

enum stream_side { STREAM_DRIVER, STREAM_CLIENT, N_STREAM_SIDES };

/* board.moment: the state, and how often the rings were emptied or made */
#define STREAM_STATE_BITS	3u
#define STREAM_STATE_MASK	7u

struct stream_board {
	char     magic[8];
	uint32_t generation;		/* of the mount */
	uint32_t session;		/* +1 with each open: rings and tally are other files */
	uint32_t moment;		/* epoch << STREAM_STATE_BITS | state */
	uint32_t mode;			/* IOStreamMode */
	uint32_t n_buffers;
	uint32_t entry_count;		/* of the rings; 0: there are none */
};

/* One end's, which writes it. */
struct stream_count {
	alignas(128) uint32_t is_kept;	/* a program of the library's has this end; fsd keeps off */
	uint32_t epoch;			/* that turns[] belongs to */
	uint64_t frames, bytes;		/* passed, since the open */
	uint64_t taken;			/* entries, since the open */
	uint64_t dropped;		/* frames that the driver lost, overruns among them */
	uint64_t overruns;
	uint64_t errors;		/* entries of the other end that were no good */
	uint64_t payload_at_start;	/* `frames` when it was last started from stopped */
};

struct stream_tally {
	char     magic[8];
	uint32_t room;			/* buffers: turns[] of each side */
	uint32_t pending;		/* output notifications that were not collected */
	struct stream_count sides[N_STREAM_SIDES];
	/*
	 * Of the driver's `room` words, then of the client's: how often it passed the buffer and
	 * took it, since the epoch. So the difference says who has it.
	 */
	alignas(128) uint32_t turns[];
};

static_assert(offsetof(struct stream_board, moment) == 16, "layout is ABI");
static_assert(offsetof(struct stream_board, entry_count) == 28, "layout is ABI");
static_assert(offsetof(struct stream_tally, pending) == 12, "layout is ABI");
static_assert(offsetof(struct stream_tally, sides) == 128, "layout is ABI");
static_assert(sizeof(struct stream_count) == 128, "layout is ABI");
static_assert(offsetof(struct stream_tally, turns) == 384, "layout is ABI");
static_assert(sizeof(IOStreamBufferQueueEntry) == 32, "layout is ABI");
static_assert(offsetof(IOStreamBufferQueue, queue) == 16, "layout is ABI");
static_assert(sizeof(IOStreamControlHeader) == 64, "layout is ABI");
static_assert(offsetof(IOStreamControlHeader, flags) == 48, "layout is ABI");

/* Bytes of a ring of @entry_count entries, and of its file: whole pages. */
static inline size_t stream_ring_size(uint32_t entry_count)
{
	return offsetof(IOStreamBufferQueue, queue) +
	       (size_t)entry_count * sizeof(IOStreamBufferQueueEntry);
}

static inline size_t stream_pages(size_t size)
{
	return (size + 4095) & ~(size_t)4095;
}

static inline size_t stream_tally_size(uint32_t room)
{
	/* The client's words begin a line of their own. */
	return offsetof(struct stream_tally, turns) + N_STREAM_SIDES * (((size_t)room * 4 + 127) & ~127ul);
}

static inline uint32_t *stream_tally_turns(struct stream_tally *tally, uint32_t room,
					   enum stream_side side)
{
	return tally->turns + (side == STREAM_CLIENT ? ((room + 31) & ~31u) : 0);
}
