/* SPDX-License-Identifier: MIT */
/*
 * driven_stream - a mount as plain files with one stream in it, and what its driver is asked
 *
 * The test is fsd and the client: it asks over the terminals that driver/control and
 * driver/notify are, stores the state, and has the client's end.
 */
#pragma once

#include "plain_mount.h"

#include <sys/mman.h>

#include <IOKit/stream/IOStream.h>
#include <IOKit/IOUserClient.h>

#include "libqueue/atomic.h"
#include "libqueue/stream_end.h"

#define N_BUFFERS	3u
#define DATA_SIZE	4096u
#define CONTROL_SIZE	64u

struct driven_stream {
	char path[32];
	struct terminal control, notify;
	int collected;				/* output/notify */
	struct stream_board *board;		/* mapped, these */
	struct stream_tally *tally;
	IOStreamBufferQueue *output, *input;
	size_t tally_size, ring_size;
	struct stream_end client;
};

/* A file of the stream, as printf() writes it; good for some calls. */
__attribute__((format(printf, 2, 3)))
static inline const char *in_stream(const struct driven_stream *stream, const char *format, ...)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];
	int n = snprintf(path, sizeof(paths[0]), "%s/IOService/Cam/streams/video/", stream->path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, format, arguments);
	va_end(arguments);
	return path;
}

static inline const char *in_service(const struct driven_stream *stream)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/IOService/Cam", stream->path);
	return path;
}

/* A new file of @size bytes, all 0, mapped. */
static inline void *new_memory(const char *path, size_t size)
{
	int fd;
	void *map;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}

static inline void put_number(const char *path, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", number);
	unlink(path);
	make_text(path, text, 0600);
}

/* What was written to a file since it was made. */
static inline const char *text_in(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_ge(n, 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static inline void add_files(const struct driven_stream *stream, unsigned id)
{
	ck_assert_int_eq(mkdir(in_stream(stream, "buffers/%u", id), 0700), 0);
	munmap(new_memory(in_stream(stream, "buffers/%u/data", id), DATA_SIZE), DATA_SIZE);
	munmap(new_memory(in_stream(stream, "buffers/%u/control", id), CONTROL_SIZE), CONTROL_SIZE);
	put_number(in_stream(stream, "buffers/%u/size", id), DATA_SIZE);
	put_number(in_stream(stream, "buffers/%u/control_size", id), CONTROL_SIZE);
}

static inline void know_buffers(struct driven_stream *stream)
{
	for (unsigned i = 0; i < stream->board->n_buffers; i++)
		stream->client.areas[i] = (struct stream_area){ DATA_SIZE, CONTROL_SIZE };
	stream->client.n_buffers = stream->board->n_buffers;
}

static inline void drop_rings(struct driven_stream *stream)
{
	stream_end_deinit(&stream->client);
	if (!stream->tally)
		return;
	munmap(stream->tally, stream->tally_size);
	munmap(stream->output, stream->ring_size);
	munmap(stream->input, stream->ring_size);
	stream->tally = NULL;
	stream->board->entry_count = 0;
}

static inline void set_state(struct driven_stream *stream, enum stream_state state)
{
	uint32_t moment = load_relaxed(&stream->board->moment);

	store_release(&stream->board->moment, (moment & ~STREAM_STATE_MASK) | state);
}

/* As fsd does it when it is stopped, and before it is started. */
static inline void empty_rings(struct driven_stream *stream, enum stream_state state)
{
	uint32_t epoch = (load_relaxed(&stream->board->moment) >> STREAM_STATE_BITS) + 1;

	store_release(&stream->board->moment, epoch << STREAM_STATE_BITS | STREAM_STOPPED);
	full_fence();
	stream_ring_format(stream->output, stream->board->entry_count);
	stream_ring_format(stream->input, stream->board->entry_count);
	set_state(stream, state);
}

/* A client opens it: rings of @n entries. */
static inline void begin_session(struct driven_stream *stream, uint32_t n)
{
	struct stream_ring output, input;

	drop_rings(stream);
	stream->ring_size = stream_pages(stream_ring_size(n + 1));
	stream->tally_size = stream_pages(stream_tally_size(n));
	stream->output = new_memory(in_stream(stream, "output/data"), stream->ring_size);
	stream->input = new_memory(in_stream(stream, "input/data"), stream->ring_size);
	stream->tally = new_memory(in_stream(stream, "tally"), stream->tally_size);
	stream->tally->room = n;
	stream->board->entry_count = n + 1;
	store_relaxed(&stream->board->session, stream->board->session + 1);
	empty_rings(stream, STREAM_STOPPED);
	output = (struct stream_ring){ .queue = stream->output, .entry_count = n + 1 };
	input = (struct stream_ring){ .queue = stream->input, .entry_count = n + 1 };
	ck_assert_int_eq(stream_end_init(&stream->client, STREAM_CLIENT, stream->board, &output,
					 &input, stream->tally, n), 0);
	know_buffers(stream);
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
	stream->board = new_memory(in_stream(stream, "board"), 4096);
	memcpy(stream->board->magic, STREAM_BOARD_MAGIC, sizeof(stream->board->magic));
	stream->board->mode = mode;
	stream->board->n_buffers = N_BUFFERS;
}

static inline void remove_driven_stream(struct driven_stream *stream)
{
	drop_rings(stream);
	munmap(stream->board, 4096);
	close_terminal(&stream->control);
	close_terminal(&stream->notify);
	close(stream->collected);
	remove_all(stream->path);
}
