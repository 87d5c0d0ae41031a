/* SPDX-License-Identifier: MIT */
/*
 * buffer - memory of a driver's, made under a name in `buf/`, mapped by its clients
 */
#pragma once

#include "service/service.h"

#define BUFFER_NAME_MAX 127
#define BUFFERS_MAX	1024		/* of one service */

struct buffer {
	struct list of_service;		/* service.buffers */
	struct service *service;	/* borrowed; NULL when it is gone */
	struct node *node;		/* borrowed: it owns us */
	struct backing backing;
};

/* Return: 0, -EEXIST, -EINVAL, -ENAMETOOLONG, -ENOSPC (also for too many), -ENOMEM. */
int buffer_new(struct service *service, struct node *folder, const char *name,
	       const struct attributes *attributes, struct buffer **ret);

/* Put those of the store into the tree. */
int buffers_adopt(struct service *service);

struct buffer *buffer_find(const struct service *service, const char *name);

/* Out of the tree and of the store; who has it mapped keeps its pages. */
void buffer_remove(struct buffer *buffer);

/* All bytes are reserved. Return: 0, -ENOSPC, -ENODEV when it is gone. */
int buffer_resize(struct buffer *buffer, uint64_t size);
uint64_t buffer_size(const struct buffer *buffer);
int buffer_set_attributes(struct buffer *buffer, const struct attributes *attributes);

/* Return: a descriptor, or an errno. */
int buffer_open(const struct buffer *buffer, int flags);
/* Of the backing file; the caller's, or NULL. */
char *buffer_path(const struct buffer *buffer);

/* The last reference to its node is gone. */
void buffer_free(struct node *node);
