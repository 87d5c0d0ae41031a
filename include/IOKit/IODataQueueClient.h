/* SPDX-License-Identifier: MIT */
/*
 * IODataQueueClient - entries from one process to another
 *
 * A queue is a directory in a mount of fsd. One process holds it as producer
 * and one as consumer; entries go from one to the other through shared memory,
 * with no daemon in between. The other process may be hostile: it can spoil the
 * entries, never the caller's memory.
 *
 * Results	Every IOReturn that a function can give is listed with it.
 * Threads	One thread at a time for each attachment (IODataQueueMemory *),
 *		in all of its functions. Attachments are independent. No function
 *		starts a thread, and none is async-signal-safe.
 * Forks	A child must not use its parent's attachments, nor close them:
 *		producer and consumer are one process each. A child that lives on
 *		without exec() keeps the role from becoming free. It may open
 *		attachments of its own.
 * Ownership	What IODataQueueOpen() returns, IODataQueueClose() frees. A port is
 *		the caller's, to be closed with close().
 * Units	Sizes are bytes. Deadlines are absolute, of CLOCK_MONOTONIC.
 */
#pragma once

#include <time.h>

#include <IOKit/IODataQueueShared.h>
#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>

IOKIT_BEGIN_DECLS

/* Roles: what an attachment may do. */
enum {
	kIODataQueueObserver = 0,	/* look; any number of them, and they disturb nobody */
	kIODataQueueProducer = 1,	/* enqueue; one at a time */
	kIODataQueueConsumer = 2	/* dequeue; one at a time */
};

/*
 * Attach to the queue whose directory is @path, in a role above. The role is
 * held until IODataQueueClose() or the end of the process, however it ends; the
 * next holder goes on where this one stopped. When fsd is restarted, the
 * attachment stays good and finds the new mount at the same path by itself.
 *
 * New; it stands for IOServiceOpen() and IOConnectMapMemory(), which gave a
 * program the queue's memory.
 *
 * Return: the attachment, or NULL and errno:
 *	EINVAL		@path is NULL or empty, or there is no such role
 *	EBUSY		somebody else holds the role
 *	EACCES		the files' modes do not allow it
 *	ENOENT, ENOTDIR	there is no queue of this name
 *	ENOTCONN	the mount's daemon is gone
 *	EIO		the memory is damaged, or not a queue's
 *	ENOMEM, EMFILE, ENFILE, and what else open(2) and mmap(2) say
 */
IODataQueueMemory *IODataQueueOpen(const char *path, int role);

/*
 * Give up the role, if any, and free @queue; NULL is allowed. Entries stay in
 * the queue. A port that was set stays open, and no longer tells of this queue.
 */
void IODataQueueClose(IODataQueueMemory *queue);

/*
 * Is there an entry? A producer asks whether any is left that the consumer has
 * not taken. Stands for IODataQueueDataAvailable().
 *
 * With a port set, a consumer that gets 0 is told by the port when this
 * changes.
 *
 * Return: 1 or 0; 0 for NULL and for a damaged queue, too, so that a loop ends
 * (IODataQueueDequeue() and the waits say which it is).
 */
Boolean IODataQueueDataAvailable(IODataQueueMemory *queue);

/*
 * The next entry, which stays in the queue. Stands for IODataQueuePeek().
 *
 * The pointer leads into the ring, read-only. It is good until the caller's next
 * successful IODataQueueDequeue() (an observer's may be overwritten at any
 * time); the producer may rewrite what it points to, so read `size` once.
 * With a port set, a consumer that gets NULL is told by the port when this
 * changes.
 *
 * Return: the entry, or NULL when the queue is empty, damaged, NULL, or held as
 * producer.
 */
IODataQueueEntry *IODataQueuePeek(IODataQueueMemory *queue);

/*
 * Copy the next entry to @data and take it from the queue. *@dataSize is the
 * size of @data before, and the entry's size after the call, also where the
 * result is kIOReturnNoSpace. With @data NULL the entry is dropped, and
 * @dataSize may be NULL. Never blocks. Wakes a producer that waits for space.
 * Stands for IODataQueueDequeue().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, or @data without @dataSize
 *	kIOReturnNotPermitted	@queue is not held as consumer
 *	kIOReturnUnderrun	the queue is empty; a port that is set will tell
 *	kIOReturnNoSpace	the entry is larger than *@dataSize was, and stays
 *	kIOReturnError		the memory is damaged; so is every later result
 * *@dataSize is changed on success and on kIOReturnNoSpace only.
 */
IOReturn IODataQueueDequeue(IODataQueueMemory *queue, void *data, UInt32 *dataSize);

/*
 * Append an entry of @dataSize bytes, copied from @data; 0 bytes are an entry,
 * too, and @data may then be NULL. Never blocks, never allocates. Wakes a
 * consumer that waits; that this fails never changes the result. Stands for
 * IODataQueueEnqueue().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, or @data is NULL with a size
 *	kIOReturnNotPermitted	@queue is not held as producer
 *	kIOReturnMessageTooLarge  larger than the queue's max_entry: never fits
 *	kIOReturnOverrun	no room now; a port that is set will tell
 *	kIOReturnError		the memory is damaged; so is every later result
 */
IOReturn IODataQueueEnqueue(IODataQueueMemory *queue, void *data, UInt32 dataSize);

/*
 * Make a port: a descriptor that can be polled, and that becomes readable when a
 * queue it is set on wants attention. Do not read from it. It is closed on
 * exec(). Stands for IODataQueueAllocateNotificationPort(). Any thread, any
 * time.
 *
 * Return: the port, to be closed with close(); or MACH_PORT_NULL and errno.
 */
mach_port_t IODataQueueAllocateNotificationPort(void);

/*
 * Have @port tell of @queue: for a consumer that there are entries, for a
 * producer that the entry refused last would fit. If that is so already, @port
 * is readable at once. A queue has one port, the last that was set;
 * MACH_PORT_NULL takes it away. A port serves any number of queues.
 *
 * Then `drain; poll(port); drain` misses nothing: a call that finds the queue
 * empty (full) clears the port for it, and has it told of the next change.
 * The port may be readable when there is nothing; it may also become so when a
 * peer ends or a mount changes.
 *
 * Stands for IODataQueueSetNotificationPort(), and for the
 * IOConnectSetNotificationPort() of a program that only dequeues.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, or @port is no port; nothing changed
 *	kIOReturnNotPermitted	an observer, or the FIFO's mode forbids it
 *	kIOReturnNoResources	no descriptor or memory is left; nothing changed
 *	kIOReturnError		the memory is damaged
 */
IOReturn IODataQueueSetNotificationPort(IODataQueueMemory *queue, mach_port_t port);

/*
 * Wait until there is an entry in @queue: at once if there is one, whether or
 * not it was told of. @port is any open port; it need not be set on @queue. If
 * it is, it need not tell of what the wait reports: drain, then poll. A signal
 * does not end the wait. Closing @port from another thread does, within half a
 * second. Stands for IODataQueueWaitForAvailableData().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, or @port is not open
 *	kIOReturnNotPermitted	@queue is not held as consumer
 *	kIOReturnError		the memory is damaged
 *	MACH_RCV_PORT_DIED	@port was closed meanwhile
 */
IOReturn IODataQueueWaitForAvailableData(IODataQueueMemory *queue, mach_port_t port);

/*
 * The same until @deadline at the longest (NULL: without end). New.
 *
 * Return: as above, or kIOReturnTimeout.
 */
IOReturn IODataQueueWaitForAvailableDataUntil(IODataQueueMemory *queue, mach_port_t port,
					      const struct timespec *deadline);

/*
 * Wait until an entry of @dataSize bytes fits, without end, or until @deadline
 * (NULL: without end). A signal does not end the wait. New; it stands for the
 * DataServiced() notification of IODataQueueDispatchSource.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL
 *	kIOReturnNotPermitted	@queue is not held as producer
 *	kIOReturnMessageTooLarge  never fits
 *	kIOReturnError		the memory is damaged
 *	kIOReturnTimeout	no room until @deadline
 */
IOReturn IODataQueueWaitForSpace(IODataQueueMemory *queue, UInt32 dataSize);
IOReturn IODataQueueWaitForSpaceUntil(IODataQueueMemory *queue, UInt32 dataSize,
				      const struct timespec *deadline);

IOKIT_END_DECLS
