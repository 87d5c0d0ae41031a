/* SPDX-License-Identifier: MIT */
/*
 * attachment - the parts of one process's end of a queue, kept together
 *
 * A restart of fsd, seen by two sides that go on through it:
 *
 *	we					the peer
 *	G1  load generation: changed		W2  its wait word = on the FIFO
 *	G2  full fence				W3  full fence
 *	G3  ring the old FIFO			    load generation: as before?
 *	    open the new one, ring it		    then sleep on the old FIFO
 *
 * G3 is for a peer that looked at the generation before we did: it sleeps where
 * only the old FIFO reaches it. We ring it whether or not it waits; one ring too
 * many is no harm.
 */
#include "attachment.h"
#include "atomic.h"

bool attachment_refresh(IODataQueueMemory *queue)
{
	uint32_t generation = wait_generation(&queue->ring);		/* G1 */
	struct doorbell fresh;

	if (generation == queue->bell.generation)
		return false;

	full_fence();							/* G2 */
	doorbell_ring(&queue->bell);					/* G3 */
	if (doorbell_reopen(&queue->bell, generation, &fresh) < 0)
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
	doorbell_ring(&queue->bell);
}
