/* SPDX-License-Identifier: MIT */
/*
 * attachment - the parts of one process's end of a queue, kept together
 *
 * A restart of fsd, seen by two sides that go on through it:
 *
 *	we					the peer
 *	G1  load generation: changed		W2  its wait word = on the FIFO
 *	G2  full fence				W3  full fence
 *	    open the new FIFO			    load generation: as before?
 *	G3  ring the old FIFO			    then sleep on the old FIFO
 *
 * G3 is for a peer that looked at the generation before we did: it sleeps where
 * only the old FIFO reaches it. We ring it whether or not it waits; one ring too
 * many is no harm. It comes last: a peer that it wakes while the new mount is not
 * there yet sleeps on the old FIFO again, and from our next ring on only the new
 * one is rung.
 */
#include <errno.h>
#include <stdlib.h>

#include "atomic.h"
#include "attachment.h"
#include "cleanup.h"
#include "process_memory.h"
#include "result.h"

#define N_CACHE_LINES	128u	/* bytes: two lines, as the prefetcher takes them */

static void attachment_free(IODataQueueMemory *queue)
{
	port_clear(queue);
	close_fd(queue->own_port);
	mapping_close(&queue->mapping);
	doorbell_close(&queue->bell);
	free(queue);
}

/* On lines of its own: two threads may hold one side each. */
static IODataQueueMemory *attachment_new(void)
{
	const size_t n = (sizeof(IODataQueueMemory) + N_CACHE_LINES - 1) / N_CACHE_LINES;
	IODataQueueMemory *queue = aligned_alloc(N_CACHE_LINES, n * N_CACHE_LINES);

	if (queue)
		*queue = (IODataQueueMemory){
			.mapping = MAPPING_NULL,
			.bell = DOORBELL_NULL,
			.watch = PORT_WATCH_NULL,
			.own_port = -1,
		};
	return queue;
}

/* Memory and doorbells are there. Return: 0, or -EIO. */
static int attachment_start(IODataQueueMemory *queue, enum role role)
{
	unsigned how;
	int r;

	r = ring_attach(&queue->ring, role, &queue->mapping, NULL);
	if (r < 0 || role == ROLE_OBSERVER)
		return r;

	how = wait_attach(&queue->ring);
	if (how)
		attachment_ring(queue, how);
	return 0;
}

/* From @path, or from @memory where there is none. */
static int attachment_make(const char *path, const struct process_memory *memory,
			   enum role role, IODataQueueMemory **ret)
{
	IODataQueueMemory *queue = attachment_new();
	int r;

	if (!queue)
		return -ENOMEM;
	if (path)
		r = doorbell_open(path, role, &queue->bell, &queue->mapping);
	else
		r = process_memory_attach(memory, role, &queue->bell, &queue->mapping);
	if (r == 0)
		r = attachment_start(queue, role);
	if (r < 0) {
		attachment_free(queue);
		return r;
	}

	*ret = queue;
	return 0;
}

int attachment_open(const char *path, enum role role, IODataQueueMemory **ret)
{
	return attachment_make(path, NULL, role, ret);
}

int attachment_open_memory(const struct process_memory *memory, enum role role,
			   IODataQueueMemory **ret)
{
	return attachment_make(NULL, memory, role, ret);
}

void attachment_close(IODataQueueMemory *queue)
{
	if (queue->ring.role != ROLE_OBSERVER)
		wait_detach(&queue->ring);
	attachment_free(queue);
}

IOReturn attachment_check(const IODataQueueMemory *queue, enum role role)
{
	if (!queue)
		return kIOReturnBadArgument;
	return queue->ring.role == role ? kIOReturnSuccess : kIOReturnNotPermitted;
}

bool attachment_refresh(IODataQueueMemory *queue)
{
	uint32_t generation = wait_generation(&queue->ring);		/* G1 */
	struct doorbell fresh;
	int r;

	if (generation == queue->bell.generation)
		return false;

	full_fence();							/* G2 */
	r = doorbell_reopen(&queue->bell, generation, &fresh);
	doorbell_ring(&queue->bell);					/* G3 */
	if (r < 0)
		return false;

	port_move(queue, fresh.wait_fd);
	queue->bell.wait_fd = -1;	/* it is fresh.wait_fd, as yet */
	doorbell_close(&queue->bell);
	queue->bell = fresh;
	return true;
}

void attachment_ring(IODataQueueMemory *queue, unsigned how)
{
	wait_ring(&queue->ring, how);
	if ((how & QUEUE_WAIT_FIFO) == 0)
		return;

	attachment_refresh(queue);
	if (doorbell_ring(&queue->bell) < 0)
		store_relaxed(&queue->n_failed_rings, queue->n_failed_rings + 1);
}

IOReturn attachment_announce(IODataQueueMemory *queue)
{
	unsigned how = wait_due_slow(&queue->ring);

	if (how)
		attachment_ring(queue, how);
	return kIOReturnSuccess;
}
