/* SPDX-License-Identifier: MIT */
/*
 * registry_entry - handles of entries of the registry: a directory of the mount each
 *
 * The descriptor is one of the directory itself, so a handle is of one entry,
 * whatever later has the same path. What is asked of it is read from the directory's
 * files at that moment. When fsd was restarted, the entry is found again by its number.
 *
 * An entry that was gone before it got a handle has a descriptor of nothing, and
 * what was said of it.
 */
#pragma once

#include "handle.h"

#define REGISTRY_ROOT_ID	0x100000100ull
#define REGISTRY_PATH_MAX	16384	/* bytes of a path in a plane, with its NUL */
#define REGISTRY_NAME_ROOM	128	/* of a name, a location, a class, a plane */

/*
 * The entry whose directory is $M/@path, or to which that is a link. It is not
 * published. Return: 0 and a reference, -ENOENT also for what is no entry, or a negative errno.
 */
int registry_open(const char *mount, const char *path, struct handle **ret);
int registry_open_id(const char *mount, uint64_t id, struct handle **ret);
int registry_open_root(const char *mount, struct handle **ret);

/* One that is gone. Return: it, or NULL. */
struct handle *registry_open_gone(const char *mount, uint64_t id, const char *path,
				  const char *class_name);

/* A file of the entry, also of a connection's. Return: a descriptor, or a negative errno. */
int registry_file(struct handle *entry, const char *file, int flags);

/* As file_read(), file_read_line() and file_write(). */
int registry_read(struct handle *entry, const char *file, char **ret, size_t *ret_size);
int registry_read_line(struct handle *entry, const char *file, char **ret);
int registry_write(struct handle *entry, const char *file, const char *text, size_t size);

/*
 * The entry's line in `path` for @plane, without "PLANE:", the caller's: "/Bus/Dev@0", which is
 * also a path in the mount; or as it is written, where there is an alias with that, "disk/Part@1".
 * Return: 0, -ENOENT when it is not in the plane, or a negative errno.
 */
int registry_plane_path(struct handle *entry, const char *plane, char **ret);
int registry_written_path(struct handle *entry, const char *plane, char **ret);

/*
 * "Dev@1f,2", a directory, as name and location. Return: whether it is plain; else the
 * entry's files say them.
 */
bool registry_split(const char *directory, char name[REGISTRY_NAME_ROOM],
		    char location[REGISTRY_NAME_ROOM]);

/* A plane may be called that; "IOService" is one. */
bool registry_is_plane(const char *plane);

/* And there is one in the mount. */
bool registry_has_plane(const char *mount, const char *plane);

/* The handle @object, if it is of the registry and of no root; as handle_get(). */
struct handle *registry_get_service(io_object_t object);

/* The name of a file in a directory of the registry; "..", or what has a slash, is none. */
bool registry_is_name(const char *name);

/* Directories in that of an entry, which are no entries themselves. */
bool registry_is_word(const char *name);
