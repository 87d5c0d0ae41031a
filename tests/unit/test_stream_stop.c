/* SPDX-License-Identifier: MIT */
/*
 * test_stream_stop - rings that are emptied, at any time
 *
 * Between an end's look at the board and what it stores in a ring, another process may do anything:
 * it is done in the wrappers below.
 */
#include "main.h"
#include "stream.h"

int __real_stream_ring_put(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
			   const IOStreamBufferQueueEntry *entry);
int __wrap_stream_ring_put(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
			   const IOStreamBufferQueueEntry *entry);
int __real_stream_ring_get(const struct stream_ring *ring, uint32_t *tail,
			   IOStreamBufferQueueEntry *ret);
int __wrap_stream_ring_get(const struct stream_ring *ring, uint32_t *tail,
			   IOStreamBufferQueueEntry *ret);
IOReturn __real_stream_allows(enum stream_operation operation, enum stream_state state,
			      IOStreamMode mode);
IOReturn __wrap_stream_allows(enum stream_operation operation, enum stream_state state,
			      IOStreamMode mode);

/* Done once: when the board was looked at; before, and after the next entry is put or got. */
static void (*looked)(struct stream *stream);
static void (*before)(struct stream *stream), (*after)(struct stream *stream);
static struct stream *meanwhile;

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

int __wrap_stream_ring_put(const struct stream_ring *ring, uint32_t tail, uint32_t *head,
			   const IOStreamBufferQueueEntry *entry)
{
	int r;

	do_once(&before);
	r = __real_stream_ring_put(ring, tail, head, entry);
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

IOReturn __wrap_stream_allows(enum stream_operation operation, enum stream_state state,
			      IOStreamMode mode)
{
	do_once(&looked);
	return __real_stream_allows(operation, state, mode);
}

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
	for (enum stream_side side = 0; side < N_STREAM_SIDES; side++) {
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
			/* It is not late any more. */
			ck_assert_uint_eq(stream.tally->sides[which / 2].epoch, 6);
			ck_assert_uint_eq(stream.tally->sides[which / 2].frames, frames);
			ck_assert_uint_eq(stream.tally->sides[which / 2].taken, taken);
			check_undone(&stream);
		}
}
END_TEST

/* What was seen of the board is of one moment: also for an end that has a stop behind it. */
START_TEST(a_stop_after_another_is_noticed)
{
	for (int which = 0; which < 4; which++) {
		struct stream stream;
		IOReturn result;

		begin_in_the_middle(&stream);
		stop_and_start(&stream);
		looked = stop;
		result = give_or_take(&stream, which);
		ck_assert_int_ne(result, kIOReturnSuccess);
		if (which == 0)
			ck_assert_int_eq(result, kIOReturnNotReady);
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

/* A client that puts a bad entry for each that is taken. */
static void put_another(struct stream *stream)
{
	put_raw_id(&stream->input, 99);
	after = put_another;
}

START_TEST(a_take_ends_however_much_comes)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 3, 3);
	meanwhile = &stream;
	put_raw_id(&stream.input, 99);
	after = put_another;
	ck_assert_int_eq(take_any(&stream.driver), kIOReturnUnderrun);
	after = NULL;
	ck_assert_uint_eq(count_of(&stream, STREAM_DRIVER)->errors, 4);
	free_stream(&stream);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, after_a_stop_all_is_the_drivers);
	tcase_add_test(tests, a_stop_in_the_middle_undoes_it);
	tcase_add_test(tests, a_stop_after_another_is_noticed);
	tcase_add_test(tests, a_stop_in_the_middle_is_no_overrun);
	tcase_add_test(tests, a_take_ends_however_much_comes);
	tcase_add_test(tests, what_a_late_client_stores_is_not_looked_at);
}
