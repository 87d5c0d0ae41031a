/* SPDX-License-Identifier: MIT */
/*
 * plain_stream - a stream as a plain directory, as it looks in a mount
 *
 * The test is fsd and the driver: it stores the state, and has the driver's end. output/notify is
 * a FIFO, so that it can be polled; what the library writes elsewhere is found in the files.
 */
#pragma once

#include <IOKit/stream/IOStreamLib.h>

#include "main.h"
#include "plain_rings.h"

#define N_BUFFERS	3u
#define DATA_SIZE	8192u
#define CONTROL_SIZE	64u
#define AREA		((struct stream_area){ DATA_SIZE, CONTROL_SIZE })

struct plain_stream {
	char path[128];
	struct plain_rings rings;		/* the test has the driver's end */
	int notify;				/* the FIFO, for writing */
};

/* A file of the stream, as printf() writes it; good for some calls. */
__attribute__((format(printf, 2, 3)))
static inline const char *in_stream(const struct plain_stream *stream, const char *format, ...)
{
	const char *path;
	va_list arguments;

	va_start(arguments, format);
	path = path_in(stream->path, format, arguments);
	va_end(arguments);
	return path;
}

/* What was written to a file; good until the next. It is empty then. */
static inline const char *taken_from(const struct plain_stream *stream, const char *file)
{
	const char *path = in_stream(stream, "%s", file), *text = text_in(path);

	put_text(path, "");
	return text;
}

static inline void make_area(const struct plain_stream *stream, unsigned id, const char *area,
			     size_t size)
{
	munmap(map_new(in_stream(stream, "buffers/%u/%s", id, area), size), size ? size : 1);
}

static inline void make_buffer(const struct plain_stream *stream, unsigned id)
{
	ck_assert_int_eq(mkdir(in_stream(stream, "buffers/%u", id), 0777), 0);
	make_area(stream, id, "data", DATA_SIZE);
	make_area(stream, id, "control", CONTROL_SIZE);
}

/* Others than before, for both ends. */
static inline void change_rings(struct plain_stream *stream, uint32_t n, uint32_t room)
{
	make_rings(&stream->rings, stream->path, n, room);
	begin_end(&stream->rings, STREAM_DRIVER, AREA);
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
		put_text(in_stream(stream, "%s", files[i]), "");
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
	make_board(&stream->rings, in_stream(stream, "board"), kIOStreamModeOutput, N_BUFFERS);
	stream->rings.board->generation = 7;
	stream->rings.board->session = 1;
	change_rings(stream, 4, 8);
	/* As if the client had it already: fsd would do that at its open. */
	set_state(&stream->rings, STREAM_STOPPED);
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
	drop_rings(&stream->rings);
	munmap(stream->rings.board, 4096);
	if (stream->notify >= 0)
		close(stream->notify);
	remove_all(stream->path);
}

/* fsd was started again: another generation and session, other rings, and it is stopped. */
static inline void restart(struct plain_stream *stream)
{
	struct stream_board *board = stream->rings.board;

	store_relaxed(&board->session, board->session + 1);
	change_rings(stream, board->entry_count - 1, stream->rings.tally->room);
	set_state(&stream->rings, STREAM_STOPPED);
	store_relaxed(&board->generation, board->generation + 1);
}

/* What the driver does */

static inline IOReturn send_frame(struct plain_stream *stream, uint32_t id, uint32_t length)
{
	IOStreamBufferQueueEntry entry = { .bufferID = id, .dataLength = length };

	return stream_end_give(&stream->rings.end, &entry);
}

/* Past all checks. */
static inline void put_raw(struct plain_stream *stream, const IOStreamBufferQueueEntry *entry)
{
	uint32_t head = stream->rings.output->headIndex;

	stream->rings.output->queue[head] = *entry;
	store_release(&stream->rings.output->headIndex,
		      (head + 1) % stream->rings.board->entry_count);
}

/* It counts and, if nothing was pending, fsd makes the descriptor readable. */
static inline void notify_client(struct plain_stream *stream)
{
	if (__atomic_fetch_add(&stream->rings.tally->pending, 1, __ATOMIC_SEQ_CST) == 0)
		ck_assert_int_eq(write(stream->notify, "1", 1), 1);
}

/* fsd finds that nothing is pending. */
static inline void settle_notify(struct plain_stream *stream)
{
	char bytes[16];

	if (load_relaxed(&stream->rings.tally->pending) == 0)
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
