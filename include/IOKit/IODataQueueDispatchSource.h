/* SPDX-License-Identifier: MIT */
/*
 * IODataQueueDispatchSource - a queue that calls a handler when there is something
 *
 * DataAvailable is called on the consumer's side when there are entries,
 * DataServiced on the producer's when an entry that was refused would fit. A
 * source of IODataQueueDispatchSource_Create() has both sides in this process;
 * one of IODataQueueDispatchSource_Open() is one side of a queue in a mount, and
 * another process has the other.
 *
 * When a handler is called:
 * - The handler that drains until kIOReturnUnderrun is called at least once for
 *   whatever comes after. It may be called when there is nothing.
 * - One that takes some entries and leaves others is called again.
 * - One that takes none is called again when there are more, not before.
 * - Handlers of one queue never run at the same time (IOKit/IODispatchQueue.h).
 *
 * Callbacks that get at an entry (IODataQueueClientEnqueueEntryBlock and its
 * sister) are called once, before the call returns, with a pointer into shared
 * memory that is dead afterwards. A callback must not use the same direction of
 * the same source (it gets kIOReturnBusy), nor release the source. It may use the
 * other direction, where no callback of that one uses its own.
 *
 * Threads	Any thread, any time, as long as the caller has a reference.
 * Forks	A child must not use its parent's sources.
 */
#pragma once

#include <IOKit/IODataQueueShared.h>
#include <IOKit/IODispatchQueue.h>
#include <IOKit/IOMemoryDescriptor.h>
#include <IOKit/OSAction.h>

IOKIT_BEGIN_DECLS

typedef struct IODataQueueDispatchSource IODataQueueDispatchSource;

/* In the place of blocks. @dataSize is the entry's own size. */
typedef void (*IODataQueueClientEnqueueEntryBlock)(void *refcon, void *data, size_t dataSize);
typedef void (*IODataQueueClientDequeueEntryBlock)(void *refcon, const void *data,
						   size_t dataSize);
typedef void (*IODispatchSourceCancelHandler)(void *refcon);

/*
 * A new source with both its sides here. It takes whatever fits into a queue of
 * the original's with @queueByteCount bytes; its largest entry is
 * @queueByteCount - 4 bytes. Handlers run on @queue, unless their action has one
 * of its own; NULL: on a queue that is made when it is needed. Stands for
 * IODataQueueDispatchSource::Create().
 *
 * Return:
 *	kIOReturnSuccess	*@source is a reference of the caller's
 *	kIOReturnBadArgument	@source is NULL; or @queueByteCount is not a
 *				multiple of 4, or more than 0xffffff7f
 *	kIOReturnNoMemory, kIOReturnNoResources	no memory or descriptors
 */
kern_return_t IODataQueueDispatchSource_Create(uint64_t queueByteCount, IODispatchQueue *queue,
					       IODataQueueDispatchSource **source);

/*
 * One side of the queue whose directory is @path: @role is kIODataQueueProducer or
 * kIODataQueueConsumer (IOKit/IODataQueueClient.h). @queue is as above. New; it
 * stands for getting the source of another process.
 *
 * Return: as above, or
 *	kIOReturnBadArgument	@path or @source is NULL, or there is no such role
 *	kIOReturnExclusiveAccess  somebody else holds the role
 *	kIOReturnError		the memory is damaged
 * or what IOReturnFromErrno() says of IODataQueueOpen()'s errno, which is set.
 */
kern_return_t IODataQueueDispatchSource_Open(const char *path, int role, IODispatchQueue *queue,
					     IODataQueueDispatchSource **source);

/*
 * Is the source in order? What init() did, is done by the two above. Stands for
 * IODataQueueDispatchSource::init().
 */
bool IODataQueueDispatchSource_init(IODataQueueDispatchSource *source);

/*
 * Give up memory, roles and handlers before the last reference goes, which does
 * it anyway. Later calls say kIOReturnNoMemory. Waits for a handler that runs,
 * unless that is the caller. Stands for IODataQueueDispatchSource::free().
 */
void IODataQueueDispatchSource_free(IODataQueueDispatchSource *source);

/*
 * Bytes of header in front of each entry: 8 (the original's: 4). Stands for
 * IODataQueueDispatchSource::GetDataQueueEntryHeaderSize().
 */
size_t IODataQueueDispatchSource_GetDataQueueEntryHeaderSize(void);

/*
 * Have @action called when there are entries: at once if there are, each time
 * that this is called. NULL: no longer. The source takes a reference; the old
 * action is released and, once this returns, not called any more but for a call
 * that runs. Stands for IODataQueueDispatchSource::SetDataAvailableHandler().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@source is NULL
 *	kIOReturnNotPermitted	the source is not the consumer's side, or the FIFO's
 *				mode forbids it
 *	kIOReturnNoMemory, kIOReturnNoResources	no memory, descriptors or threads,
 *				or the source was given up
 *	kIOReturnBusy		called in a callback of the same direction
 */
kern_return_t IODataQueueDispatchSource_SetDataAvailableHandler(IODataQueueDispatchSource *source,
								OSAction *action);

/*
 * The same for space, on the producer's side: called once an entry that was
 * refused with kIOReturnOverrun would fit; never because of this call. Stands for
 * IODataQueueDispatchSource::SetDataServicedHandler().
 */
kern_return_t IODataQueueDispatchSource_SetDataServicedHandler(IODataQueueDispatchSource *source,
							       OSAction *action);

/*
 * Call the function of @action, with its target, here and now. These two are what
 * the handlers are named after; the source has its own calls made on the queue.
 * Stand for IODataQueueDispatchSource::DataAvailable() and DataServiced().
 */
void IODataQueueDispatchSource_DataAvailable(IODataQueueDispatchSource *source, OSAction *action);
void IODataQueueDispatchSource_DataServiced(IODataQueueDispatchSource *source, OSAction *action);

/*
 * The handlers that are set. Stand for
 * IODataQueueDispatchSource::CopyDataAvailableHandler() and
 * CopyDataServicedHandler().
 *
 * Return: kIOReturnSuccess and a reference of the caller's in *@action; or, with
 * *@action NULL, kIOReturnNotReady when none is set, kIOReturnBadArgument for NULL.
 */
kern_return_t IODataQueueDispatchSource_CopyDataAvailableHandler(IODataQueueDispatchSource *source,
								 OSAction **action);
kern_return_t IODataQueueDispatchSource_CopyDataServicedHandler(IODataQueueDispatchSource *source,
								OSAction **action);

/*
 * The memory of the ring (docs/ring.md, the file `data`). Stands for
 * IODataQueueDispatchSource::CopyMemory().
 *
 * Return: kIOReturnSuccess and a reference of the caller's in *@memory; or, with
 * *@memory NULL, kIOReturnNotReady when there is none, kIOReturnBadArgument for
 * NULL, kIOReturnNoMemory.
 */
kern_return_t IODataQueueDispatchSource_CopyMemory(IODataQueueDispatchSource *source,
						   IOMemoryDescriptor **memory);

/*
 * Append an entry of @dataSize bytes, which @callback writes in place, all of
 * them: what lies there is left over from earlier entries. The consumer is told
 * if it waits. When the queue is full, the producer's handler will be told, and
 * the consumer is nudged, once. Stands for IODataQueueDispatchSource::Enqueue().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@source or @callback is NULL
 *	kIOReturnNoMemory	the source was given up
 *	kIOReturnNotPermitted	the source is not the producer's side
 *	kIOReturnMessageTooLarge  never fits
 *	kIOReturnOverrun	no room now
 *	kIOReturnError		the memory is damaged; so is every later result
 *	kIOReturnBusy		called in a callback of the same direction
 */
kern_return_t IODataQueueDispatchSource_Enqueue(IODataQueueDispatchSource *source,
						uint32_t dataSize,
						IODataQueueClientEnqueueEntryBlock callback,
						void *refcon);

/*
 * The same, but the consumer is not told: *@sendDataAvailable becomes true when it
 * is to be, by IODataQueueDispatchSource_SendDataAvailable() after any number of
 * entries; it is never made false. It becomes true when the queue was or became
 * empty, when the consumer waits, and with kIOReturnOverrun. Stands for
 * IODataQueueDispatchSource::EnqueueWithCoalesce().
 *
 * Return: as above, kIOReturnBadArgument also for @sendDataAvailable NULL.
 */
kern_return_t IODataQueueDispatchSource_EnqueueWithCoalesce(
	IODataQueueDispatchSource *source, uint32_t dataSize, bool *sendDataAvailable,
	IODataQueueClientEnqueueEntryBlock callback, void *refcon);

/*
 * Tell the consumer that there are entries, whether or not there are. Nothing
 * without the producer's side. Stands for
 * IODataQueueDispatchSource::SendDataAvailable().
 */
void IODataQueueDispatchSource_SendDataAvailable(IODataQueueDispatchSource *source);

/*
 * Would one entry, or @entryCount entries, of @dataSize bytes be taken now? Has
 * nobody told of anything: DataServiced is called after Enqueue was refused, not
 * after this was. Stand for both forms of
 * IODataQueueDispatchSource::CanEnqueueData().
 *
 * Return: as IODataQueueDispatchSource_Enqueue(); kIOReturnSuccess for a count of
 * 0 of a size that fits at all.
 */
kern_return_t IODataQueueDispatchSource_CanEnqueueData(IODataQueueDispatchSource *source,
						       uint32_t dataSize);
kern_return_t IODataQueueDispatchSource_CanEnqueueDataWithCount(IODataQueueDispatchSource *source,
								uint32_t dataSize,
								uint32_t entryCount);

/*
 * Take the next entry after @callback has read it in place. A producer that waits
 * for space is told once there is enough. Stands for
 * IODataQueueDispatchSource::Dequeue().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@source or @callback is NULL
 *	kIOReturnNoMemory	the source was given up
 *	kIOReturnNotPermitted	the source is not the consumer's side
 *	kIOReturnUnderrun	empty; @callback was not called
 *	kIOReturnError		the memory is damaged; so is every later result
 *	kIOReturnBusy		called in a callback of the same direction
 */
kern_return_t IODataQueueDispatchSource_Dequeue(IODataQueueDispatchSource *source,
						IODataQueueClientDequeueEntryBlock callback,
						void *refcon);

/*
 * The same, but the producer is not told: *@sendDataServiced becomes true when it
 * is to be, by IODataQueueDispatchSource_SendDataServiced(), also with
 * kIOReturnUnderrun; it is never made false. Stands for
 * IODataQueueDispatchSource::DequeueWithCoalesce().
 *
 * Return: as above, kIOReturnBadArgument also for @sendDataServiced NULL.
 */
kern_return_t IODataQueueDispatchSource_DequeueWithCoalesce(
	IODataQueueDispatchSource *source, bool *sendDataServiced,
	IODataQueueClientDequeueEntryBlock callback, void *refcon);

/*
 * Tell the producer that there is space, whether or not it waits. Nothing without
 * the consumer's side. Stands for IODataQueueDispatchSource::SendDataServiced().
 */
void IODataQueueDispatchSource_SendDataServiced(IODataQueueDispatchSource *source);

/*
 * Have @callback read the next entry in place; it stays in the queue, and nobody
 * is told. Stands for IODataQueueDispatchSource::Peek().
 *
 * Return: as IODataQueueDispatchSource_Dequeue().
 */
kern_return_t IODataQueueDispatchSource_Peek(IODataQueueDispatchSource *source,
					     IODataQueueClientDequeueEntryBlock callback,
					     void *refcon);

/*
 * Is there an entry? On the producer's side: one that was not taken yet. False for
 * NULL and for damaged memory. Stands for
 * IODataQueueDispatchSource::IsDataAvailable().
 */
bool IODataQueueDispatchSource_IsDataAvailable(IODataQueueDispatchSource *source);

/*
 * Have handlers called, or (@enable false) not: what there is to tell is kept, and
 * told once when they are enabled again, if it is still so. A new source is
 * enabled. @handler, unless NULL, is called with @refcon once, on the source's
 * queue, when no handler of before this call runs any more. Stands for
 * IODataQueueDispatchSource::SetEnableWithCompletion() and SetEnable().
 *
 * Return: kIOReturnSuccess, kIOReturnBadArgument for NULL, or kIOReturnNoMemory, and
 * nothing changed.
 */
kern_return_t IODataQueueDispatchSource_SetEnableWithCompletion(
	IODataQueueDispatchSource *source, bool enable, IODispatchSourceCancelHandler handler,
	void *refcon);
kern_return_t IODataQueueDispatchSource_SetEnable(IODataQueueDispatchSource *source, bool enable);

/*
 * Have no handler called any more, for good; what runs may finish. Entries can
 * still be enqueued and dequeued. @handler is as above: where the program lends its
 * loop, it has to call IODispatchQueue_Dispatch() once more. Stands for
 * IODataQueueDispatchSource::Cancel().
 *
 * Return: as above.
 */
kern_return_t IODataQueueDispatchSource_Cancel(IODataQueueDispatchSource *source,
					       IODispatchSourceCancelHandler handler, void *refcon);

/*
 * Look whether there are entries, and if so have the handler called; @synchronous:
 * before this returns. (The original never looks.) Stands for
 * IODataQueueDispatchSource::CheckForWork().
 *
 * Return: kIOReturnSuccess when a handler is called; kIOReturnNotReady when there
 * is no entry or no handler, or it is disabled or cancelled; kIOReturnBadArgument
 * for NULL.
 */
kern_return_t IODataQueueDispatchSource_CheckForWork(IODataQueueDispatchSource *source,
						     bool synchronous);

IOKIT_END_DECLS
