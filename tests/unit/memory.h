/* SPDX-License-Identifier: MIT */
/*
 * memory - a queue's memory for a test: anonymous, shared with a fork's child,
 * and between pages that nobody may touch
 */
#pragma once

#include <check.h>
#include <sys/mman.h>

#include "libqueue/atomic.h"
#include "libqueue/observe.h"
#include "libqueue/ring.h"

/* @n bytes, whole pages, that a step before or behind is a SIGSEGV. */
static inline void *guarded_pages(size_t n)
{
	char *all = mmap(NULL, n + 2 * (size_t)QUEUE_PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *memory;

	ck_assert_ptr_ne(all, MAP_FAILED);
	memory = mmap(all + QUEUE_PAGE, n, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static inline struct mapping new_memory(const struct geometry *geometry)
{
	struct mapping memory = {
		.n_data = geometry_file_size(geometry),
		.n_consumer = QUEUE_PAGE,
	};

	memory.data = guarded_pages(memory.n_data);
	memory.consumer = guarded_pages(memory.n_consumer);
	layout_format(memory.data, memory.consumer, geometry);
	return memory;
}

/* A queue and both its sides. */
struct sides {
	struct geometry geometry;
	struct mapping memory;
	struct ring producer, consumer;
};

static inline void new_sides(struct sides *sides, const struct geometry *geometry)
{
	sides->geometry = *geometry;
	sides->memory = new_memory(geometry);
	ck_assert_int_eq(ring_attach(&sides->producer, ROLE_PRODUCER, &sides->memory, geometry), 0);
	ck_assert_int_eq(ring_attach(&sides->consumer, ROLE_CONSUMER, &sides->memory, geometry), 0);
}

static inline struct geometry geometry_of(uint64_t capacity, uint64_t max_entry)
{
	struct geometry geometry;

	ck_assert_int_eq(geometry_make(capacity, max_entry, &geometry), 0);
	return geometry;
}

/* Both sides as if @position bytes had gone through the queue. */
static inline void start_at(struct sides *sides, uint64_t position)
{
	store_relaxed(&sides->memory.data->tail, position);
	store_relaxed(&sides->memory.consumer->head, position);
	ck_assert_int_eq(ring_attach(&sides->producer, ROLE_PRODUCER, &sides->memory, NULL), 0);
	ck_assert_int_eq(ring_attach(&sides->consumer, ROLE_CONSUMER, &sides->memory, NULL), 0);
}
