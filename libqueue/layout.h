/* SPDX-License-Identifier: MIT */
/*
 * layout - the memory of a queue, format 1: a contract between processes that
 * may have been built years apart, in any language. docs/ring.md is its text;
 * any change here raises QUEUE_VERSION.
 *
 * A queue is two files, so that the kernel keeps each side to its own words:
 * the producer writes `data`, the consumer writes `consumer`, and each maps the
 * other's file read-only. Within a file the words are grouped by who reads them
 * when, a cache line (or two, for the adjacent-line prefetcher) for each group.
 *
 * `head` and `tail` are positions: bytes since creation. They never wrap; the
 * byte at position p lies at queue[p % queue_size]. The producer writes `tail`,
 * the consumer writes `head`.
 */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_MAGIC		"IODQRNG1"
#define QUEUE_CONSUMER_MAGIC	"IODQCON1"
#define QUEUE_VERSION		1u
#define QUEUE_PAGE		4096u		/* header of `data`, all of `consumer` */

/* producer_flags and consumer_flags */
#define QUEUE_ASYMMETRIC	1u	/* registered for the asymmetric fence */
#define QUEUE_PACED		2u	/* arms before it sleeps */

/* data_wait and space_wait: turn << 2 | how */
#define QUEUE_WAIT_FUTEX	1u
#define QUEUE_WAIT_FIFO		2u
#define QUEUE_WAIT_HOW		3u

struct queue_data {
	/* fsd writes; constant but for generation. */
	char     magic[8];
	uint32_t version;
	uint32_t header_size;
	uint64_t queue_size;			/* bytes of the ring, Q */
	uint64_t capacity;			/* bytes that always fit, C */
	uint32_t max_entry;			/* bytes of the largest payload */
	uint32_t flags;
	uint32_t generation;			/* of the mount */

	/* The producer writes, the consumer reads when the queue seems empty. */
	alignas(128) uint64_t tail;		/* end of the newest entry */
	uint64_t enqueued;

	/* The producer writes, rarely. */
	alignas(128) uint32_t data_sequence;	/* futex word */
	uint32_t producer_flags;
	uint32_t space_wait;
	uint64_t space_wanted;			/* bytes */
	uint64_t overruns;

	alignas(4096) unsigned char queue[];
};

struct queue_consumer {
	char     magic[8];
	uint32_t version;

	/* The consumer writes, the producer reads when the queue seems full. */
	alignas(128) uint64_t head;		/* start of the oldest entry */
	uint64_t dequeued;

	/* The consumer writes, rarely; the producer reads at each enqueue. */
	alignas(128) uint32_t space_sequence;	/* futex word */
	uint32_t consumer_flags;
	uint32_t data_wait;
};

#define QUEUE_GAP	1u	/* flags of an entry: skip it */

struct queue_entry {
	uint32_t size;			/* bytes of payload */
	uint32_t flags;
	unsigned char data[];
};

static_assert(offsetof(struct queue_data, header_size) == 12, "layout is ABI");
static_assert(offsetof(struct queue_data, queue_size) == 16, "layout is ABI");
static_assert(offsetof(struct queue_data, capacity) == 24, "layout is ABI");
static_assert(offsetof(struct queue_data, max_entry) == 32, "layout is ABI");
static_assert(offsetof(struct queue_data, generation) == 40, "layout is ABI");
static_assert(offsetof(struct queue_data, tail) == 128, "layout is ABI");
static_assert(offsetof(struct queue_data, enqueued) == 136, "layout is ABI");
static_assert(offsetof(struct queue_data, data_sequence) == 256, "layout is ABI");
static_assert(offsetof(struct queue_data, producer_flags) == 260, "layout is ABI");
static_assert(offsetof(struct queue_data, space_wait) == 264, "layout is ABI");
static_assert(offsetof(struct queue_data, space_wanted) == 272, "layout is ABI");
static_assert(offsetof(struct queue_data, overruns) == 280, "layout is ABI");
static_assert(offsetof(struct queue_data, queue) == QUEUE_PAGE, "layout is ABI");
static_assert(offsetof(struct queue_consumer, head) == 128, "layout is ABI");
static_assert(offsetof(struct queue_consumer, dequeued) == 136, "layout is ABI");
static_assert(offsetof(struct queue_consumer, space_sequence) == 256, "layout is ABI");
static_assert(offsetof(struct queue_consumer, consumer_flags) == 260, "layout is ABI");
static_assert(offsetof(struct queue_consumer, data_wait) == 264, "layout is ABI");
static_assert(sizeof(struct queue_entry) == 8, "layout is ABI");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are little-endian");
static_assert(__GCC_ATOMIC_LLONG_LOCK_FREE == 2, "a lock would not be shared");

/* What the creator of a queue decides, and each side keeps a private copy of. */
struct geometry {
	uint64_t queue_size;
	uint64_t capacity;
	uint32_t max_entry;
};

/* Bytes that an entry of @size payload bytes occupies. */
static inline uint64_t entry_space(uint64_t size)
{
	return sizeof(struct queue_entry) + ((size + 7) & ~(uint64_t)7);
}

/* Bytes of the file `data`. */
static inline uint64_t geometry_file_size(const struct geometry *geometry)
{
	return QUEUE_PAGE + geometry->queue_size;
}

/*
 * The geometry of a queue where @capacity bytes always fit (rounded up to 8),
 * with entries of up to @max_entry bytes; the two that the documents know.
 * Return: 0, or -EINVAL where a size passes its format's limits (max_entry 32
 * bits, the file 2^63 bytes); *@ret is then untouched.
 */
int geometry_make(uint64_t capacity, uint64_t max_entry, struct geometry *ret);
int geometry_with_capacity(uint64_t capacity, struct geometry *ret);
int geometry_with_entries(uint64_t n_entries, uint64_t entry_size, struct geometry *ret);

/*
 * Make both pages those of a new and empty queue. @data->generation is kept:
 * it is the mount's. Nobody may hold a role.
 */
void layout_format(struct queue_data *data, struct queue_consumer *consumer,
		   const struct geometry *geometry);
