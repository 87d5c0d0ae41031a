/* SPDX-License-Identifier: MIT */
/*
 * memory_descriptor - a piece of memory that can be handed to somebody
 */
#include <fcntl.h>
#include <stdio.h>

#include "cleanup.h"
#include "memory_descriptor.h"
#include "object.h"

struct IOMemoryDescriptor {
	OSObject object;
	int fd;			/* owned */
	IOByteCount length;
};

static void memory_descriptor_free(void *object)
{
	IOMemoryDescriptor *descriptor = object;

	close_fd(descriptor->fd);
}

static const OSMetaClass memory_descriptor_class = {
	.name = "IOMemoryDescriptor",
	.size = sizeof(IOMemoryDescriptor),
	.free = memory_descriptor_free,
};

IOMemoryDescriptor *memory_descriptor_new(int fd, IOByteCount length)
{
	_cleanup_(closep) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	IOMemoryDescriptor *descriptor;

	if (copy < 0)
		return NULL;
	descriptor = object_new(&memory_descriptor_class);
	if (!descriptor)
		return NULL;

	descriptor->fd = steal_fd(&copy);
	descriptor->length = length;
	return descriptor;
}

IOMemoryDescriptor *memory_descriptor_of_queue(const char *directory)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	off_t length;

	if (asprintf(&path, "%s/data", directory) < 0) {
		path = NULL;
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = lseek(fd, 0, SEEK_END);
	return length < 0 ? NULL : memory_descriptor_new(fd, (IOByteCount)length);
}

IOByteCount IOMemoryDescriptor_getLength(const IOMemoryDescriptor *descriptor)
{
	return descriptor ? descriptor->length : 0;
}

int IOMemoryDescriptor_getDescriptor(const IOMemoryDescriptor *descriptor)
{
	return descriptor ? descriptor->fd : -1;
}
