/* SPDX-License-Identifier: MIT */
/*
 * test_stream_end - both ends of a stream on the same memory: the rules, bad entries,
 * counts, and rings that are emptied at any time
 *
 * Between an end's look at the board and what it stores in a ring, another process may do anything:
 * it is done in the wrappers below.
 */
#include <errno.h>

#include "main.h"
#include "stream.h"

int __real_stream_ring_put_before(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
				  const IOStreamBufferQueueEntry *entry);
int __wrap_stream_ring_put_before(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
				  const IOStreamBufferQueueEntry *entry);
int __real_stream_ring_get(const struct stream_ring *ring, uint32_t *tail,
			   IOStreamBufferQueueEntry *ret);
int __wrap_stream_ring_get(const struct stream_ring *ring, uint32_t *tail,
			   IOStreamBufferQueueEntry *ret);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

/* Done once, before or after the next entry is put or got. */
static void (*before)(struct stream *stream), (*after)(struct stream *stream);
static struct stream *meanwhile;
static int n_good_callocs = -1;		/* before one fails; -1: none does */

/* What is done there passes and takes by itself, undisturbed. */
static void do_once(void (**what)(struct stream *stream))
{
	static bool is_within;
	void (*done)(struct stream *stream) = *what;

	if (!done || is_within)
		return;
	*what = NULL;
	is_within = true;
	done(meanwhile);
	is_within = false;
}

int __wrap_stream_ring_put_before(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
				  const IOStreamBufferQueueEntry *entry)
{
	int r;

	do_once(&before);
	r = __real_stream_ring_put_before(ring, tail, head, entry);
	do_once(&after);
	return r;
}

int __wrap_stream_ring_get(const struct stream_ring *ring, uint32_t *tail,
			   IOStreamBufferQueueEntry *ret)
{
	int r;

	do_once(&before);
	r = __real_stream_ring_get(ring, tail, ret);
	do_once(&after);
	return r;
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (n_good_callocs >= 0 && n_good_callocs-- == 0)
		return NULL;
	return __real_calloc(n, size);
}

static struct stream_count *count_of(struct stream *stream, enum stream_side side)
{
	return &stream->tally->sides[side];
}

static uint32_t shared_turns(struct stream *stream, enum stream_side side, uint32_t id)
{
	return stream_tally_turns(stream->tally, stream->room, side)[id];
}

/* --- the rules */

static void check_allowed(IOStreamMode mode, enum stream_state state)
{
	IOReturn passes, gets_back, gets, passes_back;
	struct stream stream;

	new_stream(&stream, mode, 4, 4);
	/* 0 is with the driver, 1 on output, 2 with the client, 3 on input. */
	ck_assert_int_eq(give(&stream.driver, 3), kIOReturnSuccess);
	ck_assert_int_eq(give(&stream.driver, 2), kIOReturnSuccess);
	take(&stream.client, 3);
	take(&stream.client, 2);
	ck_assert_int_eq(give(&stream.client, 3), kIOReturnSuccess);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnSuccess);
	set_state(&stream, state);

	passes = stream_allows(STREAM_ENQUEUE_OUTPUT, state, mode);
	gets_back = stream_allows(STREAM_DEQUEUE_INPUT, state, mode);
	gets = stream_allows(STREAM_DEQUEUE_OUTPUT, state, mode);
	passes_back = stream_allows(STREAM_ENQUEUE_INPUT, state, mode);
	ck_assert_int_eq(give(&stream.driver, 0), passes);
	ck_assert_int_eq(take_any(&stream.driver), gets_back);
	ck_assert_int_eq(take_any(&stream.client), gets);
	ck_assert_int_eq(give(&stream.client, 2), passes_back);

	check_holder(&stream, 0, passes == kIOReturnSuccess ? STREAM_ON_OUTPUT : STREAM_WITH_DRIVER);
	check_holder(&stream, 3, gets_back == kIOReturnSuccess ? STREAM_WITH_DRIVER
							      : STREAM_ON_INPUT);
	check_holder(&stream, 1, gets == kIOReturnSuccess ? STREAM_WITH_CLIENT : STREAM_ON_OUTPUT);
	check_holder(&stream, 2, passes_back == kIOReturnSuccess ? STREAM_ON_INPUT
								: STREAM_WITH_CLIENT);
	free_stream(&stream);
}

START_TEST(an_end_does_what_the_state_allows_and_no_more)
{
	for (IOStreamMode mode = 0; mode < 3; mode++)
		for (uint32_t state = 0; state <= STREAM_STATE_MASK; state++)
			check_allowed(mode, state);
}
END_TEST

/* Gone, not open, state, argument, holder, room: each hides what is behind it. */
START_TEST(refusals_come_in_their_order)
{
	IOStreamBufferQueueEntry bad = { .bufferID = 9 }, busy = { .bufferID = 0 };
	struct stream stream;
	struct stream_end *driver = &stream.driver;

	new_stream(&stream, kIOStreamModeOutput, 2, 1);
	ck_assert_int_eq(give(driver, 0), kIOReturnSuccess);
	ck_assert_int_eq(give(driver, 1), kIOReturnOverrun);
	ck_assert_int_eq(stream_end_give(driver, &busy), kIOReturnBusy);
	busy.dataOffset = DATA + 1;
	ck_assert_int_eq(stream_end_give(driver, &busy), kIOReturnBadArgument);
	ck_assert_int_eq(stream_end_give(driver, &bad), kIOReturnBadArgument);
	set_state(&stream, STREAM_STOPPED);
	ck_assert_int_eq(stream_end_give(driver, &bad), kIOReturnNotReady);
	stream.board->session++;
	ck_assert_int_eq(stream_end_give(driver, &bad), kIOReturnNotOpen);
	set_state(&stream, STREAM_DEAD);
	ck_assert_int_eq(stream_end_give(driver, &bad), kIOReturnNoDevice);
	free_stream(&stream);
}
END_TEST

START_TEST(another_session_is_not_ours)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, 2, 2);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	stream.board->session++;
	empty_rings(&stream, STREAM_RUNNING);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnNotOpen);
	ck_assert_int_eq(give(&stream.client, 0), kIOReturnNotOpen);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnNotOpen);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnNotOpen);
	ck_assert_uint_eq(stream.output.queue->headIndex, 0);
	ck_assert_uint_eq(stream.input.queue->headIndex, 0);
	free_stream(&stream);
}
END_TEST

static void check_arguments(struct stream_end *end, uint32_t own)
{
	const IOStreamBufferQueueEntry bad[] = {
		{ 3, 0, 0, 0, 0, { 0 } },
		{ kIOStreamBufferIDInvalid, 0, 0, 0, 0, { 0 } },
		{ own, DATA, 1, 0, 0, { 0 } },
		{ own, 0, DATA + 1, 0, 0, { 0 } },
		{ own, DATA + 1, 0, 0, 0, { 0 } },
		{ own, UINT32_MAX, 2, 0, 0, { 0 } },
		{ own, 0, 0, CONTROL, 1, { 0 } },
		{ own, 0, 0, 1, UINT32_MAX, { 0 } },
	};
	const IOStreamBufferQueueEntry good = { own, DATA, 0, 0, CONTROL, { 0 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(stream_end_give(end, &bad[i]), kIOReturnBadArgument);
	ck_assert_int_eq(stream_end_give(end, &good), kIOReturnSuccess);
}

START_TEST(what_is_no_buffer_is_a_bad_argument)
{
	IOStreamBufferQueueEntry entry = { 2, 0, 0, 0, 1, { 0 } };
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, 3, 3);
	check_arguments(&stream.driver, 1);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnSuccess);
	check_arguments(&stream.client, 1);
	/* Without a control area, without one. */
	stream.driver.areas[2].control = 0;
	ck_assert_int_eq(stream_end_give(&stream.driver, &entry), kIOReturnBadArgument);
	entry.controlLength = 0;
	ck_assert_int_eq(stream_end_give(&stream.driver, &entry), kIOReturnSuccess);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->errors, 0);
	free_stream(&stream);
}
END_TEST

START_TEST(a_buffer_may_come_while_it_runs)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 2, 4);
	ck_assert_int_eq(give(&stream.driver, 2), kIOReturnBadArgument);
	stream.driver.areas[2] = stream.client.areas[2] = (struct stream_area){ DATA, CONTROL };
	stream.driver.n_buffers = stream.client.n_buffers = 3;
	ck_assert_int_eq(give(&stream.driver, 2), kIOReturnSuccess);
	take(&stream.client, 2);
	ck_assert_int_eq(give(&stream.client, 2), kIOReturnSuccess);
	take(&stream.driver, 2);
	free_stream(&stream);
}
END_TEST

START_TEST(a_ring_without_room_is_overrun)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, 3, 2);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_int_eq(give(&stream.driver, i), kIOReturnSuccess);
		take(&stream.client, i);
		ck_assert_int_eq(give(&stream.client, i), kIOReturnSuccess);
	}
	ck_assert_int_eq(give(&stream.driver, 2), kIOReturnSuccess);
	take(&stream.client, 2);
	ck_assert_int_eq(give(&stream.client, 2), kIOReturnOverrun);
	ck_assert(stream_end_has(&stream.client, 2));
	ck_assert_uint_eq(count_of(&stream, STREAM_CLIENT)->overruns, 1);
	ck_assert_uint_eq(count_of(&stream, STREAM_CLIENT)->dropped, 0);
	take(&stream.driver, 0);
	ck_assert_int_eq(give(&stream.client, 2), kIOReturnSuccess);

	take(&stream.driver, 1);
	take(&stream.driver, 2);
	stream_end_drop(&stream.driver, 5);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnSuccess);
	ck_assert_int_eq(give(&stream.driver, 2), kIOReturnOverrun);
	ck_assert(stream_end_has(&stream.driver, 2));
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->overruns, 1);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->dropped, 6);
	free_stream(&stream);
}
END_TEST

START_TEST(rings_for_no_entries_take_none)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 1, 0);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnOverrun);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnUnderrun);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	free_stream(&stream);
}
END_TEST

START_TEST(a_driver_posts_in_any_state_and_a_client_in_none)
{
	IOStreamBufferQueueEntry entry = entry_of(0), bad = entry_of(3);
	struct stream stream;

	new_stream(&stream, kIOStreamModeInput, 3, 2);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnSuccess);
	empty_rings(&stream, STREAM_STOPPED);
	ck_assert_int_eq(stream_end_post(&stream.client, &entry), kIOReturnNotPermitted);
	ck_assert_int_eq(stream_end_post(&stream.driver, &bad), kIOReturnBadArgument);
	for (entry.bufferID = 0; entry.bufferID < 2; entry.bufferID++)
		ck_assert_int_eq(stream_end_post(&stream.driver, &entry), kIOReturnSuccess);
	ck_assert_int_eq(stream_end_post(&stream.driver, &entry), kIOReturnOverrun);
	entry.bufferID = 0;
	ck_assert_int_eq(stream_end_post(&stream.driver, &entry), kIOReturnBusy);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnNotReady);
	set_state(&stream, STREAM_RUNNING);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnSuccess);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnSuccess);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnUnderrun);

	stream.board->session++;
	entry.bufferID = 2;
	ck_assert_int_eq(stream_end_post(&stream.driver, &entry), kIOReturnNotOpen);
	free_stream(&stream);
}
END_TEST

/* --- what is shared and counted */

static void check_round(struct stream *stream, uint32_t id, uint32_t round)
{
	check_holder(stream, id, STREAM_WITH_DRIVER);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnSuccess);
	check_holder(stream, id, STREAM_ON_OUTPUT);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnBusy);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnBusy);
	take(&stream->client, id);
	check_holder(stream, id, STREAM_WITH_CLIENT);
	ck_assert_int_eq(give(&stream->driver, id), kIOReturnBusy);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnSuccess);
	check_holder(stream, id, STREAM_ON_INPUT);
	ck_assert_int_eq(give(&stream->client, id), kIOReturnBusy);
	take(&stream->driver, id);
	for (int side = 0; side < N_STREAM_SIDES; side++)
		ck_assert_uint_eq(shared_turns(stream, side, id), 2 * (round + 1));
}

START_TEST(a_buffer_goes_round_and_is_counted)
{
	for (IOStreamMode mode = 0; mode < 3; mode++) {
		struct stream stream;
		const struct stream_count *driver, *client;
		uint64_t n = 100 * 3, bytes = 100 * (2 + 3 + 4);

		new_stream(&stream, mode, 3, 3);
		driver = count_of(&stream, STREAM_DRIVER);
		client = count_of(&stream, STREAM_CLIENT);
		for (uint32_t i = 0; i < n; i++)
			check_round(&stream, i % 3, i / 3);
		ck_assert_uint_eq(driver->frames, n);
		ck_assert_uint_eq(driver->bytes, bytes);
		ck_assert_uint_eq(driver->taken, n);
		ck_assert_uint_eq(client->frames, mode == kIOStreamModeOutput ? 0 : n);
		ck_assert_uint_eq(client->bytes, mode == kIOStreamModeOutput ? 0 : bytes);
		ck_assert_uint_eq(client->taken, n);
		ck_assert_uint_eq(driver->errors + client->errors, 0);
		ck_assert_uint_eq(driver->dropped + client->dropped, 0);
		ck_assert_uint_eq(driver->epoch, 5);
		ck_assert_uint_eq(client->epoch, 5);
		free_stream(&stream);
	}
}
END_TEST

START_TEST(a_drop_leaves_a_gap_before_the_next)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 3, 1);
	ck_assert(!stream.driver.gap);
	stream_end_drop(&stream.driver, 3);
	ck_assert(stream.driver.gap);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->dropped, 3);
	ck_assert_int_eq(give(&stream.driver, 9), kIOReturnBadArgument);
	ck_assert(stream.driver.gap);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	ck_assert(!stream.driver.gap);
	/* An overrun is counted, and no gap; and takes none away. */
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnOverrun);
	ck_assert(!stream.driver.gap);
	stream_end_drop(&stream.driver, 1);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnOverrun);
	ck_assert(stream.driver.gap);
	empty_rings(&stream, STREAM_RUNNING);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	ck_assert(!stream.driver.gap);
	free_stream(&stream);
}
END_TEST

START_TEST(an_end_needs_memory_and_gives_it_back)
{
	struct stream stream;
	struct stream_end end;

	new_stream(&stream, kIOStreamModeOutput, 1, 1);
	for (int i = 0; i < 3; i++) {
		n_good_callocs = i;
		ck_assert_int_eq(stream_end_init(&end, STREAM_DRIVER, stream.board, &stream.output,
						 &stream.input, stream.tally, 2), -ENOMEM);
	}
	n_good_callocs = -1;
	stream_end_deinit(&end);
	ck_assert_int_eq(stream_end_init(&end, STREAM_DRIVER, stream.board, &stream.output,
					 &stream.input, stream.tally, 0), 0);
	stream_end_deinit(&end);
	stream_end_deinit(&end);
	free_stream(&stream);
}
END_TEST

START_TEST(an_end_goes_on_where_its_memory_is_moved)
{
	struct stream stream, other;

	new_stream(&stream, kIOStreamModeInputOutput, 3, 3);
	new_stream(&other, kIOStreamModeInputOutput, 3, 3);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	memcpy(other.output.queue, stream.output.queue, stream_ring_size(4));
	memcpy(other.input.queue, stream.input.queue, stream_ring_size(4));
	memcpy(other.tally, stream.tally, stream_tally_size(4));
	stream_end_move(&stream.driver, other.output.queue, other.input.queue, other.tally);
	stream_end_move(&stream.client, other.output.queue, other.input.queue, other.tally);
	memset(stream.tally, 0, stream_tally_size(4));
	memset(stream.output.queue, 0, stream_ring_size(4));
	memset(stream.input.queue, 0, stream_ring_size(4));

	other.tally->sides[STREAM_CLIENT].is_kept = 1;
	ck_assert_int_eq(give(&stream.client, 0), kIOReturnSuccess);
	take(&stream.driver, 0);
	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnSuccess);
	take(&stream.client, 1);
	ck_assert_uint_eq(shared_turns(&other, STREAM_DRIVER, 0), 2);
	ck_assert_uint_eq(shared_turns(&other, STREAM_CLIENT, 1), 1);
	ck_assert_uint_eq(other.tally->sides[STREAM_DRIVER].taken, 1);
	ck_assert_uint_eq(other.tally->sides[STREAM_CLIENT].taken, 2);
	free_stream(&stream);
	free_stream(&other);
}
END_TEST

/* --- the other end's faults */

static void check_thrown_away(struct stream_end *end, const struct stream_ring *ring,
			      const IOStreamBufferQueueEntry *bad, size_t n_bad, uint32_t good)
{
	uint64_t errors = end->count->errors, taken = end->count->taken;

	for (size_t i = 0; i < n_bad; i++)
		put_raw(ring, &bad[i]);
	put_raw_id(ring, good);
	take(end, good);
	ck_assert_uint_eq(end->count->errors, errors + n_bad);
	ck_assert_uint_eq(end->count->taken, taken + 1);
	for (size_t i = 0; i < n_bad; i++)
		put_raw(ring, &bad[i]);
	ck_assert_int_eq(take_any(end), kIOReturnUnderrun);
	ck_assert_uint_eq(end->count->errors, errors + 2 * n_bad);
}

START_TEST(bad_entries_are_thrown_away_and_counted)
{
	struct stream stream;
	const IOStreamBufferQueueEntry bad[] = {
		{ 3, 0, 0, 0, 0, { 0 } },
		{ kIOStreamBufferIDInvalid, 0, 0, 0, 0, { 0 } },
		{ 0, DATA, 1, 0, 0, { 0 } },
		{ 0, 1, UINT32_MAX, 0, 0, { 0 } },
		{ 0, 0, 0, CONTROL + 1, 0, { 0 } },
		entry_of(1),		/* who takes has it already */
	};

	new_stream(&stream, kIOStreamModeOutput, 3, 7);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	check_thrown_away(&stream.driver, &stream.input, bad, 6, 0);

	free_stream(&stream);
	new_stream(&stream, kIOStreamModeOutput, 3, 7);
	put_raw_id(&stream.output, 1);
	take(&stream.client, 1);
	check_thrown_away(&stream.client, &stream.output, bad, 6, 0);
	free_stream(&stream);
}
END_TEST

/* @n buffers are on the output ring, from @start on; the client returns what it never took. */
static void check_on_ring(uint32_t start, uint32_t n)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 4, 4);
	for (uint32_t i = 0; i < start; i++) {
		ck_assert_int_eq(give(&stream.driver, i % 4), kIOReturnSuccess);
		take(&stream.client, i % 4);
		ck_assert_int_eq(give(&stream.client, i % 4), kIOReturnSuccess);
		take(&stream.driver, i % 4);
	}
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(give(&stream.driver, i), kIOReturnSuccess);
	for (uint32_t i = 0; i < n; i++) {
		/* Those from i on are on the ring yet. */
		for (uint32_t j = i; j < n; j++) {
			put_raw_id(&stream.input, j);
			ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
		}
		stream.output.queue->headIndex = 77;	/* it may spoil ours, too */
		stream.output.queue->tailIndex = stream_ring_next(&stream.output,
							stream.output.queue->tailIndex);
		put_raw_id(&stream.input, i);
		take(&stream.driver, i);
	}
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->errors, n * (n + 1) / 2);
	free_stream(&stream);
}

START_TEST(what_is_on_the_output_ring_cannot_come_back)
{
	for (uint32_t start = 0; start < 6; start++)
		for (uint32_t n = 1; n <= 4; n++)
			check_on_ring(start, n);
}
END_TEST

START_TEST(an_entry_that_comes_twice_is_taken_once)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 2, 2);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	put_raw_id(&stream.input, 0);
	put_raw_id(&stream.input, 0);
	take(&stream.driver, 0);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->errors, 1);
	free_stream(&stream);
}
END_TEST

/* An index of the other end's that is none; a stop mends it. */
static void check_spoiled(struct stream_end *end, uint32_t *word, bool is_give)
{
	uint64_t errors = end->count->errors;
	uint32_t good = *word, head = end->head, tail = end->tail;

	*word = end->give.entry_count;
	ck_assert_int_eq(is_give ? give(end, 0) : take_any(end), kIOReturnInternalError);
	*word = UINT32_MAX;
	ck_assert_int_eq(is_give ? give(end, 0) : take_any(end), kIOReturnInternalError);
	ck_assert_uint_eq(end->count->errors, errors + 2);
	ck_assert_uint_eq(end->head, head);
	ck_assert_uint_eq(end->tail, tail);
	*word = good;
}

START_TEST(an_index_that_is_none_is_an_internal_error_until_a_stop)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 3, 3);
	check_spoiled(&stream.driver, &stream.output.queue->tailIndex, true);
	check_spoiled(&stream.driver, &stream.input.queue->headIndex, false);
	check_spoiled(&stream.client, &stream.output.queue->headIndex, false);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	check_spoiled(&stream.client, &stream.input.queue->tailIndex, true);

	stream.output.queue->tailIndex = stream.input.queue->headIndex = 99;
	empty_rings(&stream, STREAM_RUNNING);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnUnderrun);
	check_round(&stream, 0, 0);
	free_stream(&stream);
}
END_TEST

START_TEST(our_words_are_not_read_back)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 3, 3);
	for (uint32_t i = 0; i < 20; i++) {
		stream.output.queue->headIndex = i * 1000;
		stream.output.queue->entryCount = stream.input.queue->entryCount = i;
		for (uint32_t j = 0; j < stream.room; j++)
			stream.driver.shared_turns[j] = i * 7 + j;
		stream.driver.count->epoch = i;
		ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
		ck_assert_int_eq(give(&stream.driver, 0), kIOReturnBusy);
		take(&stream.client, 0);
		ck_assert_int_eq(give(&stream.client, 0), kIOReturnSuccess);
		stream.input.queue->tailIndex = i * 1000;
		take(&stream.driver, 0);
	}
	ck_assert_uint_eq(stream.driver.count->errors, 0);
	free_stream(&stream);
}
END_TEST

/* --- rings that are emptied */

START_TEST(after_a_stop_all_is_the_drivers)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, 4, 4);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(give(&stream.driver, i), kIOReturnSuccess);
	take(&stream.client, 0);
	take(&stream.client, 1);
	ck_assert_int_eq(give(&stream.client, 0), kIOReturnSuccess);
	empty_rings(&stream, STREAM_RUNNING);

	ck_assert_int_eq(give(&stream.client, 1), kIOReturnBusy);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnUnderrun);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	for (int side = 0; side < N_STREAM_SIDES; side++) {
		const struct stream_count *count = count_of(&stream, side);

		ck_assert_uint_eq(count->epoch, 6);
		ck_assert_uint_eq(count->payload_at_start, count->frames);
		for (uint32_t i = 0; i < stream.room; i++)
			ck_assert_uint_eq(shared_turns(&stream, side, i), 0);
	}
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->frames, 4);
	ck_assert_uint_eq(count_of(&stream, STREAM_CLIENT)->frames, 1);
	for (uint32_t i = 0; i < 4; i++)
		check_round(&stream, i, 0);
	free_stream(&stream);
}
END_TEST

static void stop(struct stream *stream)
{
	empty_rings(stream, STREAM_STOPPED);
}

static void stop_and_start(struct stream *stream)
{
	empty_rings(stream, STREAM_RUNNING);
}

/* One that just stopped is as if nothing had been done; and the next round is good. */
static void check_undone(struct stream *stream)
{
	set_state(stream, STREAM_RUNNING);
	ck_assert_uint_eq(stream->output.queue->headIndex, 0);
	ck_assert_uint_eq(stream->output.queue->tailIndex, 0);
	ck_assert_uint_eq(stream->input.queue->headIndex, 0);
	ck_assert_uint_eq(stream->input.queue->tailIndex, 0);
	ck_assert_int_eq(take_any(&stream->client), kIOReturnUnderrun);
	ck_assert_int_eq(take_any(&stream->driver), kIOReturnUnderrun);
	for (uint32_t i = 0; i < 3; i++)
		check_round(stream, i, 0);
	ck_assert_uint_eq(count_of(stream, STREAM_DRIVER)->errors, 0);
	ck_assert_uint_eq(count_of(stream, STREAM_CLIENT)->errors, 0);
	ck_assert_uint_eq(count_of(stream, STREAM_DRIVER)->overruns, 0);
	free_stream(stream);
}

/* 0 is with the driver, 1 on input, 2 with the client, 3 on output. */
static void begin_in_the_middle(struct stream *stream)
{
	new_stream(stream, kIOStreamModeInputOutput, 4, 4);
	for (uint32_t i = 1; i < 4; i++)
		ck_assert_int_eq(give(&stream->driver, i), kIOReturnSuccess);
	take(&stream->client, 1);
	take(&stream->client, 2);
	ck_assert_int_eq(give(&stream->client, 1), kIOReturnSuccess);
	meanwhile = stream;
}

static IOReturn give_or_take(struct stream *stream, int which)
{
	switch (which) {
	case 0:
		return give(&stream->driver, 0);
	case 1:
		return take_any(&stream->driver);
	case 2:
		return give(&stream->client, 2);
	default:
		return take_any(&stream->client);
	}
}

START_TEST(a_stop_in_the_middle_undoes_it)
{
	static void (*const stops[])(struct stream *stream) = { stop, stop_and_start };
	struct stream stream;

	for (int which = 0; which < 4; which++)
		for (int i = 0; i < 2; i++) {
			uint64_t frames, taken;
			IOReturn result;

			begin_in_the_middle(&stream);
			frames = stream.tally->sides[which / 2].frames;
			taken = stream.tally->sides[which / 2].taken;
			before = stops[i];
			result = give_or_take(&stream, which);
			/* Nothing there is true as well. */
			ck_assert(result == kIOReturnNotReady ||
				  (which % 2 == 1 && result == kIOReturnUnderrun));
			ck_assert_uint_eq(stream.tally->sides[which / 2].frames, frames);
			ck_assert_uint_eq(stream.tally->sides[which / 2].taken, taken);
			check_undone(&stream);

			begin_in_the_middle(&stream);
			after = stops[i];
			ck_assert_int_eq(give_or_take(&stream, which), kIOReturnNotReady);
			ck_assert_uint_eq(stream.tally->sides[which / 2].frames, frames);
			ck_assert_uint_eq(stream.tally->sides[which / 2].taken, taken);
			check_undone(&stream);
		}
}
END_TEST

/* A ring that looks full only because of the stop is no overrun. */
START_TEST(a_stop_in_the_middle_is_no_overrun)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, 3, 3);
	meanwhile = &stream;
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(give(&stream.driver, i), kIOReturnSuccess);
		take(&stream.client, i);
		ck_assert_int_eq(give(&stream.client, i), kIOReturnSuccess);
		take(&stream.driver, i);
	}
	stream.output.queue->tailIndex = 0;	/* as after the stop that comes */
	before = stop;
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnNotReady);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->dropped, 0);
	check_undone(&stream);
}
END_TEST

/* The driver goes on in the new epoch while the client has not noticed. */
static void driver_goes_on(struct stream *stream)
{
	stop_and_start(stream);
	ck_assert_int_eq(take_any(&stream->driver), kIOReturnUnderrun);
	ck_assert_int_eq(give(&stream->driver, 3), kIOReturnSuccess);
}

/* And after the client has stored a late index: it is 3 entries from before, or room. */
static void driver_looks(struct stream *stream)
{
	ck_assert_int_eq(take_any(&stream->driver), kIOReturnUnderrun);
	ck_assert_int_eq(give(&stream->driver, 2), kIOReturnSuccess);
	ck_assert_uint_eq(count_of(stream, STREAM_DRIVER)->errors, 0);
}

static void check_late_client(int which)
{
	struct stream stream;

	begin_in_the_middle(&stream);
	count_of(&stream, STREAM_DRIVER)->is_kept = 1;
	count_of(&stream, STREAM_CLIENT)->is_kept = 1;
	before = driver_goes_on;
	after = driver_looks;
	ck_assert_int_eq(give_or_take(&stream, which), kIOReturnNotReady);

	take(&stream.client, 3);
	take(&stream.client, 2);
	ck_assert_int_eq(take_any(&stream.client), kIOReturnUnderrun);
	ck_assert_int_eq(give(&stream.client, 2), kIOReturnSuccess);
	take(&stream.driver, 2);
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	check_holder(&stream, 3, STREAM_WITH_CLIENT);
	check_holder(&stream, 2, STREAM_WITH_DRIVER);
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->errors, 0);
	ck_assert_uint_eq(count_of(&stream, STREAM_CLIENT)->errors, 0);
	free_stream(&stream);
}

START_TEST(what_a_late_client_stores_is_not_looked_at)
{
	check_late_client(2);
	check_late_client(3);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, an_end_does_what_the_state_allows_and_no_more);
	tcase_add_test(tests, refusals_come_in_their_order);
	tcase_add_test(tests, another_session_is_not_ours);
	tcase_add_test(tests, what_is_no_buffer_is_a_bad_argument);
	tcase_add_test(tests, a_buffer_may_come_while_it_runs);
	tcase_add_test(tests, a_ring_without_room_is_overrun);
	tcase_add_test(tests, rings_for_no_entries_take_none);
	tcase_add_test(tests, a_driver_posts_in_any_state_and_a_client_in_none);
	tcase_add_test(tests, a_buffer_goes_round_and_is_counted);
	tcase_add_test(tests, a_drop_leaves_a_gap_before_the_next);
	tcase_add_test(tests, an_end_needs_memory_and_gives_it_back);
	tcase_add_test(tests, an_end_goes_on_where_its_memory_is_moved);
	tcase_add_test(tests, bad_entries_are_thrown_away_and_counted);
	tcase_add_test(tests, what_is_on_the_output_ring_cannot_come_back);
	tcase_add_test(tests, an_entry_that_comes_twice_is_taken_once);
	tcase_add_test(tests, an_index_that_is_none_is_an_internal_error_until_a_stop);
	tcase_add_test(tests, our_words_are_not_read_back);
	tcase_add_test(tests, after_a_stop_all_is_the_drivers);
	tcase_add_test(tests, a_stop_in_the_middle_undoes_it);
	tcase_add_test(tests, a_stop_in_the_middle_is_no_overrun);
	tcase_add_test(tests, what_a_late_client_stores_is_not_looked_at);
}
