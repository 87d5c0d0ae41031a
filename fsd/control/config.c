/* SPDX-License-Identifier: MIT */
/*
 * Two passes over the document: the first checks all of it against the tables
 * of keys; the second makes things and need not doubt any more.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "control/checker.h"
#include "control/config.h"
#include "util/log.h"

struct config {
	json_t *root;		/* owned */
};

static const char *check_name(json_t *value)
{
	const char *name = json_string_value(value);

	return name && json_string_length(value) == strlen(name) && node_name_check(name) == 0 ?
		NULL : "must be a name of 1 to 255 bytes without '/'";
}

static const char *check_size(json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) > 0 ?
		NULL : "must be a number of bytes above 0";
}

static int parse_mode(const char *text, mode_t *ret)
{
	size_t n = text ? strlen(text) : 0;

	if (n < 3 || n > 4 || strspn(text, "01234567") != n || (n == 4 && *text != '0'))
		return -EINVAL;
	*ret = (mode_t)strtoul(text, NULL, 8);
	return 0;
}

static const char *check_mode(json_t *value)
{
	mode_t mode;

	return parse_mode(json_string_value(value), &mode) == 0 ?
		NULL : "must be permission bits in octal, as a string like \"0660\"";
}

static const struct key queue_keys[] = {
	{ "name",      check_name, .required = true },
	{ "capacity",  check_size },
	{ "max_entry", check_size },
	{ "mode",      check_mode },
	{ "owner",     check_owner },
	{ "group",     check_group },
	{ "persist",   check_bool },
	{ .name = NULL },
};

static const struct key service_keys[] = {
	{ "name",     check_name, .required = true },
	{ "mode",     check_mode },
	{ "owner",    check_owner },
	{ "group",    check_group },
	{ "queues",   .items = queue_keys },
	{ "services", .items = service_keys },
	{ .name = NULL },
};

static const struct key root_keys[] = {
	{ "queues",   .items = queue_keys },
	{ "services", .items = service_keys },
	{ .name = NULL },
};

struct config *config_free(struct config *config)
{
	if (config)
		json_decref(config->root);
	free(config);
	return NULL;
}

static void config_freep(struct config **config)
{
	*config = config_free(*config);
}

int config_parse(const char *text, struct config **ret, char **ret_problem)
{
	struct checker checker = { .text = text, .problem = ret_problem };
	_cleanup_(config_freep) struct config *config = calloc(1, sizeof(*config));
	json_error_t error;
	int r;

	if (!config)
		return -ENOMEM;
	config->root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!config->root) {
		if (asprintf(ret_problem, "%d:%d: %s", error.line, error.column, error.text) < 0)
			return -ENOMEM;
		return -EINVAL;
	}
	r = check_object(&checker, config->root, root_keys);
	if (r < 0)
		return r;
	*ret = steal(config);
	return 0;
}

static struct making making_of(const json_t *object)
{
	struct making making = {
		.own = { geteuid(), getegid(), 0755 },
		.capacity = QUEUE_DEFAULT_CAPACITY,
		.persist = json_is_true(json_object_get(object, "persist")),
	};
	json_t *capacity = json_object_get(object, "capacity");
	json_t *max_entry = json_object_get(object, "max_entry");
	mode_t mode;

	parse_owner(json_string_value(json_object_get(object, "owner")), &making.own.uid);
	parse_group(json_string_value(json_object_get(object, "group")), &making.own.gid);
	making.files = (struct attributes){ .uid = making.own.uid, .gid = making.own.gid };
	if (parse_mode(json_string_value(json_object_get(object, "mode")), &mode) == 0) {
		making.own.mode = node_directory_mode(mode);
		making.files.mode = S_IFREG | mode;
	}
	if (capacity)
		making.capacity = (uint64_t)json_integer_value(capacity);
	if (max_entry)
		making.max_entry = (uint64_t)json_integer_value(max_entry);
	return making;
}

static int apply_queues(json_t *list, struct service *service)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		struct making making = making_of(item);
		int r;

		if (node_find(service->queues, name))
			continue;	/* of before a restart: it stays as it is */
		r = service_make_queue(service, name, &making);
		if (r < 0)
			return log_errno(r, "cannot make queue '%s' of the configuration", name);
	}
	return 0;
}

static int apply_services(json_t *list, struct service *parent);

static int apply_service(json_t *item, struct service *parent)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	struct node *node = node_find(parent->node, name);
	struct making making = making_of(item);
	bool is_there = node && node->def == parent->registry->layout->service;
	struct service *service = is_there ? node->object : NULL;
	int r = 0;

	making.files.mode = making.own.mode;	/* of its directory of queues */
	if (!service)
		r = service_make(parent, name, &making, &service);
	if (r < 0)
		return log_errno(r, "cannot make service '%s' of the configuration", name);
	r = apply_queues(json_object_get(item, "queues"), service);
	return r < 0 ? r : apply_services(json_object_get(item, "services"), service);
}

static int apply_services(json_t *list, struct service *parent)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		int r = apply_service(item, parent);

		if (r < 0)
			return r;
	}
	return 0;
}

int config_apply(const struct config *config, struct registry *registry)
{
	int r = apply_queues(json_object_get(config->root, "queues"), registry->resources);

	return r < 0 ? r : apply_services(json_object_get(config->root, "services"),
					  registry->plane);
}
