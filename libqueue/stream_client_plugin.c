/* SPDX-License-Identifier: MIT */
/*
 * stream_client_plugin - a stream's interface by its entry in the registry
 *
 * The entry of the stream "cam" is $M/IOService/Bus/cam, and its directory is
 * $M/IOService/Bus/streams/cam.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOCFPlugIn.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"
#include "stream_client.h"

const CFUUIDBytes kIOStreamLibTypeIDBytes = {
	0x57, 0xc8, 0x94, 0x38, 0xa0, 0xa2, 0x4a, 0xfc,
	0x9f, 0xf2, 0xde, 0x64, 0xc0, 0x2f, 0x81, 0x5c,
};

static bool is_type(CFUUIDRef one, CFUUIDRef other)
{
	return memcmp(one, other, sizeof(*one)) == 0;
}

/* Why it is none: another class, or one that cannot be asked. */
static IOReturn refuse(struct handle *entry)
{
	_cleanup_(closep) int fd = registry_file(entry, "class", O_RDONLY);

	return fd < 0 ? mount_result(entry->mount, fd) : kIOReturnUnsupported;
}

/* The directory of the stream whose entry it is, the caller's; NULL: no memory. */
static char *stream_directory(const struct handle *entry)
{
	const char *name = strrchr(entry->path, '/');

	return name ? text_print("%s/%.*s/streams%s", entry->mount, (int)(name - entry->path),
				 entry->path, name) : NULL;
}

static IOReturn make_plugin(struct handle *entry, IOCFPlugInInterface ***ret)
{
	_cleanup_(freep) char *directory = stream_directory(entry);
	struct stream_client *client;
	IOReturn result;

	if (!directory)
		return kIOReturnNoMemory;
	result = stream_client_new(directory, entry->mount, &client);
	if (result == kIOReturnSuccess)
		*ret = &client->plugin;
	return result;
}

kern_return_t IOCreatePlugInInterfaceForService(io_service_t service, CFUUIDRef pluginType,
						CFUUIDRef interfaceType,
						IOCFPlugInInterface ***theInterface,
						SInt32 *theScore)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(service, HANDLE_ENTRY);
	IOReturn result;

	if (!entry || !pluginType || !interfaceType || !theInterface)
		return kIOReturnBadArgument;
	if (!is_type(pluginType, kIOStreamLibTypeID))
		return kIOReturnUnsupported;
	if (!IOObjectConformsTo(service, "IOStream"))
		return refuse(entry);
	if (!is_type(interfaceType, kIOCFPlugInInterfaceID) &&
	    !is_type(interfaceType, IUnknownUUID))
		return kIOReturnNoResources;
	result = make_plugin(entry, theInterface);
	if (result == kIOReturnSuccess && theScore)
		*theScore = 0;
	return result;
}

kern_return_t IODestroyPlugInInterface(IOCFPlugInInterface **interface)
{
	if (!interface)
		return kIOReturnBadArgument;
	(*interface)->Release(interface);
	return kIOReturnSuccess;
}
