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

#include <sys/uio.h>
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
 *	ENOTCONN, ECONNABORTED	the mount's daemon is gone, or just goes
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
 * successful IODataQueueDequeue() or IODataQueueRelease() (an observer's may be overwritten at any
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
 * Find room for an entry of up to @dataSize bytes, to be built in place. *@data is
 * then where in the ring its payload begins, 8-byte aligned, for writing; what
 * lies there is left over from earlier entries. Nothing is published until
 * IODataQueueCommit(). There is one reservation: a later one replaces it, and any
 * other entry that is enqueued meanwhile takes its place. To give it up, do
 * nothing. New.
 *
 * Return: as IODataQueueEnqueue(), kIOReturnBadArgument also for @data NULL.
 */
IOReturn IODataQueueReserve(IODataQueueMemory *queue, UInt32 dataSize, void **data);

/*
 * Publish the reserved entry, with @dataSize bytes of payload, which may be fewer
 * than were reserved. Wakes a consumer that waits. New.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, nothing is reserved (any more), or
 *				less than @dataSize
 *	kIOReturnNotPermitted	@queue is not held as producer
 *	kIOReturnError		the memory is damaged
 */
IOReturn IODataQueueCommit(IODataQueueMemory *queue, UInt32 dataSize);

/*
 * Done with the entry that the last IODataQueuePeek() showed: take it from the
 * queue. Its memory is the producer's again. As IODataQueueDequeue(queue, NULL,
 * NULL), but it takes that entry and no other. Wakes a producer that waits for
 * space. New.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@queue is NULL, or the entry was taken already, or
 *				none was peeked
 *	kIOReturnNotPermitted	@queue is not held as consumer
 *	kIOReturnError		the memory is damaged
 */
IOReturn IODataQueueRelease(IODataQueueMemory *queue);

/*
 * Enqueue *@count entries, @entries[i].iov_len bytes from @entries[i].iov_base
 * each, in their order, and publish them together; the consumer is woken once.
 * It ends before the first that is refused; *@count becomes how many were
 * enqueued. New.
 *
 * Return: kIOReturnSuccess when at least one was enqueued (or none was given),
 * else as IODataQueueEnqueue() of the first; kIOReturnBadArgument also for @count
 * or @entries NULL.
 */
IOReturn IODataQueueEnqueueBatch(IODataQueueMemory *queue, const struct iovec *entries,
				 UInt32 *count);

/*
 * Dequeue up to *@count entries, the i-th to @entries[i].iov_base, and give all
 * their space back together. iov_len is the bytes that there is room for, and
 * becomes the entry's size; iov_base NULL drops an entry. It ends when the queue
 * is empty, or before an entry that is larger than its room (whose size iov_len
 * then tells). *@count becomes how many were dequeued. New.
 *
 * Return: kIOReturnSuccess when at least one was dequeued (or none was asked
 * for), else as IODataQueueDequeue() of the first; kIOReturnBadArgument also for
 * @count or @entries NULL.
 */
IOReturn IODataQueueDequeueBatch(IODataQueueMemory *queue, struct iovec *entries, UInt32 *count);

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
 * producer that the entry refused last would fit, unless it has enqueued another
 * one since. If that is so already, @port is readable at once. A queue has one port, the last that
 * was set; MACH_PORT_NULL takes it away. A port serves any number of queues.
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
 * A descriptor for poll(), select() or epoll: the port that is set on @queue, or
 * else one of its own, which is made and set now and closed by
 * IODataQueueClose() alone. Use it as IODataQueueSetNotificationPort() says: call
 * until the queue is found empty (full), then poll. New.
 *
 * Return: the descriptor, or -1 and errno: EINVAL for NULL, EPERM for an observer
 * and where the FIFO's mode forbids it, EMFILE, ENFILE, ENOMEM, EAGAIN, EIO.
 */
int IODataQueueGetDescriptor(IODataQueueMemory *queue);

/*
 * Which of the queues that @port is set on rang? Waits until one does, or until
 * @deadline (NULL: without end; one that is over: look only). *@count is how many
 * there is room for at @queues, and becomes how many rang. A queue stays among
 * them until a call on it finds it empty (full). A signal does not end the wait.
 * Closing @port from another thread does, within half a second. Close no queue
 * while another thread waits for it here. New; it stands for the mach_msg() of a
 * program that has one port for many queues.
 *
 * Return:
 *	kIOReturnSuccess	*@count is 1 or more
 *	kIOReturnBadArgument	@port is no port, @queues or @count is NULL, or no room
 *	kIOReturnTimeout	none rang; *@count is 0
 *	MACH_RCV_PORT_DIED	@port was closed meanwhile
 */
IOReturn IODataQueueWaitForNotification(mach_port_t port, const struct timespec *deadline,
					IODataQueueMemory **queues, UInt32 *count);

/*
 * Wait until there is an entry in @queue: at once if there is one, whether or
 * not it was told of. @port is any open port; it need not be set on @queue. If
 * it is, it need not tell of what the wait reports: drain, then poll. A signal
 * does not end the wait. Closing @port from another thread does, within half a
 * second, whatever its number is used for next (unless as a port that is set on
 * @queue). Stands for IODataQueueWaitForAvailableData().
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

/* What a queue's memory tells of it, in any role. */
typedef struct IODataQueueStatistics {
	UInt64 entries;			/* in the queue now */
	UInt64 used;			/* bytes that they take */
	UInt64 free;			/* bytes of the largest entry that fits now */
	UInt64 capacity;		/* bytes that always fit */
	UInt64 maxEntry;		/* bytes of the largest entry that ever fits */
	UInt64 enqueued, dequeued;	/* entries since the queue was made */
	UInt64 overruns;		/* entries refused because it was full */
	UInt64 dataNotifications;	/* that data are available; modulo 2^32 */
	UInt64 spaceNotifications;	/* that there is space; modulo 2^32 */
	UInt64 failedNotifications;	/* of this attachment: the peer could not be rung */
	Boolean corrupt;		/* damaged: what is above may be nonsense */
} IODataQueueStatistics;

/*
 * How @queue stands now. Any thread, also while others use @queue; nobody is
 * disturbed. New; it is the file `stats`.
 *
 * Return: kIOReturnSuccess, or kIOReturnBadArgument when either is NULL.
 */
IOReturn IODataQueueGetStatistics(const IODataQueueMemory *queue,
				  IODataQueueStatistics *statistics);

IOKIT_END_DECLS
