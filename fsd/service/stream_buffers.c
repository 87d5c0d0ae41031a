/* SPDX-License-Identifier: MIT */
/*
 * A stream's buffers: made, resized, found again and removed; each is a directory with two areas.
 */
#include <errno.h>
#include <inttypes.h>

#include "libqueue/atomic.h"
#include "service/stream.h"

/* In the tree */

static int new_node(struct stream *stream, struct stream_buffer *buffer)
{
	struct attributes own = stream->buffers_dir->own;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "%u", buffer->id);
	r = node_new(stream->buffers_dir, name, 0, stream->registry->layout->stream_buffer, &own,
		     &buffer->node);
	if (r < 0)
		return r;
	buffer->node->object = buffer;
	buffer->node->files = stream->buffers_dir->files;
	return 0;
}

static void forget_areas(struct stream_buffer *buffer)
{
	buffer->data = stream_memory_remove(buffer->data);
	buffer->control = stream_memory_remove(buffer->control);
}

void stream_buffer_free(struct node *node)
{
	struct stream_buffer *buffer = node->object;

	if (!buffer)
		return;
	stream_memory_unref(buffer->data);
	stream_memory_unref(buffer->control);
	free(buffer);
}

/* Out of the tree. Who has its files open has them still. */
static void leave(struct stream_buffer *buffer)
{
	buffer->stream = NULL;
	forget_areas(buffer);
	node_remove(buffer->node);
}

/* Areas */

static int make_area(struct stream *stream, struct stream_buffer *buffer, const char *name,
		     uint64_t size, struct stream_memory **ret)
{
	struct attributes attributes = stream_row_attributes(stream, buffer->node,
							     node_row(buffer->node, name));
	char file[40];

	*ret = NULL;
	if (size == 0)
		return 0;
	snprintf(file, sizeof(file), "%s.%" PRIu64, name, buffer->serial);
	return stream_memory_new(stream->registry->store, stream->node->id, file, size, &attributes,
				 ret);
}

static int make_areas(struct stream *stream, struct stream_buffer *buffer, uint64_t data,
		      uint64_t control)
{
	int r;

	buffer->serial = ++stream->last_serial;
	buffer->data = buffer->control = NULL;	/* also where the first cannot be made */
	r = make_area(stream, buffer, "data", data, &buffer->data);
	return r < 0 ? r : make_area(stream, buffer, "control", control, &buffer->control);
}

static IOReturn check_sizes(const struct stream *stream, uint64_t data, uint64_t control)
{
	uint64_t max = stream->registry->limits.max_queue_size;

	if ((data == 0 && control == 0) || data > UINT32_MAX || control > UINT32_MAX)
		return kIOReturnBadArgument;
	return data > max || control > max ? kIOReturnNoSpace : kIOReturnSuccess;
}

static IOReturn check_room(const struct stream *stream)
{
	if (stream->n_buffers >= STREAM_MAX_BUFFERS)
		return kIOReturnNoSpace;
	/* It must be possible to pass all at once. */
	if (stream->client != CLIENT_NONE && stream->n_buffers + 1 > stream->rings.entry_count - 1)
		return kIOReturnNoSpace;
	return kIOReturnSuccess;
}

static int append(struct stream *stream, struct stream_buffer *buffer)
{
	struct stream_buffer **longer = reallocarray(stream->buffers, stream->n_buffers + 1,
						     sizeof(struct stream_buffer *));

	if (!longer)
		return -ENOMEM;
	stream->buffers = longer;
	stream->buffers[stream->n_buffers++] = buffer;
	return 0;
}

static int add(struct stream *stream, struct stream_buffer **ret)
{
	struct stream_buffer *buffer = calloc(1, sizeof(*buffer));
	int r;

	if (!buffer)
		return -ENOMEM;
	buffer->stream = stream;
	buffer->id = stream->n_buffers;
	r = new_node(stream, buffer);
	if (r < 0) {
		free(buffer);
		return r;
	}
	r = append(stream, buffer);
	if (r < 0)
		leave(buffer);
	*ret = buffer;
	return r;
}

static void changed(struct stream *stream)
{
	stream->n_count_changes++;
	stream_tell_board(stream);
	stream_follow(stream);
	stream_changed(stream);
}

IOReturn stream_add_buffer(struct stream *stream, uint64_t data, uint64_t control)
{
	IOReturn code = stream_allows(STREAM_ADD_BUFFER, stream->state, stream->mode);
	struct stream_buffer *buffer;
	int r;

	if (code == kIOReturnSuccess)
		code = check_sizes(stream, data, control);
	if (code == kIOReturnSuccess)
		code = check_room(stream);
	if (code != kIOReturnSuccess)
		return code;
	r = add(stream, &buffer);
	if (r < 0)
		return stream_code(r);
	r = make_areas(stream, buffer, data, control);
	if (r == 0)
		r = stream_save(stream);
	if (r < 0) {
		stream->n_buffers--;
		leave(buffer);
		return stream_code(r);
	}
	changed(stream);
	return kIOReturnSuccess;
}

int stream_adopt_buffer(struct stream *stream, uint64_t serial, uint64_t data, uint64_t control)
{
	struct stream_buffer *buffer;
	uint64_t sizes[] = { data, control };
	struct stream_memory **areas[2];
	int r = add(stream, &buffer);

	if (r < 0)
		return r;
	buffer->serial = serial;
	areas[0] = &buffer->data;
	areas[1] = &buffer->control;
	for (int i = 0; i < 2 && r == 0; i++) {
		char file[40];

		snprintf(file, sizeof(file), "%s.%" PRIu64, i == 0 ? "data" : "control", serial);
		if (sizes[i])
			r = stream_memory_adopt(stream->registry->store, stream->node->id, file, sizes[i],
						areas[i]);
	}
	return r;
}

/* Those behind it are one lower: their names, too, so they are other directories. */
static void close_gap(struct stream *stream, uint32_t id)
{
	stream->n_buffers--;
	for (uint32_t i = id; i < stream->n_buffers; i++) {
		struct stream_buffer *buffer = stream->buffers[i] = stream->buffers[i + 1];

		buffer->id = i;
		node_rename(buffer->node, i);
	}
}

IOReturn stream_remove_buffer(struct stream *stream, uint32_t id)
{
	IOReturn code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);
	struct stream_buffer *buffer;

	if (code == kIOReturnSuccess && stream->client != CLIENT_NONE)
		code = kIOReturnStillOpen;
	if (code == kIOReturnSuccess && id >= stream->n_buffers)
		code = kIOReturnNotFound;
	if (code != kIOReturnSuccess)
		return code;
	buffer = stream->buffers[id];
	leave(buffer);
	close_gap(stream, id);
	changed(stream);
	return stream_code(stream_save(stream));
}

IOReturn stream_resize_buffer(struct stream_buffer *buffer, uint64_t data, uint64_t control)
{
	struct stream *stream = buffer->stream;
	struct stream_buffer before = *buffer;
	IOReturn code;
	int r;

	if (!stream)
		return kIOReturnNotFound;
	code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);
	if (code == kIOReturnSuccess && stream->client != CLIENT_NONE)
		code = kIOReturnStillOpen;
	if (code == kIOReturnSuccess)
		code = check_sizes(stream, data, control);
	if (code != kIOReturnSuccess)
		return code;
	r = make_areas(stream, buffer, data, control);
	if (r == 0)
		r = stream_save(stream);
	if (r < 0) {
		forget_areas(buffer);
		*buffer = before;
		return stream_code(r);
	}
	forget_areas(&before);
	return kIOReturnSuccess;
}

void stream_drop_buffers(struct stream *stream)
{
	for (uint32_t i = 0; i < stream->n_buffers; i++)
		leave(stream->buffers[i]);
	free(stream->buffers);
	stream->buffers = NULL;
	stream->n_buffers = 0;
}

IOStreamBufferQueueEntry stream_whole_buffer(const struct stream *stream, uint32_t id)
{
	const struct stream_buffer *buffer = stream->buffers[id];

	return (IOStreamBufferQueueEntry){
		.bufferID = id, .dataLength = stream_area_size(buffer->data),
		.controlLength = stream_area_size(buffer->control),
	};
}

IOStreamControlHeader *stream_control_room(struct stream_buffer *buffer)
{
	return stream_area_size(buffer->control) >= sizeof(IOStreamControlHeader) &&
	       stream_memory_map(buffer->control) == 0 ? buffer->control->map : NULL;
}

IOStreamControlHeader *stream_control_header(struct stream_buffer *buffer)
{
	IOStreamControlHeader *header = stream_control_room(buffer);

	return header && load_relaxed(&header->version) == kIOStreamControlVersion ? header : NULL;
}
