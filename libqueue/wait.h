/* SPDX-License-Identifier: MIT */
/*
 * wait - when to ring the other side, and how to wait without missing a ring
 *
 * Doorbells are FIFOs and futex words (docs/ring.md, Waking). This module knows
 * the words; the FIFOs' descriptors are the caller's, because a program opens
 * them by path and fsd in its own way.
 *
 * The order for a caller that publishes (enqueue or dequeue succeeded):
 *	how = wait_due(ring); if (how) { wait_ring(ring, how); FIFO as told }
 * and for one that finds nothing:
 *	if (wait_arm(ring, how, wanted) == 0) sleep; ...; wait_disarm(ring)
 */
#pragma once

#include <time.h>

#include "atomic.h"
#include "ring.h"

/*
 * Say in shared memory who we are (flags), take the turn number over from our
 * predecessor, register for the asymmetric fence where the kernel has it.
 * Call once, after ring_attach() as producer or consumer succeeded.
 * Return: the doorbells to ring now, as wait_due(): the predecessor may have
 * died between its position and the ring.
 */
unsigned wait_attach(struct ring *ring);

/*
 * The opposite, before the role is given up: nobody is here to be rung, and who
 * comes without saying so does not pace itself.
 */
void wait_detach(struct ring *ring);

/* The part of wait_due() that is not the common case. */
unsigned wait_due_slow(struct ring *ring);

/* The peer's two words, next to each other in both files. */
#define PEER_FLAGS	0
#define PEER_WAIT	1

/*
 * Is there nothing to do for wait_due()? So it is while the peer's words are
 * what they were when there was nothing to do.
 */
static inline bool wait_is_quiet(const struct ring *ring)
{
	compiler_fence();							/* P4 */
	return load_relaxed(&ring->peer[PEER_FLAGS]) == ring->quiet[PEER_FLAGS] &&
	       load_relaxed(&ring->peer[PEER_WAIT]) == ring->quiet[PEER_WAIT];	/* P5 */
}

/*
 * After an entry was published (producer) or consumed (consumer): how the other
 * side wants to be rung, a set of QUEUE_WAIT_*; 0, which costs no system call
 * and no fence where both sides are registered, when it need not be. Each wait
 * of the peer is answered once.
 */
static inline unsigned wait_due(struct ring *ring)
{
	return wait_is_quiet(ring) ? 0 : wait_due_slow(ring);
}

/*
 * Would wait_due() have something to do? It still has it then; a caller that
 * rings once for several entries asks this after each.
 */
bool wait_is_due(const struct ring *ring);

/*
 * Count one notification and, with QUEUE_WAIT_FUTEX in @how, wake the futex.
 * With QUEUE_WAIT_FIFO the caller writes one byte to `notify` (producer) or
 * `serviced` (consumer) as well; that the FIFO is full is as good.
 */
void wait_ring(struct ring *ring, unsigned how);

/*
 * Say that we wait and look once more. The consumer waits for data, the
 * producer for @wanted free bytes (ring_span()). @how says where to ring us.
 * Return: 0 when we may sleep, 1 when what we wait for is there already, or
 * -EIO. After 0 or 1 we are armed until wait_disarm(), a new wait_arm(), or the
 * next success of a ring call followed by wait_due().
 */
int wait_arm(struct ring *ring, unsigned how, uint64_t wanted);
void wait_disarm(struct ring *ring);

/*
 * Are we armed in the way @how, with nothing rung since? Then a new wait_arm()
 * would say nothing new.
 */
bool wait_is_pending(const struct ring *ring, unsigned how);

/*
 * The longest that a sleep outside this module (poll, on a FIFO) may last, in
 * milliseconds: -1, for ever, except where the kernel denied us the fence that
 * the peer relies on. Then a ring can be missed, and the sleeper looks again.
 */
int wait_limit_ms(const struct ring *ring);

/*
 * Sleep on our futex word, armed with QUEUE_WAIT_FUTEX, until rung, until
 * @deadline (CLOCK_MONOTONIC; NULL: for ever), or a signal.
 * Return: 0 (perhaps for no reason: look again), -ETIMEDOUT, or -EINTR.
 */
int wait_sleep(struct ring *ring, const struct timespec *deadline);

/* The mount's generation now, to compare with that at attach. */
uint32_t wait_generation(const struct ring *ring);
