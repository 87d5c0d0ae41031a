/* SPDX-License-Identifier: MIT */
/*
 * driver_memory - memory of a service, and what of it its clients are given
 *
 * fsd gives a client what the service has under a name: a buffer, or a queue. So a descriptor is
 * worth as much as the name that belongs to it: a buffer's is known, a queue's is found by its
 * file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "driver_client.h"
#include "memory_descriptor.h"
#include "mount.h"

void service_memory_free(IOService *service)
{
	struct binding **lists[] = { &service->memory, &service->ports };

	for (size_t i = 0; i < 2; i++) {
		while (*lists[i]) {
			struct binding *binding = *lists[i];

			*lists[i] = binding->next;
			free(binding->target);
			free(binding);
		}
	}
	while (service->buffers) {
		struct service_memory *memory = service->buffers;

		service->buffers = memory->next;
		free(memory->target);
		OSObject_release(memory->descriptor);
		free(memory);
	}
}

/* @descriptor is borrowed; NULL for a queue. Return: 0 or -ENOMEM. */
static int remember(IOService *service, const char *target, IOMemoryDescriptor *descriptor)
{
	struct service_memory *memory = malloc(sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	*memory = (struct service_memory){ .next = service->buffers, .target = strdup(target),
					   .descriptor = descriptor };
	if (!memory->target) {
		free(memory);
		return -ENOMEM;
	}
	OSObject_retain(descriptor);
	service->buffers = memory;
	return 0;
}

static bool is_name(const char *name)
{
	return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* Return: a descriptor of @length bytes, or a negative errno. */
static int open_buffer(const char *path, off_t length)
{
	_cleanup_(closep) int fd = file_open(AT_FDCWD, path, O_RDWR);
	struct stat st;

	if (fd == -ENOENT) {
		int made = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		fd = made < 0 ? -errno : made;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || (st.st_size != length && ftruncate(fd, length) < 0))
		return -errno;
	return steal_fd(&fd);
}

IOReturn IOService_createBuffer(IOService *service, const char *name, IOByteCount length,
				IOMemoryDescriptor **descriptor)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	IOMemoryDescriptor *made;

	if (!service || !service->directory || !is_name(name) || length == 0 ||
	    length > INT64_MAX || !descriptor)
		return kIOReturnBadArgument;
	path = text_print("%s/buf/%s", service->directory, name);
	if (!path)
		return kIOReturnNoMemory;
	fd = open_buffer(path, (off_t)length);
	if (fd < 0)
		return service_result(service, fd);
	made = memory_descriptor_new(fd, length);
	if (!made || remember(service, name, made) < 0) {
		OSObject_release(made);
		return kIOReturnNoMemory;
	}
	*descriptor = made;
	return kIOReturnSuccess;
}

IOReturn IOService_publishDataQueue(IOService *service, IODataQueue *queue, const char *name)
{
	_cleanup_(freep) char *target = NULL, *directory = NULL;
	IOReturn result;

	if (!service || !service->directory || !is_name(name))
		return kIOReturnBadArgument;
	directory = service_path(service, "queues");
	target = text_print("queues/%s/data", name);
	if (!directory || !target)
		return kIOReturnNoMemory;
	result = IODataQueue_publish(queue, directory, name);
	/* Without memory it is published all the same, and only cannot be handed out. */
	if (result == kIOReturnSuccess)
		remember(service, target, NULL);
	return result;
}

static IOReturn bind(IOService *service, struct binding **list, const struct binding *binding)
{
	struct binding *added;

	if (!binding->target || !*binding->target || service->is_registered)
		return kIOReturnBadArgument;
	added = malloc(sizeof(*added));
	if (!added)
		return kIOReturnNoMemory;
	*added = *binding;
	added->target = strdup(binding->target);
	if (!added->target) {
		free(added);
		return kIOReturnNoMemory;
	}
	added->next = *list;
	*list = added;
	return kIOReturnSuccess;
}

IOReturn IOService_bindMemory(IOService *service, UInt32 type, const char *target,
			      IOOptionBits options)
{
	struct binding binding = { .type = type, .target = (char *)(uintptr_t)target,
				   .read_only = options & kIOMapReadOnly };

	return service ? bind(service, &service->memory, &binding) : kIOReturnBadArgument;
}

IOReturn IOService_bindPort(IOService *service, UInt32 type, const char *target)
{
	struct binding binding = { .type = type, .target = (char *)(uintptr_t)target };

	return service ? bind(service, &service->ports, &binding) : kIOReturnBadArgument;
}

/* The memory file that has this name is the one that the descriptor shows. */
static bool is_file(const IOService *service, const char *target, const struct stat *wanted)
{
	_cleanup_(freep) char *path = service_path(service, target);
	struct stat st;

	return path && stat(path, &st) == 0 && st.st_dev == wanted->st_dev &&
	       st.st_ino == wanted->st_ino;
}

/* What @memory shows, as a target of `methods`; NULL: nothing that is the service's. */
static const char *target_of(const IOService *service, IOMemoryDescriptor *memory)
{
	const struct service_memory *known;
	struct stat st;

	for (known = service->buffers; known; known = known->next)
		if (known->descriptor && known->descriptor == memory)
			return known->target;
	if (fstat(IOMemoryDescriptor_getDescriptor(memory), &st) < 0)
		return NULL;
	for (known = service->buffers; known; known = known->next)
		if (!known->descriptor && is_file(service, known->target, &st))
			return known->target;
	return NULL;
}

/* --- what a client was given */

static void free_handed(struct handed **link)
{
	struct handed *handed = *link;

	*link = handed->next;
	OSObject_release(handed->memory);
	free(handed);
}

void client_free_handed(IOUserClient *client)
{
	while (client->handed)
		free_handed(&client->handed);
}

/* @memory, a reference that this takes over, is what type @type is. */
static void hand_out(IOUserClient *client, UInt32 type, IOMemoryDescriptor *memory)
{
	struct handed **link = &client->handed;
	struct handed *handed = malloc(sizeof(*handed));

	while (*link && (*link)->type != type)
		link = &(*link)->next;
	if (*link)
		free_handed(link);
	if (!handed) {		/* then it can only not be taken back */
		OSObject_release(memory);
		return;
	}
	*handed = (struct handed){ .next = client->handed, .type = type, .memory = memory };
	client->handed = handed;
}

/* Ask the driver, in the one way or the other. */
static IOReturn ask(IOUserClient *client, UInt32 type, IOMemoryDescriptor **memory,
		    bool *ret_read_only)
{
	uint64_t bits = 0;
	IOOptionBits options = 0;
	IOReturn result;

	if (CLIENT_OVERRIDES(client, CopyClientMemoryForType)) {
		result = client->client_class->methods->CopyClientMemoryForType(client, type, &bits,
										memory);
		*ret_read_only = bits & kIOUserClientMemoryReadOnly;
	} else {
		result = CLIENT_CALL(client, clientMemoryForType)(client, type, &options, memory);
		*ret_read_only = options & kIOMapReadOnly;
	}
	return result;
}

IOReturn client_memory(IOUserClient *client, UInt32 type, const char **ret_target,
		       bool *ret_read_only)
{
	IOMemoryDescriptor *memory = NULL;
	IOReturn result = ask(client, type, &memory, ret_read_only);

	if (result != kIOReturnSuccess)
		return result;
	*ret_target = memory ? target_of(client->service, memory) : NULL;
	if (!*ret_target) {
		OSObject_release(memory);
		return memory ? kIOReturnNotFound : kIOReturnError;
	}
	hand_out(client, type, memory);
	return kIOReturnSuccess;
}

IOMemoryDescriptor *IOUserClient_removeMappingForDescriptor(IOUserClient *client,
							    IOMemoryDescriptor *memory)
{
	struct handed **link = client ? &client->handed : NULL;

	while (link && *link && (*link)->memory != memory)
		link = &(*link)->next;
	if (!link || !*link)
		return NULL;
	OSObject_retain(memory);
	free_handed(link);
	return memory;
}

IOReturn IOUserClient_exportObjectToClient(IOUserClient *client, task_t task, void *object,
					   uint64_t *clientObject)
{
	const IOService *service = OSObject_metaCast(object, "IOService");

	(void)client;
	(void)task;
	if (clientObject)
		*clientObject = IOService_getRegistryEntryID(service);
	OSObject_release(object);
	return kIOReturnSuccess;
}
