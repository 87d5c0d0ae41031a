/* SPDX-License-Identifier: MIT */
/*
 * trust - what the other side wrote, checked
 */
#include <errno.h>
#include <string.h>

#include "trust.h"

/* Each word is read once; what is kept is what was checked. */
bool read_geometry(const struct mapping *memory, struct geometry *ret)
{
	const struct queue_data *data = memory->data;
	const struct queue_consumer *consumer = memory->consumer;
	struct geometry least, shared = {
		.queue_size = load_relaxed(&data->queue_size),
		.capacity = load_relaxed(&data->capacity),
		.max_entry = load_relaxed(&data->max_entry),
	};

	if (memory->n_data < QUEUE_PAGE || memory->n_consumer < QUEUE_PAGE)
		return false;
	if (memcmp(data->magic, QUEUE_MAGIC, sizeof(data->magic)) != 0 ||
	    memcmp(consumer->magic, QUEUE_CONSUMER_MAGIC, sizeof(consumer->magic)) != 0 ||
	    load_relaxed(&data->version) != QUEUE_VERSION ||
	    load_relaxed(&consumer->version) != QUEUE_VERSION ||
	    load_relaxed(&data->header_size) != QUEUE_PAGE)
		return false;
	if (shared.queue_size == 0 || shared.queue_size % QUEUE_PAGE != 0 ||
	    shared.queue_size > memory->n_data - QUEUE_PAGE)
		return false;
	/* The Room rule; the ring may be larger than it needs to be. */
	if (geometry_make(shared.capacity, shared.max_entry, &least) < 0 ||
	    least.queue_size > shared.queue_size)
		return false;

	*ret = shared;
	return true;
}

bool same_geometry(const struct geometry *a, const struct geometry *b)
{
	return a->queue_size == b->queue_size && a->capacity == b->capacity &&
	       a->max_entry == b->max_entry;
}

/*
 * May an entry with this @header stand at @offset of the ring, with @n bytes
 * published from there on? The header was loaded once.
 */
static bool entry_sound(const struct geometry *geometry, uint64_t offset, uint64_t n,
			uint64_t header)
{
	uint64_t left = geometry->queue_size - offset;
	uint64_t space = entry_space((uint32_t)header);

	if (space > n || space > left)
		return false;
	if (header >> 32 == QUEUE_GAP)
		return sizeof(struct queue_entry) + (uint32_t)header == left;
	return header <= geometry->max_entry;
}

static uint64_t header_at(const struct queue_data *data, uint64_t offset)
{
	return load_relaxed((const entry_word *)(data->queue + offset));
}

int find_entry(const struct queue_data *data, const struct geometry *geometry,
	       uint64_t offset, uint64_t n, struct found *ret)
{
	uint64_t header, gap = 0;

	if (n == 0)
		return -ENODATA;

	header = header_at(data, offset);				/* C2 */
	if (!entry_sound(geometry, offset, n, header))
		return -EIO;
	if (header >> 32 == QUEUE_GAP) {
		gap = geometry->queue_size - offset;
		offset = 0;
		header = header_at(data, offset);
		/* No producer publishes a gap alone, or two. */
		if (header >> 32 == QUEUE_GAP || !entry_sound(geometry, offset, n - gap, header))
			return -EIO;
	}

	ret->payload = data->queue + offset + sizeof(struct queue_entry);
	ret->gap = gap;
	ret->size = (uint32_t)header;
	return 0;
}
