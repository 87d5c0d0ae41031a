/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_buffers - the buffers of a stream: added, removed, and their areas in a mount
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOBufferMemoryDescriptor.h>

#include "atomic.h"
#include "cleanup.h"
#include "stream_driver.h"

/* --- the list */

/* Room for @n more. Return: 0 or -ENOMEM. */
static int reserve(IOStream *stream, uint32_t n)
{
	IOStreamBuffer **longer;

	if (stream->n_buffers + n <= stream->room)
		return 0;
	longer = reallocarray(stream->buffers, stream->n_buffers + n, sizeof(IOStreamBuffer *));
	if (!longer)
		return -ENOMEM;
	stream->buffers = longer;
	stream->room = stream->n_buffers + n;
	return 0;
}

/* It is the last one from now on; there is room. */
static void append(IOStream *stream, IOStreamBuffer *buffer)
{
	OSObject_retain(buffer);
	stream_buffer_assign(buffer, stream, stream->n_buffers);
	stream->buffers[stream->n_buffers++] = buffer;
}

/* Those behind it move up. */
static void drop(IOStream *stream, uint32_t id)
{
	IOStreamBuffer *buffer = stream->buffers[id];

	stream->n_buffers--;
	for (uint32_t i = id; i < stream->n_buffers; i++) {
		stream->buffers[i] = stream->buffers[i + 1];
		store_relaxed(&stream->buffers[i]->id, i);
	}
	stream_buffer_assign(buffer, NULL, 0);
	OSObject_release(buffer);
}

void stream_driver_drop_buffers(IOStream *stream, uint32_t from)
{
	while (stream->n_buffers > from)
		drop(stream, stream->n_buffers - 1);
}

void stream_driver_reset_references(IOStream *stream)
{
	for (uint32_t i = 0; i < stream->n_buffers; i++)
		stream_buffer_reset(stream->buffers[i]);
}

/* --- in a mount */

static int open_area(const IOStream *stream, uint32_t id, const char *size_file, const char *file,
		     IOMemoryDescriptor **ret)
{
	char name[64];
	uint64_t size;
	int r;

	snprintf(name, sizeof(name), "buffers/%u/%s", id, size_file);
	r = stream_driver_read_number(stream, name, &size);
	if (r < 0 || size == 0)
		return r;
	snprintf(name, sizeof(name), "buffers/%u/%s", id, file);
	r = stream_driver_open_memory(stream, name, O_RDWR, size, ret);
	return r == 0 && !IOBufferMemoryDescriptor_getBytesNoCopy(*ret) ? -ENOMEM : r;
}

int stream_driver_open_areas(const IOStream *stream, uint32_t id, IOMemoryDescriptor **data,
			     IOMemoryDescriptor **control)
{
	int r = open_area(stream, id, "size", "data", data);

	if (r == 0)
		r = open_area(stream, id, "control_size", "control", control);
	if (r < 0) {
		OSSafeReleaseNULL(*data);
		OSSafeReleaseNULL(*control);
	}
	return r;
}

/* One that somebody else made. */
static int adopt(IOStream *stream)
{
	IOMemoryDescriptor *data = NULL, *control = NULL;
	IOStreamBuffer *buffer;
	int r = stream_driver_open_areas(stream, stream->n_buffers, &data, &control);

	if (r < 0)
		return r;
	buffer = IOStreamBuffer_alloc();
	if (buffer && reserve(stream, 1) == 0) {
		stream_buffer_move(buffer, data, control);
		append(stream, buffer);
		OSObject_release(buffer);
		return 0;
	}
	OSObject_release(buffer);
	OSObject_release(data);
	OSObject_release(control);
	return -ENOMEM;
}

/* Are its areas as long as the files? */
static int is_as_long(const IOStream *stream, uint32_t id, bool *ret)
{
	const IOStreamBuffer *buffer = stream->buffers[id];
	uint64_t data = 0, control = 0;
	char name[64];
	int r;

	snprintf(name, sizeof(name), "buffers/%u/size", id);
	r = stream_driver_read_number(stream, name, &data);
	snprintf(name, sizeof(name), "buffers/%u/control_size", id);
	if (r == 0)
		r = stream_driver_read_number(stream, name, &control);
	*ret = r == 0 && data == stream_buffer_size(buffer->data) &&
	       control == stream_buffer_size(buffer->control);
	return r;
}

static int open_again(IOStream *stream, uint32_t id)
{
	IOMemoryDescriptor *data = NULL, *control = NULL;
	int r = stream_driver_open_areas(stream, id, &data, &control);

	if (r == 0)
		stream_buffer_move(stream->buffers[id], data, control);
	return r;
}

int stream_driver_refresh_buffers(IOStream *stream, bool looks_at_sizes)
{
	uint32_t n = load_relaxed(&stream->board->n_buffers);
	bool has_moved = n < stream->n_buffers;		/* some are what others were */
	int r = 0;

	stream_driver_drop_buffers(stream, n);
	for (uint32_t id = 0; r == 0 && id < stream->n_buffers; id++) {
		bool is_good = !has_moved;

		if (is_good && looks_at_sizes)
			r = is_as_long(stream, id, &is_good);
		if (r == 0 && !is_good)
			r = open_again(stream, id);
	}
	while (r == 0 && stream->n_buffers < n)
		r = adopt(stream);
	return r;
}

/* fsd makes the files, and what is in the areas is copied. Return: 0 or a negative errno. */
static int make_files(IOStream *stream, IOStreamBuffer *buffer, uint32_t id)
{
	IOMemoryDescriptor *data = NULL, *control = NULL;
	char line[64];
	int r;

	snprintf(line, sizeof(line), "buffer %u %u\n", stream_buffer_size(buffer->data),
		 stream_buffer_size(buffer->control));
	r = stream_driver_tell(stream, line);
	if (r == 0)
		r = stream_driver_open_areas(stream, id, &data, &control);
	if (r < 0)
		return r;
	stream_driver_copy_area(buffer->data, data);
	stream_driver_copy_area(buffer->control, control);
	stream_buffer_move(buffer, data, control);
	return 0;
}

int stream_driver_remove_files(const IOStream *stream, uint32_t id)
{
	_cleanup_(freep) char *path = NULL;
	char name[32];

	snprintf(name, sizeof(name), "buffers/%u", id);
	path = stream_driver_path(stream, name);
	if (!path)
		return -ENOMEM;
	return rmdir(path) < 0 ? -errno : 0;
}

/* --- added */

/* Without the files' failure, nothing has changed. */
static int add_all(IOStream *stream, IOStreamBuffer *const *buffers, uint32_t n)
{
	uint32_t before = stream->n_buffers;
	int r = reserve(stream, n);

	for (uint32_t i = 0; i < n && r == 0; i++) {
		if (stream->board)
			r = make_files(stream, buffers[i], before + i);
		if (r == 0)
			append(stream, buffers[i]);
	}
	for (uint32_t id = stream->n_buffers; r < 0 && id > before; id--) {
		if (stream->board)
			stream_driver_remove_files(stream, id - 1);
		drop(stream, id - 1);
	}
	return r;
}

/* While it is open, buffers stay, so it must be known before that all have room. */
static bool has_room(const IOStream *stream, uint64_t n)
{
	uint32_t entry_count = stream->board ? load_relaxed(&stream->board->entry_count) : 0;
	bool is_closed = stream_driver_allows(stream, STREAM_CHANGE) == kIOReturnSuccess;

	n += stream->n_buffers;
	return n <= STREAM_MAX_BUFFERS && (is_closed || n < entry_count);
}

static bool are_free(IOStreamBuffer *const *buffers, IOItemCount count)
{
	for (IOItemCount i = 0; i < count; i++) {
		if (!stream_buffer_is_free(buffers[i]))
			return false;
		for (IOItemCount j = 0; j < i; j++)
			if (buffers[j] == buffers[i])
				return false;
	}
	return true;
}

IOReturn IOStream_addBuffers(IOStream *stream, IOStreamBuffer *const *buffers, IOItemCount count)
{
	IOReturn result;

	if (!stream || (!buffers && count > 0))
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_ADD_BUFFER);
	if (result != kIOReturnSuccess)
		return result;
	if (count > STREAM_MAX_BUFFERS)
		return kIOReturnNoSpace;
	if (!are_free(buffers, count))
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = kIOReturnNoSpace;
	if (has_room(stream, count))
		result = stream_driver_file_result(stream, add_all(stream, buffers, count));
	stream_unlock(stream);
	return result;
}

IOReturn IOStream_addBuffer(IOStream *stream, IOStreamBuffer *buffer)
{
	return IOStream_addBuffers(stream, &buffer, 1);
}

/* --- removed */

static IOReturn remove_one(IOStream *stream, IOStreamBufferID id)
{
	int r = 0;

	if (id >= stream->n_buffers)
		return kIOReturnNotFound;
	if (stream->board)
		r = stream_driver_remove_files(stream, id);
	if (r == 0)
		drop(stream, id);
	return stream_driver_file_result(stream, r);
}

IOReturn IOStream_removeBufferWithID(IOStream *stream, IOStreamBufferID id)
{
	IOReturn result;

	if (!stream)
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_CHANGE);
	if (result != kIOReturnSuccess)
		return result;
	stream_lock(stream);
	result = remove_one(stream, id);
	stream_unlock(stream);
	return result;
}

IOReturn IOStream_removeBuffer(IOStream *stream, IOStreamBuffer *buffer)
{
	bool is_ours = stream && buffer && buffer->stream == stream;

	return IOStream_removeBufferWithID(stream, is_ours ? IOStreamBuffer_getBufferID(buffer)
							   : kIOStreamBufferIDInvalid);
}

IOReturn IOStream_removeAllBuffers(IOStream *stream)
{
	IOReturn result;

	if (!stream)
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_CHANGE);
	stream_lock(stream);
	while (result == kIOReturnSuccess && stream->n_buffers > 0)
		result = remove_one(stream, stream->n_buffers - 1);
	stream_unlock(stream);
	return result;
}

/* --- looked at */

IOItemCount IOStream_getBufferCount(const IOStream *stream)
{
	return IOStream_getBuffers(stream, NULL, 0);
}

IOItemCount IOStream_getBuffers(const IOStream *stream, IOStreamBuffer **buffers,
				IOItemCount count)
{
	IOItemCount n;

	if (!stream)
		return 0;
	stream_lock(stream);
	n = stream->n_buffers;
	if (buffers && count > 0 && n > 0)
		memcpy(buffers, stream->buffers,
		       (n < count ? n : count) * sizeof(IOStreamBuffer *));
	stream_unlock(stream);
	return n;
}

IOStreamBuffer *IOStream_getBufferWithID(const IOStream *stream, IOStreamBufferID id)
{
	IOStreamBuffer *buffer = NULL;

	if (!stream)
		return NULL;
	stream_lock(stream);
	if (id < stream->n_buffers)
		buffer = stream->buffers[id];
	stream_unlock(stream);
	return buffer;
}
