/* SPDX-License-Identifier: MIT */
/*
 * connection_open - how connections come and go, and what is said to their session
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "connection.h"
#include "json_text.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

/* --- opening */

/* A session of `clone` for @type. Return: a descriptor or a negative errno. */
static int open_session(struct handle *service, uint32_t type)
{
	char file[32] = "clone";

	if (type != 0)
		snprintf(file, sizeof(file), "clone.%" PRIu32, type);
	return registry_file(service, file, O_RDWR);
}

/* What a session has to say: which connection it is. Return: 0, -EPROTO, or what failed. */
static int read_number(int session, uint64_t *ret)
{
	char text[32], *end;
	ssize_t n;

	do {
		n = read(session, text, sizeof(text) - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*ret = strtoull(text, &end, 10);
	return end == text || *end != '\n' ? -EPROTO : 0;
}

/* The entry's number in the registry, or 0. */
static uint64_t read_id(int directory)
{
	_cleanup_(freep) char *text = NULL;

	return file_read_line(directory, "id", &text) < 0 ? 0 : strtoull(text, NULL, 16);
}

/* A connection of @session, which goes also when this fails. */
static int make_connection(const struct handle *service, int session, struct connection **ret)
{
	_cleanup_(closep) int owned = session;
	_cleanup_(freep) char *path = NULL;
	uint64_t number = 0;
	int directory, r;

	r = read_number(session, &number);
	if (r < 0)
		return r;
	path = text_print("%s/clients/%" PRIu64, service->path, number);
	if (!path)
		return -ENOMEM;
	directory = file_open(service->fd, path + strlen(service->path) + 1, O_PATH | O_DIRECTORY);
	if (directory < 0)
		return directory;
	*ret = connection_new(steal_fd(&owned), directory, service->mount, path);
	if (!*ret)
		return -ENOMEM;
	(*ret)->handle.id = read_id(directory);
	return 0;
}

/* Ask fsd: the kernel may still know a name of what has gone. */
static bool is_there(struct handle *entry)
{
	_cleanup_(closep) int id = registry_file(entry, "id", O_RDONLY);

	return id >= 0;
}

/* The result of an open that failed. */
static IOReturn open_result(struct handle *service, int r)
{
	if (r == -EMFILE || r == -ENFILE)
		return kIOReturnNoResources;
	if (r == -EPROTO)
		return kIOReturnError;
	/* An entry that is there, and has no `clone`, is no service. */
	if (r == -ENOENT && faccessat(service->fd, "clone", F_OK, 0) < 0 && is_there(service))
		return kIOReturnBadArgument;
	return mount_result(service->mount, r);
}

static IOReturn open_service(struct handle *service, uint32_t type, io_connect_t *ret)
{
	struct connection *connection = NULL;
	int session, r;

	/* A connection is an entry, too, but one that takes no connections. */
	if (entry_is_client(service))
		return kIOReturnUnsupported;
	session = open_session(service, type);
	r = session < 0 ? session : make_connection(service, session, &connection);
	if (r < 0)
		return open_result(service, r);
	*ret = handle_publish(&connection->handle);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IOServiceOpen(io_service_t service, task_port_t owningTask, uint32_t type,
			    io_connect_t *connect)
{
	_cleanup_(handle_putp) struct handle *handle = handle_get(service, HANDLE_OF_REGISTRY);
	io_connect_t made = IO_OBJECT_NULL;
	IOReturn result;

	if (!handle || owningTask != mach_task_self() || !connect)
		return kIOReturnBadArgument;
	result = open_service(handle, type, &made);
	if (result == kIOReturnSuccess)
		*connect = made;
	return result;
}

/* --- closing */

/* Numbers that were connections, and were closed: a bit each. */
static pthread_mutex_t closed_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t *closed;
static size_t n_closed;		/* words */

static void remember_closed(io_connect_t connect)
{
	size_t word = (size_t)connect / 64, n = word + 1;
	uint64_t *larger;

	pthread_mutex_lock(&closed_lock);
	larger = n > n_closed ? realloc(closed, n * sizeof(*larger)) : closed;
	if (larger) {
		for (; n_closed < n; n_closed++)
			larger[n_closed] = 0;
		closed = larger;
		closed[word] |= UINT64_C(1) << connect % 64;
	}
	pthread_mutex_unlock(&closed_lock);
}

static bool was_closed(io_connect_t connect)
{
	size_t word = (size_t)connect / 64;
	bool was;

	pthread_mutex_lock(&closed_lock);
	was = connect > 0 && word < n_closed && closed[word] & UINT64_C(1) << connect % 64;
	pthread_mutex_unlock(&closed_lock);
	return was;
}

/* Nothing has the number. Return: as IOServiceClose(). */
static IOReturn close_again(io_connect_t connect)
{
	_cleanup_(handle_putp) struct handle *other = handle_get(connect, HANDLE_ANY);

	return !other && was_closed(connect) ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IOServiceClose(io_connect_t connect)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	if (!connection)
		return close_again(connect);
	if (!atomic_exchange(&connection->closed, true)) {
		/* A dead one says that it is; that is as good. */
		stream_write(connection->handle.fd, "close\n", 6);
		connection_end(connection);
		remember_closed(connect);
	}
	IOObjectRelease(connect);
	return kIOReturnSuccess;
}

/* --- references */

static bool is_connection(io_connect_t connect)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	return connection;
}

kern_return_t IOConnectAddRef(io_connect_t connect)
{
	return is_connection(connect) ? IOObjectRetain(connect) : kIOReturnBadArgument;
}

kern_return_t IOConnectRelease(io_connect_t connect)
{
	return is_connection(connect) ? IOObjectRelease(connect) : kIOReturnBadArgument;
}

/* --- what is said to the session, and to its files */

static int open_provider(const struct connection *connection, struct handle **ret)
{
	_cleanup_(freep) char *path = strdup(connection->handle.path);
	char *clients = path ? strrchr(path, '/') : NULL;

	if (!path)
		return -ENOMEM;
	/* "IOService/Bus/clients/7" */
	while (clients > path && strncmp(clients, "/clients/", 9) != 0)
		clients--;
	*clients = '\0';
	return registry_open(connection->handle.mount, path, ret);
}

/* The driver says it with its methods. Where that cannot be read, what comes next fails, too. */
static bool has_get_service(const struct connection *connection)
{
	_cleanup_(freep) char *text = NULL;
	json_t *methods = NULL;
	size_t size;
	bool has;

	if (file_read(connection->directory, "service/methods", &text, &size) < 0 ||
	    json_text_parse(text, size, &methods, NULL, 0) < 0)
		return true;
	has = !json_is_false(json_object_get(methods, "getService"));
	json_decref(methods);
	return has;
}

kern_return_t IOConnectGetService(io_connect_t connect, io_service_t *service)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);
	struct handle *entry;
	io_service_t made;
	int r;

	if (!connection || !service)
		return kIOReturnBadArgument;
	if (connection_is_dead(connection))
		return connection_dead_result(connection);
	if (!has_get_service(connection))
		return kIOReturnUnsupported;
	r = open_provider(connection, &entry);
	if (r < 0)
		return connection_result(connection, r);
	made = handle_publish(entry);
	if (made == IO_OBJECT_NULL)
		return kIOReturnNoMemory;
	*service = made;
	return kIOReturnSuccess;
}

kern_return_t IOConnectAddClient(io_connect_t connect, io_connect_t client)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);
	_cleanup_(handle_putp) struct connection *other = connection_get(client);
	_cleanup_(freep) char *line = NULL;

	if (!connection || !other)
		return kIOReturnBadArgument;
	line = text_print("addclient %s\n", other->handle.path);
	if (!line)
		return kIOReturnNoMemory;
	return connection_result(connection,
				 stream_write(connection->handle.fd, line, strlen(line)));
}

static IOReturn set_properties(struct connection *connection, const json_t *properties)
{
	_cleanup_(freep) char *text = json_text_print(properties, true);
	size_t size = text ? strlen(text) : 0;

	if (!text)
		return kIOReturnBadArgument;
	if (size > JSON_TEXT_MAX)
		return kIOReturnMessageTooLarge;
	text[size] = '\n';	/* in the place of its NUL: a number would have no end */
	return connection_result(connection,
				 file_write(connection->directory, "props", text, size + 1));
}

kern_return_t IOConnectSetCFProperties(io_connect_t connect, json_t *properties)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	if (!connection || !properties)
		return kIOReturnBadArgument;
	if (connection_is_dead(connection))
		return connection_dead_result(connection);
	return set_properties(connection, properties);
}

kern_return_t IOConnectSetCFProperty(io_connect_t connect, const char *name, json_t *property)
{
	json_t *properties;
	IOReturn result;

	if (!name || !property)
		return kIOReturnBadArgument;
	properties = json_object();
	if (!properties)
		return kIOReturnNoMemory;
	result = json_object_set(properties, name, property) < 0 ?
		kIOReturnBadArgument : IOConnectSetCFProperties(connect, properties);
	json_decref(properties);
	return result;
}
