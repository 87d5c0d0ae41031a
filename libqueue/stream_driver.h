/* SPDX-License-Identifier: MIT */
/*
 * stream_driver - a driver's stream: its object, its buffers, its end of the rings, its session
 *
 *	stream_driver		the object; buffers and queues while it is in memory
 *	stream_driver_buffers	added and removed
 *	stream_driver_queues	made, destroyed, mapped, looked at
 *	stream_driver_traffic	passed and taken, notifications
 *	stream_driver_publish	it moves into a mount
 *	stream_driver_files	its files there
 *	stream_driver_serve	what fsd asks
 *	stream_driver_loop	by whom it is served, and what if fsd ends
 *
 *	in memory --publish--> published (session open)
 *	                         |  ^ fsd is back
 *	                         v  |
 *	   ended <-- its end --- lost
 */
#pragma once

#include <jansson.h>
#include <pthread.h>

#include <IOKit/stream/IOStream.h>

#include "dispatch_queue.h"
#include "lines.h"
#include "object.h"
#include "stream_buffer.h"
#include "stream_end.h"

/* What both ends have mapped; of one session of a client's, or made before it. */
struct stream_queues {
	IOMemoryDescriptor *output, *input;	/* owned; NULL: there are none */
	IOMemoryDescriptor *tally;		/* owned; NULL: in memory */
	uint32_t entry_count;
	uint32_t session;			/* of the board, that they are of */
};

/* An open file that lines come from, and are written to. */
struct stream_lines {
	int fd;				/* -1: not open, or lost */
	struct lines lines;
};

struct IOStream {
	OSObject object;
	OSMetaClass meta;		/* named after the class */
	const struct IOStreamClass *stream_class;	/* borrowed */
	char *class_name;		/* owned */
	void *reference;		/* owned */
	json_t *properties;		/* owned, or NULL */
	bool is_initialised;

	/* Of these, up to `board`, any thread has a part: with the lock. */
	pthread_mutex_t lock;
	IOStreamMode mode;		/* until it is published */
	uint32_t queue_length;
	IOStreamBuffer **buffers;	/* owned, by ID */
	uint32_t n_buffers, room;
	struct stream_queues queues;
	struct stream_end end;
	bool has_end;			/* of queues, in a mount */
	uint32_t epoch;			/* that the buffers' references belong to */
	struct stream_lines control;	/* read by the thread that serves */
	int notify_fd;			/* our notifications; -1: lost */
	int ack_fd;			/* that a sync call is done; likewise */
	const struct stream_board *board;	/* mapped; NULL: not published */
	IOMemoryDescriptor *board_memory;	/* owned */

	char *directory, *mount;	/* owned; absolute. NULL: not published */
	int input_port, output_port;	/* set by the program; MACH_PORT_NULL: none */
	int output_fd;			/* an epoll instance: what the client has not collected */

	/* The thread's that serves. */
	struct stream_lines calls;	/* input notifications */
	int collected_fd;		/* output/notify, in output_fd; -1: lost */
	int epoll_fd, timer_fd;		/* readable when there is something to do */
	IODispatchQueue *queue;		/* owned, or NULL */
	struct dispatch_watch watch;
	task_t client;			/* owned; NULL: not open */
	bool is_started;		/* running or suspended */
	bool is_ended;			/* any thread */
	unsigned depth;			/* of functions of the class that run */
	unsigned n_calls;		/* served since there was last a look at requests */
};

/* One of @stream's class functions, or the base's. */
#define STREAM_CALL(stream, function) \
	((stream)->stream_class->methods && (stream)->stream_class->methods->function ? \
	 (stream)->stream_class->methods->function : IOStream_##function)

static inline void stream_lock(const IOStream *stream)
{
	pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&stream->lock);
}

static inline void stream_unlock(const IOStream *stream)
{
	pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&stream->lock);
}

/* What it may be switched to: bits 1 << IOStreamMode. */
UInt32 stream_driver_modes(const IOStream *stream);

/* What the state says to that. With the lock or without. */
IOReturn stream_driver_allows(const IOStream *stream, enum stream_operation operation);

/* --- stream_driver_files: with the lock or without */

/* "DIRECTORY/FILE", the caller's; NULL: no memory. */
char *stream_driver_path(const IOStream *stream, const char *file);
/* One of its files. Return: a descriptor or a negative errno. */
int stream_driver_open(const IOStream *stream, const char *file, int flags);
/* Text to one of them. Return: 0 or a negative errno. */
int stream_driver_write_file(const IOStream *stream, const char *file, const char *text);
/* A number in one of them. Return: 0 or a negative errno. */
int stream_driver_read_number(const IOStream *stream, const char *file, uint64_t *ret);
/* A file's memory of at least @size bytes, or of all (0). Return: 0 or a negative errno. */
int stream_driver_open_memory(const IOStream *stream, const char *file, int flags, uint64_t size,
		       IOMemoryDescriptor **ret);
/* A line to its session: an answer, or a statement. Return: 0 or a negative errno. */
int stream_driver_tell(IOStream *stream, const char *line);
/* The result for what one of the files said; errno is set. */
IOReturn stream_driver_file_result(const IOStream *stream, int r);

/* --- stream_driver_buffers: with the lock */

void stream_driver_drop_buffers(IOStream *stream, uint32_t from);
/* Its areas in the mount. Return: 0 or a negative errno. */
int stream_driver_open_areas(const IOStream *stream, uint32_t id, IOMemoryDescriptor **data,
		      IOMemoryDescriptor **control);
int stream_driver_remove_files(const IOStream *stream, uint32_t id);
/*
 * The files may be what somebody else made of them: so are the buffers. Their number is looked at,
 * and, where there is time for it, their sizes. Return: 0 or a negative errno.
 */
int stream_driver_refresh_buffers(IOStream *stream, bool looks_at_sizes);
void stream_driver_reset_references(IOStream *stream);

/* --- stream_driver_queues: with the lock */

void stream_driver_drop_queues(IOStream *stream);
/* Our end is that of the session of now. Return: 0 or a negative errno. */
int stream_driver_attach(IOStream *stream);

/* --- stream_driver_traffic: with the lock */

/* In mode input: all buffers go out to be filled. */
void stream_driver_post_buffers(IOStream *stream);

/* --- stream_driver_publish: what is in @from also in @to; NULL is no bytes */
void stream_driver_copy_area(IOMemoryDescriptor *from, IOMemoryDescriptor *to);

/* --- stream_driver_serve */

/*
 * Serve the next call or request that is there. Return: 1; 0: none; -ENODATA: the stream is gone;
 * or why its session is lost.
 */
int stream_driver_serve_one(IOStream *stream);
/* Is there one in our memory, of which no descriptor tells? */
bool stream_driver_has_line(const IOStream *stream);
/* It is stopped, and closed. */
void stream_driver_halt(IOStream *stream);

/* --- stream_driver_loop */

/* Be its driver. Return: 0 or a negative errno. */
int stream_driver_open_session(IOStream *stream);
/* And then be asked. Return: 0 or a negative errno; there is no session then. */
int stream_driver_connect(IOStream *stream);
void stream_driver_disconnect(IOStream *stream);
/* The files alone: what is watched for is shared with a fork's parent, which goes on. */
void stream_driver_close(IOStream *stream);
