/* SPDX-License-Identifier: MIT */
/*
 * observe - a queue as it looks from outside, while others use it
 *
 * An observer owns no word, so nothing holds still for it. What it saw counts
 * if `head` was the same before and after: from there on nothing is overwritten
 * until head moves.
 */
#include <errno.h>

#include "trust.h"
#include "observe.h"

/* How often to look at something that moves before making do without. */
#define N_TRIES			8
#define N_ENTRIES_WALKED	65536

/*
 * Both positions, as they stood together: `head` was the same before and after
 * `tail` was read.
 * Return: 0, -EAGAIN when they do not hold still, or -EIO.
 */
static int observe_positions(const struct mapping *memory, const struct geometry *geometry,
			     uint64_t *ret_head, uint64_t *ret_tail)
{
	for (int i = 0; i < N_TRIES; i++) {
		uint64_t head = load_acquire(&memory->consumer->head);
		uint64_t tail = load_acquire(&memory->data->tail);

		if (load_acquire(&memory->consumer->head) != head)
			continue;
		if (!positions_sound(head, tail, geometry->queue_size))
			return -EIO;

		*ret_head = head;
		*ret_tail = tail;
		return 0;
	}
	return -EAGAIN;
}

/* Until head moves, nothing from there on is overwritten. */
static bool head_is_still(const struct mapping *memory, uint64_t head)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return load_relaxed(&memory->consumer->head) == head;
}

int observe_next(const struct mapping *memory, const struct geometry *geometry,
		 struct found *ret, uint64_t *ret_head)
{
	uint64_t head, tail;
	int r = -EAGAIN;

	for (int i = 0; i < N_TRIES && r == -EAGAIN; i++) {
		r = observe_positions(memory, geometry, &head, &tail);
		if (r < 0)
			continue;
		r = find_entry(memory->data, geometry, head % geometry->queue_size, tail - head, ret);
		if (!head_is_still(memory, head))
			r = -EAGAIN;
	}
	if (r == 0)
		*ret_head = head;
	/* Entries that pass too quickly to be seen: none stands there. */
	return r == -EAGAIN ? -ENODATA : r;
}

/* Return: 0, -E2BIG when there are too many, or -EIO. */
static int count_entries(const struct queue_data *data, const struct geometry *geometry,
			 uint64_t head, uint64_t tail, uint64_t *ret)
{
	uint64_t offset = head % geometry->queue_size, n = 0;
	struct found found;
	int r;

	while ((r = find_entry(data, geometry, offset, tail - head, &found)) == 0) {
		uint64_t space = entry_space(found.size);

		if (++n > N_ENTRIES_WALKED)
			return -E2BIG;
		head += found.gap + space;
		offset = (found.gap ? 0 : offset) + space;
		if (offset == geometry->queue_size)
			offset = 0;
	}
	if (r != -ENODATA)
		return r;

	*ret = n;
	return 0;
}

/* The largest payload that fits, before the ring's end or, with a gap, behind. */
static uint64_t largest_payload(const struct geometry *geometry, uint64_t head, uint64_t tail)
{
	uint64_t room = geometry->queue_size - (tail - head);
	uint64_t left = geometry->queue_size - tail % geometry->queue_size;
	uint64_t space = smaller(room, left);

	if (room > left && room - left > space)
		space = room - left;
	if (space < sizeof(struct queue_entry))
		return 0;
	return smaller(space - sizeof(struct queue_entry), geometry->max_entry);
}

/* Return: 0, -EAGAIN when the queue did not hold still, or -EIO. */
static int observe_entries(const struct mapping *memory, const struct geometry *geometry,
			   struct ring_status *status)
{
	uint64_t head, tail;
	int r;

	r = observe_positions(memory, geometry, &head, &tail);
	if (r < 0)
		return r;

	status->used = tail - head;
	status->free = largest_payload(geometry, head, tail);
	r = count_entries(memory->data, geometry, head, tail, &status->entries);
	if (r == 0 || r == -E2BIG)
		return r == 0 ? 0 : -EAGAIN;
	return head_is_still(memory, head) ? r : -EAGAIN;
}

void ring_observe(const struct mapping *memory, const struct geometry *geometry,
		  struct ring_status *ret)
{
	const struct queue_data *data = memory->data;
	const struct queue_consumer *consumer = memory->consumer;
	struct geometry shared;
	int r = -EAGAIN;

	*ret = (struct ring_status){
		.enqueued = load_relaxed(&data->enqueued),
		.dequeued = load_relaxed(&consumer->dequeued),
		.overruns = load_relaxed(&data->overruns),
		.data_notifications = load_relaxed(&data->data_sequence),
		.space_notifications = load_relaxed(&consumer->space_sequence),
	};
	if (!read_geometry(memory, &shared) || !same_geometry(&shared, geometry)) {
		ret->corrupt = true;
		return;
	}

	for (int i = 0; i < N_TRIES && r == -EAGAIN; i++)
		r = observe_entries(memory, geometry, ret);
	if (r == -EAGAIN)
		ret->entries = ret->enqueued - ret->dequeued;
	if (r == -EIO) {
		ret->entries = ret->used = ret->free = 0;
		ret->corrupt = true;
	}
}
