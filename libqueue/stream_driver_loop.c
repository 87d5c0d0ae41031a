/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_loop - a stream is served: by whoever calls, or on a dispatch queue
 *
 * The stream's descriptor is an epoll instance with its session in it, and a timer. When fsd is
 * gone, buffers go on for as long as both ends know of each other without it, and the timer has
 * us look for it: the session is opened again by path. When a mount is there again without the
 * stream, it is terminated.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "atomic.h"
#include "cleanup.h"
#include "mount.h"
#include "stream_driver.h"

#define LOOK_MS		100	/* for fsd, while it is gone */
#define N_AT_ONCE	64	/* served, before others of the program's loop have their turn */

static void set_timer(IOStream *stream, long ms)
{
	struct timespec each = { .tv_nsec = ms * 1000000L };
	struct itimerspec timer = { .it_interval = each, .it_value = each };

	timerfd_settime(stream->timer_fd, 0, &timer, NULL);
}

/* --- its files; with the lock */

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* A file that is watched is taken out by the close, unless a child has it, too. */
static void unwatch(int epoll_fd, int fd)
{
	if (fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void stream_driver_close(IOStream *stream)
{
	stream->control.fd = close_fd(stream->control.fd);
	stream->calls.fd = close_fd(stream->calls.fd);
	stream->collected_fd = close_fd(stream->collected_fd);
	stream->notify_fd = close_fd(stream->notify_fd);
	stream->ack_fd = close_fd(stream->ack_fd);
	lines_free(&stream->control.lines);
	lines_free(&stream->calls.lines);
}

void stream_driver_disconnect(IOStream *stream)
{
	unwatch(stream->epoll_fd, stream->control.fd);
	unwatch(stream->epoll_fd, stream->calls.fd);
	unwatch(stream->output_fd, stream->collected_fd);
	stream_driver_close(stream);
}

int stream_driver_open_session(IOStream *stream)
{
	int fd = stream_driver_open(stream, "driver/control", O_RDWR | O_NONBLOCK);

	if (fd < 0)
		return fd;
	stream->control.fd = fd;
	return 0;
}

static int open_one(IOStream *stream, const char *file, int flags, int *fd)
{
	*fd = stream_driver_open(stream, file, flags);
	return *fd < 0 ? *fd : 0;
}

static int open_others(IOStream *stream)
{
	int r = open_one(stream, "driver/notify", O_RDONLY | O_NONBLOCK, &stream->calls.fd);

	if (r == 0)
		r = open_one(stream, "driver/notify", O_WRONLY, &stream->notify_fd);
	if (r == 0)
		r = open_one(stream, "driver/ack", O_WRONLY, &stream->ack_fd);
	if (r == 0)
		r = open_one(stream, "output/notify", O_RDONLY | O_NONBLOCK, &stream->collected_fd);
	if (r == 0)
		r = watch(stream->epoll_fd, stream->control.fd);
	if (r == 0)
		r = watch(stream->epoll_fd, stream->calls.fd);
	if (r == 0)
		r = watch(stream->output_fd, stream->collected_fd);
	return r;
}

int stream_driver_connect(IOStream *stream)
{
	int r = stream_driver_tell(stream, "keep\n");

	if (r == 0)
		r = open_others(stream);
	if (r < 0)
		stream_driver_disconnect(stream);
	else
		set_timer(stream, 0);
	return r;
}

/* --- its end, and fsd's */

static void end(IOStream *stream)
{
	store_relaxed(&stream->is_ended, true);
	stream_lock(stream);
	stream_driver_disconnect(stream);
	stream_unlock(stream);
	set_timer(stream, 0);
	stream_driver_halt(stream);
	stream->depth++;
	if (stream->stream_class->methods && stream->stream_class->methods->didTerminate)
		stream->stream_class->methods->didTerminate(stream);
	stream->depth--;
	if (stream->queue)
		dispatch_watch_end(stream->queue, &stream->watch);
}

static void lose(IOStream *stream)
{
	stream_lock(stream);
	stream_driver_disconnect(stream);
	stream_unlock(stream);
	set_timer(stream, LOOK_MS);
}

/* What was open is so no more; fsd says it again where the client is there still. */
static void look_for_fsd(IOStream *stream)
{
	uint64_t n;
	int r;

	if (read(stream->timer_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return;
	stream_lock(stream);
	r = stream_driver_open_session(stream);
	if (r == 0)
		r = stream_driver_connect(stream);
	stream_unlock(stream);
	if (r == 0)
		stream_driver_halt(stream);
	else if (r == -ENOENT && mount_is_there(stream->mount))
		end(stream);
}

/* --- serving */

static IOReturn serve_some(IOStream *stream)
{
	int r = 1;

	if (!stream->board)
		return kIOReturnNotReady;
	if (stream->depth > 0)
		return kIOReturnBusy;
	if (!stream->is_ended && stream->control.fd < 0)
		look_for_fsd(stream);
	for (int n = 0; r == 1 && !stream->is_ended && stream->control.fd >= 0; n++) {
		if (n >= N_AT_ONCE && !stream_driver_has_line(stream))
			break;
		r = stream_driver_serve_one(stream);
	}
	if (r == -ENODATA)
		end(stream);
	else if (r < 0)
		lose(stream);
	if (stream->is_ended)
		return kIOReturnNotAttached;
	return stream->control.fd < 0 ? kIOReturnNotReady : kIOReturnSuccess;
}

IOReturn IOStream_dispatch(IOStream *stream)
{
	IOReturn result;

	if (!stream)
		return kIOReturnNotReady;
	OSObject_retain(stream);	/* what is called may release it */
	result = serve_some(stream);
	OSObject_release(stream);
	return result;
}

int IOStream_getDescriptor(const IOStream *stream)
{
	return stream ? stream->epoll_fd : -1;
}

IOReturn IOStream_run(IOStream *stream)
{
	struct pollfd ready = { .fd = IOStream_getDescriptor(stream), .events = POLLIN };
	IOReturn result;

	if (!stream || !stream->board)
		return kIOReturnNotReady;
	if (stream->queue || stream->depth > 0)
		return kIOReturnBusy;
	OSObject_retain(stream);
	while ((result = serve_some(stream)) != kIOReturnNotAttached)
		poll(&ready, 1, -1);
	OSObject_release(stream);
	return result;
}

static void ready(void *object)
{
	IOStream *stream = object;

	if (IOStream_dispatch(stream) != kIOReturnNotAttached)
		dispatch_watch_enable(stream->queue, &stream->watch);
}

kern_return_t IOStream_SetDispatchQueue(IOStream *stream, const char *name, IODispatchQueue *queue)
{
	if (!stream || !queue || !name || strcmp(name, kIOStreamDefaultQueueName) != 0)
		return kIOReturnBadArgument;
	if (!stream->board)
		return kIOReturnNotReady;
	return dispatch_watch_serve(queue, &stream->queue, &stream->watch, stream->epoll_fd, stream,
				    ready);
}

/* --- ports */

static IOReturn set_port(int *port, int fd, mach_port_t to)
{
	int r;

	if (to < 0)
		return kIOReturnBadArgument;
	r = to == MACH_PORT_NULL || to == *port ? 0 : watch(to, fd);
	if (r < 0)
		return r == -ENOSPC || r == -ENOMEM ? kIOReturnNoResources : kIOReturnBadArgument;
	if (*port != MACH_PORT_NULL && *port != to)
		epoll_ctl(*port, EPOLL_CTL_DEL, fd, NULL);
	*port = to;
	return kIOReturnSuccess;
}

IOReturn IOStream_setInputPort(IOStream *stream, mach_port_t port)
{
	return stream ? set_port(&stream->input_port, stream->epoll_fd, port)
		      : kIOReturnBadArgument;
}

IOReturn IOStream_setOutputPort(IOStream *stream, mach_port_t port)
{
	return stream ? set_port(&stream->output_port, stream->output_fd, port)
		      : kIOReturnBadArgument;
}

mach_port_t IOStream_getInputPort(const IOStream *stream)
{
	if (!stream)
		return MACH_PORT_NULL;
	return stream->input_port != MACH_PORT_NULL ? stream->input_port : stream->epoll_fd;
}

mach_port_t IOStream_getOutputPort(const IOStream *stream)
{
	if (!stream)
		return MACH_PORT_NULL;
	return stream->output_port != MACH_PORT_NULL ? stream->output_port : stream->output_fd;
}
