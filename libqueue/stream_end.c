/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "atomic.h"
#include "stream_end.h"

/* Counts are one end's to write; others only look. */
#define COUNT(word, by)	store_relaxed(&(word), load_relaxed(&(word)) + (by))

#define MOST_LOOKS	8	/* at a program that goes on meanwhile */

static uint32_t epoch_of(uint32_t moment)
{
	return moment >> STREAM_STATE_BITS;
}

int stream_end_init(struct stream_end *end, enum stream_side side, const struct stream_board *board,
		    const struct stream_ring *output, const struct stream_ring *input,
		    struct stream_tally *tally, uint32_t room)
{
	*end = (struct stream_end){
		.side = side, .board = board,
		.give = side == STREAM_DRIVER ? *output : *input,
		.take = side == STREAM_DRIVER ? *input : *output,
		.session = load_relaxed(&board->session),
		.room = room,
		.turns = calloc((size_t)room + 1, sizeof(*end->turns)),
		.places = calloc((size_t)room + 1, sizeof(*end->places)),
		.areas = calloc((size_t)room + 1, sizeof(*end->areas)),
	};
	if (!end->turns || !end->places || !end->areas) {
		stream_end_deinit(end);
		return -ENOMEM;
	}
	stream_end_move(end, output->queue, input->queue, tally);
	stream_end_reset(end);
	return 0;
}

void stream_end_move(struct stream_end *end, IOStreamBufferQueue *output,
		     IOStreamBufferQueue *input, struct stream_tally *tally)
{
	bool is_driver = end->side == STREAM_DRIVER;

	end->give.queue = is_driver ? output : input;
	end->take.queue = is_driver ? input : output;
	end->count = &tally->sides[end->side];
	end->peer = &tally->sides[is_driver ? STREAM_CLIENT : STREAM_DRIVER];
	end->shared_turns = stream_tally_turns(tally, end->room, end->side);
}

void stream_end_deinit(struct stream_end *end)
{
	free(end->turns);
	free(end->places);
	free(end->areas);
	*end = (struct stream_end){ 0 };
}

/* Turns and an epoch that a program keeps are its own. */
static void reset_tally(struct stream_end *end)
{
	for (uint32_t i = 0; i < end->room; i++)
		store_relaxed(&end->shared_turns[i], 0);
	/* Release: who sees the epoch sees turns and indices of it. */
	store_release(&end->count->epoch, end->epoch);
}

static void reset_to(struct stream_end *end, uint32_t epoch)
{
	end->epoch = epoch;
	end->head = end->tail = end->n_given = 0;
	end->gap = false;
	for (uint32_t i = 0; i < end->room; i++)
		end->turns[i] = 0;
	store_relaxed(&end->count->payload_at_start, load_relaxed(&end->count->frames));
	if (!end->is_follower)
		reset_tally(end);
}

void stream_end_reset(struct stream_end *end)
{
	reset_to(end, epoch_of(load_acquire(&end->board->moment)));
}

/* It is passed or taken: once more, and it changes hands. */
static void turn(struct stream_end *end, uint32_t id)
{
	store_relaxed(&end->shared_turns[id], ++end->turns[id]);
}

/* It is passed. */
static void count_given(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	end->places[entry->bufferID] = end->n_given++;
	/* What a client gives back of an output stream is empty. */
	if (end->side == STREAM_CLIENT && load_relaxed(&end->board->mode) == kIOStreamModeOutput)
		return;
	COUNT(end->count->frames, 1);
	COUNT(end->count->bytes, entry->dataLength);
}

static bool is_buffer(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	/* Who was told of it has seen the board with it, and we have seen what he passed then. */
	if (entry->bufferID >= end->n_buffers && entry->bufferID < end->room && end->meet)
		end->meet(end);
	return entry->bufferID < end->n_buffers &&
	       stream_entry_fits(entry, end->areas[entry->bufferID].data,
				 end->areas[entry->bufferID].control);
}

/*
 * Has the other end not noticed yet that the rings were emptied? Only a program that keeps its end
 * can be so late; then its indices may be what they were before, and stay so until it notices.
 */
static bool peer_is_late(const struct stream_end *end)
{
	return load_relaxed(&end->peer->is_kept) && load_acquire(&end->peer->epoch) != end->epoch;
}

/* How far the other end has taken; any number. */
static uint32_t peer_tail(const struct stream_end *end)
{
	return peer_is_late(end) ? 0 : load_acquire(&end->give.queue->tailIndex);
}

/* The other end has not even taken it. */
static bool is_on_ring(const struct stream_end *end, uint32_t id)
{
	uint32_t tail = peer_tail(end);

	return tail < end->give.entry_count &&
	       end->n_given - end->places[id] <= stream_ring_distance(&end->give, tail, end->head);
}

/* The other end may have passed it. */
static bool may_come(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	return is_buffer(end, entry) && !stream_end_has(end, entry->bufferID) &&
	       (end->side == STREAM_CLIENT || !is_on_ring(end, entry->bufferID));
}

static IOReturn spoiled(struct stream_end *end)
{
	COUNT(end->count->errors, 1);
	return kIOReturnInternalError;
}

static IOReturn overrun(struct stream_end *end)
{
	COUNT(end->count->overruns, 1);
	if (end->side == STREAM_DRIVER)
		COUNT(end->count->dropped, 1);
	return kIOReturnOverrun;
}

/* Of another session all is closed. What was before the rings were emptied is forgotten. */
static IOReturn catch_up(struct stream_end *end, uint32_t moment, IOReturn result)
{
	if (result != kIOReturnNoDevice && load_relaxed(&end->board->session) != end->session)
		return kIOReturnNotOpen;
	if (result == kIOReturnSuccess && epoch_of(moment) != end->epoch)
		reset_to(end, epoch_of(moment));
	return result;
}

/* May it be done now? */
static IOReturn begin(struct stream_end *end, enum stream_operation by_driver,
		      enum stream_operation by_client)
{
	const struct stream_board *board = end->board;
	uint32_t moment = load_acquire(&board->moment);

	return catch_up(end, moment,
			stream_allows(end->side == STREAM_DRIVER ? by_driver : by_client,
				      moment & STREAM_STATE_MASK, load_relaxed(&board->mode)));
}

/*
 * fsd may have emptied the rings while we were at it; then an index or a turn of ours that came
 * after that is wrong, and nobody but us stores it until we do the next thing. With the fences of
 * both, either we see the new epoch, or fsd's zeros came after what we stored.
 */
static bool was_emptied(struct stream_end *end)
{
	full_fence();
	if (epoch_of(load_relaxed(&end->board->moment)) == end->epoch)
		return false;
	store_release(&end->give.queue->headIndex, 0);
	store_release(&end->take.queue->tailIndex, 0);
	stream_end_reset(end);
	return true;
}

/* @entry: a copy. */
static IOReturn pass(struct stream_end *end, IOStreamBufferQueueEntry entry)
{
	int r;

	if (!is_buffer(end, &entry))
		return kIOReturnBadArgument;
	if (!stream_end_has(end, entry.bufferID))
		return kIOReturnBusy;
	r = stream_ring_put(&end->give, peer_tail(end), &end->head, &entry);
	if (r == 0)
		turn(end, entry.bufferID);
	if (was_emptied(end))
		return kIOReturnNotReady;
	if (r < 0)
		return r == -EAGAIN ? overrun(end) : spoiled(end);
	count_given(end, &entry);
	end->gap = false;
	return kIOReturnSuccess;
}

IOReturn stream_end_give(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result = begin(end, STREAM_ENQUEUE_OUTPUT, STREAM_ENQUEUE_INPUT);

	return result == kIOReturnSuccess ? pass(end, *entry) : result;
}

IOReturn stream_end_post(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result;

	if (end->side != STREAM_DRIVER)
		return kIOReturnNotPermitted;
	result = catch_up(end, load_acquire(&end->board->moment), kIOReturnSuccess);
	return result == kIOReturnSuccess ? pass(end, *entry) : result;
}

IOReturn stream_end_take(struct stream_end *end, IOStreamBufferQueueEntry *ret)
{
	IOReturn result = begin(end, STREAM_DEQUEUE_INPUT, STREAM_DEQUEUE_OUTPUT);
	IOStreamBufferQueueEntry entry;

	if (result != kIOReturnSuccess)
		return result;
	/* As many as there can be at most: the other end may go on putting bad ones. */
	for (uint32_t i = 0; i < end->take.entry_count; i++) {
		int r = peer_is_late(end) ? -EAGAIN :
					    stream_ring_get(&end->take, &end->tail, &entry);
		bool is_good;

		if (r < 0)
			return r == -EAGAIN ? kIOReturnUnderrun : spoiled(end);
		is_good = may_come(end, &entry);
		if (is_good)
			turn(end, entry.bufferID);
		if (was_emptied(end))
			return kIOReturnNotReady;
		if (is_good) {
			COUNT(end->count->taken, 1);
			*ret = entry;
			return kIOReturnSuccess;
		}
		spoiled(end);
	}
	return kIOReturnUnderrun;
}

/* What the tally says; of an epoch before, the program has done nothing in this one. */
static void follow_tally(struct stream_end *end)
{
	uint32_t epoch = epoch_of(load_acquire(&end->board->moment));
	bool is_late = load_acquire(&end->count->epoch) != epoch;
	uint32_t head = is_late ? 0 : load_acquire(&end->give.queue->headIndex);
	uint32_t tail = is_late ? 0 : load_acquire(&end->take.queue->tailIndex);

	if (head < end->give.entry_count)
		end->head = head;
	if (tail < end->take.entry_count)
		end->tail = tail;
	for (uint32_t i = 0; i < end->room; i++)
		end->turns[i] = is_late ? 0 : load_relaxed(&end->shared_turns[i]);
}

/*
 * One more that the program passed. Return: whether it went further; unless @by_force, not before
 * it has the buffer. For what is no buffer there is nothing to wait for.
 */
static bool follow_given(struct stream_end *end, uint32_t head, bool by_force)
{
	IOStreamBufferQueueEntry entry;
	bool is_ours;

	if (end->head == head)
		return false;
	entry = stream_ring_entry(&end->give, end->head);
	is_ours = is_buffer(end, &entry);
	if (is_ours && !stream_end_has(end, entry.bufferID)) {
		is_ours = false;
		if (!by_force)
			return false;
	}
	end->head = stream_ring_next(&end->give, end->head);
	if (is_ours) {
		turn(end, entry.bufferID);
		count_given(end, &entry);
	}
	return true;
}

static bool follow_taken(struct stream_end *end, uint32_t tail, bool by_force)
{
	IOStreamBufferQueueEntry entry;
	bool is_ours;

	if (end->tail == tail)
		return false;
	entry = stream_ring_entry(&end->take, end->tail);
	is_ours = is_buffer(end, &entry);
	if (is_ours && stream_end_has(end, entry.bufferID)) {
		is_ours = false;
		if (!by_force)
			return false;
	}
	end->tail = stream_ring_next(&end->take, end->tail);
	if (is_ours) {
		turn(end, entry.bufferID);
		COUNT(end->count->taken, 1);
	}
	return true;
}

/* Where the program is. Return: whether that was one moment, and not a head from before a tail. */
static bool look(const struct stream_end *end, uint32_t *ret_head, uint32_t *ret_tail)
{
	uint32_t head = load_acquire(&end->give.queue->headIndex), tail, before;
	int n_looks = 0;

	do {
		before = head;
		tail = load_acquire(&end->take.queue->tailIndex);
		head = load_acquire(&end->give.queue->headIndex);
	} while (head != before && ++n_looks < MOST_LOOKS);

	*ret_head = head < end->give.entry_count ? head : end->head;
	*ret_tail = tail < end->take.entry_count ? tail : end->tail;
	return head == before;
}

/*
 * The program took and passed, in an order that the rings do not tell; but it can pass
 * only what it has, and take what it has not: for each buffer there is one order.
 * What fits into none is the program's fault, and passed over; or, if that was not one moment,
 * looked at again the next time.
 */
static void follow_rings(struct stream_end *end)
{
	uint32_t head, tail;
	bool is_moment = look(end, &head, &tail);

	while (end->head != head || end->tail != tail) {
		if (follow_given(end, head, false) || follow_taken(end, tail, false))
			continue;
		if (!is_moment)
			return;
		if (!follow_given(end, head, true))
			follow_taken(end, tail, true);
	}
}

void stream_end_follow(struct stream_end *end, bool is_kept)
{
	end->is_follower = is_kept;
	if (is_kept)
		follow_tally(end);
	else
		follow_rings(end);
}

enum stream_holder stream_holder(const struct stream_end *driver, const struct stream_end *client,
				 uint32_t id)
{
	uint32_t given = driver->turns[id], had = client->turns[id];

	if (given % 2 == 0)
		return STREAM_WITH_DRIVER;
	if (had % 2 != 0)
		return STREAM_WITH_CLIENT;
	return had - given == 1 ? STREAM_ON_INPUT : STREAM_ON_OUTPUT;
}

void stream_end_drop(struct stream_end *end, uint64_t n)
{
	COUNT(end->count->dropped, n);
	end->gap = true;
}
