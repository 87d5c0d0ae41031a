/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "mount.h"
#include "stream_client_map.h"

int stream_client_map_file(struct stream_client_map *map, const char *directory, const char *file,
			   bool is_writable, size_t least)
{
	_cleanup_(closep) int fd = mount_open(directory, file, is_writable ? O_RDWR : O_RDONLY);
	int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct stat stat;
	void *address;

	if (fd < 0)
		return fd;
	if (fstat(fd, &stat) < 0)
		return -errno;
	if (stat.st_size < (off_t)least)
		return -EPROTO;
	if (stat.st_size == 0)
		return -ENODATA;
	address = mmap(NULL, (size_t)stat.st_size, protection, MAP_SHARED, fd, 0);
	if (address == MAP_FAILED)
		return -errno;
	*map = (struct stream_client_map){ .address = address, .size = (size_t)stat.st_size };
	return 0;
}

void stream_client_unmap(struct stream_client_map *map)
{
	if (map->address)
		munmap(map->address, map->size);
	*map = (struct stream_client_map){ 0 };
}

void stream_client_move(struct stream_client_map *map, struct stream_client_map *old)
{
	if (!map->address || map->size != old->size)
		return;
	if (mremap(map->address, map->size, map->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   old->address) == MAP_FAILED)
		return;
	map->address = old->address;
	*old = (struct stream_client_map){ 0 };
}
