/* SPDX-License-Identifier: MIT */
/*
 * publish - a queue moves from a process's memory into a mount
 *
 * The new queue is made and filled before the old one is given up, and nobody can
 * dequeue from it meanwhile, for we hold both its roles. So when anything fails,
 * it is removed, and the old one is as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOSharedDataQueue.h>

#include "cleanup.h"
#include "queue_class.h"
#include "result.h"

/* The queue in the mount, while it is being made. */
struct target {
	char *path;
	bool made;			/* to be removed, unless it is good */
	IODataQueueMemory *producer, *consumer;
};

static void target_close(struct target *target)
{
	if (target->producer)
		attachment_close(target->producer);
	if (target->consumer)
		attachment_close(target->consumer);
	target->producer = NULL;
	target->consumer = NULL;
}

static int write_value(const struct target *target, const char *file, uint64_t value)
{
	_cleanup_(freep) char *path = text_print("%s/%s", target->path, file);
	_cleanup_(closep) int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* A directory that makes plain directories is no place for queues. */
	if (fd < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	return dprintf(fd, "%llu\n", (unsigned long long)value) < 0 ? -errno : 0;
}

/*
 * Where the queue is to be: the mount's own path, whatever the working directory
 * is later.
 */
static int target_path(const char *directory, const char *name, char **ret)
{
	_cleanup_(freep) char *absolute = realpath(directory, NULL);

	if (!absolute)
		return -errno;
	*ret = text_print("%s/%s", absolute, name);
	return *ret ? 0 : -ENOMEM;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A queue in a mount has some capacity, and some largest entry. */
static int target_make(struct target *target, const struct geometry *geometry)
{
	int r;

	if (mkdir(target->path, 0777) < 0)
		return -errno;
	target->made = true;

	/* In this order, the queue is at no time larger than it will be. */
	r = write_value(target, "max_entry", larger(geometry->max_entry, 1));
	if (r == 0)
		r = write_value(target, "capacity", larger(geometry->capacity, 8));
	if (r == 0)
		r = attachment_open(target->path, ROLE_CONSUMER, &target->consumer);
	if (r == 0)
		r = attachment_open(target->path, ROLE_PRODUCER, &target->producer);
	return r;
}

/* rmdir() takes no queue with entries in it. */
static void target_remove(struct target *target)
{
	target_close(target);
	write_value(target, "reset", 1);
	rmdir(target->path);
}

/*
 * Copy all entries. The walk is a consumer's, on a page of its own in the place of
 * the queue's, so that the queue itself is not touched.
 */
static int copy_entries(const struct process_memory *memory, IODataQueueMemory *producer)
{
	_cleanup_(mapping_close) struct mapping mapping = MAPPING_NULL;
	alignas(QUEUE_PAGE) struct queue_consumer position;
	const struct queue_entry *entry;
	struct mapping walk;
	struct ring walker;
	uint64_t at;
	uint32_t size;
	int r;

	r = mapping_open(memory->data_fd, memory->consumer_fd, ROLE_OBSERVER, &mapping);
	if (r < 0)
		return r;
	position = *mapping.consumer;
	walk = mapping;
	walk.consumer = &position;
	r = ring_attach(&walker, ROLE_CONSUMER, &walk, &memory->geometry);
	if (r < 0)
		return r;

	while ((r = ring_peek(&walker, &entry, &size, &at)) == 0) {
		r = ring_enqueue(&producer->ring, entry->data, size);
		if (r < 0)
			return r;
		ring_release(&walker);
	}
	/* A script that polls `notify` before it takes the role. */
	if (ring_available(&producer->ring) == 1)
		attachment_ring(producer, QUEUE_WAIT_FIFO);
	return r == -ENODATA ? 0 : r;
}

/* The queue is now @target. */
static void move(IODataQueue *queue, struct target *target)
{
	bool shared = OSObject_metaCast(queue, "IOSharedDataQueue");

	queue_close_sides(queue);
	process_memory_close(&queue->memory);
	if (!shared) {
		queue->producer = target->producer;
		target->producer = NULL;
	}
	queue->path = target->path;
	target->path = NULL;
	queue->place = QUEUE_IN_MOUNT;
}

static int publish(IODataQueue *queue, struct target *target)
{
	int r;

	r = target_make(target, &queue->memory.geometry);
	if (r == 0)
		r = copy_entries(&queue->memory, target->producer);
	if (r == 0)
		move(queue, target);
	else if (target->made)
		target_remove(target);
	target_close(target);
	return r;
}

static IOReturn publish_result(int r)
{
	if (r == 0)
		return kIOReturnSuccess;
	errno = -r;
	switch (r) {
	case -EEXIST:
		return kIOReturnBusy;
	default:
		return result_from_ring(r);
	}
}

static bool is_name(const char *name)
{
	return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

IOReturn IODataQueue_publish(IODataQueue *queue, const char *directory, const char *name)
{
	struct target target = { 0 };
	int r;

	if (!queue || !directory || !is_name(name) || queue->place == QUEUE_NOWHERE)
		return publish_result(-EINVAL);
	if (queue->place == QUEUE_IN_MOUNT)
		return publish_result(-EEXIST);

	r = target_path(directory, name, &target.path);
	if (r == 0)
		r = publish(queue, &target);
	free(target.path);
	return publish_result(r);
}

IOReturn IOSharedDataQueue_publish(IOSharedDataQueue *queue, const char *directory,
				   const char *name)
{
	return IODataQueue_publish(queue ? &queue->queue : NULL, directory, name);
}
