/* SPDX-License-Identifier: MIT */
#include <IOKit/IOBufferMemoryDescriptor.h>

#include "atomic.h"
#include "stream_buffer.h"

static void release_areas(IOStreamBuffer *buffer)
{
	OSSafeReleaseNULL(buffer->data);
	OSSafeReleaseNULL(buffer->control);
}

static void stream_buffer_free(void *object)
{
	release_areas(object);
}

static const OSMetaClass stream_buffer_class = {
	.name = "IOStreamBuffer",
	.size = sizeof(IOStreamBuffer),
	.free = stream_buffer_free,
};

static bool fits(const IOMemoryDescriptor *area)
{
	return IOMemoryDescriptor_getLength(area) <= UINT32_MAX;
}

IOStreamBuffer *IOStreamBuffer_alloc(void)
{
	IOStreamBuffer *buffer = object_new(&stream_buffer_class);

	if (buffer)
		buffer->id = kIOStreamBufferIDInvalid;
	return buffer;
}

bool IOStreamBuffer_initWithMemoryDescriptors(IOStreamBuffer *buffer,
					      IOMemoryDescriptor *dataBuffer,
					      IOMemoryDescriptor *controlBuffer,
					      IOStreamBufferID id)
{
	if (!buffer || buffer->data || buffer->control || buffer->stream || !fits(dataBuffer) ||
	    !fits(controlBuffer))
		return false;
	OSObject_retain(dataBuffer);
	OSObject_retain(controlBuffer);
	buffer->data = dataBuffer;
	buffer->control = controlBuffer;
	store_relaxed(&buffer->id, id);
	return true;
}

IOStreamBuffer *IOStreamBuffer_withMemoryDescriptors(IOMemoryDescriptor *dataBuffer,
						     IOMemoryDescriptor *controlBuffer,
						     IOStreamBufferID id)
{
	IOStreamBuffer *buffer = IOStreamBuffer_alloc();

	if (!IOStreamBuffer_initWithMemoryDescriptors(buffer, dataBuffer, controlBuffer, id))
		OSSafeReleaseNULL(buffer);
	return buffer;
}

/* *@area: NULL for 0 bytes. Return: false without memory. */
static bool new_area(IOByteCount size, IOMemoryDescriptor **area)
{
	*area = size > 0 ? IOBufferMemoryDescriptor_withCapacity(size) : NULL;
	return *area || size == 0;
}

IOStreamBuffer *IOStreamBuffer_withCapacity(IOByteCount dataSize, IOByteCount controlSize)
{
	IOMemoryDescriptor *data = NULL, *control = NULL;
	IOStreamBuffer *buffer = NULL;

	if (dataSize <= UINT32_MAX && controlSize <= UINT32_MAX && new_area(dataSize, &data) &&
	    new_area(controlSize, &control))
		buffer = IOStreamBuffer_withMemoryDescriptors(data, control, 0);
	OSObject_release(data);
	OSObject_release(control);
	return buffer;
}

void IOStreamBuffer_free(IOStreamBuffer *buffer)
{
	if (buffer && !buffer->stream)
		release_areas(buffer);
}

IOStreamBufferID IOStreamBuffer_getBufferID(const IOStreamBuffer *buffer)
{
	return buffer ? load_relaxed(&buffer->id) : kIOStreamBufferIDInvalid;
}

void IOStreamBuffer_setBufferID(IOStreamBuffer *buffer, IOStreamBufferID id)
{
	if (buffer && !buffer->stream)
		store_relaxed(&buffer->id, id);
}

IOMemoryDescriptor *IOStreamBuffer_getDataBuffer(const IOStreamBuffer *buffer)
{
	return buffer ? buffer->data : NULL;
}

IOMemoryDescriptor *IOStreamBuffer_getControlBuffer(const IOStreamBuffer *buffer)
{
	return buffer ? buffer->control : NULL;
}

static void set_area(const IOStreamBuffer *buffer, IOMemoryDescriptor **area,
		     IOMemoryDescriptor *memory)
{
	if (buffer->is_published || !fits(memory))
		return;
	OSObject_retain(memory);
	OSObject_release(*area);
	*area = memory;
}

void IOStreamBuffer_setDataBuffer(IOStreamBuffer *buffer, IOMemoryDescriptor *dataBuffer)
{
	if (buffer)
		set_area(buffer, &buffer->data, dataBuffer);
}

void IOStreamBuffer_setControlBuffer(IOStreamBuffer *buffer, IOMemoryDescriptor *controlBuffer)
{
	if (buffer)
		set_area(buffer, &buffer->control, controlBuffer);
}

void *IOStreamBuffer_getDataBytes(const IOStreamBuffer *buffer)
{
	return IOBufferMemoryDescriptor_getBytesNoCopy(IOStreamBuffer_getDataBuffer(buffer));
}

void *IOStreamBuffer_getControlBytes(const IOStreamBuffer *buffer)
{
	return IOBufferMemoryDescriptor_getBytesNoCopy(IOStreamBuffer_getControlBuffer(buffer));
}

SInt32 IOStreamBuffer_getClientReferenceCount(const IOStreamBuffer *buffer)
{
	return buffer ? load_relaxed(&buffer->n_references) : 0;
}

SInt32 IOStreamBuffer_sendClientReference(IOStreamBuffer *buffer, IOByteCount offset,
					  IOByteCount length)
{
	(void)offset, (void)length;
	return buffer ? __atomic_add_fetch(&buffer->n_references, 1, __ATOMIC_RELAXED) : 0;
}

SInt32 IOStreamBuffer_receiveClientReference(IOStreamBuffer *buffer, IOByteCount offset,
					     IOByteCount length)
{
	(void)offset, (void)length;
	return buffer ? __atomic_sub_fetch(&buffer->n_references, 1, __ATOMIC_RELAXED) : 0;
}

/* --- for a stream */

bool stream_buffer_is_free(const IOStreamBuffer *buffer)
{
	return buffer && !buffer->stream && (buffer->data || buffer->control);
}

void stream_buffer_assign(IOStreamBuffer *buffer, const void *stream, IOStreamBufferID id)
{
	buffer->stream = stream;
	if (stream)
		store_relaxed(&buffer->id, id);
	else
		buffer->is_published = false;
	stream_buffer_reset(buffer);
}

void stream_buffer_move(IOStreamBuffer *buffer, IOMemoryDescriptor *data,
			IOMemoryDescriptor *control)
{
	release_areas(buffer);
	buffer->data = data;
	buffer->control = control;
	buffer->is_published = true;
}

void stream_buffer_reset(IOStreamBuffer *buffer)
{
	store_relaxed(&buffer->n_references, 0);
}
