/* SPDX-License-Identifier: MIT */
/* What a driver's stream passes and takes, beside a client that cheats. */
#include "asked_stream.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- passed */

START_TEST(buffers_go_round)
{
	static const IOStreamBufferQueueEntry passed = { 1, 1, 2, 3, 4, { 0 } };
	IOStreamBufferQueueEntry entry;

	run(kIOStreamModeOutput);
	ck_assert_int_eq(references(1), 0);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_int_eq(references(1), 1);
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(stream_end_take(&mount.rings.end, &entry), kIOReturnSuccess);
	ck_assert_mem_eq(&entry, &passed, sizeof(entry));
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	ck_assert_int_eq(give_back(1), kIOReturnSuccess);
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_int_eq(dequeue(), 1);
	ck_assert_int_eq(references(1), 0);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_uint_eq(mount.rings.tally->sides[STREAM_DRIVER].is_kept, 1);
	end();
}
END_TEST

START_TEST(what_is_not_passed)
{
	IOStreamBuffer *strange = IOStreamBuffer_withCapacity(DATA_SIZE, CONTROL_SIZE);

	run(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, strange, 0, 0, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], 0, 1ull << 32, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], DATA_SIZE, 1, 0, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], 0, 0, 1, UINT32_MAX),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, buffers[0], DATA_SIZE, 0, 64, 0),
			 kIOReturnSuccess);
	OSObject_release(strange);
	end();
}
END_TEST

START_TEST(the_state_is_looked_up_first)
{
	static const struct {
		enum stream_state state;
		IOReturn enqueued, dequeued, notified;
	} rows[] = {
		{ STREAM_STOPPED, kIOReturnNotReady, kIOReturnNotReady, kIOReturnSuccess },
		{ STREAM_SUSPENDED, kIOReturnNotReady, kIOReturnNotReady, kIOReturnSuccess },
		{ STREAM_DRAINING, kIOReturnNotReady, kIOReturnUnderrun, kIOReturnSuccess },
		{ STREAM_CLOSED, kIOReturnNotOpen, kIOReturnNotOpen, kIOReturnNotOpen },
		{ STREAM_DEAD, kIOReturnNoDevice, kIOReturnNoDevice, kIOReturnNoDevice },
	};

	run(kIOStreamModeOutput);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_state(&mount.rings, rows[i].state);
		ck_assert_int_eq(IOStream_enqueueOutputBuffer(stream, NULL, 0, 0, 0, 0),
				 rows[i].enqueued);
		ck_assert_int_eq(dequeue(), rows[i].dequeued);
		ck_assert_int_eq(IOStream_reportDrop(stream, 0), rows[i].notified);
	}
	end();
}
END_TEST

START_TEST(a_stop_takes_all_back)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	check_taken(0);
	ask("stop\n", "0\n");
	ck_assert_int_eq(references(0), 0);
	ck_assert_int_eq(references(1), 0);
	empty_rings(&mount.rings, STREAM_STOPPED);
	*said = '\0';
	start_it();
	for (unsigned id = 0; id < N_BUFFERS; id++)
		ck_assert_int_eq(enqueue(id), kIOReturnSuccess);
	ck_assert_uint_eq(mount.rings.output->headIndex, N_BUFFERS);
	end();
}
END_TEST

START_TEST(in_mode_input_all_buffers_go_out_at_the_start)
{
	IOStreamBufferQueueEntry entry;

	run(kIOStreamModeInput);
	for (uint32_t id = 0; id < N_BUFFERS; id++) {
		ck_assert_int_eq(references(id), 1);
		ck_assert_int_eq(stream_end_take(&mount.rings.end, &entry), kIOReturnSuccess);
		ck_assert_mem_eq(&entry, (&(IOStreamBufferQueueEntry){
				 id, 0, DATA_SIZE, 0, CONTROL_SIZE, { 0 } }), sizeof(entry));
	}
	ck_assert_int_eq(enqueue(0), kIOReturnBusy);
	ck_assert_int_eq(give_back(2), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(), 2);
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	end();
}
END_TEST

START_TEST(a_start_that_is_refused_posts_nothing)
{
	publish(kIOStreamModeInput);
	open_it();
	answer = kIOReturnBusy;
	ask("start\n", "0xe00002d5\n");
	ck_assert_uint_eq(mount.rings.output->headIndex, 0);
	ck_assert_int_eq(references(0), 0);
	end();
}
END_TEST

START_TEST(an_empty_ring_is_told_while_draining)
{
	run(kIOStreamModeInput);
	check_taken(0);
	ck_assert_int_eq(give_back(0), kIOReturnSuccess);
	set_state(&mount.rings, STREAM_DRAINING);
	ck_assert_int_eq(dequeue(), 0);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	heard(&mount.control, "drained\n");
	end();
}
END_TEST

START_TEST(another_client_gets_other_rings)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	say(&mount.control, "close\n");
	serve();
	drop_rings(&mount.rings);
	set_state(&mount.rings, STREAM_CLOSED);
	ck_assert_ptr_null(IOStream_getOutputQueue(stream));
	*said = '\0';
	open_it();
	ck_assert_ptr_nonnull(IOStream_getOutputQueue(stream));
	ck_assert_int_eq(references(0), 0);
	start_it();
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	check_taken(0);
	end();
}
END_TEST

/* --- notified */

START_TEST(what_is_pending_needs_no_system_call)
{
	run(kIOStreamModeOutput);
	mount.rings.tally->sides[STREAM_CLIENT].is_kept = 1;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	heard(&mount.notify, "1\n");
	mount.rings.tally->pending = 1;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_uint_eq(mount.rings.tally->pending, 3);
	mount.rings.tally->pending = UINT32_MAX;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	ck_assert_uint_eq(mount.rings.tally->pending, UINT32_MAX);
	mount.rings.tally->pending = 0;
	ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
	heard(&mount.notify, "1\n");
	end();
}
END_TEST

/* Who reads bytes or lines does not collect what is pending, and waits for the next. */
START_TEST(who_keeps_no_tally_is_told_of_each)
{
	run(kIOStreamModeOutput);
	for (int i = 0; i < 3; i++) {
		mount.rings.tally->pending = 1;
		ck_assert_int_eq(IOStream_sendOutputNotification(stream), kIOReturnSuccess);
		heard(&mount.notify, "1\n");
		ck_assert_uint_eq(mount.rings.tally->pending, 1);
	}
	end();
}
END_TEST

static IOStreamControlHeader *header_of(unsigned id)
{
	return IOStreamBuffer_getControlBytes(buffers[id]);
}

/* The kernel ends who asks it for more than to be ended, or to read and write. */
#ifndef __SANITIZE_THREAD__		/* it makes system calls of its own */
static void pass_without_the_kernel(void)
{
	unsigned n_good = 0;

	close_terminal(&mount.notify);
	stream->notify_fd = -1;		/* so that a notification would be refused */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(2);
	for (int i = 0; i < 1000; i++) {
		IOStreamBufferQueueEntry entry;

		n_good += enqueue(0) == kIOReturnSuccess &&
			  IOStream_sendOutputNotification(stream) == kIOReturnSuccess &&
			  stream_end_take(&mount.rings.end, &entry) == kIOReturnSuccess &&
			  give_back(0) == kIOReturnSuccess && dequeue() == 0 &&
			  dequeue() == kIOReturnUnderrun && !IOStream_isDiscontinuous(stream);
	}
	syscall(SYS_exit, n_good == 1000 ? 0 : 1);
}

START_TEST(buffers_go_round_without_a_system_call)
{
	pid_t child;
	int status;

	run(kIOStreamModeOutput);
	mount.rings.tally->sides[STREAM_CLIENT].is_kept = 1;
	mount.rings.tally->sides[STREAM_CLIENT].epoch = mount.rings.end.epoch;
	mount.rings.tally->pending = 1;
	ck_assert(!IOStream_isDiscontinuous(stream));	/* the rings are mapped now */
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		pass_without_the_kernel();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	end();
}
END_TEST
#endif

START_TEST(what_does_not_follow_is_marked_once)
{
	run(kIOStreamModeOutput);
	for (unsigned id = 0; id < N_BUFFERS; id++)
		header_of(id)->version = kIOStreamControlVersion;
	ck_assert(!IOStream_isDiscontinuous(stream));
	ck_assert_int_eq(IOStream_reportDrop(stream, 5), kIOReturnSuccess);
	ck_assert_uint_eq(mount.rings.tally->sides[STREAM_DRIVER].dropped, 5);
	ck_assert(IOStream_isDiscontinuous(stream));
	header_of(0)->flags = kIOStreamControlKey;
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(0)->flags, kIOStreamControlKey | kIOStreamControlDiscontinuity);
	ck_assert(!IOStream_isDiscontinuous(stream));
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(1)->flags, 0);

	ask("suspend\n", "0\n");
	set_state(&mount.rings, STREAM_SUSPENDED);
	ask("resume\n", "0\n");
	set_state(&mount.rings, STREAM_RUNNING);
	ck_assert(IOStream_isDiscontinuous(stream));
	/* Not while the client has it, nor where there is no header. */
	ck_assert_int_eq(enqueue(1), kIOReturnBusy);
	ck_assert_uint_eq(header_of(1)->flags, 0);
	header_of(2)->version = 2;
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	ck_assert_uint_eq(header_of(2)->flags, 0);
	ck_assert(!IOStream_isDiscontinuous(stream));
	end();
}
END_TEST

START_TEST(a_stop_makes_what_comes_the_first)
{
	run(kIOStreamModeOutput);
	ck_assert_int_eq(IOStream_reportDrop(stream, 1), kIOReturnSuccess);
	ask("stop\n", "0\n");
	empty_rings(&mount.rings, STREAM_STOPPED);
	ck_assert(!IOStream_isDiscontinuous(stream));
	end();
}
END_TEST

/* --- a client that cheats */

static void put_raw(const IOStreamBufferQueueEntry *entry)
{
	uint32_t head = mount.rings.input->headIndex;

	mount.rings.input->queue[head] = *entry;
	store_release(&mount.rings.input->headIndex, (head + 1) % mount.rings.input->entryCount);
}

START_TEST(what_the_client_cannot_have_is_thrown_away)
{
	static const IOStreamBufferQueueEntry bad[] = {
		{ .bufferID = 0 },				/* ours */
		{ .bufferID = N_BUFFERS },
		{ .bufferID = kIOStreamBufferIDInvalid },
		{ .bufferID = 1, .dataOffset = 1, .dataLength = DATA_SIZE },
		{ .bufferID = 1, .dataOffset = 2, .dataLength = UINT32_MAX },
		{ .bufferID = 1, .controlLength = CONTROL_SIZE + 1 },
	};

	run(kIOStreamModeOutput);
	ck_assert_int_eq(enqueue(1), kIOReturnSuccess);
	check_taken(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_raw(&bad[i]);
		ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
		ck_assert_uint_eq(mount.rings.tally->sides[STREAM_DRIVER].errors, i + 1);
	}
	put_raw(&bad[0]);
	put_raw(&(IOStreamBufferQueueEntry){ .bufferID = 1 });
	ck_assert_int_eq(dequeue(), 1);
	ck_assert_int_eq(references(1), 0);
	end();
}
END_TEST

START_TEST(a_spoiled_index_is_an_error_until_a_stop)
{
	run(kIOStreamModeOutput);
	store_release(&mount.rings.input->headIndex, 77777);
	ck_assert_int_eq(dequeue(), kIOReturnInternalError);
	store_release(&mount.rings.output->tailIndex, UINT32_MAX);
	ck_assert_int_eq(enqueue(0), kIOReturnInternalError);
	ask("stop\n", "0\n");
	empty_rings(&mount.rings, STREAM_STOPPED);
	*said = '\0';
	start_it();
	ck_assert_int_eq(dequeue(), kIOReturnUnderrun);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	end();
}
END_TEST

START_TEST(the_tallys_room_is_not_believed)
{
	publish(kIOStreamModeOutput);
	open_it();
	mount.rings.tally->room = UINT32_MAX;
	start_it();
	ck_assert_int_eq(enqueue(2), kIOReturnSuccess);
	check_taken(2);
	end();
}
END_TEST

static bool is_done;

/* Writes whatever there is, everywhere but in the board. */
static void *spoil(void *unused)
{
	uint32_t seed = 1;

	(void)unused;
	while (!load_relaxed(&is_done)) {
		uint32_t *words[] = { (void *)mount.rings.output, (void *)mount.rings.input,
				      (void *)mount.rings.tally };
		size_t sizes[] = { mount.rings.ring_size, mount.rings.ring_size,
				   mount.rings.tally_size };
		unsigned which;

		seed = seed * 1664525 + 1013904223;
		which = seed >> 16 & 1;
		store_relaxed(&words[which][(seed >> 8) % (sizes[which] / 4)],
			      seed >> 28 ? seed : seed >> 30);
		if (seed >> 24 == 7)
			store_relaxed(&words[2][(seed >> 8) % (sizes[2] / 4)], seed);
	}
	return NULL;
}

START_TEST(nothing_the_client_writes_stops_the_driver)
{
	pthread_t thread;

	run(kIOStreamModeOutput);
	ck_assert_int_eq(pthread_create(&thread, NULL, spoil, NULL), 0);
	for (unsigned i = 0; i < 200000; i++) {
		IOStreamBufferQueueEntry entry;

		if (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) {
			ck_assert_uint_lt(entry.bufferID, N_BUFFERS);
			ck_assert_uint_le((uint64_t)entry.dataOffset + entry.dataLength, DATA_SIZE);
			ck_assert_uint_le((uint64_t)entry.controlOffset + entry.controlLength,
					  CONTROL_SIZE);
		}
		enqueue(i % N_BUFFERS);
		if (i % 64 == 0)
			empty_rings(&mount.rings, STREAM_RUNNING);
	}
	store_relaxed(&is_done, true);
	pthread_join(thread, NULL);
	empty_rings(&mount.rings, STREAM_RUNNING);
	ck_assert_int_eq(enqueue(0), kIOReturnSuccess);
	end();
}
END_TEST

/* --- many threads */

static unsigned n_passed[N_BUFFERS];

static void *pass_and_take(void *number)
{
	unsigned id = *(unsigned *)number;
	IOStreamBufferQueueEntry entry;

	for (unsigned i = 0; i < 20000; i++) {
		if (enqueue(id) == kIOReturnSuccess)
			n_passed[id]++;
		IOStream_dequeueInputEntry(stream, &entry);
	}
	return NULL;
}

START_TEST(any_thread_passes_and_takes)
{
	IOStreamBufferQueueEntry entry;
	pthread_t threads[N_BUFFERS];
	unsigned ids[N_BUFFERS];
	uint64_t n_taken = 0, n_all = 0;

	run(kIOStreamModeOutput);
	for (unsigned i = 0; i < N_BUFFERS; i++) {
		ids[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_and_take, &ids[i]), 0);
	}
	for (unsigned i = 0; i < 200000; i++)
		if (stream_end_take(&mount.rings.end, &entry) == kIOReturnSuccess) {
			ck_assert_int_eq(give_back(entry.bufferID), kIOReturnSuccess);
			n_taken++;
		}
	for (unsigned i = 0; i < N_BUFFERS; i++)
		pthread_join(threads[i], NULL);
	while (stream_end_take(&mount.rings.end, &entry) == kIOReturnSuccess)
		n_taken++;
	for (unsigned i = 0; i < N_BUFFERS; i++)
		n_all += n_passed[i];
	ck_assert_uint_eq(n_taken, n_all);
	ck_assert_uint_eq(mount.rings.tally->sides[STREAM_DRIVER].errors, 0);
	ck_assert_uint_eq(mount.rings.tally->sides[STREAM_CLIENT].errors, 0);
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, buffers_go_round);
	tcase_add_test(tests, what_is_not_passed);
	tcase_add_test(tests, the_state_is_looked_up_first);
	tcase_add_test(tests, a_stop_takes_all_back);
	tcase_add_test(tests, in_mode_input_all_buffers_go_out_at_the_start);
	tcase_add_test(tests, a_start_that_is_refused_posts_nothing);
	tcase_add_test(tests, an_empty_ring_is_told_while_draining);
	tcase_add_test(tests, another_client_gets_other_rings);
	tcase_add_test(tests, what_is_pending_needs_no_system_call);
	tcase_add_test(tests, who_keeps_no_tally_is_told_of_each);
#ifndef __SANITIZE_THREAD__
	tcase_add_test(tests, buffers_go_round_without_a_system_call);
#endif
	tcase_add_test(tests, what_does_not_follow_is_marked_once);
	tcase_add_test(tests, a_stop_makes_what_comes_the_first);
	tcase_add_test(tests, what_the_client_cannot_have_is_thrown_away);
	tcase_add_test(tests, a_spoiled_index_is_an_error_until_a_stop);
	tcase_add_test(tests, the_tallys_room_is_not_believed);
	tcase_add_test(tests, nothing_the_client_writes_stops_the_driver);
	tcase_add_test(tests, any_thread_passes_and_takes);
}
