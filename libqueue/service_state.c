/* SPDX-License-Identifier: MIT */
/*
 * service_state - how a service stands, waiting until it is quiet, and what one may ask of it
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

#define NS_PER_S	1000000000

/* What @file says, of the service or, with NULL, of the mount. */
static IOReturn number_of(struct handle *service, const char *mount, const char *file,
			  uint64_t *ret)
{
	_cleanup_(closep) int fd = service ? registry_file(service, file, O_RDONLY) :
					     mount_open(mount, file, O_RDONLY);
	_cleanup_(freep) char *text = NULL;
	int r = fd < 0 ? fd : value_read(fd, &text, NULL);

	if (r < 0)
		return mount_result(mount, r);
	*ret = strtoull(text, NULL, 10);
	return kIOReturnSuccess;
}

static IOReturn busy_of(struct handle *service, const char *mount, uint32_t *ret)
{
	uint64_t busy = 0;
	IOReturn result = number_of(service, mount, "busy", &busy);

	*ret = (uint32_t)busy;
	return result;
}

kern_return_t IOServiceGetBusyState(io_service_t object, uint32_t *ret)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);

	if (ret)
		*ret = 0;
	return service && ret ? busy_of(service, service->mount, ret) : kIOReturnBadArgument;
}

kern_return_t IOKitGetBusyState(mach_port_t mainPort, uint32_t *ret)
{
	_cleanup_(freep) char *mount = NULL;
	IOReturn result;

	if (!ret)
		return kIOReturnBadArgument;
	*ret = 0;
	result = mount_of_port(mainPort, &mount);
	return result == kIOReturnSuccess ? busy_of(NULL, mount, ret) : result;
}

/* "!registered !matched active" */
static uint64_t parse_state(const char *text)
{
	uint64_t state = 0;

	if (strstr(text, "inactive"))
		return kIOServiceInactiveState;
	if (!strstr(text, "!registered"))
		state |= kIOServiceRegisteredState | kIOServiceFirstPublishState;
	if (!strstr(text, "!matched"))
		state |= kIOServiceMatchedState | kIOServiceFirstMatchState;
	return state;
}

static IOReturn state_of(struct handle *service, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r = registry_read(service, "state", &text, NULL);

	if (r == -ENOENT) {
		*ret = kIOServiceInactiveState;
		return kIOReturnSuccess;
	}
	if (r == 0)
		*ret = parse_state(text);
	return mount_result(service->mount, r);
}

kern_return_t IOServiceGetState(io_service_t object, uint64_t *ret)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);

	if (ret)
		*ret = 0;
	return service && ret ? state_of(service, ret) : kIOReturnBadArgument;
}

kern_return_t IOServiceGetBusyStateAndTime(io_service_t object, uint64_t *state,
					   uint32_t *busyState, uint64_t *accumulatedBusyTime)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	uint64_t state_now = 0, time = 0;
	uint32_t busy = 0;
	IOReturn result = service ? state_of(service, &state_now) : kIOReturnBadArgument;

	/* One that is gone is not busy, and what it was is gone as well. */
	if (result == kIOReturnSuccess && !(state_now & kIOServiceInactiveState)) {
		result = busy_of(service, service->mount, &busy);
		if (result == kIOReturnSuccess && accumulatedBusyTime)
			result = number_of(service, service->mount, "busy_time", &time);
	}
	if (state)
		*state = result == kIOReturnSuccess ? state_now : 0;
	if (busyState)
		*busyState = result == kIOReturnSuccess ? busy : 0;
	if (accumulatedBusyTime)
		*accumulatedBusyTime = time;
	return result;
}

/* Waiting */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Until @fd is readable, or @deadline (INT64_MAX: never). Return: 0, -ETIMEDOUT, or an errno. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int64_t left = deadline - now_ns();
	struct timespec limit;
	int n;

	if (left < 0)
		left = 0;
	limit = (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	n = ppoll(&poll_fd, 1, deadline == INT64_MAX ? NULL : &limit, NULL);
	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* `quiet` can be read once it is. */
static int wait_quiet(int fd, int64_t deadline)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	do {
		r = stream_read(fd, &text, NULL);
		if (r == -EAGAIN)
			r = wait_readable(fd, deadline) < 0 ? -ETIMEDOUT : -EAGAIN;
	} while (r == -EAGAIN);
	return r;
}

static IOReturn quiet(int fd, const char *mount, const mach_timespec_t *limit)
{
	int64_t deadline = INT64_MAX;
	int r;

	if (fd < 0)
		return mount_result(mount, fd);
	if (limit)
		deadline = now_ns() + (int64_t)limit->tv_sec * NS_PER_S + limit->tv_nsec;
	r = wait_quiet(fd, deadline);
	return r == -ETIMEDOUT ? kIOReturnTimeout : mount_result(mount, r);
}

static bool is_time(const mach_timespec_t *limit)
{
	return !limit || (limit->tv_nsec >= 0 && limit->tv_nsec < NS_PER_S);
}

kern_return_t IOServiceWaitQuiet(io_service_t object, mach_timespec_t *waitTime)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	_cleanup_(closep) int fd = -1;
	uint32_t busy;

	if (!service || !is_time(waitTime))
		return kIOReturnBadArgument;
	if (entry_is_client(service))	/* it is never busy, and has no file to wait for that */
		return busy_of(service, service->mount, &busy);
	fd = registry_file(service, "quiet", O_RDONLY | O_NONBLOCK);
	return quiet(fd, service->mount, waitTime);
}

kern_return_t IOKitWaitQuiet(mach_port_t mainPort, mach_timespec_t *waitTime)
{
	_cleanup_(freep) char *mount = NULL;
	_cleanup_(closep) int fd = -1;
	IOReturn result;

	if (!is_time(waitTime))
		return kIOReturnBadArgument;
	result = mount_of_port(mainPort, &mount);
	if (result != kIOReturnSuccess)
		return result;
	fd = mount_open(mount, "quiet", O_RDONLY | O_NONBLOCK);
	return quiet(fd, mount, waitTime);
}

/* Asking it for something */

kern_return_t IOServiceRequestProbe(io_service_t object, uint32_t options)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	char line[sizeof("probe 4294967295\n")];
	int n;

	if (!service)
		return kIOReturnBadArgument;
	if (entry_is_client(service))
		return kIOReturnUnsupported;
	n = snprintf(line, sizeof(line), "probe %u\n", options);
	return mount_result(service->mount, registry_write(service, "ctl", line, (size_t)n));
}

kern_return_t IOServiceAuthorize(io_service_t object, uint32_t options)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	_cleanup_(closep) int directory = -1;

	(void)options;
	if (!service || service->kind != HANDLE_ENTRY)
		return kIOReturnBadArgument;
	directory = registry_file(service, ".", O_PATH | O_DIRECTORY);
	return faccessat(directory, "clone", R_OK | W_OK, AT_EACCESS) == 0 ?
		kIOReturnSuccess : kIOReturnNotPermitted;
}

int IOServiceOpenAsFileDescriptor(io_service_t object, int oflag)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	int fd = service && service->kind == HANDLE_ENTRY ?
		registry_file(service, "clone", oflag & (O_ACCMODE | O_NONBLOCK)) : -EINVAL;

	if (fd < 0)
		errno = -fd;
	return fd < 0 ? -1 : fd;
}
