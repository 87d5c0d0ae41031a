/* SPDX-License-Identifier: MIT */
/*
 * iterator - what IOIteratorNext() and its sisters are called on
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "iterator.h"
#include "mount.h"

static void iterator_free(struct handle *handle)
{
	struct iterator *iterator = (struct iterator *)handle;

	iterator->kind->free(iterator);
	pthread_mutex_destroy(&iterator->lock);
}

void *iterator_new(const struct iterator_kind *kind, int fd, const char *mount)
{
	struct iterator *iterator;

	if (fd == -EBADF)
		fd = fd_above_standard(eventfd(0, EFD_CLOEXEC));
	iterator = handle_new(kind->size, HANDLE_ITERATOR, fd);
	if (!iterator)
		return NULL;
	pthread_mutex_init(&iterator->lock, NULL);
	iterator->kind = kind;
	iterator->handle.free = iterator_free;
	iterator->handle.lineage = kind->lineage;
	iterator->handle.mount = strdup(mount);
	if (!iterator->handle.mount) {
		handle_put(&iterator->handle);
		return NULL;
	}
	return iterator;
}

io_object_t IOIteratorNext(io_iterator_t object)
{
	_cleanup_(handle_putp) struct iterator *iterator = handle_get(object, HANDLE_ITERATOR);
	struct handle *next;

	if (!iterator)
		return IO_OBJECT_NULL;
	pthread_mutex_lock(&iterator->lock);
	next = iterator->kind->next(iterator);
	pthread_mutex_unlock(&iterator->lock);
	return next ? handle_publish(next) : IO_OBJECT_NULL;
}

void IOIteratorReset(io_iterator_t object)
{
	_cleanup_(handle_putp) struct iterator *iterator = handle_get(object, HANDLE_ITERATOR);

	if (!iterator || !iterator->kind->reset)
		return;
	pthread_mutex_lock(&iterator->lock);
	iterator->kind->reset(iterator);
	pthread_mutex_unlock(&iterator->lock);
}

boolean_t IOIteratorIsValid(io_iterator_t object)
{
	_cleanup_(handle_putp) struct iterator *iterator = handle_get(object, HANDLE_ITERATOR);
	bool is_valid = true;

	if (!iterator)
		return false;
	pthread_mutex_lock(&iterator->lock);
	if (iterator->kind->is_valid)
		is_valid = iterator->kind->is_valid(iterator);
	pthread_mutex_unlock(&iterator->lock);
	return is_valid;
}

/* Names */

int names_add(struct names *names, const char *name)
{
	size_t n = strlen(name) + 1;

	if (names->size + n > names->room) {
		size_t room = 2 * names->room + n;
		char *text = realloc(names->text, room);

		if (!text)
			return -ENOMEM;
		names->text = text;
		names->room = room;
	}
	memcpy(names->text + names->size, name, n);
	names->size += n;
	return 0;
}

const char *names_next(struct names *names)
{
	const char *name;

	if (names->at == names->size)
		return NULL;
	name = names->text + names->at;
	names->at += strlen(name) + 1;
	return name;
}

void names_free(struct names *names)
{
	free(names->text);
	*names = (struct names){ 0 };
}
