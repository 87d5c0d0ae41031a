/* SPDX-License-Identifier: MIT */
/*
 * queue_class - IODataQueue and IOSharedDataQueue
 *
 *	           initWithCapacity()           publish()
 *	allocated ------------------> in memory ----------> in a mount
 *	                   free(), from each of them, to: allocated
 *
 * A side is opened when it is first used, in what the queue is then in.
 */
#pragma once

#include <IOKit/IODataQueue.h>

#include "attachment.h"
#include "object.h"
#include "process_memory.h"

enum queue_place {
	QUEUE_NOWHERE,			/* allocated */
	QUEUE_IN_MEMORY,
	QUEUE_IN_MOUNT,
};

struct IODataQueue {
	OSObject object;
	enum queue_place place;
	struct process_memory memory;	/* while QUEUE_IN_MEMORY */
	char *path;			/* while QUEUE_IN_MOUNT; owned */
	IODataQueueMemory *producer;	/* NULL: not used yet */
	IODataQueueMemory *consumer;
	mach_port_t port;		/* borrowed; for the consumer, once there is one */
	UInt32 size;			/* bytes, as the queue was made */
};

struct IOSharedDataQueue {
	IODataQueue queue;
};

/* Close both sides, as they were opened in what the queue was in. */
void queue_close_sides(IODataQueue *queue);
