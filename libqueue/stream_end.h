/* SPDX-License-Identifier: MIT */
/*
 * stream_end - one end of a stream: what it may pass, what it takes, and what counts
 *
 * Each buffer goes round: the driver passes it (output ring), the client takes it,
 * passes it (input ring), the driver takes it. So an end has a buffer or has it not, which
 * is whether it passed and took it an even or an odd number of times: its turns. It
 * knows that by itself; nothing of that is read back from shared memory, and what the other end
 * passes that it cannot have is thrown away and counted.
 *
 * A program has one end, and fsd both: for an end whose program maps the rings and keeps
 * no tally, it finds out what went on by the rings (stream_end_follow()).
 *
 * Who empties the rings (fsd) stores the board's moment first, with a new epoch and a state in
 * which nothing may be passed; then it issues full_fence(), stores 0 in all four indices, and
 * resets its ends; and only then a state in which something may. An end that was at it meanwhile
 * notices, and takes back what it did (was_emptied()). Until it has noticed it is late: what its
 * indices say belongs to what was before, and the other end looks at them as 0.
 *
 * One thread at a time for an end.
 */
#pragma once

#include <IOKit/IOReturn.h>

#include "stream_ring.h"
#include "stream_rules.h"

/* Bytes of a buffer's areas; 0: none. */
struct stream_area {
	uint32_t data, control;
};

struct stream_end {
	enum stream_side side;
	const struct stream_board *board;	/* borrowed, these: mappings */
	struct stream_ring give, take;		/* the ring that we write, and that we read */
	struct stream_count *count;		/* ours, in the tally */
	const struct stream_count *peer;	/* the other end's */
	uint32_t *shared_turns;			/* likewise */

	uint32_t head, tail;			/* ours, of give and of take */
	uint32_t session, epoch;		/* of the board, that all this belongs to */
	uint32_t room;				/* buffers, of these three */
	uint32_t *turns;			/* owned */
	uint32_t *places;			/* owned: n_given before it was passed last */
	struct stream_area *areas;		/* owned */
	uint32_t n_buffers;			/* what is in areas; not more than room */
	void (*meet)(struct stream_end *end);	/* an ID beyond: have areas of all on the board; or NULL */
	uint32_t n_given;			/* since the epoch */
	bool gap;			/* the driver's next entry does not follow the last */
	bool is_follower;		/* we are fsd, and a program keeps this end's tally */
};

/*
 * An end of the rings and the @tally as they were just made or emptied, with room for @room
 * buffers. The mappings stay the caller's. Return: 0 or -ENOMEM.
 */
int stream_end_init(struct stream_end *end, enum stream_side side, const struct stream_board *board,
		    const struct stream_ring *output, const struct stream_ring *input,
		    struct stream_tally *tally, uint32_t room);
/* The same memory has other addresses: rings as for stream_end_init(), and the tally. */
void stream_end_move(struct stream_end *end, IOStreamBufferQueue *output,
		     IOStreamBufferQueue *input, struct stream_tally *tally);
/* Free what is its own. Harmless on one that is zeroed. */
void stream_end_deinit(struct stream_end *end);

/*
 * The rings are empty, and all buffers the driver's: as of the board's moment. Where fsd does it
 * for a program that keeps the tally, what is the program's stays.
 */
void stream_end_reset(struct stream_end *end);

/*
 * Pass a buffer. Nothing has happened where it is not kIOReturnSuccess. Return:
 *	kIOReturnSuccess
 *	as stream_allows() for the board's state; kIOReturnNotOpen for another session's
 *	kIOReturnNotReady	also when the rings were emptied meanwhile
 *	kIOReturnBadArgument	no such buffer, or not within its areas
 *	kIOReturnBusy		it is not ours
 *	kIOReturnOverrun	the ring is full; counted
 *	kIOReturnInternalError	the ring is spoiled; counted
 */
IOReturn stream_end_give(struct stream_end *end, const IOStreamBufferQueueEntry *entry);

/*
 * Likewise in any state: a driver that posts its buffers before the stream is started. Return: also
 * kIOReturnNotPermitted for the client's end.
 */
IOReturn stream_end_post(struct stream_end *end, const IOStreamBufferQueueEntry *entry);

/*
 * Take the next good one; bad ones are thrown away and counted. Return: kIOReturnSuccess; as
 * stream_allows(), and as above kIOReturnNotOpen and kIOReturnNotReady; kIOReturnUnderrun when
 * there is none, or one bad one after the other; kIOReturnInternalError, spoiled and counted.
 * @ret: not touched where it is not kIOReturnSuccess.
 */
IOReturn stream_end_take(struct stream_end *end, IOStreamBufferQueueEntry *ret);

/*
 * We are fsd, and a program uses this end: learn what it did. @is_kept: it keeps the tally.
 * Without it what went further round than a ring is long cannot be known. What is no index, and
 * what the program cannot have done, is passed over. To be shown, not to be relied on.
 */
void stream_end_follow(struct stream_end *end, bool is_kept);

/* An end has the buffer. */
static inline bool stream_end_has(const struct stream_end *end, uint32_t id)
{
	return (end->turns[id] & 1) == (end->side == STREAM_CLIENT);
}

enum stream_holder { STREAM_WITH_DRIVER, STREAM_ON_OUTPUT, STREAM_WITH_CLIENT, STREAM_ON_INPUT };

/* Who has it, by what both ends say; the driver's word first, where they contradict. */
enum stream_holder stream_holder(const struct stream_end *driver, const struct stream_end *client,
				 uint32_t id);

/* The driver lost @n frames. */
void stream_end_drop(struct stream_end *end, uint64_t n);
