/* SPDX-License-Identifier: MIT */
/*
 * objects - the folders of objects, for the files of this one that keep something in them
 */
#pragma once

#include <dirent.h>

#include "store/store.h"

/* The folder of object @id. Return: a descriptor, or an errno. */
int store_open_object(struct store *store, uint64_t id);

/*
 * Where we are not root, @least is what we need ourselves. The owner of a queue
 * may put anything into its folder: only a plain file with no other name is one
 * of ours. Return: 0, -EIO for anything else, or what stopped us.
 */
int store_set_file_attributes(int folder, const char *name, const struct attributes *attributes,
			      mode_t least);
int store_set_open_file_attributes(int fd, const struct attributes *attributes, mode_t least);

static inline void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
