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
 * The peer is not trusted. A shared word is loaded once, by an atomic load into
 * a local, and only the local is checked and used: a plain load may be repeated
 * by the compiler, after the check.
 */
#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "ring.h"
#include "ring_inline.h"

/* The next entry, checked. */
struct found {
	const unsigned char *payload;
	uint64_t gap;			/* bytes before it that are to be skipped */
	uint32_t size;			/* of the payload */
};

/* How often to look at something that moves before making do without. */
#define N_TRIES			8
#define N_ENTRIES_WALKED	65536

static uint64_t own_position(const struct ring *ring)
{
	return ring->role == ROLE_PRODUCER ? ring->tail : ring->head;
}

/* Sticky: with nothing before the limit, every call comes to ring->error. */
static int ring_fail(struct ring *ring)
{
	ring->limit = own_position(ring);
	ring->error = -EIO;
	return -EIO;
}

/* Where our own position lies in the ring; Q when it is about to wrap. */
static uint64_t own_offset(const struct ring *ring)
{
	return (uint64_t)(ring_at(ring, own_position(ring)) - ring->data->queue);
}

static uint64_t left_before_end(const struct ring *ring)
{
	return ring->geometry.queue_size - own_offset(ring);
}

/* Begin a lap: our own position is where the ring starts. */
static void start_lap(struct ring *ring)
{
	ring->origin = (uintptr_t)ring->data->queue - own_position(ring);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool positions_sound(uint64_t head, uint64_t tail, uint64_t queue_size)
{
	return head % 8 == 0 && tail % 8 == 0 && head <= tail && tail - head <= queue_size;
}

/* Each word is read once; what is kept is what was checked. */
static bool read_geometry(const struct mapping *memory, struct geometry *ret)
{
	const struct queue_data *data = memory->data;
	const struct queue_consumer *consumer = memory->consumer;
	struct geometry least, shared = {
		.queue_size = load_relaxed(&data->queue_size),
		.capacity = load_relaxed(&data->capacity),
		.max_entry = load_relaxed(&data->max_entry),
	};

	if (memory->n_data < QUEUE_PAGE || memory->n_consumer < QUEUE_PAGE)
		return false;
	if (memcmp(data->magic, QUEUE_MAGIC, sizeof(data->magic)) != 0 ||
	    memcmp(consumer->magic, QUEUE_CONSUMER_MAGIC, sizeof(consumer->magic)) != 0 ||
	    load_relaxed(&data->version) != QUEUE_VERSION ||
	    load_relaxed(&consumer->version) != QUEUE_VERSION ||
	    load_relaxed(&data->header_size) != QUEUE_PAGE)
		return false;
	if (shared.queue_size == 0 || shared.queue_size % QUEUE_PAGE != 0 ||
	    shared.queue_size > memory->n_data - QUEUE_PAGE)
		return false;
	/* The Room rule; the ring may be larger than it needs to be. */
	if (geometry_make(shared.capacity, shared.max_entry, &least) < 0 ||
	    least.queue_size > shared.queue_size)
		return false;

	*ret = shared;
	return true;
}

static bool same_geometry(const struct geometry *a, const struct geometry *b)
{
	return a->queue_size == b->queue_size && a->capacity == b->capacity &&
	       a->max_entry == b->max_entry;
}

/*
 * May an entry with this @header stand at @offset of the ring, with @n bytes
 * published from there on? The header was loaded once.
 */
static bool entry_sound(const struct geometry *geometry, uint64_t offset, uint64_t n,
			uint64_t header)
{
	uint64_t left = geometry->queue_size - offset;
	uint64_t space = entry_space((uint32_t)header);

	if (space > n || space > left)
		return false;
	if (header >> 32 == QUEUE_GAP)
		return sizeof(struct queue_entry) + (uint32_t)header == left;
	return header <= geometry->max_entry;
}

static uint64_t header_at(const struct queue_data *data, uint64_t offset)
{
	return load_relaxed((const entry_word *)(data->queue + offset));
}

/*
 * The first of the @n published bytes from @offset on that are no gap. At most
 * two headers are looked at: a gap reaches the ring's end, and what follows it
 * does not.
 * Return: 0, -ENODATA when @n is 0, or -EIO.
 */
static int find_entry(const struct queue_data *data, const struct geometry *geometry,
		      uint64_t offset, uint64_t n, struct found *ret)
{
	uint64_t header, gap = 0;

	if (n == 0)
		return -ENODATA;

	header = header_at(data, offset);				/* C2 */
	if (!entry_sound(geometry, offset, n, header))
		return -EIO;
	if (header >> 32 == QUEUE_GAP) {
		gap = geometry->queue_size - offset;
		offset = 0;
		header = header_at(data, offset);
		/* No producer publishes a gap alone, or two. */
		if (header >> 32 == QUEUE_GAP || !entry_sound(geometry, offset, n - gap, header))
			return -EIO;
	}

	ret->payload = data->queue + offset + sizeof(struct queue_entry);
	ret->gap = gap;
	ret->size = (uint32_t)header;
	return 0;
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
	};
	start_lap(ring);

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
	ring->origin += own_position(ring) % ring->geometry.queue_size;
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
	if (r == -EOVERFLOW)
		store_relaxed(&ring->data->overruns, ++ring->overruns);
	if (r < 0)
		return r;

	if (entry_space(size) > left_before_end(ring))
		write_gap(ring);
	update_limit(ring);
	return 0;
}

/* What the short way does, and all that it does not. */
int ring_enqueue_slow(struct ring *ring, const void *data, size_t size)
{
	uint64_t before = ring->tail;
	unsigned char *payload;
	int r;

	if (!data && size > 0)
		return -EINVAL;
	if (size > ring->geometry.max_entry || entry_space(size) > ring->limit - ring->tail) {
		r = make_room(ring, size);
		if (r < 0)
			return r;
	}

	ring->previous = before;
	payload = begin_entry(ring, ring->tail, size);				/* P2 */
	if (size > 0)
		memcpy(payload, data, size);
	publish_entry(ring, ring->tail + entry_space(size));			/* P3 */
	return 0;
}

int ring_enqueue(struct ring *ring, const void *data, size_t size)
{
	return enqueue_inline(ring, data, size);
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

int ring_dequeue_slow(struct ring *ring, void *buffer, uint32_t *size)
{
	struct found found;
	uint32_t room;
	int r;

	if (buffer && !size)
		return -EINVAL;
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

	ring->previous = ring->head;
	consume_entry(ring, ring->head + found.gap + entry_space(found.size));	/* C3 */
	if (found.gap) {
		ring->origin -= ring->geometry.queue_size;
		update_limit(ring);
	}
	return 0;
}

/*
 * Both positions, as they stood together: `head` was the same before and after
 * `tail` was read.
 * Return: 0, -EAGAIN when they do not hold still, or -EIO.
 */
static int observe_positions(const struct mapping *memory, const struct geometry *geometry,
			     uint64_t *ret_head, uint64_t *ret_tail)
{
	for (int i = 0; i < N_TRIES; i++) {
		uint64_t head = load_acquire(&memory->consumer->head);
		uint64_t tail = load_acquire(&memory->data->tail);

		if (load_acquire(&memory->consumer->head) != head)
			continue;
		if (!positions_sound(head, tail, geometry->queue_size))
			return -EIO;

		*ret_head = head;
		*ret_tail = tail;
		return 0;
	}
	return -EAGAIN;
}

/* Until head moves, nothing from there on is overwritten. */
static bool head_is_still(const struct mapping *memory, uint64_t head)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return load_relaxed(&memory->consumer->head) == head;
}

static int observe_next(const struct ring *ring, struct found *ret, uint64_t *ret_head)
{
	const struct mapping memory = { .data = ring->data, .consumer = ring->consumer };
	uint64_t head, tail;
	int r = -EAGAIN;

	for (int i = 0; i < N_TRIES && r == -EAGAIN; i++) {
		r = observe_positions(&memory, &ring->geometry, &head, &tail);
		if (r < 0)
			continue;
		r = find_entry(ring->data, &ring->geometry, head % ring->geometry.queue_size,
			       tail - head, ret);
		if (!head_is_still(&memory, head))
			r = -EAGAIN;
	}
	if (r == 0)
		*ret_head = head;
	/* Entries that pass too quickly to be seen: none stands there. */
	return r == -EAGAIN ? -ENODATA : r;
}

int ring_available(struct ring *ring)
{
	struct found found;
	uint64_t head;
	int r;

	if (ring->error)
		return ring->error;
	if (ring->role == ROLE_OBSERVER) {
		r = observe_next(ring, &found, &head);
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
		r = ring->error ? ring->error : observe_next(ring, &found, &head);
	if (r < 0)
		return r;

	*ret_entry = (const struct queue_entry *)(found.payload - sizeof(struct queue_entry));
	*ret_size = found.size;
	*ret_position = head + found.gap;
	return 0;
}

int ring_dequeue(struct ring *ring, void *buffer, uint32_t *size)
{
	return dequeue_inline(ring, buffer, size);
}

/* Return: 0, -E2BIG when there are too many, or -EIO. */
static int count_entries(const struct queue_data *data, const struct geometry *geometry,
			 uint64_t head, uint64_t tail, uint64_t *ret)
{
	uint64_t offset = head % geometry->queue_size, n = 0;
	struct found found;
	int r;

	while ((r = find_entry(data, geometry, offset, tail - head, &found)) == 0) {
		uint64_t space = entry_space(found.size);

		if (++n > N_ENTRIES_WALKED)
			return -E2BIG;
		head += found.gap + space;
		offset = (found.gap ? 0 : offset) + space;
		if (offset == geometry->queue_size)
			offset = 0;
	}
	if (r != -ENODATA)
		return r;

	*ret = n;
	return 0;
}

/* The largest payload that fits, before the ring's end or, with a gap, behind. */
static uint64_t largest_payload(const struct geometry *geometry, uint64_t head, uint64_t tail)
{
	uint64_t room = geometry->queue_size - (tail - head);
	uint64_t left = geometry->queue_size - tail % geometry->queue_size;
	uint64_t space = smaller(room, left);

	if (room > left && room - left > space)
		space = room - left;
	if (space < sizeof(struct queue_entry))
		return 0;
	return smaller(space - sizeof(struct queue_entry), geometry->max_entry);
}

/* Return: 0, -EAGAIN when the queue did not hold still, or -EIO. */
static int observe_entries(const struct mapping *memory, const struct geometry *geometry,
			   struct ring_status *status)
{
	uint64_t head, tail;
	int r;

	r = observe_positions(memory, geometry, &head, &tail);
	if (r < 0)
		return r;

	status->used = tail - head;
	status->free = largest_payload(geometry, head, tail);
	r = count_entries(memory->data, geometry, head, tail, &status->entries);
	if (r == 0 || r == -E2BIG)
		return r == 0 ? 0 : -EAGAIN;
	return head_is_still(memory, head) ? r : -EAGAIN;
}

void ring_observe(const struct mapping *memory, const struct geometry *geometry,
		  struct ring_status *ret)
{
	const struct queue_data *data = memory->data;
	const struct queue_consumer *consumer = memory->consumer;
	struct geometry shared;
	int r = -EAGAIN;

	*ret = (struct ring_status){
		.enqueued = load_relaxed(&data->enqueued),
		.dequeued = load_relaxed(&consumer->dequeued),
		.overruns = load_relaxed(&data->overruns),
		.data_notifications = load_relaxed(&data->data_sequence),
		.space_notifications = load_relaxed(&consumer->space_sequence),
	};
	if (!read_geometry(memory, &shared) || !same_geometry(&shared, geometry)) {
		ret->corrupt = true;
		return;
	}

	for (int i = 0; i < N_TRIES && r == -EAGAIN; i++)
		r = observe_entries(memory, geometry, ret);
	if (r == -EAGAIN)
		ret->entries = ret->enqueued - ret->dequeued;
	if (r == -EIO) {
		ret->entries = ret->used = ret->free = 0;
		ret->corrupt = true;
	}
}
