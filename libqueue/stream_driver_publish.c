/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_publish - a stream moves from a process's memory into a mount
 *
 * Its directory is made, or taken over: whoever has `driver/control` open is the driver, so that is
 * opened first. The buffers are this process's until all of the files are as they should be, and
 * then change places; when anything fails, what was made is removed, and all is as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <IOKit/IOBufferMemoryDescriptor.h>

#include "cleanup.h"
#include "json_text.h"
#include "mount.h"
#include "stream_driver.h"

/* The areas in the mount, until they are the buffers'. */
struct move {
	IOMemoryDescriptor **areas;	/* of each buffer: data, control */
	uint32_t n;			/* buffers */
};

static void move_release(struct move *move)
{
	for (uint32_t i = 0; move->areas && i < 2 * move->n; i++)
		OSObject_release(move->areas[i]);
	free(move->areas);
}

void stream_driver_copy_area(IOMemoryDescriptor *from, IOMemoryDescriptor *to)
{
	const void *source = IOBufferMemoryDescriptor_getBytesNoCopy(from);
	void *target = IOBufferMemoryDescriptor_getBytesNoCopy(to);

	if (source && target && source != target)
		memcpy(target, source, IOMemoryDescriptor_getLength(to));
}

/* --- its files as they should be */

static int tell_modes(IOStream *stream)
{
	UInt32 modes = stream_driver_modes(stream);
	char text[64] = "";

	for (uint32_t mode = 0; mode <= kIOStreamModeInputOutput; mode++)
		if (modes & 1u << mode)
			sprintf(text + strlen(text), "%s%s", *text ? " " : "",
				stream_mode_name(mode));
	return stream_driver_write_file(stream, "driver/modes", text);
}

static int tell_values(IOStream *stream)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "mode %s\n", stream_mode_name(stream->mode));
	r = stream_driver_tell(stream, text);
	if (r == 0)
		r = tell_modes(stream);
	snprintf(text, sizeof(text), "%u\n", stream->queue_length);
	return r < 0 ? r : stream_driver_write_file(stream, "queue_length", text);
}

/* A size that it has already is not written: that would make the file anew. */
static int set_size(const IOStream *stream, uint32_t id, const char *file, uint32_t size)
{
	char name[64], text[32];
	uint64_t is;
	int r;

	snprintf(name, sizeof(name), "buffers/%u/%s", id, file);
	r = stream_driver_read_number(stream, name, &is);
	if (r < 0 || is == size)
		return r;
	snprintf(text, sizeof(text), "%u\n", size);
	return stream_driver_write_file(stream, name, text);
}

/* One that was there. At no time may both areas be missing. */
static int resize(const IOStream *stream, uint32_t id, uint32_t data, uint32_t control)
{
	int r;

	if (data == 0) {
		r = set_size(stream, id, "control_size", control);
		return r < 0 ? r : set_size(stream, id, "size", data);
	}
	r = set_size(stream, id, "size", data);
	return r < 0 ? r : set_size(stream, id, "control_size", control);
}

static int make_buffer(IOStream *stream, uint32_t id, uint32_t n_there)
{
	uint32_t data = stream_buffer_size(stream->buffers[id]->data);
	uint32_t control = stream_buffer_size(stream->buffers[id]->control);
	char line[64];

	if (id < n_there)
		return resize(stream, id, data, control);
	snprintf(line, sizeof(line), "buffer %u %u\n", data, control);
	return stream_driver_tell(stream, line);
}

static int make_buffers(IOStream *stream)
{
	uint64_t n_there;
	int r = stream_driver_read_number(stream, "buffers/count", &n_there);

	for (; r == 0 && n_there > stream->n_buffers; n_there--)
		r = stream_driver_remove_files(stream, (uint32_t)n_there - 1);
	for (uint32_t id = 0; r == 0 && id < stream->n_buffers; id++)
		r = make_buffer(stream, id, (uint32_t)n_there);
	return r;
}

/* Whoever watches the registry sees what the stream's entry has. */
static int tell_properties(const IOStream *stream)
{
	_cleanup_(freep) char *text = NULL, *path = NULL;
	const char *name = strrchr(stream->directory, '/') + 1;

	if (!stream->properties || json_object_size(stream->properties) == 0)
		return 0;
	text = json_text_print(stream->properties, true);
	/* DIRECTORY is SERVICE/streams/NAME, the entry is SERVICE/NAME. */
	path = text_print("%s/../../%s/props", stream->directory, name);
	return text && path ? file_write(AT_FDCWD, path, text, strlen(text)) : -ENOMEM;
}

/* --- its memory */

static int open_board(IOStream *stream)
{
	int r = stream_driver_open_memory(stream, "board", O_RDONLY, sizeof(struct stream_board),
					  &stream->board_memory);
	const struct stream_board *board;

	if (r < 0)
		return r;
	board = IOBufferMemoryDescriptor_getBytesNoCopy(stream->board_memory);
	if (!board)
		return -ENOMEM;
	if (memcmp(board->magic, STREAM_BOARD_MAGIC, sizeof(board->magic)) != 0)
		return -EPROTO;
	stream->board = board;
	return 0;
}

static int open_areas(IOStream *stream, struct move *move)
{
	int r = 0;

	move->n = stream->n_buffers;
	move->areas = calloc(2 * (size_t)move->n + 1, sizeof(*move->areas));
	if (!move->areas)
		return -ENOMEM;
	for (uint32_t id = 0; id < move->n && r == 0; id++) {
		IOMemoryDescriptor **areas = move->areas + 2 * (size_t)id;

		r = stream_driver_open_areas(stream, id, &areas[0], &areas[1]);
		if (r == 0) {
			stream_driver_copy_area(stream->buffers[id]->data, areas[0]);
			stream_driver_copy_area(stream->buffers[id]->control, areas[1]);
		}
	}
	return r;
}

static void change_places(IOStream *stream, struct move *move)
{
	for (uint32_t id = 0; id < move->n; id++)
		stream_buffer_move(stream->buffers[id], move->areas[2 * id],
				   move->areas[2 * id + 1]);
	move->n = 0;
	stream_driver_drop_queues(stream);
}

/* --- all of it */

/* The number of queues made beforehand goes on: they were made for a client to find them. */
static int make_queues(IOStream *stream)
{
	char text[32];

	if (!stream->queues.output)
		return 0;
	snprintf(text, sizeof(text), "create %u\n", stream->queues.entry_count - 1);
	return stream_driver_write_file(stream, "driver/queues", text);
}

static int take_over(IOStream *stream, struct move *move)
{
	int r = stream_driver_open_session(stream);

	if (r == 0)
		r = tell_values(stream);
	if (r == 0)
		r = make_buffers(stream);
	if (r == 0)
		r = make_queues(stream);
	if (r == 0)
		r = open_areas(stream, move);
	if (r == 0)
		r = tell_properties(stream);
	if (r == 0)
		r = open_board(stream);
	return r < 0 ? r : stream_driver_connect(stream);
}

/* It is in memory again. */
static void give_up(IOStream *stream, bool is_new)
{
	stream_driver_disconnect(stream);
	stream->board = NULL;
	OSSafeReleaseNULL(stream->board_memory);
	if (is_new)
		rmdir(stream->directory);
	free(stream->directory);
	free(stream->mount);
	stream->directory = stream->mount = NULL;
}

/* Where it is to be: the mount's own path, whatever the working directory is later. */
static int find_place(IOStream *stream, const char *service, const char *name)
{
	_cleanup_(freep) char *folder = text_print("%s/streams", service), *absolute = NULL;

	if (!folder)
		return -ENOMEM;
	absolute = realpath(folder, NULL);
	if (!absolute)
		return -errno;
	stream->directory = text_print("%s/%s", absolute, name);
	if (!stream->directory)
		return -ENOMEM;
	stream->mount = mount_of_directory(absolute);
	return stream->mount ? 0 : -EOPNOTSUPP;
}

static IOReturn publish(IOStream *stream, const char *service, const char *name)
{
	_cleanup_(move_release) struct move move = { 0 };
	bool is_new = false;
	IOReturn result;
	int r = find_place(stream, service, name);

	if (r == 0) {
		is_new = mkdir(stream->directory, 0777) == 0;
		r = is_new || errno == EEXIST ? 0 : -errno;
	}
	if (r == 0)
		r = take_over(stream, &move);
	if (r == 0) {
		change_places(stream, &move);
		return kIOReturnSuccess;
	}
	result = stream_driver_file_result(stream, r);
	give_up(stream, is_new);
	errno = -r;
	return result;
}

static bool is_name(const char *name)
{
	return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

IOReturn IOStream_publish(IOStream *stream, const char *serviceDirectory, const char *name)
{
	IOReturn result;

	if (!stream || !serviceDirectory || !is_name(name) || stream->directory)
		return kIOReturnBadArgument;
	stream_lock(stream);
	result = publish(stream, serviceDirectory, name);
	stream_unlock(stream);
	return result;
}
