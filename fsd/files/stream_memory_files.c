/* SPDX-License-Identifier: MIT */
/*
 * Memory of a stream: rings, board, tally, and the areas of its buffers. Where memory is linked
 * these are links to the files behind. Who looks up a ring gets that of the moment: the next
 * session has another, so each look-up has an inode of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "files/stream_files.h"
#include "util/failure.h"
#include "util/identity.h"

/* `state` */
struct kept {
	struct stream_memory *memory;	/* counted */
	bool as_driver;			/* who opened it for writing could enter driver/ */
};

static struct stream_memory *memory_of(const struct file *file)
{
	const struct kept *kept = file->state;

	return kept->memory;
}

static int keep_memory(struct file *file, struct stream_memory *memory, bool as_driver)
{
	struct kept *kept = file->state = malloc(sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	*kept = (struct kept){ .memory = stream_memory_ref(memory), .as_driver = as_driver };
	return 0;
}

static int ring_open(struct file *file, const struct caller *caller)
{
	struct stream *stream = stream_of(file);
	IOReturn code = stream->state == STREAM_DEAD ? kIOReturnNoDevice : kIOReturnNotOpen;
	struct stream_memory *memory;

	(void)caller;
	if (stream->removed)
		return -ENODEV;
	memory = stream_row_memory(stream, file->node, file->row);
	if (memory)
		return keep_memory(file, memory, false);
	/* A link is read by who lists the directory, too: that is no error of the stream's. */
	if (file->as_link)
		return failure_with_code(-stream_errno(code), (uint32_t)code);
	return stream_result(stream, code);
}

static void memory_release(struct file *file)
{
	stream_memory_unref(memory_of(file));
	free(file->state);
}

static struct backing *memory_backing(struct file *file)
{
	return &memory_of(file)->backing;
}

static int memory_backing_open(struct file *file)
{
	return stream_memory_open(memory_of(file), O_RDWR);
}

static uint64_t memory_size(struct file *file)
{
	return memory_of(file)->size;
}

static char *memory_link(struct file *file)
{
	return stream_memory_path(memory_of(file));
}

static ssize_t memory_read(struct file *file, void *buffer, size_t size, off_t at)
{
	struct stream_memory *memory = memory_of(file);
	int r = stream_memory_map(memory);

	return r < 0 ? r : file_copy(buffer, size, at, memory->map, memory->size);
}

const struct file_ops stream_ring_ops = {
	.apart = true, .open = ring_open, .read = memory_read, .release = memory_release,
	.backing = memory_backing, .backing_open = memory_backing_open, .size = memory_size,
	.link = memory_link,
};

static uint64_t size_of(const struct stream_memory *memory)
{
	return memory ? memory->size : 0;
}

uint64_t stream_ring_file_size(struct node *node)
{
	return size_of(stream_row_memory(node->object, node, node->def->rows));
}

uint64_t stream_board_size(struct node *node)
{
	const struct stream *stream = node->object;

	return size_of(stream->board_memory);
}

uint64_t stream_tally_file_size(struct node *node)
{
	const struct stream *stream = node->object;

	return size_of(stream->rings.tally);
}

/* Areas */

/*
 * As the kernel decides it for who looks up a name there, also by the groups that a request does
 * not name. Who cannot be looked at may if he may either way.
 */
static bool may_enter_driver(const struct stream *stream, const struct caller *caller)
{
	const struct attributes *own = &stream->driver_dir->own;
	struct identity who = { 0 };
	mode_t needed = 0011;

	if (caller->uid == 0)
		return true;
	if (caller->uid == own->uid)
		return own->mode & 0100;
	if (caller->gid == own->gid)
		return own->mode & 0010;
	if (identity_read(caller->pid, caller->uid, caller->gid, &who) == 0)
		needed = identity_has_group(&who, own->gid) ? 0010 : 0001;
	identity_deinit(&who);
	return (own->mode & needed) == needed;
}

static int area_open(struct file *file, const struct caller *caller)
{
	const struct stream_buffer *buffer = file->node->object;
	bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
	struct stream_memory *memory;

	if (!buffer->stream)
		return -ENODEV;
	memory = stream_row_memory(buffer->stream, file->node, file->row);
	return memory ? keep_memory(file, memory, writes && may_enter_driver(buffer->stream, caller)) :
	       failure_with_code(failure(-ENOENT, "this area has 0 bytes"), (uint32_t)kIOReturnNotFound);
}

/* Only who has the buffer may touch its memory. */
static int check_holder(const struct file *file)
{
	const struct stream_buffer *buffer = file->node->object;
	const struct kept *kept = file->state;
	struct stream *stream = buffer->stream;
	enum stream_holder holder;

	if (!stream)
		return -ENODEV;
	holder = stream_buffer_holder(stream, buffer->id);
	if (holder == STREAM_WITH_CLIENT ||
	    (holder == STREAM_WITH_DRIVER && kept->as_driver))
		return 0;
	return stream_result(stream, kIOReturnBusy);
}

static ssize_t area_write(struct file *file, const void *data, size_t size, off_t at,
			  const struct caller *caller)
{
	struct stream_memory *memory = memory_of(file);
	int r = check_holder(file);

	(void)caller;		/* it is who opened the file */
	if (r == 0)
		r = stream_memory_map(memory);
	if (r < 0)
		return r;
	if ((uint64_t)at >= memory->size)
		return -ENOSPC;
	if (size > memory->size - (uint64_t)at)
		size = memory->size - (uint64_t)at;
	memcpy((char *)memory->map + at, data, size);
	return (ssize_t)size;
}

const struct file_ops stream_area_ops = {
	.apart = true, .open = area_open, .read = memory_read, .write = area_write,
	.release = memory_release, .backing = memory_backing, .backing_open = memory_backing_open,
	.size = memory_size, .link = memory_link,
};

uint64_t stream_data_size(struct node *node)
{
	const struct stream_buffer *buffer = node->object;

	return size_of(buffer->data);
}

uint64_t stream_control_area_size(struct node *node)
{
	const struct stream_buffer *buffer = node->object;

	return size_of(buffer->control);
}

/* An area of 0 bytes is no file. */
bool stream_has_data(const struct node *node)
{
	const struct stream_buffer *buffer = node->object;

	return buffer->data;
}

bool stream_has_control(const struct node *node)
{
	const struct stream_buffer *buffer = node->object;

	return buffer->control;
}

/* A shell's > cuts nothing off; `size` has another size made. */
int stream_area_resize(struct node *node, uint64_t size)
{
	(void)node;
	return size == 0 ? 0 : failure(-EPERM, "write the bytes to `size` or `control_size`");
}
