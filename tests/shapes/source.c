/* SPDX-License-Identifier: MIT */
/*
 * source - a dispatch source, from Open to the last release
 */
#include <err.h>
#include <errno.h>

#include "source.h"

void source_open(struct source *source, const char *path, int role, IODispatchQueue *queue,
		 OSActionFunction handler)
{
	OSAction *action;

	sem_init(&source->done, 0, 0);
	shape_check(IODataQueueDispatchSource_Open(path, role, queue, &source->source), path);
	shape_check(OSAction_Create(source, handler, 0, NULL, &action), "an action");
	if (role == kIODataQueueConsumer)
		shape_check(IODataQueueDispatchSource_SetDataAvailableHandler(source->source,
									      action),
			    "set the handler");
	else
		shape_check(IODataQueueDispatchSource_SetDataServicedHandler(source->source,
									     action),
			    "set the handler");
	OSObject_release(action);
}

void source_take(void *refcon, const void *data, size_t size)
{
	struct source *source = refcon;

	stream_take(&source->stream, data, (uint32_t)size);
	if (source->stream.ended)
		source_say_done(source);
}

void source_say_done(struct source *source)
{
	sem_post(&source->done);
}

void source_wait_done(struct source *source)
{
	while (sem_wait(&source->done) < 0)
		if (errno != EINTR)
			err(1, "sem_wait");
}

static void cancelled(void *refcon)
{
	source_say_done(refcon);
}

void source_close(struct source *source, IODispatchQueue *queue)
{
	shape_check(IODataQueueDispatchSource_Cancel(source->source, cancelled, source), "cancel");
	if (queue)
		IODispatchQueue_Dispatch(queue);
	source_wait_done(source);
	OSSafeReleaseNULL(source->source);
	sem_destroy(&source->done);
}
