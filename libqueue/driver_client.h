/* SPDX-License-Identifier: MIT */
/*
 * driver_client - a user client: its object, and its life
 */
#pragma once

#include "driver_service.h"

/* Memory that was handed to the client, by type. */
struct handed {
	struct handed *next;
	UInt32 type;
	IOMemoryDescriptor *memory;	/* owned */
};

/* A copy of the client's memory. */
struct copied {
	struct copied *next;
	IOMemoryDescriptor *memory;	/* owned */
	IOAddressSegment *segments;	/* owned */
	uint32_t n_segments;
	bool is_written;		/* back, when its call ended */
};

struct IOUserClient {
	OSObject object;
	OSMetaClass meta;		/* named after the class */
	const struct IOUserClientClass *client_class;	/* borrowed */
	void *reference;		/* owned */
	json_t *properties;		/* owned */
	task_t task;			/* owned; NULL: not opened yet, or stopped */
	IOService *service;		/* borrowed; NULL: not attached, or detached */

	unsigned n_connections;		/* the service's, that lead here */
	bool is_initialised, is_started, is_closed, is_inactive, is_ended;
	struct handed *handed;
	struct copied *copied;
	const struct driver_port *call;	/* the asynchronous call that is being made */
};

/* One of @client's class functions, or the base's. */
#define CLIENT_OVERRIDES(client, function) \
	((client)->client_class->methods && (client)->client_class->methods->function)
#define CLIENT_CALL(client, function) \
	(CLIENT_OVERRIDES(client, function) ? (client)->client_class->methods->function : \
	 IOUserClient_##function)

/* Return: Success, or why a user client with a modern table cannot be opened. */
IOReturn client_check_2022(const IOUserClient *client);

/* By number. Return: it, or NULL. */
struct connection *service_find_connection(const IOService *service, uint64_t number);

/*
 * @client, a reference that this takes over, serves connection @number, which @task opened.
 * Return: 0 or -ENOMEM.
 */
int service_add_connection(IOService *service, uint64_t number, IOUserClient *client,
			   task_t task);

/* It cannot be opened after all: the driver is told of a close, and it ends. */
void client_refuse(IOUserClient *client);

/* A client closed it, or died. */
void service_close_connection(IOService *service, struct connection *connection, bool died);

/* No request waits: shared connections that are gone have been told of all closes. */
void service_drained(IOService *service);
/* Are there such, which need to be told that no request waits? */
bool service_must_drain(const IOService *service);

/* fsd is gone: so have all clients. */
void service_lose_connections(IOService *service);

/* The service is terminated, or goes: its user clients are stopped, and are not told of a close. */
void service_drop_connections(IOService *service);

/* End those that the driver terminated while it was called. */
void service_settle(IOService *service);

/* Memory: of types, and of the client (driver_memory.c, driver_copy.c). */
IOReturn client_memory(IOUserClient *client, UInt32 type, const char **ret_target,
		       bool *ret_read_only);
void client_free_handed(IOUserClient *client);
void client_write_back(IOUserClient *client);
void client_free_copied(IOUserClient *client);

/*
 * Method calls: by the class's function or table (driver_dispatch.c), or by descriptors
 * (driver_legacy.c).
 */
IOReturn client_external_method(IOUserClient *client, uint32_t selector,
				IOExternalMethodArguments *arguments);
bool client_is_driverkit(const IOUserClient *client);
kern_return_t client_driverkit_method(IOUserClient *client, uint64_t selector,
				      IOUserClientMethodArguments *arguments);
IOReturn client_legacy_method(IOUserClient *client, uint32_t selector,
			      IOExternalMethodArguments *arguments);
