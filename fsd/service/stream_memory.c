/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "service/stream_memory.h"
#include "util/failure.h"

static int make(struct store *store, uint64_t folder, const char *name, uint64_t size,
		struct stream_memory **ret)
{
	struct stream_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	*memory = (struct stream_memory){ .n_refs = 1, .store = store, .folder = folder,
					  .size = size };
	snprintf(memory->name, sizeof(memory->name), "%s", name);
	*ret = memory;
	return 0;
}

/* The size that it is to have, all of it reserved. */
static int mend(const struct stream_memory *memory, int fd)
{
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if ((uint64_t)status.st_size == memory->size)
		return 0;
	r = -posix_fallocate(fd, 0, (off_t)memory->size);
	if (r == 0 && ftruncate(fd, (off_t)memory->size) < 0)
		r = -errno;
	return r;
}

int stream_memory_new(struct store *store, uint64_t folder, const char *name, uint64_t size,
		      const struct attributes *attributes, struct stream_memory **ret)
{
	_cleanup_(closep) int fd = -1;
	int r = make(store, folder, name, size, ret);

	if (r < 0)
		return r;
	r = store_add_buffer(store, folder, name, attributes);
	if (r == 0)
		fd = stream_memory_open(*ret, O_RDWR);
	if (r == 0)
		r = fd < 0 ? fd : mend(*ret, fd);
	if (r < 0)
		*ret = stream_memory_remove(*ret);
	return r;
}

int stream_memory_adopt(struct store *store, uint64_t folder, const char *name, uint64_t size,
			struct stream_memory **ret)
{
	_cleanup_(closep) int fd = -1;
	int r = make(store, folder, name, size, ret);

	if (r < 0)
		return r;
	fd = stream_memory_open(*ret, O_RDWR);
	if (fd < 0)
		r = fd == -ENOENT || failure_is_want(fd) ? fd : -EIO;
	else
		r = mend(*ret, fd);
	if (r < 0)
		*ret = stream_memory_unref(*ret);
	return r;
}

struct stream_memory *stream_memory_ref(struct stream_memory *memory)
{
	memory->n_refs++;
	return memory;
}

static void unmap(struct stream_memory *memory)
{
	if (!memory->map)
		return;
	guard_remove(&memory->guard);
	munmap(memory->map, memory->size);
	memory->map = NULL;
	memory->guard.lost = false;
}

struct stream_memory *stream_memory_unref(struct stream_memory *memory)
{
	if (memory && --memory->n_refs == 0) {
		unmap(memory);
		free(memory);
	}
	return NULL;
}

struct stream_memory *stream_memory_remove(struct stream_memory *memory)
{
	if (memory && memory->store)
		store_remove_buffer(memory->store, memory->folder, memory->name);
	if (memory)
		memory->store = NULL;
	return stream_memory_unref(memory);
}

int stream_memory_open(const struct stream_memory *memory, int flags)
{
	return memory->store ? store_open_buffer(memory->store, memory->folder, memory->name, flags)
			     : -ENODEV;
}

/* The old mapping stays where there can be no new one: who uses it needs no look. */
int stream_memory_map(struct stream_memory *memory)
{
	_cleanup_(closep) int fd = -1;
	void *map;
	int r;

	if (memory->map && !memory->guard.lost)
		return 0;
	fd = stream_memory_open(memory, O_RDWR);
	r = fd < 0 ? fd : mend(memory, fd);
	if (r < 0)
		return r;
	map = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	unmap(memory);
	memory->map = map;
	guard_add(&memory->guard, map, memory->size);
	return 0;
}

int stream_memory_mend(struct stream_memory *memory)
{
	_cleanup_(closep) int fd = -1;
	int r;

	if (!tree_memory_is_linked && !memory->guard.lost)
		return stream_memory_map(memory);
	fd = stream_memory_open(memory, O_RDWR);
	r = fd < 0 ? fd : mend(memory, fd);
	return r < 0 ? r : stream_memory_map(memory);
}

void stream_memory_clear(struct stream_memory *memory)
{
	if (stream_memory_map(memory) == 0)
		memset(memory->map, 0, memory->size);
}

char *stream_memory_path(const struct stream_memory *memory)
{
	return memory->store ? store_buffer_path(memory->store, memory->folder, memory->name) : NULL;
}

int stream_memory_set_attributes(const struct stream_memory *memory,
				 const struct attributes *attributes)
{
	return memory->store ? store_set_buffer_attributes(memory->store, memory->folder, memory->name,
							   attributes) : 0;
}
