/* SPDX-License-Identifier: MIT */
/*
 * driver_loop - a service is served: by whoever calls, or on a dispatch queue
 *
 * The service's descriptor is an epoll instance with the session in it, and a timer. When fsd is
 * gone, the timer has us look for it: the session is opened again by path. When a mount is there
 * again without the service, it is terminated.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "driver_client.h"
#include "driver_requests.h"
#include "mount.h"

#define LOOK_MS		100	/* for fsd, while it is gone */
#define N_AT_ONCE	64	/* requests, before others of the program's loop have their turn */

static void set_timer(IOService *service, long ms)
{
	struct timespec each = { .tv_nsec = ms * 1000000L };
	struct itimerspec timer = { .it_interval = each, .it_value = each };

	timerfd_settime(service->timer_fd, 0, &timer, NULL);
}

int service_connect(IOService *service)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r = session_open(&service->session, service->directory);

	if (r < 0)
		return r;
	if (epoll_ctl(service->epoll_fd, EPOLL_CTL_ADD, service->session.fd, &event) < 0) {
		r = -errno;
		session_close(&service->session);
		return r;
	}
	set_timer(service, 0);
	return 0;
}

static void disconnect(IOService *service)
{
	if (service->session.fd >= 0)
		epoll_ctl(service->epoll_fd, EPOLL_CTL_DEL, service->session.fd, NULL);
	session_close(&service->session);
}

/* Terminated: its clients are stopped, then it is. */
static void end(IOService *service)
{
	service->is_ended = true;
	disconnect(service);
	set_timer(service, 0);
	service->depth++;
	service_drop_connections(service);
	service->depth--;
	if (service->service_class->methods && service->service_class->methods->stop)
		service->service_class->methods->stop(service, service->provider);
	if (service->queue)
		dispatch_watch_end(service->queue, &service->watch);
}

/* fsd is gone, and with it who was connected. */
static void lose(IOService *service)
{
	disconnect(service);
	service_lose_connections(service);
	set_timer(service, LOOK_MS);
}

static void look_for_fsd(IOService *service)
{
	uint64_t n;

	if (read(service->timer_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return;
	if (service_connect(service) == -ENOENT && mount_is_there(service->mount))
		end(service);
}

static void answer(IOService *service, const json_t *request)
{
	json_auto_t *answer = driver_serve(service, request);

	/* Where that fails, fsd, or the client, is gone. */
	if (answer)
		session_write(&service->session, answer);
}

/* Return: whether there may be more. */
static bool serve_one(IOService *service)
{
	json_auto_t *request = NULL;
	int r = session_read(&service->session, &request);

	if (r == 1)
		answer(service, request);
	else if (r == 0)
		service_drained(service);
	else if (r == -ENODATA)
		end(service);
	else if (r < 0)
		lose(service);
	return r == 1;
}

/* @waits: all that come, until it is terminated or lost. */
static IOReturn serve_some(IOService *service, bool waits)
{
	if (!service->is_served)
		return kIOReturnNotReady;
	if (service->depth > 0)
		return kIOReturnBusy;
	if (!service->is_ended && service->session.fd < 0)
		look_for_fsd(service);
	for (int n = 0; waits || n < N_AT_ONCE || session_has_line(&service->session); n++) {
		/* Each time: what is called may have had us serve without waiting. */
		session_set_waits(&service->session, waits && !service_must_drain(service));
		if (service->is_ended || service->session.fd < 0 || !serve_one(service))
			break;
	}
	if (service->is_ended)
		return kIOReturnNotAttached;
	return service->session.fd < 0 ? kIOReturnNotReady : kIOReturnSuccess;
}

IOReturn IOService_dispatch(IOService *service)
{
	IOReturn result;

	if (!service)
		return kIOReturnNotReady;
	OSObject_retain(service);	/* what is called may release it */
	result = serve_some(service, false);
	OSObject_release(service);
	return result;
}

int IOService_getDescriptor(const IOService *service)
{
	return service ? service->epoll_fd : -1;
}

IOReturn IOService_run(IOService *service)
{
	struct pollfd ready = { .fd = IOService_getDescriptor(service), .events = POLLIN };
	IOReturn result;

	if (!service || !service->is_served)
		return kIOReturnNotReady;
	if (service->queue)
		return kIOReturnBusy;
	OSObject_retain(service);
	/* Nothing else is waited for while there is a session, so a read is all it takes. */
	while ((result = serve_some(service, true)) != kIOReturnNotAttached)
		poll(&ready, 1, -1);
	OSObject_release(service);
	return result;
}

/* --- on a dispatch queue */

static void ready(void *object)
{
	IOService *service = object;

	if (IOService_dispatch(service) != kIOReturnNotAttached)
		dispatch_watch_enable(service->queue, &service->watch);
}

kern_return_t IOService_SetDispatchQueue(IOService *service, const char *name,
					 IODispatchQueue *queue)
{
	bool is_default = name && strcmp(name, kIOServiceDefaultQueueName) == 0;

	if (!service || !queue || !name ||
	    (!is_default && strcmp(name, IOUserClientQueueNameExternalMethod) != 0))
		return kIOReturnBadArgument;
	if (!service->is_served)
		return kIOReturnNotReady;
	if (is_default)
		return dispatch_watch_serve(queue, &service->queue, &service->watch,
					    service->epoll_fd, service, ready);
	if (service->call_queue)
		return kIOReturnBusy;
	OSObject_retain(queue);
	service->call_queue = queue;
	return kIOReturnSuccess;
}
