/* SPDX-License-Identifier: MIT */
/*
 * agent - fsd's own part in a queue, for those who use `enqueue` and `dequeue`
 *
 * It holds a role like any program: attached to the same memory with the same
 * ring code, ringing and being rung through the same FIFOs. One agent serves
 * both roles; each lasts while somebody has the file open.
 */
#pragma once

#include "libqueue/wait.h"
#include "service/bell.h"
#include "service/queue.h"

struct agent {
	struct queue *queue;		/* borrowed: it holds us */
	struct view view;
	struct ring rings[N_SIDES];
	unsigned n_files[N_SIDES];	/* who have the role's file open; 0: not our role */
	int fds[N_SIDES];		/* a role's file, kept for its lock */
	uint64_t wanted;		/* the least that a waiting producer needs */
	struct bell bells[N_SIDES];	/* that of the side that waits: `serviced`, `notify` */
};

/* One more file that needs @side. Return: 0, -EBUSY, -EIO when damaged, or why not. */
int agent_join(struct queue *queue, enum side side);
void agent_leave(struct queue *queue, enum side side);

/* As ring_enqueue() and ring_dequeue(); the other side is rung. */
int agent_enqueue(struct queue *queue, const void *data, size_t size);
int agent_dequeue(struct queue *queue, void *buffer, uint32_t *size);

/* Would it succeed now? -EOVERFLOW, -ENODATA: not now. */
int agent_can_enqueue(struct queue *queue, size_t size);
int agent_can_dequeue(struct queue *queue);

/*
 * Somebody waits for room for @size bytes (producer) or for an entry (consumer):
 * node_changed() will be called.
 * Return: 0, 1 when it is there now, or why we cannot wait.
 */
int agent_wait(struct queue *queue, enum side side, size_t size);

struct agent *agent_free(struct agent *agent);
