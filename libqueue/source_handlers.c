/* SPDX-License-Identifier: MIT */
/*
 * source_handlers - when a source calls its handlers
 *
 * A side's port is readable when the other side rang, and when something else may
 * have changed (port.c). The watch on it fires once, and then:
 *
 *	look	take the rings; is there anything to do?
 *	call	the handler, with no lock held
 *	settle	arm for the next ring, or come again at once; enable the watch
 *
 * What the handler did decides how it is settled. If it drained, we arm, and look
 * once more. If it took some and left others, it is called again. If it took none,
 * we arm and wait for the tail to move, for it was told of what is there.
 *
 * A disabled side remembers that it was rung, and does not settle: the watch stays
 * off until it is enabled, which kicks it.
 */
#include <errno.h>
#include <stdlib.h>

#include "dispatch_source.h"
#include "result.h"

/* What a side looked like before its handler was called. */
struct look {
	bool rang;			/* the other side rang */
	bool has_work;			/* entries, room that is waited for, or damage */
	uint64_t head, tail;
};

/* Have the handler of @side looked after, soon. The source is locked. */
static void kick(struct side *side)
{
	if (side->queue)
		dispatch_watch_kick(side->queue, &side->watch);
}

static bool has_room(struct ring *ring, uint64_t wanted)
{
	return ring_look(ring) < 0 || ring_free(ring) >= wanted;
}

static void look_at_side(IODataQueueMemory *queue, struct look *ret)
{
	struct ring *ring = &queue->ring;

	ret->rang = port_take_rings(queue);
	if (ring->role == ROLE_CONSUMER) {
		ring_look(ring);
		ret->has_work = ring_available(ring) != 0;
	} else {
		ret->has_work = ring->armed && has_room(ring, queue->wanted);
		if (ret->has_work)
			wait_disarm(ring);	/* the wait is over, and will be told */
	}
	ret->head = ring->head;
	ret->tail = ring->tail;
}

/* Return: whether the handler is to be called again at once. */
static bool settle_consumer(IODataQueueMemory *queue, const struct look *before)
{
	int r = port_arm(queue, 0);

	if (r == 1 && queue->ring.head == before->head)
		r = port_arm_beyond(queue, before->tail);
	return r == 1;
}

/* The producer is armed when it was refused, and by that alone. */
static bool settle_producer(IODataQueueMemory *queue)
{
	if (queue->ring.armed)
		return port_arm(queue, queue->wanted) == 1;
	port_take_rings(queue);
	return false;
}

static void settle(IODataQueueDispatchSource *source, struct side *side,
		   const struct look *before)
{
	bool again;

	if (side_lock(source, side) != kIOReturnSuccess)
		return;
	again = side == &source->consumer ? settle_consumer(side->attachment, before) :
					    settle_producer(side->attachment);
	pthread_mutex_lock(&source->lock);
	if (side == &source->producer && again)
		side->has_room = true;
	if (side->queue && again)
		dispatch_watch_kick(side->queue, &side->watch);
	else if (side->queue)
		dispatch_watch_enable(side->queue, &side->watch);
	pthread_mutex_unlock(&source->lock);
	side_unlock(side);
}

/* When no handler runs: call who waits for that, with no lock held. */
static void call_completions(IODataQueueDispatchSource *source)
{
	struct completion *completion = NULL, *next;
	IODispatchQueue *queue;

	pthread_mutex_lock(&source->lock);
	if (source->n_running == 0) {
		completion = source->completions;
		source->completions = NULL;
	}
	queue = source->queue;
	OSObject_retain(queue);
	pthread_mutex_unlock(&source->lock);

	for (; completion; completion = next) {
		next = completion->next;
		dispatch_task_submit(queue, completion->task);
		free(completion);
	}
	OSObject_release(queue);
}

/*
 * May the handler be called for what was seen? Then it counts as running.
 * Return: the action, with a reference; or NULL and whether to settle.
 */
static OSAction *begin_call(IODataQueueDispatchSource *source, struct side *side,
			    const struct look *look, bool *ret_settle)
{
	OSAction *action = NULL;

	pthread_mutex_lock(&source->lock);
	if (side == &source->producer && look->has_work)
		side->has_room = true;
	*ret_settle = side->action && source->enabled && !source->cancelled;
	if (!*ret_settle) {
		side->latched = true;
	} else {
		if (look->has_work || side->has_room || (look->rang && !side->latched))
			action = side->action;
		side->latched = false;
		side->has_room = false;
	}
	if (action) {
		OSObject_retain(action);
		source->n_running++;
	}
	pthread_mutex_unlock(&source->lock);
	return action;
}

static void end_call(IODataQueueDispatchSource *source, OSAction *action)
{
	pthread_mutex_lock(&source->lock);
	if (--source->n_running == 0)
		pthread_cond_broadcast(&source->idle);
	pthread_mutex_unlock(&source->lock);
	OSObject_release(action);
	call_completions(source);
}

static void ready(IODataQueueDispatchSource *source, struct side *side)
{
	struct look look;
	OSAction *action;
	bool settles;

	if (side_lock(source, side) != kIOReturnSuccess)
		return;
	look_at_side(side->attachment, &look);
	side_unlock(side);

	action = begin_call(source, side, &look, &settles);
	if (action) {
		action_call(action);
		end_call(source, action);
	}
	if (settles)
		settle(source, side, &look);
}

static void consumer_ready(void *object)
{
	IODataQueueDispatchSource *source = object;

	ready(source, &source->consumer);
}

static void producer_ready(void *object)
{
	IODataQueueDispatchSource *source = object;

	ready(source, &source->producer);
}

/*
 * End the watch. Both locks are held. That a producer was refused is not
 * forgotten: it stays armed, and its doorbell keeps the ring.
 * Return: the reference to the queue that watched, for the caller to release with
 * no lock held: the last one waits for the queue's thread.
 */
static IODispatchQueue *unwatch(struct side *side)
{
	IODispatchQueue *queue = side->queue;

	if (!queue)
		return NULL;
	dispatch_watch_end(queue, &side->watch);
	port_clear(side->attachment);
	if (side->attachment->ring.role == ROLE_CONSUMER)
		wait_disarm(&side->attachment->ring);
	side->queue = NULL;
	return queue;
}

/* Watch the port of @side on @queue. Both locks are held. Return: 0, or an errno. */
static int watch(IODataQueueDispatchSource *source, struct side *side, IODispatchQueue *queue)
{
	int port, r;

	if (side->attachment->bell.wait_fd < 0)
		return -EPERM;
	port = port_own(side->attachment);
	if (port < 0)
		return port;
	r = port_set(side->attachment, port);
	if (r < 0)
		return r;
	r = dispatch_watch_begin(queue, &side->watch, port, source,
				 side == &source->consumer ? consumer_ready : producer_ready);
	if (r < 0) {
		port_clear(side->attachment);
		return r;
	}
	OSObject_retain(queue);
	side->queue = queue;
	return 0;
}

/* Where @action runs. The source is locked. Return: NULL without threads. */
static IODispatchQueue *queue_for(IODataQueueDispatchSource *source, const OSAction *action)
{
	if (action->queue)
		return action->queue;
	if (!source->queue)
		IODispatchQueue_Create("IODataQueueDispatchSource", 0, 0, &source->queue);
	return source->queue;
}

/*
 * Both locks are held. The references that are given up are the caller's to
 * release, with no lock held.
 */
static IOReturn change_action(IODataQueueDispatchSource *source, struct side *side,
			      OSAction *action, OSAction **ret_old, IODispatchQueue **ret_queue)
{
	IODispatchQueue *queue = action ? queue_for(source, action) : NULL;
	int r = 0;

	if (action && !queue)
		return kIOReturnNoResources;
	if (side->queue != queue) {
		*ret_queue = unwatch(side);
		if (queue)
			r = watch(source, side, queue);
	}

	*ret_old = side->action;
	side->action = r < 0 ? NULL : action;
	OSObject_retain(side->action);
	side->latched = false;
	if (r < 0)
		return r == -EPERM ? kIOReturnNotPermitted : kIOReturnNoResources;
	return kIOReturnSuccess;
}

static IOReturn set_handler(IODataQueueDispatchSource *source, struct side *side,
			    OSAction *action)
{
	IODispatchQueue *old_queue = NULL;
	OSAction *old = NULL;
	IOReturn result = side_lock(source, side);

	if (result != kIOReturnSuccess)
		return result;
	pthread_mutex_lock(&source->lock);
	result = change_action(source, side, action, &old, &old_queue);
	/* The consumer looks at once; the producer waits to be rung. */
	if (side->action && side == &source->consumer)
		kick(side);
	else if (side->action)
		dispatch_watch_enable(side->queue, &side->watch);
	pthread_mutex_unlock(&source->lock);
	side_unlock(side);

	OSObject_release(old);
	OSObject_release(old_queue);
	return result;
}

kern_return_t IODataQueueDispatchSource_SetDataAvailableHandler(IODataQueueDispatchSource *source,
								OSAction *action)
{
	return source ? set_handler(source, &source->consumer, action) : kIOReturnBadArgument;
}

kern_return_t IODataQueueDispatchSource_SetDataServicedHandler(IODataQueueDispatchSource *source,
							       OSAction *action)
{
	return source ? set_handler(source, &source->producer, action) : kIOReturnBadArgument;
}

void source_stop(IODataQueueDispatchSource *source)
{
	bool ours = IODispatchQueue_OnQueue(source->consumer.queue) ||
		    IODispatchQueue_OnQueue(source->producer.queue);

	set_handler(source, &source->consumer, NULL);
	set_handler(source, &source->producer, NULL);
	pthread_mutex_lock(&source->lock);
	while (source->n_running > 0 && !ours)
		pthread_cond_wait(&source->idle, &source->lock);
	pthread_mutex_unlock(&source->lock);
}

void IODataQueueDispatchSource_DataAvailable(IODataQueueDispatchSource *source, OSAction *action)
{
	if (source && action)
		action_call(action);
}

void IODataQueueDispatchSource_DataServiced(IODataQueueDispatchSource *source, OSAction *action)
{
	if (source && action)
		action_call(action);
}

static IOReturn copy_handler(IODataQueueDispatchSource *source, const struct side *side,
			     OSAction **ret)
{
	pthread_mutex_lock(&source->lock);
	OSObject_retain(side->action);
	*ret = side->action;
	pthread_mutex_unlock(&source->lock);
	return *ret ? kIOReturnSuccess : kIOReturnNotReady;
}

kern_return_t IODataQueueDispatchSource_CopyDataAvailableHandler(IODataQueueDispatchSource *source,
								 OSAction **action)
{
	if (!source || !action)
		return kIOReturnBadArgument;
	return copy_handler(source, &source->consumer, action);
}

kern_return_t IODataQueueDispatchSource_CopyDataServicedHandler(IODataQueueDispatchSource *source,
								OSAction **action)
{
	if (!source || !action)
		return kIOReturnBadArgument;
	return copy_handler(source, &source->producer, action);
}

/* Return: NULL without memory. */
static struct completion *completion_new(IODispatchSourceCancelHandler handler, void *refcon)
{
	struct completion *completion = malloc(sizeof(*completion));

	if (!completion)
		return NULL;
	completion->task = dispatch_task_new(handler, refcon);
	if (!completion->task) {
		free(completion);
		return NULL;
	}
	return completion;
}

/* The source is locked; @completion, unless NULL, is called after all others. */
static void add_completion(IODataQueueDispatchSource *source, struct completion *completion)
{
	struct completion **last = &source->completions;

	if (!completion)
		return;
	while (*last)
		last = &(*last)->next;
	completion->next = NULL;
	*last = completion;
}

/* Change what is called, and have @handler called when nothing of before runs. */
static IOReturn change_state(IODataQueueDispatchSource *source, bool enable, bool cancel,
			     IODispatchSourceCancelHandler handler, void *refcon)
{
	struct completion *completion = NULL;

	if (!source)
		return kIOReturnBadArgument;
	if (handler) {
		completion = completion_new(handler, refcon);
		if (!completion)
			return kIOReturnNoMemory;
	}

	pthread_mutex_lock(&source->lock);
	source->enabled = enable;
	source->cancelled |= cancel;
	add_completion(source, completion);
	if (enable) {
		kick(&source->consumer);
		kick(&source->producer);
	}
	pthread_mutex_unlock(&source->lock);
	call_completions(source);
	return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource_SetEnableWithCompletion(
	IODataQueueDispatchSource *source, bool enable, IODispatchSourceCancelHandler handler,
	void *refcon)
{
	return change_state(source, enable, false, handler, refcon);
}

kern_return_t IODataQueueDispatchSource_SetEnable(IODataQueueDispatchSource *source, bool enable)
{
	return change_state(source, enable, false, NULL, NULL);
}

kern_return_t IODataQueueDispatchSource_Cancel(IODataQueueDispatchSource *source,
					       IODispatchSourceCancelHandler handler, void *refcon)
{
	return change_state(source, false, true, handler, refcon);
}

kern_return_t IODataQueueDispatchSource_CheckForWork(IODataQueueDispatchSource *source,
						     bool synchronous)
{
	IODispatchQueue *queue;
	bool called;

	if (!source)
		return kIOReturnBadArgument;
	if (!source->consumer.attachment || !IODataQueueDispatchSource_IsDataAvailable(source))
		return kIOReturnNotReady;

	pthread_mutex_lock(&source->lock);
	called = source->consumer.action && source->enabled && !source->cancelled;
	queue = source->consumer.queue;
	OSObject_retain(queue);
	if (called && !synchronous)
		kick(&source->consumer);
	pthread_mutex_unlock(&source->lock);

	if (called && synchronous)
		IODispatchQueue_DispatchSync(queue, consumer_ready, source);
	OSObject_release(queue);
	return called ? kIOReturnSuccess : kIOReturnNotReady;
}
