/* SPDX-License-Identifier: MIT */
/*
 * process_memory - a queue that has no directory: memory files and pipes
 *
 * The same two files in the same format, and the same two doorbells, but nobody
 * can look them up: they are this process's until a queue is published.
 *
 * The files are sealed, so that whoever gets a descriptor of one can neither cut
 * it off under a mapping nor let it grow.
 */
#pragma once

#include "doorbell.h"

struct process_memory {
	int data_fd, consumer_fd;	/* memory files */
	int notify[2], serviced[2];	/* pipes: to read from, to write to */
	struct geometry geometry;
};

#define PROCESS_MEMORY_NULL \
	((struct process_memory){ -1, -1, { -1, -1 }, { -1, -1 }, { 0 } })

/* A new and empty queue. Return: 0, or a negative errno. */
int process_memory_open(const struct geometry *geometry, struct process_memory *ret);

/* Harmless on PROCESS_MEMORY_NULL, and when called again. */
void process_memory_close(struct process_memory *memory);

/*
 * Map @memory with the rights of @role, and take descriptors of its doorbells.
 * Nothing is locked: the caller sees to it that a role has one holder.
 * Return: 0, or a negative errno.
 */
int process_memory_attach(const struct process_memory *memory, enum role role,
			  struct doorbell *ret, struct mapping *ret_mapping);
