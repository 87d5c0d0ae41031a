/* SPDX-License-Identifier: MIT */
/*
 * IODataQueue - a queue that a driver makes, fills, and publishes
 *
 * A new queue lives in this process's memory. IODataQueue_publish() moves it,
 * with its entries, into a mount, where programs attach to it as consumer
 * (IOKit/IODataQueueClient.h). IOSharedDataQueue can be read by the driver as
 * well.
 *
 * Threads	One thread enqueues and one (of an IOSharedDataQueue) dequeues at a
 *		time; they may be two. Everything else here is called while nobody
 *		else uses the queue; so is the last OSObject_release().
 * Forks	A child must not use its parent's queues; it may release them.
 * Ownership	IODataQueue_withCapacity() and its like give one reference.
 */
#pragma once

#include <IOKit/IODataQueueShared.h>
#include <IOKit/IOMemoryDescriptor.h>
#include <IOKit/IOReturn.h>
#include <IOKit/OSObject.h>

IOKIT_BEGIN_DECLS

typedef struct IODataQueue IODataQueue;

/*
 * A new queue where @size bytes of entries always fit, each with 8 bytes of
 * header and rounded up to 8; the largest entry is @size - 8 bytes. Stands for
 * IODataQueue::withCapacity().
 *
 * Return: the queue, or NULL: no memory or descriptors, or @size is more than
 * 0xfffffff3.
 */
IODataQueue *IODataQueue_withCapacity(UInt32 size);

/*
 * A new queue where @numEntries entries of @entrySize bytes always fit, and none
 * that is larger. Stands for IODataQueue::withEntries().
 *
 * Return: the queue, or NULL: no memory or descriptors, or the original's
 * (@numEntries + 1) * (@entrySize + 4) passes 0xfffffff3.
 */
IODataQueue *IODataQueue_withEntries(UInt32 numEntries, UInt32 entrySize);

/*
 * A queue that is still to be initialised: until then every call on it says no.
 * Stands for `new IODataQueue`. Return: the queue, or NULL without memory.
 */
IODataQueue *IODataQueue_alloc(void);

/*
 * What the two above do after IODataQueue_alloc(). Stand for
 * IODataQueue::initWithCapacity() and initWithEntries().
 *
 * Return: true (1), or false (0) as above, and when the queue is initialised
 * already, or NULL.
 */
Boolean IODataQueue_initWithCapacity(IODataQueue *queue, UInt32 size);
Boolean IODataQueue_initWithEntries(IODataQueue *queue, UInt32 numEntries, UInt32 entrySize);

/*
 * Give up the memory, or the roles in a mount, before the last reference goes,
 * which does it anyway. Every later call says no. A published queue stays in the
 * mount, with its entries. Stands for IODataQueue::free().
 */
void IODataQueue_free(IODataQueue *queue);

/*
 * Append an entry of @dataSize bytes from @data, which may be NULL when there are
 * none. Never blocks. Wakes a consumer that waits; that this fails never changes
 * the result. Stands for IODataQueue::enqueue().
 *
 * Return: true (1); or false (0): the queue is full, the entry larger than what
 * ever fits, the memory damaged, @data NULL with a size, or no queue.
 */
Boolean IODataQueue_enqueue(IODataQueue *queue, void *data, UInt32 dataSize);

/*
 * Have @port (of IODataQueueAllocateNotificationPort()) tell that there are
 * entries, at once if there are; MACH_PORT_NULL: no longer. It tells who dequeues
 * with this object: of a published queue that is another process, which sets a
 * port of its own, and until IOSharedDataQueue_dequeue() is called here, nothing
 * is told. Stands for IODataQueue::setNotificationPort().
 */
void IODataQueue_setNotificationPort(IODataQueue *queue, mach_port_t port);

/*
 * Tell the consumer that there is something, whether or not there is, and whether
 * or not it waits. Stands for IODataQueue::sendDataAvailableNotification().
 */
void IODataQueue_sendDataAvailableNotification(IODataQueue *queue);

/*
 * The memory of the ring (docs/ring.md, the file `data`); a new descriptor each
 * time, which the caller releases. Stands for IODataQueue::getMemoryDescriptor().
 *
 * Return: the descriptor, or NULL: no memory or descriptors, or no queue.
 */
IOMemoryDescriptor *IODataQueue_getMemoryDescriptor(IODataQueue *queue);

/* The class, named "IODataQueue". Stands for IODataQueue::getMetaClass(). */
const OSMetaClass *IODataQueue_getMetaClass(const IODataQueue *queue);

/*
 * Move the queue into a mount: make the queue @name in @directory (of a mount's
 * `queues`, or of a service's), with the same capacity and largest entry, and
 * move the entries there. (In a mount no queue has a capacity of 0, or a largest
 * entry of 0 bytes: these become 8 and 1.) From then on it is that queue, and this object its
 * producer. (An IOSharedDataQueue takes each role when it is first used, so that
 * a client may be on either side.) New; it stands for clientMemoryForType() of a
 * driver's user client.
 *
 * On failure nothing has changed, and errno says more.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	an argument is NULL, @name no file name, or no queue
 *	kIOReturnBusy		published already, or there is a queue of this name
 *	kIOReturnNotPrivileged, kIOReturnNotPermitted	nothing may be made there
 *	kIOReturnNotFound	there is no such directory
 *	kIOReturnUnsupported	the directory is not one of fsd's for queues
 *	kIOReturnNoSpace	larger than the mount allows, or no memory
 *	kIOReturnNoResources	no descriptors are left
 *	kIOReturnError		the memory is damaged, or what IOReturnFromErrno() says
 */
IOReturn IODataQueue_publish(IODataQueue *queue, const char *directory, const char *name);

IOKIT_END_DECLS
