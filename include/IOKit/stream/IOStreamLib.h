/* SPDX-License-Identifier: MIT */
/*
 * IOStreamLib - the client's end of a stream: the program that a camera's frames come to, or
 * that a loudspeaker's samples come from
 *
 * A stream (IOKit/stream/IOStreamShared.h) has buffers, of which each is with the driver, on the
 * output ring, with the client, or on the input ring. The client takes entries off the output ring
 * and puts entries on the input ring; both are memory, and no other process is asked. A buffer
 * is the client's from DequeueOutputEntry() until EnqueueInputEntry(), and only then may it be
 * touched.
 *
 *	IOStreamCreateWithPath(), or a plug-in (below)
 *	SetOutputCallback, AddToRunLoop		before Open or after; they outlast Close
 *	Open, StartStream
 *		in the callback: DequeueOutputEntry until it fails;
 *		EnqueueInputBuffer and SendInputNotification for each when done with it
 *	StopStream, Close			and Open again, if so wanted
 *	Release
 *
 * In mode output what is dequeued has data, and is given back empty; in mode input
 * StartStream makes the driver send all buffers empty, each to be filled up to the lengths
 * that its entry has, and enqueued.
 *
 * Results	That of each function is with it. What can come from any of those that ask fsd
 *		(Open, the three that start, stop and suspend, SetMode, the two that send, and
 *		IOStreamDrain()), and is not listed each time: what the driver answered;
 *		kIOReturnNoMemory; kIOReturnNoResources without descriptors;
 *		kIOReturnNotPrivileged where a file's mode forbids it; kIOReturnNotFound when the
 *		stream is not there any more; kIOReturnInternalError for files that are no
 *		stream's; MACH_SEND_INVALID_DEST while fsd is not running.
 * State	Where a function says "the state": kIOReturnNotOpen when this IOStreamRef does not
 *		have the stream open; kIOReturnNoDevice when its driver has gone (then Close is
 *		all that is left); kIOReturnNotReady when the stream is stopped and the function
 *		wants it started, or while it drains and the function would bring new data;
 *		kIOReturnBusy where draining excludes it.
 * Restarts	When fsd ends, what is on the rings goes on, without notifications. When it was
 *		started again, the stream is as after StopStream: entries are not taken or put any
 *		more (kIOReturnNotOpen or kIOReturnNotReady). The next call that asks fsd
 *		opens the stream again by itself, and goes on; StartStream is the one to use.
 *		Queues and buffers stay at their addresses if they still have their sizes.
 * Threads	Any thread, any time, as long as the caller has a reference, several at once, also
 *		in the callback. A function that waits for fsd or the driver keeps none of the
 *		others waiting, but Open, Close and what opens again, which wait for each
 *		other. Pointers into queues and buffers are good until Close. No function starts
 *		a thread. None is async-signal-safe.
 * Forks	As in IOKit/IOKitLib.h: the child shares the session, which ends when both have
 *		closed it. Only one of them may go on using it; if that is the child, it calls
 *		IOStreamDispatch() or AddToRunLoop first, before it polls.
 */
#pragma once

#include <IOKit/IOCFPlugIn.h>
#include <IOKit/IODispatchQueue.h>
#include <IOKit/stream/IOStreamShared.h>

IOKIT_BEGIN_DECLS

/* A port and a source are descriptors, and what runs callbacks is a dispatch queue. */
typedef mach_port_t CFMachPortRef;
typedef mach_port_t CFRunLoopSourceRef;
typedef IODispatchQueue *CFRunLoopRef;

typedef struct IOStreamInterface IOStreamInterface;
typedef IOStreamInterface **IOStreamRef;

/* There may be something on the output ring of @stream; or it will not go on, as Dequeue says. */
typedef void (*IOStreamOutputCallback)(IOStreamRef stream, void *context);

extern const CFUUIDBytes kIOStreamLibTypeIDBytes, kIOStreamInterfaceID_v1Bytes;

/* 57C89438-A0A2-4AFC-9FF2-DE64C02F815C, for IOCreatePlugInInterfaceForService() */
#define kIOStreamLibTypeID	((CFUUIDRef)&kIOStreamLibTypeIDBytes)
/* E2DFDF5F-3FAD-4487-9EEA-3FCF147EBB3D, for QueryInterface(), which gives an IOStreamRef */
#define kIOStreamInterfaceID_v1	((CFUUIDRef)&kIOStreamInterfaceID_v1Bytes)

enum {
	kIOStreamInterfaceVersion = 1,
	kIOStreamInterfaceRevision = 0
};

/* The functions of a stream, in the original's order: (*stream)->Open(stream, 0) */
struct IOStreamInterface {
	IUNKNOWN_C_GUTS;
	UInt32 Version, Revision;

	/*
	 * Open the stream, for this IOStreamRef alone, and map its queues and all its buffers. The
	 * state is stopped then. @options is 0 or kIOStreamOptionOpenExclusive.
	 * Return:
	 *	kIOReturnSuccess
	 *	kIOReturnExclusiveAccess  somebody has it open, maybe this IOStreamRef
	 *	kIOReturnNoDevice	it had a driver, which has gone
	 *	kIOReturnUnsupported	kIOStreamOptionOpenShared
	 *	kIOReturnBadArgument	another option
	 */
	IOReturn (*Open)(IOStreamRef stream, IOOptionBits options);

	/*
	 * Stop the stream, close and unmap it; what is on the rings is lost. It may be opened by
	 * anybody when this returns, unless a fork's child still has it. May be called in the
	 * callback. Return: kIOReturnSuccess; kIOReturnNotOpen.
	 */
	IOReturn (*Close)(IOStreamRef stream);

	/* How many buffers the stream has, open or not; 0 when it is not there. */
	IOItemCount (*GetBufferCount)(IOStreamRef stream);

	/*
	 * Where the two areas of a buffer are, and their sizes in bytes; NULL and 0 for an
	 * area that the buffer does not have. Each of the four may be NULL.
	 * Return: kIOReturnSuccess; the state; kIOReturnBadArgument: no such buffer, or it cannot
	 * be mapped, which only one that was added since Open may be.
	 */
	IOReturn (*GetBufferInfo)(IOStreamRef stream, IOStreamBufferID bufferID,
				  void **dataBufferAddress, IOByteCount *dataBufferSize,
				  void **controlBufferAddress, IOByteCount *controlBufferSize);

	/*
	 * A descriptor to poll: readable when IOStreamDispatch() has something to call. It is
	 * there from the beginning and as long as the IOStreamRef; do not read or close it.
	 */
	CFMachPortRef (*GetOutputPort)(IOStreamRef stream);

	/*
	 * A descriptor to write to: a token as a decimal number and a newline is what
	 * SendInputNotification() does. Good until Close; MACH_PORT_NULL while not open.
	 */
	CFMachPortRef (*GetInputPort)(IOStreamRef stream);

	/*
	 * The queues, for who wants to look: their entries are taken and put by the functions
	 * below. NULL while not open.
	 */
	IOStreamBufferQueue *(*GetOutputQueue)(IOStreamRef stream);
	IOStreamBufferQueue *(*GetInputQueue)(IOStreamRef stream);

	/*
	 * Have @callback called, with @context, by whoever dispatches the stream: once, however
	 * many notifications came; never twice at the same time; and once more when the
	 * driver or fsd ends. NULL: nobody is called. The callback of before does not run any more
	 * when this returns, unless it is the caller: so call it without a lock that
	 * the callback takes. Return: kIOReturnSuccess.
	 */
	IOReturn (*SetOutputCallback)(IOStreamRef stream, IOStreamOutputCallback callback,
				      void *context);

	/* The same descriptor as that of GetOutputPort. */
	CFRunLoopSourceRef (*GetRunLoopSource)(IOStreamRef stream);

	/*
	 * Have the dispatch queue @runLoop call the callback, or not any more. A stream is with one
	 * at a time, the last; it keeps a reference. A program that polls by itself does without
	 * (IOStreamDispatch()).
	 * Return: kIOReturnSuccess, also when it was not there to be removed; kIOReturnBadArgument
	 * for NULL; kIOReturnError where it cannot be watched.
	 */
	IOReturn (*AddToRunLoop)(IOStreamRef stream, CFRunLoopRef runLoop);
	IOReturn (*RemoveFromRunLoop)(IOStreamRef stream, CFRunLoopRef runLoop);

	/*
	 * Take the next entry: its buffer is the caller's. It names a buffer that there is, within
	 * its areas; what the driver puts that does not, or that it has no right to, is passed over
	 * and counted. While the stream drains in mode output, finding none ends that.
	 * Return:
	 *	kIOReturnSuccess
	 *	kIOReturnUnderrun	there is none
	 *	kIOReturnNotReady	the stream is stopped; kIOReturnNotOpen, kIOReturnNoDevice
	 *	kIOReturnInternalError	the ring is spoiled: only StopStream helps
	 *	kIOReturnBadArgument	NULL
	 *	kIOReturnNoMemory, kIOReturnNoResources  a buffer was added, and cannot be mapped
	 */
	IOReturn (*DequeueOutputEntry)(IOStreamRef stream, IOStreamBufferQueueEntry *entry);

	/*
	 * Pass a buffer that is the caller's to the driver, which is not told
	 * (SendInputNotification()).
	 * Return:
	 *	kIOReturnSuccess
	 *	kIOReturnBadArgument	no such buffer, or not within its areas; NULL
	 *	kIOReturnBusy		the buffer is not the caller's
	 *	kIOReturnOverrun	the ring is full
	 *	kIOReturnNotReady	the stream is stopped, or drains and this would be new;
	 *				kIOReturnNotOpen, kIOReturnNoDevice
	 *	kIOReturnInternalError	the ring is spoiled: only StopStream helps
	 */
	IOReturn (*EnqueueInputEntry)(IOStreamRef stream, IOStreamBufferQueueEntry *entry);

	/*
	 * The same of an entry's parts. Return: as above; kIOReturnBadArgument also for what is
	 * more than 32 bits.
	 */
	IOReturn (*EnqueueInputBuffer)(IOStreamRef stream, IOStreamBufferID bufferID,
				       IOByteCount dataOffset, IOByteCount dataLength,
				       IOByteCount controlOffset, IOByteCount controlLength);

	/*
	 * Have the driver's inputCallback() or inputSyncCallback() called with @token, which is for
	 * the driver to understand. The second returns when the callback has. Allowed in any
	 * open state. Return: kIOReturnSuccess; the state; kIOReturnNoResources while the driver
	 * has not heard 1024 of them; kIOReturnAborted when it ends meanwhile.
	 */
	IOReturn (*SendInputNotification)(IOStreamRef stream, UInt32 token);
	IOReturn (*SendInputSyncNotification)(IOStreamRef stream, UInt32 token);

	/*
	 * Of one area: where it is, and its size in bytes; NULL and 0 when the buffer has
	 * none, there is no such buffer, or the stream is not open.
	 */
	void *(*GetDataBuffer)(IOStreamRef stream, IOStreamBufferID bufferID);
	IOByteCount (*GetDataBufferLength)(IOStreamRef stream, IOStreamBufferID bufferID);
	void *(*GetControlBuffer)(IOStreamRef stream, IOStreamBufferID bufferID);
	IOByteCount (*GetControlBufferLength)(IOStreamRef stream, IOStreamBufferID bufferID);

	/*
	 * Start: also goes on after SuspendStream. Stop: what is on the rings is lost, and all
	 * buffers are the driver's. Suspend: the driver neither puts nor takes, and nothing is
	 * lost. What is so already is done.
	 * Return: kIOReturnSuccess; the state; kIOReturnNoResources for the start of a stream
	 * without buffers.
	 */
	IOReturn (*StartStream)(IOStreamRef stream);
	IOReturn (*StopStream)(IOStreamRef stream);
	IOReturn (*SuspendStream)(IOStreamRef stream);

	/* The mode, open or not; kIOStreamModeOutput when the stream is not there. */
	IOStreamMode (*GetMode)(IOStreamRef stream);

	/*
	 * Change the mode, of a stream that is stopped, or that nobody has open.
	 * Return:
	 *	kIOReturnSuccess	also where it is that mode already, started or not
	 *	kIOReturnBadArgument	there is no such mode
	 *	kIOReturnUnsupported	the driver does not have it
	 *	kIOReturnBusy		the stream is started, or drains
	 *	kIOReturnNoDevice	the driver has gone
	 */
	IOReturn (*SetMode)(IOStreamRef stream, IOStreamMode mode);
};

/*
 * The stream whose directory is @directory ("/run/fsd/streams/cam"), not opened. The caller's, for
 * Release(). New. Return: kIOReturnSuccess; kIOReturnBadArgument for NULL; kIOReturnNotFound: it
 * is not there; kIOReturnInternalError: its files are no stream's; kIOReturnNoMemory,
 * kIOReturnNoResources; MACH_SEND_INVALID_DEST.
 */
IOReturn IOStreamCreateWithPath(const char *directory, IOStreamRef *stream);

/*
 * Call the callback if notifications came, and do not wait for any. What a run loop did, for
 * programs that poll GetRunLoopSource's descriptor themselves. New. Return: 1 when the callback was
 * called; 0: nothing came, there is none, it is running, or NULL.
 */
UInt32 IOStreamDispatch(IOStreamRef stream);

/*
 * Let what is under way arrive, and bring no more: input, what was enqueued is still played;
 * output, what the driver has put is still there to be dequeued. Then the stream is stopped. It
 * does not wait for that. Of a stream that is suspended or stopped, too. New.
 * Return: kIOReturnSuccess; the state; kIOReturnBadArgument for NULL.
 */
IOReturn IOStreamDrain(IOStreamRef stream);

enum {
	kIOStreamStateClosed,		/* or it is not there */
	kIOStreamStateStopped,
	kIOStreamStateRunning,
	kIOStreamStateSuspended,
	kIOStreamStateDraining,
	kIOStreamStateDead		/* its driver has gone */
};

/* What the stream does now, whoever has it open. New. NULL is closed. */
UInt32 IOStreamGetState(IOStreamRef stream);

IOKIT_END_DECLS
