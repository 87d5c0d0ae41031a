/* SPDX-License-Identifier: MIT */
/*
 * driven_stream - a mount as plain files with one stream in it, and what its driver is asked
 *
 * The test is fsd and the client: it asks over the terminals that driver/control and
 * driver/notify are, stores the state, and has the client's end.
 */
#pragma once

#include "plain_mount.h"

#include <IOKit/stream/IOStream.h>
#include <IOKit/IOUserClient.h>

#include "plain_rings.h"

#define N_BUFFERS	3u
#define DATA_SIZE	4096u
#define CONTROL_SIZE	64u
#define AREA		((struct stream_area){ DATA_SIZE, CONTROL_SIZE })

struct driven_stream {
	char path[32];
	struct terminal control, notify;
	int collected;				/* output/notify */
	struct plain_rings rings;		/* the test has the client's end */
};

/* A file of the stream, as printf() writes it; good for some calls. */
__attribute__((format(printf, 2, 3)))
static inline const char *in_stream(const struct driven_stream *stream, const char *format, ...)
{
	const char *path;
	char directory[64];
	va_list arguments;

	snprintf(directory, sizeof(directory), "%s/IOService/Cam/streams/video", stream->path);
	va_start(arguments, format);
	path = path_in(directory, format, arguments);
	va_end(arguments);
	return path;
}

static inline const char *in_service(const struct driven_stream *stream)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/IOService/Cam", stream->path);
	return path;
}

static inline void put_number(const char *path, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", number);
	unlink(path);
	make_text(path, text, 0600);
}

static inline void add_files(const struct driven_stream *stream, unsigned id)
{
	ck_assert_int_eq(mkdir(in_stream(stream, "buffers/%u", id), 0700), 0);
	munmap(map_new(in_stream(stream, "buffers/%u/data", id), DATA_SIZE), DATA_SIZE);
	munmap(map_new(in_stream(stream, "buffers/%u/control", id), CONTROL_SIZE), CONTROL_SIZE);
	put_number(in_stream(stream, "buffers/%u/size", id), DATA_SIZE);
	put_number(in_stream(stream, "buffers/%u/control_size", id), CONTROL_SIZE);
}

/* A client opens it: rings of @n entries. */
static inline void begin_session(struct driven_stream *stream, uint32_t n)
{
	struct stream_board *board = stream->rings.board;

	make_rings(&stream->rings, in_stream(stream, "."), n, n);
	store_relaxed(&board->session, board->session + 1);
	empty_rings(&stream->rings, STREAM_STOPPED);
	begin_end(&stream->rings, STREAM_CLIENT, AREA);
}

static inline void make_stream_files(struct driven_stream *stream)
{
	static const char *const folders[] = {
		"", "IOService", "IOService/Cam", "IOService/Cam/video", "IOService/Cam/streams",
	};
	static const char *const own[] = { "", "buffers", "output", "input", "driver" };
	static const char *const texts[] = { "driver/modes", "driver/queues", "driver/ack",
					     "queue_length", "../../video/props" };
	char path[128];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", stream->path, folders[i]);
		if (i > 0)
			ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		ck_assert_int_eq(mkdir(in_stream(stream, "%s", own[i]), 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		make_text(in_stream(stream, "%s", texts[i]), "", 0600);
	snprintf(path, sizeof(path), "%s/version", stream->path);
	make_text(path, "fsd 1\n", 0600);
}

static inline void new_driven_stream(struct driven_stream *stream, IOStreamMode mode)
{
	*stream = (struct driven_stream){ .path = "/tmp/driven-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(stream->path));
	make_stream_files(stream);
	make_terminal(&stream->control, in_stream(stream, "driver/control"));
	make_terminal(&stream->notify, in_stream(stream, "driver/notify"));
	stream->collected = make_fifo(in_stream(stream, "output/notify"));
	for (unsigned id = 0; id < N_BUFFERS; id++)
		add_files(stream, id);
	put_number(in_stream(stream, "buffers/count"), N_BUFFERS);
	make_board(&stream->rings, in_stream(stream, "board"), mode, N_BUFFERS);
}

static inline void remove_driven_stream(struct driven_stream *stream)
{
	drop_rings(&stream->rings);
	munmap(stream->rings.board, 4096);
	close_terminal(&stream->control);
	close_terminal(&stream->notify);
	close(stream->collected);
	remove_all(stream->path);
}
