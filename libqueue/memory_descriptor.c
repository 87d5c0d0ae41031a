/* SPDX-License-Identifier: MIT */
/*
 * memory_descriptor - a piece of memory that can be handed to somebody
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include <IOKit/IOBufferMemoryDescriptor.h>

#include "atomic.h"
#include "cleanup.h"
#include "memory_descriptor.h"
#include "object.h"

struct IOMemoryDescriptor {
	OSObject object;
	int fd;			/* owned */
	IOByteCount length;
	void *bytes;		/* mapped when somebody asks; NULL: not yet */
};

static void memory_descriptor_free(void *object)
{
	IOMemoryDescriptor *descriptor = object;

	if (descriptor->bytes)
		munmap(descriptor->bytes, descriptor->length);
	close_fd(descriptor->fd);
}

static const OSMetaClass memory_descriptor_class = {
	.name = "IOMemoryDescriptor",
	.size = sizeof(IOMemoryDescriptor),
	.free = memory_descriptor_free,
};

static const OSMetaClass buffer_memory_class = {
	.name = "IOBufferMemoryDescriptor",
	.super = &memory_descriptor_class,
	.size = sizeof(IOMemoryDescriptor),
	.free = memory_descriptor_free,
};

/* *@fd is the object's afterwards. */
static IOMemoryDescriptor *new_of_class(const OSMetaClass *meta, int *fd, IOByteCount length)
{
	IOMemoryDescriptor *descriptor = object_new(meta);

	if (!descriptor)
		return NULL;
	descriptor->fd = steal_fd(fd);
	descriptor->length = length;
	return descriptor;
}

IOMemoryDescriptor *memory_descriptor_new(int fd, IOByteCount length)
{
	_cleanup_(closep) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? NULL : new_of_class(&memory_descriptor_class, &copy, length);
}

IOMemoryDescriptor *IOBufferMemoryDescriptor_withCapacity(IOByteCount capacity)
{
	_cleanup_(closep) int fd = -1;

	if (capacity == 0 || capacity > INT64_MAX)
		return NULL;
	fd = memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)capacity) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return NULL;
	return new_of_class(&buffer_memory_class, &fd, capacity);
}

/* A file that may only be read is mapped so. */
static void *map(const IOMemoryDescriptor *descriptor)
{
	void *bytes = mmap(NULL, descriptor->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			   descriptor->fd, 0);

	if (bytes == MAP_FAILED && (errno == EACCES || errno == EPERM))
		bytes = mmap(NULL, descriptor->length, PROT_READ, MAP_SHARED, descriptor->fd, 0);
	return bytes == MAP_FAILED ? NULL : bytes;
}

void *IOBufferMemoryDescriptor_getBytesNoCopy(IOMemoryDescriptor *descriptor)
{
	void *bytes, *others = NULL;

	if (!descriptor)
		return NULL;
	bytes = load_acquire(&descriptor->bytes);
	if (bytes)
		return bytes;
	bytes = map(descriptor);
	/* Of two threads at once, one's is everybody's. */
	if (!bytes || __atomic_compare_exchange_n(&descriptor->bytes, &others, bytes, false,
						  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return bytes;
	munmap(bytes, descriptor->length);
	return others;
}

IOMemoryDescriptor *memory_descriptor_of_queue(const char *directory)
{
	_cleanup_(freep) char *path = text_print("%s/data", directory);
	_cleanup_(closep) int fd = -1;
	off_t length;

	if (!path)
		return NULL;
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
