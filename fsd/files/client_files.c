/* SPDX-License-Identifier: MIT */
/*
 * A connection: the session of `clone` that opens it, its `ctl`, `async` and `port/T`.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "control/call_text.h"
#include "files/asking.h"
#include "files/files.h"
#include "util/failure.h"

/* clone, and ctl: the words of a connection. What waits: an open, or a question of a word's. */
struct opened {
	struct opening opening;
	struct client *client;		/* counted, by its node */
	struct hearer hearer;
	struct session *session;
	struct credentials who;		/* who opened the file: its words are his */
	struct asking asking;		/* of a word */
	bool is_seizing;
	bool has_left;			/* what others share is not its any more */
};

static void on_end(struct hearer *hearer)
{
	session_changed(container_of(hearer, struct opened, hearer)->session);
}

static void on_open(struct opening *opening)
{
	session_changed(container_of(opening, struct opened, opening)->session);
}

static struct opened *opened_new(struct session *session)
{
	struct opened *opened = calloc(1, sizeof(*opened));

	if (!opened)
		return NULL;
	opened->session = session;
	opened->hearer.ended = on_end;
	opened->opening.done = on_open;
	list_init(&opened->hearer.link);
	session->object = opened;
	return opened;
}

static void hold_client(struct opened *opened, struct client *client)
{
	node_ref(client->node);
	opened->client = client;
	list_append(&client->hearers, &opened->hearer.link);
}

static int put_number(struct opened *opened)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, opened->client->number);
	return session_put(opened->session, text);
}

static int begin_opening(struct session *session, const struct caller *caller)
{
	struct service *service = session_node_object(session);
	struct opened *opened = opened_new(session);
	struct identity who = { 0 };
	int r;

	if (!opened)
		return -ENOMEM;
	r = identity_read(caller->pid, caller->uid, caller->gid, &who);
	opened->who = identity_credentials(&who);
	if (r == 0)
		r = client_open(&opened->opening, service, (uint32_t)session->file->node->number, &who);
	identity_deinit(&who);
	return r;
}

static int clone_open(struct session *session, const struct caller *caller)
{
	struct opened *opened = session->object;
	int r = opened ? client_open_result(&opened->opening) : begin_opening(session, caller);

	if (r < 0)
		return r;
	opened = session->object;
	hold_client(opened, opened->opening.client);
	return put_number(opened);
}

static void clone_close(struct session *session)
{
	struct opened *opened = session->object;

	if (!opened)
		return;
	asking_stop(&opened->asking);
	opening_abandon(&opened->opening);
	list_remove(&opened->hearer.link);
	if (opened->client) {
		if (!opened->has_left)
			client_leave(opened->client, END_DIED);
		node_unref(opened->client->node);
	} else if (opened->opening.client) {	/* the driver was asked, and has not answered */
		client_end(opened->opening.client, END_DIED);
	}
	free(opened);
	session->object = NULL;
}

static short clone_state(struct session *session)
{
	const struct opened *opened = session->object;

	return opened->has_left || (opened->client && !opened->client->service) ? POLLHUP : 0;
}

/* Words */

static int word_result(const struct opened *opened)
{
	if (opened->is_seizing && opened->asking.is_done)
		return client_seized_service(opened->client,
					     opened->asking.question.request.connection,
					     opened->asking.code);
	return asking_result(&opened->asking);
}

static int ask(struct opened *opened, struct service *service)
{
	opened->asking.question.request.asks = opened->who;
	return asking_start(&opened->asking, service, opened->client, &opened->session->file->own);
}

static int do_close(struct opened *opened, const char *text)
{
	(void)text;
	if (opened->opening.client) {
		opened->has_left = true;
		client_leave(opened->client, END_CLOSED);
	} else {			/* ctl: it has not opened it; for all */
		client_end(opened->client, END_CLOSED);
	}
	return 0;
}

static int do_open(struct opened *opened, const char *text)
{
	bool seize = strcmp(text, "seize") == 0;
	int r;

	if (*text && !seize)
		return failure(-EINVAL, "it is open, or open seize");
	opened->asking = (struct asking){ 0 };
	opened->is_seizing = true;
	r = client_open_service(opened->client, seize, &opened->asking.question.request);
	return r == 1 ? ask(opened, opened->client->service) : r;
}

static int do_unopen(struct opened *opened, const char *text)
{
	(void)text;
	return client_close_service(opened->client);
}

/* "addclient 2", of the same service; or the path of another's directory, from the mount's root. */
static struct client *find_other(const struct opened *opened, const char *text)
{
	struct registry *registry = opened->client->registry;
	struct node *node = registry->root;
	_cleanup_(freep) char *path = NULL;
	char *rest = NULL;
	uint32_t number;

	if (methods_number(text, &number))
		return client_find(opened->client->service, number);
	path = strdup(text);
	for (char *part = path ? strtok_r(path, "/", &rest) : NULL; part && node;
	     part = strtok_r(NULL, "/", &rest))
		node = node_find(node, part);
	return path && node && node->def == registry->layout->client ? node->object : NULL;
}

static int do_add_client(struct opened *opened, const char *text)
{
	struct client *other = find_other(opened, text);
	const struct methods *methods = opened->client->service->methods;

	/* Whose directory one may not look into, one does not know of. */
	if (!other || client_check(other) < 0 || (opened->client->opener.uid != 0 &&
					  other->opener.uid != opened->client->opener.uid))
		return failure(-EINVAL, "'%.100s' is no connection: a number, or IOService/.../clients/N",
			       text);
	opened->asking = (struct asking){ 0 };
	opened->is_seizing = false;
	opened->asking.question.request = (struct request){ .op = REQUEST_ADD_CLIENT,
		.connection = opened->client->number, .other = other->number };
	if (other->service != opened->client->service)
		opened->asking.question.request.other_service = other->service->entry.id;
	opened->asking.question.lock = !methods || methods->lock_default ? LOCKED_WRITE : LOCKED_NOT;
	return ask(opened, opened->client->service);
}

static int do_limit(struct opened *opened, const char *text)
{
	uint32_t limit;

	if (!methods_number(text, &limit) || limit > CLIENT_MAX_LIMIT)
		return failure(-EINVAL, "qlimit takes a number from 0 to %u", CLIENT_MAX_LIMIT);
	opened->client->limit = limit;
	return 0;
}

static const struct word {
	const char *word;
	int (*run)(struct opened *opened, const char *text);
	bool takes_text;
} words[] = {
	{ "close",	do_close,	false },
	{ "open",	do_open,	true },
	{ "unopen",	do_unopen,	false },
	{ "addclient",	do_add_client,	true },
	{ "qlimit",	do_limit,	true },
};

static int run_word(struct opened *opened, const char *text)
{
	size_t length = strcspn(text, " ");
	const char *rest = text + length + strspn(text + length, " ");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == length && memcmp(words[i].word, text, length) == 0 &&
		    (words[i].takes_text || !*rest))
			return words[i].run(opened, rest);
	return failure(-EINVAL, "unknown; there are close, open, open seize, unopen, addclient N, "
		       "qlimit N");
}

static int word_unit(struct session *session, char *text, size_t size, const struct caller *caller)
{
	struct opened *opened = session->object;

	(void)caller;
	if (!text)
		return word_result(opened);
	if (opened->has_left || !opened->client->service)
		return -ENODEV;
	return strlen(text) == size ? run_word(opened, text) : failure(-EINVAL, "a NUL in a line");
}

static void word_abandon(struct session *session)
{
	struct opened *opened = session->object;

	asking_stop(&opened->asking);
}

const struct session_kind clone_session = {
	.units = UNITS_LINES, .open = clone_open, .unit = word_unit, .abandon = word_abandon,
	.state = clone_state, .close = clone_close,
};

static int control_open(struct session *session, const struct caller *caller)
{
	struct client *client = session_node_object(session);
	int r = client_check(client);
	struct opened *opened;

	if (r < 0)
		return r;
	opened = opened_new(session);
	if (!opened)
		return -ENOMEM;
	opened->who = credentials_read(caller->pid, caller->uid, caller->gid);
	hold_client(opened, client);
	return 0;
}

static void control_close(struct session *session)
{
	struct opened *opened = session->object;

	if (!opened)
		return;
	asking_stop(&opened->asking);
	list_remove(&opened->hearer.link);
	node_unref(opened->client->node);
	free(opened);
	session->object = NULL;
}

const struct session_kind client_control = {
	.units = UNITS_LINES, .open = control_open, .unit = word_unit, .abandon = word_abandon,
	.state = clone_state, .close = control_close,
};

static const struct row clone_row = SESSION("", 0666, clone_session);
const struct node_def clone_leaf = { .rows = node_no_rows, .leaf = &clone_row };

/* Attributes */

int client_type_show(struct node *node, FILE *out)
{
	const struct client *client = node->object;

	fprintf(out, "%u\n", client->type);
	return 0;
}

int client_creator_show(struct node *node, FILE *out)
{
	const struct client *client = node->object;

	fprintf(out, "pid %d, ", client->opener.pid);
	for (const char *c = client->opener.comm; *c; c++)	/* one line, whatever it calls itself */
		fputc(iscntrl((unsigned char)*c) ? '?' : *c, out);
	fputc('\n', out);
	return 0;
}

char *client_service_target(struct node *node)
{
	(void)node;
	return strdup("../..");
}

/* async */

struct listening {
	struct completion_sink sink;
	struct hearer hearer;
	struct session *session;
	bool ended;
};

static int on_completion(struct completion_sink *sink, const struct completion *completion)
{
	struct listening *listening = container_of(sink, struct listening, sink);

	return session_give(listening->session,
			    completion_print(completion->reference, completion->code,
					     completion->arguments, completion->n));
}

static unsigned n_unread(struct completion_sink *sink)
{
	return (unsigned)container_of(sink, struct listening, sink)->session->n_lines;
}

static void on_async_end(struct hearer *hearer)
{
	struct listening *listening = container_of(hearer, struct listening, hearer);

	listening->ended = true;
	list_remove(&listening->sink.link);
	session_changed(listening->session);
}

static int async_open(struct session *session, const struct caller *caller)
{
	struct client *client = session_node_object(session);
	int r = client_check(client);
	struct listening *listening;

	(void)caller;
	if (r < 0)
		return r;
	listening = calloc(1, sizeof(*listening));
	if (!listening)
		return -ENOMEM;
	listening->session = session;
	listening->sink.completed = on_completion;
	listening->sink.n_waiting = n_unread;
	listening->hearer.ended = on_async_end;
	session->object = listening;
	list_append(&client->hearers, &listening->hearer.link);
	return client_add_sink(client, &listening->sink);
}

static int async_nothing(struct session *session)
{
	const struct listening *listening = session->object;

	return listening->ended ? 0 : FILE_WAIT;
}

static short async_state(struct session *session)
{
	const struct listening *listening = session->object;

	return listening->ended ? POLLHUP : 0;
}

static void async_close(struct session *session)
{
	struct listening *listening = session->object;

	if (!listening)
		return;
	list_remove(&listening->sink.link);
	list_remove(&listening->hearer.link);
	free(listening);
}

const struct session_kind async_session = {
	.open = async_open, .nothing = async_nothing, .state = async_state, .close = async_close,
};

/* port/T: the driver is asked at open */

struct listener {
	struct asking asking;
	struct port_sink sink;
	struct session *session;
	bool is_set, ended;
};

static struct client *client_of(const struct session *session)
{
	return session_node_object(session);
}

static int on_port_message(struct port_sink *sink, const json_t *data)
{
	struct listener *listener = container_of(sink, struct listener, sink);

	if (listener->session->n_lines >= CLIENT_MAX_LIMIT)
		return failure(-EAGAIN, "the port is not read: %u messages wait", CLIENT_MAX_LIMIT);
	return session_give(listener->session, data ? json_text_print(data, true) : strdup("null"));
}

static void on_port_end(struct port_sink *sink)
{
	struct listener *listener = container_of(sink, struct listener, sink);

	listener->ended = true;
	session_changed(listener->session);
}

static int ask_for_port(struct session *session, const struct caller *caller)
{
	struct client *client = client_of(session);
	uint32_t type = (uint32_t)session->file->node->number;
	int r = client_check(client);
	struct listener *listener;

	if (r < 0)
		return r;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->asking.question.request = (struct request){ .op = REQUEST_PORT,
		.connection = client->number, .type = type,
		.asks = credentials_read(caller->pid, caller->uid, caller->gid) };
	listener->asking.question.lock = LOCKED_WRITE;
	listener->sink = (struct port_sink){ .type = type, .message = on_port_message,
					     .ended = on_port_end };
	listener->session = session;
	list_init(&listener->sink.link);
	session->object = listener;
	return asking_start(&listener->asking, client->service, client, &session->file->own);
}

static int port_open(struct session *session, const struct caller *caller)
{
	struct listener *listener = session->object;
	int r = listener ? asking_result(&listener->asking) : ask_for_port(session, caller);

	if (r != 0)
		return r;
	if (!client_of(session)->service)
		return -ENODEV;
	listener->is_set = true;
	client_set_port(client_of(session), &listener->sink);
	return 0;
}

static int port_nothing(struct session *session)
{
	const struct listener *listener = session->object;

	return listener->ended ? 0 : FILE_WAIT;
}

static short port_state(struct session *session)
{
	const struct listener *listener = session->object;

	return listener->ended ? POLLHUP : 0;
}

static void port_close(struct session *session)
{
	struct listener *listener = session->object;

	if (!listener)
		return;
	asking_stop(&listener->asking);
	if (listener->is_set)
		client_unset_port(client_of(session), &listener->sink);
	list_remove(&listener->sink.link);
	free(listener);
	session->object = NULL;
}

static const struct session_kind port_session = {
	.open = port_open, .nothing = port_nothing, .state = port_state, .close = port_close,
};

static const struct row port_row = SESSION("", 0400, port_session);
static const struct node_def port_leaf = { .rows = node_no_rows, .leaf = &port_row };

static const struct binding *port_binding(const struct node *node)
{
	const struct client *client = node->object;

	return client->service ? methods_port(client->service->methods, (uint32_t)node->number) : NULL;
}

static char *port_target(struct node *node)
{
	const struct binding *binding = port_binding(node);

	return binding ? binding_queue(binding, true) : NULL;
}

static const struct row port_link_row = { "", S_IFLNK | 0777, .target = port_target };
static const struct node_def port_link_leaf = { .rows = node_no_rows, .leaf = &port_link_row };

static const struct node_def *port_leaf_of(const struct client *client, uint32_t type)
{
	const struct node_def *own = own_link(client, OWN_PORTS, type);
	bool is_bound = client->service && methods_port(client->service->methods, type);

	return own ? own : is_bound ? &port_link_leaf : &port_leaf;
}

static bool port_is_stale(const struct node *child)
{
	return child->def != port_leaf_of(child->object, (uint32_t)child->number);
}

static int ports_find(struct node *node, const char *name, struct node **ret)
{
	const struct client *client = node->object;
	struct attributes own = { client->opener.uid, client->opener.gid, 0400 };
	uint32_t type;

	if (!client->service || !methods_number(name, &type))
		return -ENOENT;
	return node_new_leaf(node, name, port_leaf_of(client, type), &own, type, ret);
}

static int ports_list(struct node *node, struct names *names)
{
	const struct client *client = node->object;
	const struct methods *methods = client->service ? client->service->methods : NULL;
	const struct port_sink *port;
	char name[16];
	int r = own_links_list(client, OWN_PORTS, names);

	for (size_t i = 0; methods && i < methods->n_ports && r == 0; i++) {
		snprintf(name, sizeof(name), "%u", methods->ports[i].type);
		r = names_add(names, name, S_IFLNK);
	}
	list_for_each(port, &client->ports, link) {
		snprintf(name, sizeof(name), "%u", port->type);
		if (r == 0)
			r = names_add(names, name, S_IFREG);
	}
	return r;
}

const struct node_def ports_dir = { .rows = node_no_rows, .find = ports_find, .list = ports_list,
				    .is_stale = port_is_stale };

/* The directories of a connection */

static const struct folder {
	const char *name;
	const struct node_def *def;
} folders[] = {
	{ "m", &scalar_methods_dir },
	{ "struct", &struct_methods_dir },
	{ "port", &ports_dir },
	{ "mem", &memory_dir },
	{ "queues", &bound_queues_dir },
	{ "prop", &props_dir },
};

int client_find_folder(struct node *node, const char *name, struct node **ret)
{
	struct attributes own = node->own;

	own.mode = 0755;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (strcmp(folders[i].name, name) == 0)
			return node_new_part(node, name, 0, folders[i].def, &own, ret);
	return -ENOENT;
}

int client_list_folders(struct node *node, struct names *names)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		if (!node_find(node, folders[i].name))
			r = names_add(names, folders[i].name, S_IFDIR);
	return r;
}
