/* SPDX-License-Identifier: MIT */
/*
 * test_observe - an observer looks while the queue does not hold still
 *
 * The observer is a child that is traced: after so many of its instructions the
 * head moves on by an entry. So it moves between any two of its looks, and each
 * time the same. test_ring.c has the queue that holds still.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "entries.h"

#define N_ENTRIES	30u
#define N_STEPS		1000000

/* Entries are of 16 bytes: the nth stands at 16 * n, and its size says which it is. */
static uint32_t size_of(uint64_t n)
{
	return 1 + (uint32_t)(n * 7 % 8);
}

struct seen {
	int r;
	struct found found;
	uint64_t head;
	struct ring_status status;
};

struct stage {
	struct sides sides;
	struct seen *seen;		/* shared */
};

static void put_next(struct stage *stage)
{
	uint64_t n = stage->sides.producer.enqueued;

	ck_assert_int_eq(put(&stage->sides.producer, n, size_of(n)), 0);
}

static void set_stage(struct stage *stage)
{
	struct geometry geometry = geometry_of(4096, 8);

	new_sides(&stage->sides, &geometry);
	stage->seen = guarded_pages(QUEUE_PAGE);
	for (unsigned i = 0; i < N_ENTRIES; i++)
		put_next(stage);
}

static void observe_all(const struct stage *stage)
{
	struct seen *seen = stage->seen;

	seen->r = observe_next(&stage->sides.memory, &stage->sides.geometry, &seen->found,
			       &seen->head);
	ring_observe(&stage->sides.memory, &stage->sides.geometry, &seen->status);
}

/* There are always as many entries, but for a moment. */
static void move_on(struct stage *stage)
{
	put_next(stage);
	ck_assert_int_eq(ring_dequeue(&stage->sides.consumer, NULL, NULL), 0);
}

/* Return: false where nobody may be traced, or where a load is a thousand steps. */
static bool observe_in_steps(struct stage *stage, long every)
{
	pid_t observer;
	int status;

#ifdef __SANITIZE_THREAD__
	return false;
#endif
	observer = fork();
	ck_assert_int_ge(observer, 0);
	if (observer == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		raise(SIGSTOP);
		observe_all(stage);
		raise(SIGSTOP);
		exit(0);	/* not _exit(): what it reached is counted */
	}
	ck_assert_int_eq(waitpid(observer, &status, 0), observer);
	if (WIFEXITED(status))
		return false;
	for (long i = 1; i < N_STEPS; i++) {
		ck_assert_int_eq((int)ptrace(PTRACE_SINGLESTEP, observer, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(observer, &status, 0), observer);
		ck_assert(WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGSTOP)
			break;
		if (i % every == 0)
			move_on(stage);
	}
	ck_assert_int_eq((int)ptrace(PTRACE_DETACH, observer, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(observer, &status, 0), observer);
	ck_assert_int_eq(status, 0);
	return true;
}

/* What was seen stood there together, at some moment. */
static void check_seen(const struct stage *stage)
{
	const struct seen *seen = stage->seen;
	const struct ring_status *status = &seen->status;
	if (seen->r == 0) {
		ck_assert_uint_eq(seen->head % 16, 0);
		ck_assert_uint_eq(seen->found.size, size_of(seen->head / 16));
		ck_assert_ptr_eq(seen->found.payload, stage->sides.memory.data->queue +
				 seen->head % stage->sides.geometry.queue_size +
				 sizeof(struct queue_entry));
	} else {
		ck_assert_int_eq(seen->r, -ENODATA);
	}
	ck_assert(!status->corrupt);
	ck_assert_uint_ge(status->enqueued, N_ENTRIES);
	if (status->entries != status->enqueued - status->dequeued) {
		ck_assert_uint_ge(status->entries, N_ENTRIES);
		ck_assert_uint_le(status->entries, N_ENTRIES + 1);
	}
}

START_TEST(a_queue_that_moves_at_any_moment_is_seen_as_it_was)
{
	int n_found = 0;

	for (long every = 1; every < 100000; every = every * 4 + 1) {
		static struct stage stage;

		set_stage(&stage);
		if (!observe_in_steps(&stage, every))
			return;		/* not everybody can try it */
		check_seen(&stage);
		n_found += stage.seen->r == 0;
		mapping_close(&stage.sides.memory);
	}
	ck_assert_int_gt(n_found, 0);
}
END_TEST

START_TEST(a_queue_that_never_holds_still_is_counted_by_its_counters)
{
	static struct stage stage;

	set_stage(&stage);
	if (!observe_in_steps(&stage, 1))
		return;			/* not everybody can try it */
	ck_assert_int_eq(stage.seen->r, -ENODATA);
	ck_assert_uint_eq(stage.seen->status.entries,
			  stage.seen->status.enqueued - stage.seen->status.dequeued);
}
END_TEST

START_TEST(a_geometry_that_changed_is_damage)
{
	struct ring_status status;
	struct geometry other;
	struct sides sides;

	new_default(&sides);
	for (int i = 0; i < 3; i++) {
		other = sides.geometry;
		if (i == 0)
			other.queue_size += QUEUE_PAGE;
		else if (i == 1)
			other.capacity += 8;
		else
			other.max_entry--;
		ring_observe(&sides.memory, &other, &status);
		ck_assert(status.corrupt);
	}
	ring_observe(&sides.memory, &sides.geometry, &status);
	ck_assert(!status.corrupt);
}
END_TEST

START_TEST(less_memory_than_the_headers_is_no_queue)
{
	struct ring_status status;
	struct sides sides;
	struct ring ring;

	new_default(&sides);
	for (int i = 0; i < 2; i++) {
		struct mapping memory = sides.memory;

		if (i == 0)
			memory.n_data = QUEUE_PAGE - 1;
		else
			memory.n_consumer = QUEUE_PAGE - 1;
		ck_assert_int_eq(ring_attach(&ring, ROLE_CONSUMER, &memory, NULL), -EIO);
		ring_observe(&memory, &sides.geometry, &status);
		ck_assert(status.corrupt);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_queue_that_moves_at_any_moment_is_seen_as_it_was);
	tcase_add_test(tests, a_queue_that_never_holds_still_is_counted_by_its_counters);
	tcase_add_test(tests, a_geometry_that_changed_is_damage);
	tcase_add_test(tests, less_memory_than_the_headers_is_no_queue);
}
