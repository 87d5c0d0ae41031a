/* SPDX-License-Identifier: MIT */
/*
 * service - one service of the registry: made, published, busy, terminated
 *
 * A service has a directory, an entry, perhaps a driver (driver.h), and clients
 * (client.h). Its life is that of userclient 3.1, 3.7 and 3.8; what happens in it
 * is told to watchers of the whole registry and to those interested in this one.
 */
#pragma once

#include "service/methods.h"
#include "service/registry.h"

struct stream;

struct service {
	struct entry entry;		/* first: a directory's object is its entry, too */
	struct registry *registry;	/* borrowed */
	struct node *node;		/* borrowed: it owns us */
	struct node *queues;		/* its directory of queues; NULL in the plane itself */
	uid_t maker;			/* whose part it takes */
	bool persist;			/* it outlives fsd's orderly end */

	struct methods *methods;	/* owned, or NULL: nothing was said */
	char *methods_text;		/* owned: as it was written, or NULL */
	struct driver *driver;		/* borrowed: the session of the moment, or NULL */
	bool had_driver;		/* it is not a mere nub */
	bool survives;			/* the end of its driver: another may come */
	bool is_orphan;			/* its driver's session ended with the fsd before */
	uint32_t added_busy;		/* of the busy count: by service_adjust_busy() */
	struct holder driven_by;	/* who opened `driver`; pid 0: nobody, or not to be seen */
	struct past_driver *past_driver; /* that process is watched; NULL: it is not */
	struct list awaiting;		/* past_driver's */

	struct list clients;		/* struct client.of_service */
	uint64_t last_connection;
	uint64_t kept_connection;	/* the store has this: numbers go on behind it after a restart */
	struct client *owner;		/* IOService::open; NULL: nobody */
	bool was_open;			/* it had an owner when it was terminated */
	struct list interests;		/* struct interest */
	struct list buffers;		/* struct buffer */
	bool terminating;
	bool must_end;			/* its end was cut short, or its driver has ended since */
	json_t *links;			/* owned: of the store, until service_adopt_links(); or NULL */

	/* What a stream is in the registry (stream_nub.h): made, saved and ended with the stream. */
	bool is_nub;
	struct stream *stream;		/* borrowed; NULL before it is complete, and when it has ended */
};

/* What a new service or queue shall be. */
struct making {
	struct attributes own, files;	/* as in struct node */
	uid_t asker;			/* who may have his part; 0: whoever starts us */
	bool persist;
	uint64_t capacity, max_entry;	/* a queue's; max_entry 0: follows the capacity */
};

#define QUEUE_DEFAULT_CAPACITY 65536
#define PROPERTIES_MAX	(4u << 20)	/* bytes, as text */

/* Notifications of the whole registry (userclient 4.5). */
enum publication {
	FIRST_PUBLISHED, PUBLISHED, MATCHED, FIRST_MATCHED, TERMINATED, WILL_TERMINATE, N_PUBLICATIONS
};

struct watcher {
	struct list link;		/* registry.watchers */
	void (*published)(struct watcher *watcher, enum publication what, struct service *service);
};

/* Messages of one service (userclient 4.6). */
#define GENERAL_INTEREST	"IOGeneralInterest"
#define BUSY_INTEREST		"IOBusyInterest"

#define MESSAGE_IS_TERMINATED		0xe0000010u
#define MESSAGE_IS_REQUESTING_CLOSE	0xe0000100u
#define MESSAGE_IS_ATTEMPTING_OPEN	0xe0000101u
#define MESSAGE_WAS_CLOSED		0xe0000110u
#define MESSAGE_BUSY_STATE_CHANGE	0xe0000120u
#define MESSAGE_PROPERTY_CHANGE		0xe0000130u

struct interest {
	struct list link;		/* service.interests */
	/* @argument: borrowed, or NULL. */
	void (*message)(struct interest *interest, const char *kind, uint32_t message,
			json_t *argument);
	void (*ended)(struct interest *interest);	/* no more will come */
};

/*
 * Make a service in @parent, or a queue in @service.
 * Return: 0, -EEXIST (also for a reserved name), -ENAMETOOLONG, -EINVAL,
 * -ENOSPC (a limit, or no room for the memory), -ENODEV (the parent is inactive), -ENOMEM.
 */
int service_make(struct service *parent, const char *name, const struct making *making,
		 struct service **ret);
int service_make_queue(struct service *service, const char *name, const struct making *making);
int service_make_stream(struct service *service, const char *name, const struct making *making,
			struct stream **ret);

/* A service with no more than a place in the tree, for the registry's start. */
int service_add(struct registry *registry, struct node *parent, const char *name, uint64_t node_id,
		uint64_t entry_id, const struct making *making, struct service **ret);
int service_adopt(struct service *parent, uint64_t id, const struct record *record);
/* When all are there: its parents beside the one whose directory it stands in. */
void service_adopt_links(struct service *service);

/*
 * May a service of this name be made in @parent? Return: 0, or as service_make().
 */
int service_check_new(const struct service *parent, const char *name);
/* Undo service_add(): out of the tree, and nobody is told. */
void service_drop(struct service *service);
/* Its files are its owner's, and so are the directories that are made when they are looked for. */
void service_give_files(struct service *service);
/* A service's part of a record, a new reference or NULL; and back, before it is registered. */
json_t *service_details(const struct service *service);
int service_adopt_details(struct service *service, json_t *details);

/*
 * Another parent, in any plane, or one less. Return: as entry_attach() and entry_detach(), or
 * -EBUSY for the parent whose directory it stands in.
 */
int service_attach(struct service *service, struct entry *parent, struct plane *plane);
int service_detach(struct service *service, struct entry *parent, struct plane *plane);

/*
 * One of its directories that are made when they are first looked for: of the kind @def, and
 * its object is the service. Return: 0 or -ENOMEM.
 */
int service_folder(struct service *service, const char *name, const struct node_def *def,
		   struct node **ret);

/* Its directory of streams, made when it is first needed. Return: 0 or -ENOMEM. */
int service_streams(struct service *service, struct node **ret);

/*
 * rmdir(2). Return: 0, -ENOTEMPTY while there are services or queues in it, -EBUSY for IOResources
 * and for a stream's.
 */
int service_remove(struct service *service);

/* Its driver is gone: it ends, or, if it survives or is always there, another may come. */
void service_lost_driver(struct service *service);

/*
 * After a restart: the end of who drove it will be that of a driver. Where that has come already,
 * the service must_end. The second undoes that; harmless when nobody is awaited.
 */
void service_await_driver(struct service *service);
void service_await_no_driver(struct service *service);

/* It and all below it, at once. -EBUSY for what is always there, and for a stream's. */
int service_terminate(struct service *service);

/* The last reference to its node is gone. */
void service_free(struct node *node);

/* Keep what a restart needs to know. Return: 0 or what stopped us. */
int service_save(const struct service *service);
/* @number is the last connection from now on. */
int service_use_connection(struct service *service, uint64_t number);

/* @attributes: the service's, a row's (@row), or (@of_queues) those of its directory of queues. */
int service_set_attributes(struct service *service, bool of_queues, const struct row *row,
			   const struct attributes *attributes);

/* registerService(). Return: 0 or -ENODEV. */
int service_register(struct service *service);

/* As the owner; before registering only. Return: as entry_set_class(); -EBUSY when registered. */
int service_set_class(struct service *service, const char *classes);
int service_set_methods(struct service *service, const char *text, size_t size);

/*
 * All of @properties, a canonical dictionary, or with @removed the one of that key away. The
 * whole table takes PROPERTIES_MAX bytes at most. Return: 0, -EMSGSIZE, -ENODEV, or what failed.
 */
int service_set_properties(struct service *service, json_t *properties);
int service_remove_property(struct service *service, const char *key);

/*
 * adjustBusy(), the provider's part of the busy count. Return: 0, -EINVAL when that would go
 * below 0, or the count above 1023.
 */
int service_adjust_busy(struct service *service, int by);
/* The provider's session has ended: nothing of its part is left. */
void service_take_back_busy(struct service *service);

/* messageClients(), with an argument or NULL; and with a word. */
void service_message(struct service *service, const char *kind, uint32_t message, json_t *argument);
void service_tell(struct service *service, const char *kind, uint32_t message, uint32_t word);

const char *publication_name(enum publication what);

static inline bool service_is_active(const struct service *service)
{
	return !(service->entry.state & ENTRY_INACTIVE);
}

/* Without a driver now, but another may come. */
static inline bool service_may_get_driver(const struct service *service)
{
	return service->survives || service->is_orphan;
}

/* The service that a directory or an entry belongs to. */
static inline struct service *service_of_entry(struct entry *entry)
{
	return container_of(entry, struct service, entry);
}
