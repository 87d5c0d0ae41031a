/* SPDX-License-Identifier: MIT */
/*
 * handle - the table from numbers to handles
 *
 * One lock for all: it is held for some instructions, never while a file is
 * opened or closed.
 */
#include <pthread.h>
#include <stdlib.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "handle.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle **table;		/* by descriptor */
static size_t n_table;

void *handle_new(size_t size, enum handle_kind kind, int fd)
{
	struct handle *handle = fd >= 0 ? calloc(1, size) : NULL;

	if (!handle) {
		close_fd(fd);
		return NULL;
	}
	*handle = (struct handle){ .n_refs = 1, .kind = kind, .fd = fd };
	return handle;
}

static void handle_free(struct handle *handle)
{
	if (handle->free)
		handle->free(handle);
	close_fd(handle->fd);
	free(handle->mount);
	free(handle->path);
	free(handle->class_name);
	free(handle);
}

struct handle *handle_ref(struct handle *handle)
{
	pthread_mutex_lock(&lock);
	handle->n_refs++;
	pthread_mutex_unlock(&lock);
	return handle;
}

bool handle_try_ref(struct handle *handle)
{
	bool lives;

	pthread_mutex_lock(&lock);
	lives = handle->n_refs > 0;
	handle->n_refs += lives;
	pthread_mutex_unlock(&lock);
	return lives;
}

void handle_put(struct handle *handle)
{
	bool last;

	if (!handle)
		return;
	pthread_mutex_lock(&lock);
	last = --handle->n_refs == 0;
	pthread_mutex_unlock(&lock);
	if (last)
		handle_free(handle);
}

/* With the lock. */
static struct handle *find(io_object_t object)
{
	return object > 0 && (size_t)object < n_table ? table[object] : NULL;
}

/* With the lock. */
static bool make_room(size_t number)
{
	size_t n = n_table ? n_table : 64;
	struct handle **larger;

	if (number < n_table)
		return true;
	while (n <= number)
		n *= 2;
	larger = realloc(table, n * sizeof(*larger));
	if (!larger)
		return false;
	for (size_t i = n_table; i < n; i++)
		larger[i] = NULL;
	table = larger;
	n_table = n;
	return true;
}

io_object_t handle_publish(struct handle *handle)
{
	struct handle *closed = NULL;
	io_object_t object = 0;

	pthread_mutex_lock(&lock);
	if (make_room((size_t)handle->fd)) {
		object = handle->fd;
		handle->n_users = 1;
		/* Of a program that took close() for IOObjectRelease(). */
		closed = table[object];
		if (closed) {
			closed->n_users = 0;
			closed->fd = -1;
		}
		table[object] = handle;
	}
	pthread_mutex_unlock(&lock);
	handle_put(object ? closed : handle);
	return object;
}

void *handle_get(io_object_t object, unsigned kinds)
{
	struct handle *handle;

	pthread_mutex_lock(&lock);
	handle = find(object);
	if (handle && !(handle->kind & kinds))
		handle = NULL;
	if (handle)
		handle->n_refs++;
	pthread_mutex_unlock(&lock);
	return handle;
}

bool handle_is_used(struct handle *handle)
{
	bool used;

	pthread_mutex_lock(&lock);
	used = handle->n_users > 0;
	pthread_mutex_unlock(&lock);
	return used;
}

kern_return_t IOObjectRetain(io_object_t object)
{
	struct handle *handle;

	pthread_mutex_lock(&lock);
	handle = find(object);
	if (handle)
		handle->n_users++;
	pthread_mutex_unlock(&lock);
	return handle ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOObjectRelease(io_object_t object)
{
	struct handle *handle;
	bool last = false;

	pthread_mutex_lock(&lock);
	handle = find(object);
	if (handle)
		last = --handle->n_users == 0;
	if (last)
		table[object] = NULL;
	pthread_mutex_unlock(&lock);
	if (last)
		handle_put(handle);
	return handle ? kIOReturnSuccess : kIOReturnBadArgument;
}

uint32_t IOObjectGetUserRetainCount(io_object_t object)
{
	struct handle *handle;
	uint32_t n;

	pthread_mutex_lock(&lock);
	handle = find(object);
	n = handle ? handle->n_users : 0;
	pthread_mutex_unlock(&lock);
	return n;
}
