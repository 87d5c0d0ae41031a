/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

#define CLIENTS "clients/"

static char *join(const char *directory, const char *name)
{
	return *directory ? text_print("%s/%s", directory, name) : strdup(name);
}

int place_of(struct handle *entry, const struct direction *direction, char **ret)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!direction->is_other) {
		*ret = entry->path ? strdup(entry->path) : NULL;
		return *ret ? 0 : -ENOMEM;
	}
	if (entry->id == REGISTRY_ROOT_ID) {
		*ret = strdup(direction->plane);
		return *ret ? 0 : -ENOMEM;
	}
	r = registry_plane_path(entry, direction->plane, &path);
	if (r < 0)
		return r;
	*ret = join(direction->plane, path + 1);
	return *ret ? 0 : -ENOMEM;
}

/* Listing */

static void close_directory(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static DIR *open_directory(const char *mount, const char *path)
{
	_cleanup_(closep) int fd = mount_open(mount, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		errno = -fd;
	if (directory)
		steal_fd(&fd);
	return directory;
}

static bool is_of_type(const struct dirent *found, unsigned type)
{
	return found->d_type == DT_UNKNOWN || (1u << found->d_type & type);
}

static int add_prefixed(struct names *names, const char *prefix, const char *name)
{
	char path[sizeof(CLIENTS) + NAME_MAX];

	snprintf(path, sizeof(path), "%s%s", prefix, name);
	return names_add(names, path);
}

/* All of @type, a set of bits, in $M/@path that are no words of an entry's own. */
static int list(const char *mount, const char *path, unsigned type, const char *prefix,
		struct names *names)
{
	_cleanup_(close_directory) DIR *directory = open_directory(mount, path);
	const struct dirent *found;
	int r = 0;

	if (!directory)
		return -errno;
	while (r == 0 && (errno = 0, found = readdir(directory)))
		if (*found->d_name != '.' && is_of_type(found, type) &&
		    (*prefix || !registry_is_word(found->d_name)))
			r = add_prefixed(names, prefix, found->d_name);
	return r < 0 ? r : -errno;
}

bool place_is_client(const char *place)
{
	const char *last = strrchr(place, '/');
	size_t n = strlen(CLIENTS);

	return last && (size_t)(last + 1 - place) > n && memcmp(last + 1 - n, CLIENTS, n) == 0 &&
	       last[-(ptrdiff_t)n] == '/';
}

bool entry_is_client(const struct handle *entry)
{
	return entry->path && place_is_client(entry->path);
}

static int list_children(const char *mount, const struct direction *direction, const char *place,
			 struct level *level)
{
	_cleanup_(freep) char *clients = NULL;
	int r;

	if (place_is_client(place) && !direction->is_other)
		return 0;
	/* What has more than one place in a plane is a directory in one and a link elsewhere. */
	r = list(mount, place, 1u << DT_DIR | 1u << DT_LNK, "", &level->names);
	if (r < 0 || direction->is_other)
		return r;
	clients = join(place, "clients");
	if (!clients)
		return -ENOMEM;
	r = list(mount, clients, 1u << DT_DIR, CLIENTS, &level->names);
	/* The root has none, and those of others need not be ours to see. */
	return r == -ENOMEM ? r : 0;
}

/* The only entry of the level is that at @place. */
static int list_one(const char *place, struct level *level)
{
	const char *last = strrchr(place, '/');

	free(level->directory);
	level->directory = last ? strndup(place, (size_t)(last - place)) : strdup("");
	if (!level->directory)
		return -ENOMEM;
	return names_add(&level->names, last ? last + 1 : place);
}

/* @place without its last @n components, of which it has more. */
static char *above(const char *place, int n)
{
	const char *end = place + strlen(place);

	while (n > 0 && end > place)
		n -= *--end == '/';
	return strndup(place, (size_t)(end - place));
}

static int list_above(const char *place, int n, struct level *level)
{
	_cleanup_(freep) char *parent = above(place, n);

	return parent ? list_one(parent, level) : -ENOMEM;
}

/* Is the entry whose directory is called @child in the directory of the entry with this number? */
static bool is_parent(const char *mount, const char *number, const char *child)
{
	_cleanup_(freep) char *path = NULL;
	size_t plain = strcspn(child, "~");
	struct stat found;

	path = text_print("%s/id/%s/%.*s", mount, number, (int)plain, child);
	if (!path)
		return false;
	return stat(path, &found) == 0;
}

static bool has_name(const struct names *names, const char *name)
{
	struct names all = *names;
	const char *found;

	all.at = 0;
	while ((found = names_next(&all)))
		if (strcmp(found, name) == 0)
			return true;
	return false;
}

/* Of the parents in all planes, those in the service plane, once each. */
static int keep_parents(const char *mount, const char *child, struct names *names)
{
	struct names all = *names;
	const char *number;
	int r = 0;

	*names = (struct names){ 0 };
	while (r == 0 && (number = names_next(&all))) {
		bool is_only = number == all.text && all.at == all.size;

		if (is_only || (!has_name(names, number) && is_parent(mount, number, child)))
			r = names_add(names, number);
	}
	names_free(&all);
	return r;
}

static int list_parents(const char *mount, const struct direction *direction, const char *place,
			struct level *level)
{
	_cleanup_(freep) char *parents = NULL;
	const char *slash = strchr(place, '/');
	int r;

	if (!slash)
		return 0;	/* the root */
	if (direction->is_other && !strchr(slash + 1, '/')) {
		level->is_other = false;
		return list_one("IOService", level);
	}
	if (direction->is_other)
		return list_above(place, 1, level);
	if (place_is_client(place))
		return list_above(place, 2, level);
	free(level->directory);
	level->directory = strdup("id");
	parents = join(place, "parents");
	if (!parents || !level->directory)
		return -ENOMEM;
	r = list(mount, parents, 1u << DT_LNK, "", &level->names);
	return r < 0 ? r : keep_parents(mount, strrchr(place, '/') + 1, &level->names);
}

void level_close(struct level *level)
{
	free(level->directory);
	names_free(&level->names);
	*level = (struct level){ 0 };
}

int level_open(const char *mount, const struct direction *direction, const char *place,
	       struct level *ret)
{
	struct level level = { .directory = strdup(place), .is_other = direction->is_other };
	int r;

	if (!level.directory)
		return -ENOMEM;
	if (direction->upwards)
		r = list_parents(mount, direction, place, &level);
	else
		r = list_children(mount, direction, place, &level);
	if (r < 0)
		level_close(&level);
	else
		*ret = level;
	return r;
}

/* Entries */

/* In another plane, "entry" is the link of that which is listed. */
static int open_place(const struct level *level, const char *mount, const char *name,
		      const char *place, struct handle **ret)
{
	_cleanup_(freep) char *link = NULL;

	if (!level->is_other)
		return registry_open(mount, place, ret);
	if (strcmp(name, "entry") == 0)
		return -ENOENT;
	link = join(place, "entry");
	return link ? registry_open(mount, link, ret) : -ENOMEM;
}

bool level_is_shortage(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

int level_next(struct level *level, const char *mount, struct handle **ret, char **ret_place)
{
	size_t at = level->names.at;
	const char *name;

	while ((name = names_next(&level->names))) {
		_cleanup_(freep) char *place = join(level->directory, name);
		int r = place ? open_place(level, mount, name, place, ret) : -ENOMEM;

		if (r == 0) {
			if (ret_place) {
				*ret_place = place;
				place = NULL;
			}
			return 1;
		}
		if (level_is_shortage(r)) {
			level->names.at = at;
			return r;
		}
		at = level->names.at;
	}
	return 0;
}
