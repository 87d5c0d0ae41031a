/* SPDX-License-Identifier: MIT */
/*
 * stream_buffer - a buffer of a stream: two areas, an ID, and how often it went out
 */
#pragma once

#include <IOKit/stream/IOStreamBuffer.h>

#include "object.h"

struct IOStreamBuffer {
	OSObject object;
	IOMemoryDescriptor *data, *control;	/* owned; NULL: no such area */
	IOStreamBufferID id;
	SInt32 n_references;			/* any thread */
	const void *stream;			/* borrowed: it retains us; NULL: of none */
	bool is_published;			/* its areas are the mount's */
};

/* Bytes of an area; 0: none. */
static inline uint32_t stream_buffer_size(const IOMemoryDescriptor *area)
{
	return (uint32_t)IOMemoryDescriptor_getLength(area);
}

/* It is nobody's, and has an area. */
bool stream_buffer_is_free(const IOStreamBuffer *buffer);

/* It is @stream's from now on, with this ID; the caller has retained it. NULL: nobody's. */
void stream_buffer_assign(IOStreamBuffer *buffer, const void *stream, IOStreamBufferID id);

/* These areas, whose references are given up, in the place of those that it had. */
void stream_buffer_move(IOStreamBuffer *buffer, IOMemoryDescriptor *data,
			IOMemoryDescriptor *control);

/* The driver has it, however often it went out before. */
void stream_buffer_reset(IOStreamBuffer *buffer);
