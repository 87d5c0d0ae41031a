/* SPDX-License-Identifier: MIT */
/*
 * driver_service - a driver's service: its object, and its files
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "cleanup.h"
#include "driver_client.h"
#include "driver_service.h"
#include "mount.h"

static void service_free(void *object)
{
	IOService *service = object;

	if (service->queue)
		dispatch_watch_end(service->queue, &service->watch);
	service_drop_connections(service);
	OSObject_release(service->owner);
	if (service->service_class->methods && service->service_class->methods->free)
		service->service_class->methods->free(service);
	session_close(&service->session);
	session_deinit(&service->session);
	service_memory_free(service);
	close_fd(service->epoll_fd);
	close_fd(service->timer_fd);
	OSObject_release(service->queue);
	OSObject_release(service->call_queue);
	OSObject_release(service->provider);
	free(service->class_name);
	free(service->name);
	free(service->location);
	free(service->directory);
	free(service->mount);
	free(service->reference);
}

static const OSMetaClass service_base = {
	.name = "IOService",
	.size = sizeof(IOService),
	.free = service_free,
};

/* The first name of "Class:Base". */
static char *first_name(const char *lineage)
{
	return strndup(lineage, strcspn(lineage, ":"));
}

/* One of the two descriptors tells: requests, or that it is time to look for fsd. */
static int open_loop(IOService *service)
{
	struct epoll_event event = { .events = EPOLLIN };

	service->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	service->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (service->epoll_fd < 0 || service->timer_fd < 0)
		return -errno;
	if (epoll_ctl(service->epoll_fd, EPOLL_CTL_ADD, service->timer_fd, &event) < 0)
		return -errno;
	return 0;
}

static bool service_init(IOService *service)
{
	const struct IOServiceClass *class = service->service_class;
	const char *lineage = class->className ? class->className : service_base.name;

	service->class_name = first_name(lineage);
	service->name = first_name(lineage);
	service->location = strdup("");
	service->reference = class->referenceSize ? calloc(1, class->referenceSize) : NULL;
	if (!service->class_name || !service->name || !service->location ||
	    (class->referenceSize && !service->reference))
		return false;
	service->meta = service_base;
	if (strcmp(service->class_name, service_base.name) != 0)
		service->meta.super = &service_base;
	service->meta.name = service->class_name;
	service->object.meta = &service->meta;
	return open_loop(service) == 0;
}

IOService *IOService_withClass(const struct IOServiceClass *serviceClass)
{
	IOService *service = serviceClass ? object_new(&service_base) : NULL;

	if (!service)
		return NULL;
	service->service_class = serviceClass;
	service->epoll_fd = -1;
	service->timer_fd = -1;
	session_init(&service->session);
	if (!service_init(service))
		OSSafeReleaseNULL(service);
	return service;
}

void *IOService_getReference(const IOService *service)
{
	return service ? service->reference : NULL;
}

static bool set_text(IOService *service, char **where, const char *text)
{
	char *copy = service && text && !service->directory ? strdup(text) : NULL;

	if (!copy)
		return false;
	free(*where);
	*where = copy;
	return true;
}

bool IOService_setName(IOService *service, const char *name)
{
	return set_text(service, service ? &service->name : NULL, name);
}

bool IOService_setLocation(IOService *service, const char *location)
{
	return set_text(service, service ? &service->location : NULL, location);
}

const char *IOService_getName(const IOService *service)
{
	return service ? service->name : "";
}

const char *IOService_getLocation(const IOService *service)
{
	return service ? service->location : "";
}

IOService *IOService_getProvider(const IOService *service)
{
	return service ? service->provider : NULL;
}

const char *IOService_getDirectory(const IOService *service)
{
	return service ? service->directory : NULL;
}

/* --- its files */

char *service_path(const IOService *service, const char *file)
{
	return service->directory ? text_print("%s/%s", service->directory, file) : NULL;
}

int service_write(IOService *service, const char *file, const char *text)
{
	_cleanup_(freep) char *path = service_path(service, file);

	return path ? file_write(AT_FDCWD, path, text, strlen(text)) : -ENOMEM;
}

int service_read(const IOService *service, const char *file, char **ret)
{
	_cleanup_(freep) char *path = service_path(service, file);

	return path ? file_read_line(AT_FDCWD, path, ret) : -ENOMEM;
}

IOReturn service_result(const IOService *service, int r)
{
	IOReturn result = mount_result(service->mount, r);

	if (r < 0)
		errno = -r;
	return result == MACH_SEND_INVALID_DEST ? kIOReturnNotAttached : result;
}
