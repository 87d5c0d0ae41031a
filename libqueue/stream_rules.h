/* SPDX-License-Identifier: MIT */
/*
 * stream_rules - what may be done to a stream when: its life as one table
 *
 *	            open                  start                 suspend
 *	 CLOSED ------------> STOPPED ------------> RUNNING <-------------> SUSPENDED
 *	    ^  <------------    ^ ^ ^     stop        | |        start         | |
 *	    |     close         | | +-----------------+ | drain                | |
 *	    |  (from any)       | |  last entry gone    v                      | |
 *	    |                   | +---------------- DRAINING <-----drain-------+ |
 *	    |                   +------------------------------ stop ------------+
 *	    +--- close or death of the client, from any open state
 *	 any --- the driver is gone ---> DEAD, until there is a driver again and no client
 *
 * CLOSED	no client. No rings, unless the driver made some. All buffers are the driver's.
 * STOPPED	a client. Both rings are there and empty. All buffers are the driver's.
 * RUNNING	entries go both ways.
 * SUSPENDED	the driver neither passes nor takes; nothing is lost, and the client may
 *		take and pass back what there is.
 * DRAINING	nothing new: input, the driver still takes, and the client does not pass;
 *		output, the client still takes, and the driver does not pass. Ends in STOPPED.
 * DEAD		no rings. Nothing but close.
 *
 * fsd and the library both look here, so they cannot differ.
 */
#pragma once

#include <IOKit/IOReturn.h>

#include "stream_layout.h"

enum stream_operation {
	STREAM_OPEN, STREAM_CLOSE, STREAM_START, STREAM_SUSPEND, STREAM_STOP, STREAM_DRAIN,
	STREAM_SET_MODE,		/* to another mode */
	STREAM_ENQUEUE_OUTPUT, STREAM_DEQUEUE_INPUT,	/* the driver's */
	STREAM_DEQUEUE_OUTPUT, STREAM_ENQUEUE_INPUT,	/* the client's */
	STREAM_NOTIFY, STREAM_MAP, STREAM_ADD_BUFFER, STREAM_CHANGE,	/* remove buffers, make queues */
	N_STREAM_OPERATIONS
};

/* Return: kIOReturnSuccess where it may be tried, or the code that refuses it. */
IOReturn stream_allows(enum stream_operation operation, enum stream_state state, IOStreamMode mode);

/* "closed", ...; "input", ... NULL for no such number. */
const char *stream_state_name(uint32_t state);
const char *stream_mode_name(uint32_t mode);
/* The other way round, of @size bytes. Return: whether there is such a mode. */
bool stream_mode_from_name(const char *name, size_t size, IOStreamMode *ret);

/*
 * The errno that a stream's files give for @code: as IOReturnToErrno(), but as their
 * transcripts and a shell's user expect it for NotOpen, NotReady, NoDevice, Underrun and the like.
 */
int stream_errno(IOReturn code);

/* Is @entry within areas of @data and @control bytes? The ID is not looked at. */
bool stream_entry_fits(const IOStreamBufferQueueEntry *entry, uint64_t data, uint64_t control);
