/* SPDX-License-Identifier: MIT */
/*
 * doorbell - a queue's directory: the file that is our role, and the two FIFOs
 *
 * All are opened by path, and again by the same path once fsd was restarted: the
 * memory is then still the same, but the files of the old mount are dead.
 *
 *	          data, consumer	notify			serviced
 *	producer  writes, reads		rings it		is rung by it
 *	consumer  reads, writes		is rung by it		rings it
 *
 * The FIFO that we ring is opened for reading and writing, so that it takes a
 * byte while nobody listens; the other only for reading, so that it tells (as
 * POLLHUP) when the peer is gone. A FIFO that we may not open is -1, and then
 * nobody can be rung, or ring, that way.
 */
#pragma once

#include <stdbool.h>

#include "mapping.h"

struct doorbell {
	char *directory;	/* owned; absolute */
	enum role role;
	int role_fd;		/* holds the role as long as it is open; -1: observer */
	int ring_fd;		/* FIFO that we ring */
	int wait_fd;		/* FIFO that rings us */
	uint32_t generation;	/* of the mount that these are in */
};

#define DOORBELL_NULL \
	((struct doorbell){ .role_fd = -1, .ring_fd = -1, .wait_fd = -1 })

/*
 * Take the role @role in the queue at @path, and map the memory.
 * Return: 0, -EBUSY when the role is held by somebody else, or the errno of
 * what failed; neither is then touched.
 */
int doorbell_open(const char *path, enum role role, struct doorbell *ret,
		  struct mapping *ret_mapping);

/*
 * Open everything again by path, in the mount of @generation. *@ret takes over
 * what can be kept, and @bell is left with what the caller closes when it no
 * longer needs it.
 * Return: 0, or a negative errno, and @bell is as before.
 */
int doorbell_reopen(struct doorbell *bell, uint32_t generation, struct doorbell *ret);

void doorbell_close(struct doorbell *bell);

/*
 * Ring the peer. That the FIFO is full is as good.
 * Return: 0, or a negative errno, -EBADF where we may not ring.
 */
int doorbell_ring(const struct doorbell *bell);

#define DOORBELL_RANG		1u	/* there was a ring */
#define DOORBELL_HUNG_UP	2u	/* the peer closed its end (POLLHUP) */

/*
 * Take all rings that came. A FIFO that was hung up stays readable until it is
 * opened anew.
 * Return: a set of the above.
 */
unsigned doorbell_drain(const struct doorbell *bell);

/* Open the FIFO that rings us once more. Return: the descriptor, or an errno. */
int doorbell_open_wait(const struct doorbell *bell);
