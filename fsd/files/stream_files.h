/* SPDX-License-Identifier: MIT */
/*
 * stream_files - what the map refers to for streams
 */
#pragma once

#include "files/session.h"
#include "service/stream.h"
#include "tree/attribute.h"

static inline struct stream *stream_of(const struct file *file)
{
	return file->node->object;
}

/* Directories and values (stream_files.c) */
int streams_dir_make(struct node *node, const char *name, mode_t mode, const struct caller *caller);
int streams_dir_remove(struct node *node, struct node *child, const struct caller *caller);
int streams_dir_set_attributes(struct node *node, const struct row *row,
			       const struct attributes *attributes);
int stream_dir_set_attributes(struct node *node, const struct row *row,
			      const struct attributes *attributes);
struct attributes stream_dir_attributes(const struct node *node, const struct row *row);
struct attributes stream_buffer_attributes(const struct node *node, const struct row *row);
int stream_buffers_make(struct node *node, const char *name, mode_t mode,
			const struct caller *caller);
int stream_buffers_remove(struct node *node, struct node *child, const struct caller *caller);
int stream_buffer_set_attributes(struct node *node, const struct row *row,
				 const struct attributes *attributes);
/* Return: 0, or what refuses it. */
int stream_parse_mode(const char *text, size_t size, IOStreamMode *ret);
int stream_modes_show(struct node *node, FILE *out);
int stream_modes_store(struct node *node, const char *text, size_t size);
int stream_state_show(struct node *node, FILE *out);
uint64_t stream_state_version(const struct node *node);
int stream_client_show(struct node *node, FILE *out);
int stream_queue_length_show(struct node *node, FILE *out);
int stream_queue_length_store(struct node *node, const char *text, size_t size);
int stream_linger_show(struct node *node, FILE *out);
int stream_linger_store(struct node *node, const char *text, size_t size);
int stream_count_show(struct node *node, FILE *out);
uint64_t stream_count_version(const struct node *node);
int stream_buffer_size_show(struct node *node, FILE *out);
int stream_buffer_size_store(struct node *node, const char *text, size_t size);
int stream_buffer_control_size_show(struct node *node, FILE *out);
int stream_buffer_control_size_store(struct node *node, const char *text, size_t size);
int stream_buffer_holder_show(struct node *node, FILE *out);
int stream_buffer_refs_show(struct node *node, FILE *out);
int stream_buffer_sequence_show(struct node *node, FILE *out);
int stream_buffer_timestamp_show(struct node *node, FILE *out);
int stream_buffer_flags_show(struct node *node, FILE *out);
int stream_lend_show(struct node *node, FILE *out);
int stream_lend_store(struct node *node, const char *text, size_t size);
int stream_output_length_show(struct node *node, FILE *out);
int stream_input_length_show(struct node *node, FILE *out);
int stream_queues_show(struct node *node, FILE *out);
int stream_queues_store(struct node *node, const char *text, size_t size);
int stream_discontinuity_show(struct node *node, FILE *out);
int stream_drop_store(struct node *node, const char *text, size_t size);

/* Counts (stream_stats_files.c) */
int stream_frames_show(struct node *node, FILE *out);
int stream_bytes_show(struct node *node, FILE *out);
int stream_frames_out_show(struct node *node, FILE *out);
int stream_bytes_out_show(struct node *node, FILE *out);
int stream_frames_in_show(struct node *node, FILE *out);
int stream_bytes_in_show(struct node *node, FILE *out);
int stream_dropped_show(struct node *node, FILE *out);
int stream_overruns_show(struct node *node, FILE *out);
int stream_discarded_show(struct node *node, FILE *out);
int stream_errors_show(struct node *node, FILE *out);
int stream_sequence_show(struct node *node, FILE *out);
int stream_last_error_show(struct node *node, FILE *out);

/* mode and the triggers (stream_wish_files.c) */
extern const struct file_ops stream_wish_ops;

/* Lines of entries and notifications (stream_line_files.c) */
extern const struct file_ops stream_output_dequeue_ops, stream_input_enqueue_ops;
extern const struct file_ops stream_driver_enqueue_ops, stream_driver_dequeue_ops;
extern const struct file_ops stream_output_notify_ops, stream_input_notify_ops;
extern const struct file_ops stream_input_notify_sync_ops, stream_driver_notify_ops;
extern const struct file_ops stream_ack_ops;

/* Memory (stream_memory_files.c) */
extern const struct file_ops stream_ring_ops, stream_area_ops;
uint64_t stream_ring_file_size(struct node *node);
uint64_t stream_board_size(struct node *node);
uint64_t stream_tally_file_size(struct node *node);
uint64_t stream_data_size(struct node *node);
uint64_t stream_control_area_size(struct node *node);
bool stream_has_data(const struct node *node);
bool stream_has_control(const struct node *node);
int stream_area_resize(struct node *node, uint64_t size);

/* Bytes and the session (stream_io_files.c); the provider's (stream_driver_files.c) */
extern const struct file_ops stream_io_ops, stream_driver_io_ops;
extern const struct session_kind stream_control_session;
