/* SPDX-License-Identifier: MIT */
/*
 * `io`: the client's session, and the stream as bytes; `driver/io`: bytes from the other end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "files/stream_files.h"
#include "libqueue/atomic.h"
#include "util/failure.h"
#include "util/process.h"

struct io {
	struct stream_wish wish;	/* to open, then to start */
	bool is_opening, is_starting;	/* it has begun */
	bool has_opened;
	size_t n_written;		/* of the write that waits */
	uint32_t session;		/* that the driver's end has had part in; 0: none */
};

static bool reads(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Who opens it only to read what is only written, or the other way round. */
static int check_direction(const struct file *file, IOStreamMode not_read, IOStreamMode not_written)
{
	IOStreamMode mode = stream_of(file)->mode;

	if (!writes(file) && mode == not_read)
		return failure(-EACCES, "mode is %s: open it for writing", stream_mode_name(mode));
	if (!reads(file) && mode == not_written)
		return failure(-EACCES, "mode is %s: open it for reading", stream_mode_name(mode));
	return 0;
}

/* The client's end */

static int start_open(struct file *file, struct io *io, const struct caller *caller)
{
	struct stream *stream = stream_of(file);
	pid_t pid = process_of_thread(caller->pid);

	stream_wish_init(&io->wish, WISH_OPEN);
	io->wish.holder = (struct holder){ pid, process_start_time(pid) };
	io->wish.uid = caller->uid;
	io->wish.maps = (file->flags & O_ACCMODE) == O_RDWR;
	/* It had it before fsd was started anew. */
	if (stream_is_adopted_by(stream, &io->wish.holder))
		stream_close(stream);
	io->is_opening = stream_begin(stream, &io->wish) == 0;
	return 0;
}

static int io_open(struct file *file, const struct caller *caller)
{
	struct io *io = file->state;
	int r = 0;

	if (!io || !io->is_opening)	/* also when it waited for another mode */
		r = check_direction(file, kIOStreamModeInput, kIOStreamModeOutput);
	if (r < 0)
		return r;
	if (!io) {
		io = file->state = calloc(1, sizeof(*io));
		if (!io)
			return -ENOMEM;
		file->is_open = true;	/* from here on it is released */
	}
	if (!io->is_opening)
		r = start_open(file, io, caller);
	if (r == 0 && (!io->is_opening || io->wish.stream))
		return FILE_WAIT_ALWAYS;
	if (r == 0)
		r = stream_result(stream_of(file), io->wish.code);
	io->has_opened = r == 0;
	return r;
}

static void io_release(struct file *file)
{
	struct io *io = file->state;

	if (!io)
		return;
	stream_wish_abandon(&io->wish);
	if (io->has_opened)
		stream_close(stream_of(file));
	free(io);
}

/* The first read or write of a session starts it. Return: 0, FILE_WAIT_ALWAYS, or why not. */
static int start_stream(struct file *file, struct io *io)
{
	struct stream *stream = stream_of(file);

	if (!io->is_starting && !stream_must_start(stream))
		return 0;
	if (!io->is_starting) {
		stream_wish_init(&io->wish, WISH_START);
		io->is_starting = stream_begin(stream, &io->wish) == 0;
	}
	if (!io->is_starting || io->wish.stream)
		return FILE_WAIT_ALWAYS;
	io->is_starting = false;
	return stream_result(stream, io->wish.code);
}

static ssize_t io_read(struct file *file, void *buffer, size_t size, off_t at)
{
	struct io *io = file->state;
	struct stream *stream = stream_of(file);
	int r;

	(void)at;
	if (stream->removed || stream->state == STREAM_DEAD)
		return stream_result(stream, kIOReturnNoDevice);
	if (stream->mode == kIOStreamModeInput)
		return -EBADF;
	r = start_stream(file, io);
	return r < 0 ? r : stream_read_bytes(stream, STREAM_CLIENT, buffer, size);
}

/* The rest of a write that waits; a writer who does not wait is told how much was taken. */
static ssize_t write_rest(struct file *file, enum stream_side side, const char *data, size_t size)
{
	struct io *io = file->state;
	ssize_t n = stream_write_bytes(stream_of(file), side, data + io->n_written,
				       size - io->n_written);

	if (n > 0)
		io->n_written += (size_t)n;
	if (n >= 0 && io->n_written < size)
		n = FILE_WAIT;
	if (n == FILE_WAIT && !(file->flags & O_NONBLOCK && io->n_written))
		return FILE_WAIT;
	if (io->n_written) {
		n = (ssize_t)io->n_written;
		io->n_written = 0;
	}
	return n;
}

static ssize_t io_write(struct file *file, const void *data, size_t size, off_t at,
			const struct caller *caller)
{
	struct io *io = file->state;
	struct stream *stream = stream_of(file);
	int r;

	(void)at;
	(void)caller;
	if (stream->removed || stream->state == STREAM_DEAD)
		return stream_result(stream, kIOReturnNoDevice);
	if (stream->mode == kIOStreamModeOutput)
		return -EBADF;
	r = start_stream(file, io);
	return r < 0 ? r : write_rest(file, STREAM_CLIENT, data, size);
}

static size_t io_interrupted(struct file *file)
{
	struct io *io = file->state;
	size_t n = io->n_written;

	stream_wish_abandon(&io->wish);
	io->is_starting = false;
	io->n_written = 0;
	return n;
}

static short io_poll(struct file *file)
{
	return stream_poll_bytes(stream_of(file), STREAM_CLIENT);
}

const struct file_ops stream_io_ops = {
	.apart = true, .open = io_open, .read = io_read, .write = io_write,
	.interrupted = io_interrupted, .poll = io_poll, .release = io_release,
};

/* The driver's end */

static int driver_io_open(struct file *file, const struct caller *caller)
{
	int r = check_direction(file, kIOStreamModeOutput, kIOStreamModeInput);

	(void)caller;
	if (r == 0 && stream_of(file)->builtin)
		r = failure(-EBUSY, "fsd itself drives this stream");
	if (r == 0 && !(file->state = calloc(1, sizeof(struct io))))
		r = -ENOMEM;
	return r;
}

/* The session that it had part in is over. */
static bool is_over(const struct stream *stream, const struct io *io)
{
	return io->session && (stream->state == STREAM_CLOSED ||
			       load_relaxed(&stream->board->session) != io->session);
}

static void take_part(struct stream *stream, struct io *io, ssize_t n)
{
	if (n > 0)
		io->session = load_relaxed(&stream->board->session);
}

static ssize_t driver_io_read(struct file *file, void *buffer, size_t size, off_t at)
{
	struct stream *stream = stream_of(file);
	struct io *io = file->state;
	ssize_t n;

	(void)at;
	if (stream->removed)
		return -ENODEV;
	if (stream->mode == kIOStreamModeOutput)
		return -EBADF;
	if (is_over(stream, io)) {
		io->session = 0;
		return 0;
	}
	n = stream_read_bytes(stream, STREAM_DRIVER, buffer, size);
	take_part(stream, io, n);
	if (n == 0 && is_over(stream, io))
		io->session = 0;	/* that was its end, told once */
	return n;
}

static ssize_t driver_io_write(struct file *file, const void *data, size_t size, off_t at,
			       const struct caller *caller)
{
	struct stream *stream = stream_of(file);
	struct io *io = file->state;
	size_t before = io->n_written;
	ssize_t n;

	(void)at;
	(void)caller;
	if (stream->removed)
		return -ENODEV;
	if (stream->mode == kIOStreamModeInput)
		return -EBADF;
	if (is_over(stream, io)) {
		io->session = 0;
		io->n_written = 0;
		return -EPIPE;
	}
	n = write_rest(file, STREAM_DRIVER, data, size);
	take_part(stream, io, n > 0 || io->n_written > before);
	return n;
}

/* Who has written it all lets the client read all of it, and then the end. */
static void driver_io_release(struct file *file)
{
	struct stream *stream = stream_of(file);
	struct io *io = file->state;

	if (io->session && writes(file) && !stream->removed && !is_over(stream, io) &&
	    stream->mode != kIOStreamModeInput)
		stream_drain(stream);
	free(io);
}

static size_t driver_io_interrupted(struct file *file)
{
	struct io *io = file->state;
	size_t n = io->n_written;

	io->n_written = 0;
	return n;
}

static short driver_io_poll(struct file *file)
{
	const struct stream *stream = stream_of(file);
	const struct io *io = file->state;

	return is_over(stream, io) ? POLLIN | POLLHUP : stream_poll_bytes(stream_of(file), STREAM_DRIVER);
}

const struct file_ops stream_driver_io_ops = {
	.apart = true, .open = driver_io_open, .read = driver_io_read,
	.write = driver_io_write, .interrupted = driver_io_interrupted, .poll = driver_io_poll,
	.release = driver_io_release,
};
