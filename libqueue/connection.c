/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "connection.h"
#include "mount.h"

static void connection_free(struct handle *handle)
{
	struct connection *connection = (struct connection *)handle;

	connection_end(connection);
	connection_end_calls(connection);
	close_fd(connection->directory);
	pthread_mutex_destroy(&connection->lock);
}

struct connection *connection_new(int session, int directory, const char *mount, const char *path)
{
	struct connection *connection = handle_new(sizeof(*connection), HANDLE_CONNECTION, session);

	if (!connection) {
		close_fd(directory);
		return NULL;
	}
	connection->directory = directory;
	for (int i = 0; i < N_IDLE_CALLS; i++)
		atomic_init(&connection->idle_calls[i], -1);
	atomic_init(&connection->calls_pid, getpid());
	pthread_mutex_init(&connection->lock, NULL);
	connection->handle.free = connection_free;
	connection->handle.mount = strdup(mount);
	connection->handle.path = strdup(path);
	if (!connection->handle.mount || !connection->handle.path) {
		handle_put(&connection->handle);
		return NULL;
	}
	return connection;
}

struct connection *connection_get(io_connect_t connect)
{
	return handle_get(connect, HANDLE_CONNECTION);
}

bool connection_is_dead(struct connection *connection)
{
	struct pollfd session = { .fd = connection->handle.fd };

	return atomic_load(&connection->closed) ||
	       (poll(&session, 1, 0) > 0 && (session.revents & (POLLHUP | POLLERR | POLLNVAL)));
}

IOReturn connection_dead_result(struct connection *connection)
{
	return atomic_load(&connection->n_maps) ? kIOReturnBadArgument : MACH_SEND_INVALID_DEST;
}

IOReturn connection_result(struct connection *connection, int r)
{
	if (r >= 0)
		return kIOReturnSuccess;
	if (r == -EMFILE || r == -ENFILE)
		return kIOReturnNoResources;
	if (connection_is_dead(connection))
		return connection_dead_result(connection);
	return mount_result(connection->handle.mount, r);
}

char *connection_file(struct connection *connection, const char *folder, uint32_t type)
{
	return text_print("%s/%s/%s/%" PRIu32, connection->handle.mount, connection->handle.path,
			  folder, type);
}

void connection_end(struct connection *connection)
{
	connection_end_wakes(connection);
	connection_end_ports(connection);
	connection_end_maps(connection);
}
