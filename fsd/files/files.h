/* SPDX-License-Identifier: MIT */
/*
 * files - what the map (layout.c) refers to: one set of functions for each kind
 * of directory, bytes to service calls and back
 */
#pragma once

#include "files/session.h"
#include "service/client.h"
#include "service/queue.h"
#include "tree/attribute.h"

/* The root (root_files.c) */
int readme_show(struct node *node, FILE *out);
int version_show(struct node *node, FILE *out);
int status_show(struct node *node, FILE *out);
char *queues_target(struct node *node);
char *streams_target(struct node *node);
int root_busy_show(struct node *node, FILE *out);
int root_busy_time_show(struct node *node, FILE *out);
extern const struct session_kind console_document, policy_document, root_control;

/* Links by id, class and name, other planes, err/PID (view_files.c) */
int root_find(struct node *node, const char *name, struct node **ret);
int root_list(struct node *node, struct names *names);
int root_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int plane_find_child(struct node *node, const char *name, struct node **ret);
int plane_list(struct node *node, struct names *names);
char *plane_entry_target(struct node *node);
/* A link to id/0xID in a directory of @object's: a passing node. */
int view_make_link(struct node *directory, const char *name, uint64_t id, struct node **ret);

/* Every entry: services, the root of the plane, connections (entry_files.c) */
int entry_id_show(struct node *node, FILE *out);
int entry_name_show(struct node *node, FILE *out);
int entry_location_show(struct node *node, FILE *out);
int entry_path_show(struct node *node, FILE *out);
int entry_retain_show(struct node *node, FILE *out);
int entry_class_show(struct node *node, FILE *out);
int entry_class_store(struct node *node, const char *text, size_t size);
int entry_classes_show(struct node *node, FILE *out);
int entry_state_show(struct node *node, FILE *out);
int entry_busy_show(struct node *node, FILE *out);
int entry_busy_time_show(struct node *node, FILE *out);

/* Properties (property_files.c) */
extern const struct session_kind props_document, prop_document;
extern const struct node_def props_dir;

/* Sessions on the whole registry, or on one service (notice_files.c) */
extern const struct session_kind match_session, watch_session, events_session;
extern const struct session_kind service_match_session, service_events_session, quiet_session;

/* Services and their directories of queues (service_files.c) */
int service_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int service_dir_remove(struct node *node, struct node *child, const struct caller *caller);
int service_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes);
/* clone.TYPE is the same file as clone. */
void clones_follow(struct node *node);
int service_dir_find(struct node *node, const char *name, struct node **ret);
int service_dir_list(struct node *node, struct names *names);
int plane_dir_find(struct node *node, const char *name, struct node **ret);
int plane_dir_list(struct node *node, struct names *names);
int service_dir_create(struct node *node, const char *name, mode_t mode,
		       const struct caller *caller, struct node **ret);
int service_owner_show(struct node *node, FILE *out);
int queues_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int queues_dir_remove(struct node *node, struct node *child, const struct caller *caller);
int queues_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes);
extern const struct session_kind service_control, methods_document;

/* The provider (driver_files.c) */
extern const struct session_kind driver_session;

/* Connections (client_files.c); calls (call_files.c); memory (memory_files.c) */
extern const struct session_kind clone_session, client_control, async_session;
extern const struct session_kind call_session;
extern const struct node_def clone_leaf, ports_dir, scalar_methods_dir, struct_methods_dir;
extern const struct node_def memory_dir, bound_queues_dir, buffers_dir, buffer_leaf;
int client_find_folder(struct node *node, const char *name, struct node **ret);
int client_list_folders(struct node *node, struct names *names);
int client_type_show(struct node *node, FILE *out);
int client_creator_show(struct node *node, FILE *out);
char *client_service_target(struct node *node);
/* "../../../queues/N", for a binding's target "queues/N/..." in a directory of $U; the caller's. */
char *binding_queue(const struct binding *binding, bool whole);

/*
 * mem/T and port/T where the driver is fsd itself (link_files.c): the kind of a link of @type, NULL
 * while there is none; and a listing of those that there are.
 */
enum own_links { OWN_MEMORY, OWN_PORTS };
const struct node_def *own_link(const struct client *client, enum own_links which, uint32_t type);
int own_links_list(const struct client *client, enum own_links which, struct names *names);

/* A queue (queue_files.c) */
extern const struct file_ops queue_data_ops, queue_consumer_ops;
extern const struct file_ops queue_enqueue_ops, queue_dequeue_ops, queue_peek_ops;
char *queue_data_target(struct node *node);
char *queue_consumer_target(struct node *node);
uint64_t queue_data_size(struct node *node);
uint64_t queue_consumer_size(struct node *node);
int queue_capacity_show(struct node *node, FILE *out);
int queue_capacity_store(struct node *node, const char *text, size_t size);
int queue_max_entry_show(struct node *node, FILE *out);
int queue_max_entry_store(struct node *node, const char *text, size_t size);
int queue_entries_show(struct node *node, FILE *out);
int queue_used_show(struct node *node, FILE *out);
int queue_free_show(struct node *node, FILE *out);
int queue_producer_pid_show(struct node *node, FILE *out);
int queue_consumer_pid_show(struct node *node, FILE *out);
int queue_stats_show(struct node *node, FILE *out);
int queue_reset_store(struct node *node, const char *text, size_t size);
int queue_dir_set_attributes(struct node *node, const struct row *row,
			     const struct attributes *attributes);
