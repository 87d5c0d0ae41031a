/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking. A ring costs a system call, so it goes only to a side
 * that said that it waits; and it must never be lost. The letters are those of
 * tests/model, which tries every order of the steps, and each fence left out.
 *
 *	producer				consumer
 *	P3  tail = store-release		W1  load data_sequence
 *	P4  fence				W2  data_wait = turn, how
 *	P5  load data_wait			W3  fence, for both sides
 *	    waiting, in a new turn:		W4  load tail
 *	P6  data_sequence + 1			    unchanged: sleep while
 *	P7  wake the futex, or the FIFO		W5  data_sequence is as in W1
 *
 * Each side stores, then loads what the other stored. The fences P4 and W3
 * forbid that both loads miss both stores: either the producer sees that the
 * consumer waits (P5), or the consumer sees the entry (W4). Acquire and release
 * do not order a store before a later load, so the fences are not optional.
 *
 * P4 would be paid by every enqueue, W3 is paid by who goes to sleep anyway. So
 * a process that registers for it has its P4 issued by the other: W3 is then a
 * membarrier, which runs a full fence on each CPU that runs a registered
 * process, and P4 holds back the compiler alone. Who is not registered (the
 * flag tells) fences for itself, and W3 is our own fence.
 *
 * W1 comes before W2: whatever rings this turn does so after W2, and is seen in
 * W5. It need not have brought anything: a producer that is late between P3 and
 * P5 rings for an entry that the consumer has taken long ago. The turn is used
 * up all the same, so that sleeping on in it would be for ever.
 *
 * A turn is rung for once. What tells turns apart is the word itself, so the
 * numbers go on for ever, from one holder of a role to the next:
 *
 *	A1  our turn = the one in our wait word
 *	A2  our wait word = awake
 *	A3  our flags
 *	A4  full fence: a peer that arms either sees A3, or is seen in A5
 *	A5  load the peer's wait word: our predecessor may have died before it rang
 *
 * Space is the mirror image, with the roles changed: C3 for P3, space_wait for
 * data_wait, and P5 counts only once space_wanted bytes are free.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wait.h"

/* Where a ring may be missed, we look again so often. */
#define UNSURE_MS	10

/* In place of the peer's flags: what no honest peer has there. */
#define ALWAYS_LOOK	UINT32_MAX

static_assert(offsetof(struct queue_data, space_wait) ==
	      offsetof(struct queue_data, producer_flags) + 4, "as wait_is_quiet() reads them");
static_assert(offsetof(struct queue_consumer, data_wait) ==
	      offsetof(struct queue_consumer, consumer_flags) + 4, "as wait_is_quiet() reads them");

/* Our own words, which the peer reads. */
static uint32_t *own_flags(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? &ring->data->producer_flags :
					     &ring->consumer->consumer_flags;
}

static uint32_t *own_wait(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? &ring->data->space_wait :
					     &ring->consumer->data_wait;
}

static uint32_t *own_sequence(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? &ring->data->data_sequence :
					     &ring->consumer->space_sequence;
}

/* The futex word that we sleep on. */
static const uint32_t *peer_sequence(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? &ring->consumer->space_sequence :
					     &ring->data->data_sequence;
}

static int membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* P4 for both sides: see above. */
static void waiter_fence(struct ring *ring)
{
	full_fence();
	ring->unsure = (load_relaxed(&ring->peer[PEER_FLAGS]) & QUEUE_ASYMMETRIC) &&
		       membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) < 0;
}

/* The bytes that a producer waits for; no peer can make us wait for more than Q. */
static uint64_t space_wanted(const struct ring *ring)
{
	uint64_t wanted = load_relaxed(&ring->data->space_wanted);

	if (wanted == 0)
		wanted = entry_space(ring->geometry.max_entry);
	return wanted < ring->geometry.queue_size ? wanted : ring->geometry.queue_size;
}

/*
 * Free bytes when our head was at @head, by the tail of now. A tail that cannot
 * be is no reason to ring, and the next look at the ring reports it.
 */
static uint64_t free_before(const struct ring *ring, uint64_t head, uint64_t tail)
{
	uint64_t used = tail - head;

	return used <= ring->geometry.queue_size ? ring->geometry.queue_size - used : 0;
}

static bool space_is_enough(const struct ring *ring)
{
	uint64_t tail = load_acquire(&ring->data->tail);

	return free_before(ring, ring->head, tail) >= space_wanted(ring);
}

/*
 * A consumer that does not pace itself sleeps only after it saw the queue
 * empty: then its head is where our tail was.
 */
static bool unpaced_wants_data(const struct ring *ring)
{
	return load_acquire(&ring->consumer->head) == ring->previous;
}

/*
 * A producer that does not pace itself sleeps only after it saw too little
 * room. One that never said how much it wants may need a gap besides, so that
 * the empty queue, which takes everything, is worth a ring as well.
 */
static bool unpaced_wants_space(const struct ring *ring)
{
	uint64_t tail = load_acquire(&ring->data->tail);
	uint64_t wanted = space_wanted(ring);

	if (tail == ring->head && load_relaxed(&ring->data->space_wanted) == 0)
		return true;
	return free_before(ring, ring->previous, tail) < wanted &&
	       free_before(ring, ring->head, tail) >= wanted;
}

static unsigned unpaced_due(const struct ring *ring)
{
	bool wants;

	full_fence();	/* such a peer issues none for us */
	wants = ring->role == ROLE_PRODUCER ? unpaced_wants_data(ring) :
					      unpaced_wants_space(ring);
	return wants ? QUEUE_WAIT_FIFO : 0;
}

/*
 * From now on wait_is_quiet(), as long as the peer's words stay @flags and
 * @wait; unless each call has to fence.
 */
static void be_quiet(struct ring *ring, uint32_t flags, uint32_t wait)
{
	ring->quiet[PEER_FLAGS] = ring->asymmetric ? flags : ALWAYS_LOOK;
	ring->quiet[PEER_WAIT] = wait;
}

bool wait_is_due(const struct ring *ring)
{
	uint32_t flags, wait;

	full_fence();								/* P4 */
	flags = load_relaxed(&ring->peer[PEER_FLAGS]);
	wait = load_acquire(&ring->peer[PEER_WAIT]);				/* P5 */
	if (!(flags & QUEUE_PACED))
		return unpaced_due(ring);
	if ((wait & QUEUE_WAIT_HOW) == 0 || wait == ring->rung)
		return false;
	return ring->role == ROLE_PRODUCER || space_is_enough(ring);
}

unsigned wait_due_slow(struct ring *ring)
{
	uint32_t flags, wait;

	if (ring->armed)
		wait_disarm(ring);
	if (!ring->asymmetric)
		full_fence();							/* P4 */

	flags = load_relaxed(&ring->peer[PEER_FLAGS]);
	/* Acquire: space_wanted was stored before. */
	wait = load_acquire(&ring->peer[PEER_WAIT]);				/* P5 */
	if (!(flags & QUEUE_PACED))
		return unpaced_due(ring);
	if ((wait & QUEUE_WAIT_HOW) == 0 || wait == ring->rung) {
		be_quiet(ring, flags, wait);
		return 0;
	}
	if (ring->role == ROLE_CONSUMER && !space_is_enough(ring))
		return 0;

	ring->rung = wait;
	be_quiet(ring, flags, wait);
	return wait & QUEUE_WAIT_HOW;
}

/* What our predecessor may have left undone, when it died before it rang. */
static unsigned due_at_attach(struct ring *ring)
{
	uint32_t flags = load_relaxed(&ring->peer[PEER_FLAGS]);
	uint32_t wait = load_acquire(&ring->peer[PEER_WAIT]);			/* A5 */

	if (flags & QUEUE_PACED) {
		ring->rung = wait;
		return wait & QUEUE_WAIT_HOW;
	}
	if (ring->role == ROLE_PRODUCER)
		return ring->head != ring->tail ? QUEUE_WAIT_FIFO : 0;
	return space_is_enough(ring) ? QUEUE_WAIT_FIFO : 0;
}

unsigned wait_attach(struct ring *ring)
{
	ring->asymmetric = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
	ring->quiet[PEER_FLAGS] = ALWAYS_LOOK;
	ring->turn = load_relaxed(own_wait(ring)) >> 2;				/* A1 */
	ring->sequence = load_relaxed(own_sequence(ring));

	wait_disarm(ring);							/* A2 */
	store_relaxed(own_flags(ring),						/* A3 */
		      QUEUE_PACED | (ring->asymmetric ? QUEUE_ASYMMETRIC : 0));
	full_fence();								/* A4 */
	return due_at_attach(ring);
}

void wait_detach(struct ring *ring)
{
	wait_disarm(ring);
	store_relaxed(own_flags(ring), 0);
}

void wait_ring(struct ring *ring, unsigned how)
{
	uint32_t *sequence = own_sequence(ring);

	store_release(sequence, ++ring->sequence);				/* P6 */
	if (how & QUEUE_WAIT_FUTEX)
		syscall(SYS_futex, sequence, FUTEX_WAKE, INT_MAX);		/* P7 */
}

int wait_arm(struct ring *ring, unsigned how, uint64_t wanted)
{
	int r;

	ring->expected = load_acquire(peer_sequence(ring));			/* W1 */
	ring->turn++;
	ring->armed = true;
	ring->armed_how = how;
	ring->quiet[PEER_FLAGS] = ALWAYS_LOOK;	/* the next success disarms us */
	if (ring->role == ROLE_PRODUCER)
		store_relaxed(&ring->data->space_wanted, wanted);
	store_release(own_wait(ring), ring->turn << 2 | how);			/* W2 */
	waiter_fence(ring);							/* W3 */
	if (ring->role == ROLE_CONSUMER)
		return ring_available(ring);					/* W4 */

	r = ring_look(ring);							/* W4 */
	if (r < 0)
		return r;
	return ring_free(ring) >= wanted;
}

void wait_disarm(struct ring *ring)
{
	store_relaxed(own_wait(ring), ring->turn << 2);
	ring->armed = false;
}

bool wait_is_pending(const struct ring *ring, unsigned how)
{
	return ring->armed && ring->armed_how == how &&
	       load_relaxed(peer_sequence(ring)) == ring->expected;
}

int wait_limit_ms(const struct ring *ring)
{
	return ring->unsure ? UNSURE_MS : -1;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static struct timespec unsure_deadline(void)
{
	struct timespec soon;

	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_nsec += UNSURE_MS * 1000000L;
	if (soon.tv_nsec >= 1000000000L) {
		soon.tv_nsec -= 1000000000L;
		soon.tv_sec++;
	}
	return soon;
}

int wait_sleep(struct ring *ring, const struct timespec *deadline)
{
	struct timespec soon = unsure_deadline();
	bool cut = ring->unsure && !(deadline && is_before(deadline, &soon));
	long r = syscall(SYS_futex, peer_sequence(ring), FUTEX_WAIT_BITSET, ring->expected,
			 cut ? &soon : deadline, NULL, FUTEX_BITSET_MATCH_ANY);	/* W5 */

	if (r == 0 || errno == EAGAIN)
		return 0;
	if (errno == EINTR)
		return -EINTR;
	if (errno == ETIMEDOUT)
		return cut ? 0 : -ETIMEDOUT;
	/* No futex where the memory went away: let no caller turn in circles. */
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &soon, NULL);
	return 0;
}

uint32_t wait_generation(const struct ring *ring)
{
	return load_relaxed(&ring->data->generation);
}
