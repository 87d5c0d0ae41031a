/* SPDX-License-Identifier: MIT */
/*
 * fuzz_dequeue - a consumer, and a producer that changes any word of `data`
 * between two calls
 *
 * Each result is compared with the model's, so that a lie is not only survived
 * but found. The consumer sees `data` read-only, and no byte beside it.
 */
#include "model.h"

#define N_BATCH		8

struct side {
	const struct queue *queue;
	struct ring ring;
	uint64_t head, tail, dequeued;	/* what the ring has to know */
	int error;
	bool peeked;			/* and nothing was consumed since */
	struct seen seen;		/* by the last peek */
	uint32_t sequence, rung;
};

static unsigned char buffer[N_PAYLOAD];

/* @n bytes, with no byte behind them that may be written. */
static unsigned char *room_of(size_t n)
{
	return buffer + sizeof(buffer) - n;
}

static void attach(struct side *side)
{
	const struct queue_data *data = side->queue->peer.data;
	bool sound;
	int r;

	side->head = side->queue->peer.consumer->head;
	side->tail = data->tail;
	side->dequeued = side->queue->peer.consumer->dequeued;
	side->peeked = false;
	sound = memcmp(data, "IODQRNG1\1\0\0\0\0\20\0\0", 16) == 0 &&
		data->queue_size == side->queue->geometry.queue_size &&
		data->capacity == side->queue->geometry.capacity &&
		data->max_entry == side->queue->geometry.max_entry &&
		are_positions(side->head, side->tail, data->queue_size);
	r = ring_attach(&side->ring, ROLE_CONSUMER, &side->queue->ours, &side->queue->geometry);
	CHECK(r == (sound ? 0 : -EIO));
	side->error = r;
	if (r < 0)
		return;

	wait_attach(&side->ring);
	side->rung = data->producer_flags & QUEUE_PACED ? data->space_wait : 0;
}

static int model_look(struct side *side)
{
	uint64_t tail = side->queue->peer.data->tail;

	if (side->error)
		return side->error;
	if (!are_positions(side->head, tail, side->queue->geometry.queue_size))
		return side->error = -EIO;
	side->tail = tail;
	return 0;
}

static int model_next(struct side *side, struct seen *ret)
{
	int r = side->error;

	if (r == 0 && side->head == side->tail)
		r = model_look(side);
	if (r == 0)
		r = model_find(side->queue, side->head, side->tail, ret);
	if (r == -EIO)
		side->error = r;
	return r;
}

static void pass(struct side *side, const struct seen *seen)
{
	side->head += seen->gap + space_of(seen->size);
	side->dequeued++;
	side->peeked = false;
}

/* What the model takes with a buffer of @room bytes. */
static int model_take(struct side *side, uint64_t room, struct seen *seen)
{
	int r = model_next(side, seen);

	if (r == 0 && seen->size > room)
		return -ENOSPC;
	if (r == 0)
		pass(side, seen);
	return r;
}

static const unsigned char *payload_of(const struct side *side, const struct seen *seen)
{
	return side->queue->peer.data->queue + seen->offset + 8;
}

static void do_dequeue(struct side *side, uint32_t room)
{
	uint32_t size = room;
	struct seen seen = { 0 };
	int r = model_take(side, room, &seen);

	CHECK(ring_dequeue(&side->ring, room_of(room), &size) == r);
	if (r == 0 || r == -ENOSPC)
		CHECK(size == seen.size);
	else
		CHECK(size == room);
	if (r == 0)
		CHECK(memcmp(room_of(room), payload_of(side, &seen), size) == 0);
}

static void do_skip(struct side *side)
{
	struct seen seen = { 0 };
	int r = model_take(side, UINT64_MAX, &seen);

	CHECK(ring_dequeue(&side->ring, NULL, NULL) == r);
}

static void do_batch(struct side *side, uint32_t n, uint32_t room)
{
	static unsigned char buffers[N_BATCH][N_PAYLOAD];
	struct iovec entries[N_BATCH];
	uint32_t n_taken = 0, n_got;
	struct seen seen = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct iovec){ buffers[i] + N_PAYLOAD - room, room };
	CHECK(ring_dequeue_batch(&side->ring, entries, n, &n_got) <= 0);
	while (n_taken < n && (r = model_take(side, room, &seen)) == 0) {
		CHECK(entries[n_taken].iov_len == seen.size);
		CHECK(memcmp(entries[n_taken].iov_base, payload_of(side, &seen), seen.size) == 0);
		n_taken++;
	}
	CHECK(n_got == n_taken);
	if (r == -ENOSPC)
		CHECK(entries[n_taken].iov_len == seen.size);
}

static void do_peek(struct side *side)
{
	const struct queue_entry *entry = NULL;
	uint64_t position = 0;
	uint32_t size = 0;
	struct seen seen = { 0 };
	int r = model_next(side, &seen);

	CHECK(ring_peek(&side->ring, &entry, &size, &position) == r);
	if (r < 0)
		return;

	CHECK((const unsigned char *)entry == side->queue->ours.data->queue + seen.offset);
	CHECK(size == seen.size && position == side->head + seen.gap);
	memcpy(buffer, entry->data, size);
	side->seen = seen;
	side->peeked = true;
}

static void do_release(struct side *side)
{
	int r = ring_release(&side->ring);

	if (side->error || !side->peeked) {
		CHECK(r == (side->error ? side->error : -EINVAL));
		return;
	}
	/* The tail that made it an entry may have been taken back. */
	if (side->seen.gap + space_of(side->seen.size) > side->tail - side->head) {
		CHECK(r == -EIO || r == -EINVAL);
		side->error = r == -EIO ? r : 0;
		side->peeked = false;
		return;
	}
	CHECK(r == 0);
	pass(side, &side->seen);
}

static void do_look(struct side *side)
{
	int r = model_look(side);

	CHECK(ring_look(&side->ring) == r);
}

static int model_available(struct side *side)
{
	if (side->error)
		return side->error;
	if (side->head == side->tail && model_look(side) < 0)
		return side->error;
	return side->head != side->tail;
}

static void do_due(struct side *side)
{
	const struct queue_data *data = side->queue->peer.data;
	uint64_t used = data->tail - side->head, queue_size = side->queue->geometry.queue_size;
	uint64_t wanted = data->space_wanted;
	unsigned how;

	if (side->error)
		return;
	if (wanted == 0)
		wanted = space_of(side->queue->geometry.max_entry);
	if (wanted > queue_size)
		wanted = queue_size;
	how = wait_due(&side->ring);
	/* Flags that nobody honest has may end the turns. */
	if (data->producer_flags == UINT32_MAX)
		return;
	if (data->producer_flags & QUEUE_PACED)
		CHECK(how == model_due(data->space_wait,
				       used <= queue_size && queue_size - used >= wanted,
				       &side->rung));
	else
		CHECK(how == 0 || how == QUEUE_WAIT_FIFO);
	CHECK((side->queue->peer.consumer->data_wait & QUEUE_WAIT_HOW) == 0);
	if (how) {
		wait_ring(&side->ring, how);
		side->sequence++;
	}
}

static void do_arm(struct side *side, unsigned how)
{
	if (side->error)
		return;
	CHECK(wait_arm(&side->ring, how, 0) == model_available(side));
	CHECK((side->queue->peer.consumer->data_wait & QUEUE_WAIT_HOW) == how);
}

static void call(struct side *side, struct input *input, unsigned what)
{
	uint32_t max_entry = side->queue->geometry.max_entry;
	struct ring_status status;

	switch (what) {
	case 0:
		do_dequeue(side, take_size(input, max_entry));
		break;
	case 1:
		do_dequeue(side, max_entry);
		break;
	case 2:
		do_peek(side);
		break;
	case 3:
		do_release(side);
		break;
	case 4: {
		unsigned n = take_byte(input) % (N_BATCH + 1);

		do_batch(side, n, take_size(input, max_entry));
		break;
	}
	case 5:
		CHECK(ring_available(&side->ring) == model_available(side));
		break;
	case 6:
		do_look(side);
		break;
	case 7:
		do_due(side);
		break;
	case 8:
		do_arm(side, take_byte(input) & QUEUE_WAIT_HOW);
		break;
	case 9:
		do_skip(side);
		break;
	case 10:
		attach(side);
		break;
	default:
		ring_observe(&side->queue->ours, &side->queue->geometry, &status);
		if (!side->error)
			wait_disarm(&side->ring);
	}
}

static void change(const struct side *side, struct input *input, unsigned what)
{
	const struct queue *queue = side->queue;
	uint64_t offset = side->head % queue->geometry.queue_size;
	uint64_t *words = (uint64_t *)(void *)queue->peer.data;

	switch (what) {
	case 0:
	case 1: {
		uint32_t size = take_size(input, queue->geometry.max_entry);

		forge_entry(queue, size, (unsigned char)size);
		break;
	}
	case 2:
		store_relaxed(&words[(QUEUE_PAGE + offset) / 8], take_header(input, queue, offset));
		break;
	case 3:
		store_relaxed(&words[QUEUE_PAGE / 8], take_header(input, queue, 0));
		break;
	case 4:
		offset = take(input, 2) * 8 % queue->geometry.queue_size;
		store_relaxed(&words[(QUEUE_PAGE + offset) / 8], take_header(input, queue, offset));
		break;
	case 5:
		store_relaxed(&queue->peer.data->tail, take_word(input, queue));
		break;
	case 6:
		store_relaxed(&words[take_byte(input) % 64], take_word(input, queue));
		break;
	case 7:
		store_relaxed(&queue->peer.data->tail, side->head + 8 * (uint64_t)take_byte(input));
		break;
	default:
		store_relaxed(&queue->peer.data->producer_flags, take_byte(input) & 3);
		store_relaxed(&queue->peer.data->space_wait, take_byte(input));
	}
}

/* What the consumer shows is what it has done. */
static void check_own_words(const struct side *side)
{
	const struct queue_consumer *page = side->queue->peer.consumer;

	CHECK(page->head == side->head && page->dequeued == side->dequeued);
	CHECK(page->space_sequence == side->sequence);
	CHECK(memcmp(page->magic, "IODQCON1\1", 9) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	struct side side = { .queue = take_queue(&input, ROLE_CONSUMER) };

	attach(&side);
	for (unsigned step = 0; goes_on(&input, &step);) {
		uint8_t what = take_byte(&input);

		if (what % 2)
			change(&side, &input, what / 2 % 9);
		else
			call(&side, &input, what / 2 % 12);
		check_own_words(&side);
	}
	return 0;
}
