/* SPDX-License-Identifier: MIT */
/*
 * Directories of streams and of their buffers, and the values in them.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "files/files.h"
#include "files/stream_files.h"
#include "libqueue/atomic.h"
#include "service/stream_nub.h"
#include "util/failure.h"
#include "util/number.h"

#define DEFAULT_SIZE		4096u	/* of the first buffer; the next are as the one before */
#define DEFAULT_CONTROL_SIZE	64u

/* Making and removing */

int streams_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	struct making making = {
		.own = { caller->uid, caller->gid, node_directory_mode(mode & 0777) },
		.files = { .uid = caller->uid, .gid = caller->gid },
		.asker = caller->uid,
	};

	return service_make_stream(node->object, name, &making, NULL);
}

int streams_dir_remove(struct node *node, struct node *child, const struct caller *caller)
{
	(void)node;
	(void)caller;
	return stream_remove(child->object);
}

/* Who may make queues in a service may make streams: it is one setting. */
int streams_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes)
{
	int r = row ? -EPERM : service_set_attributes(node->object, true, NULL, attributes);

	if (r == 0)
		node->own = *attributes;
	return r;
}

int stream_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes)
{
	struct stream *stream = node->object;
	struct attributes before = node_attributes(node, row);
	int r = node == stream->node ? stream_nub_keep_attributes(stream, row, attributes) : 0;

	if (r == 0)
		r = stream_set_attributes(stream, node, row, attributes);
	if (r < 0 && node == stream->node)
		stream_nub_keep_attributes(stream, row, &before);
	if (r == 0 && stream->nub)
		clones_follow(stream->nub->node);
	return r;
}

struct attributes stream_dir_attributes(const struct node *node, const struct row *row)
{
	return stream_row_attributes(node->object, node, row);
}

struct attributes stream_buffer_attributes(const struct node *node, const struct row *row)
{
	const struct stream_buffer *buffer = node->object;

	return buffer->stream ? stream_row_attributes(buffer->stream, node, row)
			      : node_attributes(node, row);
}

/* By its only name: "0", not "00". */
static int check_next_id(const struct stream *stream, const char *name)
{
	char next[16];

	snprintf(next, sizeof(next), "%u", stream->n_buffers);
	return strcmp(name, next) == 0 ? 0 : failure(-EINVAL, "the next buffer is %s", next);
}

int stream_buffers_make(struct node *node, const char *name, mode_t mode,
			const struct caller *caller)
{
	struct stream *stream = node->object;
	uint64_t data = DEFAULT_SIZE, control = DEFAULT_CONTROL_SIZE;
	int r = check_next_id(stream, name);

	(void)mode;
	(void)caller;
	if (r < 0)
		return r;
	if (stream->n_buffers > 0) {
		const struct stream_buffer *last = stream->buffers[stream->n_buffers - 1];

		data = stream_area_size(last->data);
		control = stream_area_size(last->control);
	}
	return stream_result(stream, stream_add_buffer(stream, data, control));
}

int stream_buffers_remove(struct node *node, struct node *child, const struct caller *caller)
{
	const struct stream_buffer *buffer = child->object;

	(void)caller;
	return stream_result(node->object, stream_remove_buffer(node->object, buffer->id));
}

int stream_buffer_set_attributes(struct node *node, const struct row *row,
				 const struct attributes *attributes)
{
	const struct stream_buffer *buffer = node->object;

	return buffer->stream ? stream_set_attributes(buffer->stream, node, row, attributes) : -ENODEV;
}

/* Values of the stream */

static int parse_number(const char *text, size_t size, uint64_t *ret)
{
	return number_parse(text, size, ret) < 0 ? failure(-EINVAL, "a number is wanted") : 0;
}

int stream_parse_mode(const char *text, size_t size, IOStreamMode *ret)
{
	return stream_mode_from_name(text, size, ret) ? 0 :
		failure(-EINVAL, "modes are input, output and inout");
}

int stream_modes_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;
	const char *space = "";

	for (uint32_t mode = 0; stream_mode_name(mode); mode++) {
		if (!(stream->modes & 1u << mode))
			continue;
		fprintf(out, "%s%s", space, stream_mode_name(mode));
		space = " ";
	}
	fputc('\n', out);
	return 0;
}

int stream_modes_store(struct node *node, const char *text, size_t size)
{
	const char *at = text, *end = text + size;
	unsigned modes = 0;

	while (at < end) {
		size_t n = 0;
		uint32_t mode;

		while (at + n < end && at[n] != ' ' && at[n] != '\n')
			n++;
		if (n > 0 && stream_parse_mode(at, n, &mode) < 0)
			return -EINVAL;
		if (n > 0)
			modes |= 1u << mode;
		at += n + 1;
	}
	if (modes == 0)
		return failure(-EINVAL, "modes are input, output and inout");
	return stream_result(node->object, stream_set_modes(node->object, modes));
}

int stream_state_show(struct node *node, FILE *out)
{
	struct stream *stream = node->object;

	stream_follow(stream);
	fprintf(out, "%s\n", stream_state_name(stream->state));
	return 0;
}

uint64_t stream_state_version(const struct node *node)
{
	const struct stream *stream = node->object;

	return stream->n_state_changes + stream->removed;
}

int stream_client_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	if (stream->client != CLIENT_OPEN && stream->client != CLIENT_ADOPTED)
		fputs("none\n", out);
	else if (stream->holder.pid > 0)
		fprintf(out, "%d\n", stream->holder.pid);
	else
		fputs("held\n", out);	/* of another pid namespace */
	return 0;
}

int stream_queue_length_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	fprintf(out, "%" PRIu32 "\n", stream->queue_length);
	return 0;
}

int stream_queue_length_store(struct node *node, const char *text, size_t size)
{
	uint64_t length;
	int r = parse_number(text, size, &length);

	return r < 0 ? r : stream_result(node->object, stream_set_queue_length(node->object, length));
}

int stream_linger_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	fprintf(out, "%" PRIu32 "\n", stream->linger);
	return 0;
}

int stream_linger_store(struct node *node, const char *text, size_t size)
{
	uint64_t milliseconds;
	int r = parse_number(text, size, &milliseconds);

	return r < 0 ? r : stream_result(node->object, stream_set_linger(node->object, milliseconds));
}

int stream_lend_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	fprintf(out, "%d\n", stream->lends);
	return 0;
}

int stream_lend_store(struct node *node, const char *text, size_t size)
{
	uint64_t lends;
	int r = parse_number(text, size, &lends);

	if (r == 0 && lends > 1)
		r = failure(-EINVAL, "1 lends the memory to clients of other users, 0 does not");
	return r < 0 ? r : stream_result(node->object, stream_set_lends(node->object, lends));
}

int stream_output_length_show(struct node *node, FILE *out)
{
	fprintf(out, "%u\n", stream_ring_entries(node->object, STREAM_DRIVER));
	return 0;
}

int stream_input_length_show(struct node *node, FILE *out)
{
	fprintf(out, "%u\n", stream_ring_entries(node->object, STREAM_CLIENT));
	return 0;
}

/* Buffers */

int stream_count_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	fprintf(out, "%" PRIu32 "\n", stream->n_buffers);
	return 0;
}

uint64_t stream_count_version(const struct node *node)
{
	const struct stream *stream = node->object;

	return stream->n_count_changes + stream->removed;
}

int stream_buffer_size_show(struct node *node, FILE *out)
{
	const struct stream_buffer *buffer = node->object;

	fprintf(out, "%u\n", stream_area_size(buffer->data));
	return 0;
}

int stream_buffer_control_size_show(struct node *node, FILE *out)
{
	const struct stream_buffer *buffer = node->object;

	fprintf(out, "%u\n", stream_area_size(buffer->control));
	return 0;
}

static int resize(struct stream_buffer *buffer, uint64_t data, uint64_t control)
{
	if (!buffer->stream)
		return -ENODEV;
	return stream_result(buffer->stream, stream_resize_buffer(buffer, data, control));
}

int stream_buffer_size_store(struct node *node, const char *text, size_t size)
{
	struct stream_buffer *buffer = node->object;
	uint64_t bytes;
	int r = parse_number(text, size, &bytes);

	return r < 0 ? r : resize(buffer, bytes, stream_area_size(buffer->control));
}

int stream_buffer_control_size_store(struct node *node, const char *text, size_t size)
{
	struct stream_buffer *buffer = node->object;
	uint64_t bytes;
	int r = parse_number(text, size, &bytes);

	return r < 0 ? r : resize(buffer, stream_area_size(buffer->data), bytes);
}

int stream_buffer_holder_show(struct node *node, FILE *out)
{
	static const char *const names[] = {
		[STREAM_WITH_DRIVER] = "driver", [STREAM_ON_OUTPUT] = "output",
		[STREAM_WITH_CLIENT] = "client", [STREAM_ON_INPUT] = "input",
	};
	const struct stream_buffer *buffer = node->object;

	if (!buffer->stream)
		return -ENODEV;
	fprintf(out, "%s\n", names[stream_buffer_holder(buffer->stream, buffer->id)]);
	return 0;
}

/* 1 from when it is passed to the client to when it is taken back. */
int stream_buffer_refs_show(struct node *node, FILE *out)
{
	const struct stream_buffer *buffer = node->object;

	if (!buffer->stream)
		return -ENODEV;
	fprintf(out, "%d\n", stream_buffer_holder(buffer->stream, buffer->id) != STREAM_WITH_DRIVER);
	return 0;
}

/* Of the control header, where the driver uses that form; else there is no such value. */
static const IOStreamControlHeader *header_of(const struct node *node)
{
	return stream_control_header(node->object);
}

static int show_header_value(const IOStreamControlHeader *header, const UInt64 *value, FILE *out)
{
	if (!header)
		return failure(-ENODATA, "the control area has no header of version %d",
			       kIOStreamControlVersion);
	fprintf(out, "%" PRIu64 "\n", *value);
	return 0;
}

int stream_buffer_sequence_show(struct node *node, FILE *out)
{
	const IOStreamControlHeader *header = header_of(node);

	return show_header_value(header, header ? &header->sequence : NULL, out);
}

int stream_buffer_timestamp_show(struct node *node, FILE *out)
{
	const IOStreamControlHeader *header = header_of(node);

	return show_header_value(header, header ? &header->timestamp : NULL, out);
}

int stream_buffer_flags_show(struct node *node, FILE *out)
{
	const IOStreamControlHeader *header = header_of(node);
	UInt64 flags = header ? header->flags : 0;

	return show_header_value(header, &flags, out);
}

/* The driver's */

int stream_queues_show(struct node *node, FILE *out)
{
	const struct stream *stream = node->object;

	if (stream->rings.entry_count)
		fprintf(out, "%" PRIu32 "\n", stream->rings.entry_count);
	else
		fputs("none\n", out);
	return 0;
}

/* "create", "create N", "destroy" */
int stream_queues_store(struct node *node, const char *text, size_t size)
{
	struct stream *stream = node->object;
	uint64_t length = 0;

	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size == 7 && memcmp(text, "destroy", 7) == 0)
		return stream_result(stream, stream_destroy_queues(stream));
	if (size < 6 || memcmp(text, "create", 6) != 0 || text[size - 1] == '\n' ||
	    (size > 6 && (text[6] != ' ' || number_parse(text + 7, size - 7, &length) < 0)))
		return failure(-EINVAL, "queues takes create, create N, or destroy");
	return stream_result(stream, stream_create_queues(stream, length));
}

int stream_discontinuity_show(struct node *node, FILE *out)
{
	fprintf(out, "%d\n", stream_is_discontinuous(node->object));
	return 0;
}

int stream_drop_store(struct node *node, const char *text, size_t size)
{
	uint64_t n;
	int r = parse_number(text, size, &n);

	return r < 0 ? r : stream_result(node->object, stream_drop(node->object, n));
}
