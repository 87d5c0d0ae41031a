/* SPDX-License-Identifier: MIT */
/*
 * registry - all services and queues: made, found again after a restart, removed
 *
 * What is in the tree is in the store, and the other way round: each change is
 * made in both or in none.
 */
#pragma once

#include "policy/policy.h"
#include "service/entry.h"
#include "store/store.h"
#include "tree/node.h"
#include "util/loop.h"
#include "util/opener.h"
#include "util/share.h"

struct methods;

/* The kinds of directories there are; layout.c draws them. */
struct layout {
	const struct node_def *root, *plane, *other_plane, *service, *queues, *queue;
	const struct node_def *clients, *client, *buffers, *buffer;
	const struct node_def *streams, *stream, *stream_buffers, *stream_buffer;
	const struct node_def *stream_output, *stream_input, *stream_stats, *stream_driver;
};

struct limits {
	uint64_t max_queues;		/* also of services, and of connections */
	uint64_t max_queue_size;	/* bytes of capacity, of an entry, and of a buffer */
};

struct registry {
	struct loop *loop;		/* borrowed, these four */
	struct store *store;
	struct opener *opener;		/* of FIFOs in the mount */
	/* A document of `methods`, as control/methods_text.h reads it. */
	int (*read_methods)(const char *text, size_t size, struct methods **ret);
	const struct layout *layout;
	struct limits limits;
	uint64_t n_queues, n_streams, n_services, n_clients;
	struct shares queues_of, streams_of, services_of;	/* by owner, when made */
	const char *mountpoint;		/* borrowed; absolute */
	/* Read the policy's file again, or say by failure() why it stays as it was. */
	int (*reload)(struct registry *registry);
	struct policy *policy;		/* owned */
	struct timespec started;	/* CLOCK_MONOTONIC */
	struct node *root;
	struct service *plane, *resources;
	struct list watchers;		/* struct watcher: of publications */
	struct list past_drivers;	/* struct past_driver: of services, before a restart */
	uint64_t first_new_id;		/* of what was not there before this start */
	int lacks;			/* registry_lacks() */
};

/*
 * Of max_queues a user has a quarter, so that others can make, or open, something, too;
 * root has all.
 */
uint64_t registry_part_of(const struct registry *registry, uid_t uid);

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
 * What the store has could not be looked at, @error says why. Where that is for want of means,
 * registry_adopt() stops: what is there stays for a start that has them.
 */
void registry_lacks(struct registry *registry, int error);

/* Another plane, with a directory of its own. Return: 0, as plane_new(), or -ENOMEM. */
int registry_add_plane(struct registry *registry, const char *name);

/* The entitlements of an identity: by policy, and, where we are root, the executable's own. */
json_t *registry_entitlements(const struct registry *registry, const struct identity *who);
