/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>

#include "control/status.h"
#include "util/escape.h"

/* JSON knows no bytes but UTF-8: a path that is not is shown escaped. New reference, or NULL. */
static json_t *path_to_json(const char *path)
{
	json_t *value = json_string(path);
	_cleanup_(freep) char *escaped = value ? NULL : escape(path);

	return escaped ? json_string(escaped) : value;
}

int status_write(const struct registry *registry, FILE *out)
{
	json_auto_t *object = NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	object = json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
		"version", FSD_VERSION,
		"memory", tree_memory_is_linked ? "link" : "passthrough",
		"mountpoint", path_to_json(registry->mountpoint),
		"state", path_to_json(store_path(registry->store)),
		"generation", (json_int_t)store_generation(registry->store),
		"uptime", (json_int_t)(now.tv_sec - registry->started.tv_sec),
		"services", (json_int_t)registry->n_services,
		"queues", (json_int_t)registry->n_queues,
		"streams", (json_int_t)registry->n_streams);
	if (!object || json_dumpf(object, out, JSON_INDENT(2)) < 0)
		return -ENOMEM;
	fputc('\n', out);
	return 0;
}
