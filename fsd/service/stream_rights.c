/* SPDX-License-Identifier: MIT */
/*
 * Who may open a stream's files: as chmod(2) and chown(2) say; and the memory is lent to the
 * client, for as long as it has the stream open to map it, where it is another user's and
 * the owner wants that: what was mapped once stays mapped.
 */
#include <errno.h>
#include <string.h>

#include "service/stream.h"
#include "util/failure.h"

struct attributes stream_row_attributes(const struct stream *stream, const struct node *node,
					const struct row *row)
{
	struct attributes attributes = node_attributes(node, row);

	if (!row || !row->memory || !(row->mode & 0222) || !stream->is_lent)
		return attributes;
	/* Its driver is in the group of who made it. */
	attributes.uid = stream->uid;
	attributes.mode |= 0660;
	return attributes;
}

static void tell_ring(const struct stream *stream, const struct node *node,
		      const struct stream_memory *memory)
{
	struct attributes attributes = stream_row_attributes(stream, node, node_row(node, "data"));

	if (memory)
		stream_memory_set_attributes(memory, &attributes);
}

void stream_tell_rights(const struct stream *stream)
{
	/* Those that the driver had made before there was a client. */
	tell_ring(stream, stream->output, stream->rings.output);
	tell_ring(stream, stream->input, stream->rings.input);
	for (uint32_t i = 0; i < stream->n_buffers; i++) {
		const struct stream_buffer *buffer = stream->buffers[i];
		const struct node *node = buffer->node;
		struct attributes data = stream_row_attributes(stream, node, node_row(node, "data"));
		struct attributes control = stream_row_attributes(stream, node, node_row(node, "control"));

		if (buffer->data)
			stream_memory_set_attributes(buffer->data, &data);
		if (buffer->control)
			stream_memory_set_attributes(buffer->control, &control);
	}
}

void stream_lend(struct stream *stream, uid_t uid, bool maps)
{
	stream->is_lent = stream->lends && maps && uid != 0 && uid != stream->node->own.uid;
	if (stream->is_lent)
		stream_tell_rights(stream);
}

void stream_lend_no_more(struct stream *stream)
{
	if (!stream->is_lent)
		return;
	stream->is_lent = false;
	stream_tell_rights(stream);
}

struct stream_memory *stream_row_memory(const struct stream *stream, const struct node *node,
					const struct row *row)
{
	if (node->def == stream->registry->layout->stream_buffer) {
		const struct stream_buffer *buffer = node->object;

		return strcmp(row->name, "data") == 0 ? buffer->data : buffer->control;
	}
	if (node == stream->output)
		return stream->rings.output;
	if (node == stream->input)
		return stream->rings.input;
	return strcmp(row->name, "board") == 0 ? stream->board_memory : stream->rings.tally;
}

static int set_memory_attributes(const struct stream *stream, const struct node *node,
				 const struct row *row, const struct attributes *attributes)
{
	const struct stream_memory *memory = row && row->memory ?
		stream_row_memory(stream, node, row) : NULL;

	return memory ? stream_memory_set_attributes(memory, attributes) : 0;
}

/*
 * Who may pass through the directory may pass through the folder behind it, and no more: what is in
 * it is looked for by name, and made by us.
 */
int stream_let_into_folder(const struct stream *stream)
{
	struct attributes folder = stream->node->own;

	folder.mode &= 0511;
	return store_set_attributes(stream->registry->store, stream->node->id, NULL, &folder);
}

int stream_set_attributes(struct stream *stream, struct node *node, const struct row *row,
			  const struct attributes *attributes)
{
	struct attributes before = node_attributes(node, row);
	int r;

	/* It seems to be the client's, who might keep it open to himself for later. */
	if (row && row->memory && stream->is_lent)
		return failure(-EBUSY, "another user has the stream open, and its memory is lent to him");
	r = set_memory_attributes(stream, node, row, attributes);
	if (r == 0)
		r = node_keep_attributes(node, row, attributes);
	if (r == 0 && !row && node == stream->node)
		r = stream_let_into_folder(stream);
	if (r == 0)
		r = stream_save(stream);
	if (r < 0) {
		set_memory_attributes(stream, node, row, &before);
		node_keep_attributes(node, row, &before);
	}
	return r;
}
