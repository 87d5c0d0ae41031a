/* SPDX-License-Identifier: MIT */
/*
 * ring - entries in shared memory: one producer, one consumer, no locks, no
 * system calls
 *
 * A struct ring is one side's attachment to a queue: the checked geometry, its
 * own position, and the position that it last saw of the other side. None of it
 * is shared. The peer may be hostile: whatever it writes, a call returns.
 *
 * Errors	0 or a negative errno; each means one thing everywhere here:
 *		-ENODATA    empty now			kIOReturnUnderrun
 *		-EOVERFLOW  full now			kIOReturnOverrun
 *		-EMSGSIZE   larger than max_entry	kIOReturnMessageTooLarge
 *		-ENOSPC     the caller's buffer is too small	kIOReturnNoSpace
 *		-EIO        the memory is damaged; sticky until attached anew
 *							kIOReturnError
 *		-EINVAL     the caller's mistake	kIOReturnBadArgument
 * Threads	one thread at a time for each struct ring.
 */
#pragma once

#include <stdbool.h>
#include <sys/uio.h>

#include "trust.h"

/* Where an entry is being built in place: good as long as the tail is there. */
struct reserved {
	uint64_t position;
	uint64_t gap;			/* bytes that are left out before it */
	uint64_t size;			/* bytes of payload, at most */
};

struct ring {
	/*
	 * What every call touches comes first. From our own position up to
	 * @limit the bytes are ours to write (producer) or published (consumer),
	 * without the ring's end in between: as long as an entry ends there,
	 * nothing else needs to be looked at. Position p of this lap lies at the
	 * address @origin + p. After an error, and in an observer, nothing lies
	 * before the limit.
	 */
	uint64_t limit;
	uint64_t origin;
	uint64_t lap_end;		/* our position when we come to the ring's end */
	uint64_t head;			/* consumer: ours; producer: last seen */
	uint64_t tail;			/* producer: ours; consumer: last seen */
	uint32_t small;			/* bytes: the largest payload of the short way */
	uint64_t enqueued;		/* producer's counter */
	uint64_t dequeued;		/* consumer's counter */
	const uint32_t *peer;		/* borrowed from the mapping: its flags, its wait word */
	uint32_t quiet[2];		/* what these two are while there is nothing to ring */

	struct queue_data *data;	/* borrowed from the mapping */
	struct queue_consumer *consumer;	/* borrowed from the mapping */
	struct geometry geometry;
	enum role role;
	int error;			/* 0, or -EIO for good */

	uint64_t previous;		/* our own position before the last call moved it */

	/* Consumer: see keep_distance() in ring.c. */
	uint64_t emptied;		/* `dequeued` when the queue was last found empty */
	uint32_t n_chased;		/* times that we were close behind the producer */
	uint32_t n_patience;		/* how many of these make a pause */
	bool paused;			/* the last time */

	/* Pacing; see wait.h. */
	uint32_t rung;			/* value of the peer's wait word that we rang for last */
	uint32_t turn;			/* of our own waits */
	uint32_t sequence;		/* notifications that we sent */
	uint32_t expected;		/* notifications of the peer's when we armed */
	unsigned armed_how;		/* as wait_arm() was told */
	bool armed;			/* we said that we wait */
	bool asymmetric;		/* we are registered for the asymmetric fence */
	bool unsure;			/* the peer relies on a fence that we cannot give */

	uint64_t overruns;		/* producer's counter */
	struct reserved reserved;	/* producer */
	struct found peeked;		/* consumer: as ring_peek() found it */
	uint64_t peeked_at;		/* consumer: our position then */
};

/*
 * Attach to mapped memory as @role (ROLE_CREATOR is no attachment). The
 * geometry is read once, checked and kept; the positions are taken from the
 * memory, so that a side goes on where its predecessor's last published
 * position stands. @expected, unless NULL, is what the geometry must be.
 * @memory is lent until the ring is no longer used. Writes nothing.
 * Return: 0, or -EIO when anything in the memory breaks a rule; the ring is
 * then usable only in that every call on it returns -EIO.
 */
int ring_attach(struct ring *ring, enum role role, const struct mapping *memory,
		const struct geometry *expected);

/*
 * Producer: append an entry of @size bytes from @data (NULL only with 0).
 * Return: 0, -EINVAL, -EIO, -EMSGSIZE, or -EOVERFLOW (counted in `overruns`).
 */
int ring_enqueue(struct ring *ring, const void *data, size_t size);

/*
 * Producer: append up to @n entries, as ring_enqueue() would, in their order, and
 * publish them together. *@ret_n is how many were appended.
 * Return: 0 when at least one was (or @n is 0), else what ring_enqueue() of the
 * first says.
 */
int ring_enqueue_batch(struct ring *ring, const struct iovec *entries, uint32_t n,
		       uint32_t *ret_n);

/*
 * Producer: find room for an entry of up to @size bytes, to be built at
 * *@ret_payload, 8-byte aligned. What lies there is not cleared. Nothing is
 * published, nor kept from anybody: any other entry appended before ring_commit()
 * takes the place, and a later reservation replaces an earlier one.
 * Return: as ring_enqueue().
 */
int ring_reserve(struct ring *ring, size_t size, void **ret_payload);

/*
 * Producer: publish what was built, @size bytes of it.
 * Return: 0, -EIO, or -EINVAL: nothing (any more) is reserved, or less.
 */
int ring_commit(struct ring *ring, size_t size);

/* Producer: what ring_enqueue() of @count entries would say; counts nothing. */
int ring_can_enqueue(struct ring *ring, size_t size, uint64_t count);

/*
 * Producer: bytes that the next entry of @size bytes takes, with the gap it may
 * need. @size is at most max_entry.
 */
uint64_t ring_span(const struct ring *ring, size_t size);

/*
 * Producer or consumer: load the peer's position afresh.
 * Return: 0, or -EIO.
 */
int ring_look(struct ring *ring);

/* Bytes of the ring that are free, as far as we have seen. */
static inline uint64_t ring_free(const struct ring *ring)
{
	return ring->geometry.queue_size - (ring->tail - ring->head);
}

/*
 * 1 when there are entries, 0 when there are none, or -EIO. A producer sees
 * entries that were taken meanwhile; ring_look() first.
 */
int ring_available(struct ring *ring);

/*
 * Consumer or observer: find the next entry without consuming it. *@ret_size is
 * what was checked: use it, not the entry's own word, which the peer may change.
 * An observer sees the entry that stood at `head` a moment ago.
 * Return: 0, -ENODATA, or -EIO.
 */
int ring_peek(struct ring *ring, const struct queue_entry **ret_entry, uint32_t *ret_size,
	      uint64_t *ret_position);

/*
 * Consumer: copy the next entry to @buffer and consume it. *@size is the bytes
 * of @buffer, and becomes the entry's, also on -ENOSPC, where the entry stays.
 * @buffer NULL skips the entry; @size may then be NULL.
 * Return: 0, -EINVAL (a buffer without a size), -ENODATA, -EIO, or -ENOSPC.
 */
int ring_dequeue(struct ring *ring, void *buffer, uint32_t *size);

/*
 * Consumer: consume the entry that the last ring_peek() found. It is passed by
 * the size that was checked then, whatever its word says now.
 * Return: 0, -EIO, or -EINVAL when it was consumed already, or none was found.
 */
int ring_release(struct ring *ring);

/*
 * Consumer: take up to @n entries, each as ring_dequeue() would, and publish that
 * together. iov_len is the bytes at iov_base before, and the entry's after. It
 * ends before an entry that does not fit; iov_len tells that one's size, too.
 * *@ret_n is how many were taken.
 * Return: 0 when at least one was (or @n is 0), else what ring_dequeue() of the
 * first says.
 */
int ring_dequeue_batch(struct ring *ring, struct iovec *entries, uint32_t n, uint32_t *ret_n);
