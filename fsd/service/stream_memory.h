/* SPDX-License-Identifier: MIT */
/*
 * stream_memory - one file of a stream's memory: a ring, the tally, the board, an area
 *
 * It is in the store under a name, and may be mapped here. Who has it open in the mount
 * has a reference, so that it lasts where a new one has taken its place.
 */
#pragma once

#include "service/registry.h"
#include "util/guard.h"

struct stream_memory {
	unsigned n_refs;
	struct store *store;		/* borrowed; NULL: it is not in the store any more */
	uint64_t folder;		/* id of the stream's node */
	char name[40];
	uint64_t size;
	void *map;			/* NULL: not mapped */
	struct guard guard;
	struct backing backing;
};

/* A new file of @size bytes, all 0 and reserved. Return: 0, -ENOSPC, -ENOMEM, or what failed. */
int stream_memory_new(struct store *store, uint64_t folder, const char *name, uint64_t size,
		      const struct attributes *attributes, struct stream_memory **ret);
/* One that is there since before a restart. Return: 0, -ENOENT, -EIO for what is no such file. */
int stream_memory_adopt(struct store *store, uint64_t folder, const char *name, uint64_t size,
			struct stream_memory **ret);

struct stream_memory *stream_memory_ref(struct stream_memory *memory);
/* Return: NULL. */
struct stream_memory *stream_memory_unref(struct stream_memory *memory);

/* Out of the store; who has it open or mapped keeps it. Then as unref. */
struct stream_memory *stream_memory_remove(struct stream_memory *memory);

/* Map it, if it is not yet, or not any more. Return: 0, -EIO, -ENODEV, -ENOMEM. */
int stream_memory_map(struct stream_memory *memory);
/*
 * What somebody cut off is there again, as zeros: in link mode the file is its owner's, and a
 * shell's > cuts it. Return: as stream_memory_map().
 */
int stream_memory_mend(struct stream_memory *memory);

/* All 0. */
void stream_memory_clear(struct stream_memory *memory);

/* Return: a descriptor, or an errno. */
int stream_memory_open(const struct stream_memory *memory, int flags);
/* Of the file behind; the caller's, or NULL. */
char *stream_memory_path(const struct stream_memory *memory);
int stream_memory_set_attributes(const struct stream_memory *memory,
				 const struct attributes *attributes);

static inline bool stream_memory_is_lost(const struct stream_memory *memory)
{
	return memory->guard.lost;
}
