/* SPDX-License-Identifier: MIT */
/*
 * Lines of a stream: entries to take and to pass, notifications to hear and to send.
 *
 * What is read is one line at a time, and what is left of it stays with the open file: a
 * reader of single bytes gets one line, and takes one entry. A write is whole lines; the
 * last may lack its newline.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "files/stream_files.h"
#include "util/failure.h"
#include "util/number.h"

#define MAX_LINE 128

/* Reading: `state` is what is left of a line */

struct rest {
	size_t n, at;
	char text[MAX_LINE];
};

static ssize_t take_rest(struct rest *rest, void *buffer, size_t size)
{
	if (size > rest->n - rest->at)
		size = rest->n - rest->at;
	memcpy(buffer, rest->text + rest->at, size);
	rest->at += size;
	return (ssize_t)size;
}

/* @next makes a line. Return: its length, 0 at the end, FILE_WAIT, or an errno. */
static ssize_t read_line(struct file *file, void *buffer, size_t size,
			 ssize_t (*next)(struct stream *stream, char line[static MAX_LINE]))
{
	struct rest *rest = file->state;
	ssize_t n;

	if (!rest && !(rest = file->state = calloc(1, sizeof(*rest))))
		return -ENOMEM;
	if (rest->at == rest->n) {
		n = next(stream_of(file), rest->text);
		if (n <= 0)
			return n;
		rest->n = (size_t)n;
		rest->at = 0;
	}
	return take_rest(rest, buffer, size);
}

static bool has_rest(const struct file *file)
{
	const struct rest *rest = file->state;

	return rest && rest->at < rest->n;
}

static void rest_release(struct file *file)
{
	free(file->state);
}

static bool was_stopped(const struct stream *stream)
{
	return stream->removed || stream_was_stopped(stream);
}

static ssize_t print_entry(struct stream *stream, IOReturn code,
			   const IOStreamBufferQueueEntry *entry, char line[static MAX_LINE])
{
	if (code == kIOReturnUnderrun || (code == kIOReturnNotReady && was_stopped(stream)))
		return was_stopped(stream) ? 0 : FILE_WAIT;
	if (code != kIOReturnSuccess)
		return stream_result(stream, code);
	stream_changed(stream);		/* there is room again */
	return snprintf(line, MAX_LINE, "%u %u %u %u %u\n", entry->bufferID, entry->dataOffset,
			entry->dataLength, entry->controlOffset, entry->controlLength);
}

static ssize_t next_output(struct stream *stream, char line[static MAX_LINE])
{
	IOStreamBufferQueueEntry entry;
	IOReturn code = stream_take(stream, STREAM_CLIENT, &entry);

	return print_entry(stream, code, &entry, line);
}

static ssize_t output_dequeue_read(struct file *file, void *buffer, size_t size, off_t at)
{
	(void)at;
	return read_line(file, buffer, size, next_output);
}

static short poll_ring(struct file *file, enum stream_side writer)
{
	const struct stream *stream = stream_of(file);

	if (stream->state == STREAM_DEAD || stream->removed)
		return POLLERR | POLLHUP;
	if (was_stopped(stream))
		return POLLIN | POLLHUP;
	return has_rest(file) || stream_ring_entries(stream, writer) > 0 ||
	       stream_ends_with_take(stream, stream_other(writer)) ? POLLIN : 0;
}

static short output_dequeue_poll(struct file *file)
{
	return poll_ring(file, STREAM_DRIVER);
}

const struct file_ops stream_output_dequeue_ops = {
	.read = output_dequeue_read, .poll = output_dequeue_poll, .release = rest_release,
};

static ssize_t next_input(struct stream *stream, char line[static MAX_LINE])
{
	IOStreamBufferQueueEntry entry;
	IOReturn code = stream_take(stream, STREAM_DRIVER, &entry);

	/* That was the last of what played on after the close. */
	if (stream->state == STREAM_CLOSED && code == kIOReturnUnderrun)
		return 0;
	return print_entry(stream, code, &entry, line);
}

static ssize_t driver_dequeue_read(struct file *file, void *buffer, size_t size, off_t at)
{
	(void)at;
	return read_line(file, buffer, size, next_input);
}

static short driver_dequeue_poll(struct file *file)
{
	return poll_ring(file, STREAM_CLIENT);
}

const struct file_ops stream_driver_dequeue_ops = {
	.read = driver_dequeue_read, .poll = driver_dequeue_poll, .release = rest_release,
};

/* Output notifications: how many there were. */
static ssize_t next_pending(struct stream *stream, char line[static MAX_LINE])
{
	IOReturn code = stream_allows(STREAM_NOTIFY, stream->state, stream->mode);
	uint32_t n;

	if (code != kIOReturnSuccess)
		return stream_result(stream, code);
	n = stream_pending(stream, true);
	return n ? snprintf(line, MAX_LINE, "%" PRIu32 "\n", n) : FILE_WAIT;
}

static ssize_t output_notify_read(struct file *file, void *buffer, size_t size, off_t at)
{
	(void)at;
	return read_line(file, buffer, size, next_pending);
}

static short output_notify_poll(struct file *file)
{
	const struct stream *stream = stream_of(file);

	if (stream->state == STREAM_DEAD || stream->removed)
		return POLLERR | POLLHUP;
	return has_rest(file) || stream_pending(stream, false) > 0 ? POLLIN : 0;
}

const struct file_ops stream_output_notify_ops = {
	.read = output_notify_read, .poll = output_notify_poll, .release = rest_release,
};

/* Input notifications, as the driver hears them. */
static ssize_t next_call(struct stream *stream, char line[static MAX_LINE])
{
	struct stream_call *call = stream_next_call(stream);
	ssize_t n;

	if (!call)
		return stream->removed ? 0 : FILE_WAIT;
	n = snprintf(line, MAX_LINE, "%s %" PRIu32 "\n", call->is_sync ? "sync" : "async", call->token);
	if (!call->is_sync)
		free(call);
	return n;
}

static ssize_t driver_notify_read(struct file *file, void *buffer, size_t size, off_t at)
{
	(void)at;
	return read_line(file, buffer, size, next_call);
}

static short driver_notify_poll(struct file *file)
{
	const struct stream *stream = stream_of(file);

	if (stream->removed)
		return POLLERR | POLLHUP;
	return (short)(POLLOUT | (has_rest(file) || !list_is_empty(&stream->calls) ? POLLIN : 0));
}

/* Writing */

/* The next line of what is left, without its end. */
static bool next_line(const char **at, const char *end, const char **ret, size_t *ret_size)
{
	const char *newline;

	if (*at >= end)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	*ret = *at;
	*ret_size = (size_t)((newline ? newline : end) - *at);
	*at = newline ? newline + 1 : end;
	return true;
}

/* Each line in turn; what was done before a bad one is told as done. */
static ssize_t write_lines(struct file *file, const void *data, size_t size,
			   int (*run)(struct stream *stream, const char *line, size_t size))
{
	const char *at = data, *end = at + size, *line;
	size_t done = 0, n;
	int r = 0;

	while (r == 0 && next_line(&at, end, &line, &n)) {
		r = run(stream_of(file), line, n);
		if (r == 0)
			done = (size_t)(at - (const char *)data);
	}
	return done > 0 ? (ssize_t)done : r;
}

/* "id dataOffset dataLength controlOffset controlLength", of which the last may be left out. */
static int parse_entry(const char *line, size_t size, IOStreamBufferQueueEntry *ret)
{
	UInt32 *fields[] = { &ret->bufferID, &ret->dataOffset, &ret->dataLength, &ret->controlOffset,
			     &ret->controlLength };
	size_t n = 0, at = 0;

	*ret = (IOStreamBufferQueueEntry){ 0 };
	for (;;) {
		size_t from;
		uint64_t value;

		while (at < size && line[at] == ' ')
			at++;
		from = at;
		while (at < size && line[at] != ' ')
			at++;
		if (from == at)
			break;
		if (n == ARRAY_SIZE(fields) || number_parse(line + from, at - from, &value) < 0 ||
		    value > UINT32_MAX)
			return -EINVAL;
		*fields[n++] = (UInt32)value;
	}
	return n > 0 ? 0 : -EINVAL;
}

static int pass(struct stream *stream, enum stream_side side, const char *line, size_t size)
{
	IOStreamBufferQueueEntry entry;
	int r;

	if (parse_entry(line, size, &entry) < 0)
		return failure(-EINVAL, "an entry is: id dataOffset dataLength controlOffset controlLength");
	r = stream_result(stream, stream_give(stream, side, &entry));
	if (r == 0)
		stream_changed(stream);
	return r;
}

static int pass_input(struct stream *stream, const char *line, size_t size)
{
	return pass(stream, STREAM_CLIENT, line, size);
}

static int pass_output(struct stream *stream, const char *line, size_t size)
{
	return pass(stream, STREAM_DRIVER, line, size);
}

static ssize_t input_enqueue_write(struct file *file, const void *data, size_t size, off_t at,
				   const struct caller *caller)
{
	(void)at;
	(void)caller;
	return write_lines(file, data, size, pass_input);
}

static ssize_t driver_enqueue_write(struct file *file, const void *data, size_t size, off_t at,
				    const struct caller *caller)
{
	(void)at;
	(void)caller;
	return write_lines(file, data, size, pass_output);
}

static short poll_room(const struct file *file, enum stream_side writer)
{
	const struct stream *stream = stream_of(file);

	if (stream->state == STREAM_DEAD || stream->removed)
		return POLLERR | POLLHUP;
	return stream->rings.tally &&
	       stream_ring_entries(stream, writer) + 1 < stream->rings.entry_count ? POLLOUT : 0;
}

static short input_enqueue_poll(struct file *file)
{
	return poll_room(file, STREAM_CLIENT);
}

static short driver_enqueue_poll(struct file *file)
{
	return poll_room(file, STREAM_DRIVER);
}

const struct file_ops stream_input_enqueue_ops = {
	.apart = true, .write = input_enqueue_write, .poll = input_enqueue_poll,
};

const struct file_ops stream_driver_enqueue_ops = {
	.apart = true, .write = driver_enqueue_write, .poll = driver_enqueue_poll,
};

static int parse_token(const char *line, size_t size, uint32_t *ret)
{
	uint64_t token;

	if (number_parse(line, size, &token) < 0 || token > UINT32_MAX)
		return failure(-EINVAL, "a token is a number of 32 bits");
	*ret = (uint32_t)token;
	return 0;
}

static int notify_input(struct stream *stream, const char *line, size_t size)
{
	struct stream_call call = { .stream = NULL };
	int r = parse_token(line, size, &call.token);

	list_init(&call.link);
	return r < 0 ? r : stream_result(stream, stream_notify_input(stream, &call));
}

static ssize_t input_notify_write(struct file *file, const void *data, size_t size, off_t at,
				  const struct caller *caller)
{
	(void)at;
	(void)caller;
	return write_lines(file, data, size, notify_input);
}

const struct file_ops stream_input_notify_ops = { .apart = true, .write = input_notify_write };

/* The write returns when the driver has said that it is done: `state` is the call. */
static size_t abandon_call(struct file *file)
{
	struct stream_call *call = file->state;

	if (call)
		stream_call_abandon(call);
	free(call);
	file->state = NULL;
	return 0;
}

static int begin_call(struct file *file, const char *text, size_t size)
{
	struct stream_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	list_init(&call->link);
	call->is_sync = true;
	file->state = call;
	r = parse_token(text, size, &call->token);
	if (r == 0)
		r = stream_result(stream_of(file), stream_notify_input(stream_of(file), call));
	if (r < 0)
		abandon_call(file);
	return r;
}

static ssize_t input_notify_sync_write(struct file *file, const void *data, size_t size, off_t at,
				       const struct caller *caller)
{
	int r = file->state ? 0 : begin_call(file, data, size);
	const struct stream_call *call = file->state;
	IOReturn code;

	(void)at;
	(void)caller;
	if (r < 0)
		return r;
	if (call->stream)
		return FILE_WAIT_ALWAYS;
	code = call->code;
	abandon_call(file);
	return code == kIOReturnSuccess ? (ssize_t)size : stream_result(stream_of(file), code);
}

static void call_release(struct file *file)
{
	abandon_call(file);
}

const struct file_ops stream_input_notify_sync_ops = {
	.apart = true, .write = input_notify_sync_write, .interrupted = abandon_call,
	.release = call_release,
};

static int parse_one(const char *line, size_t size)
{
	return size == 1 && *line == '1' ? 0 : failure(-EINVAL, "1 is what is written here");
}

static int notify_output(struct stream *stream, const char *line, size_t size)
{
	int r = parse_one(line, size);

	return r < 0 ? r : stream_result(stream, stream_notify_output(stream));
}

static ssize_t driver_notify_write(struct file *file, const void *data, size_t size, off_t at,
				   const struct caller *caller)
{
	(void)at;
	(void)caller;
	return write_lines(file, data, size, notify_output);
}

const struct file_ops stream_driver_notify_ops = {
	.apart = true, .read = driver_notify_read, .write = driver_notify_write,
	.poll = driver_notify_poll, .release = rest_release,
};

static int ack(struct stream *stream, const char *line, size_t size)
{
	int r = parse_one(line, size);

	return r < 0 ? r : stream_result(stream, stream_ack(stream));
}

static ssize_t ack_write(struct file *file, const void *data, size_t size, off_t at,
			 const struct caller *caller)
{
	(void)at;
	(void)caller;
	return write_lines(file, data, size, ack);
}

const struct file_ops stream_ack_ops = { .apart = true, .write = ack_write };
