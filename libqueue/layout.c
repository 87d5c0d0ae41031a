/* SPDX-License-Identifier: MIT */
/*
 * layout - how big a queue's memory is, and how it begins
 *
 * Q, the bytes of the ring, is max(C, e(max_entry)) + e(max_entry), in whole
 * pages. Then an entry always fits while the bytes in use and its own are
 * within C, and an empty queue takes any entry: wherever the entries lie, less
 * than e(max_entry) bytes are lost to the gap before the ring's end.
 */
#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "layout.h"

/* Return: 0, or -EINVAL where the sum passes 64 bits. */
static int round_up(uint64_t value, uint64_t unit, uint64_t *ret)
{
	if (__builtin_add_overflow(value, unit - 1, &value))
		return -EINVAL;

	*ret = value / unit * unit;
	return 0;
}

int geometry_make(uint64_t capacity, uint64_t max_entry, struct geometry *ret)
{
	uint64_t entry, queue_size;

	if (max_entry > UINT32_MAX || round_up(capacity, 8, &capacity) < 0)
		return -EINVAL;

	entry = entry_space(max_entry);
	queue_size = capacity > entry ? capacity : entry;
	if (__builtin_add_overflow(queue_size, entry, &queue_size) ||
	    round_up(queue_size, QUEUE_PAGE, &queue_size) < 0 ||
	    queue_size > INT64_MAX - QUEUE_PAGE)
		return -EINVAL;

	*ret = (struct geometry){
		.queue_size = queue_size,
		.capacity = capacity,
		.max_entry = (uint32_t)max_entry,
	};
	return 0;
}

int geometry_with_capacity(uint64_t capacity, struct geometry *ret)
{
	if (round_up(capacity, 8, &capacity) < 0)
		return -EINVAL;

	return geometry_make(capacity, capacity ? capacity - sizeof(struct queue_entry) : 0, ret);
}

int geometry_with_entries(uint64_t n_entries, uint64_t entry_size, struct geometry *ret)
{
	uint64_t capacity;

	if (entry_size > UINT32_MAX ||
	    __builtin_mul_overflow(n_entries, entry_space(entry_size), &capacity))
		return -EINVAL;

	return geometry_make(capacity, entry_size, ret);
}

void layout_format(struct queue_data *data, struct queue_consumer *consumer,
		   const struct geometry *geometry)
{
	uint32_t generation = load_relaxed(&data->generation);

	memset(data, 0, QUEUE_PAGE);
	memset(consumer, 0, QUEUE_PAGE);

	data->version = QUEUE_VERSION;
	data->header_size = QUEUE_PAGE;
	data->queue_size = geometry->queue_size;
	data->capacity = geometry->capacity;
	data->max_entry = geometry->max_entry;
	data->generation = generation;
	consumer->version = QUEUE_VERSION;

	memcpy(consumer->magic, QUEUE_CONSUMER_MAGIC, sizeof(consumer->magic));
	memcpy(data->magic, QUEUE_MAGIC, sizeof(data->magic));
}
