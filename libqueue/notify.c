/* SPDX-License-Identifier: MIT */
/*
 * notify - notification ports: one descriptor for what many sessions have to tell
 *
 * A watch is in the epoll instance from the first notify_enable() on, always for one
 * event; after that it is deaf until it is enabled again. So no two threads run
 * one watch, and a session that hung up does not keep the port readable.
 *
 * Locks: that of the list, then a port's, then a dispatch queue's or the handles'. None
 * is held while something of the program runs.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>

#include "cleanup.h"
#include "dispatch_queue.h"
#include "mount.h"
#include "notify.h"
#include "object.h"

#define N_EVENTS	64

struct IONotificationPort {
	OSObject object;
	struct IONotificationPort *next;	/* in the list of all */
	pthread_mutex_t lock;
	int epoll_fd;				/* -1: destroyed */
	char *mount;				/* owned, or NULL: the default one */
	struct notify_watch *watches;
	uint64_t last_id;
	IODispatchQueue *queue;			/* a reference, or NULL */
	struct dispatch_watch queue_watch;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct IONotificationPort *ports;	/* newest first */

static void port_free(void *object)
{
	struct IONotificationPort *port = object;

	close_fd(port->epoll_fd);
	pthread_mutex_destroy(&port->lock);
	free(port->mount);
}

static const OSMetaClass port_class = {
	.name = "IONotificationPort",
	.size = sizeof(struct IONotificationPort),
	.free = port_free,
};

static IONotificationPortRef port_new(char *mount)
{
	IONotificationPortRef port = object_new(&port_class);

	if (!port) {
		free(mount);
		return NULL;
	}
	pthread_mutex_init(&port->lock, NULL);
	port->mount = mount;
	port->epoll_fd = fd_above_standard(epoll_create1(EPOLL_CLOEXEC));
	if (port->epoll_fd < 0) {
		OSObject_release(port);
		return NULL;
	}
	pthread_mutex_lock(&list_lock);
	port->next = ports;
	ports = port;
	pthread_mutex_unlock(&list_lock);
	return port;
}

IONotificationPortRef IONotificationPortCreate(mach_port_t mainPort)
{
	char *mount = NULL;

	/* The default one may come later. */
	if (mainPort != MACH_PORT_NULL && mount_of_port(mainPort, &mount) != kIOReturnSuccess)
		return NULL;
	return port_new(mount);
}

IOReturn notify_mount(struct IONotificationPort *port, char **ret)
{
	if (!port->mount)
		return mount_of_port(MACH_PORT_NULL, ret);
	*ret = strdup(port->mount);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

struct IONotificationPort *notify_find(mach_port_t fd)
{
	struct IONotificationPort *port;

	pthread_mutex_lock(&list_lock);
	port = fd > 0 ? ports : NULL;
	while (port && port->epoll_fd != fd)
		port = port->next;
	if (port && !object_try_retain(port))
		port = NULL;
	pthread_mutex_unlock(&list_lock);
	return port;
}

static void unlist(struct IONotificationPort *port)
{
	struct IONotificationPort **link;

	pthread_mutex_lock(&list_lock);
	for (link = &ports; *link && *link != port; link = &(*link)->next)
		;
	if (*link)
		*link = port->next;
	pthread_mutex_unlock(&list_lock);
}

/* Watches */

/* With the lock. */
static struct notify_watch **find_watch(struct IONotificationPort *port, uint64_t id)
{
	struct notify_watch **link = &port->watches;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

int notify_begin(struct notify_watch *watch, struct IONotificationPort *port, int fd,
		 struct handle *handle, void (*ready)(struct handle *handle))
{
	int r = 0;

	pthread_mutex_lock(&port->lock);
	if (port->epoll_fd < 0) {
		r = -ENOTCONN;
	} else {
		*watch = (struct notify_watch){
			.next = port->watches,
			.port = port,
			.id = ++port->last_id,
			.fd = fd,
			.handle = handle,
			.ready = ready,
		};
		port->watches = watch;
		OSObject_retain(port);
	}
	pthread_mutex_unlock(&port->lock);
	return r;
}

void notify_enable(struct notify_watch *watch)
{
	struct epoll_event once = { .events = EPOLLIN | EPOLLONESHOT };
	struct IONotificationPort *port = watch->port;

	pthread_mutex_lock(&port->lock);
	once.data.u64 = watch->id;
	if (watch->id != 0 &&
	    epoll_ctl(port->epoll_fd, EPOLL_CTL_MOD, watch->fd, &once) < 0 && errno == ENOENT)
		epoll_ctl(port->epoll_fd, EPOLL_CTL_ADD, watch->fd, &once);
	pthread_mutex_unlock(&port->lock);
}

bool notify_may_call(struct notify_watch *watch)
{
	bool is_linked;

	pthread_mutex_lock(&watch->port->lock);
	is_linked = watch->id != 0;
	pthread_mutex_unlock(&watch->port->lock);
	return is_linked && handle_is_used(watch->handle);
}

void notify_end(struct notify_watch *watch)
{
	struct IONotificationPort *port = watch->port;

	if (!port)
		return;
	pthread_mutex_lock(&port->lock);
	if (watch->id != 0) {
		*find_watch(port, watch->id) = watch->next;
		epoll_ctl(port->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	}
	pthread_mutex_unlock(&port->lock);
	OSObject_release(port);
	*watch = (struct notify_watch){ 0 };
}

/* Running them */

static int take_events(struct IONotificationPort *port, struct epoll_event events[N_EVENTS])
{
	int n = 0;

	/* With the lock, for destroying closes the descriptor. */
	pthread_mutex_lock(&port->lock);
	if (port->epoll_fd >= 0)
		n = epoll_wait(port->epoll_fd, events, N_EVENTS, 0);
	pthread_mutex_unlock(&port->lock);
	return n;
}

static UInt32 run_watch(struct IONotificationPort *port, uint64_t id)
{
	void (*ready)(struct handle *) = NULL;
	struct handle *handle = NULL;
	struct notify_watch *watch;

	pthread_mutex_lock(&port->lock);
	watch = *find_watch(port, id);
	if (watch && handle_try_ref(watch->handle)) {
		handle = watch->handle;
		ready = watch->ready;
	}
	pthread_mutex_unlock(&port->lock);
	if (!handle)
		return 0;
	ready(handle);
	handle_put(handle);
	return 1;
}

static UInt32 port_dispatch(struct IONotificationPort *port)
{
	struct epoll_event events[N_EVENTS];
	int n_events = take_events(port, events);
	UInt32 n = 0;

	for (int i = 0; i < n_events; i++)
		n += run_watch(port, events[i].data.u64);
	return n;
}

UInt32 IONotificationPortDispatch(mach_port_t fd)
{
	struct IONotificationPort *port = notify_find(fd);
	UInt32 n = port ? port_dispatch(port) : 0;

	OSObject_release(port);
	return n;
}

void IODispatchCalloutFromMessage(void *unused, mach_msg_header_t *message, void *reference)
{
	struct IONotificationPort *port = reference;

	(void)unused;
	(void)message;
	if (!port)
		return;
	OSObject_retain(port);
	port_dispatch(port);
	OSObject_release(port);
}

/* Who runs them */

/* On the dispatch queue. */
static void queue_ready(void *object)
{
	struct IONotificationPort *port = object;

	port_dispatch(port);
	pthread_mutex_lock(&port->lock);
	if (port->queue)
		dispatch_watch_enable(port->queue, &port->queue_watch);
	pthread_mutex_unlock(&port->lock);
}

void IONotificationPortSetDispatchQueue(IONotificationPortRef port, IODispatchQueue *queue)
{
	IODispatchQueue *old;

	if (!port)
		return;
	OSObject_retain(queue);
	pthread_mutex_lock(&port->lock);
	old = port->queue;
	if (old)
		dispatch_watch_end(old, &port->queue_watch);
	port->queue = NULL;
	if (queue && port->epoll_fd >= 0 &&
	    dispatch_watch_begin(queue, &port->queue_watch, port->epoll_fd, port,
				 queue_ready) == 0) {
		port->queue = queue;
		dispatch_watch_enable(queue, &port->queue_watch);
		queue = NULL;
	}
	pthread_mutex_unlock(&port->lock);
	/* The last reference waits for the queue's thread, which may want the lock. */
	OSObject_release(queue);
	OSObject_release(old);
}

void IONotificationPortDestroy(IONotificationPortRef port)
{
	if (!port)
		return;
	unlist(port);
	IONotificationPortSetDispatchQueue(port, NULL);
	pthread_mutex_lock(&port->lock);
	for (struct notify_watch *watch = port->watches; watch; watch = watch->next)
		watch->id = 0;
	port->watches = NULL;
	port->epoll_fd = close_fd(port->epoll_fd);
	pthread_mutex_unlock(&port->lock);
	OSObject_release(port);
}

mach_port_t IONotificationPortGetMachPort(IONotificationPortRef port)
{
	return port ? port->epoll_fd : MACH_PORT_NULL;
}

mach_port_t IONotificationPortGetRunLoopSource(IONotificationPortRef port)
{
	return IONotificationPortGetMachPort(port);
}

kern_return_t IONotificationPortSetImportanceReceiver(IONotificationPortRef port)
{
	return port ? kIOReturnUnsupported : kIOReturnBadArgument;
}

/* A receive port: a port that is a handle. */

struct receive_port {
	struct handle handle;
	IONotificationPortRef port;	/* owned */
};

static void receive_port_free(struct handle *handle)
{
	struct receive_port *receive = (struct receive_port *)handle;

	IONotificationPortDestroy(receive->port);
	handle->fd = -1;
}

kern_return_t IOCreateReceivePort(uint32_t msgType, mach_port_t *ret)
{
	struct receive_port *receive;
	IONotificationPortRef port;

	if (!ret || (msgType != kOSNotificationMessageID && msgType != kOSAsyncCompleteMessageID))
		return kIOReturnBadArgument;
	port = port_new(NULL);
	if (!port)
		return kIOReturnNoResources;
	receive = handle_new(sizeof(*receive), HANDLE_PORT, port->epoll_fd);
	if (!receive) {
		port->epoll_fd = -1;
		IONotificationPortDestroy(port);
		return kIOReturnNoMemory;
	}
	receive->port = port;
	receive->handle.free = receive_port_free;
	*ret = handle_publish(&receive->handle);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}
