/* SPDX-License-Identifier: MIT */
/*
 * fuzz - what the targets of the memory layer share: a queue's memory as both sides see it,
 * and the words of an oracle
 *
 * An input is a program: a head that chooses the queue, then calls of ours and
 * changes by the peer, a byte for each and what it needs behind it. Where it is
 * at its end it says 0 for ever.
 */
#pragma once

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "libqueue/atomic.h"
#include "libqueue/observe.h"
#include "libqueue/ring.h"
#include "libqueue/wait.h"

/* Changes and calls of one input, at most: all of it is to take milliseconds. */
#define N_STEPS		256

/* A payload of ours may be this long; no queue here takes one. */
#define N_PAYLOAD	5000u

/* 0 to 63 as they are, then in steps of 8, around the sizes that matter and past them. */
static inline uint32_t take_size(struct input *input, uint32_t max_entry)
{
	uint32_t byte = take_byte(input);

	if (byte < 64)
		return byte;
	if (byte < 192)
		return (byte - 56) * 8;
	if (byte < 224)
		return max_entry + 208 < byte ? 0 : max_entry + 208 - byte;
	return (uint32_t)take(input, 2) % N_PAYLOAD;
}

/* A queue's files, seen twice: by the peer, who may do anything, and with a role's rights. */
struct queue {
	struct geometry geometry;
	struct mapping peer, ours;
};

/* @n bytes of @fd between pages that nobody may touch. */
static inline void *guarded(int fd, size_t n, int protection)
{
	char *all = mmap(NULL, n + 2 * (size_t)QUEUE_PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *memory;

	CHECK(all != MAP_FAILED);
	memory = mmap(all + QUEUE_PAGE, n, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

static inline int memory_file(uint64_t n)
{
	int fd = memfd_create("queue", MFD_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)n) == 0);
	return fd;
}

static inline void make_queue(struct queue *queue, enum role role)
{
	int writes_data = role == ROLE_PRODUCER ? PROT_WRITE : 0;
	int writes_consumer = role == ROLE_CONSUMER ? PROT_WRITE : 0;
	size_t n = geometry_file_size(&queue->geometry);
	int data = memory_file(n), consumer = memory_file(QUEUE_PAGE);

	queue->peer = (struct mapping){ .n_data = n, .n_consumer = QUEUE_PAGE };
	queue->ours = queue->peer;
	queue->peer.data = guarded(data, n, PROT_READ | PROT_WRITE);
	queue->peer.consumer = guarded(consumer, QUEUE_PAGE, PROT_READ | PROT_WRITE);
	queue->ours.data = guarded(data, n, PROT_READ | writes_data);
	queue->ours.consumer = guarded(consumer, QUEUE_PAGE, PROT_READ | writes_consumer);
	close(data);
	close(consumer);
}

static const struct geometry geometries[] = {
	{ .queue_size = 4096, .capacity = 2048, .max_entry = 2040 },
	{ .queue_size = 4096, .capacity = 64, .max_entry = 16 },
	{ .queue_size = 8192, .capacity = 4096, .max_entry = 1024 },
	{ .queue_size = 8192, .capacity = 4096, .max_entry = 4088 },
	{ .queue_size = 12288, .capacity = 1000, .max_entry = 100 },
	{ .queue_size = 4096, .capacity = 4088, .max_entry = 0 },
};

#define N_GEOMETRIES	(sizeof(geometries) / sizeof(geometries[0]))

/* Where a queue starts: early, before the ring's end, late, and where no more positions are. */
static inline uint64_t take_position(struct input *input, uint64_t queue_size)
{
	uint8_t byte = take_byte(input);
	uint64_t near = (uint64_t)(byte >> 2) * 8;

	switch (byte & 3) {
	case 0:
		return near;
	case 1:
		return queue_size - near;
	case 2:
		return (queue_size << 40) - near;
	default:
		return UINT64_MAX - 7 - near;
	}
}

/* A new and empty queue; the same memory is used for all inputs. */
static inline struct queue *take_queue(struct input *input, enum role role)
{
	static struct queue queues[N_GEOMETRIES];
	struct queue *queue = &queues[take_byte(input) % N_GEOMETRIES];
	uint64_t position;

	if (!queue->peer.data) {
		queue->geometry = geometries[queue - queues];
		make_queue(queue, role);
	}
	layout_format(queue->peer.data, queue->peer.consumer, &queue->geometry);
	memset(queue->peer.data->queue, 0, queue->geometry.queue_size);
	position = take_position(input, queue->geometry.queue_size);
	queue->peer.data->tail = position;
	queue->peer.consumer->head = position;
	return queue;
}

/* A header as an entry may have it, or a gap's, or neither. */
static inline uint64_t take_header(struct input *input, const struct queue *queue, uint64_t offset)
{
	uint8_t byte = take_byte(input);
	uint64_t left = queue->geometry.queue_size - offset % queue->geometry.queue_size;
	uint64_t gap = (left - 8) | (uint64_t)QUEUE_GAP << 32;

	switch (byte % 4) {
	case 0:
		return take_size(input, queue->geometry.max_entry);
	case 1:
		return gap;
	case 2:
		return gap + (uint64_t)(int64_t)(int8_t)take_byte(input);
	default:
		return take(input, 8);
	}
}

/* Any word, more often one that could pass. */
static inline uint64_t take_word(struct input *input, const struct queue *queue)
{
	uint8_t byte = take_byte(input);
	uint64_t near = (uint64_t)((int64_t)(int8_t)take_byte(input) * 8);

	switch (byte % 8) {
	case 0:
		return load_relaxed(&queue->peer.data->tail) + near;
	case 1:
		return load_relaxed(&queue->peer.consumer->head) + near;
	case 2:
		return load_relaxed(&queue->peer.consumer->head) +
		       queue->geometry.queue_size + near;
	case 3:
		return load_relaxed(&queue->peer.data->tail) - queue->geometry.queue_size + near;
	case 4:
		return near / 8;
	case 5:
		return take_size(input, queue->geometry.max_entry);
	case 6:
		return UINT64_MAX - near;
	default:
		return take(input, 8);
	}
}

/* As many steps as the input has bytes for, and no more than N_STEPS. */
static inline bool goes_on(const struct input *input, unsigned *step)
{
	return input->n > 0 && ++*step <= N_STEPS;
}
