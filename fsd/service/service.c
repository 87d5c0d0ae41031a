/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "service/buffer.h"
#include "service/client.h"
#include "service/queue.h"
#include "service/stream_nub.h"
#include "util/escape.h"
#include "util/failure.h"
#include "util/log.h"

#define MAX_PARENTS 256u	/* they are gone through whenever it is listed or kept */

static const char *const publication_names[N_PUBLICATIONS] = {
	[FIRST_PUBLISHED] = "IOServiceFirstPublish",
	[PUBLISHED]       = "IOServicePublish",
	[MATCHED]         = "IOServiceMatched",
	[FIRST_MATCHED]   = "IOServiceFirstMatch",
	[TERMINATED]      = "IOServiceTerminate",
	[WILL_TERMINATE]  = "IOServiceWillTerminate",
};

const char *publication_name(enum publication what)
{
	return publication_names[what];
}

/* In the tree */

void service_give_files(struct service *service)
{
	struct node *node = service->node, *child;

	list_for_each(child, &node->children, siblings) {
		if (child->lender == node && child != service->queues) {
			child->own.uid = node->own.uid;
			child->own.gid = node->own.gid;
		}
	}
	node->files.uid = node->own.uid;
	node->files.gid = node->own.gid;
	for (unsigned i = 0; node->rows && i < node_n_rows(node); i++) {
		node->rows[i].uid = node->own.uid;
		node->rows[i].gid = node->own.gid;
	}
}

/* "Dev@0" is an entry Dev at location 0; escapes of both are undone. */
static int init_entry(struct service *service, const char *name, uint64_t entry_id)
{
	_cleanup_(freep) char *plain = unescape_name(name);
	char *at = plain ? strrchr(plain, '@') : NULL;
	const char *location = "";

	if (!plain)
		return -ENOMEM;
	if (at && at > plain) {
		*at = '\0';
		location = at + 1;
	}
	return entry_init(&service->entry, ENTRY_SERVICE, entry_id, plain, location);
}

void service_drop(struct service *service)
{
	service->registry->n_services--;
	share_give_back(&service->registry->services_of, service->maker, 1);
	if (service->queues)
		node_remove(service->queues);
	node_remove_all(service->node);
}

int service_add(struct registry *registry, struct node *parent, const char *name, uint64_t node_id,
		uint64_t entry_id, const struct making *making, struct service **ret)
{
	struct service *service = calloc(1, sizeof(*service)), *above = parent->object;
	int r;

	if (!service)
		return -ENOMEM;
	service->registry = registry;
	service->maker = making->own.uid;
	service->persist = making->persist;
	list_init(&service->clients);
	list_init(&service->interests);
	list_init(&service->buffers);
	list_init(&service->awaiting);
	r = share_take(&registry->services_of, service->maker, 1, SIZE_MAX);
	if (r < 0) {
		free(service);
		return r;
	}
	r = init_entry(service, name, entry_id);
	if (r == 0) {
		r = node_new(parent, name, node_id, registry->layout->service, &making->own,
			     &service->node);
		if (r < 0)
			entry_deinit(&service->entry);
	}
	if (r < 0) {
		share_give_back(&registry->services_of, service->maker, 1);
		free(service);
		return r;
	}
	service->node->object = service;
	service->entry.node = service->node;
	/* Its files are its owner's; those of its queues have a default of their own. */
	registry->n_services++;
	r = entry_attach(&service->entry, &above->entry, &service_plane);
	/* The next id, also after a restart. */
	node_ids_above(service->node->id + 1);
	if (r == 0)
		r = node_new_part(service->node, "queues", service->node->id + 1,
				  registry->layout->queues, &making->files, &service->queues);
	if (r < 0) {
		service_drop(service);
		return r;
	}
	*ret = service;
	return 0;
}

void service_free(struct node *node)
{
	struct service *service = node->object;

	if (!service)
		return;
	if (service->stream)
		stream_nub_free(service->stream);
	service_await_no_driver(service);
	entry_deinit(&service->entry);
	methods_free(service->methods);
	free(service->methods_text);
	json_decref(service->links);
	free(service);
}

int service_attach(struct service *service, struct entry *parent, struct plane *plane)
{
	const struct entry_link *link;
	unsigned n = 0;
	int r;

	list_for_each(link, &service->entry.parents, of_child)
		n++;
	if (n >= MAX_PARENTS)
		return failure(-ENOSPC, "a service has %u parents at most", MAX_PARENTS);
	r = parent->state & ENTRY_INACTIVE ? -ENODEV : entry_attach(&service->entry, parent, plane);

	return r < 0 ? r : service_save(service);
}

int service_detach(struct service *service, struct entry *parent, struct plane *plane)
{
	int r;

	if (plane == &service_plane && parent->node == service->node->parent)
		return failure(-EBUSY, "it stands in that directory; rmdir removes it");
	r = entry_detach(&service->entry, parent, plane);
	return r < 0 ? r : service_save(service);
}

/* Making */

static int check_name(const struct node *parent, const char *name)
{
	int r = node_name_check(name);

	if (r < 0)
		return r;
	return node_name_is_taken(parent, name) || node_find(parent, name) ?
		-EEXIST : 0;
}

/* A longer one nobody could say; and what is above a service is gone through often. */
static int check_path(const struct node *parent, const char *name)
{
	size_t length = strlen(name);

	for (; parent && parent->parent; parent = parent->parent)
		length += strlen(parent->name) + 1;
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A path without its colon leads to the directory: what has an escape there has it here. */
static int check_form(const struct node *parent, const char *name)
{
	_cleanup_(freep) char *plain = unescape_name(name);
	_cleanup_(freep) char *form = plain ? escape_name(plain) : NULL;

	if (!form)
		return -ENOMEM;
	/* The name of a file here has its first byte escaped, as a service's. */
	if (node_name_is_taken(parent, plain) && *name == '%' && strcmp(name + 3, plain + 1) == 0)
		return 0;
	return strcmp(name, form) == 0 ? 0 :
		failure(-EINVAL, "this service's name is written '%.200s' here, as in paths", form);
}

/* What a stream is in the registry has no more in it than any client finds. */
static int check_place(const struct service *parent)
{
	if (parent->is_nub)
		return failure(-EPERM, "it is a stream's entry in the registry: nothing is made in it");
	return service_is_active(parent) ? 0 : -ENODEV;
}

int service_check_new(const struct service *parent, const char *name)
{
	int r = check_name(parent->node, name);

	if (r == 0 && entry_find_link(&parent->entry, &service_plane, name))
		r = -EEXIST;	/* it stands elsewhere, and is a link here */
	if (r == 0)
		r = check_form(parent->node, name);
	if (r == 0)
		r = check_place(parent);
	return r < 0 ? r : check_path(parent->node, name);
}

static int check_count(const struct registry *registry, const char *what, uint64_t n,
		       const struct shares *shares, uid_t asker)
{
	uint64_t max = registry->limits.max_queues, part = registry_part_of(registry, asker);

	if (n >= max) {
		log_limited("there are max_queues=%" PRIu64 " %s already, refused", max, what);
		return -ENOSPC;
	}
	/* What is ours alone, as IOResources, is in the daemon's own share, though it is not counted. */
	if (part == max || share_of(shares, asker) < part)
		return 0;
	log_limited("of max_queues=%" PRIu64 " %s uid %u has his part, refused", max, what, asker);
	return failure(-ENOSPC, "of max_queues=%" PRIu64 " %s a user has at most a quarter", max,
		       what);
}

static int check_services(const struct registry *registry, uid_t asker)
{
	return check_count(registry, "services", registry->n_services, &registry->services_of,
			   asker);
}

int service_make(struct service *parent, const char *name, const struct making *making,
		 struct service **ret)
{
	struct registry *registry = parent->registry;
	struct service *service;
	int r = service_check_new(parent, name);

	if (r == 0)
		r = check_services(registry, making->asker);
	if (r == 0)
		r = service_add(registry, parent->node, name, 0, 0, making, &service);
	if (r < 0)
		return r;
	r = store_use_id(registry->store, service->entry.id);
	if (r == 0)
		r = service_save(service);
	if (r < 0) {
		service_drop(service);
		return r;
	}
	log_debug("service made name='%s' id=0x%" PRIx64 " uid=%u", name, service->entry.id,
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
		r = check_place(service);
	if (r == 0)
		r = check_count(registry, "queues", registry->n_queues, &registry->queues_of,
				making->asker);
	return r < 0 ? r : queue_new(service, name, making);
}

int service_make_stream(struct service *service, const char *name, const struct making *making,
			struct stream **ret)
{
	struct registry *registry = service->registry;
	struct node *streams;
	int r = check_place(service);

	if (r == 0)
		r = service_streams(service, &streams);
	if (r == 0)
		r = check_name(streams, name);
	if (r == 0)
		r = stream_nub_check(service, name);
	if (r == 0)
		r = check_count(registry, "streams", registry->n_streams, &registry->streams_of,
				making->asker);
	if (r == 0)
		r = check_services(registry, making->asker);
	return r < 0 ? r : stream_new(service, name, making, ret);
}

/* A stream has one owner. */
static int check_owner(const struct service *service, const struct row *row,
		       const struct attributes *attributes)
{
	const struct attributes *own = service->stream ? &service->stream->node->own : attributes;

	if (row || (attributes->uid == own->uid && attributes->gid == own->gid))
		return 0;
	return failure(-EPERM, "it is the stream's owner's; chown that, in `streams`");
}

/* Who may make queues in it may make streams. */
static void give_streams(struct service *service)
{
	struct node *streams = node_find(service->node, "streams");

	if (streams)
		streams->own = service->queues->own;
}

int service_set_attributes(struct service *service, bool of_queues, const struct row *row,
			   const struct attributes *attributes)
{
	struct node *node = of_queues ? service->queues : service->node;
	struct attributes before = node_attributes(node, row);
	int r = service_is_active(service) ? check_owner(service, row, attributes) : -ENODEV;

	if (r == 0)
		r = node_keep_attributes(node, row, attributes);
	if (r < 0)
		return r;
	r = service_save(service);
	if (r < 0)
		node_keep_attributes(node, row, &before);
	else if (of_queues)
		give_streams(service);
	else if (!row)
		service_give_files(service);
	return r;
}

int service_folder(struct service *service, const char *name, const struct node_def *def,
		   struct node **ret)
{
	struct attributes own = service->node->own;

	*ret = node_find(service->node, name);
	if (*ret)
		return 0;
	own.mode = 0755;
	return node_new_part(service->node, name, 0, def, &own, ret);
}

int service_streams(struct service *service, struct node **ret)
{
	int r = service_folder(service, "streams", service->registry->layout->streams, ret);

	if (r == 0)
		give_streams(service);
	return r;
}

/* What the owner says of it */

int service_set_class(struct service *service, const char *classes)
{
	int r;

	if (!service_is_active(service))
		return -ENODEV;
	if (service->entry.state & ENTRY_REGISTERED)
		return failure(-EBUSY, "the class is fixed once the service is registered");
	r = entry_set_class(&service->entry, classes);
	return r < 0 ? r : service_save(service);
}

static void swap_texts(char **one, char **other)
{
	char *text = *one;

	*one = *other;
	*other = text;
}

int service_set_methods(struct service *service, const char *text, size_t size)
{
	struct methods *methods = NULL, *before = service->methods;
	_cleanup_(freep) char *copy = strndup(text, size);
	int r;

	if (!copy)
		return -ENOMEM;
	if (!service_is_active(service))
		return -ENODEV;
	if (service->entry.state & ENTRY_REGISTERED)
		return failure(-EBUSY, "the methods are fixed once the service is registered");
	r = service->registry->read_methods(text, size, &methods);
	if (r < 0)
		return r;
	service->methods = methods;
	swap_texts(&service->methods_text, &copy);
	r = service_save(service);
	if (r < 0) {
		service->methods = before;
		swap_texts(&service->methods_text, &copy);
	}
	methods_free(r < 0 ? methods : before);
	return r;
}

static int set_all(struct entry *entry, json_t *properties)
{
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach(properties, key, value)
		if (r == 0)
			r = entry_set_property(entry, key, value);
	return r;
}

/* What @properties are to be is what they were @before, where they cannot be kept. */
static void put_back(struct entry *entry, json_t *properties, const json_t *before)
{
	const char *key;
	json_t *value;

	json_object_foreach(properties, key, value)
		entry_set_property(entry, key, json_object_get(before, key));
}

static int properties_changed(struct service *service)
{
	int r = service_save(service);

	if (r == 0)
		service_message(service, GENERAL_INTEREST, MESSAGE_PROPERTY_CHANGE, NULL);
	return r;
}

int service_set_properties(struct service *service, json_t *properties)
{
	json_auto_t *before = json_copy(service->entry.properties);
	json_auto_t *all = json_copy(service->entry.properties);
	int r;

	if (!service_is_active(service))
		return -ENODEV;
	if (!before || !all || json_object_update(all, properties) < 0)
		return -ENOMEM;
	if (json_dumpb(all, NULL, 0, JSON_COMPACT) > PROPERTIES_MAX)
		return failure(-EMSGSIZE, "the properties of a service take %u bytes at most",
			       PROPERTIES_MAX);
	r = set_all(&service->entry, properties);
	if (r == 0)
		r = properties_changed(service);
	if (r < 0)
		put_back(&service->entry, properties, before);
	return r;
}

int service_remove_property(struct service *service, const char *key)
{
	json_auto_t *before = json_incref(json_object_get(service->entry.properties, key));
	int r = service_is_active(service) ? entry_set_property(&service->entry, key, NULL) : -ENODEV;

	if (r < 0)
		return r;
	r = properties_changed(service);
	if (r < 0)
		entry_set_property(&service->entry, key, before);
	return r;
}

/* What is told */

static void publish(struct service *service, enum publication what)
{
	struct watcher *watcher;

	list_for_each(watcher, &service->registry->watchers, link)
		watcher->published(watcher, what, service);
}

void service_message(struct service *service, const char *kind, uint32_t message, json_t *argument)
{
	struct interest *interest;

	list_for_each(interest, &service->interests, link)
		interest->message(interest, kind, message, argument);
}

void service_tell(struct service *service, const char *kind, uint32_t message, uint32_t word)
{
	json_auto_t *argument = json_integer(word);

	service_message(service, kind, message, argument);
}

/*
 * Its own counter; then that of what is above, where ours left 0 or came back to it. There may be
 * more busy ones below a service than its counter shows.
 */
static void change_busy(struct service *service, int by)
{
	int64_t after = (int64_t)service->entry.busy + by;
	bool was_busy = service->entry.busy > 0;
	struct entry *above;

	entry_set_busy(&service->entry, after > 0 ? (uint32_t)after : 0);
	if (was_busy == (after > 0))
		return;
	above = entry_parent(&service->entry, &service_plane);
	if (above)
		change_busy(service_of_entry(above), after > 0 ? 1 : -1);
	service_tell(service, BUSY_INTEREST, MESSAGE_BUSY_STATE_CHANGE, after > 0);
}

int service_adjust_busy(struct service *service, int by)
{
	int64_t added = (int64_t)service->added_busy + by;
	int64_t after = (int64_t)service->entry.busy + by;

	if (added < 0)
		return failure(-EINVAL, "no more than %u is to be taken back, which was added here",
			       service->added_busy);
	if (by > 0 && after > ENTRY_MAX_BUSY)
		return failure(-EINVAL, "the busy count would be %" PRId64 ", not 0 to %u", after,
			       ENTRY_MAX_BUSY);
	service->added_busy = (uint32_t)added;
	change_busy(service, by);
	return 0;
}

void service_take_back_busy(struct service *service)
{
	change_busy(service, -(int)service->added_busy);
	service->added_busy = 0;
}

int service_register(struct service *service)
{
	uint32_t *state = &service->entry.state;

	if (!service_is_active(service))
		return -ENODEV;
	change_busy(service, 1);
	*state |= ENTRY_REGISTERED;
	if (!(*state & ENTRY_FIRST_PUBLISHED)) {
		*state |= ENTRY_FIRST_PUBLISHED;
		publish(service, FIRST_PUBLISHED);
	}
	publish(service, PUBLISHED);
	*state |= ENTRY_MATCHED;
	publish(service, MATCHED);
	if (!(*state & ENTRY_FIRST_MATCHED)) {
		*state |= ENTRY_FIRST_MATCHED;
		publish(service, FIRST_MATCHED);
	}
	change_busy(service, -1);
	return service_save(service);
}

/* The end */

/* The service and all below it, those above first, breadth first. */
struct victims {
	struct service **services;
	size_t n, room;
};

static int add_victim(struct victims *victims, struct service *service)
{
	if (victims->n == victims->room) {
		size_t room = victims->room ? 2 * victims->room : 8;
		struct service **longer = reallocarray(victims->services, room, sizeof(*longer));

		if (!longer)
			return -ENOMEM;
		victims->services = longer;
		victims->room = room;
	}
	victims->services[victims->n++] = service;
	return 0;
}

static bool is_service(const struct node *node)
{
	const struct service *service = node->object;

	return service && node->def == service->registry->layout->service;
}

static int collect(struct service *service, struct victims *ret)
{
	int r = add_victim(ret, service);

	for (size_t i = 0; r == 0 && i < ret->n; i++) {
		struct node *child;

		list_for_each(child, &ret->services[i]->node->children, siblings)
			if (r == 0 && child->def == service->node->def && is_service(child))
				r = add_victim(ret, child->object);
	}
	return r;
}

/* Phase 1: nobody finds it any more, its connections are dead. */
static void make_inactive(struct service *service)
{
	struct client *client;

	service->terminating = true;
	service->entry.state = ENTRY_INACTIVE;
	change_busy(service, 1);
	publish(service, TERMINATED);
	list_for_each(client, &service->clients, of_service)
		client_end(client, END_TERMINATED);
}

/*
 * Phase 2, from the leaves on. Who had it open is asked to close it, and had to: nobody is waited
 * for.
 */
static void tell_of_end(struct service *service)
{
	struct interest *interest;

	service_tell(service, GENERAL_INTEREST, MESSAGE_IS_TERMINATED, 0);
	if (service->was_open) {
		service_tell(service, GENERAL_INTEREST, MESSAGE_IS_REQUESTING_CLOSE, 0);
		service_tell(service, GENERAL_INTEREST, MESSAGE_WAS_CLOSED, 0);
	}
	change_busy(service, -(int)service->entry.busy);
	list_for_each(interest, &service->interests, link) {
		list_remove(&interest->link);
		interest->ended(interest);
	}
	if (service->driver)
		driver_end(service->driver);
}

/* Phase 3 */
static void detach(struct service *service)
{
	const struct node *streams;
	struct buffer *buffer;
	struct node *child;

	log_debug("service terminated name='%s' id=0x%" PRIx64, service->node->name,
		  service->entry.id);
	list_for_each(child, &service->queues->children, siblings)
		queue_discard(child->object);
	streams = node_find(service->node, "streams");
	if (streams)
		list_for_each(child, &streams->children, siblings)
			stream_discard(child->object);
	list_for_each(buffer, &service->buffers, of_service)
		buffer_remove(buffer);
	store_remove(service->registry->store, service->node->id);
	service_await_no_driver(service);
	entry_retire(&service->entry);
	service_drop(service);
}

static int terminate_all(struct victims *victims)
{
	for (size_t i = 0; i < victims->n; i++)
		node_ref(victims->services[i]->node);
	for (size_t i = 0; i < victims->n; i++)
		make_inactive(victims->services[i]);
	for (size_t i = 0; i < victims->n; i++)
		publish(victims->services[i], WILL_TERMINATE);
	for (size_t i = victims->n; i-- > 0;)
		tell_of_end(victims->services[i]);
	service_save(victims->services[0]);	/* that it ends: after a restart it does so, too */
	for (size_t i = victims->n; i-- > 0;)
		detach(victims->services[i]);
	for (size_t i = 0; i < victims->n; i++)
		node_unref(victims->services[i]->node);
	return 0;
}

static bool is_always_there(const struct service *service)
{
	return service == service->registry->plane || service == service->registry->resources;
}

int service_terminate(struct service *service)
{
	struct victims victims = { 0 };
	int r;

	if (is_always_there(service))
		return -EBUSY;
	if (service->stream && !service->stream->removed)
		return failure(-EBUSY, "it is there as long as the stream; rmdir that, in `streams`");
	if (service->terminating)
		return -ENODEV;
	r = collect(service, &victims);
	if (r == 0)
		r = terminate_all(&victims);
	free(victims.services);
	return r;
}

void service_lost_driver(struct service *service)
{
	service->driven_by = (struct holder){ 0 };
	service->is_orphan = false;
	if (!service->survives && service_terminate(service) == 0)
		return;
	service_take_back_busy(service);
	service_save(service);
}

int service_remove(struct service *service)
{
	const struct node *streams;
	struct node *child;

	if (is_always_there(service))
		return -EBUSY;
	list_for_each(child, &service->node->children, siblings)
		if (child->def == service->node->def)
			return failure(-ENOTEMPTY, "there are services in it; write terminate to its ctl");
	if (service->queues->n_children > 0)
		return failure(-ENOTEMPTY, "there are queues in it; remove them, or write terminate to its ctl");
	streams = node_find(service->node, "streams");
	if (streams && streams->n_children > 0)
		return failure(-ENOTEMPTY, "there are streams in it; remove them, or write terminate to its ctl");
	return service_terminate(service);
}
