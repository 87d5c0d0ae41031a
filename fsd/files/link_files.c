/* SPDX-License-Identifier: MIT */
/*
 * mem/T and port/T where the driver is fsd itself: links into the mount, as long as it has
 * something for them to lead to.
 */
#include "files/files.h"

static const struct driver_links *links_of(const struct client *client, enum own_links which)
{
	const struct driver *driver = client->service ? client->service->driver : NULL;

	return !driver ? NULL : which == OWN_MEMORY ? driver->memory : driver->ports;
}

static char *target(const struct client *client, enum own_links which, uint32_t type)
{
	const struct driver_links *links = links_of(client, which);

	return links ? links->target(client->service->driver, client, type) : NULL;
}

static char *memory_target(struct node *node)
{
	return target(node->object, OWN_MEMORY, (uint32_t)node->number);
}

static char *port_target(struct node *node)
{
	return target(node->object, OWN_PORTS, (uint32_t)node->number);
}

static const struct row memory_row = { "", S_IFLNK | 0777, .target = memory_target };
static const struct node_def memory_leaf = { .rows = node_no_rows, .leaf = &memory_row };
static const struct row port_row = { "", S_IFLNK | 0777, .target = port_target };
static const struct node_def port_leaf = { .rows = node_no_rows, .leaf = &port_row };

const struct node_def *own_link(const struct client *client, enum own_links which, uint32_t type)
{
	_cleanup_(freep) char *path = target(client, which, type);

	return !path ? NULL : which == OWN_MEMORY ? &memory_leaf : &port_leaf;
}

int own_links_list(const struct client *client, enum own_links which, struct names *names)
{
	const struct driver_links *links = links_of(client, which);

	return links ? links->list(client->service->driver, client, names) : 0;
}
