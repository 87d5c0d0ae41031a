/* SPDX-License-Identifier: MIT */
/*
 * IOStream - a driver's stream: buffers that go to one client and come back
 *
 * A driver makes buffers and a stream of them, publishes it below a service, and runs:
 *
 *	stream = IOStream_withBuffers(&class, buffers, n, kIOStreamModeOutput, 0, NULL);
 *	IOStream_publish(stream, "/run/fsd/mnt/IOService/cam", "video");
 *	IOStream_run(stream);			until it is gone
 *
 * The client opens it, and starts it: startStream() of the class is called, and once that has
 * returned the stream is running. Then the driver fills a buffer and passes it, and the client
 * gives it back:
 *
 *	output	enqueueOutputBuffer(), sendOutputNotification(); inputCallback() says that the
 *		client gave something back: dequeueInputEntry() until that is no success
 *	input	the client has free buffers from the start, and passes filled ones;
 *		inputCallback(), dequeueInputEntry(), and enqueueOutputBuffer() gives the
 *		buffer back, with lengths that say how much may be filled
 *
 * Who passes a buffer does not own it any more until it comes back. This library keeps an eye on
 * it: what is not ours is not passed, and what the client passes that it cannot have is thrown
 * away. What comes out of dequeueInputEntry() is within the buffer's areas; but the client has
 * them mapped, and may write to them at any time (IOKit/stream/IOStreamBuffer.h).
 *
 * Until it is published, a stream is closed, and in this process's memory: buffers can be added and
 * removed, and queues made and looked at. When this process ends, the stream is left without a
 * driver, and dead for its client; who publishes one of the same name takes it over.
 *
 * The original's arrays (OSArray) are a pointer and a count here.
 *
 * Threads	What the class's functions are called by is one thread at a time: that which
 *		calls IOStream_dispatch() or IOStream_run(), or the dispatch queue's; no lock is
 *		held. Passing buffers, taking them, notifications, drops, and what says "any
 *		thread", from any thread and from there; the rest for one thread at a time.
 * Forks	A child must not use its parent's streams; it may release them.
 * Restart	When fsd is started anew, the stream is taken over again by itself, is stopped, and
 *		stopStream() is called where it was started.
 * Results	Where a file of the mount refuses, the result is what fsd says (err/PID), and
 *		errno is set.
 */
#pragma once

#include <jansson.h>

#include <IOKit/IODispatchQueue.h>
#include <IOKit/IOMemoryDescriptor.h>
#include <IOKit/IOReturn.h>
#include <IOKit/OSObject.h>
#include <IOKit/stream/IOStreamBuffer.h>

IOKIT_BEGIN_DECLS

typedef struct IOStream IOStream;

/*
 * Who opens a stream: its pid and uid are known (IOTaskGetPID() and IOTaskGetUID() of
 * IOUserClient.h).
 */
typedef struct IOTask *task_t;

/* The name of the queue that serves a stream. */
#define kIOStreamDefaultQueueName	"Default"

/*
 * What a driver overrides. NULL is what the base class does: the function IOStream_NAME(), which an
 * override may call, too. A result that is no success is the client's, and the state stays.
 */
struct IOStreamMethods {
	/*
	 * Start, from stopped, where both queues are empty and all buffers ours, or go on, from
	 * suspended. What is passed before it has returned is refused (kIOReturnNotReady); in mode
	 * input the stream itself passes all buffers right after it.
	 */
	IOReturn (*startStream)(IOStream *stream);
	/*
	 * Stop, from any state but stopped. When it has returned, both queues are emptied, and all
	 * buffers are ours. What it returns is not looked at where the stream ends or its client
	 * does.
	 */
	IOReturn (*stopStream)(IOStream *stream);
	/* Neither pass nor take until startStream(). Nothing is lost. */
	IOReturn (*suspendStream)(IOStream *stream);
	/* Another mode; the stream is closed or stopped, and getStreamMode() still the old one. */
	IOReturn (*setStreamMode)(IOStream *stream, IOStreamMode mode);

	/* A client opens. false: it gets kIOReturnExclusiveAccess. @options and @argument are 0. */
	bool (*handleOpen)(IOStream *stream, task_t forClient, IOOptionBits options,
			   void *argument);
	/* It closed, or its process ended. It was stopped before. */
	void (*handleClose)(IOStream *stream, task_t forClient, IOOptionBits options);

	/*
	 * The client passed something, or says so: dequeue all there is. @token is the client's.
	 * Each notification is one call, in order; the sync one's client waits until this has
	 * returned.
	 */
	void (*inputCallback)(IOStream *stream, UInt32 token);
	void (*inputSyncCallback)(IOStream *stream, UInt32 token);

	/* The stream's service is gone, or the stream. It was stopped and closed before. New. */
	void (*didTerminate)(IOStream *stream);
	/* The last reference is gone; the memory of getReference() goes after this. */
	void (*free)(IOStream *stream);
};

/* In the place of a class declaration. It must live as long as its streams. */
struct IOStreamClass {
	const char *className;		/* of the object; its entry is an IOStream. NULL: that */
	size_t referenceSize;		/* bytes of IOStream_getReference() */
	const struct IOStreamMethods *methods;	/* NULL: the base's */
	/*
	 * What `modes` shows, and setStreamMode() is asked for: bits 1 << IOStreamMode. 0: all
	 * where there is a setStreamMode(), else only the mode that it is in.
	 */
	UInt32 modes;
};

/* --- making one */

/*
 * A new stream of @streamClass (NULL: the base), closed, mode output, without buffers, and to
 * make it one of @count @buffers, which are retained and get the IDs 0, 1, ..., once. Or both in
 * one. @queueLength: entries for which each queue has room; 0: as many as there are buffers.
 * @properties: an object, for the stream's entry in the registry, or NULL; retained. Stand for
 * `new IOStream`, IOStream::init(), initWithBuffers() and withBuffers().
 *
 * Return: a reference of the caller's, or NULL; whether it was done. Neither for NULL, a buffer of
 * another stream or without areas, more than 1024 buffers or 65536 entries, or a mode that is
 * none; nor without memory or descriptors.
 */
IOStream *IOStream_alloc(const struct IOStreamClass *streamClass);
bool IOStream_init(IOStream *stream, json_t *properties);
bool IOStream_initWithBuffers(IOStream *stream, IOStreamBuffer *const *buffers, IOItemCount count,
			      IOStreamMode mode, IOItemCount queueLength, json_t *properties);
IOStream *IOStream_withBuffers(const struct IOStreamClass *streamClass,
			       IOStreamBuffer *const *buffers, IOItemCount count,
			       IOStreamMode mode, IOItemCount queueLength, json_t *properties);

/* Its own bytes, all 0 at first; NULL for none. New; in the place of members of a derived class. */
void *IOStream_getReference(const IOStream *stream);

/*
 * Make @serviceDirectory/streams/@name, or take over the one that is there without a driver: its
 * mode, queue length and buffers become this stream's, and what is in the areas is copied. The
 * buffers' areas are those files from then on. It has no client before this returns, and
 * none is let in before it is served. Once for each stream. The mount's root is a service's
 * directory, too: its streams are those of IOResources. New; it stands for attach(), start() and
 * registerService().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	NULL, published already, or a name that no stream has
 *	kIOReturnExclusiveAccess	it has a driver, or a client still
 *	kIOReturnNotFound	there is no such service
 *	kIOReturnNotPrivileged, kIOReturnNotPermitted	nothing may be made there
 *	kIOReturnNoSpace, kIOReturnNoResources, kIOReturnNoMemory
 *	or what fsd says; then it is as before, and what was made is removed
 */
IOReturn IOStream_publish(IOStream *stream, const char *serviceDirectory, const char *name);

/* Its directory, as long as the object lives; NULL before it is published. New. */
const char *IOStream_getDirectory(const IOStream *stream);

/* --- buffers */

/*
 * One more, or @count, all or none: the IDs go on where they end. Also while it is open, when the
 * queues have room for it. Retained. Stand for IOStream::addBuffer() and addBuffers().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL, without areas, or of a stream already;
 * kIOReturnNoSpace; kIOReturnNoDevice, terminated; kIOReturnNoMemory; or what fsd says.
 */
IOReturn IOStream_addBuffer(IOStream *stream, IOStreamBuffer *buffer);
IOReturn IOStream_addBuffers(IOStream *stream, IOStreamBuffer *const *buffers, IOItemCount count);

/*
 * Without @buffer, or the one of @id, or any: those behind it move up by one. What it refers to
 * stays good. Stand for both IOStream::removeBuffer() and removeAllBuffers().
 *
 * Return: kIOReturnSuccess; kIOReturnStillOpen; kIOReturnNotFound, none of this stream's;
 * kIOReturnNoDevice; kIOReturnBadArgument for a stream that is NULL; or what fsd says.
 */
IOReturn IOStream_removeBuffer(IOStream *stream, IOStreamBuffer *buffer);
IOReturn IOStream_removeBufferWithID(IOStream *stream, IOStreamBufferID id);
IOReturn IOStream_removeAllBuffers(IOStream *stream);

/*
 * How many; the first @count of them by ID, borrowed, in @buffers; the one of @id, borrowed, or
 * NULL. Any thread. Stand for IOStream::getBufferCount(), getBuffers() and getBufferWithID().
 * Return of the second: how many there are.
 */
IOItemCount IOStream_getBufferCount(const IOStream *stream);
IOItemCount IOStream_getBuffers(const IOStream *stream, IOStreamBuffer **buffers,
				IOItemCount count);
IOStreamBuffer *IOStream_getBufferWithID(const IOStream *stream, IOStreamBufferID id);

/* --- queues */

/*
 * Make both queues anew, of @queueLength entries (0: the stream's own length), before a client
 * opens, which it does for itself otherwise; and do away with them. @options are ignored. Stand for
 * IOStream::createQueues() and destroyQueues().
 *
 * Return: kIOReturnSuccess, also where there are none to destroy; kIOReturnStillOpen;
 * kIOReturnBadArgument for NULL, or more than 65536; kIOReturnNoDevice; kIOReturnNoMemory; or
 * what fsd says.
 */
IOReturn IOStream_createQueues(IOStream *stream, IOItemCount queueLength, IOOptionBits options);
IOReturn IOStream_destroyQueues(IOStream *stream);

/*
 * The queues in memory, until they are destroyed or made anew, a client opens or closes, or
 * the stream is published; NULL where there are none. Their memory, a reference of the caller's,
 * or NULL. Not needed by who uses the functions below. Any thread. Stand for
 * IOStream::getOutputQueue() and its like.
 */
IOStreamBufferQueue *IOStream_getOutputQueue(IOStream *stream);
IOStreamBufferQueue *IOStream_getInputQueue(IOStream *stream);
IOMemoryDescriptor *IOStream_getOutputQueueMemoryDescriptor(IOStream *stream);
IOMemoryDescriptor *IOStream_getInputQueueMemoryDescriptor(IOStream *stream);

/*
 * Ports are epoll instances here (IODataQueueAllocateNotificationPort()). The input port is
 * readable when IOStream_dispatch() has something to do; the output port while the client has not
 * collected a notification. Another port may be set beside, which is then readable, too;
 * MACH_PORT_NULL takes it away. Stand for IOStream::getInputPort() and its like.
 *
 * Return: the port that was set, or else the stream's own, which it closes; MACH_PORT_NULL for
 * NULL. kIOReturnSuccess; kIOReturnBadArgument for NULL or no port; kIOReturnNoResources.
 */
mach_port_t IOStream_getInputPort(const IOStream *stream);
mach_port_t IOStream_getOutputPort(const IOStream *stream);
IOReturn IOStream_setInputPort(IOStream *stream, mach_port_t port);
IOReturn IOStream_setOutputPort(IOStream *stream, mach_port_t port);

/* --- passing; any thread, no system call but where it is said */

/*
 * Pass a buffer. It notifies nobody. Offsets and lengths are bytes, and 0 is none, not all. Where
 * the frame does not follow the last one and the control area begins with an IOStreamControlHeader,
 * kIOStreamControlDiscontinuity is set there. Stand for IOStream::enqueueOutputBuffer() and
 * enqueueOutputEntry().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnNoDevice	terminated
 *	kIOReturnNotOpen	there is no client
 *	kIOReturnNotReady	not running; while draining it is allowed in mode input alone
 *	kIOReturnBadArgument	NULL, no buffer of this stream, or not within its areas
 *	kIOReturnBusy		the client has it, or it is on its way
 *	kIOReturnOverrun	no room; counted, and a frame as dropped
 *	kIOReturnInternalError	the client spoiled the queue; counted, and a stop mends it
 */
IOReturn IOStream_enqueueOutputBuffer(IOStream *stream, IOStreamBuffer *buffer,
				      IOByteCount dataOffset, IOByteCount dataLength,
				      IOByteCount controlOffset, IOByteCount controlLength);
IOReturn IOStream_enqueueOutputEntry(IOStream *stream, const IOStreamBufferQueueEntry *entry);

/*
 * Take what the client passed. What is no good is thrown away and counted. While draining, fsd
 * is told that there was none (a system call). Stands for IOStream::dequeueInputEntry().
 *
 * Return: kIOReturnSuccess and *@entry; kIOReturnUnderrun, there is none now; kIOReturnNoDevice,
 * kIOReturnNotOpen, kIOReturnNotReady, kIOReturnInternalError as above; kIOReturnBadArgument for
 * NULL.
 */
IOReturn IOStream_dequeueInputEntry(IOStream *stream, IOStreamBufferQueueEntry *entry);

/*
 * Wake the client: a system call, unless it has not collected the one before. Stands for
 * IOStream::sendOutputNotification(). Return: kIOReturnSuccess, also when nobody listens;
 * kIOReturnNoDevice; kIOReturnNotOpen; kIOReturnBadArgument for NULL; or what fsd says.
 */
IOReturn IOStream_sendOutputNotification(IOStream *stream);

/*
 * @n frames were lost while running: they count as dropped, and the next frame does not follow the
 * last one. New. Return: kIOReturnSuccess; kIOReturnNoDevice; kIOReturnNotOpen;
 * kIOReturnBadArgument for NULL.
 */
IOReturn IOStream_reportDrop(IOStream *stream, UInt64 n);

/* Does the next frame not follow the last one? After a suspension, and a report of drops. New. */
bool IOStream_isDiscontinuous(IOStream *stream);

/*
 * What the stream does now: kIOStreamStateClosed and its like of IOKit/stream/IOStreamLib.h.
 * Closed for NULL, and before it is published. Any thread. New.
 */
UInt32 IOStream_getStreamState(const IOStream *stream);

/* --- the mode, and what the base class does */

/* Any thread. Stands for IOStream::getStreamMode(); kIOStreamModeOutput for NULL. */
IOStreamMode IOStream_getStreamMode(const IOStream *stream);

/*
 * What the base class does: the mode that it is in is kIOReturnSuccess, another one
 * kIOReturnUnsupported, none kIOReturnBadArgument. Stands for IOStream::setStreamMode().
 */
IOReturn IOStream_setStreamMode(IOStream *stream, IOStreamMode mode);

/*
 * Change the mode from here: by setStreamMode() of the class, which decides. New.
 * Return: what that said; kIOReturnBusy, running, suspended or draining; kIOReturnNoDevice;
 * kIOReturnBadArgument for NULL or no mode; or what fsd says.
 */
IOReturn IOStream_changeStreamMode(IOStream *stream, IOStreamMode mode);

/* kIOReturnUnsupported, all three. Stand for IOStream::startStream() and its like. */
IOReturn IOStream_startStream(IOStream *stream);
IOReturn IOStream_stopStream(IOStream *stream);
IOReturn IOStream_suspendStream(IOStream *stream);

/*
 * true; nothing. fsd sees to it that there is one client, and makes the queues. Stand for
 * IOStream's.
 */
bool IOStream_handleOpen(IOStream *stream, task_t forClient, IOOptionBits options,
			 void *argument);
void IOStream_handleClose(IOStream *stream, task_t forClient, IOOptionBits options);

/* Nothing. Stand for IOStream::inputCallback() and inputSyncCallback(). */
void IOStream_inputCallback(IOStream *stream, UInt32 token);
void IOStream_inputSyncCallback(IOStream *stream, UInt32 token);

/* --- serving */

/*
 * A descriptor that can be polled: readable when IOStream_dispatch() has something to do. It is the
 * stream's, and the same when fsd is started anew. -1 for NULL. New.
 */
int IOStream_getDescriptor(const IOStream *stream);

/*
 * Serve what there is, and do not wait for more. New. Return: kIOReturnSuccess;
 * kIOReturnNotAttached, the stream is terminated; kIOReturnNotReady, it was never published, or
 * fsd is gone, for the time being; kIOReturnBusy, it is being served: a function of the class is
 * the caller.
 */
IOReturn IOStream_dispatch(IOStream *stream);

/*
 * Serve until the stream is terminated. New. Return: kIOReturnNotAttached, terminated;
 * kIOReturnNotReady, never published; kIOReturnBusy, a dispatch queue does it.
 */
IOReturn IOStream_run(IOStream *stream);

/*
 * Have @queue serve it; @name is kIOStreamDefaultQueueName. After it is published, once. New; it
 * stands for IOService::SetDispatchQueue().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL or another name; kIOReturnNotReady, not
 * published; kIOReturnBusy, a queue does; kIOReturnNoResources.
 */
kern_return_t IOStream_SetDispatchQueue(IOStream *stream, const char *name,
					IODispatchQueue *queue);

IOKIT_END_DECLS
