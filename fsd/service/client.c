/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libqueue/result.h"
#include "service/client.h"
#include "util/failure.h"
#include "util/log.h"
#include "util/process.h"
#include "util/share.h"

/* Opening: who may, in the order of userclient 3.2 */

static IOReturn check_driver(const struct service *service)
{
	/* Each connection makes lines for it, without being asked. */
	if (service->driver && service->driver->n_unread(service->driver) >= DRIVER_MAX_UNREAD)
		return kIOReturnNoResources;
	if (service->driver)
		return kIOReturnSuccess;
	return service_may_get_driver(service) ? kIOReturnNotReady : kIOReturnUnsupported;
}

static IOReturn check_methods(const struct service *service, const struct identity *who,
			      const json_t *entitlements)
{
	const struct methods *methods = service->methods;
	IOReturn code = kIOReturnSuccess;

	if (!methods)
		return kIOReturnSuccess;
	if (methods->privilege)
		code = policy_has_privilege(service->registry->policy, who, methods->privilege);
	if (code != kIOReturnSuccess) {
		failure(-IOReturnToErrno(code), "this needs the privilege '%s'", methods->privilege);
		return code;
	}
	if (methods->entitlement_rule != ENTITLEMENT_NAMED ||
	    entitlement_is_granted(entitlements, methods->entitlement))
		return kIOReturnSuccess;
	return kIOReturnNotPrivileged;
}

static IOReturn check_opener(const struct service *service, const struct identity *who,
			     const json_t *entitlements)
{
	IOReturn code = policy_may_open(service->registry->policy, who, service->entry.lineage);

	if (code != kIOReturnSuccess) {
		failure(-IOReturnToErrno(code), "the policy does not let you open a service of this class");
		return code;
	}
	code = check_driver(service);
	return code == kIOReturnSuccess ? check_methods(service, who, entitlements) : code;
}

/* How many there may be */

static struct shares places = SHARES_INIT(places);

static int take_place(struct registry *registry, uid_t uid)
{
	int r = registry->n_clients < registry->limits.max_queues ?
		share_take(&places, uid, 1, (size_t)registry_part_of(registry, uid)) : -EDQUOT;

	if (r == 0)
		registry->n_clients++;
	if (r != -EDQUOT)
		return r;
	log_limited("of max_queues=%" PRIu64 " connections uid %u has his part, or there are no more; "
		    "refused",
		    registry->limits.max_queues, uid);
	return failure_code((uint32_t)kIOReturnNoResources);
}

static void give_place_back(struct registry *registry, uid_t uid)
{
	registry->n_clients--;
	share_give_back(&places, uid, 1);
}

/* The connection */

static int set_flag(struct client *client, const char *key, bool value)
{
	return entry_set_property(&client->entry, key, value ? json_true() : json_false());
}

static int init_entry(struct client *client, const struct methods *methods)
{
	const char *class = methods && methods->client_class ? methods->client_class : "IOUserClient";
	char lineage[ENTRY_NAME_MAX + 16], creator[96];
	json_auto_t *value = NULL;
	int r;

	snprintf(lineage, sizeof(lineage), "%s%s", class,
		 strcmp(class, "IOUserClient") == 0 ? "" : ":IOUserClient");
	r = entry_init(&client->entry, ENTRY_CLIENT, 0, class, "");
	if (r < 0)
		return r;
	r = entry_set_class(&client->entry, lineage);
	snprintf(creator, sizeof(creator), "pid %d, %s", client->opener.pid, client->opener.comm);
	value = json_string(creator);
	if (r == 0 && value)
		r = entry_set_property(&client->entry, "IOUserClientCreator", value);
	if (r == 0)
		r = set_flag(client, "IOUserClientDefaultLocking", !methods || methods->lock_default);
	if (r == 0 && methods && methods->lock_setprops)
		r = set_flag(client, "IOUserClientDefaultLockingSetProperties", true);
	if (r == 0 && methods && methods->lock_single)
		r = set_flag(client, "IOUserClientDefaultLockingSingleThreadExternalMethod", true);
	if (r == 0 && methods && methods->shared)
		r = set_flag(client, "IOUserClientSharedInstance", true);
	if (r == 0)
		r = entry_attach(&client->entry, &client->service->entry, &service_plane);
	if (r < 0)
		entry_deinit(&client->entry);
	return r;
}

static int add_node(struct client *client)
{
	struct service *service = client->service;
	const struct layout *layout = service->registry->layout;
	struct attributes own = { client->opener.uid, client->opener.gid, 0700 };
	struct node *folder;
	char name[32];
	int r = service_folder(service, "clients", layout->clients, &folder);

	snprintf(name, sizeof(name), "%" PRIu64, client->number);
	return r < 0 ? r : node_new(folder, name, 0, layout->client, &own, &client->node);
}

static void init_lists(struct client *client)
{
	list_init(&client->of_service);
	list_init(&client->questions);
	list_init(&client->waiting);
	list_init(&client->completions);
	list_init(&client->sinks);
	list_init(&client->ports);
	list_init(&client->hearers);
}

static void forget_opener(struct client *client)
{
	identity_deinit(&client->opener);
	json_decref(client->entitlements);
}

static int client_new(struct service *service, uint32_t type, struct identity *who,
		      json_t *entitlements, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	init_lists(client);
	client->service = service;
	client->registry = service->registry;
	client->number = service->last_connection + 1;
	client->type = type;
	client->limit = CLIENT_DEFAULT_LIMIT;
	client->n_sessions = 1;
	client->opener = *who;
	*who = (struct identity){ 0 };
	client->entitlements = json_incref(entitlements);
	r = init_entry(client, service->methods);
	if (r == 0) {
		r = store_use_id(service->registry->store, client->entry.id);
		if (r == 0)
			r = service_use_connection(service, client->number);
		if (r == 0)
			r = add_node(client);
		if (r < 0)
			entry_deinit(&client->entry);
	}
	if (r < 0) {
		forget_opener(client);
		free(client);
		return r;
	}
	client->node->object = client;
	client->entry.node = client->node;
	list_append(&service->clients, &client->of_service);
	*ret = client;
	return 0;
}

/* Those that wait for all connections of a user, while nobody reads them. */
static struct shares unread = SHARES_INIT(unread);

static void clear_completions(struct client *client)
{
	struct completion *completion;

	share_give_back(&unread, client->opener.uid, client->n_completions);
	list_for_each(completion, &client->completions, link) {
		list_remove(&completion->link);
		free(completion);
	}
	client->n_completions = 0;
}

void client_free(struct node *node)
{
	struct client *client = node->object;

	if (!client)
		return;
	clear_completions(client);
	entry_deinit(&client->entry);
	forget_opener(client);
	free(client);
}

struct client *client_find(const struct service *service, uint64_t number)
{
	struct node *folder = node_find(service->node, "clients"), *node;
	struct client *client;
	char name[32];

	snprintf(name, sizeof(name), "%" PRIu64, number);
	node = folder ? node_find(folder, name) : NULL;
	client = node ? node->object : NULL;
	return client && client->service ? client : NULL;
}

int client_check(const struct client *client)
{
	if (!client->service)
		return -ENODEV;
	return client->is_agreed ? 0 : failure_code((uint32_t)kIOReturnNotReady);
}

static struct client *find_shared(const struct service *service, uint32_t type,
				  const struct identity *who)
{
	struct client *client;

	if (!service->methods || !service->methods->shared)
		return NULL;
	list_for_each(client, &service->clients, of_service)
		if (client->is_agreed && client->type == type && client->opener.uid == who->uid)
			return client;
	return NULL;
}

static void on_open_answer(struct question *question, IOReturn code, struct driver_line *line)
{
	struct opening *opening = container_of(question, struct opening, question);

	(void)line;
	opening->is_done = true;
	opening->code = code;
	opening->done(opening);
}

static int ask_driver(struct opening *opening)
{
	struct client *client = opening->client;
	struct question *question = &opening->question;
	int r;

	*question = (struct question){
		.request = { .op = REQUEST_OPEN, .connection = client->number, .type = client->type,
			     .who = &client->opener, .entitlements = client->entitlements },
		.answered = on_open_answer,
	};
	r = question_ask(question, client->service, client);
	return r < 0 ? r : FILE_WAIT_ALWAYS;
}

int client_open(struct opening *opening, struct service *service, uint32_t type,
		struct identity *who)
{
	json_auto_t *entitlements = NULL;
	uid_t uid = who->uid;
	IOReturn code;
	int r;

	if (!service_is_active(service))
		return -ENODEV;
	entitlements = registry_entitlements(service->registry, who);
	if (!entitlements)
		return -ENOMEM;
	code = check_opener(service, who, entitlements);
	if (code != kIOReturnSuccess)
		return failure_with_code(-IOReturnToErrno(code), (uint32_t)code);
	opening->client = find_shared(service, type, who);
	if (opening->client) {
		opening->client->n_sessions++;
		return 0;
	}
	r = take_place(service->registry, uid);
	if (r < 0)
		return r;
	r = client_new(service, type, who, entitlements, &opening->client);
	if (r < 0) {
		give_place_back(service->registry, uid);
		return r;
	}
	opening->client->is_agreed = !service->methods || !service->methods->ask;
	return opening->client->is_agreed ? 0 : ask_driver(opening);
}

int client_open_result(struct opening *opening)
{
	if (!opening->is_done)
		return FILE_WAIT_ALWAYS;
	if (opening->code == kIOReturnSuccess) {
		opening->client->is_agreed = true;
		return 0;
	}
	client_end(opening->client, END_KILLED);
	opening->client = NULL;
	return failure_code((uint32_t)opening->code);
}

void opening_abandon(struct opening *opening)
{
	question_withdraw(&opening->question);
}

/* The end */

static void abort_questions(struct list *questions)
{
	while (!list_is_empty(questions))
		question_abort(container_of(questions->next, struct question, of_client));
}

static void drop_ports(struct client *client)
{
	struct port_sink *port;

	list_for_each(port, &client->ports, link) {
		list_remove(&port->link);
		port->ended(port);
	}
}

static void tell_of_end(struct service *service, uint64_t number, enum ending why)
{
	struct request request = { .op = REQUEST_CLOSE, .connection = number,
				   .died = why == END_DIED };

	if (why == END_CLOSED || why == END_DIED)
		driver_tell(service, &request);
}

/* Of one that is terminated all is said in its order: service_terminate(). */
static void drop_ownership(struct service *service, const struct client *client)
{
	if (service->owner != client)
		return;
	service->owner = NULL;
	if (service->terminating)
		service->was_open = true;
	else
		service_tell(service, GENERAL_INTEREST, MESSAGE_WAS_CLOSED, 0);
}

void client_end(struct client *client, enum ending why)
{
	struct service *service = client->service;
	struct node *node = client->node;
	struct hearer *hearer;

	if (!service)
		return;
	node_ref(node);
	list_remove(&client->of_service);
	give_place_back(client->registry, client->opener.uid);
	client->service = NULL;		/* first: who gets an answer below may end it, too */
	abort_questions(&client->waiting);
	abort_questions(&client->questions);
	drop_ownership(service, client);
	tell_of_end(service, client->number, why);
	client->entry.state = ENTRY_INACTIVE;
	entry_retire(&client->entry);
	drop_ports(client);
	list_for_each(hearer, &client->hearers, link) {
		list_remove(&hearer->link);
		hearer->ended(hearer);
	}
	node_remove_all(node);
	node_unref(node);
}

void client_leave(struct client *client, enum ending why)
{
	if (client->service && client->n_sessions > 1) {
		client->n_sessions--;
		tell_of_end(client->service, client->number, why);
		return;
	}
	client_end(client, why);
}

/* Calls */

/* The process that calls, which need not be the one that opened. */
struct calling {
	const struct client *client;
	const struct caller *caller;	/* NULL: @who is known */
	struct identity *who;
	int error;			/* why he cannot be; 0 */
};

static bool caller_is_opener(const struct calling *calling)
{
	const struct identity *opener = &calling->client->opener;

	if (!calling->caller)
		return calling->who->uid == opener->uid && calling->who->pid == opener->pid &&
		       calling->who->start_time == opener->start_time &&
		       (opener->pid != 0 || calling->who->gid == opener->gid);
	if (calling->caller->uid != opener->uid)
		return false;
	if (opener->pid == 0)	/* of whom the ids are all that is known */
		return calling->caller->pid == 0 && calling->caller->gid == opener->gid;
	return calling->caller->pid == opener->pid ||
	       process_has_thread(opener->pid, calling->caller->pid);
}

static int know_caller(struct calling *calling)
{
	const struct caller *caller = calling->caller;

	if (caller)
		calling->error = identity_read(caller->pid, caller->uid, caller->gid, calling->who);
	calling->caller = NULL;
	return calling->error;
}

/* He is refused for that, not for his rights. */
static IOReturn unknown_code(const struct calling *calling)
{
	return calling->error == -ENOMEM ? kIOReturnNoMemory : UNIX_ERRNO - calling->error;
}

static bool calling_has_entitlement(const void *user, const char *name)
{
	struct calling *calling = (struct calling *)(uintptr_t)user;
	json_auto_t *entitlements = NULL;

	if (know_caller(calling) < 0)
		return false;
	entitlements = registry_entitlements(calling->client->registry, calling->who);
	return entitlements && entitlement_is_granted(entitlements, name);
}

/* Looked at only where a method asks for it, or may: a driver that checks itself is told. */
static bool asks_for_foreground(const struct methods *methods, const struct policy *policy,
				uint32_t selector)
{
	if (!methods)
		return false;
	if (methods->kind == METHODS_UNCHECKED)
		return policy->n_foreground > 0;
	return methods->kind == METHODS_LEGACY && selector < methods->n_table &&
	       methods->table[selector].foreground;
}

static bool is_denied_foreground(struct calling *calling, const struct methods *methods,
				 uint32_t selector)
{
	const struct policy *policy = calling->client->registry->policy;

	if (!asks_for_foreground(methods, policy, selector))
		return false;
	return know_caller(calling) < 0 ||
	       policy_has_privilege(policy, calling->who, "foreground") != kIOReturnSuccess;
}

/* The policy's word on the connection, as it is in force now and for who opened it. */
static IOReturn check_filter(const struct client *client, const struct call *call)
{
	IOReturn code = policy_may_call(client->registry->policy, &client->opener,
					client->service->entry.lineage, call->selector,
					call->async);

	if (code != kIOReturnSuccess)
		failure(-IOReturnToErrno(code), "the policy's filter refuses selector %" PRIu32
			" to this connection", call->selector);
	return code;
}

static enum lock call_lock(const struct methods *methods)
{
	if (!methods)
		return LOCKED_READ;
	return !methods->lock_default ? LOCKED_NOT : methods->lock_single ? LOCKED_WRITE : LOCKED_READ;
}

/* What functions of the legacy kind took. */
static void narrow(struct call *call)
{
	call->is_legacy = true;
	for (size_t i = 0; i < call->n_si; i++)
		call->si[i] = (uint32_t)call->si[i];
}

IOReturn client_call(struct client *client, struct question *question, struct call *call,
		     const struct caller *caller, struct identity *who)
{
	const struct methods *methods = client->service->methods;
	struct calling calling = { client, caller, who, 0 };
	struct call_shape shape = {
		.selector = call->selector, .si = call->n_si, .so = call->n_so,
		.sis = call->input_size, .sos = call->output_size, .variable = call->variable,
		.async = call->async, .has_entitlement = calling_has_entitlement, .user = &calling,
	};
	IOReturn code = check_filter(client, call);
	int r;

	if (code != kIOReturnSuccess)
		return code;
	shape.gpu_denied = is_denied_foreground(&calling, methods, call->selector);
	code = methods_check(methods, &shape);
	if (calling.error < 0)
		return unknown_code(&calling);
	if (code != kIOReturnSuccess)
		return code;
	if (methods && methods->kind == METHODS_LEGACY)
		narrow(call);
	question->request = (struct request){ .op = REQUEST_CALL, .connection = client->number,
					      .call = call, .background = shape.gpu_denied };
	if (!caller_is_opener(&calling)) {
		if (know_caller(&calling) < 0)
			return unknown_code(&calling);
		question->request.who = who;
	}
	question->lock = call_lock(methods);
	r = question_ask(question, client->service, client);
	return r == 0 ? kIOReturnSuccess : IOReturnFromErrno(-r);
}

/* IOService::open */

int client_open_service(struct client *client, bool seize, struct request *ret)
{
	struct service *service = client->service;

	if (!service)
		return -ENODEV;
	service_tell(service, GENERAL_INTEREST, MESSAGE_IS_ATTEMPTING_OPEN, seize);
	if (!service->owner) {
		service->owner = client;
		return 0;
	}
	if (!seize || service->owner == client)
		return failure_code((uint32_t)kIOReturnExclusiveAccess);
	service_tell(service, GENERAL_INTEREST, MESSAGE_IS_REQUESTING_CLOSE, seize);
	*ret = (struct request){ .op = REQUEST_SEIZE, .connection = service->owner->number,
				 .other = client->number };
	return 1;
}

int client_seized_service(struct client *client, uint64_t asked, IOReturn code)
{
	struct service *service = client->service;

	if (!service)
		return -ENODEV;
	if (code != kIOReturnSuccess || (service->owner && service->owner->number != asked))
		return failure_code((uint32_t)kIOReturnExclusiveAccess);
	if (service->owner)
		drop_ownership(service, service->owner);
	service->owner = client;
	return 0;
}

int client_close_service(struct client *client)
{
	if (!client->service)
		return -ENODEV;
	if (client->service->owner != client)
		return failure_code((uint32_t)kIOReturnNotOpen);
	drop_ownership(client->service, client);
	return 0;
}

/* Completions */

int client_add_sink(struct client *client, struct completion_sink *sink)
{
	struct completion *completion;

	if (!client->service)
		return -ENODEV;
	list_init(&sink->link);
	list_append(&client->sinks, &sink->link);
	list_for_each(completion, &client->completions, link)
		sink->completed(sink, completion);
	clear_completions(client);
	return 0;
}

static int keep_completion(struct client *client, const struct completion *completion)
{
	int r = share_take(&unread, client->opener.uid, 1, CLIENT_MAX_COMPLETIONS_OF_USER);
	struct completion *copy;

	if (r < 0)
		return r;
	copy = malloc(sizeof(*copy));
	if (!copy) {
		share_give_back(&unread, client->opener.uid, 1);
		return -ENOMEM;
	}
	*copy = *completion;
	list_init(&copy->link);
	list_append(&client->completions, &copy->link);
	client->n_completions++;
	return 0;
}

/* The longest queue counts. */
static unsigned n_waiting(const struct client *client)
{
	struct completion_sink *sink;
	unsigned n = client->n_completions;

	list_for_each(sink, &client->sinks, link)
		if (sink->n_waiting(sink) > n)
			n = sink->n_waiting(sink);
	return n;
}

int client_complete(struct client *client, const struct completion *completion, bool can_drop)
{
	unsigned n = n_waiting(client);
	struct completion_sink *sink;
	int r = 0;

	if (can_drop && n >= client->limit)
		return failure_code((uint32_t)MACH_SEND_TIMED_OUT);
	if (n >= CLIENT_MAX_COMPLETIONS)
		r = -EDQUOT;
	else if (list_is_empty(&client->sinks))
		r = keep_completion(client, completion);
	if (r == -EDQUOT) {
		client->n_dropped++;
		log_limited("connection %" PRIu64 " of '%s' does not read its completions, some are lost",
			    client->number, client->service->node->name);
		return 0;
	}
	if (r < 0)
		return r;
	list_for_each(sink, &client->sinks, link)
		if (sink->completed(sink, completion) < 0)
			r = -ENOMEM;
	return r;
}

/* Ports */

static struct port_sink *find_port(const struct client *client, uint32_t type)
{
	struct port_sink *port;

	list_for_each(port, &client->ports, link)
		if (port->type == type)
			return port;
	return NULL;
}

void client_set_port(struct client *client, struct port_sink *sink)
{
	struct port_sink *before = find_port(client, sink->type);

	if (before) {
		list_remove(&before->link);
		before->ended(before);
	}
	list_init(&sink->link);
	list_append(&client->ports, &sink->link);
}

void client_unset_port(struct client *client, struct port_sink *sink)
{
	struct request request = { .op = REQUEST_UNPORT, .connection = client->number,
				   .type = sink->type };

	if (!client->service || find_port(client, sink->type) != sink)
		return;
	list_remove(&sink->link);
	driver_tell(client->service, &request);
}

int client_notify(struct client *client, uint32_t type, const json_t *data)
{
	struct port_sink *port = find_port(client, type);

	if (!port)
		return failure(-ENOENT, "connection %" PRIu64 " has no port of type %u",
			       client->number, type);
	return port->message(port, data);
}
