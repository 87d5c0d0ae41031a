/* SPDX-License-Identifier: MIT */
/*
 * source - what the programs with a dispatch source have in common
 *
 * The handler runs on the source's queue. It says when the last entry came or went;
 * main() waits for that, cancels, waits for the completion, and releases.
 */
#pragma once

#include <semaphore.h>

#include <IOKit/IODataQueueDispatchSource.h>

#include "shape.h"

struct source {
	IODataQueueDispatchSource *source;
	struct stream stream;		/* the consumer's */
	sem_t done;
};

/*
 * One side of the queue at @path, with @handler for what @role is told of, on @queue
 * (NULL: the source's own).
 */
void source_open(struct source *source, const char *path, int role, IODispatchQueue *queue,
		 OSActionFunction handler);

/* A callback for the next entry; @refcon is the struct source. */
void source_take(void *refcon, const void *data, size_t size);

/* Say, in a handler, that it is done; once. Wait for that. */
void source_say_done(struct source *source);
void source_wait_done(struct source *source);

/*
 * Cancel and release. @queue, unless NULL, is the caller's to run: until the
 * completion was called.
 */
void source_close(struct source *source, IODispatchQueue *queue);
