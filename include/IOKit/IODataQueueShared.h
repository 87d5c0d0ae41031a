/* SPDX-License-Identifier: MIT */
/*
 * IODataQueueShared - what the two sides of a data queue share
 *
 * An IODataQueueMemory is one process's attachment to a queue: its private
 * indices, the checked sizes, the mappings. The bytes that the processes share
 * have a format of their own (docs/ring.md), which programs need not know.
 */
#pragma once

#include <IOKit/IOTypes.h>

typedef struct IODataQueueMemory IODataQueueMemory;

/*
 * An entry in the ring, as IODataQueuePeek() shows it. It is memory that the
 * producer may write to at any time: read `size` once, into a variable, and
 * check it against what you can take.
 */
typedef struct IODataQueueEntry {
	UInt32 size;		/* bytes of data; this header is not counted */
	UInt32 flags;		/* 0 */
	UInt8  data[8];		/* where the data begin; there are `size` of them */
} IODataQueueEntry;

/* Bytes in front of an entry's data. */
#define DATA_QUEUE_ENTRY_HEADER_SIZE	(sizeof(IODataQueueEntry) - 8)
