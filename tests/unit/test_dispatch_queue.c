/* SPDX-License-Identifier: MIT */
/*
 * test_dispatch_queue - what runs on a queue, in which order, on which thread
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <IOKit/IODispatchQueue.h>
#include <IOKit/OSAction.h>

#include "main.h"
#include "clock.h"

#include "libqueue/atomic.h"

#define N_TASKS		1000

static IODispatchQueue *new_queue(uint64_t options)
{
	IODispatchQueue *queue = NULL;

	ck_assert_int_eq(IODispatchQueue_Create("test", options, 0, &queue), kIOReturnSuccess);
	ck_assert_ptr_nonnull(queue);
	return queue;
}

static int n_done;
static int order[2 * N_TASKS];

/* What ran, in its order; the queue's own lock keeps the counter. */
static void note(void *refcon)
{
	order[n_done] = (int)(intptr_t)refcon;
	store_release(&n_done, n_done + 1);
}

static void wait_for(const int *counter, int n)
{
	struct timespec end = in_ms(20000);

	while (load_acquire(counter) < n && !is_over(&end))
		usleep(100);
	ck_assert_int_eq(load_acquire(counter), n);
}

START_TEST(create_refuses_what_there_is_not)
{
	char name[kIODispatchQueueNameLength + 1];
	IODispatchQueue *queue = NULL;

	memset(name, 'n', sizeof(name));
	name[kIODispatchQueueNameLength] = '\0';
	ck_assert_int_eq(IODispatchQueue_Create("q", 0, 0, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_Create("q", 2, 0, &queue), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_Create("q", 0, 1, &queue), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_Create(name, 0, 0, &queue), kIOReturnBadArgument);
	ck_assert_ptr_null(queue);
}
END_TEST

START_TEST(a_queue_keeps_its_name)
{
	char name[kIODispatchQueueNameLength];
	IODispatchQueue *queue;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(IODispatchQueue_Create(name, 0, 0, &queue), kIOReturnSuccess);
	ck_assert_str_eq(IODispatchQueue_GetName(queue), name);
	OSObject_release(queue);
	ck_assert_int_eq(IODispatchQueue_Create(NULL, 0, 0, &queue), kIOReturnSuccess);
	ck_assert_str_eq(IODispatchQueue_GetName(queue), "");
	ck_assert_str_eq(IODispatchQueue_GetName(NULL), "");
	OSObject_release(queue);
}
END_TEST

START_TEST(null_is_no_queue_and_no_function)
{
	IODispatchQueue *queue = new_queue(0);

	ck_assert_int_eq(IODispatchQueue_DispatchAsync(NULL, note, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_DispatchAsync(queue, NULL, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_DispatchSync(NULL, note, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_DispatchSync(queue, NULL, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IODispatchQueue_GetDescriptor(NULL), -1);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(NULL), 0);
	ck_assert(!IODispatchQueue_OnQueue(NULL));
	OSObject_release(queue);
}
END_TEST

START_TEST(what_is_asked_for_runs_in_its_order)
{
	IODispatchQueue *queue = new_queue(0);

	for (intptr_t i = 0; i < N_TASKS; i++)
		ck_assert_int_eq(IODispatchQueue_DispatchAsync(queue, note, (void *)i),
				 kIOReturnSuccess);
	wait_for(&n_done, N_TASKS);
	for (int i = 0; i < N_TASKS; i++)
		ck_assert_int_eq(order[i], i);
	OSObject_release(queue);
}
END_TEST

static void *ask_for_many(void *queue)
{
	for (intptr_t i = 0; i < N_TASKS; i++)
		IODispatchQueue_DispatchAsync(queue, note, (void *)i);
	return NULL;
}

START_TEST(nothing_of_a_queue_runs_at_the_same_time)
{
	IODispatchQueue *queue = new_queue(0);
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, ask_for_many, queue), 0);
	ask_for_many(queue);
	pthread_join(other, NULL);
	/* note() would lose some. */
	wait_for(&n_done, 2 * N_TASKS);
	OSObject_release(queue);
}
END_TEST

struct where {
	IODispatchQueue *queue;
	bool on_queue;
	pthread_t thread;
	sigset_t blocked;
};

static void look_where(void *refcon)
{
	struct where *where = refcon;

	where->on_queue = IODispatchQueue_OnQueue(where->queue);
	where->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &where->blocked);
	store_release(&n_done, 1);
}

START_TEST(a_queue_has_a_thread_that_gets_no_signals)
{
	struct where where = { .queue = new_queue(0) };

	ck_assert(!IODispatchQueue_OnQueue(where.queue));
	IODispatchQueue_DispatchAsync(where.queue, look_where, &where);
	wait_for(&n_done, 1);
	ck_assert(where.on_queue);
	ck_assert(!pthread_equal(where.thread, pthread_self()));
	ck_assert_int_eq(sigismember(&where.blocked, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&where.blocked, SIGUSR1), 1);
	OSObject_release(where.queue);
}
END_TEST

START_TEST(sync_runs_here_after_what_was_asked_for)
{
	struct where where = { .queue = new_queue(0) };

	for (intptr_t i = 0; i < N_TASKS; i++)
		IODispatchQueue_DispatchAsync(where.queue, note, (void *)i);
	ck_assert_int_eq(IODispatchQueue_DispatchSync(where.queue, note, (void *)(intptr_t)-1),
			 kIOReturnSuccess);
	ck_assert_int_eq(load_acquire(&n_done), N_TASKS + 1);
	ck_assert_int_eq(order[N_TASKS], -1);
	IODispatchQueue_DispatchSync(where.queue, look_where, &where);
	ck_assert(where.on_queue);
	ck_assert(pthread_equal(where.thread, pthread_self()));
	ck_assert(!IODispatchQueue_OnQueue(where.queue));
	OSObject_release(where.queue);
}
END_TEST

static void sync_again(void *queue)
{
	IODispatchQueue_DispatchSync(queue, note, (void *)(intptr_t)7);
}

START_TEST(sync_on_the_queue_itself_does_not_wait_for_itself)
{
	IODispatchQueue *queue = new_queue(0);

	IODispatchQueue_DispatchAsync(queue, sync_again, queue);
	wait_for(&n_done, 1);
	ck_assert_int_eq(order[0], 7);
	OSObject_release(queue);
}
END_TEST

static int poll_once(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, ms);
}

START_TEST(a_lent_descriptor_is_readable_when_there_is_something_to_run)
{
	IODispatchQueue *queue = new_queue(kIODispatchQueueCallerRuns);
	int fd = IODispatchQueue_GetDescriptor(queue);
	struct where where = { .queue = queue };

	ck_assert_int_eq(poll_once(fd, 0), 0);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 0);
	IODispatchQueue_DispatchAsync(queue, look_where, &where);
	IODispatchQueue_DispatchAsync(queue, note, NULL);
	ck_assert_int_eq(poll_once(fd, 1000), 1);
	ck_assert_int_eq(n_done, 0);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 2);
	ck_assert(where.on_queue && pthread_equal(where.thread, pthread_self()));
	ck_assert_int_eq(poll_once(fd, 0), 0);
	OSObject_release(queue);
}
END_TEST

START_TEST(dispatch_runs_nothing_of_a_queue_with_a_thread)
{
	IODispatchQueue *queue = new_queue(0);

	IODispatchQueue_DispatchAsync(queue, note, NULL);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 0);
	wait_for(&n_done, 1);
	OSObject_release(queue);
}
END_TEST

static void ask_again(void *queue)
{
	IODispatchQueue_DispatchAsync(queue, ask_again, queue);
}

static void release_it(void *queue)
{
	OSObject_release(queue);
}

START_TEST(a_function_that_asks_for_itself_lets_dispatch_return)
{
	IODispatchQueue *queue = new_queue(kIODispatchQueueCallerRuns);

	IODispatchQueue_DispatchAsync(queue, ask_again, queue);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 1);
	/* It would go on for ever at the end, too. */
	_exit(0);
}
END_TEST

START_TEST(what_was_asked_for_runs_though_the_queue_goes)
{
	IODispatchQueue *queues[] = { new_queue(0), new_queue(kIODispatchQueueCallerRuns) };

	for (int i = 0; i < 2; i++) {
		n_done = 0;
		for (intptr_t j = 0; j < N_TASKS; j++)
			IODispatchQueue_DispatchAsync(queues[i], note, (void *)j);
		OSObject_release(queues[i]);
		ck_assert_int_eq(load_acquire(&n_done), N_TASKS);
	}
}
END_TEST

START_TEST(a_queue_may_be_released_by_what_it_runs)
{
	IODispatchQueue *queue = new_queue(0);

	OSObject_retain(queue);
	IODispatchQueue_DispatchAsync(queue, release_it, queue);
	IODispatchQueue_DispatchAsync(queue, note, NULL);
	OSObject_release(queue);
	wait_for(&n_done, 1);

	queue = new_queue(kIODispatchQueueCallerRuns);
	IODispatchQueue_DispatchAsync(queue, release_it, queue);
	ck_assert_uint_eq(IODispatchQueue_Dispatch(queue), 1);
}
END_TEST

static int64_t cpu_time_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Once its thread has begun, which may come late; one that never idles has no such while. */
START_TEST(an_idle_queue_uses_no_time)
{
	const struct timespec end = in_ms(20000);
	IODispatchQueue *queue = new_queue(0);
	int64_t before, used;

	IODispatchQueue_DispatchAsync(queue, note, NULL);
	wait_for(&n_done, 1);
	do {
		before = cpu_time_ns();
		usleep(300000);
		used = cpu_time_ns() - before;
	} while (used >= 30000000 && !is_over(&end));
	ck_assert_int_lt(used, 30000000);
	OSObject_release(queue);
}
END_TEST

START_TEST(the_child_of_a_fork_makes_queues_of_its_own)
{
	IODispatchQueue *queue = new_queue(0);
	int status;
	pid_t child;

	/* Its thread has begun: a sanitizer's locks may be held by one that only begins. */
	IODispatchQueue_DispatchAsync(queue, note, NULL);
	wait_for(&n_done, 1);
	child = fork();
#ifdef __SANITIZE_THREAD__
	if (child == 0)
		_exit(0);	/* it knows no threads in the child of a fork */
#endif
	if (child == 0) {
		IODispatchQueue *own = new_queue(0);

		IODispatchQueue_DispatchAsync(own, note, NULL);
		wait_for(&n_done, 2);
		OSObject_release(own);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	OSObject_release(queue);
}
END_TEST

static void *target_seen;

static void act(void *target, OSAction *action)
{
	target_seen = target;
	*(int *)OSAction_GetReference(action) += 1;
}

START_TEST(an_action_keeps_what_it_is_given)
{
	IODispatchQueue *queue = new_queue(0);
	OSAction *action = NULL;
	int target;

	ck_assert_int_eq(OSAction_Create(&target, NULL, 0, NULL, &action), kIOReturnBadArgument);
	ck_assert_int_eq(OSAction_Create(&target, act, 0, NULL, NULL), kIOReturnBadArgument);
	ck_assert_ptr_null(action);

	ck_assert_int_eq(OSAction_Create(&target, act, sizeof(int), queue, &action),
			 kIOReturnSuccess);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 2);
	ck_assert_ptr_eq(OSAction_GetTarget(action), &target);
	ck_assert_int_eq(*(int *)OSAction_GetReference(action), 0);
	OSObject_release(action);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);
	OSObject_release(queue);

	ck_assert_int_eq(OSAction_Create(NULL, act, 0, NULL, &action), kIOReturnSuccess);
	ck_assert_ptr_null(OSAction_GetReference(action));
	OSObject_release(action);
	ck_assert_ptr_null(OSAction_GetReference(NULL));
	ck_assert_ptr_null(OSAction_GetTarget(NULL));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, create_refuses_what_there_is_not);
	tcase_add_test(tests, a_queue_keeps_its_name);
	tcase_add_test(tests, null_is_no_queue_and_no_function);
	tcase_add_test(tests, what_is_asked_for_runs_in_its_order);
	tcase_add_test(tests, nothing_of_a_queue_runs_at_the_same_time);
	tcase_add_test(tests, a_queue_has_a_thread_that_gets_no_signals);
	tcase_add_test(tests, sync_runs_here_after_what_was_asked_for);
	tcase_add_test(tests, sync_on_the_queue_itself_does_not_wait_for_itself);
	tcase_add_test(tests, a_lent_descriptor_is_readable_when_there_is_something_to_run);
	tcase_add_test(tests, dispatch_runs_nothing_of_a_queue_with_a_thread);
	tcase_add_test(tests, a_function_that_asks_for_itself_lets_dispatch_return);
	tcase_add_test(tests, what_was_asked_for_runs_though_the_queue_goes);
	tcase_add_test(tests, a_queue_may_be_released_by_what_it_runs);
	tcase_add_test(tests, an_idle_queue_uses_no_time);
	tcase_add_test(tests, the_child_of_a_fork_makes_queues_of_its_own);
	tcase_add_test(tests, an_action_keeps_what_it_is_given);
}
