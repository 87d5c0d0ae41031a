/* SPDX-License-Identifier: MIT */
/*
 * fuzz_observe - who only looks, at two files that anybody may have written
 *
 * ring_observe() and an observer's calls are compared with a walk over the same
 * memory by the model.
 */
#include "model.h"

static const struct queue *queue;

static bool is_sound(void)
{
	const struct queue_data *data = queue->peer.data;

	return memcmp(data, "IODQRNG1\1\0\0\0\0\20\0\0", 16) == 0 &&
	       memcmp(queue->peer.consumer, "IODQCON1\1\0\0\0", 12) == 0 &&
	       data->queue_size == queue->geometry.queue_size &&
	       data->capacity == queue->geometry.capacity &&
	       data->max_entry == queue->geometry.max_entry;
}

/* Return: how many entries there are, or -EIO. */
static int64_t model_count(uint64_t head, uint64_t tail)
{
	struct seen seen = { 0 };
	int64_t n = 0;
	int r;

	if (!are_positions(head, tail, queue->geometry.queue_size))
		return -EIO;
	while ((r = model_find(queue, head, tail, &seen)) == 0) {
		head += seen.gap + space_of(seen.size);
		n++;
	}
	return r == -ENODATA ? n : r;
}

/* The largest payload that fits: tried one by one, from the largest. */
static uint64_t model_free(uint64_t head, uint64_t tail)
{
	uint64_t room = queue->geometry.queue_size - (tail - head);
	uint64_t size = queue->geometry.max_entry;

	while (size > 0 && model_span(queue->geometry.queue_size, tail, size) > room)
		size--;
	return size;
}

static void observe(void)
{
	uint64_t head = queue->peer.consumer->head, tail = queue->peer.data->tail;
	int64_t n = is_sound() ? model_count(head, tail) : -EIO;
	struct ring_status status;

	ring_observe(&queue->ours, &queue->geometry, &status);
	CHECK(status.corrupt == (n < 0));
	CHECK(status.enqueued == queue->peer.data->enqueued);
	CHECK(status.dequeued == queue->peer.consumer->dequeued);
	CHECK(status.overruns == queue->peer.data->overruns);
	if (n < 0) {
		CHECK(status.entries == 0 && status.used == 0 && status.free == 0);
		return;
	}
	CHECK(status.entries == (uint64_t)n && status.used == tail - head);
	CHECK(status.free == model_free(head, tail));
}

static void peek(struct ring *ring)
{
	uint64_t head = queue->peer.consumer->head, tail = queue->peer.data->tail, position;
	const struct queue_entry *entry;
	struct seen seen = { 0 };
	uint32_t size;
	int r = ring->error;

	if (r == 0)
		r = are_positions(head, tail, queue->geometry.queue_size) ?
			    model_find(queue, head, tail, &seen) : -EIO;
	CHECK(ring_available(ring) == (r == -ENODATA ? 0 : r < 0 ? r : 1));
	CHECK(ring_peek(ring, &entry, &size, &position) == r);
	if (r < 0)
		return;

	CHECK((const unsigned char *)entry == queue->ours.data->queue + seen.offset);
	CHECK(size == seen.size && position == head + seen.gap);
}

static void change(struct input *input, unsigned what)
{
	uint64_t *words = (uint64_t *)(void *)queue->peer.data;
	uint64_t *page = (uint64_t *)(void *)queue->peer.consumer;
	uint64_t offset, position;
	uint32_t size;

	switch (what) {
	case 0:
	case 1:
	case 2:
		size = take_size(input, queue->geometry.max_entry);
		forge_entry(queue, size, (unsigned char)size);
		break;
	case 3:
		position = take_byte(input) & 1 ? queue->peer.data->tail :
						  queue->peer.consumer->head;
		offset = position % queue->geometry.queue_size / 8 * 8;
		words[(QUEUE_PAGE + offset) / 8] = take_header(input, queue, offset);
		break;
	case 4:
		offset = take(input, 2) * 8 % queue->geometry.queue_size;
		words[(QUEUE_PAGE + offset) / 8] = take_header(input, queue, offset);
		break;
	case 5:
		queue->peer.data->tail = take_word(input, queue);
		break;
	case 6:
		queue->peer.consumer->head = take_word(input, queue);
		break;
	case 7:
		words[take_byte(input) % 64] = take_word(input, queue);
		break;
	default:
		page[take_byte(input) % 64] = take_word(input, queue);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	struct ring ring;

	queue = take_queue(&input, ROLE_OBSERVER);
	CHECK(ring_attach(&ring, ROLE_OBSERVER, &queue->ours, &queue->geometry) == 0);
	for (unsigned step = 0; goes_on(&input, &step);) {
		uint8_t what = take_byte(&input);

		if (what % 4 != 0) {
			change(&input, what / 4 % 9);
			continue;
		}
		observe();
		peek(&ring);
		if (what & 64)
			CHECK(ring_attach(&ring, ROLE_OBSERVER, &queue->ours, &queue->geometry) ==
			      (is_sound() ? 0 : -EIO));
	}
	return 0;
}
