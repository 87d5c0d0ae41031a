/* SPDX-License-Identifier: MIT */
/*
 * Lock-free ring of entries: one producer, one consumer, no system calls.
 *
 *	producer				consumer
 *	P1  head = load-acquire			C1  tail = load-acquire
 *	P2  write the entry			C2  read the entry
 *	P3  tail = store-release		C3  head = store-release
 *
 * P3 pairs with C1: an entry that can be seen is complete. C3 pairs with P1:
 * space that can be seen is no longer being read. Without either, a reader gets
 * the bytes of a later or an earlier entry.
 *
 * P1 and C1 are done only when the queue seems full or empty by what was seen
 * before. So while both sides run, neither touches the line that the other one
 * writes, but once in many entries; this is where the speed is. The hot path is
 * in ring_inline.h. A gap is written here, before P2 of the entry behind it.
 *
 *	     head                  tail          an entry that does not fit
 *	       v                     v           before the end goes to the
 *	| free | entry | entry | ... |  gap  |   beginning; the gap is its
 *	^ offset 0                           ^ Q  own, and one P3 tells of both
 *
 * The peer is not trusted: trust.h has the rules.
 */
#include <errno.h>
#include <string.h>

#include "observe.h"
#include "ring_inline.h"

/* See keep_distance(). */
#define N_FEW			64u	/* entries: no distance */
#define N_PATIENCE_LEAST	8u	/* times to be close behind before a pause */
#define N_PATIENCE_MOST		16384u
#define N_PAUSES		256	/* two microseconds or so */

/* Positions are multiples of 8; this is none. */
#define NOWHERE		UINT64_MAX

static uint64_t own_position(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? ring->tail : ring->head;
}

/* Sticky: with nothing before the limit, nor in this lap, every call comes to ring->error. */
static int ring_fail(struct ring *ring)
{
	ring->limit = own_position(ring);
	ring->lap_end = own_position(ring);
	ring->error = -EIO;
	return -EIO;
}

static uint64_t left_before_end(const struct ring *ring)
{
	return ring->lap_end - own_position(ring);
}

/* Where our own position lies in the ring; Q when it is about to wrap. */
static uint64_t own_offset(const struct ring *ring)
{
	return ring->geometry.queue_size - left_before_end(ring);
}

/* Begin a lap: our own position is where the ring starts. */
static void start_lap(struct ring *ring)
{
	ring->origin = (uintptr_t)ring->data->queue - own_position(ring);
	ring->lap_end = own_position(ring) + ring->geometry.queue_size;
}

/* Up to the other side's position, or to the ring's end. */
static void update_limit(struct ring *ring)
{
	uint64_t n = ring->tail - ring->head;

	if (left_before_end(ring) == 0)
		start_lap(ring);
	/* Positions do not wrap: the producer stops short of 2^64. */
	if (ring->role == ROLE_PRODUCER)
		n = smaller(ring_free(ring), (UINT64_MAX - ring->tail) & ~(uint64_t)7);
	ring->limit = own_position(ring) + smaller(n, left_before_end(ring));
}

int ring_look(struct ring *ring)
{
	uint64_t head = ring->head, tail = ring->tail;

	if (ring->error)
		return ring->error;

	if (ring->role == ROLE_PRODUCER)
		head = load_acquire(&ring->consumer->head);		/* P1 */
	else
		tail = load_acquire(&ring->data->tail);			/* C1 */
	if (!positions_sound(head, tail, ring->geometry.queue_size))
		return ring_fail(ring);

	ring->head = head;
	ring->tail = tail;
	update_limit(ring);
	return 0;
}

int ring_attach(struct ring *ring, enum role role, const struct mapping *memory,
		const struct geometry *expected)
{
	struct queue_data *data = memory->data;
	struct queue_consumer *consumer = memory->consumer;
	bool produces = role == ROLE_PRODUCER;

	*ring = (struct ring){
		.data = data,
		.consumer = consumer,
		.role = role,
		.head = load_acquire(&consumer->head),
		.tail = load_acquire(&data->tail),
		.enqueued = load_relaxed(&data->enqueued),
		.overruns = load_relaxed(&data->overruns),
		.dequeued = load_relaxed(&consumer->dequeued),
		.peer = produces ? &consumer->consumer_flags : &data->producer_flags,
		.reserved.position = NOWHERE,
		.peeked_at = NOWHERE,
		.emptied = load_relaxed(&consumer->dequeued),
		.n_patience = N_PATIENCE_LEAST,
	};
	if (!read_geometry(memory, &ring->geometry) ||
	    (expected && !same_geometry(&ring->geometry, expected)))
		return ring_fail(ring);
	/* An observer looks at both positions afresh at each call. */
	if (role == ROLE_OBSERVER)
		return 0;
	if (!positions_sound(ring->head, ring->tail, ring->geometry.queue_size))
		return ring_fail(ring);

	ring->small = (uint32_t)smaller(ring->geometry.max_entry, SMALL_PAYLOAD);
	ring->previous = own_position(ring);
	start_lap(ring);
	ring->origin += own_position(ring) % ring->geometry.queue_size;
	ring->lap_end -= own_position(ring) % ring->geometry.queue_size;
	update_limit(ring);
	return 0;
}

uint64_t ring_span(const struct ring *ring, size_t size)
{
	uint64_t left = left_before_end(ring);
	uint64_t space = entry_space(size);

	return space <= left ? space : left + space;
}

/* Return: 0 when @need bytes from tail on are free, -EOVERFLOW, or -EIO. */
static int check_room(struct ring *ring, uint64_t need)
{
	if (need > ring_free(ring)) {
		int r = ring_look(ring);

		if (r < 0)
			return r;
	}
	if (need > UINT64_MAX - ring->tail)
		return ring_fail(ring);

	return need <= ring_free(ring) ? 0 : -EOVERFLOW;
}

/* Fill the ring to its end; the entry behind it will be published with it. */
static void write_gap(struct ring *ring)
{
	uint64_t left = left_before_end(ring);

	if (left > 0)
		store_relaxed((entry_word *)ring_at(ring, ring->tail),
			      (left - sizeof(struct queue_entry)) | (uint64_t)QUEUE_GAP << 32);
	ring->tail += left;
	start_lap(ring);
}

/*
 * Make room for an entry of @size bytes before the limit, and write the gap.
 * Return: 0, -EIO, -EMSGSIZE, or -EOVERFLOW.
 */
static int make_room(struct ring *ring, size_t size)
{
	int r;

	if (ring->error)
		return ring->error;
	if (size > ring->geometry.max_entry)
		return -EMSGSIZE;

	r = check_room(ring, ring_span(ring, size));				/* P1 */
	if (r < 0)
		return r;

	if (entry_space(size) > left_before_end(ring))
		write_gap(ring);
	update_limit(ring);
	return 0;
}

/*
 * What place_inline() does, and all that it does not; our own position moves.
 * Return: as ring_enqueue().
 */
static int place_entry(struct ring *ring, const void *data, size_t size)
{
	unsigned char *payload;
	int r;

	if (!data && size > 0)
		return -EINVAL;
	if (size > ring->geometry.max_entry || entry_space(size) > ring->limit - ring->tail) {
		r = make_room(ring, size);
		if (r < 0)
			return r;
	}

	payload = begin_entry(ring, ring->tail, size);				/* P2 */
	if (size > 0)
		memcpy(payload, data, size);
	ring->tail += entry_space(size);
	return 0;
}

/* A refusal of the caller's whole call, and not of the rest of a batch. */
static int refuse(struct ring *ring, int r)
{
	if (r == -EOVERFLOW)
		store_relaxed(&ring->data->overruns, ++ring->overruns);
	return r;
}

int ring_enqueue_slow(struct ring *ring, const void *data, size_t size)
{
	uint64_t before = ring->tail;
	int r;

	r = place_entry(ring, data, size);
	if (r < 0)
		return refuse(ring, r);

	ring->previous = before;
	publish_entries(ring, ring->tail, 1);					/* P3 */
	return 0;
}

int ring_enqueue(struct ring *ring, const void *data, size_t size)
{
	ring->previous = ring->tail;
	return likely(enqueue_short(ring, data, size)) ? 0 : ring_enqueue_slow(ring, data, size);
}

int ring_enqueue_batch(struct ring *ring, const struct iovec *entries, uint32_t n, uint32_t *ret_n)
{
	uint64_t before = ring->tail;
	uint32_t i;
	int r = 0;

	for (i = 0; i < n; i++) {
		const struct iovec *entry = &entries[i];
		uint64_t tail = ring->tail;

		if (likely(place_inline(ring, tail, entry->iov_base, entry->iov_len))) {
			ring->tail = tail + entry_space(entry->iov_len);
			continue;
		}
		r = place_entry(ring, entry->iov_base, entry->iov_len);
		if (r < 0)
			break;
	}

	*ret_n = i;
	if (i == 0)
		return refuse(ring, r);
	ring->previous = before;
	publish_entries(ring, ring->tail, i);					/* P3 */
	return 0;
}

int ring_reserve(struct ring *ring, size_t size, void **ret_payload)
{
	uint64_t gap;
	int r;

	if (ring->error)
		return ring->error;
	if (size > ring->geometry.max_entry)
		return -EMSGSIZE;
	r = check_room(ring, ring_span(ring, size));				/* P1 */
	if (r < 0)
		return refuse(ring, r);

	if (left_before_end(ring) == 0)
		start_lap(ring);
	gap = ring_span(ring, size) - entry_space(size);
	ring->reserved = (struct reserved){ .position = ring->tail, .size = size, .gap = gap };
	*ret_payload = (gap ? ring->data->queue : ring_at(ring, ring->tail)) +
		       sizeof(struct queue_entry);
	return 0;
}

int ring_commit(struct ring *ring, size_t size)
{
	uint64_t before = ring->tail, space = entry_space(size);
	const struct reserved reserved = ring->reserved;
	unsigned char *at;

	if (ring->error)
		return ring->error;
	/* Any other entry that was published meanwhile has moved the position. */
	if (reserved.position != before || size > reserved.size)
		return -EINVAL;
	/* The room was there; a head that went back has taken it. */
	if (reserved.gap + space > ring_free(ring))
		return ring_fail(ring);

	if (reserved.gap)
		write_gap(ring);
	at = ring_at(ring, ring->tail);
	memset(at + sizeof(struct queue_entry) + size, 0,
	       space - sizeof(struct queue_entry) - size);
	store_relaxed((entry_word *)at, size);					/* P2 */
	ring->previous = before;
	publish_entries(ring, ring->tail + space, 1);				/* P3 */
	update_limit(ring);
	return 0;
}

int ring_can_enqueue(struct ring *ring, size_t size, uint64_t count)
{
	uint64_t queue_size = ring->geometry.queue_size;
	uint64_t space, left, n_first, need;

	if (ring->error)
		return ring->error;
	if (size > ring->geometry.max_entry)
		return -EMSGSIZE;

	/* So many before the ring's end, and the others, after a gap, behind it. */
	space = entry_space(size);
	left = left_before_end(ring);
	n_first = left / space;
	if (count <= n_first)
		need = count * space;
	else if (count - n_first <= queue_size / space)
		need = left + (count - n_first) * space;
	else
		need = queue_size + space;	/* more than there ever is */
	return check_room(ring, need);
}

/* Look again, and at everything. Return: 0, -ENODATA, or -EIO. */
static int find_next_slow(struct ring *ring, struct found *ret)
{
	int r;

	if (ring->error)
		return ring->error;

	if (ring->head == ring->tail) {
		r = ring_look(ring);						/* C1 */
		if (r < 0)
			return r;
	}
	update_limit(ring);

	r = find_entry(ring->data, &ring->geometry, own_offset(ring),
		       ring->tail - ring->head, ret);
	return r == -EIO ? ring_fail(ring) : r;
}

/* Consumer: the next entry. Moves nothing. Return: 0, -ENODATA, or -EIO. */
static int find_next(struct ring *ring, struct found *ret)
{
	const unsigned char *at = ring_at(ring, ring->head);
	uint64_t header;

	if (ring->head == ring->limit)
		return find_next_slow(ring, ret);

	header = load_relaxed((const entry_word *)at);				/* C2 */
	if (header > ring->geometry.max_entry ||
	    entry_space(header) > ring->limit - ring->head)
		return find_next_slow(ring, ret);

	*ret = (struct found){
		.payload = at + sizeof(struct queue_entry),
		.size = (uint32_t)header,
	};
	return 0;
}

/* Our own position goes behind @found; nothing is published. */
static void pass_entry(struct ring *ring, const struct found *found)
{
	ring->head += found->gap + entry_space(found->size);
	if (found->gap) {
		ring->origin -= ring->geometry.queue_size;
		ring->lap_end += ring->geometry.queue_size;
		update_limit(ring);
	}
}

/*
 * What take_inline() does, and all that it does not; our own position moves.
 * Return: as ring_dequeue().
 */
static int take_entry(struct ring *ring, void *buffer, uint32_t *size)
{
	struct found found;
	uint32_t room;
	int r;

	r = find_next(ring, &found);
	if (r < 0)
		return r;

	room = size ? *size : 0;
	if (size)
		*size = found.size;
	if (buffer && found.size > room)
		return -ENOSPC;
	if (buffer)
		memcpy(buffer, found.payload, found.size);			/* C2 */
	pass_entry(ring, &found);
	return 0;
}

/*
 * The queue was found empty. A consumer right behind its producer takes the tail's
 * line from it for each entry, and both go on at the speed of messages between
 * CPUs; with a distance, each runs on lines of its own. So let the producer get
 * ahead. But one that waits for our answer gains nothing, and we lose time:
 * whether a pause pays is tried, and the less often, the more often it did not.
 * Return: true after a pause; then look again.
 */
static bool keep_distance(struct ring *ring)
{
	uint64_t n = ring->dequeued - ring->emptied;	/* since it was empty before */

	if (n == 0)
		return false;
	if (ring->paused)
		ring->n_patience = n > N_FEW ? N_PATIENCE_LEAST :
			(uint32_t)smaller(8 * ring->n_patience, N_PATIENCE_MOST);
	ring->paused = false;
	ring->n_chased = n <= N_FEW ? ring->n_chased + 1 : 0;
	ring->emptied = ring->dequeued;
	if (ring->n_chased < ring->n_patience)
		return false;

	ring->n_chased = 0;
	ring->paused = true;
	for (int i = 0; i < N_PAUSES; i++)
		cpu_relax();
	return true;
}

/* Who polls an empty queue comes here each time. */
static bool is_empty(struct ring *ring)
{
	if (ring->head != ring->tail || ring->error || load_relaxed(&ring->data->tail) != ring->head)
		return false;							/* C1 */
	return !keep_distance(ring) || load_relaxed(&ring->data->tail) == ring->head;
}

int ring_dequeue_slow(struct ring *ring, void *buffer, uint32_t *size)
{
	uint64_t before = ring->head;
	int r;

	if (buffer && !size)
		return -EINVAL;
	if (is_empty(ring))
		return -ENODATA;
	if (dequeue_short(ring, buffer, size))
		return 0;

	r = take_entry(ring, buffer, size);
	if (r < 0)
		return r;

	ring->previous = before;
	consume_entries(ring, ring->head, 1);					/* C3 */
	return 0;
}

int ring_dequeue(struct ring *ring, void *buffer, uint32_t *size)
{
	ring->previous = ring->head;
	return likely(dequeue_short(ring, buffer, size)) ?
		0 : ring_dequeue_slow(ring, buffer, size);
}

/* One entry of a batch. A size passes 32 bits only in the caller's buffer. */
static int take_next(struct ring *ring, struct iovec *entry)
{
	uint32_t size = (uint32_t)smaller(entry->iov_len, UINT32_MAX);
	int r;

	r = take_entry(ring, entry->iov_base, &size);
	if (r == 0 || r == -ENOSPC)
		entry->iov_len = size;
	return r;
}

int ring_dequeue_batch(struct ring *ring, struct iovec *entries, uint32_t n, uint32_t *ret_n)
{
	uint64_t before = ring->head, size;
	uint32_t i;
	int r = 0;

	*ret_n = 0;
	if (is_empty(ring))
		return n == 0 ? 0 : -ENODATA;
	for (i = 0; i < n; i++) {
		struct iovec *entry = &entries[i];
		uint64_t head = ring->head;

		if (likely(take_inline(ring, head, entry->iov_base, entry->iov_len, &size))) {
			entry->iov_len = size;
			ring->head = head + entry_space(size);
			continue;
		}
		r = take_next(ring, entry);
		if (r < 0)
			break;
	}

	*ret_n = i;
	if (i == 0)
		return r;
	ring->previous = before;
	consume_entries(ring, ring->head, i);					/* C3 */
	return 0;
}

static int ring_observe_next(const struct ring *ring, struct found *ret, uint64_t *ret_head)
{
	const struct mapping memory = { .data = ring->data, .consumer = ring->consumer };

	return observe_next(&memory, &ring->geometry, ret, ret_head);
}

int ring_available(struct ring *ring)
{
	struct found found;
	uint64_t head;
	int r;

	if (ring->error)
		return ring->error;
	if (ring->role == ROLE_OBSERVER) {
		r = ring_observe_next(ring, &found, &head);
		return r == 0 ? 1 : r == -ENODATA ? 0 : r;
	}
	if (ring->head != ring->tail)
		return 1;

	r = ring_look(ring);							/* C1 */
	return r < 0 ? r : ring->head != ring->tail;
}

int ring_peek(struct ring *ring, const struct queue_entry **ret_entry, uint32_t *ret_size,
	      uint64_t *ret_position)
{
	uint64_t head = ring->head;
	struct found found;
	int r;

	if (ring->role != ROLE_OBSERVER)
		r = find_next(ring, &found);
	else
		r = ring->error ? ring->error : ring_observe_next(ring, &found, &head);
	if (r < 0)
		return r;

	ring->peeked = found;
	ring->peeked_at = head;
	*ret_entry = (const struct queue_entry *)(found.payload - sizeof(struct queue_entry));
	*ret_size = found.size;
	*ret_position = head + found.gap;
	return 0;
}

int ring_release(struct ring *ring)
{
	uint64_t before = ring->head;

	if (ring->error)
		return ring->error;
	if (ring->peeked_at != before)
		return -EINVAL;
	/* The entry was there; a tail that went back has taken it. */
	if (ring->peeked.gap + entry_space(ring->peeked.size) > ring->tail - before)
		return ring_fail(ring);

	pass_entry(ring, &ring->peeked);
	ring->previous = before;
	consume_entries(ring, ring->head, 1);					/* C3 */
	return 0;
}
