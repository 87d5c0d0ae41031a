/* SPDX-License-Identifier: MIT */
/*
 * connection_map - memory of the driver's in this process: maps, and queues, which are
 * attachments
 *
 * Memory that is a queue has the queue's directory under `queues`; any other is a file
 * under `mem`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "connection.h"
#include "json_text.h"
#include "mount.h"

struct connection_map {
	struct connection_map *next;
	uint32_t type;
	unsigned n_uses;		/* of a queue: it may be mapped again */
	uint64_t size;
	void *address;			/* of the map; NULL: a queue */
	IODataQueueMemory *queue;
	char *path;			/* owned: the queue's directory */
};

static void map_free(struct connection_map *map)
{
	if (map->address)
		munmap(map->address, map->size);
	IODataQueueClose(map->queue);
	free(map->path);
	free(map);
}

static void map_freep(struct connection_map **map)
{
	if (*map)
		map_free(*map);
}

static uint64_t map_address(const struct connection_map *map)
{
	return (uint64_t)(map->queue ? (uintptr_t)map->queue : (uintptr_t)map->address);
}

/* --- memory */

/* What the driver says of a type, where that is for us to keep to. */
enum said { SAID_NOTHING, SAID_READ_ONLY, SAID_WRITABLE };

/* In `methods`: {"memory":{"0":"ram","1":{"buf":"rom","ro":true}}} */
static enum said said_in(const json_t *methods, uint32_t type)
{
	json_t *memory = json_object_get(methods, "memory"), *value;
	const char *key;

	json_object_foreach(memory, key, value)
		if (strtoull(key, NULL, 0) == type)
			return json_is_true(json_object_get(value, "ro")) ?
				SAID_READ_ONLY : SAID_WRITABLE;
	return SAID_NOTHING;
}

/*
 * Where memory is linked: the link leads to a file that root and its owner may write, and
 * maybe nobody else, whatever the driver says of it.
 */
static enum said said_of_link(struct connection *connection, const char *file, uint32_t type)
{
	_cleanup_(freep) char *text = NULL;
	json_t *methods;
	enum said said;
	size_t size;
	char target;

	if (readlinkat(connection->directory, file, &target, 1) < 0 ||
	    file_read(connection->directory, "service/methods", &text, &size) < 0 ||
	    json_text_parse(text, size, &methods, NULL, 0) < 0)
		return SAID_NOTHING;
	said = said_in(methods, type);
	json_decref(methods);
	return said;
}

/* Return: a descriptor, and whether it may be mapped for writing; or a negative errno. */
static int open_memory(struct connection *connection, uint32_t type, bool *writable)
{
	enum said said;
	char file[32];
	int fd;

	snprintf(file, sizeof(file), "mem/%" PRIu32, type);
	said = said_of_link(connection, file, type);
	*writable = said != SAID_READ_ONLY;
	fd = file_open(connection->directory, file, *writable ? O_RDWR : O_RDONLY);
	if (fd != -EACCES || said != SAID_NOTHING)
		return fd;
	*writable = false;
	return file_open(connection->directory, file, O_RDONLY);
}

static int map_file(struct connection_map *map, int fd, bool writable, uint64_t at,
		    IOOptionBits options)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int flags = options & kIOMapAnywhere ? MAP_SHARED : MAP_SHARED | MAP_FIXED_NOREPLACE;
	void *wanted = options & kIOMapAnywhere ? NULL : (void *)(uintptr_t)at;
	struct stat stat;
	void *address;

	if (fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_size <= 0)
		return -EINVAL;
	address = mmap(wanted, (size_t)stat.st_size, protection, flags, fd, 0);
	if (address == MAP_FAILED)
		return -errno;
	map->address = address;
	map->size = (uint64_t)stat.st_size;
	/* A kernel that takes the address for a hint. */
	return wanted && address != wanted ? -EEXIST : 0;
}

static int map_memory(struct connection *connection, struct connection_map *map, uint64_t at,
		      IOOptionBits options)
{
	bool writable;
	_cleanup_(closep) int fd = open_memory(connection, map->type, &writable);

	return fd < 0 ? fd : map_file(map, fd, writable, at, options);
}

/* --- queues */

/* The directory of the queue that is @type, the caller's, or NULL: it is none. */
static char *queue_path(struct connection *connection, uint32_t type)
{
	_cleanup_(freep) char *link = connection_file(connection, "queues", type);

	return link ? realpath(link, NULL) : NULL;
}

/* The driver has one of the two roles. */
static int map_queue(struct connection_map *map)
{
	IODataQueueStatistics statistics;

	map->queue = IODataQueueOpen(map->path, kIODataQueueConsumer);
	if (!map->queue && errno == EBUSY)
		map->queue = IODataQueueOpen(map->path, kIODataQueueProducer);
	if (!map->queue)
		return -errno;
	IODataQueueGetStatistics(map->queue, &statistics);
	map->size = statistics.capacity;
	return 0;
}

/* With the lock. */
static struct connection_map *find_queue(struct connection *connection, const char *path)
{
	struct connection_map *map = connection->maps;

	while (map && !(map->path && strcmp(map->path, path) == 0))
		map = map->next;
	return map;
}

IODataQueueMemory *connection_queue(struct connection *connection, const char *path)
{
	struct connection_map *map = find_queue(connection, path);

	return map ? map->queue : NULL;
}

/* --- the list */

/* With the lock. */
static int add(struct connection *connection, struct connection_map *map)
{
	if (atomic_load(&connection->closed))
		return -ENODEV;
	map->n_uses = 1;
	map->next = connection->maps;
	connection->maps = map;
	atomic_fetch_add(&connection->n_maps, 1);
	return 0;
}

/* A queue has one attachment. With the lock, so that two threads make one. */
static int add_queue(struct connection *connection, struct connection_map *map,
		     struct connection_map **ret)
{
	struct connection_map *same = find_queue(connection, map->path);
	int r;

	if (same) {
		same->n_uses++;
		*ret = same;
		return 0;
	}
	r = map_queue(map);
	if (r == 0)
		r = add(connection, map);
	if (r < 0)
		return r;
	connection_ports_of_queue(connection, map->path, map->queue);
	*ret = map;
	return 0;
}

static int map_type(struct connection *connection, uint32_t type, uint64_t *at, uint64_t *size,
		    IOOptionBits options)
{
	_cleanup_(map_freep) struct connection_map *map = calloc(1, sizeof(*map));
	struct connection_map *made;
	int r = 0;

	if (!map)
		return -ENOMEM;
	map->type = type;
	map->path = queue_path(connection, type);
	if (!map->path)
		r = map_memory(connection, map, *at, options);
	if (r < 0)
		return r;

	with_lock(&connection->lock);
	made = map;
	r = map->path ? add_queue(connection, map, &made) : add(connection, map);
	if (r < 0)
		return r;
	*at = map_address(made);
	*size = made->size;
	if (made == map)
		map = NULL;
	return 0;
}

/* Take it out of the list, unless it is used still. With the lock. Return: it, or NULL. */
static struct connection_map *take(struct connection *connection, struct connection_map **link)
{
	struct connection_map *map = *link;

	if (--map->n_uses > 0)
		return NULL;
	*link = map->next;
	atomic_fetch_sub(&connection->n_maps, 1);
	return map;
}

/* Return: whether there was such a map. */
static bool unmap_type(struct connection *connection, uint32_t type, uint64_t at)
{
	_cleanup_(map_freep) struct connection_map *map = NULL;
	struct connection_map **link = &connection->maps;
	with_lock(&connection->lock);

	while (*link && ((*link)->type != type || map_address(*link) != at))
		link = &(*link)->next;
	if (!*link)
		return false;
	map = take(connection, link);
	return true;
}

/* What is not mapped: where the driver has no such memory, its code says so. */
static IOReturn not_mapped(struct connection *connection, uint32_t type)
{
	_cleanup_(closep) int fd = -1;
	char file[32];

	if (atomic_load(&connection->closed) || connection_is_dead(connection))
		return kIOReturnBadArgument;
	snprintf(file, sizeof(file), "mem/%" PRIu32, type);
	fd = file_open(connection->directory, file, O_RDONLY);
	return fd == -EINVAL ? mount_memory_refusal(connection->handle.mount) : kIOReturnBadArgument;
}

void connection_end_maps(struct connection *connection)
{
	struct connection_map *map, *next;

	pthread_mutex_lock(&connection->lock);
	map = connection->maps;
	connection->maps = NULL;
	atomic_store(&connection->n_maps, 0);
	pthread_mutex_unlock(&connection->lock);
	for (; map; map = next) {
		next = map->next;
		map_free(map);
	}
}

/* --- the documented functions */

kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType,
				   task_port_t intoTask, mach_vm_address_t *atAddress,
				   mach_vm_size_t *ofSize, IOOptionBits options)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);
	uint64_t at, size = 0;

	if (!connection || intoTask != mach_task_self() || !atAddress)
		return kIOReturnBadArgument;
	at = options & kIOMapAnywhere ? 0 : *atAddress;
	if (atomic_load(&connection->closed) || connection_is_dead(connection) ||
	    map_type(connection, memoryType, &at, &size, options) < 0)
		return kIOReturnBadArgument;
	*atAddress = at;
	if (ofSize)
		*ofSize = size;
	return kIOReturnSuccess;
}

kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType,
				 task_port_t intoTask, vm_address_t *atAddress,
				 vm_size_t *ofSize, IOOptionBits options)
{
	mach_vm_address_t at = atAddress ? *atAddress : 0;
	mach_vm_size_t size;
	IOReturn result;

	if (!atAddress)
		return kIOReturnBadArgument;
	result = IOConnectMapMemory64(connect, memoryType, intoTask, &at, &size, options);
	if (result != kIOReturnSuccess)
		return result;
	*atAddress = (vm_address_t)at;
	if (ofSize)
		*ofSize = (vm_size_t)size;
	return kIOReturnSuccess;
}

kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType,
				     task_port_t fromTask, mach_vm_address_t atAddress)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	if (!connection || fromTask != mach_task_self())
		return kIOReturnBadArgument;
	if (unmap_type(connection, memoryType, atAddress))
		return kIOReturnSuccess;
	return not_mapped(connection, memoryType);
}

kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType,
				   task_port_t fromTask, vm_address_t atAddress)
{
	return IOConnectUnmapMemory64(connect, memoryType, fromTask, atAddress);
}
