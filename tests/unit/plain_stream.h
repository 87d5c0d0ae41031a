/* SPDX-License-Identifier: MIT */
/*
 * plain_stream - a stream as a plain directory, as it looks in a mount
 *
 * The test is fsd and the driver: it stores the state, and has the driver's end. output/notify is
 * a FIFO, so that it can be polled; what the library writes elsewhere is found in the files.
 */
#pragma once

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <IOKit/stream/IOStreamLib.h>

#include "main.h"
#include "leftovers.h"

#include "libqueue/atomic.h"
#include "libqueue/stream_end.h"

#define N_BUFFERS	3u
#define DATA_SIZE	8192u
#define CONTROL_SIZE	64u

struct plain_stream {
	char path[128];
	struct stream_board *board;		/* mapped, these */
	struct stream_tally *tally;
	IOStreamBufferQueue *output, *input;
	size_t tally_size, ring_size;
	uint32_t room;
	struct stream_end driver;
	int notify;				/* the FIFO, for writing */
};

/* A file of the stream, as printf() writes it; good for some calls. */
__attribute__((format(printf, 2, 3)))
static inline const char *in_stream(const struct plain_stream *stream, const char *format, ...)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];
	int n = snprintf(path, sizeof(paths[0]), "%s/", stream->path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, format, arguments);
	va_end(arguments);
	return path;
}

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* What was written to a file; good until the next. It is empty then. */
static inline const char *taken_from(const struct plain_stream *stream, const char *file)
{
	static char text[256];
	int fd = open(in_stream(stream, "%s", file), O_RDWR | O_CLOEXEC);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	close(fd);
	return text;
}

/* A new file of @size bytes, all 0, mapped. */
static inline void *make_memory(const char *path, size_t size)
{
	int fd;
	void *map;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	map = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}

static inline void make_area(const struct plain_stream *stream, unsigned id, const char *area,
			     size_t size)
{
	munmap(make_memory(in_stream(stream, "buffers/%u/%s", id, area), size), size ? size : 1);
}

static inline void make_buffer(const struct plain_stream *stream, unsigned id)
{
	ck_assert_int_eq(mkdir(in_stream(stream, "buffers/%u", id), 0777), 0);
	make_area(stream, id, "data", DATA_SIZE);
	make_area(stream, id, "control", CONTROL_SIZE);
}

/* As the driver knows them. */
static inline void know_buffers(struct plain_stream *stream, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		stream->driver.areas[i] = (struct stream_area){ DATA_SIZE, CONTROL_SIZE };
	stream->driver.n_buffers = n;
}

static inline void drop_rings(struct plain_stream *stream)
{
	stream_end_deinit(&stream->driver);
	if (!stream->tally)
		return;
	munmap(stream->tally, stream->tally_size);
	munmap(stream->output, stream->ring_size);
	munmap(stream->input, stream->ring_size);
	stream->tally = NULL;
}

/* Rings of @n entries, and a tally with room for @room buffers: other files than before. */
static inline void make_rings(struct plain_stream *stream, uint32_t n, uint32_t room)
{
	struct stream_ring output, input;

	drop_rings(stream);
	stream->room = room;
	stream->ring_size = stream_pages(stream_ring_size(n + 1));
	stream->tally_size = stream_pages(stream_tally_size(room));
	stream->output = make_memory(in_stream(stream, "output/data"), stream->ring_size);
	stream->input = make_memory(in_stream(stream, "input/data"), stream->ring_size);
	stream_ring_format(stream->output, n + 1);
	stream_ring_format(stream->input, n + 1);
	stream->tally = make_memory(in_stream(stream, "tally"), stream->tally_size);
	memcpy(stream->tally->magic, STREAM_TALLY_MAGIC, sizeof(stream->tally->magic));
	stream->tally->room = room;
	stream->board->entry_count = n + 1;
	output = (struct stream_ring){ .queue = stream->output, .entry_count = n + 1 };
	input = (struct stream_ring){ .queue = stream->input, .entry_count = n + 1 };
	ck_assert_int_eq(stream_end_init(&stream->driver, STREAM_DRIVER, stream->board, &output,
					 &input, stream->tally, room), 0);
	know_buffers(stream, stream->board->n_buffers);
}

static inline void set_state(struct plain_stream *stream, enum stream_state state)
{
	uint32_t moment = load_relaxed(&stream->board->moment);

	store_release(&stream->board->moment, (moment & ~STREAM_STATE_MASK) | state);
}

/* As fsd does it when it is stopped, and before it is started. */
static inline void empty_rings(struct plain_stream *stream, enum stream_state state)
{
	uint32_t epoch = (load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS) + 1;

	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | STREAM_STOPPED);
	full_fence();
	store_release(&stream->output->headIndex, 0);
	store_release(&stream->output->tailIndex, 0);
	store_release(&stream->input->headIndex, 0);
	store_release(&stream->input->tailIndex, 0);
	set_state(stream, state);
}

static inline void make_files(const struct plain_stream *stream)
{
	static const char *const files[] = {
		"io", "start", "stop", "suspend", "drain", "mode", "state", "input/notify",
		"input/notify_sync",
	};

	ck_assert_int_eq(mkdir(stream->path, 0777), 0);
	ck_assert_int_eq(mkdir(in_stream(stream, "buffers"), 0777), 0);
	ck_assert_int_eq(mkdir(in_stream(stream, "output"), 0777), 0);
	ck_assert_int_eq(mkdir(in_stream(stream, "input"), 0777), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put_file(in_stream(stream, "%s", files[i]), "");
}

static inline void make_notify(struct plain_stream *stream)
{
	unlink(in_stream(stream, "output/notify"));
	ck_assert_int_eq(mkfifo(in_stream(stream, "output/notify"), 0666), 0);
	/* Not for reading alone: that would not say when the other end is gone. */
	stream->notify = open(in_stream(stream, "output/notify"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(stream->notify, 0);
}

/* One at @path, of mode output, with three buffers; a client may open it. */
static inline void new_stream_at(struct plain_stream *stream, const char *path)
{
	*stream = (struct plain_stream){ .notify = -1 };
	snprintf(stream->path, sizeof(stream->path), "%s", path);
	make_files(stream);
	make_notify(stream);
	for (unsigned i = 0; i < N_BUFFERS; i++)
		make_buffer(stream, i);
	stream->board = make_memory(in_stream(stream, "board"), 4096);
	memcpy(stream->board->magic, STREAM_BOARD_MAGIC, sizeof(stream->board->magic));
	stream->board->generation = 7;
	stream->board->session = 1;
	stream->board->mode = kIOStreamModeOutput;
	stream->board->n_buffers = N_BUFFERS;
	make_rings(stream, 4, 8);
	/* As if the client had it already: fsd would do that at its open. */
	set_state(stream, STREAM_STOPPED);
}

static inline void new_stream(struct plain_stream *stream)
{
	char path[] = "/tmp/stream-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(rmdir(path), 0);
	new_stream_at(stream, path);
}

static inline void remove_stream(struct plain_stream *stream)
{
	drop_rings(stream);
	munmap(stream->board, 4096);
	if (stream->notify >= 0)
		close(stream->notify);
	remove_all(stream->path);
}

/* fsd was started again: another generation and session, other rings, and it is stopped. */
static inline void restart(struct plain_stream *stream)
{
	store_relaxed(&stream->board->session, stream->board->session + 1);
	make_rings(stream, stream->board->entry_count - 1, stream->room);
	set_state(stream, STREAM_STOPPED);
	store_relaxed(&stream->board->generation, stream->board->generation + 1);
}

/* What the driver does */

static inline IOReturn send_frame(struct plain_stream *stream, uint32_t id, uint32_t length)
{
	IOStreamBufferQueueEntry entry = { .bufferID = id, .dataLength = length };

	return stream_end_give(&stream->driver, &entry);
}

/* Past all checks. */
static inline void put_raw(struct plain_stream *stream, const IOStreamBufferQueueEntry *entry)
{
	uint32_t head = stream->output->headIndex;

	stream->output->queue[head] = *entry;
	store_release(&stream->output->headIndex, (head + 1) % stream->board->entry_count);
}

/* It counts and, if nothing was pending, fsd makes the descriptor readable. */
static inline void notify_client(struct plain_stream *stream)
{
	if (__atomic_fetch_add(&stream->tally->pending, 1, __ATOMIC_SEQ_CST) == 0)
		ck_assert_int_eq(write(stream->notify, "1", 1), 1);
}

/* fsd finds that nothing is pending. */
static inline void settle_notify(struct plain_stream *stream)
{
	char bytes[16];

	if (load_relaxed(&stream->tally->pending) == 0)
		while (read(stream->notify, bytes, sizeof(bytes)) > 0)
			;
}

/* What the program does */

static inline IOStreamRef open_stream(const struct plain_stream *stream)
{
	IOStreamRef ref = NULL;

	ck_assert_int_eq(IOStreamCreateWithPath(stream->path, &ref), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->Open(ref, 0), kIOReturnSuccess);
	return ref;
}

/* Mappings of files of the stream. */
static inline unsigned n_mappings(const struct plain_stream *stream)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	while (fgets(line, sizeof(line), maps))
		n += strstr(line, stream->path) != NULL;
	fclose(maps);
	return n;
}
