/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "service/buffer.h"
#include "util/failure.h"

/* The folder is its parent's name; where it was removed the store has it no more, either. */
static struct store *store_of(const struct buffer *buffer)
{
	return buffer->service->registry->store;
}

static uint64_t id_of(const struct buffer *buffer)
{
	return buffer->service->node->id;
}

static int add_to_tree(struct service *service, struct node *folder, const char *name,
		       const struct attributes *attributes, struct buffer **ret)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	int r;

	if (!buffer)
		return -ENOMEM;
	r = node_new(folder, name, 0, service->registry->layout->buffer, attributes, &buffer->node);
	if (r < 0) {
		free(buffer);
		return r;
	}
	buffer->node->object = buffer;
	buffer->service = service;
	list_init(&buffer->of_service);
	list_append(&service->buffers, &buffer->of_service);
	*ret = buffer;
	return 0;
}

int buffer_new(struct service *service, struct node *folder, const char *name,
	       const struct attributes *attributes, struct buffer **ret)
{
	int r;

	if (strlen(name) > BUFFER_NAME_MAX)
		return -ENAMETOOLONG;
	if (folder->n_children >= BUFFERS_MAX)
		return failure(-ENOSPC, "a service has %u buffers at most", BUFFERS_MAX);
	r = add_to_tree(service, folder, name, attributes, ret);
	if (r < 0)
		return r;
	/* Where memory is linked, its users must be able to reach it. */
	r = store_let_into_object(service->registry->store, service->node->id, 0711);
	if (r == 0)
		r = store_add_buffer(service->registry->store, service->node->id, name, attributes);
	if (r < 0) {
		list_remove(&(*ret)->of_service);
		node_remove((*ret)->node);
	}
	return r;
}

static int adopt(void *user, const char *name, const struct attributes *attributes)
{
	struct service *service = user;
	struct buffer *buffer;
	struct node *folder;
	int r = service_folder(service, "buf", service->registry->layout->buffers, &folder);

	return r < 0 ? r : add_to_tree(service, folder, name, attributes, &buffer);
}

int buffers_adopt(struct service *service)
{
	return store_each_buffer(service->registry->store, service->node->id, adopt, service);
}

struct buffer *buffer_find(const struct service *service, const char *name)
{
	struct buffer *buffer;

	list_for_each(buffer, &service->buffers, of_service)
		if (strcmp(buffer->node->name, name) == 0)
			return buffer;
	return NULL;
}

void buffer_remove(struct buffer *buffer)
{
	if (!buffer->service)
		return;
	store_remove_buffer(store_of(buffer), id_of(buffer), buffer->node->name);
	list_remove(&buffer->of_service);
	buffer->service = NULL;
	node_remove(buffer->node);
}

void buffer_free(struct node *node)
{
	struct buffer *buffer = node->object;

	if (!buffer)
		return;
	list_remove(&buffer->of_service);
	free(buffer);
}

int buffer_open(const struct buffer *buffer, int flags)
{
	if (!buffer->service)
		return -ENODEV;
	return store_open_buffer(store_of(buffer), id_of(buffer), buffer->node->name, flags);
}

uint64_t buffer_size(const struct buffer *buffer)
{
	_cleanup_(closep) int fd = buffer_open(buffer, O_RDONLY);
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

int buffer_resize(struct buffer *buffer, uint64_t size)
{
	_cleanup_(closep) int fd = buffer_open(buffer, O_RDWR);
	int r;

	if (fd < 0)
		return fd;
	if (size > buffer->service->registry->limits.max_queue_size)
		return failure(-ENOSPC, "a buffer has at most max_queue_size=%llu bytes",
			       (unsigned long long)buffer->service->registry->limits.max_queue_size);
	/* Reserved first, so that nobody who maps it is killed for want of memory later. */
	r = size ? -posix_fallocate(fd, 0, (off_t)size) : 0;
	return r < 0 ? r : ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

int buffer_set_attributes(struct buffer *buffer, const struct attributes *attributes)
{
	int r = buffer->service ? store_set_buffer_attributes(store_of(buffer), id_of(buffer),
							       buffer->node->name, attributes) : -ENODEV;

	return r < 0 ? r : node_keep_attributes(buffer->node, NULL, attributes);
}

char *buffer_path(const struct buffer *buffer)
{
	return buffer->service ?
		store_buffer_path(store_of(buffer), id_of(buffer), buffer->node->name) : NULL;
}
