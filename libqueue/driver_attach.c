/* SPDX-License-Identifier: MIT */
/*
 * driver_attach - a service finds its place: a directory below its provider's
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "driver_service.h"
#include "mount.h"

/* What a path cannot say as it is, is said as %XX. */
static bool is_plain(const char *name, const char *c)
{
	return *c != '/' && *c != '%' && (unsigned char)*c >= 0x20 && *c != 0x7f &&
	       (*c != '.' || c != name);
}

static char *put_escaped(char *out, const char *name)
{
	for (const char *c = name; *c; c++)
		out += sprintf(out, is_plain(name, c) ? "%c" : "%%%02X", (unsigned char)*c);
	return out;
}

/* "DIRECTORY/name@location", the caller's; NULL: no memory. */
static char *make_path(const IOService *service, const char *directory)
{
	size_t n_name = strlen(service->name) + strlen(service->location);
	char *path = malloc(strlen(directory) + 3 * n_name + sizeof("/@"));
	char *out;

	if (!path)
		return NULL;
	out = path + sprintf(path, "%s/", directory);
	out = put_escaped(out, service->name);
	if (*service->location) {
		*out++ = '@';
		out = put_escaped(out, service->location);
	}
	*out = '\0';
	return path;
}

static const char base_name[] = "IOService";

/* One that persisted has its class, and mostly is registered. */
static int become(IOService *service, bool is_new)
{
	const char *lineage = service->service_class->className;
	_cleanup_(freep) char *state = NULL;
	int r = service_read(service, "state", &state);

	if (r < 0)
		return r;
	service->is_registered = strncmp(state, "registered", strlen("registered")) == 0;
	if (!is_new || !lineage || strcmp(lineage, base_name) == 0)
		return 0;
	return service_write(service, "class", lineage);
}

/* Return: 0 or a negative errno; it is attached or as it was. */
static int attach_at(IOService *service, char *path)
{
	bool is_new = mkdir(path, 0777) == 0;
	int r;

	if (!is_new && errno != EEXIST)
		return -errno;
	service->directory = path;
	r = become(service, is_new);
	if (r < 0) {
		service->directory = NULL;
		if (is_new)
			rmdir(path);
	}
	return r;
}

IOReturn IOService_attachAt(IOService *service, const char *directory)
{
	_cleanup_(freep) char *absolute = NULL, *path = NULL;
	IOReturn result;
	int r;

	if (!service || !directory || service->directory || !*service->name)
		return kIOReturnBadArgument;
	absolute = realpath(directory, NULL);
	if (!absolute)
		return IOReturnFromErrno(errno);
	path = make_path(service, absolute);
	service->mount = mount_of_directory(absolute);
	if (!path || !service->mount)
		return path ? kIOReturnUnsupported : kIOReturnNoMemory;

	r = attach_at(service, path);
	if (r == 0) {
		path = NULL;
		return kIOReturnSuccess;
	}
	result = service_result(service, r);
	free(service->mount);
	service->mount = NULL;
	return result;
}

bool IOService_attach(IOService *service, IOService *provider)
{
	if (!service || !provider || !provider->directory ||
	    IOService_attachAt(service, provider->directory) != kIOReturnSuccess)
		return false;
	OSObject_retain(provider);
	service->provider = provider;
	return true;
}
