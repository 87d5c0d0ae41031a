/* SPDX-License-Identifier: MIT */
/*
 * A service in the store: its record, and what is made of it after a restart.
 */
#include <errno.h>
#include <string.h>

#include "service/buffer.h"
#include "service/stream.h"
#include "util/log.h"

/* That it stands in the directory of its parent needs no word. */
static bool is_place(const struct service *service, const struct entry_link *link)
{
	return link->plane == &service_plane && link->parent->node == service->node->parent;
}

/* [[PLANE, ID], ...]; new reference, or NULL. */
static json_t *links_of(const struct service *service)
{
	json_auto_t *links = json_array();
	const struct entry_link *link;

	list_for_each(link, &service->entry.parents, of_child)
		if (!is_place(service, link) &&
		    json_array_append_new(links, json_pack("[s, I]", link->plane->name,
							   (json_int_t)link->parent->id)) < 0)
			return NULL;
	return steal(links);
}

json_t *service_details(const struct service *service)
{
	const struct entry *entry = &service->entry;
	json_auto_t *lineage = json_array();

	for (char **class = entry->lineage; lineage && *class; class++)
		if (json_array_append_new(lineage, json_string(*class)) < 0)
			return NULL;
	return json_pack("{s:I, s:O, s:O, s:I, s:b, s:[I,I], s:b, s:b, s:I, s:o, s:s*}",
		"entry", (json_int_t)entry->id, "lineage", lineage, "properties", entry->properties,
		"state", (json_int_t)entry->state, "had_driver", (int)service->had_driver,
		"driver", (json_int_t)service->driven_by.pid,
		(json_int_t)service->driven_by.start_time,
		"survives", (int)service->survives, "terminating", (int)service->terminating,
		"connection", (json_int_t)service->kept_connection,
		"links", links_of(service), "methods", service->methods_text);
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
		.details = service_details(service),
	};
	return ret->name && ret->details ? record_save_rows(ret, service->node) : -ENOMEM;
}

/* Replaced, or made where there is none: IOService and IOResources need one only when changed. */
int service_save(const struct service *service)
{
	struct store *store = service->registry->store;
	_cleanup_(record_deinit) struct record record = { 0 };
	int r;

	if (service->is_nub)
		return service->stream ? stream_save(service->stream) : 0;
	r = make_record(service, &record);
	if (r == 0)
		r = store_save(store, service->node->id, &record);
	if (r == -ENOENT)
		r = store_add(store, service->node->id, &record, NULL, NULL);
	return r;
}

#define CONNECTIONS_AT_ONCE 64	/* before the record is written again */

int service_use_connection(struct service *service, uint64_t number)
{
	uint64_t before = service->kept_connection;
	int r = 0;

	if (number > before) {
		service->kept_connection = number + CONNECTIONS_AT_ONCE;
		r = service_save(service);
	}
	if (r < 0)
		service->kept_connection = before;
	else
		service->last_connection = number;
	return r;
}

static int join_lineage(const json_t *lineage, char **ret)
{
	size_t size = 0, i;
	json_t *class;
	FILE *out = open_memstream(ret, &size);

	if (!out)
		return -ENOMEM;
	json_array_foreach(lineage, i, class)
		fprintf(out, "%s%s", i ? ":" : "", json_string_value(class) ? json_string_value(class) : "");
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* As service_set_methods(), but that nothing is saved: the record is what this comes from. */
static int adopt_methods(struct service *service, const char *text)
{
	struct methods *methods = NULL;
	int r = service->registry->read_methods(text, strlen(text), &methods);

	if (r < 0)
		return r;
	methods_free(service->methods);
	free(service->methods_text);
	service->methods = methods;
	service->methods_text = strdup(text);
	return service->methods_text ? 0 : -ENOMEM;
}

int service_adopt_details(struct service *service, json_t *details)
{
	_cleanup_(freep) char *classes = NULL;
	json_t *lineage, *properties, *links, *value;
	const char *key, *methods = NULL;
	int had_driver, survives, terminating = 0, r;
	json_int_t entry, state, connection, pid = 0, start = 0;

	if (json_unpack(details, "{s:I, s:o, s:o, s:I, s:b, s?[I,I], s:b, s?b, s:I, s:o, s?s}",
			"entry", &entry,
			"lineage", &lineage, "properties", &properties, "state", &state,
			"had_driver", &had_driver, "driver", &pid, &start, "survives", &survives,
			"terminating", &terminating,
			"connection", &connection, "links", &links, "methods", &methods) < 0)
		return -EBADMSG;
	r = join_lineage(lineage, &classes);
	if (r == 0)
		r = entry_set_class(&service->entry, classes);
	json_object_foreach(properties, key, value)
		if (r == 0)
			r = entry_set_property(&service->entry, key, value);
	if (r == 0 && methods)
		r = adopt_methods(service, methods);
	service->entry.state = (uint32_t)state & (ENTRY_REGISTERED | ENTRY_MATCHED |
						  ENTRY_FIRST_PUBLISHED | ENTRY_FIRST_MATCHED);
	service->links = json_incref(links);
	service->had_driver = service->is_orphan = had_driver;
	service->driven_by = (struct holder){ (pid_t)pid, (uint64_t)start };
	service->survives = survives;
	service->must_end = terminating;
	service->last_connection = service->kept_connection = (uint64_t)connection;
	return r;
}

int service_adopt(struct service *parent, uint64_t id, const struct record *record)
{
	struct making making = {
		.own = record->own, .files = record->files, .persist = record->persist,
	};
	struct node *node = node_by_id(id);
	struct service *service = node ? node->object : NULL;
	json_t *entry = record->details ? json_object_get(record->details, "entry") : NULL;
	int r;

	if (!service) {
		if (!parent)
			return -ENOENT;
		/* A number that no entry can have, of a damaged record: the next one instead. */
		r = service_add(parent->registry, parent->node, record->name, id,
				json_integer_value(entry) > 0 ? (uint64_t)json_integer_value(entry) : 0,
				&making, &service);
		if (r < 0)
			return r;
	}
	service->node->own = record->own;
	service_give_files(service);
	if (service->queues)
		service->queues->own = record->files;
	r = record_adopt_rows(record, service->node);
	if (r == 0)
		r = buffers_adopt(service);
	if (r == 0 && record->details)
		r = service_adopt_details(service, record->details);
	if (r == 0)
		service_await_driver(service);
	return r;
}

void service_adopt_links(struct service *service)
{
	json_auto_t *links = steal(service->links);
	json_t *link;
	size_t i;

	json_array_foreach(links, i, link) {
		const char *name;
		json_int_t id;
		struct entry *parent;
		struct plane *plane;
		int r = json_unpack(link, "[s, I]", &name, &id) < 0 ? -EBADMSG : 0;

		parent = r < 0 ? NULL : entry_by_id((uint64_t)id);
		plane = parent ? plane_find(name, strlen(name)) : NULL;
		if (parent && !plane && registry_add_plane(service->registry, name) == 0)
			plane = plane_find(name, strlen(name));
		if (!plane || entry_attach(&service->entry, parent, plane) < 0)
			log_warning("service '%s' has lost a parent, ignoring", service->node->name);
	}
}
