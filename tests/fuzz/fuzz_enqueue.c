/* SPDX-License-Identifier: MIT */
/*
 * fuzz_enqueue - a producer, and a consumer that changes any word of its page
 * between two calls
 *
 * Each result is compared with the model's, and `data` with a copy that only
 * what was published has changed, to the last byte.
 */
#include "model.h"

#define N_BATCH		8

struct side {
	const struct queue *queue;
	struct ring ring;
	uint64_t head, tail, enqueued, overruns;	/* what the ring has to know */
	int error;
	bool reserved;			/* and nothing was published since */
	uint64_t n_reserved;
	uint32_t sequence, rung;
};

static unsigned char copy[16384];	/* of the ring: what has to be in it */
static unsigned char payload[N_PAYLOAD];
static unsigned char next_byte;		/* of the payloads: each has another */

static void attach(struct side *side)
{
	const struct queue_consumer *page = side->queue->peer.consumer;
	bool sound;
	int r;

	side->head = page->head;
	side->tail = side->queue->peer.data->tail;
	side->enqueued = side->queue->peer.data->enqueued;
	side->reserved = false;
	sound = memcmp(page->magic, "IODQCON1\1\0\0\0", 12) == 0 &&
		are_positions(side->head, side->tail, side->queue->geometry.queue_size);
	r = ring_attach(&side->ring, ROLE_PRODUCER, &side->queue->ours, NULL);
	CHECK(r == (sound ? 0 : -EIO));
	side->error = r;
	if (r < 0)
		return;

	wait_attach(&side->ring);
	side->rung = page->consumer_flags & QUEUE_PACED ? page->data_wait : 0;
}

static uint64_t free_bytes(const struct side *side)
{
	return side->queue->geometry.queue_size - (side->tail - side->head);
}

static int model_look(struct side *side)
{
	uint64_t head = side->queue->peer.consumer->head;

	if (side->error)
		return side->error;
	if (!are_positions(head, side->tail, side->queue->geometry.queue_size))
		return side->error = -EIO;
	side->head = head;
	return 0;
}

static int model_room(struct side *side, uint64_t need)
{
	if (need > free_bytes(side) && model_look(side) < 0)
		return side->error;
	if (need > UINT64_MAX - side->tail)
		return side->error = -EIO;
	return need <= free_bytes(side) ? 0 : -EOVERFLOW;
}

static uint64_t span(const struct side *side, uint64_t size)
{
	return model_span(side->queue->geometry.queue_size, side->tail, size);
}

static int model_enqueue(struct side *side, uint64_t size)
{
	if (side->error)
		return side->error;
	if (size > side->queue->geometry.max_entry)
		return -EMSGSIZE;
	return model_room(side, span(side, size));
}

/* The entry into the copy; @bytes lie there as they are where none are given. */
static void model_publish(struct side *side, const void *bytes, uint64_t size)
{
	uint64_t queue_size = side->queue->geometry.queue_size;
	uint64_t whole = span(side, size), offset = side->tail % queue_size;
	uint32_t header[2] = { (uint32_t)size };

	if (whole != space_of(size)) {
		uint32_t gap[2] = { (uint32_t)(queue_size - offset - 8), 1 };

		memcpy(copy + offset, gap, 8);
		offset = 0;
	}
	memcpy(copy + offset, header, 8);
	memcpy(copy + offset + 8, bytes, size);
	memset(copy + offset + 8 + size, 0, space_of(size) - 8 - size);
	side->tail += whole;
	side->enqueued++;
	side->reserved = false;
}

static void new_payload(uint32_t size)
{
	memset(payload, ++next_byte, size);
}

static void do_enqueue(struct side *side, uint32_t size)
{
	int r = model_enqueue(side, size);

	new_payload(size);
	if (r == -EOVERFLOW)
		side->overruns++;
	CHECK(ring_enqueue(&side->ring, payload, size) == r);
	if (r == 0)
		model_publish(side, payload, size);
}

static void do_batch(struct side *side, uint32_t n, struct input *input)
{
	struct iovec entries[N_BATCH];
	uint32_t n_done = 0, n_got;
	int r = 0, got;

	new_payload(N_PAYLOAD);
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct iovec){
			payload, take_size(input, side->queue->geometry.max_entry),
		};
	got = ring_enqueue_batch(&side->ring, entries, n, &n_got);
	while (n_done < n && (r = model_enqueue(side, entries[n_done].iov_len)) == 0)
		model_publish(side, payload, entries[n_done++].iov_len);
	CHECK(n_got == n_done && got == (n_done ? 0 : r));
	if (got == -EOVERFLOW)
		side->overruns++;
}

static void do_reserve(struct side *side, uint32_t size)
{
	uint64_t queue_size = side->queue->geometry.queue_size;
	int r = model_enqueue(side, size);
	uint64_t offset;
	void *place;

	if (r == -EOVERFLOW)
		side->overruns++;
	CHECK(ring_reserve(&side->ring, size, &place) == r);
	if (r < 0)
		return;

	offset = (side->tail + span(side, size) - space_of(size)) % queue_size + 8;
	CHECK((unsigned char *)place == side->queue->ours.data->queue + offset);
	memset(place, ++next_byte, size);
	memset(copy + offset, next_byte, size);
	side->reserved = true;
	side->n_reserved = size;
}

/* A smaller entry is built where the reserved one was to be, with the same gap. */
static void model_commit(struct side *side, uint64_t size)
{
	uint64_t queue_size = side->queue->geometry.queue_size, offset = side->tail % queue_size;
	uint64_t gap = span(side, side->n_reserved) - space_of(side->n_reserved);
	uint32_t header[2] = { (uint32_t)size };

	if (gap) {
		uint32_t words[2] = { (uint32_t)(gap - 8), 1 };

		memcpy(copy + offset, words, 8);
		offset = 0;
	}
	memcpy(copy + offset, header, 8);
	memset(copy + offset + 8 + size, 0, space_of(size) - 8 - size);
	side->tail += gap + space_of(size);
	side->enqueued++;
	side->reserved = false;
}

static void do_commit(struct side *side, uint32_t size)
{
	int r = ring_commit(&side->ring, size);

	if (side->error || !side->reserved || size > side->n_reserved) {
		CHECK(r == (side->error ? side->error : -EINVAL));
		return;
	}
	/* The head that made the room may have been taken back. */
	if (span(side, side->n_reserved) > free_bytes(side) && r < 0) {
		CHECK(r == -EIO || r == -EINVAL);
		side->error = r == -EIO ? r : 0;
		side->reserved = false;
		return;
	}
	CHECK(r == 0);
	model_commit(side, size);
	CHECK(side->tail - side->head <= side->queue->geometry.queue_size);
}

static void do_look(struct side *side)
{
	int r = model_look(side);

	CHECK(ring_look(&side->ring) == r);
}

static void do_can(struct side *side, uint32_t size, uint64_t count)
{
	uint64_t queue_size = side->queue->geometry.queue_size;
	uint64_t tail = side->tail, need = 0;
	int r = side->error;

	if (r == 0 && size > side->queue->geometry.max_entry)
		r = -EMSGSIZE;
	/* One behind the other, until it is more than there ever is. */
	for (uint64_t i = 0; r == 0 && i < count && need <= queue_size; i++) {
		need += model_span(queue_size, tail, size);
		tail = side->tail + need;
	}
	/* Near the end of all positions the count decides which of the errors it is. */
	if (r == 0 && need > UINT64_MAX - 2 * queue_size - side->tail)
		return;
	if (r == 0)
		r = model_room(side, need);
	CHECK(ring_can_enqueue(&side->ring, size, count) == r);
}

static void do_due(struct side *side)
{
	const struct queue_consumer *page = side->queue->peer.consumer;
	unsigned how;

	if (side->error)
		return;
	how = wait_due(&side->ring);
	/* Flags that nobody honest has may end the turns. */
	if (page->consumer_flags == UINT32_MAX) {
		side->rung = side->ring.rung;
		return;
	}
	if (page->consumer_flags & QUEUE_PACED)
		CHECK(how == model_due(page->data_wait, true, &side->rung));
	else
		CHECK(how == 0 || how == QUEUE_WAIT_FIFO);
	CHECK((side->queue->peer.data->space_wait & QUEUE_WAIT_HOW) == 0);
	if (how) {
		wait_ring(&side->ring, how);
		side->sequence++;
	}
}

static void do_arm(struct side *side, unsigned how, uint32_t size)
{
	uint64_t wanted = span(side, size);
	int r;

	if (side->error || size > side->queue->geometry.max_entry)
		return;
	r = wait_arm(&side->ring, how, wanted);
	CHECK((side->queue->peer.data->space_wait & QUEUE_WAIT_HOW) == how);
	CHECK(side->queue->peer.data->space_wanted == wanted);
	model_look(side);
	CHECK(r == (side->error ? side->error : free_bytes(side) >= wanted));
}

static void call(struct side *side, struct input *input, unsigned what)
{
	uint32_t max_entry = side->queue->geometry.max_entry, size;
	struct ring_status status;

	switch (what) {
	case 0:
	case 1:
		do_enqueue(side, take_size(input, max_entry));
		break;
	case 2:
		do_batch(side, take_byte(input) % (N_BATCH + 1), input);
		break;
	case 3:
		do_reserve(side, take_size(input, max_entry));
		break;
	case 4:
		do_commit(side, take_size(input, max_entry));
		break;
	case 5:
		do_commit(side, (uint32_t)side->n_reserved);
		break;
	case 6:
		size = take_size(input, max_entry);
		do_can(side, size, take_word(input, side->queue));
		break;
	case 7:
		do_look(side);
		break;
	case 8:
		do_due(side);
		break;
	case 9:
		size = take_size(input, max_entry);
		do_arm(side, take_byte(input) & QUEUE_WAIT_HOW, size);
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
	struct queue_consumer *page = side->queue->peer.consumer;

	switch (what) {
	case 0:
	case 1:
		store_relaxed(&page->head, side->tail);
		break;
	case 2:
		store_relaxed(&page->head, side->tail - 8 * take(input, 2));
		break;
	case 3:
		store_relaxed(&page->head, take_word(input, side->queue));
		break;
	case 4:
		store_relaxed((uint64_t *)(void *)page + take_byte(input) % 64,
			      take_word(input, side->queue));
		break;
	default:
		store_relaxed(&page->consumer_flags, take_byte(input) & 3);
		store_relaxed(&page->data_wait, take_byte(input));
	}
}

/* What the producer shows is what it has done, and fsd's words are not its own. */
static void check_own_words(const struct side *side)
{
	const struct queue_data *data = side->queue->peer.data;
	const struct geometry *geometry = &side->queue->geometry;

	CHECK(data->tail == side->tail && data->enqueued == side->enqueued);
	CHECK(data->data_sequence == side->sequence && data->overruns == side->overruns);
	CHECK(memcmp(data, "IODQRNG1\1\0\0\0\0\20\0\0", 16) == 0);
	CHECK(data->queue_size == geometry->queue_size && data->capacity == geometry->capacity &&
	      data->max_entry == geometry->max_entry && data->flags == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	struct side side = { .queue = take_queue(&input, ROLE_PRODUCER) };

	memset(copy, 0, sizeof(copy));
	next_byte = 0;
	attach(&side);
	for (unsigned step = 0; goes_on(&input, &step);) {
		uint8_t what = take_byte(&input);

		if (what % 3 == 0)
			change(&side, &input, what / 3 % 6);
		else
			call(&side, &input, what / 3 % 12);
		check_own_words(&side);
	}
	CHECK(memcmp(copy, side.queue->peer.data->queue, side.queue->geometry.queue_size) == 0);
	return 0;
}
