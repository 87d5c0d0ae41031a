/* SPDX-License-Identifier: MIT */
/*
 * driver - the provider's side of a service: what it is asked, what it answers and says
 *
 * A driver is an open session. Questions are numbered and answered in any order;
 * one that is withdrawn is forgotten, and its answer ignored. When the driver goes,
 * all questions are answered with Aborted.
 */
#pragma once

#include "service/message.h"
#include "service/service.h"
#include "util/table.h"
#include "util/timer.h"

#define DRIVER_MAX_QUESTIONS 65536u
#define DRIVER_MAX_UNREAD 65536u
#define DRIVER_MAX_DATA 4096u		/* bytes of a message or a notification, as text */

struct client;
struct driver;
struct names;

/* Files of a connection that are links into the mount, for a driver that is fsd itself. */
struct driver_links {
	/* Where that of @type leads: the caller's text; NULL: nowhere, the driver is asked. */
	char *(*target)(struct driver *driver, const struct client *client, uint32_t type);
	/* Those that there are. Return: 0 or -ENOMEM. */
	int (*list)(struct driver *driver, const struct client *client, struct names *names);
};

struct driver {
	struct service *service;	/* borrowed; NULL: terminated */
	struct holder holder;		/* who opened the session; pid 0: fsd, or not to be seen */
	struct list questions;		/* struct question.of_driver: sent, oldest first */
	struct list withdrawn;		/* ids whose answer will be ignored, oldest first */
	struct table by_id;		/* both */
	unsigned n_questions, n_withdrawn;
	uint64_t last_id;
	/* The session's. Return: 0, or -ENOMEM when too much waits to be read. */
	int (*send)(struct driver *driver, const struct request *request);
	void (*ended)(struct driver *driver);
	/* Requests that it has not read. */
	unsigned (*n_unread)(struct driver *driver);
	const struct driver_links *memory, *ports;	/* NULL: a program's, which is asked */
};

/* How a question is kept apart from others of one client (userclient 3.5). */
enum lock { LOCKED_NOT, LOCKED_READ, LOCKED_WRITE };

/* What an answer is looked up by. */
struct asked {
	struct table_item item;
	uint64_t id;
	bool is_withdrawn;
};

struct question {
	struct request request;		/* what it points to lives as long as the question */
	enum lock lock;
	/* @line: what the driver wrote, to be taken from; NULL: no answer, and @code says why. */
	void (*answered)(struct question *question, IOReturn code, struct driver_line *line);

	struct service *service;	/* borrowed; NULL: not asked */
	struct client *client;		/* borrowed, or NULL */
	struct driver *driver;		/* borrowed: who was sent it */
	bool is_sent, holds_lock;
	struct asked by_id;
	struct list of_driver;
	struct list of_client;		/* client.questions, or client.waiting */
	struct timer timer;
};

/* Become the provider. Return: 0, -EBUSY (there is one), -ENODEV (inactive), or what stopped us. */
int driver_start(struct driver *driver, struct service *service);
/* The session is closed: terminate the service, or let it wait for another driver. */
void driver_stop(struct driver *driver);
/* It goes, and the service stays without one. Harmless for one that the service has left. */
void driver_leave(struct driver *driver);

/* The service ends: nothing is asked any more, what was asked is Aborted. */
void driver_end(struct driver *driver);

/* Carry out one line of the driver's. Return: 0 or an errno, said by failure(). */
int driver_line_do(struct driver *driver, struct driver_line *line);

/*
 * Ask; @question is embedded in what it is for, which withdraws it before it goes.
 * Return: 0, and it will be answered, perhaps at once; or an errno, then it will not.
 */
int question_ask(struct question *question, struct service *service, struct client *client);
/* There will be no answer: it is answered with Aborted here, and withdrawn from the driver. */
void question_abort(struct question *question);
/* No answer is wanted any more. Harmless when there was one. */
void question_withdraw(struct question *question);

/* Tell the driver, if there is one, what needs no answer. */
void driver_tell(struct service *service, const struct request *request);
