/* SPDX-License-Identifier: MIT */
/*
 * fuzz_honest - both sides by the rules, in any order of their calls
 *
 * What comes out is what went in, entry by entry; there is room wherever it is
 * promised; and who said that it waits is rung.
 */
#include "model.h"

#define N_ENTRIES	2048u	/* of 8 bytes at least: more than a ring takes */
#define N_BATCH		8

struct side {
	struct ring ring;
	bool waits;			/* armed, with nothing to be seen, and not rung */
	uint64_t wanted;
};

struct sent {
	uint32_t size;
	unsigned char byte;
};

struct state {
	const struct queue *queue;
	struct side producer, consumer;
	struct sent entries[N_ENTRIES];	/* a FIFO, by number */
	uint64_t n_in, n_out;
	uint64_t used;			/* bytes of entries, without gaps */
	uint64_t reserved_at, n_reserved;	/* of the reservation: n_in then, and its size */
	unsigned char *place;
	bool reserved;
};

static unsigned char buffer[N_PAYLOAD];

static uint64_t head_of(const struct state *state)
{
	return state->queue->peer.consumer->head;
}

static uint64_t tail_of(const struct state *state)
{
	return state->queue->peer.data->tail;
}

static uint64_t free_bytes(const struct state *state)
{
	return state->queue->geometry.queue_size - (tail_of(state) - head_of(state));
}

/* @side goes on: it waits no more, and the other one is rung if it has to be. */
static void ring_other(struct side *side, struct side *other, unsigned how)
{
	side->waits = false;
	if (how) {
		wait_ring(&side->ring, how);
		other->waits = false;
	}
}

static void attach(const struct state *state, struct side *side, struct side *other, enum role role)
{
	CHECK(ring_attach(&side->ring, role, &state->queue->peer, &state->queue->geometry) == 0);
	ring_other(side, other, wait_attach(&side->ring));
}

/* What an enqueue of @size bytes must say, with the head as it is now. */
static int expected(const struct state *state, uint64_t size)
{
	const struct geometry *geometry = &state->queue->geometry;
	uint64_t need = model_span(geometry->queue_size, tail_of(state), size);
	bool fits = need <= free_bytes(state);

	if (size > geometry->max_entry)
		return -EMSGSIZE;
	/* The Room rule. */
	if (state->used + space_of(size) <= geometry->capacity || state->n_in == state->n_out)
		CHECK(fits);
	return fits ? 0 : -EOVERFLOW;
}

static void sent(struct state *state, uint64_t size, unsigned char byte)
{
	CHECK(state->n_in - state->n_out < N_ENTRIES);
	state->entries[state->n_in++ % N_ENTRIES] =
		(struct sent){ .size = (uint32_t)size, .byte = byte };
	state->used += space_of(size);
}

static void received(struct state *state, const unsigned char *bytes, uint64_t size)
{
	const struct sent *entry = &state->entries[state->n_out % N_ENTRIES];

	CHECK(state->n_out < state->n_in && size == entry->size);
	for (uint64_t i = 0; bytes && i < size; i++)
		CHECK(bytes[i] == entry->byte);
	state->n_out++;
	state->used -= space_of(size);
}

/* Who waits for what is there now is rung. */
static void published(struct side *side, struct side *other, bool reached)
{
	unsigned how = wait_due(&side->ring);

	CHECK(how || !other->waits || !reached);
	ring_other(side, other, how);
}

static void after_enqueue(struct state *state)
{
	published(&state->producer, &state->consumer, true);
}

static void after_dequeue(struct state *state)
{
	published(&state->consumer, &state->producer,
		  free_bytes(state) >= state->producer.wanted);
}

static void do_enqueue(struct state *state, uint32_t size)
{
	unsigned char byte = (unsigned char)(state->n_in + 1);
	int r = expected(state, size);

	memset(buffer, byte, size);
	CHECK(ring_can_enqueue(&state->producer.ring, size, 1) == r);
	CHECK(ring_enqueue(&state->producer.ring, buffer, size) == r);
	if (r < 0)
		return;
	sent(state, size, byte);
	after_enqueue(state);
}

static void do_enqueue_batch(struct state *state, uint32_t n, struct input *input)
{
	struct iovec entries[N_BATCH];
	unsigned char byte = (unsigned char)(state->n_in + 1);
	uint64_t tail = tail_of(state), free = free_bytes(state);
	uint32_t n_done = 0;

	memset(buffer, byte, sizeof(buffer));
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct iovec){ buffer,
					     take_size(input, state->queue->geometry.max_entry) };
	CHECK(ring_enqueue_batch(&state->producer.ring, entries, n, &n_done) <= 0);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t need = model_span(state->queue->geometry.queue_size, tail,
					   entries[i].iov_len);
		bool fits = entries[i].iov_len <= state->queue->geometry.max_entry && need <= free;

		CHECK(fits == (i < n_done));
		if (!fits)
			break;
		tail += need;
		free -= need;
		sent(state, entries[i].iov_len, byte);
	}
	CHECK(tail_of(state) == tail);
	if (n_done)
		after_enqueue(state);
}

static void do_reserve(struct state *state, uint32_t size)
{
	int r = expected(state, size);
	void *place;

	CHECK(ring_reserve(&state->producer.ring, size, &place) == r);
	if (r < 0)
		return;
	state->place = place;
	state->reserved = true;
	state->reserved_at = state->n_in;
	state->n_reserved = size;
}

static void do_commit(struct state *state, uint32_t size)
{
	unsigned char byte = (unsigned char)(state->n_in + 1);
	bool good = state->reserved && state->reserved_at == state->n_in &&
		    size <= state->n_reserved;

	if (good)
		memset(state->place, byte, size);
	CHECK(ring_commit(&state->producer.ring, size) == (good ? 0 : -EINVAL));
	if (!good)
		return;
	state->reserved = false;
	sent(state, size, byte);
	after_enqueue(state);
}

static int next_is(const struct state *state, uint64_t room)
{
	if (state->n_in == state->n_out)
		return -ENODATA;
	return state->entries[state->n_out % N_ENTRIES].size > room ? -ENOSPC : 0;
}

static void do_dequeue(struct state *state, uint32_t room)
{
	unsigned char *bytes = buffer + sizeof(buffer) - room;
	uint32_t size = room;
	int r = next_is(state, room);

	CHECK(ring_dequeue(&state->consumer.ring, bytes, &size) == r);
	if (r < 0)
		return;
	received(state, bytes, size);
	after_dequeue(state);
}

static void do_dequeue_batch(struct state *state, uint32_t n, uint32_t room)
{
	static unsigned char buffers[N_BATCH][N_PAYLOAD];
	struct iovec entries[N_BATCH];
	uint32_t n_done = 0;

	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct iovec){ buffers[i] + N_PAYLOAD - room, room };
	CHECK(ring_dequeue_batch(&state->consumer.ring, entries, n, &n_done) <= 0);
	CHECK(n_done <= n);
	for (uint32_t i = 0; i < n_done; i++)
		received(state, entries[i].iov_base, entries[i].iov_len);
	CHECK(n_done == n || next_is(state, room) < 0);
	if (n_done)
		after_dequeue(state);
}

static void do_peek(struct state *state, bool release)
{
	const struct queue_entry *entry;
	uint64_t position;
	uint32_t size;
	int r = next_is(state, UINT64_MAX);

	CHECK(ring_peek(&state->consumer.ring, &entry, &size, &position) == r);
	if (r < 0 || !release)
		return;
	CHECK(ring_release(&state->consumer.ring) == 0);
	received(state, entry->data, size);
	CHECK(ring_release(&state->consumer.ring) == -EINVAL);
	after_dequeue(state);
}

static void do_arm(struct state *state, unsigned how, uint32_t size)
{
	uint64_t wanted;
	int r;

	if (how & 4) {
		r = wait_arm(&state->consumer.ring, how & 3, 0);
		CHECK(r == (state->n_in != state->n_out));
		state->consumer.waits = r == 0 && (how & 3);
		return;
	}
	if (size > state->queue->geometry.max_entry)
		return;
	wanted = ring_span(&state->producer.ring, size);
	CHECK(wanted == model_span(state->queue->geometry.queue_size, tail_of(state), size));
	r = wait_arm(&state->producer.ring, how & 3, wanted);
	CHECK(r == (free_bytes(state) >= wanted));
	state->producer.waits = r == 0 && (how & 3);
	state->producer.wanted = wanted;
}

static void observe(const struct state *state)
{
	struct ring_status status;

	ring_observe(&state->queue->ours, &state->queue->geometry, &status);
	CHECK(!status.corrupt && status.entries == state->n_in - state->n_out);
	CHECK(status.enqueued == state->n_in && status.dequeued == state->n_out);
	CHECK(status.used == tail_of(state) - head_of(state));
}

static void step(struct state *state, struct input *input, unsigned what)
{
	uint32_t max_entry = state->queue->geometry.max_entry;
	unsigned byte;

	switch (what) {
	case 0:
	case 1:
		do_enqueue(state, take_size(input, max_entry));
		break;
	case 2:
		do_enqueue_batch(state, take_byte(input) % (N_BATCH + 1), input);
		break;
	case 3:
		do_reserve(state, take_size(input, max_entry));
		break;
	case 4:
		do_commit(state, take_size(input, max_entry));
		break;
	case 5:
		do_commit(state, (uint32_t)state->n_reserved);
		break;
	case 6:
		do_dequeue(state, max_entry);
		break;
	case 7:
		do_dequeue(state, take_size(input, max_entry));
		break;
	case 8:
		byte = take_byte(input) % (N_BATCH + 1);
		do_dequeue_batch(state, byte, take_size(input, max_entry));
		break;
	case 9:
		do_peek(state, take_byte(input) & 1);
		break;
	case 10:
		byte = take_byte(input);
		do_arm(state, byte, take_size(input, max_entry));
		break;
	case 11:
		state->reserved = false;
		attach(state, &state->producer, &state->consumer, ROLE_PRODUCER);
		break;
	case 12:
		attach(state, &state->consumer, &state->producer, ROLE_CONSUMER);
		break;
	case 13:
		CHECK(ring_look(&state->producer.ring) == 0 &&
		      ring_look(&state->consumer.ring) == 0);
		break;
	case 14:
		CHECK(ring_available(&state->consumer.ring) == (state->n_in != state->n_out));
		break;
	default:
		observe(state);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct state state;
	struct input input = { bytes, n };

	memset(&state, 0, sizeof(state));
	state.queue = take_queue(&input, ROLE_OBSERVER);
	/* The last lap ends in an error, also for the honest: fuzz_enqueue has it. */
	if (tail_of(&state) > UINT64_MAX / 2) {
		state.queue->peer.data->tail = 0;
		state.queue->peer.consumer->head = 0;
	}
	attach(&state, &state.producer, &state.consumer, ROLE_PRODUCER);
	attach(&state, &state.consumer, &state.producer, ROLE_CONSUMER);
	for (unsigned i = 0; goes_on(&input, &i);)
		step(&state, &input, take_byte(&input) % 16);
	while (state.n_out < state.n_in)
		do_dequeue(&state, state.queue->geometry.max_entry);
	observe(&state);
	return 0;
}
