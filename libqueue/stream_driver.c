/* SPDX-License-Identifier: MIT */
/*
 * stream_driver - a driver's stream: the object, and what the base class does
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/stream/IOStreamUserClient.h>

#include "atomic.h"
#include "cleanup.h"
#include "stream_driver.h"

#define ALL_MODES	7u

static void stream_free(void *object)
{
	IOStream *stream = object;

	if (stream->queue)
		dispatch_watch_end(stream->queue, &stream->watch);
	if (stream->stream_class->methods && stream->stream_class->methods->free)
		stream->stream_class->methods->free(stream);
	stream_driver_drop_queues(stream);
	stream_driver_drop_buffers(stream, 0);
	stream_driver_close(stream);
	OSObject_release(stream->board_memory);
	OSObject_release(stream->client);
	OSObject_release(stream->queue);
	close_fd(stream->epoll_fd);
	close_fd(stream->output_fd);
	close_fd(stream->timer_fd);
	json_decref(stream->properties);
	pthread_mutex_destroy(&stream->lock);
	free(stream->buffers);
	free(stream->class_name);
	free(stream->directory);
	free(stream->mount);
	free(stream->reference);
}

static const OSMetaClass service_base = { .name = "IOService" };

static const OSMetaClass stream_base = {
	.name = kIOStreamClassName,
	.super = &service_base,
	.size = sizeof(IOStream),
	.free = stream_free,
};

/* What tells: requests and calls, or that it is time to look for fsd. */
static int open_loop(IOStream *stream)
{
	struct epoll_event event = { .events = EPOLLIN };

	/* None is 0, which is no port. */
	stream->epoll_fd = IODataQueueAllocateNotificationPort();
	stream->output_fd = IODataQueueAllocateNotificationPort();
	stream->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (stream->epoll_fd == MACH_PORT_NULL || stream->output_fd == MACH_PORT_NULL ||
	    stream->timer_fd < 0)
		return -EMFILE;
	if (epoll_ctl(stream->epoll_fd, EPOLL_CTL_ADD, stream->timer_fd, &event) < 0)
		return -errno;
	return 0;
}

static bool set_up(IOStream *stream)
{
	const struct IOStreamClass *class = stream->stream_class;
	const char *lineage = class->className ? class->className : stream_base.name;

	stream->class_name = strndup(lineage, strcspn(lineage, ":"));
	stream->reference = class->referenceSize ? calloc(1, class->referenceSize) : NULL;
	if (!stream->class_name || (class->referenceSize && !stream->reference))
		return false;
	stream->meta = stream_base;
	if (strcmp(stream->class_name, stream_base.name) != 0)
		stream->meta.super = &stream_base;
	stream->meta.name = stream->class_name;
	stream->object.meta = &stream->meta;
	return open_loop(stream) == 0;
}

IOStream *IOStream_alloc(const struct IOStreamClass *streamClass)
{
	static const struct IOStreamClass base = { .className = NULL };
	IOStream *stream = object_new(&stream_base);

	if (!stream)
		return NULL;
	stream->stream_class = streamClass ? streamClass : &base;
	stream->mode = kIOStreamModeOutput;
	stream->control.fd = stream->calls.fd = stream->collected_fd = -1;
	stream->notify_fd = stream->ack_fd = -1;
	stream->epoll_fd = stream->output_fd = stream->timer_fd = -1;
	pthread_mutex_init(&stream->lock, NULL);
	if (!set_up(stream))
		OSSafeReleaseNULL(stream);
	return stream;
}

bool IOStream_initWithBuffers(IOStream *stream, IOStreamBuffer *const *buffers, IOItemCount count,
			      IOStreamMode mode, IOItemCount queueLength, json_t *properties)
{
	if (!stream || stream->is_initialised || mode > kIOStreamModeInputOutput ||
	    queueLength > STREAM_MAX_LENGTH || (properties && !json_is_object(properties)))
		return false;
	if (count > 0 && IOStream_addBuffers(stream, buffers, count) != kIOReturnSuccess)
		return false;
	stream->mode = mode;
	stream->queue_length = queueLength;
	stream->properties = json_incref(properties);
	stream->is_initialised = true;
	return true;
}

bool IOStream_init(IOStream *stream, json_t *properties)
{
	return IOStream_initWithBuffers(stream, NULL, 0, kIOStreamModeOutput, 0, properties);
}

IOStream *IOStream_withBuffers(const struct IOStreamClass *streamClass,
			       IOStreamBuffer *const *buffers, IOItemCount count,
			       IOStreamMode mode, IOItemCount queueLength, json_t *properties)
{
	IOStream *stream = IOStream_alloc(streamClass);

	if (!IOStream_initWithBuffers(stream, buffers, count, mode, queueLength, properties))
		OSSafeReleaseNULL(stream);
	return stream;
}

void *IOStream_getReference(const IOStream *stream)
{
	return stream ? stream->reference : NULL;
}

const char *IOStream_getDirectory(const IOStream *stream)
{
	return stream ? stream->directory : NULL;
}

/* --- the mode */

IOStreamMode IOStream_getStreamMode(const IOStream *stream)
{
	if (!stream)
		return kIOStreamModeOutput;
	return stream->board ? load_relaxed(&stream->board->mode) : stream->mode;
}

UInt32 stream_driver_modes(const IOStream *stream)
{
	const struct IOStreamClass *class = stream->stream_class;

	if (class->modes)
		return (class->modes & ALL_MODES) | 1u << stream->mode;
	return class->methods && class->methods->setStreamMode ? ALL_MODES : 1u << stream->mode;
}

IOReturn IOStream_setStreamMode(IOStream *stream, IOStreamMode mode)
{
	if (!stream || mode > kIOStreamModeInputOutput)
		return kIOReturnBadArgument;
	return mode == IOStream_getStreamMode(stream) ? kIOReturnSuccess : kIOReturnUnsupported;
}

static IOReturn keep_mode(IOStream *stream, IOStreamMode mode)
{
	char line[32];

	if (!stream->board) {
		stream->mode = mode;
		return kIOReturnSuccess;
	}
	snprintf(line, sizeof(line), "mode %s\n", stream_mode_name(mode));
	stream_lock(stream);
	errno = -stream_driver_tell(stream, line);
	stream_unlock(stream);
	return stream_driver_file_result(stream, -errno);
}

IOReturn IOStream_changeStreamMode(IOStream *stream, IOStreamMode mode)
{
	IOReturn result;

	if (!stream)
		return kIOReturnBadArgument;
	result = stream_driver_allows(stream, STREAM_SET_MODE);
	if (result == kIOReturnNoDevice || mode > kIOStreamModeInputOutput)
		return result == kIOReturnNoDevice ? result : kIOReturnBadArgument;
	if (mode == IOStream_getStreamMode(stream))
		return kIOReturnSuccess;
	if (result == kIOReturnSuccess && !(stream_driver_modes(stream) & 1u << mode))
		result = kIOReturnUnsupported;
	if (result == kIOReturnSuccess)
		result = STREAM_CALL(stream, setStreamMode)(stream, mode);
	return result == kIOReturnSuccess ? keep_mode(stream, mode) : result;
}

/* --- what else the base class does */

IOReturn IOStream_startStream(IOStream *stream)
{
	(void)stream;
	return kIOReturnUnsupported;
}

IOReturn IOStream_stopStream(IOStream *stream)
{
	(void)stream;
	return kIOReturnUnsupported;
}

IOReturn IOStream_suspendStream(IOStream *stream)
{
	(void)stream;
	return kIOReturnUnsupported;
}

bool IOStream_handleOpen(IOStream *stream, task_t forClient, IOOptionBits options, void *argument)
{
	(void)stream, (void)forClient, (void)options, (void)argument;
	return true;
}

void IOStream_handleClose(IOStream *stream, task_t forClient, IOOptionBits options)
{
	(void)stream, (void)forClient, (void)options;
}

void IOStream_inputCallback(IOStream *stream, UInt32 token)
{
	(void)stream, (void)token;
}

void IOStream_inputSyncCallback(IOStream *stream, UInt32 token)
{
	(void)stream, (void)token;
}
