/* SPDX-License-Identifier: MIT */
/*
 * IOStreamShared - what the two ends of a stream share
 *
 * A stream has buffers, and two rings of entries that say which buffer is passed:
 * the output ring from the driver to the client, the input ring back. Each ring is a
 * file, mapped by both.
 *
 * Beware: in a ring here headIndex is where the WRITER goes on, and tailIndex where the
 * READER does. In an IODataQueue of the original it is the other way round.
 */
#pragma once

#include <IOKit/IOTypes.h>

/* A buffer of a stream: 0 to the count less one, without gaps. */
typedef UInt32 IOStreamBufferID;
#define kIOStreamBufferIDInvalid	((IOStreamBufferID)0xffffffffu)

typedef UInt32 IOItemCount;

/* Seen from the driver: a camera's stream is output, a loudspeaker's is input. */
typedef UInt32 IOStreamMode;
enum {
	kIOStreamModeInput = 0,
	kIOStreamModeOutput = 1,
	kIOStreamModeInputOutput = 2
};

/* What is passed. Offsets and lengths are bytes in the two areas of the buffer. */
typedef struct IOStreamBufferQueueEntry {
	IOStreamBufferID bufferID;
	UInt32 dataOffset;
	UInt32 dataLength;
	UInt32 controlOffset;
	UInt32 controlLength;
	UInt32 reserved[3];		/* 0; not looked at */
} IOStreamBufferQueueEntry;

/*
 * A ring. It is empty when headIndex equals tailIndex, and full when the entry behind
 * headIndex is that of tailIndex: one entry is always unused.
 */
typedef struct IOStreamBufferQueue {
	UInt32 entryCount;		/* constant */
	UInt32 headIndex;		/* the writer's: the entry that it fills next */
	UInt32 tailIndex;		/* the reader's: the entry that it takes next */
	UInt32 reserved;		/* 0 */
	IOStreamBufferQueueEntry queue[1];	/* entryCount of them */
} IOStreamBufferQueue;

/* What clientMemoryForType() means: a kind, and for buffers the ID. */
enum {
	kIOStreamMemoryTypeOutputQueue = 0x10000000,
	kIOStreamMemoryTypeInputQueue = 0x20000000,
	kIOStreamMemoryTypeBufferData = 0x30000000,
	kIOStreamMemoryTypeBufferControl = 0x40000000,
	kIOStreamBufferIDMask = 0x0fffffff
};
#define kIOStreamMemoryTypeMask		0xf0000000u

enum {
	kIOStreamPortTypeOutput = 0,
	kIOStreamPortTypeInput = 1
};

/* Options of an open. It is exclusive anyway; kIOStreamOptionOpenShared is not supported. */
enum {
	kIOStreamOptionOpenExclusive = 0x00010000,
	kIOStreamOptionOpenShared = 0x00020000
};

/* Methods and traps of a stream's user client. */
enum {
	kIOStreamMethodOpen,
	kIOStreamMethodClose,
	kIOStreamMethodStart,
	kIOStreamMethodStop,
	kIOStreamMethodSuspend,
	kIOStreamMethodGetMode,
	kIOStreamMethodSetMode,
	kIOStreamMethodGetBufferCount
};
enum {
	kIOStreamTrapEnqueueInput,
	kIOStreamTrapEnqueueInputSync
};

/*
 * What a control area of at least these 64 bytes may begin with: a driver that uses it
 * stores `version`, and fsd and this library then mark discontinuities in `flags`.
 * New; in the original each driver has a form of its own.
 */
typedef struct IOStreamControlHeader {
	UInt64 sequence;		/* 0 at each start from stopped */
	UInt64 timestamp;		/* ns, CLOCK_MONOTONIC: first byte, or when to show it */
	UInt64 frames;			/* since the start */
	UInt64 dropped;			/* since the open */
	UInt64 startTimestamp;		/* of sequence 0 */
	UInt64 clientSequence;		/* playback: the client's; the driver gives back the last shown */
	UInt32 flags;
	UInt32 version;			/* kIOStreamControlVersion */
	UInt64 reserved;		/* 0 */
} IOStreamControlHeader;

enum {
	kIOStreamControlVersion = 1,
	kIOStreamControlDiscontinuity = 1,
	kIOStreamControlError = 2,
	kIOStreamControlLast = 4,
	kIOStreamControlGap = 8,
	kIOStreamControlKey = 16
};
