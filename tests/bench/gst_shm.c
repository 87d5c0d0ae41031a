/* SPDX-License-Identifier: MIT */
/*
 * gst_shm WHAT SIZE COUNT - what stream.c does, with GStreamer's shmsink and shmsrc: COUNT frames
 * of SIZE bytes from one process to another, in memory that they share
 *
 * WHAT is `sleep`, `whole` or `wake`, and prints the same. It is the peer's best case: frames are
 * allocated in that memory, so that none is copied, and pushed by the thread that makes them.
 */
#include <gst/gst.h>

#include "frame.h"

#define PAGE		4096u

static char socket_path[64];
static bool is_seldom;		/* `wake` */
static int *is_running, *is_over;	/* shared: the first frame has come, and the last */

static void set_state(GstElement *element, GstState state)
{
	if (gst_element_set_state(element, state) == GST_STATE_CHANGE_FAILURE)
		fail("gst_element_set_state");
}

static GstElement *element(const char *factory)
{
	GstElement *made = gst_element_factory_make(factory, NULL);

	if (!made) {
		fprintf(stderr, "gst_shm: there is no %s\n", factory);
		exit(1);
	}
	g_object_set(made, "socket-path", socket_path, NULL);
	return made;
}

static void wait_for(const int *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
		usleep(1000);
}

/* --- the driver */

/* A pad of ours, which frames are pushed through. */
static GstPad *begin_pushing(GstElement *sink)
{
	GstPad *pad = gst_pad_new("src", GST_PAD_SRC);
	GstPad *there = gst_element_get_static_pad(sink, "sink");
	GstSegment segment;

	gst_pad_set_active(pad, TRUE);
	if (gst_pad_link(pad, there) != GST_PAD_LINK_OK)
		fail("gst_pad_link");
	gst_object_unref(there);
	gst_segment_init(&segment, GST_FORMAT_BYTES);
	gst_pad_push_event(pad, gst_event_new_stream_start("bench"));
	gst_pad_push_event(pad, gst_event_new_caps(gst_caps_new_empty_simple("bench/frames")));
	gst_pad_push_event(pad, gst_event_new_segment(&segment));
	return pad;
}

/* Of the memory that it shares. */
static GstAllocator *find_allocator(GstPad *pad, GstAllocationParams *params)
{
	GstQuery *query = gst_query_new_allocation(NULL, FALSE);
	GstAllocator *allocator = NULL;

	gst_allocation_params_init(params);
	if (gst_pad_peer_query(pad, query) && gst_query_get_n_allocation_params(query) > 0)
		gst_query_parse_nth_allocation_param(query, 0, &allocator, params);
	gst_query_unref(query);
	if (!allocator)
		fail("shmsink offers no allocator");
	return allocator;
}

/* While it is full we would be given other memory, to be copied from. */
static GstBuffer *new_frame(GstAllocator *allocator, GstAllocationParams *params)
{
	for (;;) {
		GstBuffer *buffer = gst_buffer_new_allocate(allocator, frame_size, params);

		if (!buffer || gst_buffer_peek_memory(buffer, 0)->allocator == allocator)
			return buffer;
		gst_buffer_unref(buffer);
		sched_yield();
	}
}

static void push_frame(GstPad *pad, GstAllocator *allocator, GstAllocationParams *params,
		       unsigned long i)
{
	GstBuffer *buffer = new_frame(allocator, params);
	GstMapInfo map;

	if (!buffer || !gst_buffer_map(buffer, &map, GST_MAP_WRITE))
		fail("gst_buffer_map");
	if (is_seldom)
		stamp_frame(map.data);
	else
		fill_frame(map.data, i);
	gst_buffer_unmap(buffer, &map);
	if (gst_pad_push(pad, buffer) != GST_FLOW_OK)
		fail("gst_pad_push");
}

static void drive(void *arg)
{
	GstAllocationParams params;
	GstAllocator *allocator;
	GstElement *sink;
	GstPad *pad;

	(void)arg;
	gst_init(NULL, NULL);
	sink = element("shmsink");
	g_object_set(sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE,
		     "shm-size", (guint)((frame_size + PAGE - 1) / PAGE * PAGE * N_BUFFERS), NULL);
	set_state(sink, GST_STATE_PLAYING);
	pad = begin_pushing(sink);
	allocator = find_allocator(pad, &params);
	meet();
	push_frame(pad, allocator, &params, 0);
	wait_for(is_running);
	for (unsigned long i = 1; i < n_frames; i++) {
		if (is_seldom)
			usleep(PAUSE_US);
		push_frame(pad, allocator, &params, i);
	}
	wait_for(is_over);
	set_state(sink, GST_STATE_NULL);	/* its files go */
}

/* --- the client */

static double took;		/* seconds, without the first */

static GstPadProbeReturn received(GstPad *pad, GstPadProbeInfo *info, gpointer arg)
{
	static unsigned long n;
	static double started;
	GstMapInfo map;

	(void)pad;
	(void)arg;
	if (!gst_buffer_map(GST_PAD_PROBE_INFO_BUFFER(info), &map, GST_MAP_READ))
		fail("gst_buffer_map");
	if (n == 0) {
		started = now();
		__atomic_store_n(is_running, 1, __ATOMIC_RELEASE);
	}
	if (is_seldom)
		note_stamp(map.data, n);
	else
		check_frame(map.data, n);
	gst_buffer_unmap(GST_PAD_PROBE_INFO_BUFFER(info), &map);
	if (++n == n_frames) {
		took = now() - started;
		__atomic_store_n(is_over, 1, __ATOMIC_RELEASE);
	}
	return GST_PAD_PROBE_OK;
}

static void receive(void *arg)
{
	GstElement *pipeline, *source, *sink;
	GstPad *pad;

	(void)arg;
	gst_init(NULL, NULL);
	meet();
	pipeline = gst_pipeline_new(NULL);
	source = element("shmsrc");
	sink = gst_element_factory_make("fakesink", NULL);
	g_object_set(sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
	gst_bin_add_many(GST_BIN(pipeline), source, sink, NULL);
	gst_element_link(source, sink);
	pad = gst_element_get_static_pad(source, "src");
	gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, received, NULL, NULL);
	set_state(pipeline, GST_STATE_PLAYING);
	wait_for(is_over);
	if (is_seldom)
		print_stamps();
	else
		printf("%.0f\n", (double)(n_frames - 1) / took);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: gst_shm WHAT SIZE COUNT\n");
		return 2;
	}
	is_seldom = strcmp(argv[1], "wake") == 0;
	is_whole = strcmp(argv[1], "whole") == 0;
	frame_size = strtoul(argv[2], NULL, 10);
	n_frames = strtoul(argv[3], NULL, 10);
	snprintf(socket_path, sizeof(socket_path), "/dev/shm/fsd-bench-gst.%d", (int)getpid());
	is_running = shared_memory(sizeof(*is_running));
	is_over = shared_memory(sizeof(*is_over));
	run_pair(drive, receive, NULL);
	return 0;
}
