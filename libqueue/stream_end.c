/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "stream_end.h"

/* Counts are one end's to write; others only look. */
#define COUNT(word, by)	store_relaxed(&(word), load_relaxed(&(word)) + (by))

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
		.count = &tally->sides[side],
		.shared_turns = stream_tally_turns(tally, room, side),
		.session = load_relaxed(&board->session),
		.room = room,
		.turns = calloc(room + 1, sizeof(*end->turns)),
		.places = calloc(room + 1, sizeof(*end->places)),
		.areas = calloc(room + 1, sizeof(*end->areas)),
	};
	if (!end->turns || !end->places || !end->areas) {
		stream_end_deinit(end);
		return -ENOMEM;
	}
	stream_end_reset(end);
	return 0;
}

void stream_end_deinit(struct stream_end *end)
{
	free(end->turns);
	free(end->places);
	free(end->areas);
	*end = (struct stream_end){ 0 };
}

void stream_end_reset(struct stream_end *end)
{
	end->epoch = epoch_of(load_acquire(&end->board->moment));
	end->head = end->tail = end->n_given = 0;
	end->gap = false;
	for (uint32_t i = 0; i < end->room; i++) {
		end->turns[i] = 0;
		store_relaxed(&end->shared_turns[i], 0);
	}
	store_relaxed(&end->count->epoch, end->epoch);
	store_relaxed(&end->count->payload_at_start, load_relaxed(&end->count->frames));
}

/* It is passed or taken: once more, and it changes hands. */
static void turn(struct stream_end *end, uint32_t id)
{
	store_relaxed(&end->shared_turns[id], ++end->turns[id]);
}

static void count_given(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	end->places[entry->bufferID] = end->n_given++;
	turn(end, entry->bufferID);
	/* What a client gives back of an output stream is empty. */
	if (end->side == STREAM_CLIENT && load_relaxed(&end->board->mode) == kIOStreamModeOutput)
		return;
	COUNT(end->count->frames, 1);
	COUNT(end->count->bytes, entry->dataLength);
}

static bool is_buffer(const struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	return entry->bufferID < end->n_buffers &&
	       stream_entry_fits(entry, end->areas[entry->bufferID].data,
				 end->areas[entry->bufferID].control);
}

/* The other end has not even taken it. */
static bool is_on_ring(const struct stream_end *end, uint32_t id)
{
	uint32_t length;

	return stream_ring_length(&end->give, &length) == 0 &&
	       end->n_given - end->places[id] <= length;
}

/* The other end may have passed it. */
static bool may_come(const struct stream_end *end, const IOStreamBufferQueueEntry *entry)
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

/* May it be done now? What was before the rings were emptied is forgotten. */
static IOReturn begin(struct stream_end *end, enum stream_operation by_driver,
		      enum stream_operation by_client)
{
	const struct stream_board *board = end->board;
	uint32_t moment = load_acquire(&board->moment);
	IOReturn result = stream_allows(end->side == STREAM_DRIVER ? by_driver : by_client,
					moment & STREAM_STATE_MASK, load_relaxed(&board->mode));

	if (result == kIOReturnSuccess && load_relaxed(&board->session) != end->session)
		result = kIOReturnNotOpen;
	if (result == kIOReturnSuccess && epoch_of(moment) != end->epoch)
		stream_end_reset(end);
	return result;
}

/*
 * fsd may have emptied the rings while we were at it; then an index of ours that came after
 * that is wrong, and nobody but us stores it until we do the next thing.
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

IOReturn stream_end_give(struct stream_end *end, const IOStreamBufferQueueEntry *entry)
{
	IOReturn result = begin(end, STREAM_ENQUEUE_OUTPUT, STREAM_ENQUEUE_INPUT);
	int r;

	if (result != kIOReturnSuccess)
		return result;
	if (!is_buffer(end, entry))
		return kIOReturnBadArgument;
	if (!stream_end_has(end, entry->bufferID))
		return kIOReturnBusy;
	r = stream_ring_put(&end->give, &end->head, entry);
	if (r < 0)
		return r == -EAGAIN ? overrun(end) : spoiled(end);
	if (was_emptied(end))
		return kIOReturnNotReady;
	count_given(end, entry);
	end->gap = false;
	return kIOReturnSuccess;
}

IOReturn stream_end_take(struct stream_end *end, IOStreamBufferQueueEntry *ret)
{
	IOReturn result = begin(end, STREAM_DEQUEUE_INPUT, STREAM_DEQUEUE_OUTPUT);
	IOStreamBufferQueueEntry entry;

	if (result != kIOReturnSuccess)
		return result;
	/* As many as there can be at most: the other end may go on putting bad ones. */
	for (uint32_t i = 0; i < end->take.entry_count; i++) {
		int r = stream_ring_get(&end->take, &end->tail, &entry);

		if (r < 0)
			return r == -EAGAIN ? kIOReturnUnderrun : spoiled(end);
		if (was_emptied(end))
			return kIOReturnNotReady;
		if (may_come(end, &entry)) {
			turn(end, entry.bufferID);
			COUNT(end->count->taken, 1);
			*ret = entry;
			return kIOReturnSuccess;
		}
		spoiled(end);
	}
	return kIOReturnUnderrun;
}

/* What the tally says; an index that is none stays what it was. */
static void follow_tally(struct stream_end *end)
{
	uint32_t head = load_acquire(&end->give.queue->headIndex);
	uint32_t tail = load_acquire(&end->take.queue->tailIndex);

	if (head < end->give.entry_count)
		end->head = head;
	if (tail < end->take.entry_count)
		end->tail = tail;
	for (uint32_t i = 0; i < end->room; i++)
		end->turns[i] = load_relaxed(&end->shared_turns[i]);
}

/* One more that the program passed. Return: whether it went further; not before it has the buffer. */
static bool follow_given(struct stream_end *end, uint32_t head, bool by_force)
{
	IOStreamBufferQueueEntry entry;
	bool is_good;

	if (end->head == head)
		return false;
	entry = stream_ring_entry(&end->give, end->head);
	is_good = is_buffer(end, &entry) && stream_end_has(end, entry.bufferID);
	if (!is_good && !by_force)
		return false;
	end->head = stream_ring_next(&end->give, end->head);
	if (is_good)
		count_given(end, &entry);
	return true;
}

static bool follow_taken(struct stream_end *end, uint32_t tail, bool by_force)
{
	IOStreamBufferQueueEntry entry;
	bool is_good;

	if (end->tail == tail)
		return false;
	entry = stream_ring_entry(&end->take, end->tail);
	is_good = is_buffer(end, &entry) && !stream_end_has(end, entry.bufferID);
	if (!is_good && !by_force)
		return false;
	end->tail = stream_ring_next(&end->take, end->tail);
	if (is_good) {
		turn(end, entry.bufferID);
		COUNT(end->count->taken, 1);
	}
	return true;
}

/*
 * The program took and passed, in an order that the rings do not tell; but it can pass
 * only what it has, and take what it has not: for each buffer there is one order.
 * What fits into none is the program's fault, and passed over.
 */
static void follow_rings(struct stream_end *end)
{
	uint32_t head = load_acquire(&end->give.queue->headIndex);
	uint32_t tail = load_acquire(&end->take.queue->tailIndex);

	if (head >= end->give.entry_count)
		head = end->head;
	if (tail >= end->take.entry_count)
		tail = end->tail;
	while (end->head != head || end->tail != tail)
		if (!follow_given(end, head, false) && !follow_taken(end, tail, false) &&
		    !follow_given(end, head, true))
			follow_taken(end, tail, true);
}

void stream_end_follow(struct stream_end *end, bool is_kept)
{
	if (is_kept)
		follow_tally(end);
	else
		follow_rings(end);
}

enum stream_holder stream_holder(const struct stream_end *driver, const struct stream_end *client,
				 uint32_t id)
{
	uint32_t given = driver->turns[id], had = client->turns[id];

	if (given - had == 1)
		return STREAM_ON_OUTPUT;
	if (had - given == 1)
		return STREAM_ON_INPUT;
	return given == had && given % 2 ? STREAM_WITH_CLIENT : STREAM_WITH_DRIVER;
}

void stream_end_drop(struct stream_end *end, uint64_t n)
{
	COUNT(end->count->dropped, n);
	end->gap = true;
}
