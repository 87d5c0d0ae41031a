/* SPDX-License-Identifier: MIT */
/*
 * IODispatchQueue - runs handlers, one after the other
 *
 * A queue has a thread of its own, or it lends a descriptor to the program's
 * loop, which calls IODispatchQueue_Dispatch() when that is readable. Either way,
 * no two functions of one queue run at the same time.
 *
 * Threads	Any thread, any time, as long as the caller has a reference. The
 *		thread of a queue blocks all signals. Handlers may call everything
 *		here, and may release the queue that runs them.
 * Forks	The child has no thread: a queue that was made before a fork runs
 *		nothing there. The child may make queues of its own.
 */
#pragma once

#include <IOKit/IOReturn.h>
#include <IOKit/OSObject.h>

IOKIT_BEGIN_DECLS

typedef struct IODispatchQueue IODispatchQueue;

/* In the place of a block. */
typedef void (*IODispatchFunction)(void *refcon);

/* Options. */
enum {
	kIODispatchQueueCallerRuns = 1	/* no thread: see IODispatchQueue_Dispatch(); new */
};

/* Bytes of a queue's name, with its NUL, at most. */
#define kIODispatchQueueNameLength	256

/*
 * A new queue. @name (NULL: none) is for people, and, cut to 15 bytes, the
 * thread's name. @priority is 0: none are defined. Stands for
 * IODispatchQueue::Create().
 *
 * Return:
 *	kIOReturnSuccess	*@queue is a reference of the caller's
 *	kIOReturnBadArgument	@queue is NULL, @name too long, or an option or a
 *				priority that there is not
 *	kIOReturnNoMemory, kIOReturnNoResources	no memory, descriptors or threads
 */
kern_return_t IODispatchQueue_Create(const char *name, uint64_t options, uint64_t priority,
				     IODispatchQueue **queue);

/* The name; "" for none and for NULL. Stands for IODispatchQueue::GetName(). */
const char *IODispatchQueue_GetName(const IODispatchQueue *queue);

/* Does @queue run the caller? Stands for IODispatchQueue::OnQueue(). */
bool IODispatchQueue_OnQueue(IODispatchQueue *queue);

/*
 * Have @function called with @refcon, once, after what was asked for before. It
 * is called even when the last reference to the queue goes first. Stands for
 * IODispatchQueue::DispatchAsync().
 *
 * Return: kIOReturnSuccess, kIOReturnBadArgument for NULL, or kIOReturnNoMemory.
 */
kern_return_t IODispatchQueue_DispatchAsync(IODispatchQueue *queue, IODispatchFunction function,
					    void *refcon);

/*
 * Call @function with @refcon here and now, after what was asked for before, and
 * while the queue runs nothing else. On the queue itself it is a plain call.
 * Stands for IODispatchQueue::DispatchSync().
 *
 * Return: kIOReturnSuccess, or kIOReturnBadArgument for NULL.
 */
kern_return_t IODispatchQueue_DispatchSync(IODispatchQueue *queue, IODispatchFunction function,
					   void *refcon);

/*
 * A descriptor that can be polled: readable when the queue has something to run.
 * It is the queue's. New. Return: it, or -1 for NULL.
 */
int IODispatchQueue_GetDescriptor(const IODispatchQueue *queue);

/*
 * Run what there is to run, and do not wait for more. For queues of
 * kIODispatchQueueCallerRuns; of others, and on the queue itself, it runs
 * nothing. New. Return: how many functions ran.
 */
UInt32 IODispatchQueue_Dispatch(IODispatchQueue *queue);

IOKIT_END_DECLS
