/* SPDX-License-Identifier: MIT */
/*
 * test_stream_follow - what fsd learns of a program that maps the rings: one that keeps the
 * tally, and one that knows of nothing but the rings
 *
 * The driver's end is a program of ours or fsd's own. Of the client there is no struct stream_end
 * but the one that follows it.
 */
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "stream.h"

#define N_BUFFERS	3u
#define N_HELD		8u

/* A client as simple as can be, and what it did. */
struct raw {
	struct stream *stream;
	uint32_t turns[N_BUFFERS], held[N_HELD], n_held;
	uint64_t passed, taken, bytes;
};

enum step { PASS, TAKE_BACK, GET, PUT_FIRST, PUT_LAST, N_STEPS };

static bool is_empty(const struct stream_ring *ring)
{
	return ring->queue->headIndex == ring->queue->tailIndex;
}

static bool pass_lowest(struct stream *stream)
{
	for (uint32_t id = 0; id < N_BUFFERS; id++)
		if (stream_end_has(&stream->driver, id))
			return give(&stream->driver, id) == kIOReturnSuccess;
	return false;
}

static void get_one(struct raw *raw)
{
	uint32_t id = get_raw(&raw->stream->output);

	raw->turns[id]++;
	raw->taken++;
	raw->held[raw->n_held++] = id;
}

static void put_one(struct raw *raw, uint32_t which)
{
	uint32_t id = raw->held[which];

	for (raw->n_held--; which < raw->n_held; which++)
		raw->held[which] = raw->held[which + 1];
	put_raw_id(&raw->stream->input, id);
	raw->turns[id]++;
	raw->passed++;
	raw->bytes += 2 + id;
}

/* Return: whether it could be done. */
static bool do_step(struct raw *raw, enum step step)
{
	struct stream *stream = raw->stream;

	switch (step) {
	case PASS:
		return pass_lowest(stream);
	case TAKE_BACK:
		return take_any(&stream->driver) == kIOReturnSuccess;
	case GET:
		if (is_empty(&stream->output))
			return false;
		get_one(raw);
		return true;
	case PUT_FIRST:
		if (raw->n_held)
			put_one(raw, 0);
		return raw->n_held > 0;
	default:
		/* With one, that is the same. */
		if (raw->n_held > 1)
			put_one(raw, raw->n_held - 1);
		return raw->n_held > 0;
	}
}

static enum stream_holder holder_of(const struct raw *raw, uint32_t id)
{
	if (stream_end_has(&raw->stream->driver, id))
		return STREAM_WITH_DRIVER;
	if (raw->turns[id] % 2)
		return STREAM_WITH_CLIENT;
	return raw->turns[id] < raw->stream->driver.turns[id] ? STREAM_ON_OUTPUT : STREAM_ON_INPUT;
}

static void check_followed(const struct raw *raw)
{
	struct stream *stream = raw->stream;
	const struct stream_count *count = &stream->tally->sides[STREAM_CLIENT];

	stream_end_follow(&stream->client, false);
	ck_assert_uint_eq(stream->client.head, stream->input.queue->headIndex);
	ck_assert_uint_eq(stream->client.tail, stream->output.queue->tailIndex);
	for (uint32_t id = 0; id < N_BUFFERS; id++) {
		ck_assert_uint_eq(stream->client.turns[id], raw->turns[id]);
		ck_assert_uint_eq(stream->client.shared_turns[id], raw->turns[id]);
		check_holder(stream, id, holder_of(raw, id));
	}
	ck_assert_uint_eq(count->frames, raw->passed);
	ck_assert_uint_eq(count->bytes, raw->bytes);
	ck_assert_uint_eq(count->taken, raw->taken);
	ck_assert_uint_eq(stream->tally->sides[STREAM_DRIVER].errors, 0);
}

static void renew(struct stream *stream, struct raw *raw)
{
	*raw = (struct raw){ .stream = stream };
	empty_rings(stream, STREAM_RUNNING);
	stream_end_reset(&stream->driver);
	stream_end_reset(&stream->client);
	memset(stream->tally->sides, 0, sizeof(stream->tally->sides));
}

/* A new stream, and these steps; fsd looks after the one @look and after the last. */
static bool play(struct stream *stream, const uint8_t *steps, unsigned n, unsigned look)
{
	struct raw raw;

	renew(stream, &raw);
	for (unsigned i = 0; i < n; i++) {
		if (!do_step(&raw, steps[i]))
			return false;
		if (i == look)
			check_followed(&raw);
	}
	check_followed(&raw);
	return true;
}

static unsigned long play_all(struct stream *stream, uint8_t *steps, unsigned n, unsigned most)
{
	unsigned long count = 1;

	for (unsigned look = 0; look < n; look++)
		if (!play(stream, steps, n, look))
			return 0;
	if (n == most)
		return 1;
	for (steps[n] = 0; steps[n] < N_STEPS; steps[n]++)
		count += play_all(stream, steps, n + 1, most);
	return count;
}

/* A ring is longer than what can be done in so few steps: the order is what matters here. */
START_TEST(every_order_of_a_few_steps_is_found_out)
{
	struct stream stream;
	uint8_t steps[16];

	new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS, N_BUFFERS);
	ck_assert_uint_gt(play_all(&stream, steps, 0, 9), 1000);
	free_stream(&stream);
}
END_TEST

static uint32_t chance(uint32_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

/* Round and round, with as much between two looks as a ring holds. */
START_TEST(whatever_happens_within_a_lap_is_found_out)
{
	struct stream stream;
	struct raw raw;
	uint32_t state = 2463534242u;

	for (uint32_t length = N_BUFFERS; length < N_BUFFERS + 4; length++) {
		uint64_t put = 0, got = 0;

		new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS, length);
		renew(&stream, &raw);
		for (int i = 0; i < 20000; i++) {
			enum step step = chance(&state, N_STEPS);

			if (raw.passed - put == length || stream.driver.n_given - got >= length) {
				check_followed(&raw);
				put = raw.passed;
				got = raw.taken;
				if (stream.driver.n_given - got >= length)
					step = GET;
			}
			do_step(&raw, step);
		}
		check_followed(&raw);
		ck_assert_uint_gt(raw.passed, 1000);
		free_stream(&stream);
	}
}
END_TEST

START_TEST(a_program_that_uses_the_rings_is_followed_as_a_driver_too)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, N_BUFFERS, N_BUFFERS);
	for (uint32_t i = 0; i < 50; i++) {
		uint32_t id = i % N_BUFFERS;

		put_raw_id(&stream.output, id);
		stream_end_follow(&stream.driver, false);
		check_holder(&stream, id, STREAM_ON_OUTPUT);
		take(&stream.client, id);
		check_holder(&stream, id, STREAM_WITH_CLIENT);
		ck_assert_int_eq(give(&stream.client, id), kIOReturnSuccess);
		check_holder(&stream, id, STREAM_ON_INPUT);
		ck_assert_uint_eq(get_raw(&stream.input), id);
		stream_end_follow(&stream.driver, false);
		check_holder(&stream, id, STREAM_WITH_DRIVER);
	}
	ck_assert_uint_eq(stream.tally->sides[STREAM_DRIVER].frames, 50);
	ck_assert_uint_eq(stream.tally->sides[STREAM_DRIVER].taken, 50);
	ck_assert_uint_eq(stream.tally->sides[STREAM_CLIENT].frames, 0);
	ck_assert_uint_eq(stream.tally->sides[STREAM_CLIENT].taken, 50);
	free_stream(&stream);
}
END_TEST

/* --- faults of the program */

START_TEST(what_a_program_cannot_have_done_is_passed_over)
{
	struct stream stream;
	struct stream_end *client = &stream.client;

	new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS, 7);
	/* No such buffer, whatever it waits for; one that it has not got; one twice. */
	put_raw_id(&stream.input, 77);
	put_raw_id(&stream.input, 1);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	ck_assert_uint_eq(get_raw(&stream.output), 0);
	put_raw_id(&stream.input, 0);
	put_raw_id(&stream.input, 0);
	stream_end_follow(client, false);
	ck_assert_uint_eq(client->head, 4);
	ck_assert_uint_eq(client->tail, 1);
	ck_assert_uint_eq(client->turns[0], 2);
	ck_assert_uint_eq(client->turns[1], 0);
	ck_assert_uint_eq(client->count->frames, 1);
	take(&stream.driver, 0);
	check_holder(&stream, 0, STREAM_WITH_DRIVER);
	free_stream(&stream);
}
END_TEST

/* It does not hide the order of what is behind it. */
START_TEST(an_entry_that_is_no_buffer_does_not_matter)
{
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS, 7);
	put_raw_id(&stream.output, 99);
	put_raw_id(&stream.output, 1);
	get_raw(&stream.output);
	get_raw(&stream.output);
	put_raw_id(&stream.input, 1);
	stream_end_follow(&stream.client, false);
	ck_assert_uint_eq(stream.client.turns[1], 2);
	ck_assert_uint_eq(stream.client.count->taken, 1);
	ck_assert_uint_eq(stream.client.count->frames, 1);

	put_raw_id(&stream.input, 99);
	put_raw_id(&stream.output, 1);
	put_raw_id(&stream.output, 1);
	get_raw(&stream.output);
	get_raw(&stream.output);
	stream_end_follow(&stream.client, false);
	ck_assert_uint_eq(stream.client.head, 2);
	ck_assert_uint_eq(stream.client.tail, 4);
	ck_assert_uint_eq(stream.client.turns[1], 3);
	free_stream(&stream);
}
END_TEST

static void spoil(struct stream *stream, uint32_t index)
{
	stream->input.queue->headIndex = index;
	stream->output.queue->tailIndex = index;
}

START_TEST(an_index_that_is_none_is_not_followed)
{
	static const uint32_t bad[] = { 4, 5, 0x80000000, UINT32_MAX };
	struct stream stream;

	new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS, N_BUFFERS);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	get_raw(&stream.output);
	stream_end_follow(&stream.client, false);
	for (size_t i = 0; i < 8; i++) {
		spoil(&stream, bad[i % 4]);
		stream.client.count->epoch = 5;
		stream_end_follow(&stream.client, i >= 4);
		ck_assert_uint_eq(stream.client.head, 0);
		ck_assert_uint_eq(stream.client.tail, 1);
		check_holder(&stream, 0, STREAM_WITH_CLIENT);
	}
	free_stream(&stream);
}
END_TEST

START_TEST(of_two_words_the_drivers_comes_first)
{
	static const struct {
		uint32_t driver, client;
		enum stream_holder holder;
	} words[] = {
		{ 0, 0, STREAM_WITH_DRIVER }, { 1, 0, STREAM_ON_OUTPUT },
		{ 1, 1, STREAM_WITH_CLIENT }, { 1, 2, STREAM_ON_INPUT },
		{ 2, 2, STREAM_WITH_DRIVER }, { 3, 2, STREAM_ON_OUTPUT },
		{ UINT32_MAX, 0, STREAM_ON_INPUT }, { UINT32_MAX, UINT32_MAX, STREAM_WITH_CLIENT },
		{ UINT32_MAX, UINT32_MAX - 1, STREAM_ON_OUTPUT },
		/* These cannot be. */
		{ 0, 1, STREAM_WITH_DRIVER }, { 2, 1, STREAM_WITH_DRIVER },
		{ 2, 3, STREAM_WITH_DRIVER }, { 4, 1000, STREAM_WITH_DRIVER },
		{ 5, 1001, STREAM_WITH_CLIENT }, { 5, 1000, STREAM_ON_OUTPUT },
	};
	struct stream stream;

	new_stream(&stream, kIOStreamModeOutput, 1, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		stream.driver.turns[0] = words[i].driver;
		stream.client.turns[0] = words[i].client;
		check_holder(&stream, 0, words[i].holder);
	}
	free_stream(&stream);
}
END_TEST

/* --- programs that keep the tally: the test is both programs, and fsd beside them */

struct followers {
	struct stream_end driver, client;
};

static void new_followers(struct stream *stream, struct followers *fsd)
{
	*fsd = (struct followers){ 0 };
	new_end(stream, &fsd->driver, STREAM_DRIVER, N_BUFFERS);
	new_end(stream, &fsd->client, STREAM_CLIENT, N_BUFFERS);
	stream->tally->sides[STREAM_DRIVER].is_kept = 1;
	stream->tally->sides[STREAM_CLIENT].is_kept = 1;
}

static void follow_both(struct followers *fsd)
{
	stream_end_follow(&fsd->driver, true);
	stream_end_follow(&fsd->client, true);
}

static void check_kept(const struct stream *stream, struct followers *fsd)
{
	follow_both(fsd);
	for (uint32_t id = 0; id < N_BUFFERS; id++) {
		ck_assert_uint_eq(fsd->driver.turns[id], stream->driver.turns[id]);
		ck_assert_uint_eq(fsd->client.turns[id], stream->client.turns[id]);
		ck_assert_int_eq(stream_holder(&fsd->driver, &fsd->client, id),
				 stream_holder(&stream->driver, &stream->client, id));
	}
	ck_assert_uint_eq(fsd->driver.head, stream->driver.head);
	ck_assert_uint_eq(fsd->driver.tail, stream->driver.tail);
	ck_assert_uint_eq(fsd->client.head, stream->client.head);
	ck_assert_uint_eq(fsd->client.tail, stream->client.tail);
}

static void free_both(struct stream *stream, struct followers *fsd)
{
	stream_end_deinit(&fsd->driver);
	stream_end_deinit(&fsd->client);
	free_stream(stream);
}

START_TEST(a_kept_tally_tells_what_was_laps_ago)
{
	struct stream stream;
	struct followers fsd;

	new_stream(&stream, kIOStreamModeOutput, N_BUFFERS, N_BUFFERS);
	new_followers(&stream, &fsd);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t id = i % N_BUFFERS;

		ck_assert_int_eq(give(&stream.driver, id), kIOReturnSuccess);
		if (i % 77 == 1)
			check_kept(&stream, &fsd);
		take(&stream.client, id);
		if (i % 77 == 2)
			check_kept(&stream, &fsd);
		ck_assert_int_eq(give(&stream.client, id), kIOReturnSuccess);
		if (i % 77 == 3)
			check_kept(&stream, &fsd);
		take(&stream.driver, id);
	}
	check_kept(&stream, &fsd);
	free_both(&stream, &fsd);
}
END_TEST

/* A program that has done nothing since a stop has what it had in its tally still. */
START_TEST(what_a_kept_tally_says_of_before_a_stop_is_over)
{
	struct stream stream;
	struct followers fsd;

	new_stream(&stream, kIOStreamModeOutput, N_BUFFERS, N_BUFFERS);
	new_followers(&stream, &fsd);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	take(&stream.client, 0);
	check_kept(&stream, &fsd);
	empty_rings(&stream, STREAM_RUNNING);
	stream_end_reset(&fsd.driver);
	stream_end_reset(&fsd.client);

	/* fsd resets its ends, and leaves a kept tally alone. */
	ck_assert_uint_eq(stream.tally->sides[STREAM_CLIENT].epoch, 5);
	ck_assert_uint_eq(stream_tally_turns(stream.tally, stream.room, STREAM_CLIENT)[0], 1);
	ck_assert_uint_eq(stream.tally->sides[STREAM_DRIVER].payload_at_start, 1);
	follow_both(&fsd);
	ck_assert_int_eq(stream_holder(&fsd.driver, &fsd.client, 0), STREAM_WITH_DRIVER);
	ck_assert_uint_eq(fsd.client.tail, 0);

	ck_assert_int_eq(give(&stream.driver, 1), kIOReturnSuccess);
	follow_both(&fsd);
	ck_assert_int_eq(stream_holder(&fsd.driver, &fsd.client, 0), STREAM_WITH_DRIVER);
	ck_assert_int_eq(stream_holder(&fsd.driver, &fsd.client, 1), STREAM_ON_OUTPUT);
	take(&stream.client, 1);
	check_kept(&stream, &fsd);
	free_both(&stream, &fsd);
}
END_TEST

/* fsd's own end is not a follower any more where the program has gone. */
START_TEST(an_end_that_is_not_kept_is_written_by_who_resets_it)
{
	struct stream stream;
	struct followers fsd;

	new_stream(&stream, kIOStreamModeOutput, N_BUFFERS, N_BUFFERS);
	new_followers(&stream, &fsd);
	ck_assert_int_eq(give(&stream.driver, 0), kIOReturnSuccess);
	follow_both(&fsd);
	stream_end_follow(&fsd.driver, false);
	empty_rings(&stream, STREAM_RUNNING);
	stream_end_reset(&fsd.driver);
	ck_assert_uint_eq(stream.tally->sides[STREAM_DRIVER].epoch, 6);
	ck_assert_uint_eq(stream_tally_turns(stream.tally, stream.room, STREAM_DRIVER)[0], 0);
	free_both(&stream, &fsd);
}
END_TEST

/* --- while both go on */

static void round_raw(const struct stream *stream)
{
	while (is_empty(&stream->output))
		sched_yield();
	put_raw_id(&stream->input, get_raw(&stream->output));
}

/* A driver that keeps its end, as fast as can be; and a client that uses the rings, with pauses. */
static pid_t start_program(struct stream *stream, bool is_driver, const uint32_t *is_over)
{
	pid_t child = fork();
	unsigned n = 0;

	if (child != 0)
		return child;
	while (!load_relaxed(is_over)) {
		if (is_driver && take_any(&stream->driver) == kIOReturnUnderrun)
			pass_lowest(stream);
		if (!is_driver && !is_empty(&stream->output))
			round_raw(stream);
		for (int i = 0; !is_driver && i < 100; i++)
			cpu_relax();
		if (++n % 64 == 0)
			sched_yield();
	}
	_exit(0);
}

static void wait_for(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

/* What looks impossible because two words were not read at once is not passed over. */
START_TEST(an_honest_program_is_followed_while_it_goes_on)
{
	struct stream stream;
	uint32_t *is_over = guarded_bytes(sizeof(*is_over));
	pid_t driver, client;

	/* So long that it is looked at more than once in a lap, also where much else goes on. */
	new_stream(&stream, kIOStreamModeInputOutput, 1, 1 << 20);
	driver = start_program(&stream, true, is_over);
	client = start_program(&stream, false, is_over);
	while (stream.client.count->taken < 3000) {
		stream_end_follow(&stream.client, false);
		sched_yield();
	}
	store_relaxed(is_over, 1);
	wait_for(driver);
	wait_for(client);
	stream_end_follow(&stream.client, false);
	/* Nothing was left out: it returned all that it took. */
	ck_assert_uint_eq(stream.client.count->taken, stream.client.count->frames);
	ck_assert_uint_eq(stream.client.turns[0], 2 * stream.client.count->taken);
	ck_assert_uint_eq(stream.client.tail, stream.output.queue->tailIndex);
	ck_assert_uint_eq(stream.client.head, stream.client.tail);
	ck_assert_uint_le(stream.tally->sides[STREAM_DRIVER].taken, stream.client.count->frames);
	ck_assert_uint_ge(stream.tally->sides[STREAM_DRIVER].taken + 1,
			  stream.client.count->frames);
	free_stream(&stream);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, every_order_of_a_few_steps_is_found_out);
	tcase_add_test(tests, whatever_happens_within_a_lap_is_found_out);
	tcase_add_test(tests, a_program_that_uses_the_rings_is_followed_as_a_driver_too);
	tcase_add_test(tests, what_a_program_cannot_have_done_is_passed_over);
	tcase_add_test(tests, an_entry_that_is_no_buffer_does_not_matter);
	tcase_add_test(tests, an_index_that_is_none_is_not_followed);
	tcase_add_test(tests, of_two_words_the_drivers_comes_first);
	tcase_add_test(tests, a_kept_tally_tells_what_was_laps_ago);
	tcase_add_test(tests, what_a_kept_tally_says_of_before_a_stop_is_over);
	tcase_add_test(tests, an_end_that_is_not_kept_is_written_by_who_resets_it);
	tcase_add_test(tests, an_honest_program_is_followed_while_it_goes_on);
}
