/* SPDX-License-Identifier: MIT */
/*
 * process_memory - a queue that has no directory: memory files and pipes
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "process_memory.h"

/* Return: a memory file of @size bytes that stays that long, or a negative errno. */
static int open_memory_file(const char *name, uint64_t size)
{
	_cleanup_(closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int format(const struct process_memory *memory)
{
	struct mapping mapping;
	int r;

	r = mapping_open(memory->data_fd, memory->consumer_fd, ROLE_CREATOR, &mapping);
	if (r < 0)
		return r;
	layout_format(mapping.data, mapping.consumer, &memory->geometry);
	mapping_close(&mapping);
	return 0;
}

int process_memory_open(const struct geometry *geometry, struct process_memory *ret)
{
	_cleanup_(process_memory_close) struct process_memory memory = PROCESS_MEMORY_NULL;
	int r;

	memory.geometry = *geometry;
	memory.data_fd = open_memory_file("data", geometry_file_size(geometry));
	if (memory.data_fd < 0)
		return memory.data_fd;
	memory.consumer_fd = open_memory_file("consumer", QUEUE_PAGE);
	if (memory.consumer_fd < 0)
		return memory.consumer_fd;
	if (pipe2(memory.notify, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    pipe2(memory.serviced, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	r = format(&memory);
	if (r < 0)
		return r;

	*ret = memory;
	memory = PROCESS_MEMORY_NULL;
	return 0;
}

void process_memory_close(struct process_memory *memory)
{
	close_fd(memory->data_fd);
	close_fd(memory->consumer_fd);
	close_fd(memory->notify[0]);
	close_fd(memory->notify[1]);
	close_fd(memory->serviced[0]);
	close_fd(memory->serviced[1]);
	*memory = PROCESS_MEMORY_NULL;
}

static int duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

int process_memory_attach(const struct process_memory *memory, enum role role,
			  struct doorbell *ret, struct mapping *ret_mapping)
{
	bool produces = role == ROLE_PRODUCER;
	struct doorbell bell = DOORBELL_NULL;
	int r;

	bell.role = role;
	bell.ring_fd = duplicate(produces ? memory->notify[1] : memory->serviced[1]);
	bell.wait_fd = duplicate(produces ? memory->serviced[0] : memory->notify[0]);
	r = bell.ring_fd < 0 ? bell.ring_fd : bell.wait_fd;
	if (r >= 0)
		r = mapping_open(memory->data_fd, memory->consumer_fd, role, ret_mapping);
	if (r < 0) {
		doorbell_close(&bell);
		return r;
	}

	*ret = bell;
	return 0;
}
