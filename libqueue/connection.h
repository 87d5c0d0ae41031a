/* SPDX-License-Identifier: MIT */
/*
 * connection - what an io_connect_t is: a session of `clone`, and the directory that
 * fsd made for it
 *
 * Beside the session stand the files of the directory that were opened, each by one of the
 * connection_*.c, and what was mapped. They end with IOServiceClose() or with the last
 * reference, whichever comes first.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IODataQueueClient.h>

#include "handle.h"
#include "lock.h"

#define N_IDLE_CALLS	8	/* threads beyond that open `call` each time */

struct async_wake;
struct connection_map;
struct connection_port;

struct connection {
	struct handle handle;		/* first; its descriptor is the session */
	int directory;			/* owned, O_PATH: $S/clients/N */
	atomic_bool closed;		/* by IOServiceClose() */
	atomic_uint n_maps;

	/* connection_call.c's: descriptors of `call` that no thread uses, or -1 */
	atomic_int idle_calls[N_IDLE_CALLS];
	_Atomic(pid_t) calls_pid;	/* whose they are */

	pthread_mutex_t lock;		/* of what follows */
	struct connection_map *maps;
	struct async_wake *wakes;
	uint32_t n_wakes;		/* that there ever were */
	struct connection_port *ports;
};

/*
 * A connection of @session and @directory, which it owns, also when this fails; its
 * directory is $@mount/@path. Return: a reference, or NULL.
 */
struct connection *connection_new(int session, int directory, const char *mount, const char *path);

/* A reference, or NULL: no connection. For handle_put(). */
struct connection *connection_get(io_connect_t connect);

/* Its session is over. */
bool connection_is_dead(struct connection *connection);

/* What every function on a dead connection gives. */
IOReturn connection_dead_result(struct connection *connection);

/* The result for what its file gave: 0 or more, or a negative errno. */
IOReturn connection_result(struct connection *connection, int r);

/* Absolute path of one of its files, the caller's; NULL: no memory. */
char *connection_file(struct connection *connection, const char *folder, uint32_t type);

/* End maps, ports and wakes. */
void connection_end(struct connection *connection);

/* connection_call.c: close what is idle. */
void connection_end_calls(struct connection *connection);
/* connection_async.c, connection_map.c, connection_port.c; each takes the lock. */
void connection_end_wakes(struct connection *connection);
void connection_end_maps(struct connection *connection);
void connection_end_ports(struct connection *connection);

/* A queue was mapped: set the port that is meant for it. With the lock. connection_port.c */
void connection_ports_of_queue(struct connection *connection, const char *path,
			       IODataQueueMemory *queue);
/* The attachment of the queue at @path, or NULL. With the lock. connection_map.c */
IODataQueueMemory *connection_queue(struct connection *connection, const char *path);
