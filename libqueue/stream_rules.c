/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "stream_rules.h"

#define OK	kIOReturnSuccess
#define NOOPEN	kIOReturnNotOpen
#define NODEV	kIOReturnNoDevice
#define EXCL	kIOReturnExclusiveAccess
#define BUSY	kIOReturnBusy
#define NOTRDY	kIOReturnNotReady
#define STILL	kIOReturnStillOpen

/* In the order of enum stream_state. What depends on the mode while draining is below. */
static const IOReturn rules[N_STREAM_OPERATIONS][N_STREAM_STATES] = {
	/*			    closed  stopped running suspended draining dead */
	[STREAM_OPEN]		= { OK,     EXCL,   EXCL,   EXCL,   EXCL,   NODEV },
	[STREAM_CLOSE]		= { NOOPEN, OK,     OK,     OK,     OK,     OK },
	[STREAM_START]		= { NOOPEN, OK,     OK,     OK,     BUSY,   NODEV },
	[STREAM_SUSPEND]	= { NOOPEN, NOTRDY, OK,     OK,     BUSY,   NODEV },
	[STREAM_STOP]		= { NOOPEN, OK,     OK,     OK,     OK,     NODEV },
	[STREAM_DRAIN]		= { NOOPEN, OK,     OK,     OK,     OK,     NODEV },
	[STREAM_SET_MODE]	= { OK,     OK,     BUSY,   BUSY,   BUSY,   NODEV },
	[STREAM_ENQUEUE_OUTPUT]	= { NOOPEN, NOTRDY, OK,     NOTRDY, NOTRDY, NODEV },
	[STREAM_DEQUEUE_INPUT]	= { NOOPEN, NOTRDY, OK,     NOTRDY, OK,     NODEV },
	[STREAM_DEQUEUE_OUTPUT]	= { NOOPEN, NOTRDY, OK,     OK,     OK,     NODEV },
	[STREAM_ENQUEUE_INPUT]	= { NOOPEN, NOTRDY, OK,     OK,     NOTRDY, NODEV },
	[STREAM_NOTIFY]		= { NOOPEN, OK,     OK,     OK,     OK,     NODEV },
	[STREAM_MAP]		= { NOOPEN, OK,     OK,     OK,     OK,     NODEV },
	[STREAM_ADD_BUFFER]	= { OK,     OK,     OK,     OK,     OK,     NODEV },
	[STREAM_CHANGE]		= { OK,     STILL,  STILL,  STILL,  STILL,  NODEV },
};

IOReturn stream_allows(enum stream_operation operation, enum stream_state state, IOStreamMode mode)
{
	/* What goes against the payload is not new: it goes on to the last. */
	if (state == STREAM_DRAINING && operation == STREAM_ENQUEUE_OUTPUT && mode == kIOStreamModeInput)
		return OK;
	if (state == STREAM_DRAINING && operation == STREAM_ENQUEUE_INPUT && mode == kIOStreamModeOutput)
		return OK;
	return state < N_STREAM_STATES ? rules[operation][state] : kIOReturnInternalError;
}

const char *stream_state_name(uint32_t state)
{
	static const char *const names[N_STREAM_STATES] = {
		"closed", "stopped", "running", "suspended", "draining", "dead",
	};

	return state < N_STREAM_STATES ? names[state] : NULL;
}

const char *stream_mode_name(uint32_t mode)
{
	static const char *const names[] = { "input", "output", "inout" };

	return mode <= kIOStreamModeInputOutput ? names[mode] : NULL;
}

bool stream_mode_from_name(const char *name, size_t size, IOStreamMode *ret)
{
	for (IOStreamMode mode = 0; stream_mode_name(mode); mode++) {
		const char *known = stream_mode_name(mode);

		if (strlen(known) == size && memcmp(known, name, size) == 0) {
			*ret = mode;
			return true;
		}
	}
	return false;
}

int stream_errno(IOReturn code)
{
	switch (code) {
	case kIOReturnNotOpen:		return ENXIO;
	case kIOReturnNotReady:		return EBADFD;
	case kIOReturnNoDevice:		return ENODEV;
	case kIOReturnUnderrun:
	case kIOReturnOverrun:		return EAGAIN;
	case kIOReturnNoResources:	return ENOBUFS;
	case kIOReturnInternalError:	return EPROTO;
	case kIOReturnNotAttached:	return ENOTCONN;
	default:			return IOReturnToErrno(code);
	}
}

/* Subtract, never add: an offset and a length may be anything. */
static bool is_within(uint32_t offset, uint32_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

bool stream_entry_fits(const IOStreamBufferQueueEntry *entry, uint64_t data, uint64_t control)
{
	return is_within(entry->dataOffset, entry->dataLength, data) &&
	       is_within(entry->controlOffset, entry->controlLength, control);
}
