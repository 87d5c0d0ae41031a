/* SPDX-License-Identifier: MIT */
/*
 * client - one connection: an open service, in the eyes of the one who opened it
 *
 * It begins and ends with an open session (of `clone`), and has the identity of
 * its opener for good. It is an entry of the registry, below its service.
 */
#pragma once

#include "service/driver.h"

#define CLIENT_DEFAULT_LIMIT	5u
#define CLIENT_MAX_LIMIT	1024u
#define CLIENT_MAX_COMPLETIONS	65534u
#define CLIENT_MAX_COMPLETIONS_OF_USER	(4 * CLIENT_MAX_COMPLETIONS)	/* while nobody reads them */

struct client {
	struct entry entry;		/* first, as in a service */
	struct service *service;	/* borrowed; NULL: the connection is dead */
	struct registry *registry;	/* borrowed */
	struct node *node;		/* borrowed: it owns us */
	struct list of_service;
	uint64_t number;
	uint32_t type;
	unsigned n_sessions;		/* who has it open: one, but for a shared one */
	bool is_agreed;			/* the driver was not asked, or said yes: it may be used */
	struct identity opener;
	json_t *entitlements;		/* owned: the opener's */

	struct list questions, waiting;	/* sent; for the lock */
	unsigned n_readers;
	bool has_writer, is_waking;

	unsigned limit;			/* of completions that may be dropped */
	uint64_t n_dropped;
	struct list completions;	/* struct completion: while nobody reads them */
	unsigned n_completions;
	struct list sinks;		/* struct completion_sink */
	struct list ports;		/* struct port_sink */
	struct list hearers;		/* struct hearer: of its end */
};

/* Who opens: the session. */
struct opening {
	struct question question;	/* of drivers that are asked */
	struct client *client;		/* NULL until there is one */
	IOReturn code;
	bool is_done;
	void (*done)(struct opening *opening);	/* called when the driver has answered */
};

/*
 * IOServiceOpen. Return: 0, and opening->client is the connection; FILE_WAIT_ALWAYS:
 * the driver is asked, done() will be called; or an errno, its code said by failure_code().
 * @who becomes the connection's, also on failure.
 */
int client_open(struct opening *opening, struct service *service, uint32_t type,
		struct identity *who);
/* After done(): the result, as of client_open(). */
int client_open_result(struct opening *opening);
void opening_abandon(struct opening *opening);

/* Why a connection ends. The driver is told of the first two; it caused the others, or is gone. */
enum ending { END_CLOSED, END_DIED, END_KILLED, END_TERMINATED, END_DRIVER_GONE };

/* The connection is dead from here on. Harmless when it was. */
void client_end(struct client *client, enum ending why);
/* One of those who share it leaves; the last one ends it. @why: END_CLOSED or END_DIED. */
void client_leave(struct client *client, enum ending why);

/* The last reference to its node is gone. */
void client_free(struct node *node);

struct client *client_find(const struct service *service, uint64_t number);

/* May it be used? Return: 0, -ENODEV: it is dead, or NotReady: the driver has not agreed to it. */
int client_check(const struct client *client);

/* Whoever wants to know of its end. */
struct hearer {
	struct list link;
	void (*ended)(struct hearer *hearer);
};

/*
 * A method call. The checks are made here; what passes is asked of the driver, with @question,
 * whose answered() is set. @who is filled where it is needed, and kept as long as the question;
 * without a @caller it is filled already. Return: Success, the answer will come; else the code for
 * the client.
 */
IOReturn client_call(struct client *client, struct question *question, struct call *call,
		     const struct caller *caller, struct identity *who);

/*
 * IOService::open and close by this client. To @seize from another owner the driver must be asked:
 * *@ret is the request, and client_seized_service() is for when it has answered; who opened the
 * service meanwhile was not @asked, and keeps it.
 * Return: 0; 1: ask; -EBUSY, -EBADFD, -ENODEV.
 */
int client_open_service(struct client *client, bool seize, struct request *ret);
int client_seized_service(struct client *client, uint64_t asked, IOReturn code);
int client_close_service(struct client *client);

/* Completions (userclient 2.5, 2.6) */
struct completion {
	struct list link;
	uint64_t reference;
	IOReturn code;
	uint64_t n;
	uint64_t arguments[SCALARS_MAX];
};

struct completion_sink {
	struct list link;
	/* Return: 0 or -ENOMEM. */
	int (*completed)(struct completion_sink *sink, const struct completion *completion);
	unsigned (*n_waiting)(struct completion_sink *sink);
};

/* Return: 0, -ENODEV. What came before is handed to the first. */
int client_add_sink(struct client *client, struct completion_sink *sink);
/* Return: 0, -EAGAIN (can be dropped, and the limit is reached), -EMSGSIZE, -ENODEV, -ENOMEM. */
int client_complete(struct client *client, const struct completion *completion, bool can_drop);

/* Notification ports: one a type, the last that was opened. */
struct port_sink {
	struct list link;
	uint32_t type;
	int (*message)(struct port_sink *sink, const json_t *data);
	void (*ended)(struct port_sink *sink);
};

/* The driver was asked and agreed. */
void client_set_port(struct client *client, struct port_sink *sink);
/* It is closed: the driver is told, if it was the one. */
void client_unset_port(struct client *client, struct port_sink *sink);
/* Return: 0, -ENOENT without a port of this type, -ENODEV, -ENOMEM. */
int client_notify(struct client *client, uint32_t type, const json_t *data);
