/* SPDX-License-Identifier: MIT */
/*
 * dispatch_source - IODataQueueDispatchSource: two sides, each an attachment with
 * a handler that is called when the other side did something
 *
 *	consumer	is rung when there are entries: DataAvailable
 *	producer	is rung when there is space:    DataServiced
 *
 * The two are the same code with the roles changed. Two locks, in this order:
 * a side's own, for its attachment, which is held while a callback reads or writes
 * an entry in place; and the source's, for who is told what. Neither is held while
 * a handler runs.
 */
#pragma once

#include <pthread.h>

#include <IOKit/IODataQueueDispatchSource.h>

#include "action.h"
#include "attachment.h"
#include "dispatch_queue.h"
#include "process_memory.h"

struct side {
	pthread_mutex_t lock;			/* of the attachment; knows its owner */
	IODataQueueMemory *attachment;		/* owned; NULL: another process has it */

	/* Under the source's lock. */
	OSAction *action;			/* owned; NULL: no handler */
	IODispatchQueue *queue;			/* owned: runs the watch; NULL: none */
	struct dispatch_watch watch;		/* of the attachment's port */
	bool latched;				/* rung while disabled */
	bool has_room;				/* producer: its wait is over, not told yet */
};

/* Called once no handler of before runs any more. */
struct completion {
	struct completion *next;
	struct dispatch_task *task;
};

struct IODataQueueDispatchSource {
	OSObject object;
	struct process_memory memory;		/* PROCESS_MEMORY_NULL: in a mount */
	struct side consumer, producer;

	pthread_mutex_t lock;
	pthread_cond_t idle;			/* n_running became 0 */
	IODispatchQueue *queue;			/* owned; NULL: made when it is needed */
	bool enabled, cancelled;
	unsigned n_running;			/* handlers */
	struct completion *completions;
};

/*
 * Lock the attachment of @side. Return: kIOReturnSuccess; or, with nothing locked,
 * kIOReturnBusy in a callback on that side, kIOReturnNoMemory when the source was
 * given up, kIOReturnNotPermitted when another process has that side.
 */
IOReturn side_lock(IODataQueueDispatchSource *source, struct side *side);
void side_unlock(struct side *side);

/* Take both handlers away, and wait for one that runs, unless it is the caller. */
void source_stop(IODataQueueDispatchSource *source);
