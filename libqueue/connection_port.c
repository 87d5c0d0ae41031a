/* SPDX-License-Identifier: MIT */
/*
 * connection_port - who is told of what the driver signals by itself, by kinds
 *
 * A kind is one of three: a queue's doorbell, whose port is set on the attachment; a
 * session of `port`, which an IONotificationPort watches; or one in an epoll instance of
 * the program's, which takes its documents itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "connection.h"
#include "json_text.h"
#include "lines.h"
#include "mount.h"
#include "notify.h"

/* A session of `port/TYPE`, a handle of its own: a callback may be under way while it goes. */
struct port_session {
	struct handle handle;		/* first; its descriptor is the session */
	io_object_t number;		/* the connection's reference; 0: not published */
	io_connect_t connect;
	uint32_t type;
	uintptr_t reference;
	struct notify_watch watch;
	struct lines lines;		/* of whoever runs the watch; else with the lock below */

	pthread_mutex_t lock;
	IOConnectNotificationCallback callback;
	void *refcon;
};

/* A kind of which a port or a callback was set. */
struct connection_port {
	struct connection_port *next;
	uint32_t type;
	IOConnectNotificationCallback callback;
	void *refcon;
	struct port_session *session;	/* a reference, or NULL */
	bool is_watched;		/* the session is, by an IONotificationPort */
	char *path;			/* owned: of the queue that it is bound to; or NULL */
	mach_port_t queue_port;		/* borrowed */
};

/* --- sessions */

static void session_free(struct handle *handle)
{
	struct port_session *session = (struct port_session *)handle;

	notify_end(&session->watch);
	lines_free(&session->lines);
	pthread_mutex_destroy(&session->lock);
}

static void session_end(struct port_session *session)
{
	if (!session)
		return;
	if (session->number != IO_OBJECT_NULL)
		IOObjectRelease(session->number);
	handle_put(&session->handle);
}

static void session_endp(struct port_session **session)
{
	session_end(*session);
}

static int session_open(struct connection *connection, io_connect_t connect, uint32_t type,
			uintptr_t reference, struct port_session **ret)
{
	struct port_session *session;
	char file[32];
	int fd;

	snprintf(file, sizeof(file), "port/%" PRIu32, type);
	fd = file_open(connection->directory, file, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	session = handle_new(sizeof(*session), HANDLE_NOTIFICATION, fd);
	if (!session)
		return -ENOMEM;
	pthread_mutex_init(&session->lock, NULL);
	session->handle.free = session_free;
	session->connect = connect;
	session->type = type;
	session->reference = reference;
	*ret = session;
	return 0;
}

static void session_deliver(struct port_session *session, const char *line, size_t size)
{
	IOConnectNotificationCallback callback;
	json_t *message;
	void *refcon;

	pthread_mutex_lock(&session->lock);
	callback = session->callback;
	refcon = session->refcon;
	pthread_mutex_unlock(&session->lock);
	if (!callback || json_text_parse(line, size, &message, NULL, 0) < 0)
		return;
	callback(refcon, session->connect, session->type, session->reference, message);
	json_decref(message);
}

static void session_ready(struct handle *handle)
{
	struct port_session *session = (struct port_session *)handle;
	int r = lines_read(&session->lines, handle->fd);
	const char *line;
	size_t size;

	while (notify_may_call(&session->watch) && (line = lines_next(&session->lines, &size)))
		session_deliver(session, line, size);
	if (r == 1 || r == -EAGAIN || r == -ENOMEM)
		notify_enable(&session->watch);
}

static int session_watch(struct port_session *session, struct IONotificationPort *port)
{
	int r;

	handle_ref(&session->handle);
	session->number = handle_publish(&session->handle);
	if (session->number == IO_OBJECT_NULL)
		return -ENOMEM;
	r = notify_begin(&session->watch, port, session->handle.fd, &session->handle,
			 session_ready);
	if (r == 0)
		notify_enable(&session->watch);
	return r;
}

/* The program looks for itself. Return: 0, or -EINVAL when @port is no epoll instance. */
static int session_lend(struct port_session *session, mach_port_t port)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(port, EPOLL_CTL_ADD, session->handle.fd, &event) < 0 ? -EINVAL : 0;
}

static void session_set_callback(struct port_session *session,
				 IOConnectNotificationCallback callback, void *refcon)
{
	pthread_mutex_lock(&session->lock);
	session->callback = callback;
	session->refcon = refcon;
	pthread_mutex_unlock(&session->lock);
}

/* --- kinds; with the lock */

static struct connection_port *find_port(struct connection *connection, uint32_t type)
{
	struct connection_port *port = connection->ports;

	while (port && port->type != type)
		port = port->next;
	return port;
}

/* Return: it, or NULL without memory. */
static struct connection_port *make_port(struct connection *connection, uint32_t type)
{
	struct connection_port *port = find_port(connection, type);

	if (port)
		return port;
	port = calloc(1, sizeof(*port));
	if (!port)
		return NULL;
	port->type = type;
	port->next = connection->ports;
	connection->ports = port;
	return port;
}

/* What is there goes; the callback stays. Return: its session, for session_end(). */
static struct port_session *clear_port(struct connection *connection, struct connection_port *port)
{
	struct port_session *session = port->session;
	IODataQueueMemory *queue = port->path ? connection_queue(connection, port->path) : NULL;

	if (queue)
		IODataQueueSetNotificationPort(queue, MACH_PORT_NULL);
	free(port->path);
	port->path = NULL;
	port->session = NULL;
	return session;
}

void connection_ports_of_queue(struct connection *connection, const char *path,
			       IODataQueueMemory *queue)
{
	struct connection_port *port;

	for (port = connection->ports; port; port = port->next)
		if (port->path && strcmp(port->path, path) == 0)
			IODataQueueSetNotificationPort(queue, port->queue_port);
}

/* --- setting */

/* The directory of the queue that the kind is bound to, the caller's; NULL: none, or a stream. */
static char *bound_queue(struct connection *connection, uint32_t type)
{
	static const char streams[] = "../../../../streams/";
	_cleanup_(freep) char *file = connection_file(connection, "port", type);
	char target[sizeof(streams)] = "", *path, *name;

	if (!file || readlink(file, target, sizeof(target)) < 0 ||
	    strncmp(target, streams, sizeof(streams) - 1) == 0)
		return NULL;
	path = realpath(file, NULL);
	name = path ? strrchr(path, '/') : NULL;
	if (name)
		*name = '\0';
	return path;
}

/* A file by which the client tells the driver: from there nothing comes to any port. */
static bool is_only_written(struct connection *connection, uint32_t type)
{
	struct stat stat;
	char file[32];

	snprintf(file, sizeof(file), "port/%" PRIu32, type);
	return fstatat(connection->directory, file, &stat, 0) == 0 && (stat.st_mode & 0444) == 0;
}

/* An epoll instance that is not an IONotificationPort's. */
static bool is_queue_port(mach_port_t port)
{
	_cleanup_(closep) int stranger = eventfd(0, EFD_CLOEXEC);
	struct IONotificationPort *other = notify_find(port);
	struct epoll_event event = { .events = EPOLLIN };

	if (other) {
		OSObject_release(other);
		return false;
	}
	return epoll_ctl(port, EPOLL_CTL_MOD, stranger, &event) < 0 && errno == ENOENT;
}

static IOReturn set_queue_port(struct connection *connection, uint32_t type, mach_port_t number,
			       char *path)
{
	_cleanup_(session_endp) struct port_session *old = NULL;
	struct connection_port *port;
	IODataQueueMemory *queue;
	IOReturn result;
	with_lock(&connection->lock);

	port = make_port(connection, type);
	if (!port)
		return kIOReturnNoMemory;
	queue = connection_queue(connection, path);
	result = queue ? IODataQueueSetNotificationPort(queue, number) : kIOReturnSuccess;
	if (result != kIOReturnSuccess)
		return result;
	free(port->path);
	port->path = strdup(path);
	port->queue_port = number;
	old = port->session;
	port->session = NULL;
	return port->path ? kIOReturnSuccess : kIOReturnNoMemory;
}

/* Watched by an IONotificationPort, or lent to the program. */
static int session_begin(struct port_session *session, mach_port_t number, bool *is_watched)
{
	struct IONotificationPort *port = notify_find(number);
	int r;

	*is_watched = port;
	if (!port)
		return session_lend(session, number);
	r = session_watch(session, port);
	OSObject_release(port);
	return r;
}

static IOReturn set_session(struct connection *connection, struct port_session *given,
			    mach_port_t number)
{
	_cleanup_(session_endp) struct port_session *session = given;
	struct connection_port *port;
	bool is_watched;
	int r;
	with_lock(&connection->lock);

	port = atomic_load(&connection->closed) ? NULL : make_port(connection, given->type);
	if (!port)
		return kIOReturnNoMemory;
	session_set_callback(session, port->callback, port->refcon);
	r = session_begin(session, number, &is_watched);
	if (r < 0)
		return r == -ENOMEM ? kIOReturnNoMemory : kIOReturnBadArgument;
	session = clear_port(connection, port);
	port->session = given;
	port->is_watched = is_watched;
	return kIOReturnSuccess;
}

static IOReturn unset_port(struct connection *connection, uint32_t type)
{
	_cleanup_(session_endp) struct port_session *session = NULL;
	struct connection_port *port;
	with_lock(&connection->lock);

	port = find_port(connection, type);
	if (port)
		session = clear_port(connection, port);
	return kIOReturnSuccess;
}

static IOReturn set_port(struct connection *connection, io_connect_t connect, uint32_t type,
			 mach_port_t number, uintptr_t reference)
{
	_cleanup_(freep) char *path = NULL;
	struct port_session *session;
	int r;

	if (number == MACH_PORT_NULL)
		return unset_port(connection, type);
	if (number < 0)
		return kIOReturnBadArgument;
	if (is_only_written(connection, type))
		return unset_port(connection, type);
	path = bound_queue(connection, type);
	if (path)
		return is_queue_port(number) ?
			set_queue_port(connection, type, number, path) : kIOReturnBadArgument;
	r = session_open(connection, connect, type, reference, &session);
	return r < 0 ? connection_result(connection, r) : set_session(connection, session, number);
}

void connection_end_ports(struct connection *connection)
{
	struct connection_port *port, *next;

	pthread_mutex_lock(&connection->lock);
	port = connection->ports;
	connection->ports = NULL;
	pthread_mutex_unlock(&connection->lock);
	for (; port; port = next) {
		next = port->next;
		session_end(port->session);
		free(port->path);
		free(port);
	}
}

/* --- the documented functions, and two more */

kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t type, mach_port_t port,
					   uintptr_t reference)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	if (!connection)
		return kIOReturnBadArgument;
	if (connection_is_dead(connection))
		return connection_dead_result(connection);
	return set_port(connection, connect, type, port, reference);
}

kern_return_t IOConnectSetNotificationCallback(io_connect_t connect, uint32_t type,
					       IOConnectNotificationCallback callback,
					       void *refcon)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);
	struct connection_port *port;

	if (!connection)
		return kIOReturnBadArgument;
	with_lock(&connection->lock);
	if (atomic_load(&connection->closed))
		return connection_dead_result(connection);
	port = make_port(connection, type);
	if (!port)
		return kIOReturnNoMemory;
	port->callback = callback;
	port->refcon = refcon;
	if (port->session)
		session_set_callback(port->session, callback, refcon);
	return kIOReturnSuccess;
}

/* The next that is a document; what is none is passed over. Return: 0 or a negative errno. */
static int next_message(struct port_session *session, json_t **ret)
{
	const char *line;
	size_t size;
	int r;

	do {
		while ((line = lines_next(&session->lines, &size)))
			if (json_text_parse(line, size, ret, NULL, 0) == 0)
				return 0;
		r = lines_read(&session->lines, session->handle.fd);
	} while (r == 1);
	return r == 0 ? -ENODEV : r;
}

kern_return_t IOConnectCopyNotification(io_connect_t connect, uint32_t type, json_t **message)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);
	struct connection_port *port;
	int r;

	if (!connection || !message)
		return kIOReturnBadArgument;
	with_lock(&connection->lock);
	port = find_port(connection, type);
	if (!port || !port->session || port->is_watched)
		return kIOReturnBadArgument;
	r = next_message(port->session, message);
	if (r == -EAGAIN)
		return kIOReturnUnderrun;
	return connection_result(connection, r);
}
