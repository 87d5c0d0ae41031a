/* SPDX-License-Identifier: MIT */
/*
 * The mount, top down: every name that a user can see is one row here, beside
 * what answers it. Start reading the daemon in this file.
 *
 *	/
 *	|-- README  version  status
 *	|-- queues -> IOService/IOResources/queues
 *	`-- IOService/
 *	    `-- <service>/		mkdir, rmdir; IOResources is always there
 *	        |-- <service>/		...and so on
 *	        `-- queues/
 *	            `-- <queue>/	mkdir, rmdir
 *	                |-- data  consumer		memory to map
 *	                |-- notify  serviced		FIFOs: the kernel serves them
 *	                |-- enqueue  dequeue  peek	entries
 *	                |-- capacity  max_entry  entries  used  free
 *	                |-- producer_pid  consumer_pid  stats
 *	                `-- reset
 */
#include "files/files.h"
#include "layout.h"
#include "service/queue.h"

static const struct row root_rows[] = {
	ATTRIBUTE("README", 0444, readme_show, NULL),
	ATTRIBUTE("version", 0444, version_show, NULL),
	ATTRIBUTE("status", 0444, status_show, NULL),
	{ "queues", S_IFLNK | 0777, .target = queues_target },
	{ .name = NULL },
};

static const struct row no_rows[] = {
	{ .name = NULL },
};

static const struct row queue_rows[] = {
	{ "data", S_IFREG | 0644, .ops = &queue_data_ops, .memory = true,
	  .target = queue_data_target, .size = queue_data_size },
	{ "consumer", S_IFREG | 0644, .ops = &queue_consumer_ops, .memory = true,
	  .target = queue_consumer_target, .size = queue_consumer_size },
	{ .name = "notify", .mode = S_IFIFO | 0666 },
	{ .name = "serviced", .mode = S_IFIFO | 0666 },
	{ "enqueue", S_IFREG | 0222, .ops = &queue_enqueue_ops },
	{ "dequeue", S_IFREG | 0444, .ops = &queue_dequeue_ops },
	{ "peek", S_IFREG | 0444, .ops = &queue_peek_ops },
	ATTRIBUTE("capacity", 0644, queue_capacity_show, queue_capacity_store),
	ATTRIBUTE("max_entry", 0644, queue_max_entry_show, queue_max_entry_store),
	ATTRIBUTE("entries", 0444, queue_entries_show, NULL),
	ATTRIBUTE("used", 0444, queue_used_show, NULL),
	ATTRIBUTE("free", 0444, queue_free_show, NULL),
	ATTRIBUTE("producer_pid", 0444, queue_producer_pid_show, NULL),
	ATTRIBUTE("consumer_pid", 0444, queue_consumer_pid_show, NULL),
	ATTRIBUTE("stats", 0444, queue_stats_show, NULL),
	ATTRIBUTE("reset", 0200, NULL, queue_reset_store),
	{ .name = NULL },
};

/* The words of a service directory: no child may have one for its name. */
static const char *const service_words[] = {
	"async", "buf", "busy", "class", "classes", "clients", "clone", "ctl", "driver",
	"events", "id", "location", "match", "methods", "name", "owner", "parents", "path",
	"prop", "props", "queues", "quiet", "retain", "state", "streams", NULL
};

static const struct node_def root_dir = { .rows = root_rows };

static const struct node_def plane_dir = {
	.rows = no_rows,
	.reserved = service_words,
	.make = service_dir_make,
	.remove = service_dir_remove,
	.set_attributes = service_dir_set_attributes,
	.free = service_free,
};

static const struct node_def service_dir = {
	.rows = no_rows,
	.reserved = service_words,
	.make = service_dir_make,
	.remove = service_dir_remove,
	.set_attributes = service_dir_set_attributes,
	.free = service_free,
};

static const struct node_def queues_dir = {
	.rows = no_rows,
	.make = queues_dir_make,
	.remove = queues_dir_remove,
	.set_attributes = queues_dir_set_attributes,
};

static const struct node_def queue_dir = {
	.rows = queue_rows,
	.set_attributes = queue_dir_set_attributes,
	.free = queue_free,
};

const struct layout mount_layout = {
	.root = &root_dir,
	.plane = &plane_dir,
	.service = &service_dir,
	.queues = &queues_dir,
	.queue = &queue_dir,
};
