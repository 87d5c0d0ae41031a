/* SPDX-License-Identifier: MIT */
/*
 * test_stream_client_entries - what a client passes and takes, and what the driver may do to it
 */
#include "plain_stream.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct plain_stream stream;
static IOStreamRef ref;

static void make(void)
{
	new_stream(&stream);
	ref = open_stream(&stream);
	set_state(&stream.rings, STREAM_RUNNING);
}

static void clean(void)
{
	(*ref)->Release(ref);
	remove_stream(&stream);
}

static IOReturn take(IOStreamBufferQueueEntry *entry)
{
	return (*ref)->DequeueOutputEntry(ref, entry);
}

static IOReturn give(UInt32 id, IOByteCount length)
{
	return (*ref)->EnqueueInputBuffer(ref, id, 0, length, 0, 0);
}

static uint64_t n_errors(void)
{
	return stream.rings.tally->sides[STREAM_CLIENT].errors;
}

/* --- both ways */

START_TEST(entries_and_bytes_go_both_ways)
{
	IOStreamBufferQueueEntry entry;

	for (uint32_t i = 0; i < 100; i++) {
		uint32_t id = i % N_BUFFERS;

		memset((*ref)->GetDataBuffer(ref, id), 0, 16);
		ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
		entry = (IOStreamBufferQueueEntry){ id, i, 100 + i, 8, 16, { 1, 2, 3 } };
		ck_assert_int_eq(stream_end_give(&stream.rings.end, &entry), kIOReturnSuccess);
		memset(&entry, 0xff, sizeof(entry));
		ck_assert_int_eq(take(&entry), kIOReturnSuccess);
		ck_assert_uint_eq(entry.bufferID, id);
		ck_assert_uint_eq(entry.dataOffset, i);
		ck_assert_uint_eq(entry.dataLength, 100 + i);
		ck_assert_uint_eq(entry.controlOffset, 8);
		ck_assert_uint_eq(entry.controlLength, 16);

		entry.dataLength = i;
		ck_assert_int_eq((*ref)->EnqueueInputEntry(ref, &entry), kIOReturnSuccess);
		ck_assert_int_eq(stream_end_take(&stream.rings.end, &entry), kIOReturnSuccess);
		ck_assert_uint_eq(entry.bufferID, id);
		ck_assert_uint_eq(entry.dataLength, i);
	}
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].taken, 100);
	ck_assert_uint_eq(n_errors(), 0);
}
END_TEST

START_TEST(only_what_was_taken_may_be_passed_and_once)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(give(0, 0), kIOReturnBusy);
	ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
	ck_assert_int_eq(give(0, 0), kIOReturnBusy);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_int_eq(give(1, 0), kIOReturnBusy);
	ck_assert_int_eq(give(0, 0), kIOReturnSuccess);
	ck_assert_int_eq(give(0, 0), kIOReturnBusy);
}
END_TEST

START_TEST(arguments_are_checked_after_the_state)
{
	IOStreamBufferQueueEntry entry;
	const IOByteCount large = (IOByteCount)UINT32_MAX + 1;

	ck_assert_int_eq(send_frame(&stream, 1, 1), kIOReturnSuccess);
	ck_assert_int_eq(take(NULL), kIOReturnBadArgument);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->EnqueueInputEntry(ref, NULL), kIOReturnBadArgument);
#define ENQUEUE(...) (*ref)->EnqueueInputBuffer(ref, __VA_ARGS__)
	ck_assert_int_eq(ENQUEUE(N_BUFFERS, 0, 0, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(kIOStreamBufferIDInvalid, 0, 0, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, DATA_SIZE + 1, 0, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, DATA_SIZE, 1, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, 1, UINT32_MAX, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, 0, 0, 1, CONTROL_SIZE), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, large, 0, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, 0, large, 0, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, 0, 0, large, 0), kIOReturnBadArgument);
	ck_assert_int_eq(ENQUEUE(1, 0, 0, 0, large), kIOReturnBadArgument);
	set_state(&stream.rings, STREAM_STOPPED);
	ck_assert_int_eq(ENQUEUE(1, large, 0, 0, 0), kIOReturnNotReady);
	ck_assert_int_eq(ENQUEUE(N_BUFFERS, 0, 0, 0, 0), kIOReturnNotReady);
	set_state(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq(ENQUEUE(1, DATA_SIZE, 0, CONTROL_SIZE, 0), kIOReturnSuccess);
#undef ENQUEUE
}
END_TEST

START_TEST(a_full_ring_is_an_overrun)
{
	IOStreamBufferQueueEntry entry;

	(*ref)->Close(ref);
	change_rings(&stream, 2, 8);
	set_state(&stream.rings, STREAM_STOPPED);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	set_state(&stream.rings, STREAM_RUNNING);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		ck_assert_int_eq(send_frame(&stream, i, 1), kIOReturnSuccess);
		ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	}
	ck_assert_int_eq(give(0, 0), kIOReturnSuccess);
	ck_assert_int_eq(give(1, 0), kIOReturnSuccess);
	ck_assert_int_eq(give(2, 0), kIOReturnOverrun);
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].overruns, 1);
	ck_assert_int_eq(stream_end_take(&stream.rings.end, &entry), kIOReturnSuccess);
	ck_assert_int_eq(give(2, 0), kIOReturnSuccess);
}
END_TEST

/* --- states */

static const struct {
	enum stream_state state;
	IOStreamMode mode;
	IOReturn take, give;
} by_state[] = {
	{ STREAM_CLOSED, kIOStreamModeOutput, kIOReturnNotOpen, kIOReturnNotOpen },
	{ STREAM_STOPPED, kIOStreamModeOutput, kIOReturnNotReady, kIOReturnNotReady },
	{ STREAM_RUNNING, kIOStreamModeOutput, kIOReturnUnderrun, kIOReturnSuccess },
	{ STREAM_SUSPENDED, kIOStreamModeOutput, kIOReturnUnderrun, kIOReturnSuccess },
	{ STREAM_DRAINING, kIOStreamModeOutput, kIOReturnUnderrun, kIOReturnSuccess },
	{ STREAM_DRAINING, kIOStreamModeInput, kIOReturnUnderrun, kIOReturnNotReady },
	{ STREAM_DRAINING, kIOStreamModeInputOutput, kIOReturnUnderrun, kIOReturnNotReady },
	{ STREAM_DEAD, kIOStreamModeOutput, kIOReturnNoDevice, kIOReturnNoDevice },
};

START_TEST(the_state_says_what_may_be_done)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	stream.rings.board->mode = by_state[_i].mode;
	set_state(&stream.rings, by_state[_i].state);
	ck_assert_int_eq(take(&entry), by_state[_i].take);
	ck_assert_int_eq(give(0, 0), by_state[_i].give);
	if (by_state[_i].state == STREAM_DEAD) {
		ck_assert_int_eq((*ref)->GetBufferInfo(ref, 0, NULL, NULL, NULL, NULL),
				 kIOReturnNoDevice);
		/* What is mapped stays. */
		ck_assert_ptr_nonnull((*ref)->GetDataBuffer(ref, 0));
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
	}
}
END_TEST

START_TEST(the_last_entry_of_a_drain_ends_it)
{
	static const struct {
		IOStreamMode mode;
		const char *asked;
	} modes[] = {
		{ kIOStreamModeOutput, "1\n" },
		{ kIOStreamModeInputOutput, "1\n" },
		{ kIOStreamModeInput, "" },
	};
	IOStreamBufferQueueEntry entry;

	for (int i = 0; i < 3; i++) {
		empty_rings(&stream.rings, STREAM_RUNNING);
		stream.rings.board->mode = modes[i].mode;
		ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
		set_state(&stream.rings, STREAM_DRAINING);
		ck_assert_int_eq(take(&entry), kIOReturnSuccess);
		ck_assert_str_eq(taken_from(&stream, "drain"), "");
		ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
		ck_assert_str_eq(taken_from(&stream, "drain"), modes[i].asked);
	}
	set_state(&stream.rings, STREAM_SUSPENDED);
	ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
	ck_assert_str_eq(taken_from(&stream, "drain"), "");
}
END_TEST

START_TEST(a_stop_takes_everything_back)
{
	IOStreamBufferQueueEntry entry;

	for (uint32_t i = 0; i < N_BUFFERS; i++)
		ck_assert_int_eq(send_frame(&stream, i, 1), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_int_eq(give(0, 0), kIOReturnSuccess);
	empty_rings(&stream.rings, STREAM_STOPPED);
	ck_assert_int_eq(take(&entry), kIOReturnNotReady);
	ck_assert_int_eq(give(1, 0), kIOReturnNotReady);
	set_state(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq(give(1, 0), kIOReturnBusy);
	ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		ck_assert_int_eq(send_frame(&stream, i, 2), kIOReturnSuccess);
		ck_assert_int_eq(take(&entry), kIOReturnSuccess);
		ck_assert_uint_eq(entry.bufferID, i);
		ck_assert_uint_eq(entry.dataLength, 2);
	}
	ck_assert_uint_eq(n_errors(), 0);
}
END_TEST

START_TEST(a_session_that_is_over_is_not_open)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
	stream.rings.board->session++;
	ck_assert_int_eq(take(&entry), kIOReturnNotOpen);
	ck_assert_int_eq(give(0, 0), kIOReturnNotOpen);
	set_state(&stream.rings, STREAM_DEAD);
	ck_assert_int_eq(take(&entry), kIOReturnNoDevice);
}
END_TEST

/* --- a driver that is mistaken, or worse */

START_TEST(what_cannot_be_is_passed_over)
{
	static const IOStreamBufferQueueEntry bad[] = {
		{ .bufferID = N_BUFFERS },
		{ .bufferID = kIOStreamBufferIDInvalid },
		{ .bufferID = 8 },		/* beyond the tally's room */
		{ .dataOffset = DATA_SIZE + 1 },
		{ .dataLength = DATA_SIZE + 1 },
		{ .dataOffset = UINT32_MAX, .dataLength = 1 },
		{ .dataOffset = 1, .dataLength = UINT32_MAX },
		{ .controlOffset = CONTROL_SIZE, .controlLength = 1 },
	};
	const uint64_t n_bad = sizeof(bad) / sizeof(bad[0]);
	IOStreamBufferQueueEntry good = { .bufferID = 2, .dataLength = DATA_SIZE }, entry;

	for (uint64_t i = 0; i < n_bad; i++) {
		put_raw(&stream, &bad[i]);
		ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
		ck_assert_uint_eq(n_errors(), i + 1);
	}
	put_raw(&stream, &bad[0]);
	put_raw(&stream, &bad[4]);
	put_raw(&stream, &good);
	put_raw(&stream, &good);	/* twice */
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.bufferID, 2);
	ck_assert_uint_eq(entry.dataLength, DATA_SIZE);
	ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
	ck_assert_uint_eq(n_errors(), n_bad + 3);
}
END_TEST

START_TEST(an_index_that_is_none_is_an_internal_error)
{
	IOStreamBufferQueueEntry entry;

	ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	stream.rings.output->headIndex = 5;
	ck_assert_int_eq(take(&entry), kIOReturnInternalError);
	stream.rings.output->headIndex = UINT32_MAX;
	ck_assert_int_eq(take(&entry), kIOReturnInternalError);
	stream.rings.input->tailIndex = 77;
	ck_assert_int_eq(give(0, 0), kIOReturnInternalError);
	ck_assert_uint_eq(n_errors(), 3);
	/* Our own are not read back, and how long it is neither. */
	stream.rings.output->headIndex = 1;
	stream.rings.input->tailIndex = 0;
	stream.rings.output->tailIndex = UINT32_MAX;
	stream.rings.input->headIndex = UINT32_MAX;
	stream.rings.output->entryCount = UINT32_MAX;
	stream.rings.input->entryCount = 0;
	ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
	ck_assert_int_eq(give(0, 0), kIOReturnSuccess);
}
END_TEST

static void *spoil(void *done)
{
	uint32_t seed = 1, n_words = (uint32_t)stream.rings.ring_size / 4;

	while (!load_relaxed((bool *)done)) {
		seed = seed * 1664525 + 1013904223;
		store_relaxed((uint32_t *)stream.rings.output + (seed >> 8) % n_words,
			      seed >> 3 & 15);
		store_relaxed((uint32_t *)stream.rings.input + (seed >> 16) % n_words, seed);
		store_relaxed(&stream.rings.tally->room, seed);
	}
	return NULL;
}

START_TEST(memory_that_is_spoiled_all_the_time_does_no_harm)
{
	IOStreamBufferQueueEntry entry;
	unsigned n_taken = 0;
	bool done = false;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, spoil, &done), 0);
	/* Its thread may come late. */
	for (int i = 0; i < 300000 || n_taken == 0; i++) {
		IOReturn result = take(&entry);

		ck_assert(result == kIOReturnSuccess || result == kIOReturnUnderrun ||
			  result == kIOReturnInternalError);
		if (result != kIOReturnSuccess)
			continue;
		n_taken++;
		ck_assert_uint_lt(entry.bufferID, N_BUFFERS);
		ck_assert_uint_le(entry.dataOffset, DATA_SIZE);
		ck_assert_uint_le(entry.dataLength, DATA_SIZE - entry.dataOffset);
		ck_assert_uint_le(entry.controlOffset, CONTROL_SIZE);
		ck_assert_uint_le(entry.controlLength, CONTROL_SIZE - entry.controlOffset);
		give(entry.bufferID, 0);
	}
	store_relaxed(&done, true);
	pthread_join(thread, NULL);
}
END_TEST

/* --- buffers that come while it is open */

START_TEST(a_buffer_that_was_added_is_mapped_when_it_is_met)
{
	IOStreamBufferQueueEntry entry;
	void *first = (*ref)->GetDataBuffer(ref, 0);

	ck_assert_int_eq(give(3, 0), kIOReturnBadArgument);
	for (unsigned i = 3; i < 6; i++)
		make_buffer(&stream, i);
	store_release(&stream.rings.board->n_buffers, 5);
	know_buffers(&stream.rings, 5, AREA);
	ck_assert_int_eq(give(3, 0), kIOReturnBusy);
	ck_assert_int_eq(send_frame(&stream, 4, 3), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.bufferID, 4);
	memcpy((*ref)->GetDataBuffer(ref, 4), "new", 3);
	ck_assert_str_eq(taken_from(&stream, "buffers/4/data"), "new");

	store_release(&stream.rings.board->n_buffers, 6);
	ck_assert_uint_eq((*ref)->GetBufferCount(ref), 6);
	ck_assert_uint_eq((*ref)->GetControlBufferLength(ref, 5), CONTROL_SIZE);
	ck_assert_ptr_eq((*ref)->GetDataBuffer(ref, 0), first);
	ck_assert_uint_eq(n_errors(), 0);
}
END_TEST

START_TEST(there_are_no_more_than_the_tally_has_room_for)
{
	IOStreamBufferQueueEntry entry;

	for (unsigned i = N_BUFFERS; i < 10; i++)
		make_buffer(&stream, i);
	store_release(&stream.rings.board->n_buffers, 10);
	put_raw(&stream, &(IOStreamBufferQueueEntry){ .bufferID = 9 });
	ck_assert_int_eq(take(&entry), kIOReturnUnderrun);
	ck_assert_uint_eq(n_errors(), 1);
	ck_assert_ptr_nonnull((*ref)->GetDataBuffer(ref, 7));
	ck_assert_ptr_null((*ref)->GetDataBuffer(ref, 8));
}
END_TEST

START_TEST(a_buffer_that_cannot_be_mapped_is_not_lost)
{
	IOStreamBufferQueueEntry entry;

	make_buffer(&stream, 3);
	unlink(in_stream(&stream, "buffers/3/data"));
	ck_assert_int_eq(mkdir(in_stream(&stream, "buffers/3/data"), 0777), 0);
	store_release(&stream.rings.board->n_buffers, 4);
	know_buffers(&stream.rings, 4, AREA);
	ck_assert_int_eq(send_frame(&stream, 3, 1), kIOReturnSuccess);
	ck_assert_int_eq(take(&entry), kIOReturnError);
	ck_assert_int_eq((*ref)->GetBufferInfo(ref, 3, NULL, NULL, NULL, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(rmdir(in_stream(&stream, "buffers/3/data")), 0);
	make_area(&stream, 3, "data", DATA_SIZE);
	ck_assert_int_eq(take(&entry), kIOReturnSuccess);
	ck_assert_uint_eq(entry.bufferID, 3);
	ck_assert_uint_eq(n_errors(), 0);
}
END_TEST

#define N_ADDED	400u

static void *add_buffers(void *unused)
{
	(void)unused;
	for (unsigned i = N_BUFFERS; i < N_ADDED; i++) {
		make_buffer(&stream, i);
		stream.rings.end.areas[i] = (struct stream_area){ DATA_SIZE, CONTROL_SIZE };
		stream.rings.end.n_buffers = i + 1;
		store_release(&stream.rings.board->n_buffers, i + 1);
		ck_assert_int_eq(send_frame(&stream, i, 1), kIOReturnSuccess);
	}
	return NULL;
}

START_TEST(a_buffer_that_is_added_and_passed_at_once_is_not_missed)
{
	IOStreamBufferQueueEntry entry;
	pthread_t thread;

	(*ref)->Close(ref);
	change_rings(&stream, N_ADDED, N_ADDED);
	set_state(&stream.rings, STREAM_STOPPED);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	set_state(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq(pthread_create(&thread, NULL, add_buffers, NULL), 0);
	for (unsigned i = N_BUFFERS; i < N_ADDED;) {
		IOReturn result = take(&entry);

		ck_assert_uint_eq(n_errors(), 0);
		if (result == kIOReturnUnderrun) {
			sched_yield();
			continue;
		}
		ck_assert_int_eq(result, kIOReturnSuccess);
		ck_assert_uint_eq(entry.bufferID, i++);
	}
	pthread_join(thread, NULL);
}
END_TEST

/* --- what it costs */

#ifndef __SANITIZE_THREAD__
/* Ends by SIGKILL at any system call but exit. */
static void pass_without_the_kernel(void)
{
	IOStreamBufferQueueEntry entry;
	long status = 0;

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
		_exit(2);
	for (uint32_t i = 0; i < 1000 && status == 0; i++)
		if (send_frame(&stream, i % N_BUFFERS, i) != kIOReturnSuccess ||
		    take(&entry) != kIOReturnSuccess ||
		    take(&entry) != kIOReturnUnderrun ||
		    give(i % N_BUFFERS, 0) != kIOReturnSuccess ||
		    stream_end_take(&stream.rings.end, &entry) != kIOReturnSuccess ||
		    !(*ref)->GetDataBuffer(ref, 0))
			status = 1;
	syscall(SYS_exit, status);
}

START_TEST(entries_are_passed_and_taken_without_a_system_call)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		pass_without_the_kernel();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST
#endif

static void *pass_some(void *unused)
{
	IOStreamBufferQueueEntry entry;
	int n = 0;

	(void)unused;
	while (n < 20000)
		if (take(&entry) == kIOReturnSuccess) {
			ck_assert_int_eq(give(entry.bufferID, 0), kIOReturnSuccess);
			n++;
		} else {
			sched_yield();
		}
	return NULL;
}

START_TEST(threads_may_pass_and_take_at_once)
{
	IOStreamBufferQueueEntry entry;
	pthread_t threads[2];
	uint32_t has[N_BUFFERS] = { 1, 1, 1 };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_some, NULL), 0);
	for (int n = 0; n < 40000;) {
		for (uint32_t id = 0; id < N_BUFFERS; id++)
			if (has[id] && send_frame(&stream, id, 1) == kIOReturnSuccess)
				has[id] = 0;
		while (stream_end_take(&stream.rings.end, &entry) == kIOReturnSuccess) {
			has[entry.bufferID] = 1;
			n++;
		}
		sched_yield();
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].taken, 40000);
	ck_assert_uint_eq(n_errors(), 0);
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_DRIVER].errors, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, entries_and_bytes_go_both_ways);
	tcase_add_test(tests, only_what_was_taken_may_be_passed_and_once);
	tcase_add_test(tests, arguments_are_checked_after_the_state);
	tcase_add_test(tests, a_full_ring_is_an_overrun);
	tcase_add_loop_test(tests, the_state_says_what_may_be_done, 0,
			    (int)(sizeof(by_state) / sizeof(by_state[0])));
	tcase_add_test(tests, the_last_entry_of_a_drain_ends_it);
	tcase_add_test(tests, a_stop_takes_everything_back);
	tcase_add_test(tests, a_session_that_is_over_is_not_open);
	tcase_add_test(tests, what_cannot_be_is_passed_over);
	tcase_add_test(tests, an_index_that_is_none_is_an_internal_error);
	tcase_add_test(tests, memory_that_is_spoiled_all_the_time_does_no_harm);
	tcase_add_test(tests, a_buffer_that_was_added_is_mapped_when_it_is_met);
	tcase_add_test(tests, there_are_no_more_than_the_tally_has_room_for);
	tcase_add_test(tests, a_buffer_that_cannot_be_mapped_is_not_lost);
	tcase_add_test(tests, a_buffer_that_is_added_and_passed_at_once_is_not_missed);
#ifndef __SANITIZE_THREAD__		/* it makes system calls of its own */
	tcase_add_test(tests, entries_are_passed_and_taken_without_a_system_call);
#endif
	tcase_add_test(tests, threads_may_pass_and_take_at_once);
}
