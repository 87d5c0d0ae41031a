/* SPDX-License-Identifier: MIT */
/*
 * stream_client_map - a file of a stream in memory
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stream_client_map {
	void *address;			/* NULL: none */
	size_t size;			/* bytes of the file */
};

/*
 * Map all of @directory/@file, which has at least @least bytes. Return: 0; -EPROTO when it is
 * shorter; -ENODATA when it is empty, and may be (@least is 0); or a negative errno.
 */
int stream_client_map_file(struct stream_client_map *map, const char *directory, const char *file,
			   bool is_writable, size_t least);

/* Harmless where there is none. */
void stream_client_unmap(struct stream_client_map *map);

/*
 * @map is to be where @old is, if that has its size; @old is gone then, or else as it was.
 * Pointers into it are good still.
 */
void stream_client_move(struct stream_client_map *map, struct stream_client_map *old);
