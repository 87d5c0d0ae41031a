/* SPDX-License-Identifier: MIT */
/*
 * stream_client - a client's stream: what an IOStreamRef points into
 *
 *	stream_client		the object, its references and its two interfaces
 *	stream_client_plugin	how a program gets one from a service
 *	stream_client_session	opened, closed, and opened again when fsd was
 *	stream_client_map	its files in memory
 *	stream_client_entries	what is passed and taken, and where the buffers are
 *	stream_client_ask	what fsd is asked, and what its refusals mean
 *	stream_client_callback	who is told that entries came
 *
 * Two locks, in this order: `opening`, of who opens and closes, which may wait for the
 * driver; and `lock`, of all that changes, which waits for nobody and is not held
 * while a callback runs.
 */
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <IOKit/stream/IOStreamLib.h>

#include "dispatch_queue.h"
#include "object.h"
#include "stream_client_map.h"
#include "stream_end.h"

struct stream_client_buffer {
	struct stream_client_map data, control;	/* without an address: no such area */
};

/* One open of the stream: descriptors, and memory. */
struct stream_client_session {
	int io;				/* it is the session; -1: none */
	int input_port, notify;		/* input/notify and output/notify */
	uint32_t generation;		/* of the mount */
	struct stream_client_map board, tally, output, input;
	struct stream_end end;
	struct stream_client_buffer *buffers;	/* owned: end.room of them */
};

#define STREAM_CLIENT_SESSION_NULL \
	((struct stream_client_session){ .io = -1, .input_port = -1, .notify = -1 })

struct stream_client {
	OSObject object;
	IOStreamInterface *interface;	/* static, these: what a program's references point to */
	IOCFPlugInInterface *plugin;
	char *directory;		/* owned: absolute, without links */
	char *mount;			/* owned; NULL: in none */
	int source;			/* owned: an epoll instance, of session.notify */
	pid_t source_pid;		/* whose it is; with `lock` */

	pthread_mutex_t opening;
	pthread_mutex_t lock;		/* of what follows */
	bool is_open;
	struct stream_client_session session;

	IOStreamOutputCallback callback;	/* NULL: none */
	void *context;
	bool is_calling;		/* it runs, in the thread `caller` */
	pthread_t caller;
	pthread_cond_t called;		/* it does not any more */
	IODispatchQueue *queue;		/* owned: runs the watch; NULL: none */
	struct dispatch_watch watch;	/* of the source */
};

static inline struct stream_client *stream_client_of(IOStreamRef stream)
{
	return (struct stream_client *)((char *)stream - offsetof(struct stream_client, interface));
}

static inline IOStreamRef stream_client_ref(struct stream_client *client)
{
	return &client->interface;
}

/* --- stream_client */

/*
 * A stream by its directory, an absolute path, and the mount that it is in, or NULL. Return:
 * kIOReturnSuccess and a reference, or as IOStreamCreateWithPath().
 */
IOReturn stream_client_new(const char *directory, const char *mount, struct stream_client **ret);

/* --- stream_client_session: without the locks; but these with `lock` */

/* What the board says. Return: 0, -EPROTO when it is none, or a negative errno. With `lock`. */
int stream_client_look(struct stream_client *client, struct stream_board *ret);
/*
 * Why a stream that is not open, or stale, cannot be used: kIOReturnNoDevice or kIOReturnNotOpen.
 * With `lock`.
 */
IOReturn stream_client_not_open(struct stream_client *client);
/* Is the session not that of the board any more? With `lock`. */
bool stream_client_is_stale(struct stream_client *client);
/* Buffers that were added are mapped. Return: 0 or a negative errno. With `lock`. */
int stream_client_meet(struct stream_client *client);

IOReturn stream_client_open(IOStreamRef stream, IOOptionBits options);
IOReturn stream_client_close(IOStreamRef stream);
/* It is open; if fsd was started again since, it is now. Return: as IOStreamLib.h has results. */
IOReturn stream_client_ready(struct stream_client *client);

/* --- stream_client_ask */

/*
 * The result for a negative errno of one of the stream's files; 0 and more: kIOReturnSuccess.
 * @busy: which of its codes EBUSY is, where fsd does not say.
 */
IOReturn stream_client_result(const struct stream_client *client, int r, IOReturn busy);
/* Text to one of its files. Return: 0 or a negative errno. */
int stream_client_write(const struct stream_client *client, const char *file, const char *text);

IOReturn stream_client_start(IOStreamRef stream);
IOReturn stream_client_stop(IOStreamRef stream);
IOReturn stream_client_suspend(IOStreamRef stream);
IOStreamMode stream_client_get_mode(IOStreamRef stream);
IOReturn stream_client_set_mode(IOStreamRef stream, IOStreamMode mode);
IOItemCount stream_client_get_buffer_count(IOStreamRef stream);
IOReturn stream_client_send(IOStreamRef stream, UInt32 token);
IOReturn stream_client_send_sync(IOStreamRef stream, UInt32 token);

/* --- stream_client_entries */

IOReturn stream_client_get_buffer_info(IOStreamRef stream, IOStreamBufferID id, void **data,
				       IOByteCount *data_size, void **control,
				       IOByteCount *control_size);
void *stream_client_get_data(IOStreamRef stream, IOStreamBufferID id);
IOByteCount stream_client_get_data_length(IOStreamRef stream, IOStreamBufferID id);
void *stream_client_get_control(IOStreamRef stream, IOStreamBufferID id);
IOByteCount stream_client_get_control_length(IOStreamRef stream, IOStreamBufferID id);
IOStreamBufferQueue *stream_client_get_output(IOStreamRef stream);
IOStreamBufferQueue *stream_client_get_input(IOStreamRef stream);
IOReturn stream_client_dequeue(IOStreamRef stream, IOStreamBufferQueueEntry *entry);
IOReturn stream_client_enqueue(IOStreamRef stream, IOStreamBufferQueueEntry *entry);
IOReturn stream_client_enqueue_buffer(IOStreamRef stream, IOStreamBufferID id,
				      IOByteCount data_offset, IOByteCount data_length,
				      IOByteCount control_offset, IOByteCount control_length);

/* --- stream_client_callback */

/*
 * The session's notifications are the source's, or not any more. With `lock`. Return: 0, or a
 * negative errno.
 */
int stream_client_listen(struct stream_client *client, int notify);
void stream_client_unlisten(struct stream_client *client, int notify);
/* For its end: nobody runs the callback. */
void stream_client_leave(struct stream_client *client);

mach_port_t stream_client_get_source(IOStreamRef stream);
mach_port_t stream_client_get_input_port(IOStreamRef stream);
IOReturn stream_client_set_callback(IOStreamRef stream, IOStreamOutputCallback callback,
				    void *context);
IOReturn stream_client_add(IOStreamRef stream, IODispatchQueue *queue);
IOReturn stream_client_remove(IOStreamRef stream, IODispatchQueue *queue);
