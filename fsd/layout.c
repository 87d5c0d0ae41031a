/* SPDX-License-Identifier: MIT */
/*
 * The mount, top down: every name that a user can see is one row here, beside
 * what answers it. Start reading the daemon in this file.
 *
 *	/
 *	|-- README  version  status
 *	|-- queues -> IOService/IOResources/queues   streams -> IOService/IOResources/streams
 *	|-- id/0xID  id/PLANE:ALIAS  class/C/0xID  name/N/0xID	links to entries (view_files.c)
 *	|-- match  watch  events			sessions: find services, be told of them
 *	|-- busy  busy_time  quiet  console  policy  err/PID  ctl
 *	|-- <Plane>/					other planes: mkdir; each entry's `entry` is a link
 *	`-- IOService/				the service plane, with the root entry's files
 *	    `-- <service>/		mkdir, rmdir; IOResources is always there
 *	        |-- <service>/		...and so on; each stream is one, too
 *	        |-- id  name  location  path  class  classes  state  busy  busy_time  quiet
 *	        |-- retain  owner
 *	        |-- props  prop/KEY  parents/0xID
 *	        |-- methods  driver  ctl		the owner's: what it can, the provider, its life
 *	        |-- buf/NAME			memory of the driver's
 *	        |-- match  events
 *	        |-- clone  clone.TYPE		open it: a connection
 *	        |-- clients/
 *	        |   `-- <N>/			one connection; its opener's
 *	        |       |-- id  name  class  classes  type  creator  state  busy  busy_time
 *	        |       |-- path  retain
 *	        |       |-- service -> ../..
 *	        |       |-- call  m/SEL  struct/SEL  async	calls, completions
 *	        |       |-- port/T  mem/T  queues/T	notifications, memory
 *	        |       `-- ctl  props  prop/KEY
 *	        |-- streams/
 *	        |   `-- <stream>/	mkdir, rmdir
 *	        |       |-- mode  modes  state  client  queue_length  linger  lend
 *	        |       |-- start  stop  suspend  drain
 *	        |       |-- io		open it: the client's session; the stream as bytes
 *	        |       |-- board  tally	memory to map, for libqueue
 *	        |       |-- buffers/count
 *	        |       |   `-- <N>/	mkdir, rmdir
 *	        |       |       |-- size  control_size  data  control	memory to map
 *	        |       |       `-- holder  refs  sequence  timestamp  flags
 *	        |       |-- output/	data  length  dequeue  notify
 *	        |       |-- input/	data  length  enqueue  notify  notify_sync
 *	        |       |-- stats/	frames  bytes  dropped  overruns  discarded  errors ...
 *	        |       `-- driver/	control  io  enqueue  dequeue  notify  ack  drop
 *	        |			modes  queues  discontinuity
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
#include "files/stream_files.h"
#include "layout.h"
#include "service/queue.h"

static const struct row root_rows[] = {
	ATTRIBUTE("README", 0444, readme_show, NULL),
	ATTRIBUTE("version", 0444, version_show, NULL),
	ATTRIBUTE("status", 0444, status_show, NULL),
	{ "queues", S_IFLNK | 0777, .target = queues_target },
	{ "streams", S_IFLNK | 0777, .target = streams_target },
	SESSION("match", 0666, match_session),
	SESSION("watch", 0666, watch_session),
	SESSION("events", 0444, events_session),
	ATTRIBUTE("busy", 0444, root_busy_show, NULL),
	ATTRIBUTE("busy_time", 0444, root_busy_time_show, NULL),
	SESSION("quiet", 0444, quiet_session),
	DOCUMENT("console", 0644, console_document),
	DOCUMENT("policy", 0400, policy_document),
	SESSION("ctl", 0200, root_control),
	{ .name = NULL },
};

#define ENTRY_ROWS						\
	ATTRIBUTE("id", 0444, entry_id_show, NULL),		\
	ATTRIBUTE("name", 0444, entry_name_show, NULL),		\
	ATTRIBUTE("path", 0444, entry_path_show, NULL),		\
	ATTRIBUTE("classes", 0444, entry_classes_show, NULL),	\
	ATTRIBUTE("state", 0444, entry_state_show, NULL),	\
	ATTRIBUTE("busy", 0444, entry_busy_show, NULL),		\
	ATTRIBUTE("busy_time", 0444, entry_busy_time_show, NULL), \
	ATTRIBUTE("retain", 0444, entry_retain_show, NULL)

/* The root entry. */
static const struct row plane_rows[] = {
	ENTRY_ROWS,
	ATTRIBUTE("class", 0444, entry_class_show, NULL),
	DOCUMENT("props", 0644, props_document),
	SESSION("quiet", 0444, quiet_session),
	{ .name = NULL },
};

static const struct row service_rows[] = {
	ENTRY_ROWS,
	ATTRIBUTE("location", 0444, entry_location_show, NULL),
	ATTRIBUTE("class", 0644, entry_class_show, entry_class_store),
	ATTRIBUTE("owner", 0444, service_owner_show, NULL),
	SESSION("quiet", 0444, quiet_session),
	DOCUMENT("props", 0666, props_document),
	DOCUMENT("methods", 0644, methods_document),
	SESSION("match", 0666, service_match_session),
	SESSION("events", 0444, service_events_session),
	SESSION("driver", 0600, driver_session),
	SESSION("clone", 0666, clone_session),
	SESSION("ctl", 0222, service_control),
	{ .name = NULL },
};

static const struct row client_rows[] = {
	ENTRY_ROWS,
	ATTRIBUTE("class", 0444, entry_class_show, NULL),
	ATTRIBUTE("type", 0444, client_type_show, NULL),
	ATTRIBUTE("creator", 0444, client_creator_show, NULL),
	{ "service", S_IFLNK | 0777, .target = client_service_target },
	SESSION("ctl", 0200, client_control),
	SESSION("call", 0600, call_session),
	SESSION("async", 0400, async_session),
	DOCUMENT("props", 0600, props_document),
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

#define WISH(name_, mode_) { .name = (name_), .mode = S_IFREG | (mode_), .ops = &stream_wish_ops }
#define LINES(name_, mode_, ops_) { .name = (name_), .mode = S_IFREG | (mode_), .ops = &(ops_) }
#define STREAM_MEMORY(name_, mode_, ops_, size_) \
	{ .name = (name_), .mode = S_IFREG | (mode_), .ops = &(ops_), .memory = true, .size = (size_) }

static const struct row stream_rows[] = {
	WISH("mode", 0644),
	ATTRIBUTE("modes", 0444, stream_modes_show, NULL),
	WATCHED_ATTRIBUTE("state", 0444, stream_state_show, stream_state_version),
	ATTRIBUTE("client", 0444, stream_client_show, NULL),
	WISH("start", 0222),
	WISH("stop", 0222),
	WISH("suspend", 0222),
	WISH("drain", 0222),
	ATTRIBUTE("queue_length", 0644, stream_queue_length_show, stream_queue_length_store),
	ATTRIBUTE("linger", 0644, stream_linger_show, stream_linger_store),
	ATTRIBUTE("lend", 0644, stream_lend_show, stream_lend_store),
	LINES("io", 0666, stream_io_ops),
	STREAM_MEMORY("board", 0444, stream_ring_ops, stream_board_size),
	STREAM_MEMORY("tally", 0644, stream_ring_ops, stream_tally_file_size),
	{ .name = NULL },
};

static const struct row stream_buffers_rows[] = {
	WATCHED_ATTRIBUTE("count", 0444, stream_count_show, stream_count_version),
	{ .name = NULL },
};

static const struct row stream_buffer_rows[] = {
	ATTRIBUTE("size", 0644, stream_buffer_size_show, stream_buffer_size_store),
	ATTRIBUTE("control_size", 0644, stream_buffer_control_size_show,
		  stream_buffer_control_size_store),
	{ "data", S_IFREG | 0644, .ops = &stream_area_ops, .memory = true,
	  .size = stream_data_size, .resize = stream_area_resize, .is_there = stream_has_data },
	{ "control", S_IFREG | 0644, .ops = &stream_area_ops, .memory = true,
	  .size = stream_control_area_size, .resize = stream_area_resize,
	  .is_there = stream_has_control },
	ATTRIBUTE("holder", 0444, stream_buffer_holder_show, NULL),
	ATTRIBUTE("refs", 0444, stream_buffer_refs_show, NULL),
	ATTRIBUTE("sequence", 0444, stream_buffer_sequence_show, NULL),
	ATTRIBUTE("timestamp", 0444, stream_buffer_timestamp_show, NULL),
	ATTRIBUTE("flags", 0444, stream_buffer_flags_show, NULL),
	{ .name = NULL },
};

static const struct row stream_output_rows[] = {
	STREAM_MEMORY("data", 0644, stream_ring_ops, stream_ring_file_size),
	ATTRIBUTE("length", 0444, stream_output_length_show, NULL),
	LINES("dequeue", 0444, stream_output_dequeue_ops),
	LINES("notify", 0444, stream_output_notify_ops),
	{ .name = NULL },
};

static const struct row stream_input_rows[] = {
	STREAM_MEMORY("data", 0644, stream_ring_ops, stream_ring_file_size),
	ATTRIBUTE("length", 0444, stream_input_length_show, NULL),
	LINES("enqueue", 0222, stream_input_enqueue_ops),
	LINES("notify", 0222, stream_input_notify_ops),
	LINES("notify_sync", 0222, stream_input_notify_sync_ops),
	{ .name = NULL },
};

static const struct row stream_stats_rows[] = {
	ATTRIBUTE("frames", 0444, stream_frames_show, NULL),
	ATTRIBUTE("bytes", 0444, stream_bytes_show, NULL),
	ATTRIBUTE("frames_out", 0444, stream_frames_out_show, NULL),
	ATTRIBUTE("bytes_out", 0444, stream_bytes_out_show, NULL),
	ATTRIBUTE("frames_in", 0444, stream_frames_in_show, NULL),
	ATTRIBUTE("bytes_in", 0444, stream_bytes_in_show, NULL),
	ATTRIBUTE("dropped", 0444, stream_dropped_show, NULL),
	ATTRIBUTE("overruns", 0444, stream_overruns_show, NULL),
	ATTRIBUTE("discarded", 0444, stream_discarded_show, NULL),
	ATTRIBUTE("errors", 0444, stream_errors_show, NULL),
	ATTRIBUTE("sequence", 0444, stream_sequence_show, NULL),
	ATTRIBUTE("last_error", 0444, stream_last_error_show, NULL),
	{ .name = NULL },
};

static const struct row stream_driver_rows[] = {
	SESSION("control", 0600, stream_control_session),
	LINES("io", 0600, stream_driver_io_ops),
	LINES("enqueue", 0200, stream_driver_enqueue_ops),
	LINES("dequeue", 0400, stream_driver_dequeue_ops),
	LINES("notify", 0600, stream_driver_notify_ops),
	LINES("ack", 0200, stream_ack_ops),
	ATTRIBUTE("drop", 0200, NULL, stream_drop_store),
	ATTRIBUTE("modes", 0600, stream_modes_show, stream_modes_store),
	ATTRIBUTE("queues", 0600, stream_queues_show, stream_queues_store),
	ATTRIBUTE("discontinuity", 0400, stream_discontinuity_show, NULL),
	{ .name = NULL },
};

/* The words of a service directory: no child may have one for its name. */
static const char *const service_words[] = {
	"async", "buf", "busy", "busy_time", "class", "classes", "clients", "clone", "ctl",
	"driver", "entry", "events", "id", "location", "match", "methods", "name", "owner",
	"parents", "path", "prop", "props", "queues", "quiet", "retain", "state", "streams", NULL
};

static const struct node_def root_dir = {
	.rows = root_rows,
	.find = root_find,
	.list = root_list,
	.make = root_make,
};

static const struct node_def plane_dir = {
	.rows = plane_rows,
	.reserved = service_words,
	.find = plane_dir_find,
	.list = plane_dir_list,
	.make = service_dir_make,
	.remove = service_dir_remove,
	.create = service_dir_create,
	.set_attributes = service_dir_set_attributes,
	.free = service_free,
};

static const struct row other_plane_rows[] = {
	{ "entry", S_IFLNK | 0777, .target = plane_entry_target },
	{ .name = NULL },
};

static const struct node_def other_plane_dir = {
	.rows = other_plane_rows,
	.find = plane_find_child,
	.list = plane_list,
};

static const struct node_def service_dir = {
	.rows = service_rows,
	.reserved = service_words,
	.find = service_dir_find,
	.list = service_dir_list,
	.make = service_dir_make,
	.remove = service_dir_remove,
	.create = service_dir_create,
	.set_attributes = service_dir_set_attributes,
	.free = service_free,
};

static const struct node_def clients_dir = {
	.rows = node_no_rows,
};

static const struct node_def client_dir = {
	.rows = client_rows,
	.find = client_find_folder,
	.list = client_list_folders,
	.create = service_dir_create,
	.free = client_free,
};

static const struct node_def queues_dir = {
	.rows = node_no_rows,
	.make = queues_dir_make,
	.remove = queues_dir_remove,
	.set_attributes = queues_dir_set_attributes,
};

static const struct node_def queue_dir = {
	.rows = queue_rows,
	.set_attributes = queue_dir_set_attributes,
	.free = queue_free,
};

static const struct node_def streams_dir = {
	.rows = node_no_rows,
	.make = streams_dir_make,
	.remove = streams_dir_remove,
	.set_attributes = streams_dir_set_attributes,
};

static const struct node_def stream_dir = {
	.rows = stream_rows,
	.set_attributes = stream_dir_set_attributes,
	.attributes = stream_dir_attributes,
	.free = stream_free,
};

static const struct node_def stream_buffers_dir = {
	.rows = stream_buffers_rows,
	.make = stream_buffers_make,
	.remove = stream_buffers_remove,
	.set_attributes = stream_dir_set_attributes,
};

static const struct node_def stream_buffer_dir = {
	.rows = stream_buffer_rows,
	.set_attributes = stream_buffer_set_attributes,
	.attributes = stream_buffer_attributes,
	.free = stream_buffer_free,
};

/* The other directories of a stream: rows, and no more. */
static const struct node_def stream_output_dir = {
	.rows = stream_output_rows, .set_attributes = stream_dir_set_attributes,
	.attributes = stream_dir_attributes,
};
static const struct node_def stream_input_dir = {
	.rows = stream_input_rows, .set_attributes = stream_dir_set_attributes,
	.attributes = stream_dir_attributes,
};
static const struct node_def stream_stats_dir = {
	.rows = stream_stats_rows, .set_attributes = stream_dir_set_attributes,
};
static const struct node_def stream_driver_dir = {
	.rows = stream_driver_rows, .set_attributes = stream_dir_set_attributes,
};

const struct layout mount_layout = {
	.root = &root_dir,
	.plane = &plane_dir,
	.other_plane = &other_plane_dir,
	.service = &service_dir,
	.clients = &clients_dir,
	.client = &client_dir,
	.buffers = &buffers_dir,
	.buffer = &buffer_leaf,
	.queues = &queues_dir,
	.queue = &queue_dir,
	.streams = &streams_dir,
	.stream = &stream_dir,
	.stream_buffers = &stream_buffers_dir,
	.stream_buffer = &stream_buffer_dir,
	.stream_output = &stream_output_dir,
	.stream_input = &stream_input_dir,
	.stream_stats = &stream_stats_dir,
	.stream_driver = &stream_driver_dir,
};
