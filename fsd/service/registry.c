/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <sys/xattr.h>

#include "libqueue/json_text.h"
#include "service/buffer.h"
#include "service/queue.h"
#include "service/stream.h"
#include "util/failure.h"
#include "util/log.h"

/* Ids of what is always there; those of the rest come after. */
enum { ID_ROOT, ID_PLANE, ID_RESOURCES, ID_LAST_FIXED = 15 };

/* Of IOResources: below the root's, so that the first service made gets the first after that. */
#define RESOURCES_ENTRY (ENTRY_FIRST_ID - 1)

#define MAX_ENTITLEMENTS 65536	/* bytes of the attribute */

static struct attributes folder_of(uid_t uid, gid_t gid, mode_t mode)
{
	return (struct attributes){ uid, gid, mode };
}

/* The whole */

/* Who may make services in it is for the policy to say; who may remove one, for its owner. */
static int init_plane(struct registry *registry)
{
	struct attributes own = folder_of(geteuid(), getegid(), 01777);
	struct service *plane = calloc(1, sizeof(*plane));
	int r;

	if (!plane)
		return -ENOMEM;
	list_init(&plane->clients);
	list_init(&plane->interests);
	list_init(&plane->buffers);
	list_init(&plane->awaiting);
	plane->registry = registry;
	r = entry_init(&plane->entry, ENTRY_ROOT, ENTRY_FIRST_ID, "Root", "");
	if (r == 0) {
		r = node_new(registry->root, "IOService", ID_PLANE, registry->layout->plane, &own,
			     &plane->node);
		if (r < 0)
			entry_deinit(&plane->entry);
	}
	if (r < 0) {
		free(plane);
		return r;
	}
	plane->node->object = plane;
	plane->entry.node = plane->node;
	registry->plane = plane;
	return 0;
}

static int init_resources(struct registry *registry)
{
	struct attributes own = folder_of(geteuid(), getegid(), 0755);
	/* As in /dev/mqueue: anybody may make a queue, and remove only his own. */
	struct making making = {
		.own = own, .files = folder_of(own.uid, own.gid, 01777), .persist = true,
	};
	int r = service_add(registry, registry->plane->node, "IOResources", ID_RESOURCES,
			    RESOURCES_ENTRY, &making, &registry->resources);

	if (r < 0)
		return r;
	registry->resources->entry.state = ENTRY_REGISTERED | ENTRY_MATCHED |
					   ENTRY_FIRST_PUBLISHED | ENTRY_FIRST_MATCHED;
	registry->resources->node->fixed = true;
	registry->n_services = 0;	/* it is not counted */
	return entry_set_class(&registry->resources->entry, "IOResources");
}

/* The root's property IORegistryPlanes. */
static int tell_planes(struct registry *registry)
{
	json_auto_t *names = json_object();
	struct plane *plane;

	list_for_each(plane, &planes, planes)
		if (json_object_set_new(names, plane->name, json_string(plane->name)) < 0)
			return -ENOMEM;
	return entry_set_property(&registry->plane->entry, "IORegistryPlanes", names);
}

uint64_t registry_part_of(const struct registry *registry, uid_t uid)
{
	uint64_t all = registry->limits.max_queues;

	return uid == 0 || uid == geteuid() ? all : (all + 3) / 4;
}

int registry_init(struct registry *registry)
{
	struct attributes own = folder_of(geteuid(), getegid(), 0755);
	int r;

	registry->first_new_id = UINT64_MAX;
	list_init(&registry->watchers);
	list_init(&registry->past_drivers);
	list_init(&registry->queues_of.users);
	list_init(&registry->streams_of.users);
	list_init(&registry->services_of.users);
	node_ids_above(ID_LAST_FIXED);
	r = node_new(NULL, "", ID_ROOT, registry->layout->root, &own, &registry->root);
	if (r == 0)
		registry->root->object = registry;
	if (r == 0)
		r = init_plane(registry);
	if (r < 0)
		return r;
	registry->plane->node->fixed = true;
	r = tell_planes(registry);
	return r < 0 ? r : init_resources(registry);
}

int registry_add_plane(struct registry *registry, const char *name)
{
	struct attributes own = folder_of(geteuid(), getegid(), 0755);
	struct plane *plane;
	struct node *node;
	int r = node_name_is_taken(registry->root, name) || node_find(registry->root, name) ?
		-EEXIST : plane_new(name, &plane);

	if (r < 0)
		return r;
	r = node_new(registry->root, name, 0, registry->layout->other_plane, &own, &node);
	if (r == 0) {
		node->object = &registry->plane->entry;
		node->fixed = true;
		r = tell_planes(registry);
	}
	return r;
}

/* Only who may administrate the system can set it. New reference, or NULL. */
static json_t *read_entitlements(const struct identity *who)
{
	_cleanup_(freep) char *text = malloc(MAX_ENTITLEMENTS);
	_cleanup_(closep) int fd = identity_open_exe(who);
	json_t *value = NULL;
	char path[32];
	ssize_t n;

	if (!text || fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = getxattr(path, "trusted.fsd.entitlements", text, MAX_ENTITLEMENTS);
	if (n > 0 && json_text_parse(text, (size_t)n, &value, NULL, 0) < 0)
		log_limited("the attribute trusted.fsd.entitlements of '%s' is not JSON, ignoring",
			    who->exe);
	return value;
}

json_t *registry_entitlements(const struct registry *registry, const struct identity *who)
{
	json_auto_t *own = geteuid() == 0 ? read_entitlements(who) : NULL;

	return policy_entitlements(registry->policy, who, own);
}

static bool is_kept(const struct registry *registry, const struct node *node, bool failed)
{
	const struct service *service = node->object;
	const struct queue *queue = node->object;
	const struct stream *stream = node->object;

	if (failed)
		return node->id < registry->first_new_id;
	if (node->def == registry->layout->queue)
		return queue->persist;
	if (node->def == registry->layout->stream)
		return stream->persist;
	return node->def == registry->layout->service && service->persist &&
	       service != registry->resources;
}

/* Other directories, and files, are parts of a service. */
static bool has_record(const struct registry *registry, const struct node *node)
{
	return node->def == registry->layout->service || node->def == registry->layout->queue ||
	       node->def == registry->layout->stream || node->def == registry->layout->plane;
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
	if (node->def == registry->layout->stream) {
		struct stream *stream = node->object;

		stream->removed = true;
	}
	if (!has_kept && has_record(registry, node))
		store_remove(registry->store, node->id);
	node_remove(node);
	return has_kept;
}

void registry_deinit(struct registry *registry, bool failed)
{
	if (registry->root) {
		remove_tree(registry, registry->root, failed);
		shares_clear(&registry->queues_of);
		shares_clear(&registry->streams_of);
		shares_clear(&registry->services_of);
	}
	registry->root = NULL;
	planes_free();
	policy_free(registry->policy);
	registry->policy = NULL;
}

static struct service *service_by_id(struct registry *registry, uint64_t id)
{
	struct node *node = node_by_id(id);

	if (!node || (node->def != registry->layout->service && node->def != registry->layout->plane))
		return NULL;
	return node->object;
}

void registry_lacks(struct registry *registry, int error)
{
	if (failure_is_want(error))
		registry->lacks = error;
}

static void adopt(void *user, uint64_t id, const struct record *record)
{
	struct registry *registry = user;
	struct service *parent;
	int r;

	if (!record || registry->lacks < 0)
		return;
	parent = service_by_id(registry, record->parent);
	if (record->kind == RECORD_SERVICE)
		r = service_adopt(parent, id, record);
	else if (!parent || !parent->queues)
		r = -ENOENT;
	else
		r = record->kind == RECORD_QUEUE ? queue_adopt(parent, id, record)
						 : stream_adopt(parent, id, record);
	registry_lacks(registry, r);
	if (r < 0 && registry->lacks == 0)
		log_warning("cannot take over '%s' of '%s/%" PRIu64 "' (%s), ignoring",
			    record->name, store_path(registry->store), id, strerror(-r));
}

static struct service *find_to_end(void)
{
	struct entry *entry;

	list_for_each(entry, &entries, all)
		if (entry->kind == ENTRY_SERVICE && service_of_entry(entry)->must_end)
			return service_of_entry(entry);
	return NULL;
}

/* Those whose termination a crash has cut short, or whose driver has ended with the fsd before. */
static void end_services(void)
{
	struct service *service;

	while ((service = find_to_end())) {
		service->must_end = false;
		service_terminate(service);
	}
}

int registry_adopt(struct registry *registry)
{
	uint64_t used = store_ids(registry->store);
	struct entry *entry;
	int r;

	entry_ids_above(used);
	/* What is made on the way takes none of those that are still to come. */
	node_ids_above(store_last_id(registry->store));
	r = store_each(registry->store, adopt, registry);
	if (r == 0)
		r = registry->lacks;
	if (r < 0)
		return r;
	list_for_each(entry, &entries, all)
		if (entry->kind == ENTRY_SERVICE)
			service_adopt_links(service_of_entry(entry));
	end_services();
	registry->first_new_id = node_last_id() + 1;
	return 0;
}
