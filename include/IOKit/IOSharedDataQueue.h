/* SPDX-License-Identifier: MIT */
/*
 * IOSharedDataQueue - an IODataQueue that its driver can also read
 *
 * It is derived from IODataQueue: a pointer to one, cast, may be passed to every
 * function of IOKit/IODataQueue.h. Threads, forks and ownership are as there. The
 * functions without a text of their own do what IODataQueue's do, and stand for
 * IOSharedDataQueue's own.
 */
#pragma once

#include <IOKit/IODataQueue.h>

IOKIT_BEGIN_DECLS

typedef struct IOSharedDataQueue IOSharedDataQueue;

/* The limits are those of the original, whose memory has 36 bytes more. */
IOSharedDataQueue *IOSharedDataQueue_withCapacity(UInt32 size);
IOSharedDataQueue *IOSharedDataQueue_withEntries(UInt32 numEntries, UInt32 entrySize);
IOSharedDataQueue *IOSharedDataQueue_alloc(void);
Boolean IOSharedDataQueue_initWithCapacity(IOSharedDataQueue *queue, UInt32 size);
Boolean IOSharedDataQueue_initWithEntries(IOSharedDataQueue *queue, UInt32 numEntries,
					  UInt32 entrySize);
void IOSharedDataQueue_free(IOSharedDataQueue *queue);
Boolean IOSharedDataQueue_enqueue(IOSharedDataQueue *queue, void *data, UInt32 dataSize);
void IOSharedDataQueue_setNotificationPort(IOSharedDataQueue *queue, mach_port_t port);
IOMemoryDescriptor *IOSharedDataQueue_getMemoryDescriptor(IOSharedDataQueue *queue);
IOReturn IOSharedDataQueue_publish(IOSharedDataQueue *queue, const char *directory,
				   const char *name);

/* The class, named "IOSharedDataQueue" and derived from IODataQueue. */
const OSMetaClass *IOSharedDataQueue_getMetaClass(const IOSharedDataQueue *queue);

/*
 * The next entry, which stays in the queue: as IODataQueuePeek(). Of a published
 * queue it takes the consumer's role at the first call. Stands for
 * IOSharedDataQueue::peek().
 *
 * Return: the entry, good until the next successful dequeue; or NULL: empty,
 * damaged, no queue, or another process is the consumer.
 */
IODataQueueEntry *IOSharedDataQueue_peek(IOSharedDataQueue *queue);

/*
 * Take the next entry: as IODataQueueDequeue(), with *@dataSize set also where
 * @data is too small. Stands for IOSharedDataQueue::dequeue().
 *
 * Return: true (1); or false (0): empty, @data too small (the entry stays), @data
 * without @dataSize, damaged, no queue, or another process is the consumer.
 */
Boolean IOSharedDataQueue_dequeue(IOSharedDataQueue *queue, void *data, UInt32 *dataSize);

/*
 * The size that the queue was made with, in bytes; 0 when it is not initialised.
 * Stands for IOSharedDataQueue::getQueueSize().
 */
UInt32 IOSharedDataQueue_getQueueSize(IOSharedDataQueue *queue);

/*
 * Another size, for a queue that is empty and not published; a descriptor of its
 * memory that was handed out keeps the old one. Stands for
 * IOSharedDataQueue::setQueueSize().
 *
 * Return: true (1), or false (0): as IOSharedDataQueue_withCapacity(), and where
 * there are entries, or the queue is published or not initialised.
 */
Boolean IOSharedDataQueue_setQueueSize(IOSharedDataQueue *queue, UInt32 size);

IOKIT_END_DECLS
