/* SPDX-License-Identifier: MIT */
/*
 * driver_service - a driver's service: its object, its directory, its connections
 *
 *	allocated --attachAt--> attached --serve--> served  (session open)
 *	                                              |  ^ fsd is back
 *	                                              v  |
 *	          ended <-- end of the session ---- lost
 */
#pragma once

#include <IOKit/IOUserClient.h>

#include "dispatch_queue.h"
#include "driver_session.h"
#include "object.h"

/* One connection. Several may lead to one user client. */
struct connection {
	struct connection *next;
	uint64_t number;
	IOUserClient *client;		/* owned; of others, too, where it is shared */
	task_t task;			/* owned: who opened it */
	bool is_gone;			/* of a shared one: closed by all who had it open */
};

/* What is behind a memory type or a port of all clients. */
struct binding {
	struct binding *next;
	UInt32 type;
	char *target;			/* owned */
	bool read_only;
};

/* Memory that clients can be given. */
struct service_memory {
	struct service_memory *next;
	char *target;			/* owned: "NAME", or "queues/NAME/data" */
	IOMemoryDescriptor *descriptor;	/* owned; NULL: a queue's, which is made anew each time */
};

struct IOService {
	OSObject object;
	OSMetaClass meta;		/* named after the class */
	const struct IOServiceClass *service_class;	/* borrowed */
	char *class_name;		/* owned, these four */
	char *name, *location;
	void *reference;

	IOService *provider;		/* owned, or NULL */
	char *directory, *mount;	/* owned; absolute. NULL: not attached */

	struct session session;
	bool is_served, is_registered, is_ended;
	int epoll_fd, timer_fd;		/* readable when there is something to do */
	IODispatchQueue *queue, *call_queue;	/* owned, or NULL */
	struct dispatch_watch watch;

	struct connection *connections;
	unsigned depth;			/* of requests being served */
	struct binding *memory, *ports;
	struct service_memory *buffers;
	const void *owner;		/* of open(); owned */
	uint64_t authorization_id;
};

/* One of @service's class functions, or the base's. */
#define SERVICE_CALL(service, function) \
	((service)->service_class->methods && (service)->service_class->methods->function ? \
	 (service)->service_class->methods->function : IOService_##function)

/* "DIRECTORY/FILE", the caller's; NULL: not attached, or no memory. */
char *service_path(const IOService *service, const char *file);

/* Text to one of its files. Return: 0 or a negative errno. */
int service_write(IOService *service, const char *file, const char *text);

/* One line of a file, the caller's, without its newline. Return: 0 or a negative errno. */
int service_read(const IOService *service, const char *file, char **ret);

/* The result for what one of its files said; errno is set. */
IOReturn service_result(const IOService *service, int r);

/* Requests come from now on; it was lost, or never open. Return: 0 or a negative errno. */
int service_connect(IOService *service);

void service_memory_free(IOService *service);
