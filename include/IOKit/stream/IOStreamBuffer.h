/* SPDX-License-Identifier: MIT */
/*
 * IOStreamBuffer - what goes round in a stream: a data area, and a control area
 *
 * Either area may be missing. What is in the control area is up to the driver;
 * IOStreamControlHeader is a form of it that fsd and this library know.
 *
 * When its stream is published (IOKit/stream/IOStream.h), the buffer's areas are moved: they are
 * then files of the mount, the descriptors and addresses other ones, and what was in them is in
 * these. A client has them mapped at the same time, and may write to them whenever it
 * likes, also while the driver has the buffer: a driver that relies on what it reads
 * there copies it first.
 *
 * Threads	Any thread, any time, as long as the caller has a reference; the four that set
 *		something, for one thread at a time.
 */
#pragma once

#include <IOKit/IOMemoryDescriptor.h>
#include <IOKit/stream/IOStreamShared.h>

IOKIT_BEGIN_DECLS

typedef struct IOStreamBuffer IOStreamBuffer;

/*
 * A new buffer of @dataBuffer and @controlBuffer, which are retained; NULL: no such area. @id is
 * what getBufferID() says until a stream gives it another. Stands for
 * IOStreamBuffer::withMemoryDescriptors().
 * Return: a reference of the caller's; NULL without memory, or for an area of more than 32 bits.
 */
IOStreamBuffer *IOStreamBuffer_withMemoryDescriptors(IOMemoryDescriptor *dataBuffer,
						     IOMemoryDescriptor *controlBuffer,
						     IOStreamBufferID id);

/*
 * The same of new memory of this process: @dataSize and @controlSize bytes, 0 for no such area.
 * New.
 * Return: as above.
 */
IOStreamBuffer *IOStreamBuffer_withCapacity(IOByteCount dataSize, IOByteCount controlSize);

/*
 * A buffer without areas, and to give it some, once. Stand for `new IOStreamBuffer` and
 * IOStreamBuffer::initWithMemoryDescriptors(). Return: a reference of the caller's, or NULL;
 * false for NULL, a buffer that has areas, or an area of more than 32 bits.
 */
IOStreamBuffer *IOStreamBuffer_alloc(void);
bool IOStreamBuffer_initWithMemoryDescriptors(IOStreamBuffer *buffer,
					      IOMemoryDescriptor *dataBuffer,
					      IOMemoryDescriptor *controlBuffer,
					      IOStreamBufferID id);

/*
 * Give up both areas, not the object. OSObject_release() does so by itself; this is for who ported
 * a subclass. Nothing for a buffer of a stream. Stands for IOStreamBuffer::free().
 */
void IOStreamBuffer_free(IOStreamBuffer *buffer);

/*
 * The ID; kIOStreamBufferIDInvalid for NULL. A stream gives its buffers 0 to the count less one,
 * and setting it then does nothing. Stand for IOStreamBuffer::getBufferID() and setBufferID().
 */
IOStreamBufferID IOStreamBuffer_getBufferID(const IOStreamBuffer *buffer);
void IOStreamBuffer_setBufferID(IOStreamBuffer *buffer, IOStreamBufferID id);

/*
 * The areas, borrowed; NULL for none. Stand for IOStreamBuffer::getDataBuffer() and
 * getControlBuffer().
 */
IOMemoryDescriptor *IOStreamBuffer_getDataBuffer(const IOStreamBuffer *buffer);
IOMemoryDescriptor *IOStreamBuffer_getControlBuffer(const IOStreamBuffer *buffer);

/*
 * Another area, which is retained, or NULL for none. Nothing once the buffer's stream is published,
 * or for an area of more than 32 bits. Stand for IOStreamBuffer::setDataBuffer() and
 * setControlBuffer(), which have no result either.
 */
void IOStreamBuffer_setDataBuffer(IOStreamBuffer *buffer, IOMemoryDescriptor *dataBuffer);
void IOStreamBuffer_setControlBuffer(IOStreamBuffer *buffer, IOMemoryDescriptor *controlBuffer);

/*
 * Where the areas are in this process; NULL for none. Until the buffer has another area, or its
 * stream is published. New; they stand for getDataBuffer()->map().
 */
void *IOStreamBuffer_getDataBytes(const IOStreamBuffer *buffer);
void *IOStreamBuffer_getControlBytes(const IOStreamBuffer *buffer);

/*
 * How many times more it was sent to the client than it came back: 0, the driver has it; 1, it is
 * on its way out, or with the client, or on its way in. A stream counts by itself, and a stop
 * makes it 0. @offset and @length are not looked at. Stand for
 * IOStreamBuffer::getClientReferenceCount(), sendClientReference() and receiveClientReference().
 * Return: the (new) count; 0 for NULL.
 */
SInt32 IOStreamBuffer_getClientReferenceCount(const IOStreamBuffer *buffer);
SInt32 IOStreamBuffer_sendClientReference(IOStreamBuffer *buffer, IOByteCount offset,
					  IOByteCount length);
SInt32 IOStreamBuffer_receiveClientReference(IOStreamBuffer *buffer, IOByteCount offset,
					     IOByteCount length);

IOKIT_END_DECLS
