/* SPDX-License-Identifier: MIT */
/*
 * fuzz_stream - both ends of a stream, and anybody who writes any word that they share
 *
 * The model does each call once more, on a copy of all that is shared and with states of
 * its own, said as the rules are said: who has what, in which order it was passed. Result,
 * entry and every shared byte have to be the same. Behind each piece of memory is a page that
 * nobody may touch.
 */
#include "fuzz.h"
#include "libqueue/stream_end.h"

#define MOST_BUFFERS	4u
#define MOST_COUNT	8u	/* entries of a ring */
#define N_PASSED	(2 * N_STEPS)
#define N_TALLY		(sizeof(struct stream_tally) + 2 * 128)

/* All that is shared, piece by piece. */
struct shared {
	struct stream_board *board;
	struct stream_tally *tally;
	IOStreamBufferQueue *rings[N_STREAM_SIDES];	/* by who writes there */
};

struct model_end {
	uint32_t head, tail, session, epoch;
	uint32_t turns[MOST_BUFFERS];
	uint32_t passed[N_PASSED], n_passed;		/* IDs, since the epoch */
	bool gap;
};

struct state {
	struct shared real, copy;
	uint32_t count, n_buffers;
	struct stream_area areas[MOST_BUFFERS];
	struct stream_end ends[N_STREAM_SIDES], followers[N_STREAM_SIDES];
	struct model_end models[N_STREAM_SIDES];
};

/* @n bytes, multiples of 16, that end where nobody may touch. */
static void *guarded_end(size_t n)
{
	int fd = memory_file(QUEUE_PAGE);
	char *page = guarded(fd, QUEUE_PAGE, PROT_READ | PROT_WRITE);

	close(fd);
	return page + QUEUE_PAGE - n;
}

static size_t ring_bytes(const struct state *state)
{
	return stream_ring_size(state->count);
}

static void copy_shared(const struct state *state, const struct shared *to,
			const struct shared *from)
{
	memcpy(to->board, from->board, sizeof(*to->board));
	memcpy(to->tally, from->tally, N_TALLY);
	for (int i = 0; i < N_STREAM_SIDES; i++)
		memcpy(to->rings[i], from->rings[i], ring_bytes(state));
}

static void check_shared(const struct state *state)
{
	CHECK(memcmp(state->real.board, state->copy.board, sizeof(*state->real.board)) == 0);
	CHECK(memcmp(state->real.tally, state->copy.tally, N_TALLY) == 0);
	for (int i = 0; i < N_STREAM_SIDES; i++)
		CHECK(memcmp(state->real.rings[i], state->copy.rings[i], ring_bytes(state)) == 0);
}

/* Also what is private: by and by a wrong one would be seen in what is shared. */
static void check_ends(const struct state *state)
{
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		const struct stream_end *end = &state->ends[i];
		const struct model_end *model = &state->models[i];

		CHECK(end->head == model->head && end->tail == model->tail);
		CHECK(end->epoch == model->epoch && end->session == model->session);
		CHECK(end->n_given == model->n_passed && end->gap == model->gap);
		CHECK(memcmp(end->turns, model->turns, sizeof(model->turns)) == 0);
	}
}

/* The model. @side is who does it; the copy is its memory. */

static struct stream_count *count_of(const struct state *state, enum stream_side side)
{
	return &state->copy.tally->sides[side];
}

static bool has(const struct state *state, enum stream_side side, uint32_t id)
{
	/* A driver begins with all of them. */
	return state->models[side].turns[id] % 2 == (side == STREAM_DRIVER ? 0 : 1);
}

static void model_turn(struct state *state, enum stream_side side, uint32_t id)
{
	stream_tally_turns(state->copy.tally, MOST_BUFFERS, side)[id] =
		++state->models[side].turns[id];
}

static void model_reset(struct state *state, enum stream_side side)
{
	struct model_end *model = &state->models[side];

	*model = (struct model_end){
		.session = model->session,
		.epoch = state->copy.board->moment / 8,
	};
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		stream_tally_turns(state->copy.tally, MOST_BUFFERS, side)[i] = 0;
	count_of(state, side)->epoch = model->epoch;
	count_of(state, side)->payload_at_start = count_of(state, side)->frames;
}

static IOReturn by_state(const struct state *state, enum stream_side side, bool passes)
{
	const struct stream_board *board = state->copy.board;
	/* The one in which what @side passes is not the payload. */
	IOStreamMode other = side == STREAM_DRIVER ? kIOStreamModeInput : kIOStreamModeOutput;

	if (board->moment % 8 == STREAM_DEAD)
		return kIOReturnNoDevice;
	if (board->session != state->models[side].session)
		return kIOReturnNotOpen;
	switch (board->moment % 8) {
	case STREAM_CLOSED:
		return kIOReturnNotOpen;
	case STREAM_STOPPED:
		return kIOReturnNotReady;
	case STREAM_RUNNING:
		return kIOReturnSuccess;
	case STREAM_SUSPENDED:
		return side == STREAM_DRIVER ? kIOReturnNotReady : kIOReturnSuccess;
	case STREAM_DRAINING:
		return !passes || board->mode == other ? kIOReturnSuccess : kIOReturnNotReady;
	default:
		return kIOReturnInternalError;
	}
}

static void model_begin(struct state *state, enum stream_side side)
{
	if (state->copy.board->moment / 8 != state->models[side].epoch)
		model_reset(state, side);
}

static bool is_good(const struct state *state, const IOStreamBufferQueueEntry *entry)
{
	const struct stream_area *area = &state->areas[entry->bufferID % MOST_BUFFERS];

	return entry->bufferID < state->n_buffers &&
	       (uint64_t)entry->dataOffset + entry->dataLength <= area->data &&
	       (uint64_t)entry->controlOffset + entry->controlLength <= area->control;
}

static bool is_late(const struct state *state, enum stream_side side)
{
	const struct stream_count *other = count_of(state, side == STREAM_DRIVER ? STREAM_CLIENT
										  : STREAM_DRIVER);

	return other->is_kept && other->epoch != state->models[side].epoch;
}

/* How many of the last that @side passed were not taken, as the other end says; or none. */
static uint32_t waiting(const struct state *state, enum stream_side side)
{
	const struct model_end *model = &state->models[side];
	uint32_t tail = is_late(state, side) ? 0 : state->copy.rings[side]->tailIndex;

	if (tail >= state->count)
		return 0;
	return (model->head + state->count - tail) % state->count;
}

static bool was_taken(const struct state *state, enum stream_side side, uint32_t id)
{
	const struct model_end *model = &state->models[side];
	uint32_t n = waiting(state, side);

	for (uint32_t i = 1; i <= n && i <= model->n_passed; i++)
		if (model->passed[model->n_passed - i] == id)
			return false;
	return true;
}

static IOReturn model_give(struct state *state, enum stream_side side, bool posts,
			   const IOStreamBufferQueueEntry *entry)
{
	struct model_end *model = &state->models[side];
	IOStreamBufferQueue *ring = state->copy.rings[side];
	struct stream_count *count = count_of(state, side);
	uint32_t tail, next;

	model_begin(state, side);
	next = (model->head + 1) % state->count;
	if (!is_good(state, entry))
		return kIOReturnBadArgument;
	if (!has(state, side, entry->bufferID))
		return kIOReturnBusy;
	tail = is_late(state, side) ? 0 : ring->tailIndex;
	if (tail >= state->count) {
		count->errors++;
		return kIOReturnInternalError;
	}
	if (next == tail) {
		count->overruns++;
		count->dropped += side == STREAM_DRIVER;
		return kIOReturnOverrun;
	}
	ring->queue[model->head] = *entry;
	memset(ring->queue[model->head].reserved, 0, sizeof(entry->reserved));
	ring->headIndex = model->head = next;
	model->passed[model->n_passed++] = entry->bufferID;
	model_turn(state, side, entry->bufferID);
	model->gap = false;
	if (side == STREAM_DRIVER || posts || state->copy.board->mode != kIOStreamModeOutput) {
		count->frames++;
		count->bytes += entry->dataLength;
	}
	return kIOReturnSuccess;
}

static IOReturn model_take(struct state *state, enum stream_side side,
			   IOStreamBufferQueueEntry *ret)
{
	struct model_end *model = &state->models[side];
	IOStreamBufferQueue *ring = state->copy.rings[side == STREAM_DRIVER ? STREAM_CLIENT
									    : STREAM_DRIVER];
	struct stream_count *count = count_of(state, side);

	model_begin(state, side);
	while (!is_late(state, side)) {
		IOStreamBufferQueueEntry entry;

		if (ring->headIndex >= state->count) {
			count->errors++;
			return kIOReturnInternalError;
		}
		if (ring->headIndex == model->tail)
			break;
		entry = ring->queue[model->tail];
		ring->tailIndex = model->tail = (model->tail + 1) % state->count;
		if (is_good(state, &entry) && !has(state, side, entry.bufferID) &&
		    (side == STREAM_CLIENT || was_taken(state, side, entry.bufferID))) {
			model_turn(state, side, entry.bufferID);
			count->taken++;
			memset(entry.reserved, 0, sizeof(entry.reserved));
			*ret = entry;
			return kIOReturnSuccess;
		}
		count->errors++;
	}
	return kIOReturnUnderrun;
}

/* Steps */

static void do_give(struct state *state, enum stream_side side, bool posts,
		    const IOStreamBufferQueueEntry *entry)
{
	struct stream_end *end = &state->ends[side];
	IOReturn expected = by_state(state, side, true);

	if (posts && side == STREAM_CLIENT)
		expected = kIOReturnNotPermitted;
	else if (posts)
		expected = state->copy.board->session == state->models[side].session
				   ? kIOReturnSuccess : kIOReturnNotOpen;
	if (expected == kIOReturnSuccess)
		expected = model_give(state, side, posts, entry);
	CHECK((posts ? stream_end_post(end, entry) : stream_end_give(end, entry)) == expected);
}

static void do_take(struct state *state, enum stream_side side)
{
	IOStreamBufferQueueEntry entry, modelled;
	IOReturn expected = by_state(state, side, false);

	memset(&entry, 0xEE, sizeof(entry));
	memset(&modelled, 0xEE, sizeof(modelled));
	if (expected == kIOReturnSuccess)
		expected = model_take(state, side, &modelled);
	CHECK(stream_end_take(&state->ends[side], &entry) == expected);
	CHECK(memcmp(&entry, &modelled, sizeof(entry)) == 0);
}

static IOStreamBufferQueueEntry take_entry(const struct state *state, struct input *input)
{
	uint8_t byte = take_byte(input);
	IOStreamBufferQueueEntry entry = { .bufferID = byte % (MOST_BUFFERS + 1) };
	const struct stream_area *area = &state->areas[byte % MOST_BUFFERS];

	entry.dataLength = byte & 64 ? area->data : take_byte(input);
	entry.controlOffset = byte & 32 ? area->control : 0;
	if (byte & 128)
		memcpy((char *)&entry + byte % 8 * 4, &(uint32_t){ (uint32_t)take(input, 4) }, 4);
	return entry;
}

static uint32_t take_index(const struct state *state, struct input *input)
{
	uint8_t byte = take_byte(input);

	switch (byte % 4) {
	case 0:
		return byte / 4 % (state->count + 1);
	case 1:
		return byte / 4;
	case 2:
		return UINT32_MAX - byte / 4;
	default:
		return (uint32_t)take(input, 4);
	}
}

/* Anything, anywhere; what stands in a page is counted from its end. */
static void scribble(struct state *state, struct input *input)
{
	uint8_t where = take_byte(input);
	uint32_t at = (uint32_t)take(input, 2), *words;
	size_t n;

	switch (where % 8) {
	case 0:
		words = (uint32_t *)(void *)state->real.board;
		n = sizeof(*state->real.board) / 4;
		break;
	case 1:
	case 2:
		words = (uint32_t *)(void *)state->real.tally;
		n = N_TALLY / 4;
		break;
	case 3:
	case 4:
		words = (uint32_t *)(void *)state->real.rings[where & 8 ? 1 : 0];
		n = 4;
		break;
	default:
		words = (uint32_t *)(void *)state->real.rings[where & 8 ? 1 : 0];
		n = ring_bytes(state) / 4;
	}
	words[at % n] = take_index(state, input);
}

/* As a program that knows of nothing but the rings. */
static void put_raw(struct state *state, enum stream_side side, struct input *input)
{
	IOStreamBufferQueue *ring = state->real.rings[side];
	IOStreamBufferQueueEntry entry = take_entry(state, input);

	if (ring->headIndex >= state->count)
		return;
	ring->queue[ring->headIndex] = entry;
	ring->headIndex = (ring->headIndex + 1) % state->count;
}

static void get_raw(struct state *state, enum stream_side side)
{
	IOStreamBufferQueue *ring = state->real.rings[side];

	if (ring->tailIndex < state->count)
		ring->tailIndex = (ring->tailIndex + 1) % state->count;
}

/* What fsd learns may be wrong, as it is told lies; but never out of bounds. */
static void follow(struct state *state, enum stream_side side, bool is_kept)
{
	struct stream_end *end = &state->followers[side];

	stream_end_follow(end, is_kept);
	CHECK(end->head < state->count && end->tail < state->count);
	if (!is_kept && end->give.queue->headIndex < state->count)
		CHECK(end->head == end->give.queue->headIndex);
	if (!is_kept && end->take.queue->tailIndex < state->count)
		CHECK(end->tail == end->take.queue->tailIndex);
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		CHECK(stream_holder(&state->followers[0], &state->followers[1], i) <=
		      STREAM_ON_INPUT);
}

static void look_on(const struct state *state)
{
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		const struct stream_ring ring = { state->real.rings[i], state->count };
		uint32_t head = ring.queue->headIndex, tail = ring.queue->tailIndex, length = 77;
		bool is_good = head < state->count && tail < state->count;

		CHECK(stream_ring_length(&ring, &length) == (is_good ? 0 : -EPROTO));
		CHECK(length == (is_good ? (head + state->count - tail) % state->count : 77));
	}
}

static void empty_rings(struct state *state, uint8_t how)
{
	struct stream_board *board = state->real.board;

	board->moment = (board->moment / 8 + 1) * 8 + how % 8;
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		stream_ring_format(state->real.rings[i], state->count);
		if (how & 16)
			stream_end_reset(&state->followers[i]);
	}
}

static void add_buffer(struct state *state)
{
	uint32_t n = ++state->n_buffers;

	for (int i = 0; i < N_STREAM_SIDES; i++)
		state->ends[i].n_buffers = state->followers[i].n_buffers = n;
}

static void drop(struct state *state, uint32_t n)
{
	state->models[STREAM_DRIVER].gap = true;
	state->copy.tally->sides[STREAM_DRIVER].dropped += n;
	stream_end_drop(&state->ends[STREAM_DRIVER], n);
}

/* What others do; the copy is made after it. */
static void do_other(struct state *state, struct input *input, unsigned what)
{
	uint8_t byte = take_byte(input);

	switch (what) {
	case 8:
		state->real.board->moment = state->real.board->moment / 8 * 8 + byte % 8;
		break;
	case 9:
		empty_rings(state, byte);
		break;
	case 10:
		put_raw(state, byte % 2, input);
		break;
	case 11:
		get_raw(state, byte % 2);
		break;
	case 12:
		follow(state, byte % 2, byte & 2);
		break;
	case 13:
		look_on(state);
		if (byte % 4 == 0 && state->n_buffers < MOST_BUFFERS)
			add_buffer(state);
		break;
	default:
		scribble(state, input);
	}
}

static void step(struct state *state, struct input *input)
{
	unsigned what = take_byte(input) % 16;
	IOStreamBufferQueueEntry entry;

	copy_shared(state, &state->copy, &state->real);
	switch (what) {
	case 0:
	case 1:
	case 2:
	case 3:
		entry = take_entry(state, input);
		do_give(state, what % 2, what == 2, &entry);
		break;
	case 4:
	case 5:
		do_take(state, what % 2);
		break;
	case 6:
		drop(state, take_byte(input));
		break;
	case 7:
		model_reset(state, STREAM_CLIENT);
		stream_end_reset(&state->ends[STREAM_CLIENT]);
		break;
	default:
		do_other(state, input, what);
		return;
	}
	check_shared(state);
	check_ends(state);
}

static struct shared new_shared(uint32_t count)
{
	struct shared shared = {
		.board = guarded_end(sizeof(struct stream_board)),
		.tally = guarded_end(N_TALLY),
	};

	for (int i = 0; i < N_STREAM_SIDES; i++)
		shared.rings[i] = guarded_end(stream_ring_size(count));
	return shared;
}

static void new_end(struct state *state, struct stream_end *end, enum stream_side side)
{
	const struct stream_ring output = { state->real.rings[STREAM_DRIVER], state->count };
	const struct stream_ring input = { state->real.rings[STREAM_CLIENT], state->count };

	CHECK(stream_end_init(end, side, state->real.board, &output, &input, state->real.tally,
			      MOST_BUFFERS) == 0);
	memcpy(end->areas, state->areas, sizeof(state->areas));
	end->n_buffers = state->n_buffers;
}

static void begin(struct state *state, struct input *input)
{
	static struct shared real[MOST_COUNT], copies[MOST_COUNT];
	uint8_t byte = take_byte(input);
	uint32_t which = byte / 16 % MOST_COUNT;

	if (!real[which].board) {
		real[which] = new_shared(which + 1);
		copies[which] = new_shared(which + 1);
	}
	*state = (struct state){
		.real = real[which], .copy = copies[which], .count = which + 1,
		.n_buffers = 1 + byte % MOST_BUFFERS,
		.areas = { { 100, 64 }, { 100, 0 }, { 0, 16 }, { UINT32_MAX, 5 } },
	};
	memset(state->real.tally, 0, N_TALLY);
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		memset(state->real.rings[i], 0, ring_bytes(state));
		stream_ring_format(state->real.rings[i], state->count);
	}
	*state->real.board = (struct stream_board){
		.session = 3, .moment = 8 + STREAM_RUNNING, .mode = take_byte(input) % 3,
	};
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		new_end(state, &state->followers[i], (enum stream_side)i);
		new_end(state, &state->ends[i], (enum stream_side)i);
		state->models[i] = (struct model_end){ .session = 3, .epoch = 1 };
		state->real.tally->sides[i].is_kept = byte & 4;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct state state;
	struct input input = { bytes, n };

	begin(&state, &input);
	for (unsigned i = 0; goes_on(&input, &i);)
		step(&state, &input);
	for (int i = 0; i < N_STREAM_SIDES; i++) {
		stream_end_deinit(&state.ends[i]);
		stream_end_deinit(&state.followers[i]);
	}
	return 0;
}
