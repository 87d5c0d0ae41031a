/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/client.h"
#include "service/stream_nub.h"
#include "service/stream_user_client.h"
#include "tree/node.h"
#include "util/failure.h"

/* Sizes are checked here: a word comes and goes as a scalar or as a struct. */
const char stream_user_client_methods[] =
	"{\"userClientClass\": \"IOStreamUserClient\", \"kind\": \"any\", \"methods\": ["
	"{\"name\": \"Open\"}, {\"name\": \"Close\"}, {\"name\": \"Start\"}, {\"name\": \"Stop\"}, "
	"{\"name\": \"Suspend\"}, {\"name\": \"GetMode\", \"so\": 1, \"sos\": 4}, "
	"{\"name\": \"SetMode\"}, {\"name\": \"GetBufferCount\", \"so\": 1, \"sos\": 4}]}\n";

/* What was asked and is not answered. */
struct user_call {
	struct list link;
	uint64_t id, connection;
	enum request_op op;
	uint32_t number;		/* the selector, or the type */
	uint32_t word;			/* what it brought, or brings back */
	bool is_refused;		/* it has not the arguments of its method */
	bool wants_scalar, wants_struct;
	struct stream_wish wish;
	bool has_begun;			/* the wish */
};

struct stream_user_client {
	struct driver driver;
	struct stream *stream;		/* borrowed: it holds us */
	uint64_t opener;		/* the connection that is the stream's client; 0: none is */
	struct list calls;		/* struct user_call */
	unsigned n_calls;
	struct timer soon;
};

/* The client of the stream */

static IOReturn check_opener(const struct stream_user_client *user, const struct user_call *call)
{
	if (user->stream->removed || user->stream->state == STREAM_DEAD)
		return kIOReturnNoDevice;
	return user->opener == call->connection ? kIOReturnSuccess : kIOReturnNotOpen;
}

static IOReturn check_options(uint32_t options)
{
	const uint32_t both = kIOStreamOptionOpenExclusive | kIOStreamOptionOpenShared;

	if (options & ~both || options == both)
		return kIOReturnBadArgument;
	return options & kIOStreamOptionOpenShared ? kIOReturnUnsupported : kIOReturnSuccess;
}

/* As who has not opened it, its owner alone: it is the file `mode`. */
static IOReturn check_owner(const struct stream_user_client *user, const struct user_call *call)
{
	const struct client *client = client_find(user->driver.service, call->connection);
	uid_t owner = user->stream->node->own.uid;

	if (user->opener == call->connection)
		return kIOReturnSuccess;
	if (user->stream->client != CLIENT_NONE)
		return kIOReturnNotOpen;
	return client && (client->opener.uid == 0 || client->opener.uid == owner) ?
		kIOReturnSuccess : kIOReturnNotPermitted;
}

/* Methods: each sets *@code, and returns whether it is done */

static bool wish(struct stream_user_client *user, struct user_call *call,
		 const struct stream_wish *wanted, IOReturn *code)
{
	if (!call->has_begun) {
		call->wish = *wanted;
		list_init(&call->wish.link);
		call->has_begun = stream_begin(user->stream, &call->wish) == 0;
	}
	if (!call->has_begun || call->wish.stream)
		return false;
	*code = call->wish.code;
	return true;
}

static IOReturn check_open(const struct stream_user_client *user, const struct user_call *call)
{
	if (user->stream->removed || user->stream->state == STREAM_DEAD)
		return kIOReturnNoDevice;
	return check_options(call->word);
}

static bool do_open(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	const struct client *client = client_find(user->driver.service, call->connection);
	struct stream_wish wanted;
	bool is_done;

	*code = !client ? kIOReturnAborted : call->has_begun ? kIOReturnSuccess : check_open(user, call);
	if (*code != kIOReturnSuccess)
		return true;
	stream_wish_init(&wanted, WISH_OPEN);
	wanted.holder = (struct holder){ client->opener.pid, client->opener.start_time };
	wanted.uid = client->opener.uid;
	wanted.maps = true;
	/* It had it before fsd was started anew. */
	if (!call->has_begun && stream_is_adopted_by(user->stream, &wanted.holder))
		stream_close(user->stream);
	is_done = wish(user, call, &wanted, code);
	if (is_done && *code == kIOReturnSuccess)
		user->opener = call->connection;
	return is_done;
}

static bool do_close(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	*code = user->opener == call->connection ? kIOReturnSuccess : kIOReturnNotOpen;
	if (*code == kIOReturnSuccess) {
		user->opener = 0;
		stream_close(user->stream);
	}
	return true;
}

static bool do_wish(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	static const enum stream_wish_kind kinds[] = {
		[kIOStreamMethodStart] = WISH_START, [kIOStreamMethodStop] = WISH_STOP,
		[kIOStreamMethodSuspend] = WISH_SUSPEND,
	};
	struct stream_wish wanted;

	*code = call->has_begun ? kIOReturnSuccess : check_opener(user, call);
	stream_wish_init(&wanted, kinds[call->number]);
	return *code != kIOReturnSuccess || wish(user, call, &wanted, code);
}

static bool do_get_mode(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	call->word = user->stream->mode;
	*code = kIOReturnSuccess;
	return true;
}

static bool do_set_mode(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	struct stream_wish wanted;

	*code = call->has_begun || user->stream->state == STREAM_DEAD ? kIOReturnSuccess :
		check_owner(user, call);
	stream_wish_init(&wanted, WISH_MODE);
	wanted.mode = call->word;
	return *code != kIOReturnSuccess || wish(user, call, &wanted, code);
}

static bool do_count(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	call->word = user->stream->n_buffers;
	*code = kIOReturnSuccess;
	return true;
}

static const struct method_of_stream {
	bool takes_word, gives_word;
	bool (*run)(struct stream_user_client *user, struct user_call *call, IOReturn *code);
} methods[] = {
	[kIOStreamMethodOpen] = { true, false, do_open },
	[kIOStreamMethodClose] = { false, false, do_close },
	[kIOStreamMethodStart] = { false, false, do_wish },
	[kIOStreamMethodStop] = { false, false, do_wish },
	[kIOStreamMethodSuspend] = { false, false, do_wish },
	[kIOStreamMethodGetMode] = { false, true, do_get_mode },
	[kIOStreamMethodSetMode] = { true, false, do_set_mode },
	[kIOStreamMethodGetBufferCount] = { false, true, do_count },
};

/* Arguments */

/* One word, as a scalar or as a struct. */
static bool take_word(const struct call *call, uint32_t *ret)
{
	if (call->n_si == 1 && call->input_size == 0 && call->si[0] <= UINT32_MAX) {
		*ret = (uint32_t)call->si[0];
		return true;
	}
	if (call->n_si != 0 || call->input_size != sizeof(*ret))
		return false;
	memcpy(ret, call->input, sizeof(*ret));
	return true;
}

/* Room for one word, of one kind or both; or for none. */
static bool takes_back(const struct call *call, bool gives_word)
{
	bool has_struct = call->variable || call->output_size > 0;

	if (!gives_word)
		return call->n_so == 0 && !has_struct;
	return call->n_so <= 1 && (call->variable || call->output_size == 0 ||
				   call->output_size == sizeof(uint32_t)) &&
	       (call->n_so == 1 || has_struct);
}

static bool take_arguments(struct user_call *to, const struct call *call)
{
	const struct method_of_stream *method = &methods[call->selector];

	to->wants_scalar = call->n_so == 1;
	to->wants_struct = call->variable || call->output_size > 0;
	if (call->async || !takes_back(call, method->gives_word))
		return false;
	return method->takes_word ? take_word(call, &to->word) :
	       call->n_si == 0 && call->input_size == 0;
}

/* Memory and ports: links, for who has opened it */

enum area { NO_AREA, RING, DATA, CONTROL };

static enum area find_area(const struct stream *stream, uint32_t type, struct stream_buffer **ret)
{
	uint32_t kind = type & kIOStreamMemoryTypeMask, id = type & kIOStreamBufferIDMask;

	if (kind == kIOStreamMemoryTypeOutputQueue || kind == kIOStreamMemoryTypeInputQueue)
		return id == 0 ? RING : NO_AREA;
	if ((kind != kIOStreamMemoryTypeBufferData && kind != kIOStreamMemoryTypeBufferControl) ||
	    id >= stream->n_buffers)
		return NO_AREA;
	*ret = stream->buffers[id];
	return kind == kIOStreamMemoryTypeBufferData ? DATA : CONTROL;
}

static IOReturn check_area(const struct stream *stream, uint32_t type)
{
	struct stream_buffer *buffer = NULL;

	switch (find_area(stream, type, &buffer)) {
	case RING:
		return kIOReturnSuccess;
	case DATA:
		return buffer->data ? kIOReturnSuccess : kIOReturnNotFound;
	case CONTROL:
		return buffer->control ? kIOReturnSuccess : kIOReturnNotFound;
	case NO_AREA:
		break;
	}
	return kIOReturnBadArgument;
}

static IOReturn check_port(uint32_t type)
{
	return type == kIOStreamPortTypeOutput || type == kIOStreamPortTypeInput ?
		kIOReturnSuccess : kIOReturnBadArgument;
}

static struct stream_user_client *of_driver(struct driver *driver)
{
	return container_of(driver, struct stream_user_client, driver);
}

static bool is_opener(const struct stream_user_client *user, const struct client *client)
{
	const struct user_call call = { .connection = client->number };

	return check_opener(user, &call) == kIOReturnSuccess;
}

/* From a directory of the connection's: out of it, clients, and the service. */
static char *link_to(const struct stream *stream, const char *file)
{
	return text_print("../../../../streams/%s/%s", stream->node->name, file);
}

static char *memory_target(struct driver *driver, const struct client *client, uint32_t type)
{
	struct stream_user_client *user = of_driver(driver);
	uint32_t kind = type & kIOStreamMemoryTypeMask;
	char file[64];

	if (!is_opener(user, client) || check_area(user->stream, type) != kIOReturnSuccess)
		return NULL;
	if (kind == kIOStreamMemoryTypeOutputQueue || kind == kIOStreamMemoryTypeInputQueue)
		return link_to(user->stream, kind == kIOStreamMemoryTypeOutputQueue ? "output/data"
										    : "input/data");
	snprintf(file, sizeof(file), "buffers/%" PRIu32 "/%s", type & kIOStreamBufferIDMask,
		 kind == kIOStreamMemoryTypeBufferData ? "data" : "control");
	return link_to(user->stream, file);
}

static int list_type(const struct stream *stream, uint32_t type, struct names *names)
{
	char name[16];

	snprintf(name, sizeof(name), "0x%" PRIx32, type);
	return check_area(stream, type) == kIOReturnSuccess ? names_add(names, name, S_IFLNK) : 0;
}

static int memory_list(struct driver *driver, const struct client *client, struct names *names)
{
	struct stream_user_client *user = of_driver(driver);
	const struct stream *stream = user->stream;
	int r;

	if (!is_opener(user, client))
		return 0;
	r = list_type(stream, kIOStreamMemoryTypeOutputQueue, names);
	if (r == 0)
		r = list_type(stream, kIOStreamMemoryTypeInputQueue, names);
	for (uint32_t i = 0; i < stream->n_buffers && r == 0; i++) {
		r = list_type(stream, kIOStreamMemoryTypeBufferData | i, names);
		if (r == 0)
			r = list_type(stream, kIOStreamMemoryTypeBufferControl | i, names);
	}
	return r;
}

static char *port_target(struct driver *driver, const struct client *client, uint32_t type)
{
	struct stream_user_client *user = of_driver(driver);

	if (!is_opener(user, client) || check_port(type) != kIOReturnSuccess)
		return NULL;
	return link_to(user->stream, type == kIOStreamPortTypeOutput ? "output/notify" : "input/notify");
}

static int port_list(struct driver *driver, const struct client *client, struct names *names)
{
	int r = is_opener(of_driver(driver), client) ? names_add(names, "0", S_IFLNK) : 1;

	return r == 0 ? names_add(names, "1", S_IFLNK) : r < 0 ? r : 0;
}

static const struct driver_links memory_links = { memory_target, memory_list };
static const struct driver_links port_links = { port_target, port_list };

/* Who asks has found no link: why not, or it was opened in between. */
static IOReturn refuse_link(const struct stream_user_client *user, const struct user_call *call)
{
	IOReturn code = check_opener(user, call);

	if (code == kIOReturnSuccess)
		code = call->op == REQUEST_PORT ? check_port(call->number) :
		       check_area(user->stream, call->number);
	return code == kIOReturnSuccess ? kIOReturnNotReady : code;
}

/* Answers */

static bool run(struct stream_user_client *user, struct user_call *call, IOReturn *code)
{
	if (call->op == REQUEST_CALL && !call->is_refused)
		return methods[call->number].run(user, call, code);
	*code = call->op == REQUEST_CALL ? kIOReturnBadArgument :
		call->op == REQUEST_MEMORY || call->op == REQUEST_PORT ? refuse_link(user, call) :
		kIOReturnUnsupported;
	return true;
}

static struct user_call *call_free(struct stream_user_client *user, struct user_call *call)
{
	list_remove(&call->link);
	user->n_calls--;
	free(call);
	return NULL;
}

static void answer(struct stream_user_client *user, struct user_call *call, IOReturn code)
{
	struct driver_line line = { .kind = LINE_ANSWER, .id = call->id, .reply.code = code };

	if (code == kIOReturnSuccess && call->wants_scalar)
		line.reply.so[line.reply.n_so++] = call->word;
	if (code == kIOReturnSuccess && call->wants_struct) {
		line.reply.output = malloc(sizeof(call->word));
		line.reply.has_output = line.reply.output;
		line.reply.output_size = line.reply.output ? sizeof(call->word) : 0;
		if (line.reply.output)
			memcpy(line.reply.output, &call->word, sizeof(call->word));
		else
			line.reply.code = kIOReturnNoMemory;
	}
	call_free(user, call);
	stream_result(user->stream, line.reply.code);	/* for stats/last_error */
	driver_line_do(&user->driver, &line);
	driver_line_deinit(&line);
}

/* One that can be answered now is. Return: whether there was one. */
static bool answer_one(struct stream_user_client *user)
{
	struct user_call *call;
	IOReturn code;

	list_for_each(call, &user->calls, link) {
		if (!run(user, call, &code))
			continue;
		answer(user, call, code);
		return true;
	}
	return false;
}

static void on_soon(struct timer *timer)
{
	struct stream_user_client *user = container_of(timer, struct stream_user_client, soon);
	struct node *node = node_ref(user->stream->node);
	struct failure forgotten;

	while (answer_one(user))
		;
	failure_take(&forgotten);	/* it was said to who asked, and concerns no other */
	node_unref(node);
}

void stream_user_client_look(struct stream_user_client *user)
{
	if (user && !list_is_empty(&user->calls))
		timer_start(&user->soon, 0, on_soon);
}

/* Requests */

static int ask(struct stream_user_client *user, const struct request *request)
{
	struct user_call *call;

	if (user->n_calls >= DRIVER_MAX_QUESTIONS)
		return failure_code((uint32_t)kIOReturnNoResources);
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->id = request->id;
	call->connection = request->connection;
	call->op = request->op;
	call->number = request->type;
	if (request->op == REQUEST_CALL) {
		call->number = request->call->selector;
		call->is_refused = call->number >= ARRAY_SIZE(methods) ||
				   !take_arguments(call, request->call);
	}
	list_append(&user->calls, &call->link);
	user->n_calls++;
	timer_start(&user->soon, 0, on_soon);
	return 0;
}

/* Who asked is gone: what it has opened meanwhile is closed. */
static void drop(struct stream_user_client *user, struct user_call *call)
{
	struct stream_wish *begun = call->has_begun ? &call->wish : NULL;

	if (begun && begun->stream)
		stream_wish_abandon(begun);
	else if (begun && begun->kind == WISH_OPEN && begun->code == kIOReturnSuccess)
		stream_close(user->stream);
	call_free(user, call);
}

static void cancel(struct stream_user_client *user, uint64_t id)
{
	struct driver_line line = { .kind = LINE_ANSWER, .id = id, .reply.code = kIOReturnAborted };
	struct user_call *call;

	list_for_each(call, &user->calls, link) {
		if (call->id == id) {
			drop(user, call);
			break;
		}
	}
	driver_line_do(&user->driver, &line);	/* so that it is not kept as one to be answered still */
}

static void end_connection(struct stream_user_client *user, uint64_t connection)
{
	if (user->opener != connection)
		return;
	user->opener = 0;
	stream_close(user->stream);
}

static int on_request(struct driver *driver, const struct request *request)
{
	struct stream_user_client *user = of_driver(driver);

	switch (request->op) {
	case REQUEST_CLOSE:
		end_connection(user, request->connection);
		return 0;
	case REQUEST_CANCEL:
		cancel(user, request->other);
		return 0;
	case REQUEST_UNPORT:
		return 0;
	default:
		return ask(user, request);
	}
}

static unsigned n_unread(struct driver *driver)
{
	return of_driver(driver)->n_calls;
}

static void drop_calls(struct stream_user_client *user)
{
	struct user_call *call;

	timer_stop(&user->soon);
	while (!list_is_empty(&user->calls)) {
		call = container_of(user->calls.next, struct user_call, link);
		drop(user, call);
	}
}

static void on_ended(struct driver *driver)
{
	struct stream_user_client *user = of_driver(driver);

	drop_calls(user);
	stream_nub_gone(user->stream);
}

int stream_user_client_start(struct stream *stream)
{
	struct stream_user_client *user = calloc(1, sizeof(*user));
	int r;

	if (!user)
		return -ENOMEM;
	user->stream = stream;
	list_init(&user->calls);
	user->driver = (struct driver){ .send = on_request, .ended = on_ended, .n_unread = n_unread,
					.memory = &memory_links, .ports = &port_links };
	r = driver_start(&user->driver, stream->nub);
	if (r < 0)
		free(user);
	else
		stream->user_client = user;
	return r;
}

struct stream_user_client *stream_user_client_free(struct stream_user_client *user)
{
	if (!user)
		return NULL;
	drop_calls(user);
	driver_leave(&user->driver);
	free(user);
	return NULL;
}
