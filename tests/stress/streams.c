/* SPDX-License-Identifier: MIT */
/*
 * streams - both ends of a stream at full speed, in two processes
 *
 *	an honest pair		each buffer once a round, in order, its bytes as they were left, and
 *				the counts of both sides what was done; in each mode
 *	stops meanwhile		nobody is told of an entry from before, however late the other end is
 *	a hostile end		it writes any word of rings, tally and buffers while the other goes on:
 *				that one never stops, reads nothing but its areas, and gets only results
 *				that its header lists
 *
 * With a thread sanitizer, which sees one process, the honest are two threads. Runs for some two
 * seconds, or a minute with FSD_TEST_LONG.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libqueue/atomic.h"
#include "libqueue/stream_end.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1	/* as gcc says it */
#endif
#endif

#ifdef __SANITIZE_THREAD__
#define IS_ONE_PROCESS	true
#else
#define IS_ONE_PROCESS	false
#endif

#define N_BUFFERS	5u
#define DATA		4096u		/* bytes, mapped */
#define N_WORDS		8u		/* that are looked at */
#define PAGE		4096u
#define ENOUGH		500u		/* of what a test is about: with less it is none */

struct stream {
	struct stream_board *board;
	struct stream_tally *tally;
	struct stream_ring output, input;
	unsigned char *data[N_BUFFERS];
	uint32_t *is_over;
	uint64_t n_rounds;		/* an honest pair's */
};

static bool is_long;
static int n_tests;

static uint64_t chance(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

/* @n bytes that a fork's child shares, between pages that nobody may touch; they end at one. */
static void *guarded(size_t n)
{
	size_t size = stream_pages(n);
	char *all = mmap(NULL, size + 2 * (size_t)PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	char *memory = MAP_FAILED;

	if (all != MAP_FAILED)
		memory = mmap(all + PAGE, size, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory + size - n;
}

static struct stream_ring new_ring(uint32_t count)
{
	struct stream_ring ring = { guarded(stream_ring_size(count)), count };

	stream_ring_format(ring.queue, count);
	return ring;
}

static void new_stream(struct stream *stream, IOStreamMode mode, uint32_t length)
{
	*stream = (struct stream){
		.board = guarded(sizeof(*stream->board)),
		.tally = guarded(stream_tally_size(N_BUFFERS)),
		.output = new_ring(length + 1), .input = new_ring(length + 1),
		.is_over = guarded(sizeof(*stream->is_over)),
	};
	for (uint32_t i = 0; i < N_BUFFERS; i++)
		stream->data[i] = guarded(DATA);
	*stream->board = (struct stream_board){
		.session = 1, .moment = 1u << STREAM_STATE_BITS | STREAM_RUNNING,
		.mode = mode, .n_buffers = N_BUFFERS, .entry_count = length + 1,
	};
}

static void new_end(const struct stream *stream, enum stream_side side, struct stream_end *end)
{
	if (stream_end_init(end, side, stream->board, &stream->output, &stream->input,
			    stream->tally, N_BUFFERS) < 0)
		errx(1, "no memory");
	for (uint32_t i = 0; i < N_BUFFERS; i++)
		end->areas[i] = (struct stream_area){ DATA, 0 };
	end->n_buffers = N_BUFFERS;
}

/* What fsd does at a stop and the start after it. */
static void stop_and_start(const struct stream *stream)
{
	uint32_t epoch = (load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS) + 1;

	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | STREAM_STOPPED);
	full_fence();
	stream_ring_format(stream->output.queue, stream->output.entry_count);
	stream_ring_format(stream->input.queue, stream->input.entry_count);
	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | STREAM_RUNNING);
}

/* The other one has nothing for us: let it run, if it waits for this CPU. */
static void rest(unsigned *n_idle)
{
	cpu_relax();
	if (++*n_idle % 64 == 0)
		sched_yield();
}

static void result(bool is_good, const char *what)
{
	printf("%s %d - %s\n", is_good ? "ok" : "not ok", ++n_tests, what);
	fflush(stdout);
}

/* --- two programs: processes, or threads */

typedef void program_fn(struct stream *stream);

struct program {
	program_fn *run;
	struct stream *stream;
	pid_t pid;
	pthread_t thread;
};

static void *run_thread(void *user)
{
	struct program *program = user;

	program->run(program->stream);
	return NULL;
}

static void start(struct program *program, program_fn *run, struct stream *stream)
{
	*program = (struct program){ .run = run, .stream = stream };
	if (IS_ONE_PROCESS) {
		if (pthread_create(&program->thread, NULL, run_thread, program) != 0)
			errx(1, "no thread");
		return;
	}
	program->pid = fork();
	if (program->pid < 0)
		err(1, "fork");
	if (program->pid == 0) {
		alarm(300);
		run(stream);
		_exit(0);
	}
}

static bool end(struct program *program)
{
	int status = 0;

	if (IS_ONE_PROCESS)
		pthread_join(program->thread, NULL);
	else if (waitpid(program->pid, &status, 0) < 0)
		err(1, "waitpid");
	return status == 0;
}

/* --- an honest pair */

static void fill(const struct stream *stream, uint32_t id, uint64_t seed)
{
	uint64_t *words = (uint64_t *)(void *)stream->data[id];

	for (uint64_t i = 0; i < N_WORDS; i++)
		words[i * 63] = seed * 31 + i;
}

static void check(const struct stream *stream, uint32_t id, uint64_t seed)
{
	const uint64_t *words = (const uint64_t *)(const void *)stream->data[id];

	for (uint64_t i = 0; i < N_WORDS; i++)
		if (words[i * 63] != seed * 31 + i)
			errx(1, "buffer %u: word %llu is not that of %llu", id,
			     (unsigned long long)i, (unsigned long long)seed);
}

static void must(IOReturn code, const char *what)
{
	if (code != kIOReturnSuccess)
		errx(1, "%s: 0x%08x", what, (unsigned)code);
}

static bool take_one(struct stream_end *end, IOStreamBufferQueueEntry *entry)
{
	IOReturn code = stream_end_take(end, entry);

	if (code != kIOReturnUnderrun)
		must(code, "take");
	return code == kIOReturnSuccess;
}

/* All that it has, then all that comes back; each buffer with a number of its own. */
static void drive(struct stream *stream)
{
	uint64_t seeds[N_BUFFERS] = { 0 }, n_passed = 0, n_back = 0;
	IOStreamBufferQueueEntry entry;
	struct stream_end end;
	unsigned n_idle = 0;

	new_end(stream, STREAM_DRIVER, &end);
	while (n_back < stream->n_rounds) {
		for (uint32_t id = 0; id < N_BUFFERS && n_passed < stream->n_rounds; id++) {
			if (!stream_end_has(&end, id))
				continue;
			seeds[id] = n_passed++;
			fill(stream, id, seeds[id]);
			entry = (IOStreamBufferQueueEntry){ .bufferID = id, .dataLength = id + 1 };
			must(stream_end_give(&end, &entry), "give");
		}
		for (; take_one(&end, &entry); n_back++)
			check(stream, entry.bufferID, ~seeds[entry.bufferID]);
		rest(&n_idle);
	}
	stream_end_deinit(&end);
}

/* In the order in which they were passed; back in another. */
static void consume(struct stream *stream)
{
	uint64_t n_taken = 0, n_back = 0;
	IOStreamBufferQueueEntry held[N_BUFFERS];
	struct stream_end end;
	unsigned n_idle = 0, n = 0;

	new_end(stream, STREAM_CLIENT, &end);
	while (n_back < stream->n_rounds) {
		while (n < N_BUFFERS && take_one(&end, &held[n])) {
			check(stream, held[n].bufferID, n_taken);
			fill(stream, held[n].bufferID, ~n_taken);
			n_taken++;
			n++;
		}
		for (; n > n_taken % 3 || (n && n_taken == stream->n_rounds); n_back++)
			must(stream_end_give(&end, &held[--n]), "give back");
		rest(&n_idle);
	}
	stream_end_deinit(&end);
}

static uint64_t bytes_of(const struct stream *stream, enum stream_side side)
{
	return load_relaxed(&stream->tally->sides[side].bytes);
}

static bool are_counts(const struct stream *stream, IOStreamMode mode)
{
	const struct stream_count *driver = &stream->tally->sides[STREAM_DRIVER];
	const struct stream_count *client = &stream->tally->sides[STREAM_CLIENT];
	uint64_t n = stream->n_rounds;
	bool counts_back = mode != kIOStreamModeOutput;

	return driver->frames == n && driver->taken == n && client->taken == n &&
	       client->frames == (counts_back ? n : 0) && bytes_of(stream, STREAM_DRIVER) >= n &&
	       bytes_of(stream, STREAM_CLIENT) ==
		       (counts_back ? bytes_of(stream, STREAM_DRIVER) : 0) &&
	       driver->errors + client->errors + driver->overruns + client->overruns == 0;
}

static void run_honest(IOStreamMode mode, uint32_t length, const char *what)
{
	struct program driver, client;
	struct stream stream;
	bool is_good;

	new_stream(&stream, mode, length);
	stream.n_rounds = is_long ? 5000000 : 100000;
	start(&driver, drive, &stream);
	start(&client, consume, &stream);
	is_good = end(&driver);
	is_good = end(&client) && is_good;
	result(is_good && are_counts(&stream, mode), what);
}

/* --- stops meanwhile */

static bool is_over(const struct stream *stream)
{
	return load_relaxed(stream->is_over) != 0;
}

static bool may_be(IOReturn code, bool passes)
{
	return code == kIOReturnSuccess || code == kIOReturnNotReady ||
	       code == (passes ? kIOReturnBusy : kIOReturnUnderrun);
}

static void expect(IOReturn code, bool passes)
{
	if (!may_be(code, passes))
		errx(1, "%s: 0x%08x", passes ? "give" : "take", (unsigned)code);
}

/* What the client returned has its epoch as a length: that has to be ours. */
static void drive_stopped(struct stream *stream)
{
	IOStreamBufferQueueEntry entry;
	struct stream_end end;
	unsigned n_idle = 0;
	IOReturn code;

	new_end(stream, STREAM_DRIVER, &end);
	store_relaxed(&stream->tally->sides[STREAM_DRIVER].is_kept, 1);
	while (!is_over(stream)) {
		for (uint32_t id = 0; id < N_BUFFERS; id++) {
			entry = (IOStreamBufferQueueEntry){ .bufferID = id };
			expect(stream_end_give(&end, &entry), true);
		}
		do {
			code = stream_end_take(&end, &entry);
			expect(code, false);
			if (code == kIOReturnSuccess && entry.dataLength != end.epoch % DATA)
				errx(1, "buffer %u: of epoch %u, not %u", entry.bufferID,
				     entry.dataLength, end.epoch);
		} while (code == kIOReturnSuccess);
		rest(&n_idle);
	}
	stream_end_deinit(&end);
}

static void consume_stopped(struct stream *stream)
{
	IOStreamBufferQueueEntry entry;
	struct stream_end end;
	unsigned n_idle = 0;
	IOReturn code;

	new_end(stream, STREAM_CLIENT, &end);
	store_relaxed(&stream->tally->sides[STREAM_CLIENT].is_kept, 1);
	while (!is_over(stream)) {
		code = stream_end_take(&end, &entry);
		expect(code, false);
		if (code == kIOReturnSuccess) {
			entry.dataLength = end.epoch % DATA;
			expect(stream_end_give(&end, &entry), true);
		} else {
			rest(&n_idle);
		}
	}
	stream_end_deinit(&end);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void run_stops(void)
{
	uint64_t until = now_ms() + (is_long ? 20000 : 500), state = 88172645463325252u;
	const struct stream_count *counts;
	struct program driver, client;
	struct stream stream;
	unsigned long n = 0;
	bool is_good;

	new_stream(&stream, kIOStreamModeInputOutput, N_BUFFERS + 2);
	counts = stream.tally->sides;
	start(&driver, drive_stopped, &stream);
	start(&client, consume_stopped, &stream);
	for (; now_ms() < until || load_relaxed(&counts[STREAM_DRIVER].taken) < ENOUGH; n++) {
		struct timespec pause = { .tv_nsec = (long)chance(&state, 60000) };

		stop_and_start(&stream);
		if (chance(&state, 4))
			nanosleep(&pause, NULL);
	}
	store_relaxed(stream.is_over, 1);
	is_good = end(&driver);
	is_good = end(&client) && is_good;
	printf("# %lu stops, %llu buffers came back, %llu errors\n", n,
	       (unsigned long long)counts[STREAM_DRIVER].taken,
	       (unsigned long long)(counts[STREAM_DRIVER].errors + counts[STREAM_CLIENT].errors));
	result(is_good && counts[STREAM_DRIVER].errors + counts[STREAM_CLIENT].errors +
	       counts[STREAM_DRIVER].overruns + counts[STREAM_CLIENT].overruns == 0,
	       "stops meanwhile: no entry from before is taken");
}

/* --- a hostile end */

struct hostile_run {
	struct stream stream;
	struct stream_end end, follower;
	uint64_t state;
	unsigned n_idle;
	unsigned long n_given, n_taken, n_spoiled, n_stops;
};

static uint32_t any_word(const struct stream *stream, uint64_t *state)
{
	switch (chance(state, 5)) {
	case 0:
		return (uint32_t)chance(state, stream->output.entry_count + 2);
	case 1:
		return (uint32_t)chance(state, 2 * DATA);
	case 2:
		return UINT32_MAX - (uint32_t)chance(state, 16);
	case 3:
		return load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS;
	default:
		return (uint32_t)chance(state, UINT32_MAX);
	}
}

static uint32_t *any_place(const struct stream *stream, uint64_t *state)
{
	const struct stream_ring *ring = chance(state, 2) ? &stream->output : &stream->input;
	uint32_t *words = (uint32_t *)(void *)ring->queue;

	switch (chance(state, 6)) {
	case 0:
	case 1:
		return words + chance(state, 4);
	case 2:
	case 3:
		return words + chance(state, stream_ring_size(ring->entry_count) / 4);
	case 4:
		words = (uint32_t *)(void *)stream->tally;
		return words + chance(state, stream_tally_size(N_BUFFERS) / 4);
	default:
		words = (uint32_t *)(void *)stream->data[chance(state, N_BUFFERS)];
		return words + chance(state, DATA / 4);
	}
}

/* A word, which mostly is as it was soon after. */
static void scribble(const struct stream *stream, uint64_t *state)
{
	uint32_t *place = any_place(stream, state), before = load_relaxed(place);

	store_relaxed(place, any_word(stream, state));
	for (uint64_t n = chance(state, 50); n > 0; n--)
		cpu_relax();
	if (chance(state, 16))
		store_relaxed(place, before);
}

/* Now and then as it should be, so that something goes on. */
static void behave(const struct stream *stream, enum stream_side side, uint64_t *state)
{
	const struct stream_ring *from = side == STREAM_CLIENT ? &stream->output : &stream->input;
	const struct stream_ring *to = side == STREAM_CLIENT ? &stream->input : &stream->output;
	IOStreamBufferQueueEntry entry = { .bufferID = (uint32_t)chance(state, N_BUFFERS) };
	uint32_t head = load_relaxed(&to->queue->headIndex) % to->entry_count;

	store_release(&from->queue->tailIndex, load_acquire(&from->queue->headIndex));
	store_relaxed(&stream->tally->sides[side].is_kept, 0);
	store_relaxed(&to->queue->queue[head].bufferID, entry.bufferID);
	store_relaxed(&to->queue->queue[head].dataOffset, (uint32_t)chance(state, DATA + 2));
	store_relaxed(&to->queue->queue[head].dataLength, (uint32_t)chance(state, DATA + 2));
	store_relaxed(&to->queue->queue[head].controlOffset, 0);
	store_relaxed(&to->queue->queue[head].controlLength, 0);
	store_release(&to->queue->headIndex, stream_ring_next(to, head));
}

static void be_hostile(const struct stream *stream, enum stream_side side)
{
	uint64_t state = 2463534242u;

	while (!is_over(stream)) {
		scribble(stream, &state);
		for (uint64_t n = chance(&state, 8); n > 0; n--)
			behave(stream, side, &state);
		for (uint64_t n = chance(&state, 200); n > 0; n--)
			cpu_relax();
	}
}

static void be_hostile_client(struct stream *stream)
{
	be_hostile(stream, STREAM_CLIENT);
}

static void be_hostile_driver(struct stream *stream)
{
	be_hostile(stream, STREAM_DRIVER);
}

/* As much as it says is there, and none of it outside. */
static void read_data(const struct hostile_run *run, const IOStreamBufferQueueEntry *entry)
{
	const unsigned char *data;
	unsigned sum = 0;

	if (entry->bufferID >= N_BUFFERS || !stream_entry_fits(entry, DATA, 0))
		errx(1, "buffer %u, %u bytes from %u on", entry->bufferID, entry->dataLength,
		     entry->dataOffset);
	data = run->stream.data[entry->bufferID];
	for (uint32_t i = 0; i < entry->dataLength; i += 64)
		sum += load_relaxed(&data[entry->dataOffset + i]);
	store_relaxed(&run->stream.data[entry->bufferID][0], (unsigned char)sum);
}

static void give_all(struct hostile_run *run)
{
	for (uint32_t id = 0; id < N_BUFFERS; id++) {
		IOStreamBufferQueueEntry entry = { .bufferID = id, .dataLength = id };
		bool had = stream_end_has(&run->end, id);
		IOReturn code = stream_end_give(&run->end, &entry);

		if (code != (had ? kIOReturnSuccess : kIOReturnBusy) &&
		    (!had || (code != kIOReturnOverrun && code != kIOReturnInternalError)))
			errx(1, "give: 0x%08x", (unsigned)code);
		if (stream_end_has(&run->end, id) != (had && code != kIOReturnSuccess))
			errx(1, "give: buffer %u did not change hands", id);
		run->n_given += code == kIOReturnSuccess;
		run->n_spoiled += code == kIOReturnInternalError;
	}
}

/* As a driver's loop: until there is nothing. Not more come back than were given. */
static void take_all(struct hostile_run *run)
{
	IOStreamBufferQueueEntry entry;
	IOReturn code;

	for (uint32_t n = 0;; n++) {
		code = stream_end_take(&run->end, &entry);
		if (code != kIOReturnSuccess)
			break;
		if (n == N_BUFFERS || !stream_end_has(&run->end, entry.bufferID))
			errx(1, "take: buffer %u after %u others", entry.bufferID, n);
		read_data(run, &entry);
		run->n_taken++;
	}
	if (code != kIOReturnUnderrun && code != kIOReturnInternalError)
		errx(1, "take: 0x%08x", (unsigned)code);
	run->n_spoiled += code == kIOReturnInternalError;
}

/* fsd, which is told what the other end did. */
static void follow(struct hostile_run *run)
{
	uint32_t count = run->stream.output.entry_count, length;

	stream_end_follow(&run->follower, chance(&run->state, 2));
	if (run->follower.head >= count || run->follower.tail >= count)
		errx(1, "follow: %u, %u", run->follower.head, run->follower.tail);
	for (uint32_t id = 0; id < N_BUFFERS; id++)
		if (stream_holder(&run->end, &run->follower, id) > STREAM_ON_INPUT)
			errx(1, "no holder");
	if (stream_ring_length(&run->stream.output, &length) == 0 && length >= count)
		errx(1, "%u entries", length);
}

static void renew(struct hostile_run *run)
{
	stop_and_start(&run->stream);
	stream_end_reset(&run->end);
	stream_end_reset(&run->follower);
	run->n_stops++;
}

static void run_hostile(enum stream_side side, program_fn *other, const char *what)
{
	uint64_t until = now_ms() + (is_long ? 10000 : 300);
	struct hostile_run run = { .state = 88172645463325252u };
	struct program program;

	new_stream(&run.stream, kIOStreamModeOutput, N_BUFFERS);
	new_end(&run.stream, side, &run.end);
	new_end(&run.stream, side == STREAM_CLIENT ? STREAM_DRIVER : STREAM_CLIENT,
		&run.follower);
	start(&program, other, &run.stream);
	while (now_ms() < until || run.n_given < ENOUGH || run.n_taken < ENOUGH ||
	       run.n_spoiled < ENOUGH)
		for (int i = 0; i < 200; i++) {
			give_all(&run);
			take_all(&run);
			if (chance(&run.state, 8) == 0)
				follow(&run);
			if (chance(&run.state, 16) == 0)
				renew(&run);
			rest(&run.n_idle);
		}
	store_relaxed(run.stream.is_over, 1);
	printf("# %lu given, %lu taken, %lu times spoiled, %lu stops\n", run.n_given, run.n_taken,
	       run.n_spoiled, run.n_stops);
	result(end(&program), what);
	stream_end_deinit(&run.end);
	stream_end_deinit(&run.follower);
}

int main(void)
{
	is_long = getenv("FSD_TEST_LONG") != NULL;
	alarm(is_long ? 300 : 120);
	printf("1..6\n");
	fflush(stdout);
	run_honest(kIOStreamModeOutput, N_BUFFERS, "an honest pair, output");
	run_honest(kIOStreamModeInput, N_BUFFERS, "an honest pair, input");
	run_honest(kIOStreamModeInputOutput, 3 * N_BUFFERS, "an honest pair, both ways");
	run_stops();
	run_hostile(STREAM_DRIVER, be_hostile_client, "a driver beside a hostile client");
	run_hostile(STREAM_CLIENT, be_hostile_driver, "a client beside a hostile driver");
	return 0;
}
