/* SPDX-License-Identifier: MIT */
/*
 * test_stream_end - both ends of a stream on the same memory: the rules, the counts, and
 * what the other end may do wrong
 */
#include <errno.h>

#include "main.h"
#include "stream.h"

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static int n_good_callocs = -1;		/* before one fails; -1: none does */

void *__wrap_calloc(size_t n, size_t size)
{
	if (n_good_callocs >= 0 && n_good_callocs-- == 0)
		return NULL;
	return __real_calloc(n, size);
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

	check_holder(&stream, 0, passes == kIOReturnSuccess ? STREAM_ON_OUTPUT
							   : STREAM_WITH_DRIVER);
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
}
