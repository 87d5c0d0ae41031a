/* SPDX-License-Identifier: MIT */
/*
 * driver_requests - what fsd asks of a driver, one function of a table for each kind
 */
#include <errno.h>
#include <string.h>

#include "driver_call.h"
#include "driver_client.h"
#include "driver_port.h"
#include "driver_requests.h"
#include "driver_task.h"
#include "json_text.h"

/* A request, with what most of them have. */
struct request {
	IOService *service;
	const char *op;
	const json_t *object;
	json_t *answer;			/* may be added to */
	uint64_t number;		/* "conn" */
	struct connection *connection;	/* NULL: none of that number */
	task_t task;			/* owned: who asks; NULL: nobody waits for an answer */
	UInt32 type;
};

static uint64_t word_of(const json_t *object, const char *key)
{
	uint64_t word;

	return json_text_word(json_object_get(object, key), &word) < 0 ? 0 : word;
}

/* @client, a reference that this takes over, is to serve the new connection. */
static IOReturn connect_client(struct request *request, IOUserClient *client)
{
	IOReturn result = client->n_connections == 0 ? client_check_2022(client) : kIOReturnSuccess;

	if (result == kIOReturnSuccess &&
	    service_add_connection(request->service, request->number, client, request->task) < 0)
		result = kIOReturnNoMemory;
	if (result == kIOReturnSuccess)
		return result;
	if (client->n_connections == 0)
		client_refuse(client);
	else
		OSObject_release(client);
	return result;
}

static IOReturn serve_open(struct request *request)
{
	IOService *service = request->service;
	IOUserClient *client = NULL;
	IOReturn result;

	result = SERVICE_CALL(service, newUserClient)(service, request->task, request->task,
						      request->type, NULL, &client);
	if (result == kIOReturnSuccess)
		result = client ? connect_client(request, client) : kIOReturnError;
	return result;
}

static IOReturn serve_call(struct request *request)
{
	return driver_call(request->service, request->connection, request->object, request->answer);
}

static IOReturn serve_memory(struct request *request)
{
	bool read_only = false;
	const char *target;
	IOReturn result;

	result = client_memory(request->connection->client, request->type, &target, &read_only);
	if (result != kIOReturnSuccess)
		return result;
	if (json_object_set_new(request->answer, "buf", json_string(target)) < 0 ||
	    json_object_set_new(request->answer, "ro", json_boolean(read_only)) < 0)
		return kIOReturnNoMemory;
	return kIOReturnSuccess;
}

/* The driver owns the port, unless it refuses. */
static IOReturn serve_port(struct request *request)
{
	IOUserClient *client = request->connection->client;
	struct driver_port port = { .service = request->service, .connection = request->number,
				    .is_notification = true, .type = request->type };
	mach_port_t number = driver_port_new(&port);
	IOReturn result;

	if (number == MACH_PORT_NULL)
		return kIOReturnNoMemory;
	result = CLIENT_CALL(client, registerNotificationPort64)(client, number, request->type,
								 word_of(request->object, "ref"));
	if (result != kIOReturnSuccess)
		driver_port_release(number);
	return result;
}

static IOReturn serve_unport(struct request *request)
{
	IOUserClient *client = request->connection->client;

	return CLIENT_CALL(client, registerNotificationPort64)(client, MACH_PORT_NULL,
							       request->type, 0);
}

static IOReturn serve_add_client(struct request *request)
{
	IOUserClient *client = request->connection->client;
	struct connection *other;

	if (!json_is_integer(json_object_get(request->object, "to")))
		return kIOReturnBadArgument;	/* another service's, which may be another process's */
	other = service_find_connection(request->service, word_of(request->object, "to"));
	if (!other)
		return kIOReturnBadArgument;
	return CLIENT_CALL(client, connectClient)(client, other->client);
}

/* Data and sets are objects as well: {"$data": ...}, {"$set": ...}. A key's own '$' is doubled. */
static bool is_dictionary(const json_t *value)
{
	return json_is_object(value) &&
	       !(json_object_size(value) == 1 &&
		 (json_object_get(value, "$data") || json_object_get(value, "$set")));
}

/* What a user client says that may be set of it; of a service fsd knows. */
static IOReturn check_allowed(const IOUserClient *client, const json_t *properties)
{
	const json_t *allowed, *word;
	const char *key;
	json_t *value;
	size_t i;

	allowed = json_object_get(client->properties, "IORegistryEntryAllowableSetProperties");
	if (!allowed)
		return kIOReturnSuccess;
	if (!json_is_array(allowed) || !is_dictionary(properties))
		return kIOReturnNotPermitted;
	json_object_foreach((json_t *)(uintptr_t)properties, key, value) {
		bool listed = false;

		json_array_foreach(allowed, i, word)
			listed = listed || (json_is_string(word) &&
					    strcmp(json_string_value(word), key) == 0);
		if (!listed)
			return kIOReturnBadArgument;
	}
	return kIOReturnSuccess;
}

static IOReturn set_client_properties(IOUserClient *client, json_t *properties)
{
	IOReturn result = check_allowed(client, properties);

	return result == kIOReturnSuccess ? CLIENT_CALL(client, setProperties)(client, properties) :
					    result;
}

/* Of a client's connection, or of the service. */
static IOReturn serve_set_properties(struct request *request)
{
	json_t *properties = json_object_get(request->object, "props");

	if (request->connection)
		return set_client_properties(request->connection->client, properties);
	if (request->number != 0)
		return kIOReturnNotAttached;
	return SERVICE_CALL(request->service, setProperties)(request->service, properties);
}

static IOReturn serve_probe(struct request *request)
{
	return SERVICE_CALL(request->service, requestProbe)
		(request->service, (IOOptionBits)word_of(request->object, "options"));
}

static IOReturn serve_seize(struct request *request)
{
	IOUserClient *client = request->connection->client;
	IOOptionBits options = kIOServiceSeize;

	return CLIENT_CALL(client, message)(client, kIOMessageServiceIsRequestingClose,
					    request->service, &options);
}

static IOReturn serve_close(struct request *request)
{
	service_close_connection(request->service, request->connection,
				 json_is_true(json_object_get(request->object, "died")));
	return kIOReturnSuccess;
}

static const struct row {
	const char *op;
	IOReturn (*serve)(struct request *request);
	bool needs_connection;
} rows[] = {
	{ "open",	serve_open,		false },
	{ "call",	serve_call,		true },
	{ "mem",	serve_memory,		true },
	{ "port",	serve_port,		true },
	{ "unport",	serve_unport,		true },
	{ "addclient",	serve_add_client,	true },
	{ "setprops",	serve_set_properties,	false },
	{ "probe",	serve_probe,		false },
	{ "seize",	serve_seize,		true },
	{ "close",	serve_close,		true },
	/* "cancel": a call is answered before the next request is looked at. */
};

/*
 * Of another process than the one that opened the connection nothing is known but what the request
 * says. A call without it is the opener's. Return: 0 or -ENOMEM.
 */
static int find_task(struct request *request)
{
	const json_t *object = request->object;
	task_t opener = request->connection ? request->connection->task : NULL;
	bool says_who = json_object_get(object, "pid");

	if (!json_object_get(object, "id"))
		return 0;
	if (opener && (!says_who || task_asks(opener, object))) {
		OSObject_retain(opener);
		request->task = opener;
	} else {
		request->task = task_new(object, request->service->mount);
	}
	return request->task ? 0 : -ENOMEM;
}

static IOReturn serve(struct request *request)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].op, request->op) != 0)
			continue;
		if (rows[i].needs_connection && !request->connection)
			return kIOReturnNotAttached;
		return rows[i].serve(request);
	}
	return kIOReturnUnsupported;
}

static IOReturn serve_who_asks(struct request *request)
{
	task_t before = task_of_request;	/* of another service's that had this one served */
	IOReturn result;

	if (find_task(request) < 0)
		return kIOReturnNoMemory;
	task_of_request = request->task;
	result = serve(request);
	task_of_request = before;
	OSObject_release(request->task);
	return result;
}

json_t *driver_serve(IOService *service, const json_t *object)
{
	json_t *id = json_object_get(object, "id");
	struct request request = {
		.service = service,
		.op = json_string_value(json_object_get(object, "op")),
		.object = object,
		.answer = json_object(),
		.number = word_of(object, "conn"),
		.type = (UInt32)word_of(object, "type"),
	};
	IOReturn result;

	if (!request.op || !request.answer) {
		json_decref(request.answer);
		return NULL;
	}
	request.connection = service_find_connection(service, request.number);
	service->depth++;
	result = serve_who_asks(&request);
	service->depth--;
	service_settle(service);

	if (id && json_object_set(request.answer, "id", id) == 0 &&
	    json_object_set_new(request.answer, "rc", json_integer((UInt32)result)) == 0)
		return request.answer;
	json_decref(request.answer);
	return NULL;
}
