/* SPDX-License-Identifier: MIT */
/*
 * dispatch_queue - runs handlers one after the other
 *
 * Who runs them holds `run`: the queue's own thread, or whoever calls Dispatch or
 * DispatchSync. What there is to run is under `lock`, which nobody holds while
 * something runs:
 *
 *	tasks		asked for by DispatchAsync
 *	watches		their descriptors are in the epoll instance, armed for one
 *			event; what is found there is an id, which may have ended
 *
 * An eventfd in the same epoll instance says that there are tasks, or kicked
 * watches; so the epoll instance is the descriptor to lend.
 *
 * The loop outlives the object: a handler may release the queue that runs it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "dispatch_queue.h"
#include "object.h"

#define N_EVENTS	16	/* of one look at the epoll instance */
#define WAKE_ID		0u

struct loop {
	pthread_mutex_t run;		/* recursive: a function may ask for another */
	unsigned depth;			/* under run: how often it is held */
	pthread_t runner;		/* under lock; valid while depth > 0 */
	bool is_running;		/* under lock */

	pthread_mutex_t lock;
	struct dispatch_task *tasks;	/* in their order */
	struct dispatch_watch *watches;
	uint64_t last_id;
	bool stopping;			/* the object is gone */
	unsigned n_references;		/* the object, and who runs */

	int epoll_fd, wake_fd;
};

struct IODispatchQueue {
	OSObject object;
	struct loop *loop;
	pthread_t thread;
	bool has_thread;
	char name[kIODispatchQueueNameLength];
};

static void loop_free(struct loop *loop)
{
	close_fd(loop->epoll_fd);
	close_fd(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	pthread_mutex_destroy(&loop->run);
	free(loop);
}

static void loop_retain(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->n_references++;
	pthread_mutex_unlock(&loop->lock);
}

static void loop_release(struct loop *loop)
{
	bool last;

	pthread_mutex_lock(&loop->lock);
	last = --loop->n_references == 0;
	pthread_mutex_unlock(&loop->lock);
	if (last)
		loop_free(loop);
}

static struct loop *loop_new(void)
{
	struct epoll_event wake = { .events = EPOLLIN, .data.u64 = WAKE_ID };
	struct loop *loop = calloc(1, sizeof(*loop));
	pthread_mutexattr_t recursive;

	if (!loop)
		return NULL;
	loop->n_references = 1;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&loop->run, &recursive);
	pthread_mutexattr_destroy(&recursive);

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) < 0) {
		loop_free(loop);
		return NULL;
	}
	return loop;
}

static void loop_wake(struct loop *loop)
{
	eventfd_write(loop->wake_fd, 1);
}

/* Is the caller run by this loop? */
static bool loop_is_ours(struct loop *loop)
{
	bool ours;

	pthread_mutex_lock(&loop->lock);
	ours = loop->is_running && pthread_equal(loop->runner, pthread_self());
	pthread_mutex_unlock(&loop->lock);
	return ours;
}

static void loop_enter(struct loop *loop)
{
	pthread_mutex_lock(&loop->run);
	pthread_mutex_lock(&loop->lock);
	loop->depth++;
	loop->runner = pthread_self();
	loop->is_running = true;
	pthread_mutex_unlock(&loop->lock);
}

static void loop_leave(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->is_running = --loop->depth > 0;
	pthread_mutex_unlock(&loop->lock);
	pthread_mutex_unlock(&loop->run);
}

/* What was asked for until now; what comes meanwhile is for the next time. */
static UInt32 run_tasks(struct loop *loop)
{
	struct dispatch_task *task;
	UInt32 n = 0;

	pthread_mutex_lock(&loop->lock);
	task = loop->tasks;
	loop->tasks = NULL;
	pthread_mutex_unlock(&loop->lock);

	while (task) {
		struct dispatch_task *next = task->next;

		task->function(task->refcon);
		free(task);
		task = next;
		n++;
	}
	return n;
}

/*
 * The watch @id, or, with WAKE_ID, the next that was kicked. Its object cannot go
 * until it is released.
 */
static bool take_watch(struct loop *loop, uint64_t id, struct dispatch_watch *ret)
{
	struct dispatch_watch *watch;
	bool found = false;

	pthread_mutex_lock(&loop->lock);
	for (watch = loop->watches; watch && !found; watch = watch->next) {
		if (id == WAKE_ID ? !watch->kicked : watch->id != id)
			continue;
		watch->kicked = false;
		found = object_try_retain(watch->object);
		*ret = *watch;
	}
	pthread_mutex_unlock(&loop->lock);
	return found;
}

static UInt32 run_watch(struct loop *loop, uint64_t id)
{
	struct dispatch_watch watch;

	if (!take_watch(loop, id, &watch))
		return 0;
	watch.ready(watch.object);
	OSObject_release(watch.object);
	return 1;
}

static unsigned count_kicked(struct loop *loop)
{
	unsigned n = 0;

	pthread_mutex_lock(&loop->lock);
	for (struct dispatch_watch *watch = loop->watches; watch; watch = watch->next)
		n += watch->kicked;
	pthread_mutex_unlock(&loop->lock);
	return n;
}

/* Those that were kicked until now: one that kicks itself again lets others pass. */
static UInt32 run_kicked(struct loop *loop)
{
	UInt32 n = 0;

	for (unsigned left = count_kicked(loop); left > 0; left--)
		n += run_watch(loop, WAKE_ID);
	return n;
}

static UInt32 run_ready(struct loop *loop)
{
	struct epoll_event events[N_EVENTS];
	eventfd_t woken;
	UInt32 n = 0;
	int n_events;

	loop_enter(loop);
	n_events = epoll_wait(loop->epoll_fd, events, N_EVENTS, 0);
	for (int i = 0; i < n_events; i++) {
		if (events[i].data.u64 != WAKE_ID) {
			n += run_watch(loop, events[i].data.u64);
			continue;
		}
		eventfd_read(loop->wake_fd, &woken);
		n += run_tasks(loop);
		n += run_kicked(loop);
	}
	loop_leave(loop);
	return n;
}

/* Nobody asks for anything any more: run what is left. */
static void run_rest(struct loop *loop)
{
	loop_enter(loop);
	while (run_tasks(loop) > 0)
		;
	loop_leave(loop);
}

static bool loop_is_stopping(struct loop *loop)
{
	bool stopping;

	pthread_mutex_lock(&loop->lock);
	stopping = loop->stopping;
	pthread_mutex_unlock(&loop->lock);
	return stopping;
}

static void *run_thread(void *argument)
{
	struct loop *loop = argument;
	struct pollfd ready = { .fd = loop->epoll_fd, .events = POLLIN };

	while (!loop_is_stopping(loop)) {
		poll(&ready, 1, -1);
		run_ready(loop);
	}
	run_rest(loop);
	loop_release(loop);
	return NULL;
}

/* Return: 0, or a positive errno. */
static int start_thread(IODispatchQueue *queue)
{
	sigset_t all, before;
	char name[16];
	int error;

	sigfillset(&all);
	loop_retain(queue->loop);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&queue->thread, NULL, run_thread, queue->loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		loop_release(queue->loop);
		return error;
	}

	queue->has_thread = true;
	snprintf(name, sizeof(name), "%.15s", queue->name);
	if (*name)
		pthread_setname_np(queue->thread, name);
	return 0;
}

static void dispatch_queue_free(void *object)
{
	IODispatchQueue *queue = object;
	struct loop *loop = queue->loop;

	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);

	if (queue->has_thread && pthread_equal(queue->thread, pthread_self()))
		pthread_detach(queue->thread);
	else if (queue->has_thread)
		pthread_join(queue->thread, NULL);
	else
		run_rest(loop);
	loop_release(loop);
}

static const OSMetaClass dispatch_queue_class = {
	.name = "IODispatchQueue",
	.size = sizeof(IODispatchQueue),
	.free = dispatch_queue_free,
};

kern_return_t IODispatchQueue_Create(const char *name, uint64_t options, uint64_t priority,
				     IODispatchQueue **ret)
{
	IODispatchQueue *queue;

	if (!ret || options & ~(uint64_t)kIODispatchQueueCallerRuns || priority != 0 ||
	    (name && strlen(name) >= kIODispatchQueueNameLength))
		return kIOReturnBadArgument;

	queue = object_new(&dispatch_queue_class);
	if (!queue)
		return kIOReturnNoMemory;
	if (name)
		strcpy(queue->name, name);
	queue->loop = loop_new();
	if (!queue->loop ||
	    (!(options & kIODispatchQueueCallerRuns) && start_thread(queue) != 0)) {
		OSObject_release(queue);
		return kIOReturnNoResources;
	}

	*ret = queue;
	return kIOReturnSuccess;
}

const char *IODispatchQueue_GetName(const IODispatchQueue *queue)
{
	return queue ? queue->name : "";
}

bool IODispatchQueue_OnQueue(IODispatchQueue *queue)
{
	return queue && loop_is_ours(queue->loop);
}

struct dispatch_task *dispatch_task_new(IODispatchFunction function, void *refcon)
{
	struct dispatch_task *task = malloc(sizeof(*task));

	if (task)
		*task = (struct dispatch_task){ .function = function, .refcon = refcon };
	return task;
}

void dispatch_task_submit(IODispatchQueue *queue, struct dispatch_task *task)
{
	struct dispatch_task **last;
	struct loop *loop;

	if (!queue) {
		task->function(task->refcon);
		free(task);
		return;
	}

	loop = queue->loop;
	pthread_mutex_lock(&loop->lock);
	for (last = &loop->tasks; *last; last = &(*last)->next)
		;
	*last = task;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
}

kern_return_t IODispatchQueue_DispatchAsync(IODispatchQueue *queue, IODispatchFunction function,
					    void *refcon)
{
	struct dispatch_task *task;

	if (!queue || !function)
		return kIOReturnBadArgument;
	task = dispatch_task_new(function, refcon);
	if (!task)
		return kIOReturnNoMemory;
	dispatch_task_submit(queue, task);
	return kIOReturnSuccess;
}

kern_return_t IODispatchQueue_DispatchSync(IODispatchQueue *queue, IODispatchFunction function,
					   void *refcon)
{
	struct loop *loop;

	if (!queue || !function)
		return kIOReturnBadArgument;

	loop = queue->loop;
	loop_retain(loop);
	if (!loop_is_ours(loop)) {
		loop_enter(loop);
		run_tasks(loop);
		function(refcon);
		loop_leave(loop);
	} else {
		function(refcon);
	}
	loop_release(loop);
	return kIOReturnSuccess;
}

int IODispatchQueue_GetDescriptor(const IODispatchQueue *queue)
{
	return queue ? queue->loop->epoll_fd : -1;
}

UInt32 IODispatchQueue_Dispatch(IODispatchQueue *queue)
{
	struct loop *loop;
	UInt32 n;

	if (!queue || queue->has_thread || loop_is_ours(queue->loop))
		return 0;

	loop = queue->loop;
	loop_retain(loop);
	n = run_ready(loop);
	loop_release(loop);
	return n;
}

int dispatch_watch_begin(IODispatchQueue *queue, struct dispatch_watch *watch, int fd,
			 void *object, void (*ready)(void *object))
{
	struct epoll_event quiet = { .events = 0 };
	struct loop *loop = queue->loop;
	int r = 0;

	pthread_mutex_lock(&loop->lock);
	quiet.data.u64 = ++loop->last_id;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &quiet) < 0) {
		r = -errno;
	} else {
		*watch = (struct dispatch_watch){
			.next = loop->watches,
			.id = loop->last_id,
			.fd = fd,
			.object = object,
			.ready = ready,
		};
		loop->watches = watch;
	}
	pthread_mutex_unlock(&loop->lock);
	return r;
}

void dispatch_watch_enable(IODispatchQueue *queue, struct dispatch_watch *watch)
{
	struct epoll_event once = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = watch->id };

	if (watch->id)
		epoll_ctl(queue->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &once);
}

void dispatch_watch_kick(IODispatchQueue *queue, struct dispatch_watch *watch)
{
	struct loop *loop = queue->loop;

	pthread_mutex_lock(&loop->lock);
	watch->kicked = true;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
}

IOReturn dispatch_watch_serve(IODispatchQueue *queue, IODispatchQueue **slot,
			      struct dispatch_watch *watch, int fd,
			      void *object, void (*ready)(void *object))
{
	if (*slot)
		return kIOReturnBusy;
	OSObject_retain(queue);
	*slot = queue;
	if (dispatch_watch_begin(queue, watch, fd, object, ready) < 0) {
		OSSafeReleaseNULL(*slot);
		return kIOReturnNoResources;
	}
	dispatch_watch_kick(queue, watch);
	return kIOReturnSuccess;
}

void dispatch_watch_end(IODispatchQueue *queue, struct dispatch_watch *watch)
{
	struct loop *loop = queue->loop;
	struct dispatch_watch **link;

	if (!watch->id)
		return;
	pthread_mutex_lock(&loop->lock);
	for (link = &loop->watches; *link != watch; link = &(*link)->next)
		;
	*link = watch->next;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->id = 0;
	pthread_mutex_unlock(&loop->lock);
}
