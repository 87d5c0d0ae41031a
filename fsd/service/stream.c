/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libqueue/atomic.h"
#include "libqueue/result.h"
#include "service/stream_nub.h"
#include "service/stream_user_client.h"
#include "util/failure.h"
#include "util/log.h"
#include "util/process.h"

/* Results and changes */

IOReturn stream_code(int r)
{
	if (r == -EMFILE || r == -ENFILE)	/* kIOReturnNoResources is a stream's want */
		return UNIX_ERRNO - r;
	return r == 0 ? kIOReturnSuccess : r == -ENOSPC ? kIOReturnNoSpace :
	       r == -ENOMEM ? kIOReturnNoMemory : IOReturnFromErrno(-r);
}

/* What would be right, or NULL. */
static const char *advice(const struct stream *stream, IOReturn code)
{
	switch (code) {
	case kIOReturnNotOpen:
		return "open io first";
	case kIOReturnNotReady:
		return "start it first, or resume it";
	case kIOReturnBusy:
		return "somebody else has the buffer, keeps that end, or it must end first";
	case kIOReturnStillOpen:
	case kIOReturnExclusiveAccess:
		return stream->client == CLIENT_LINGERING ?
		       "what was written to io is played still, as `linger` allows" :
		       "it is open; `client` says by whom";
	case kIOReturnNoResources:
		return "mkdir a buffer first, or read what is pending";
	case kIOReturnNoSpace:
		return "its rings have no room for one more, or that is beyond a limit";
	case kIOReturnUnsupported:
		return "`modes` says what the driver has, and it may refuse";
	case kIOReturnNoDevice:
		return "its driver has gone, or it was removed; close io";
	case kIOReturnBadArgument:
		return "no such buffer, not within it, without any bytes, or no such value";
	default:
		return NULL;
	}
}

int stream_result(struct stream *stream, IOReturn code)
{
	int error = -stream_errno(code);
	const char *needs = advice(stream, code);

	if (code == kIOReturnSuccess)
		return 0;
	if (code != kIOReturnUnderrun && code != kIOReturnOverrun)
		stream->last_error = code;
	if (needs)
		failure(error, "the stream is %s: %s", stream_state_name(stream->state), needs);
	return failure_with_code(error, (uint32_t)code);
}

/* Each of its directories has waits of its own. */
void stream_changed(struct stream *stream)
{
	struct node *nodes[] = { stream->node, stream->buffers_dir, stream->output, stream->input,
				 stream->driver_dir };

	node_ref(stream->node);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (nodes[i])
			node_changed(nodes[i]);
	stream_user_client_look(stream->user_client);
	node_unref(stream->node);
}

/* In the store */

struct part {
	const char *name;
	struct node *node;
};

/* A directory of the stream, as the record has it: [own, {row: attributes}]. New reference. */
static json_t *part_to_json(const struct node *node)
{
	_cleanup_(record_deinit) struct record record = { 0 };

	if (record_save_rows(&record, node) < 0)
		return NULL;
	return json_pack("[o, o]", record_attributes_to_json(&node->own), record_rows_to_json(&record));
}

static int part_from_json(json_t *value, struct node *node)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	int r = json_is_array(value) && json_array_size(value) == 2 ?
		record_attributes_from_json(json_array_get(value, 0), &node->own) : -EBADMSG;

	if (r == 0)
		r = record_rows_from_json(json_array_get(value, 1), &record);
	return r < 0 ? r : record_adopt_rows(&record, node);
}

static size_t parts_of(const struct stream *stream, struct part parts[static 5])
{
	const struct part all[] = {
		{ "buffers", stream->buffers_dir }, { "output", stream->output },
		{ "input", stream->input }, { "stats", stream->stats }, { "driver", stream->driver_dir },
	};

	memcpy(parts, all, sizeof(all));
	return ARRAY_SIZE(all);
}

/* New reference, or NULL. */
static json_t *parts_to_json(const struct stream *stream)
{
	json_auto_t *object = json_object();
	struct part parts[5];
	size_t n = parts_of(stream, parts);

	for (size_t i = 0; object && i < n; i++)
		if (json_object_set_new(object, parts[i].name, part_to_json(parts[i].node)) < 0)
			return NULL;
	return steal(object);
}

static json_t *buffers_to_json(const struct stream *stream)
{
	json_auto_t *list = json_array();

	for (uint32_t i = 0; list && i < stream->n_buffers; i++) {
		const struct stream_buffer *buffer = stream->buffers[i];

		if (json_array_append_new(list, json_pack("[I, I, I, o]", (json_int_t)buffer->serial,
				(json_int_t)stream_area_size(buffer->data),
				(json_int_t)stream_area_size(buffer->control),
				part_to_json(buffer->node))) < 0)
			return NULL;
	}
	return steal(list);
}

/* For both ways. */
static const char details_form[] =
	"{s:I, s:I, s:I, s:I, s:I, s:[I,I], s:[I,I], s:I, s:b, s:b, s:[o,o], s:o, s:o}";

static json_t *details_of(const struct stream *stream)
{
	const struct service *nub = stream->nub;

	return json_pack(details_form,
		"mode", (json_int_t)stream->mode, "modes", (json_int_t)stream->modes,
		"queue_length", (json_int_t)stream->queue_length, "linger", (json_int_t)stream->linger,
		"serial", (json_int_t)stream->last_serial,
		"holder", (json_int_t)stream->holder.pid, (json_int_t)stream->holder.start_time,
		"driver", (json_int_t)stream->driver.pid, (json_int_t)stream->driver.start_time,
		"uid", (json_int_t)stream->uid, "had_client", (int)stream->had_client,
		"lends", (int)stream->lends,
		"nub", part_to_json(nub->node), service_details(nub),
		"buffers", buffers_to_json(stream), "parts", parts_to_json(stream));
}

static int make_record(const struct stream *stream, struct record *ret)
{
	const struct node *node = stream->node;

	*ret = (struct record){
		.kind = RECORD_STREAM,
		.parent = stream->service->node->id,
		.name = strdup(node->name),
		.own = node->own,
		.files = node->files,
		.persist = stream->persist,
		.details = details_of(stream),
	};
	return ret->name && ret->details ? record_save_rows(ret, node) : -ENOMEM;
}

int stream_save(struct stream *stream)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	int r;

	if (stream->removed || !stream->board || !stream->nub)
		return 0;
	stream_nub_follow(stream);
	r = make_record(stream, &record);
	return r < 0 ? r : store_save(stream->registry->store, stream->node->id, &record);
}

/* In the tree */

static int new_part(struct stream *stream, const char *name, const struct node_def *def,
		    mode_t mode, struct node **ret)
{
	struct attributes own = stream->node->own;
	int r;

	own.mode = mode;
	r = node_new_part(stream->node, name, 0, def, &own, ret);
	if (r == 0)
		(*ret)->files = stream->node->files;
	return r;
}

static int new_parts(struct stream *stream)
{
	const struct layout *layout = stream->registry->layout;
	int r = new_part(stream, "buffers", layout->stream_buffers, 0755, &stream->buffers_dir);

	if (r == 0)
		r = new_part(stream, "output", layout->stream_output, 0755, &stream->output);
	if (r == 0)
		r = new_part(stream, "input", layout->stream_input, 0755, &stream->input);
	if (r == 0)
		r = new_part(stream, "stats", layout->stream_stats, 0755, &stream->stats);
	if (r == 0)
		r = new_part(stream, "driver", layout->stream_driver, 0700, &stream->driver_dir);
	return r;
}

static int stream_init(struct service *service, const char *name, uint64_t id,
		       const struct making *making, struct stream **ret)
{
	struct registry *registry = service->registry;
	struct node *streams;
	struct stream *stream;
	int r = service_streams(service, &streams);

	if (r < 0)
		return r;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->maker = making->own.uid;
	r = share_take(&registry->streams_of, stream->maker, 1, SIZE_MAX);
	if (r == 0) {
		r = node_new(streams, name, id, registry->layout->stream, &making->own, &stream->node);
		if (r < 0)
			share_give_back(&registry->streams_of, stream->maker, 1);
	}
	if (r < 0) {
		free(stream);
		return r;
	}
	stream->node->object = stream;
	stream->node->files = making->files;
	stream->service = service;
	stream->registry = registry;
	stream->persist = making->persist;
	stream->mode = kIOStreamModeOutput;
	stream->modes = 7;
	stream->linger = STREAM_DEFAULT_LINGER;
	stream->client_ended.fd = stream->driver_ended.fd = -1;
	list_init(&stream->calls);
	list_init(&stream->delivered);
	registry->n_streams++;
	*ret = stream;
	return new_parts(stream);
}

/* Out of the tree; freed with the last reference to the node. */
static void leave_tree(struct stream *stream)
{
	stream->removed = true;
	stream->registry->n_streams--;
	share_give_back(&stream->registry->streams_of, stream->maker, 1);
	stream_nub_drop(stream);
	stream_drop_buffers(stream);
	stream->buffers_dir = stream->output = stream->input = stream->stats = stream->driver_dir = NULL;
	node_remove_all(stream->node);
}

void stream_free(struct node *node)
{
	struct stream *stream = node->object;

	if (!stream)
		return;
	stream_nub_free(stream);
	timer_stop(&stream->lingering);
	stream_end_calls(stream, kIOReturnAborted);
	process_unwatch(stream->registry->loop, &stream->client_ended);
	process_unwatch(stream->registry->loop, &stream->driver_ended);
	for (int i = 0; i < N_STREAM_SIDES; i++)
		stream_end_deinit(&stream->ends[i]);
	stream_memory_unref(stream->rings.output);
	stream_memory_unref(stream->rings.input);
	stream_memory_unref(stream->rings.tally);
	stream_memory_unref(stream->board_memory);
	if (stream->builtin)
		stream->builtin->free(stream);
	free(stream->buffers);
	free(stream);
}

static int map_board(struct stream *stream)
{
	int r = stream_memory_map(stream->board_memory);

	if (r == 0) {
		stream->board = stream->board_memory->map;
		memcpy(stream->board->magic, STREAM_BOARD_MAGIC, sizeof(stream->board->magic));
		store_relaxed(&stream->board->generation, store_generation(stream->registry->store));
		stream_tell_board(stream);
	}
	return r;
}

static int make_board(struct stream *stream)
{
	struct attributes attributes = node_attributes(stream->node, node_row(stream->node, "board"));

	return stream_memory_new(stream->registry->store, stream->node->id, "board", 4096, &attributes,
				 &stream->board_memory);
}

static int fill_store(struct stream *stream)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	int r = make_record(stream, &record);

	if (r == 0)
		r = store_add(stream->registry->store, stream->node->id, &record, NULL, NULL);
	if (r == 0)
		r = stream_let_into_folder(stream);
	if (r == 0)
		r = make_board(stream);
	return r < 0 ? r : map_board(stream);
}

int stream_new(struct service *service, const char *name, const struct making *making,
	       struct stream **ret)
{
	struct stream *stream = NULL;
	int r = stream_init(service, name, 0, making, &stream);

	if (r == 0)
		r = stream_nub_make(stream);
	if (r == 0)
		r = fill_store(stream);
	if (r == 0)
		r = stream_nub_start(stream);
	if (r < 0) {
		if (stream) {
			store_remove(stream->registry->store, stream->node->id);
			leave_tree(stream);
		}
		return r;
	}
	log_debug("stream made name='%s' id=%" PRIu64 " uid=%u", name, stream->node->id,
		  making->own.uid);
	if (ret)
		*ret = stream;
	return 0;
}

/* Rings and tallies of the fsd before. */
static int sweep(void *user, const char *name, const struct attributes *attributes)
{
	struct stream *stream = user;

	(void)attributes;
	if (strncmp(name, "output.", 7) == 0 || strncmp(name, "input.", 6) == 0 ||
	    strncmp(name, "tally.", 6) == 0)
		store_remove_buffer(stream->registry->store, stream->node->id, name);
	return 0;
}

static int adopt_buffers(struct stream *stream, json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		json_int_t serial, data, control;
		json_t *part;
		int r = json_unpack(item, "[I, I, I, o]", &serial, &data, &control, &part) < 0 ?
			-EBADMSG : stream_adopt_buffer(stream, (uint64_t)serial, (uint64_t)data,
						       (uint64_t)control);

		if (r == 0)
			r = part_from_json(part, stream->buffers[stream->n_buffers - 1]->node);
		if (r < 0)
			return r;
	}
	return 0;
}

static int adopt_details(struct stream *stream, json_t *details, struct holder *ret_client,
			 struct holder *ret_driver)
{
	json_int_t mode, modes, length, linger, serial, pid, start, driver, driver_start, uid;
	json_t *buffers, *all, *of_nub, *nub;
	struct part parts[5];
	size_t n = parts_of(stream, parts);
	int had_client, lends, r = 0;

	if (json_unpack(details, details_form,
			"mode", &mode, "modes", &modes,
			"queue_length", &length, "linger", &linger, "serial", &serial,
			"holder", &pid, &start, "driver", &driver, &driver_start,
			"uid", &uid, "had_client", &had_client, "lends", &lends,
			"nub", &of_nub, &nub, "buffers", &buffers, "parts", &all) < 0 ||
	    !stream_mode_name((uint32_t)mode) || length < 0 || length > STREAM_MAX_LENGTH)
		return -EBADMSG;
	stream->mode = (IOStreamMode)mode;
	stream->modes = (unsigned)modes & 7;
	stream->queue_length = (uint32_t)length;
	stream->linger = (uint32_t)linger;
	stream->last_serial = (uint64_t)serial + 1024;	/* more were used than were written down */
	stream->uid = (uid_t)uid;
	stream->had_client = had_client;
	stream->lends = lends;
	*ret_client = (struct holder){ (pid_t)pid, (uint64_t)start };
	*ret_driver = (struct holder){ (pid_t)driver, (uint64_t)driver_start };
	for (size_t i = 0; i < n && r == 0; i++)
		r = part_from_json(json_object_get(all, parts[i].name), parts[i].node);
	if (r == 0)
		r = stream_nub_adopt(stream, nub);
	if (r == 0)
		r = part_from_json(of_nub, stream->nub->node);
	return r < 0 ? r : adopt_buffers(stream, buffers);
}

int stream_adopt(struct service *service, uint64_t id, const struct record *record)
{
	struct making making = { .own = record->own, .files = record->files,
				 .persist = record->persist };
	struct holder client = { 0 }, driver = { 0 };
	struct stream *stream = NULL;
	int r = stream_init(service, record->name, id, &making, &stream);

	if (r == 0)
		r = stream_memory_adopt(stream->registry->store, id, "board", 4096,
					&stream->board_memory);
	if (r == -ENOENT)	/* the fsd before did not get that far */
		r = make_board(stream);
	if (r == 0)
		r = map_board(stream);
	if (r == 0)	/* a crash may have come between it and the record */
		r = stream_let_into_folder(stream);
	if (r == 0)
		r = record_adopt_rows(record, stream->node);
	if (r == 0)
		r = adopt_details(stream, record->details, &client, &driver);
	if (r == 0)
		r = stream_nub_start(stream);
	if (r < 0) {
		if (stream)
			leave_tree(stream);
		return r;
	}
	store_each_buffer(stream->registry->store, id, sweep, stream);
	if (stream->lends && stream->had_client)	/* they may have been lent when it ended */
		stream_tell_rights(stream);
	stream_tell_board(stream);
	stream_adopt_client(stream, &client);
	stream_await_driver(stream, &driver);
	return 0;
}

/* Values */

static IOReturn keep(struct stream *stream)
{
	return stream_code(stream_save(stream));
}

IOReturn stream_set_queue_length(struct stream *stream, uint64_t length)
{
	IOReturn code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);
	uint32_t before = stream->queue_length;

	if (code == kIOReturnSuccess && length > STREAM_MAX_LENGTH)
		code = kIOReturnBadArgument;
	if (code != kIOReturnSuccess)
		return code;
	stream->queue_length = (uint32_t)length;
	code = keep(stream);
	if (code != kIOReturnSuccess)
		stream->queue_length = before;
	return code;
}

IOReturn stream_set_linger(struct stream *stream, uint64_t milliseconds)
{
	uint32_t before = stream->linger;
	IOReturn code;

	if (milliseconds > UINT32_MAX)
		return kIOReturnBadArgument;
	stream->linger = (uint32_t)milliseconds;
	code = keep(stream);
	if (code != kIOReturnSuccess)
		stream->linger = before;
	return code;
}

IOReturn stream_set_lends(struct stream *stream, bool lends)
{
	bool before = stream->lends;
	IOReturn code;

	stream->lends = lends;
	code = keep(stream);
	if (code != kIOReturnSuccess)
		stream->lends = before;
	return code;
}

IOReturn stream_set_modes(struct stream *stream, unsigned modes)
{
	IOReturn code = stream_allows(STREAM_CHANGE, stream->state, stream->mode);
	unsigned before = stream->modes;

	if (code == kIOReturnSuccess && !(modes & 1u << stream->mode))
		code = kIOReturnBadArgument;	/* the one that it has */
	if (code != kIOReturnSuccess)
		return code;
	stream->modes = modes;
	code = keep(stream);
	if (code != kIOReturnSuccess)
		stream->modes = before;
	return code;
}

/* The end */

void stream_discard(struct stream *stream)
{
	struct node *node = node_ref(stream->node);
	struct stream_provider *provider = stream->provider;

	stream->removed = true;		/* first: nothing plays on, or is saved */
	stream_set_state(stream, STREAM_DEAD);
	if (provider)
		stream_provider_gone(provider);
	stream_close(stream);
	stream_drop_rings(stream);
	stream_set_state(stream, STREAM_DEAD);
	if (stream->builtin)
		stream->builtin->free(stream);
	stream->builtin = NULL;
	if (stream->nub)
		service_terminate(stream->nub);
	stream_changed(stream);
	store_remove(stream->registry->store, node->id);
	leave_tree(stream);
	node_changed(node);
	node_unref(node);
}

int stream_remove(struct stream *stream)
{
	if (stream->client != CLIENT_NONE)
		return stream_result(stream, kIOReturnStillOpen);
	if (stream->provider)
		return failure(-EBUSY, "a driver has driver/control open");
	if (stream->rings.entry_count)
		stream_drop_rings(stream);
	stream_discard(stream);
	return 0;
}
