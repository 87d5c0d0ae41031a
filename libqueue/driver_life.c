/* SPDX-License-Identifier: MIT */
/*
 * driver_life - how connections and user clients end
 *
 * A connection is closed, or its client died: the user client is told, and with its last
 * connection it ends. Or the driver terminates the user client, or the service is terminated.
 * A user client that ends is stopped once, in this order: willTerminate, didTerminate, stop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "driver_client.h"
#include "driver_port.h"
#include "driver_task.h"

struct connection *service_find_connection(const IOService *service, uint64_t number)
{
	struct connection *connection = service->connections;

	while (connection && connection->number != number)
		connection = connection->next;
	return connection;
}

/* As the original says who made it. */
static void name_creator(IOUserClient *client)
{
	json_t *creator = json_sprintf("pid %d, %s", (int)IOTaskGetPID(client->task),
				       IOTaskGetName(client->task));

	if (creator)
		json_object_set_new(client->properties, "IOUserClientCreator", creator);
}

int service_add_connection(IOService *service, uint64_t number, IOUserClient *client,
			   task_t task)
{
	struct connection *connection = malloc(sizeof(*connection));

	if (!connection)
		return -ENOMEM;
	*connection = (struct connection){
		.next = service->connections, .number = number, .client = client, .task = task,
	};
	OSObject_retain(task);
	service->connections = connection;
	if (client->n_connections++ == 0)
		name_creator(client);
	return 0;
}

/* Stop it, once, and leave it to its references. */
static void client_end(IOUserClient *client)
{
	IOService *service = client->service;
	bool defer = false;

	if (client->is_ended)
		return;
	client->is_ended = true;
	client->is_inactive = true;
	if (client->is_started) {
		CLIENT_CALL(client, willTerminate)(client, service, 0);
		CLIENT_CALL(client, didTerminate)(client, service, 0, &defer);
		CLIENT_CALL(client, stop)(client, service);
	}
	if (service && IOService_isOpen(service, client))
		IOService_close(service, client, 0);
	client->service = NULL;
	OSSafeReleaseNULL(client->task);
}

void client_refuse(IOUserClient *client)
{
	IOService *service = client->service;

	client->is_closed = true;
	CLIENT_CALL(client, clientClose)(client);
	if (service)
		client_end(client);
	OSObject_release(client);
}

/* Take it away from the service; with the last one its user client ends. */
static void remove_connection(IOService *service, struct connection *connection)
{
	IOUserClient *client = connection->client;
	struct connection **link = &service->connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	driver_ports_release(service, connection->number);
	OSObject_release(connection->task);
	free(connection);
	if (--client->n_connections == 0)
		client_end(client);
	OSObject_release(client);
}

static bool is_shared(const IOUserClient *client)
{
	return json_object_get(client->properties, kIOUserClientSharedInstanceKey);
}

IOReturn IOUserClient_clientDied(IOUserClient *client)
{
	if (!client)
		return kIOReturnBadArgument;
	if (client->is_closed && !is_shared(client))
		return kIOReturnNotReady;
	client->is_closed = true;
	return CLIENT_CALL(client, clientClose)(client);
}

static void tell_of_close(IOUserClient *client, bool died)
{
	if (died)
		CLIENT_CALL(client, clientDied)(client);
	else if (!client->is_closed || is_shared(client))
		IOUserClient_clientDied(client);	/* the base's, which does just that */
}

/*
 * A shared connection is open as often as it was opened, and how often that was, only fsd
 * knows. When its directory is gone, the last has closed it; but the news of some may still wait to
 * be read.
 */
static bool is_gone(const IOService *service, const struct connection *connection)
{
	_cleanup_(freep) char *path = text_print("%s/clients/%llu", service->directory,
						 (unsigned long long)connection->number);

	if (!path)
		return false;
	return access(path, F_OK) < 0 && errno == ENOENT;
}

void service_close_connection(IOService *service, struct connection *connection, bool died)
{
	tell_of_close(connection->client, died);
	if (is_shared(connection->client))
		connection->is_gone = is_gone(service, connection);
	else
		remove_connection(service, connection);
}

static struct connection *find_gone(const IOService *service)
{
	struct connection *connection = service->connections;

	while (connection && !connection->is_gone)
		connection = connection->next;
	return connection;
}

bool service_must_drain(const IOService *service)
{
	return find_gone(service);
}

void service_drained(IOService *service)
{
	struct connection *connection;

	while ((connection = find_gone(service)))
		remove_connection(service, connection);
}

void service_lose_connections(IOService *service)
{
	service->depth++;
	while (service->connections) {
		tell_of_close(service->connections->client, true);
		remove_connection(service, service->connections);
	}
	service->depth--;
}

void service_drop_connections(IOService *service)
{
	for (struct connection *c = service->connections; c; c = c->next)
		c->client->is_inactive = true;
	while (service->connections) {
		client_end(service->connections->client);
		remove_connection(service, service->connections);
	}
}

static struct connection *find_terminated(const IOService *service)
{
	struct connection *connection = service->connections;

	while (connection && !connection->client->is_inactive)
		connection = connection->next;
	return connection;
}

void service_settle(IOService *service)
{
	struct connection *connection;

	if (service->depth > 0)
		return;
	while ((connection = find_terminated(service)))
		remove_connection(service, connection);
}

static void kill_connection(IOService *service, uint64_t number)
{
	json_auto_t *line = json_pack("{s:I,s:i}", "kill", (json_int_t)number, "rc", 0);

	if (line)
		session_write(&service->session, line);
}

bool IOUserClient_terminate(IOUserClient *client, IOOptionBits options)
{
	IOService *service = client ? client->service : NULL;

	(void)options;
	if (!service || client->is_inactive)
		return false;
	client->is_inactive = true;
	for (struct connection *c = service->connections; c; c = c->next)
		if (c->client == client && !client->is_closed)
			kill_connection(service, c->number);
	service_settle(service);
	return true;
}
