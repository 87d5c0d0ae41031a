/* SPDX-License-Identifier: MIT */
/*
 * directory - a queue as a plain directory, as it looks in a mount
 */
#pragma once

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#include "libqueue/atomic.h"
#include "libqueue/mapping.h"

struct directory {
	char path[64];
	struct mapping memory;		/* of both files, for writing */
};

static inline const char *file_in(const struct directory *directory, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory->path, name);
	return path;
}

static inline int make_file(const struct directory *directory, const char *name, uint64_t size)
{
	int fd = open(file_in(directory, name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static inline void make_fifos(const struct directory *directory)
{
	ck_assert_int_eq(mkfifo(file_in(directory, "notify"), 0666), 0);
	ck_assert_int_eq(mkfifo(file_in(directory, "serviced"), 0666), 0);
}

static inline void new_directory(struct directory *directory, uint64_t capacity,
				 uint64_t max_entry)
{
	struct geometry geometry;
	int data, consumer;

	strcpy(directory->path, "/tmp/queue-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory->path));
	ck_assert_int_eq(geometry_make(capacity, max_entry, &geometry), 0);
	data = make_file(directory, "data", geometry_file_size(&geometry));
	consumer = make_file(directory, "consumer", QUEUE_PAGE);
	make_fifos(directory);
	ck_assert_int_eq(mapping_open(data, consumer, ROLE_CREATOR, &directory->memory), 0);
	close(data);
	close(consumer);
	layout_format(directory->memory.data, directory->memory.consumer, &geometry);
}

static inline void remove_directory(struct directory *directory)
{
	mapping_close(&directory->memory);
	unlink(file_in(directory, "data"));
	unlink(file_in(directory, "consumer"));
	unlink(file_in(directory, "notify"));
	unlink(file_in(directory, "serviced"));
	ck_assert_int_eq(rmdir(directory->path), 0);
}

/* As if fsd had been restarted: FIFOs of a new mount, and a new generation. */
static inline void restart(struct directory *directory)
{
	ck_assert_int_eq(unlink(file_in(directory, "notify")), 0);
	ck_assert_int_eq(unlink(file_in(directory, "serviced")), 0);
	make_fifos(directory);
	store_relaxed(&directory->memory.data->generation,
		      load_relaxed(&directory->memory.data->generation) + 1);
}
