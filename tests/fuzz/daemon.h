/* SPDX-License-Identifier: MIT */
/*
 * daemon - fsd without a mount: its tree and its store, for the targets that need all of it
 */
#pragma once

#include <syslog.h>

#include "control/methods_text.h"
#include "control/policy_text.h"
#include "tests/folder.h"
#include "layout.h"
#include "service/queue.h"
#include "service/stream.h"
#include "text.h"
#include "util/log.h"
#include "util/timer.h"

static struct registry registry;
static char state[] = "/dev/shm/fuzz-fsd.XXXXXX";

static int stays_as_it_is(struct registry *of)
{
	(void)of;
	return 0;
}

static void remove_state(void)
{
	remove_folder(state);
}

static void start_registry(void)
{
	char *problem = NULL;
	struct registry new = {
		.layout = &mount_layout, .mountpoint = "/nowhere", .read_methods = methods_parse,
		.reload = stays_as_it_is, .limits = { .max_queues = 64, .max_queue_size = 1 << 16 },
		.loop = registry.loop, .store = registry.store, .opener = registry.opener,
	};

	registry = new;
	CHECK(policy_parse("{}", &registry.policy, &problem) == 0 && registry_init(&registry) == 0);
}

/* What is persistent stays in the store. */
static inline void stop_registry(void)
{
	registry_deinit(&registry, false);
}

/* Unless it was started before. */
static void start_daemon(void)
{
	if (registry.store)
		return;
	log_set_level(LOG_EMERG);
	if (!registry.loop) {
		CHECK(mkdtemp(state) && atexit(remove_state) == 0);
		CHECK(loop_new(&registry.loop) == 0 && timers_init(registry.loop) == 0);
		CHECK(opener_new(registry.loop, "/nowhere", &registry.opener) == 0);
	}
	CHECK(store_open(state, &registry.store) == 0);
	start_registry();
}

/* And nothing is kept. */
static inline void end_daemon(void)
{
	stop_registry();
	registry.store = store_close(registry.store);
	remove_state();
}

/* All that is shown of a node and below it, but what tells of the last error, or of time. */
static void show_all(struct node *node, FILE *out)
{
	struct node *child;

	fprintf(out, "%s\n", node->name);
	for (const struct row *row = node->def->rows; row->name; row++) {
		if (!row->show || (row->is_there && !row->is_there(node)) ||
		    strcmp(row->name, "last_error") == 0 || strcmp(row->name, "busy_time") == 0)
			continue;
		fprintf(out, "%s: ", row->name);
		row->show(node, out);
	}
	list_for_each(child, &node->children, siblings)
		if (!child->def->leaf)
			show_all(child, out);
}

static void show_service(const struct service *service, FILE *out)
{
	char *properties = json_text_print(service->entry.properties, false);

	fprintf(out, "%s %s\n", properties, service->methods_text ? service->methods_text : "");
	free(properties);
}

static char *show_tree(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *users = policy_console(registry.policy);
	char *console = json_text_print(users, true);
	struct node *node;

	CHECK(out && console);
	fprintf(out, "%s\n", console);
	list_for_each(node, &registry.plane->node->children, siblings)
		if (node->def == registry.layout->service)
			show_service(node->object, out);
	show_service(registry.plane, out);
	show_all(registry.plane->node, out);
	CHECK(fclose(out) == 0);
	free(console);
	json_decref(users);
	return text;
}
