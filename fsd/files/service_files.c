/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "files/files.h"
#include "service/queue.h"

/* What a caller's mkdir(2) means. */
static struct making making_of(mode_t mode, const struct caller *caller)
{
	struct making making = {
		.own = { caller->uid, caller->gid, node_directory_mode(mode & 0777) },
		.files = { .uid = caller->uid, .gid = caller->gid },
		.capacity = QUEUE_DEFAULT_CAPACITY,
	};

	return making;
}

int service_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	struct making making = making_of(mode, caller);

	making.files.mode = 0755;	/* of its `queues` */
	return service_make(node->object, name, &making, NULL);
}

int service_dir_remove(struct node *node, struct node *child)
{
	const struct service *service = node->object;

	if (child->def != service->registry->layout->service)
		return -EPERM;		/* `queues` goes with its service */
	return service_remove(child->object);
}

int service_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes)
{
	return row ? -EPERM : service_set_attributes(node->object, false, attributes);
}

int queues_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller)
{
	struct making making = making_of(mode, caller);

	return service_make_queue(node->object, name, &making);
}

int queues_dir_remove(struct node *node, struct node *child)
{
	(void)node;
	return queue_remove(child->object);
}

int queues_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes)
{
	return row ? -EPERM : service_set_attributes(node->object, true, attributes);
}
