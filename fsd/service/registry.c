/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "service/queue.h"
#include "util/log.h"

/* Ids of what is always there; those of the rest come after. */
enum { ID_ROOT, ID_PLANE, ID_RESOURCES, ID_LAST_FIXED = 15 };

static struct attributes folder_of(uid_t uid, gid_t gid, mode_t mode)
{
	return (struct attributes){ uid, gid, mode };
}

/* Services */

/* A service and the directory of its queues, in the tree. */
static int add_service(struct registry *registry, struct node *parent, const char *name,
		       uint64_t id, const struct making *making, struct service **ret)
{
	struct service *service = calloc(1, sizeof(*service));
	int r;

	if (!service)
		return -ENOMEM;
	r = node_new(parent, name, id, registry->layout->service, &making->own, &service->node);
	if (r < 0) {
		free(service);
		return r;
	}
	service->node->object = service;
	service->registry = registry;
	service->persist = making->persist;
	registry->n_services++;
	r = node_new(service->node, "queues", 0, registry->layout->queues, &making->files,
		     &service->queues);
	if (r < 0) {
		registry->n_services--;
		node_remove(service->node);
		return r;
	}
	service->queues->object = service;
	service->queues->fixed = true;
	*ret = service;
	return 0;
}

static void drop_service(struct service *service)
{
	service->registry->n_services--;
	if (service->queues)
		node_remove(service->queues);
	node_remove(service->node);
}

static int make_record(const struct service *service, struct record *ret)
{
	*ret = (struct record){
		.kind = RECORD_SERVICE,
		.parent = service->node->parent->id,
		.name = strdup(service->node->name),
		.own = service->node->own,
		.files = service->queues ? service->queues->own : service->node->own,
		.persist = service->persist,
	};
	return ret->name ? 0 : -ENOMEM;
}

/* Replaced, or made where there is none yet: IOService and IOResources need one only when changed. */
static int save_service(const struct service *service)
{
	struct store *store = service->registry->store;
	_cleanup_(record_deinit) struct record record = { 0 };
	int r = make_record(service, &record);

	if (r == 0)
		r = store_save(store, service->node->id, &record);
	if (r == -ENOENT)
		r = store_add(store, service->node->id, &record, NULL, NULL);
	return r;
}

static int check_name(const struct node *parent, const char *name)
{
	int r = node_name_check(name);

	if (r < 0)
		return r;
	return node_name_is_taken(parent, name) || node_find(parent, name) ?
		-EEXIST : 0;
}

static int check_count(const char *what, uint64_t n, uint64_t max)
{
	if (n < max)
		return 0;
	log_limited("there are max_queues=%" PRIu64 " %s already, refused", max, what);
	return -ENOSPC;
}

int service_make(struct service *parent, const char *name, const struct making *making,
		 struct service **ret)
{
	struct registry *registry = parent->registry;
	struct service *service;
	int r = check_name(parent->node, name);

	if (r == 0)
		r = check_count("services", registry->n_services, registry->limits.max_queues);
	if (r == 0)
		r = add_service(registry, parent->node, name, 0, making, &service);
	if (r < 0)
		return r;
	r = save_service(service);
	if (r < 0) {
		drop_service(service);
		return r;
	}
	log_debug("service made name='%s' id=%" PRIu64 " uid=%u", name, service->node->id,
		  making->own.uid);
	if (ret)
		*ret = service;
	return 0;
}

int service_make_queue(struct service *service, const char *name, const struct making *making)
{
	struct registry *registry = service->registry;
	int r = check_name(service->queues, name);

	if (r == 0)
		r = check_count("queues", registry->n_queues, registry->limits.max_queues);
	return r < 0 ? r : queue_new(service, name, making);
}

int service_remove(struct service *service)
{
	struct registry *registry = service->registry;

	if (service == registry->plane || service == registry->resources)
		return -EBUSY;
	/* `queues` is a child like those that are services. */
	if (service->node->n_children > 1 || service->queues->n_children > 0)
		return -ENOTEMPTY;
	log_debug("service removed name='%s' id=%" PRIu64, service->node->name, service->node->id);
	store_remove(registry->store, service->node->id);
	drop_service(service);
	return 0;
}

int service_set_attributes(struct service *service, bool of_queues,
			   const struct attributes *attributes)
{
	struct node *node = of_queues ? service->queues : service->node;
	struct attributes before = node->own;
	int r;

	node->own = *attributes;
	r = save_service(service);
	if (r < 0)
		node->own = before;
	return r;
}

/* The whole */

static int init_plane(struct registry *registry)
{
	struct attributes own = folder_of(geteuid(), getegid(), 0755);
	struct service *plane = calloc(1, sizeof(*plane));
	int r;

	if (!plane)
		return -ENOMEM;
	r = node_new(registry->root, "IOService", ID_PLANE, registry->layout->plane, &own,
		     &plane->node);
	if (r < 0) {
		free(plane);
		return r;
	}
	plane->node->object = plane;
	plane->registry = registry;
	registry->plane = plane;
	return 0;
}

int registry_init(struct registry *registry)
{
	struct attributes own = folder_of(geteuid(), getegid(), 0755);
	/* As in /dev/mqueue: anybody may make a queue, and remove only his own. */
	struct making resources = {
		.own = own, .files = folder_of(own.uid, own.gid, 01777), .persist = true,
	};
	int r;

	registry->first_new_id = UINT64_MAX;
	node_ids_above(ID_LAST_FIXED);
	r = node_new(NULL, "", ID_ROOT, registry->layout->root, &own, &registry->root);
	if (r == 0)
		registry->root->object = registry;
	if (r == 0)
		r = init_plane(registry);
	if (r == 0)
		r = add_service(registry, registry->plane->node, "IOResources", ID_RESOURCES,
				&resources, &registry->resources);
	if (r < 0)
		return r;
	registry->plane->node->fixed = registry->resources->node->fixed = true;
	registry->n_services = 0;	/* IOResources is not counted */
	return 0;
}

void service_free(struct node *node)
{
	free(node->object);
}

static bool is_kept(const struct registry *registry, const struct node *node, bool failed)
{
	const struct service *service = node->object;
	const struct queue *queue = node->object;

	if (failed)
		return node->id < registry->first_new_id;
	if (node->def == registry->layout->queue)
		return queue->persist;
	return node->def == registry->layout->service && service->persist &&
	       service != registry->resources;
}

/* Everything below @node, then @node. */
static bool remove_tree(struct registry *registry, struct node *node, bool failed)
{
	bool has_kept = is_kept(registry, node, failed);
	struct node *child;

	list_for_each(child, &node->children, siblings)
		has_kept |= remove_tree(registry, child, failed);
	if (node->def == registry->layout->queue) {
		struct queue *queue = node->object;

		queue->removed = true;
	}
	if (!has_kept)
		store_remove(registry->store, node->id);
	node_remove(node);
	return has_kept;
}

void registry_deinit(struct registry *registry, bool failed)
{
	if (registry->root)
		remove_tree(registry, registry->root, failed);
	registry->root = NULL;
}

static struct service *service_by_id(struct registry *registry, uint64_t id)
{
	struct node *node = node_by_id(id);

	if (!node || (node->def != registry->layout->service && node->def != registry->layout->plane))
		return NULL;
	return node->object;
}

static int adopt_service(struct registry *registry, struct service *parent, uint64_t id,
			 const struct record *record)
{
	struct making making = {
		.own = record->own, .files = record->files, .persist = record->persist,
	};
	struct service *service = service_by_id(registry, id);

	if (!service)
		return parent ? add_service(registry, parent->node, record->name, id, &making, &service)
			      : -ENOENT;
	service->node->own = record->own;
	if (service->queues)
		service->queues->own = record->files;
	return 0;
}

static void adopt(void *user, uint64_t id, const struct record *record)
{
	struct registry *registry = user;
	struct service *parent;
	int r;

	node_ids_above(id);
	if (!record)
		return;
	parent = service_by_id(registry, record->parent);
	if (record->kind == RECORD_SERVICE)
		r = adopt_service(registry, parent, id, record);
	else
		r = parent && parent->queues ? queue_adopt(parent, id, record) : -ENOENT;
	if (r < 0)
		log_warning("cannot take over '%s' of '%s/%" PRIu64 "' (%s), ignoring",
			    record->name, store_path(registry->store), id, strerror(-r));
}

int registry_adopt(struct registry *registry)
{
	int r = store_each(registry->store, adopt, registry);

	if (r == 0)
		registry->first_new_id = node_last_id() + 1;
	return r;
}
