/* SPDX-License-Identifier: MIT */
/*
 * attachment - what an IODataQueueMemory is: one process's end of a queue
 *
 * The ring and its memory; the files, which die with the mount; and the port,
 * which belongs to the program. This module keeps them together: it rings the
 * peer, and moves to a new mount when fsd was restarted.
 */
#pragma once

#include <IOKit/IODataQueueShared.h>
#include <IOKit/IOReturn.h>

#include "doorbell.h"
#include "ring.h"
#include "wait.h"

struct port_watch {
	int port;		/* borrowed: the program's; MACH_PORT_NULL: none */
	int self_fd;		/* eventfd: we ring ourselves */
	int mounts_fd;		/* mountinfo: tells that a mount came or went */
	int tick_fd;		/* timerfd, for a side that rings may miss; else -1 */
	uint64_t wanted;	/* bytes that the producer is armed for */
};

#define PORT_WATCH_NULL \
	((struct port_watch){ .self_fd = -1, .mounts_fd = -1, .tick_fd = -1 })

struct IODataQueueMemory {
	struct ring ring;
	struct mapping mapping;
	struct doorbell bell;
	struct port_watch watch;
	uint64_t wanted;		/* bytes that the producer is armed for */
	int own_port;			/* made for IODataQueueGetDescriptor(); else -1 */
	uint64_t n_failed_rings;	/* any thread reads it */
};

/*
 * Take the role @role in the queue at @path. Return: 0, or a negative errno as
 * of doorbell_open() and ring_attach().
 */
int attachment_open(const char *path, enum role role, IODataQueueMemory **ret);

/* The same in @memory, which is lent until the attachment is closed. */
struct process_memory;
int attachment_open_memory(const struct process_memory *memory, enum role role,
			   IODataQueueMemory **ret);

/* Give up the role, if any, and free everything but the port. */
void attachment_close(IODataQueueMemory *queue);

/*
 * Is @queue (NULL is nobody's) held in @role?
 * Return: kIOReturnSuccess, kIOReturnBadArgument or kIOReturnNotPermitted.
 */
IOReturn attachment_check(const IODataQueueMemory *queue, enum role role);

/*
 * After a success: the peer's words are not what they were. Ring it, if it waits.
 * Return: kIOReturnSuccess; a ring that fails never changes a result.
 */
IOReturn attachment_announce(IODataQueueMemory *queue);

/* Ring the peer in the ways @how, as wait_due() gave them. */
void attachment_ring(IODataQueueMemory *queue, unsigned how);

/*
 * See whether fsd was restarted, and if so move to the new mount. While that
 * mount is not there yet, everything stays; ask again on the next occasion.
 * Return: true when we moved: what was armed before is to be armed again.
 */
bool attachment_refresh(IODataQueueMemory *queue);

/*
 * Have @port, an epoll instance, tell of @queue from now on. Nothing is armed.
 * Return: 0, or a negative errno and nothing changed.
 */
int port_set(IODataQueueMemory *queue, int port);

/*
 * Is @port open, and a port? Where it is set on @queue: is it still that one, and
 * not another file of the same number?
 */
bool port_is_open(const IODataQueueMemory *queue, int port);

/* A port that is closed with @queue; not set yet. Return: it, or a negative errno. */
int port_own(IODataQueueMemory *queue);

/*
 * Take what made the port readable.
 * Return: true when the peer rang; false when it was something of ours.
 */
bool port_take_rings(IODataQueueMemory *queue);

/*
 * The queue was found empty (consumer), or without @wanted free bytes
 * (producer). See to it that the port tells when this is no longer so.
 * Return: 1 when it is no longer so already, else 0 (also without a port), or
 * -EIO.
 */
int port_arm(IODataQueueMemory *queue, uint64_t wanted);

/*
 * Consumer: entries were found, and left there; @seen is the tail then. See to it
 * that the port tells of the next.
 * Return: 1 when it is there already, else 0, or -EIO.
 */
int port_arm_beyond(IODataQueueMemory *queue, uint64_t seen);

/* Make the port readable, once. */
void port_ring_self(IODataQueueMemory *queue);

/* Set another FIFO in the place of bell.wait_fd, which is closed. */
void port_move(IODataQueueMemory *queue, int wait_fd);

/* Take the port away. */
void port_clear(IODataQueueMemory *queue);
