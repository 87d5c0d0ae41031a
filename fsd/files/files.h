/* SPDX-License-Identifier: MIT */
/*
 * files - what the map (layout.c) refers to: one set of functions for each kind
 * of directory, bytes to service calls and back
 */
#pragma once

#include "tree/attribute.h"

/* The root (root_files.c) */
int readme_show(struct node *node, FILE *out);
int version_show(struct node *node, FILE *out);
int status_show(struct node *node, FILE *out);
char *queues_target(struct node *node);

/* Services and their directories of queues (service_files.c) */
int service_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int service_dir_remove(struct node *node, struct node *child);
int service_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes);
int queues_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int queues_dir_remove(struct node *node, struct node *child);
int queues_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes);

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
