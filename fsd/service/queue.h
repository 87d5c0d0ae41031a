/* SPDX-License-Identifier: MIT */
/*
 * queue - a queue of the mount: its geometry, who holds its two roles, its state
 *
 * The entries are not our business: programs move them through the memory. An
 * idle queue has no descriptor and no mapping open here; what is looked at is
 * mapped for the moment.
 */
#pragma once

#include "libqueue/observe.h"
#include "service/registry.h"
#include "service/seat.h"
#include "service/service.h"
#include "util/guard.h"

struct agent;

struct queue {
	struct registry *registry;	/* borrowed */
	struct node *node;		/* borrowed: it owns us */
	struct geometry geometry;
	bool max_entry_is_set;		/* or it follows the capacity */
	uid_t maker;			/* whose part it takes */
	bool persist;
	bool removed;			/* nothing of it is in the store any more */
	struct seat seats[N_SIDES];
	struct backing backings[N_SIDES];
	struct agent *agent;		/* owned: our own part in it, or NULL */
};

/* Its attributes (a file's, or with @row NULL the directory's), here and in the store. */
int queue_set_attributes(struct queue *queue, const struct row *row,
			 const struct attributes *attributes);

/* Keep what a restart needs to know. Return: 0 or what stopped us. */
int queue_save(struct queue *queue);

/* Put a queue of the store back into @service. */
int queue_adopt(struct service *service, uint64_t id, const struct record *record);
int queue_new(struct service *service, const char *name, const struct making *making);

/* The last reference to its node is gone. */
void queue_free(struct node *node);

/* Return: 0, -EBUSY while a role is held, -ENOTEMPTY while there are entries, -EIO if damaged. */
int queue_remove(struct queue *queue);

/* Whatever is in it and whoever holds it: its service ends. */
void queue_discard(struct queue *queue);

/* What can be seen now; a damaged queue shows as `corrupt`. Return: 0, or why it cannot be seen. */
int queue_observe(struct queue *queue, struct ring_status *ret);

/*
 * Only while no role is held, nobody has `data` open and the queue is empty,
 * else -EBUSY. Return: 0, -EINVAL, -ENOSPC, -EIO if damaged.
 */
int queue_set_capacity(struct queue *queue, uint64_t capacity);
int queue_set_max_entry(struct queue *queue, uint64_t max_entry);

/* Empty it and mend it. Return: 0, -EBUSY while a role is held, or what stopped us. */
int queue_reset(struct queue *queue);

/*
 * Copy up to @size bytes from @at of the next entry, without a role. The entry
 * is that at @position, or with @at 0 the one that stands there now, and then
 * its position and size are told.
 * Return: bytes copied, 0 at its end or when the queue is empty, -ESTALE when the
 * entry at @position is gone, -EBUSY when entries go by too fast, or -EIO.
 */
ssize_t queue_peek(struct queue *queue, void *buffer, size_t size, size_t at, uint64_t *position);

/* Map it for @role with SIGBUS kept away; see util/guard.h for `lost`. */
struct view {
	struct mapping memory;
	struct guard data, consumer;
};
/* Return: 0, -EIO when a file is too short, -ENODEV when the queue was removed, or why not. */
int view_open(struct queue *queue, enum role role, struct view *ret);
void view_close(struct view *view);
bool view_is_lost(const struct view *view);
