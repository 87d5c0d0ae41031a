/* SPDX-License-Identifier: MIT */
/*
 * registry - all services and queues: made, found again after a restart, removed
 *
 * What is in the tree is in the store, and the other way round: each change is
 * made in both or in none.
 */
#pragma once

#include "store/store.h"
#include "tree/node.h"
#include "util/loop.h"
#include "util/opener.h"

/* The kinds of directories there are; layout.c draws them. */
struct layout {
	const struct node_def *root, *plane, *service, *queues, *queue;
};

struct limits {
	uint64_t max_queues;		/* also of services */
	uint64_t max_queue_size;	/* bytes of capacity, and of an entry */
};

struct registry {
	struct loop *loop;		/* borrowed, these four */
	struct store *store;
	struct opener *opener;		/* of FIFOs in the mount */
	const struct layout *layout;
	struct limits limits;
	uint64_t n_queues, n_services;
	const char *mountpoint;		/* borrowed; absolute */
	struct timespec started;	/* CLOCK_MONOTONIC */
	struct node *root;
	struct service *plane, *resources;
	uint64_t first_new_id;		/* of what was not there before this start */
};

struct service {
	struct registry *registry;	/* borrowed */
	struct node *node;		/* borrowed: it owns us */
	struct node *queues;		/* its directory of queues; NULL in the plane itself */
	bool persist;
};

/* What a new service or queue shall be. */
struct making {
	struct attributes own, files;	/* as in struct node */
	bool persist;
	uint64_t capacity, max_entry;	/* a queue's; max_entry 0: follows the capacity */
};

#define QUEUE_DEFAULT_CAPACITY 65536

/*
 * An empty tree: root, IOService, IOResources and its queues, owned by us.
 * Return: 0 or -ENOMEM.
 */
int registry_init(struct registry *registry);

/*
 * Free the tree. All of the store but the persistent ends with it; or, where the
 * start @failed, what was not there before.
 */
void registry_deinit(struct registry *registry, bool failed);

/* Put everything into the tree that the store has. Return: 0 or what stopped us. */
int registry_adopt(struct registry *registry);

/*
 * Make a service in @parent, or a queue in @service.
 * Return: 0, -EEXIST (also for a reserved name), -ENAMETOOLONG, -EINVAL,
 * -ENOSPC (a limit, or no room for the memory), -ENOMEM.
 */
int service_make(struct service *parent, const char *name, const struct making *making,
		 struct service **ret);
int service_make_queue(struct service *service, const char *name, const struct making *making);

/* Return: 0, or -ENOTEMPTY while it has children or queues, -EBUSY for IOResources. */
int service_remove(struct service *service);

/* The last reference to its node is gone. */
void service_free(struct node *node);

/* @attributes are the service's, or (@of_queues) those of its directory of queues. */
int service_set_attributes(struct service *service, bool of_queues,
			   const struct attributes *attributes);
