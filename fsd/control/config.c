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
#include "service/stream_pace.h"
#include "util/failure.h"
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
	return is_between(value, 1, INT64_MAX) ? NULL : "must be a number of bytes above 0";
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

static bool parse_direction(const char *text, IOStreamMode *ret)
{
	return text && stream_mode_from_name(text, strlen(text), ret);
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

static const char *check_direction(json_t *value)
{
	IOStreamMode mode;

	return parse_direction(json_string_value(value), &mode) ?
		NULL : "must be \"input\", \"output\" or \"inout\"";
}

static const char *check_driver(json_t *value)
{
	const char *name = json_string_value(value);

	return name && (strcmp(name, "source") == 0 || strcmp(name, "sink") == 0) ?
		NULL : "must be \"source\" or \"sink\"";
}

static const char *check_rate(json_t *value)
{
	double rate = json_number_value(value);

	return json_is_number(value) && rate >= 0.001 && rate <= STREAM_MAX_RATE ?
		NULL : "must be frames a second, 0.001 to 1000000";
}

static const char *check_buffers(json_t *value)
{
	return is_between(value, 0, STREAM_MAX_BUFFERS) ? NULL : "must be a number of buffers, 0 to 1024";
}

static const char *check_area(json_t *value)
{
	return is_between(value, 0, UINT32_MAX) ? NULL : "must be a number of bytes of 32 bits";
}

static const char *check_length(json_t *value)
{
	return is_between(value, 0, STREAM_MAX_LENGTH) ? NULL : "must be a number of entries, 0 to 65536";
}

static const char *check_linger(json_t *value)
{
	return is_between(value, 0, UINT32_MAX) ? NULL : "must be a number of milliseconds";
}

static bool is_nothing(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && json_integer_value(value) == 0;
}

/* What one key says of another. */
static const char *check_stream(json_t *object)
{
	bool has_driver = json_object_get(object, "driver");

	if (has_driver && json_object_get(object, "direction"))
		return "a \"driver\" has one \"direction\": leave it out";
	if (!has_driver && json_object_get(object, "rate"))
		return "a \"rate\" is that of a \"driver\"";
	if (is_nothing(object, "size") && is_nothing(object, "control_size"))
		return "\"size\" and \"control_size\" are both 0";
	return NULL;
}

static const struct key stream_keys[] = {
	{ "name",         check_name, .required = true },
	{ "direction",    check_direction },
	{ "driver",       check_driver },
	{ "rate",         check_rate },
	{ "buffers",      check_buffers },
	{ "size",         check_area },
	{ "control_size", check_area },
	{ "queue_length", check_length },
	{ "linger",       check_linger },
	{ "mode",         check_mode },
	{ "owner",        check_owner },
	{ "group",        check_group },
	{ "persist",      check_bool },
	{ .name = NULL, .check = check_stream },
};

static const struct key service_keys[] = {
	{ "name",     check_name, .required = true },
	{ "mode",     check_mode },
	{ "owner",    check_owner },
	{ "group",    check_group },
	{ "queues",   .items = queue_keys },
	{ "streams",  .items = stream_keys },
	{ "services", .items = service_keys },
	{ .name = NULL },
};

static const struct key root_keys[] = {
	{ "queues",   .items = queue_keys },
	{ "streams",  .items = stream_keys },
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
		*ret_problem = text_print("%d:%d: %s", error.line, error.column, error.text);
		return *ret_problem ? -EINVAL : -ENOMEM;
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

/* With what was said of it, or else by its errno. Return: @r. */
static int cannot_make(int r, const char *what, const char *name)
{
	struct failure why;

	failure_take(&why);
	if (why.error != r || !*why.message)
		return log_errno(r, "cannot make %s '%s' of the configuration", what, name);
	log_error("cannot make %s '%s' of the configuration: %s", what, name, why.message);
	return r;
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
			return cannot_make(r, "queue", name);
	}
	return 0;
}

static uint64_t number_of(const json_t *item, const char *key, uint64_t otherwise)
{
	json_t *value = json_object_get(item, key);

	return value ? (uint64_t)json_integer_value(value) : otherwise;
}

/* What a new one is to be, in its order: buffers as the ring has room for. */
static IOReturn shape_stream(json_t *item, struct stream *stream)
{
	uint64_t n = number_of(item, "buffers", json_object_get(item, "driver") ? 3 : 0);
	uint64_t data = number_of(item, "size", 4096), control = number_of(item, "control_size", 64);
	IOReturn code = stream_set_queue_length(stream, number_of(item, "queue_length", 0));

	if (code == kIOReturnSuccess)
		code = stream_set_linger(stream, number_of(item, "linger", stream->linger));
	for (uint64_t i = 0; i < n && code == kIOReturnSuccess; i++)
		code = stream_add_buffer(stream, data, control);
	return code;
}

/* One of fsd's own drivers has one direction. */
static int drive_stream(json_t *item, struct stream *stream)
{
	const char *driver = json_string_value(json_object_get(item, "driver"));
	json_t *rate = json_object_get(item, "rate");
	double frames = rate ? json_number_value(rate) : 30;
	bool is_source = driver && strcmp(driver, "source") == 0;
	IOStreamMode mode = stream->mode;

	parse_direction(json_string_value(json_object_get(item, "direction")), &mode);
	if (driver)
		mode = is_source ? kIOStreamModeOutput : kIOStreamModeInput;
	stream_set_modes(stream, driver ? 1u << mode | 1u << stream->mode : 7);
	if (mode != stream->mode) {
		stream->mode = mode;
		stream_tell_board(stream);
	}
	if (!driver)
		return stream_save(stream);
	stream_set_modes(stream, 1u << mode);
	return is_source ? stream_add_source(stream, frames) : stream_add_sink(stream, frames);
}

static struct stream *find_stream(struct service *service, const char *name)
{
	struct node *streams = node_find(service->node, "streams");
	struct node *node = streams ? node_find(streams, name) : NULL;

	return node ? node->object : NULL;
}

static int apply_stream(json_t *item, struct service *service, const char *name)
{
	struct stream *stream = find_stream(service, name);
	struct making making = making_of(item);
	int r;

	if (stream)		/* of before a restart: but for its driver, it stays as it is */
		return json_object_get(item, "driver") ? drive_stream(item, stream) : 0;
	r = service_make_stream(service, name, &making, &stream);
	if (r == 0)
		r = stream_result(stream, shape_stream(item, stream));
	return r < 0 ? r : drive_stream(item, stream);
}

static int apply_streams(json_t *list, struct service *service)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		int r = apply_stream(item, service, name);

		if (r < 0)
			return cannot_make(r, "stream", name);
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
		return cannot_make(r, "service", name);
	r = apply_queues(json_object_get(item, "queues"), service);
	if (r == 0)
		r = apply_streams(json_object_get(item, "streams"), service);
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

	if (r == 0)
		r = apply_streams(json_object_get(config->root, "streams"), registry->resources);
	return r < 0 ? r : apply_services(json_object_get(config->root, "services"),
					  registry->plane);
}
