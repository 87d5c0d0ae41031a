/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"

#define ROOM_ID_LINK	sizeof("id/0x0123456789abcdef")

static const char *const words[] = {
	"buf", "clients", "parents", "prop", "queues", "streams",
};

bool registry_is_word(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

bool registry_is_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strlen(name) <= 255;
}

bool registry_is_plane(const char *plane)
{
	return *plane >= 'A' && *plane <= 'Z' && registry_is_name(plane);
}

bool registry_has_plane(const char *mount, const char *plane)
{
	_cleanup_(closep) int fd = registry_is_plane(plane) ?
		mount_open(mount, plane, O_PATH | O_DIRECTORY) : -1;

	return fd >= 0;
}

static void id_link(char ret[ROOM_ID_LINK], uint64_t id)
{
	snprintf(ret, ROOM_ID_LINK, "id/0x%" PRIx64, id);
}

static int read_id(int directory, uint64_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r = file_read_line(directory, "id", &text);

	if (r == -ENOTDIR)
		return -ENOENT;
	if (r < 0)
		return r;
	*ret = strncmp(text, "0x", 2) == 0 ? strtoull(text, NULL, 16) : 0;
	return *ret != 0 ? 0 : -ENOENT;
}

/* Where in the mount it is, for one that was found by a link: the kernel knows. */
static char *find_path(const struct handle *entry)
{
	char link[sizeof("/proc/self/fd/-2147483648")], path[PATH_MAX];
	size_t length = strlen(entry->mount);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", entry->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	if (strncmp(path, entry->mount, length) != 0 || path[length] != '/')
		return NULL;
	return strdup(path + length + 1);
}

static bool is_direct(const char *path)
{
	return strncmp(path, "IOService", 9) == 0 && (path[9] == '/' || path[9] == '\0');
}

static int fill(struct handle *entry, const char *mount, const char *path)
{
	int r = read_id(entry->fd, &entry->id);

	if (r < 0)
		return r;
	entry->mount = strdup(mount);
	if (entry->mount)
		entry->path = is_direct(path) ? strdup(path) : find_path(entry);
	return entry->mount && entry->path ? 0 : -ENOMEM;
}

int registry_open(const char *mount, const char *path, struct handle **ret)
{
	int fd = mount_open(mount, path, O_PATH | O_DIRECTORY);
	struct handle *entry;
	int r;

	if (fd < 0)
		return fd == -ENOTDIR ? -ENOENT : fd;
	entry = handle_new(sizeof(*entry), HANDLE_ENTRY, fd);
	if (!entry)
		return -ENOMEM;
	r = fill(entry, mount, path);
	if (r < 0) {
		handle_put(entry);
		return r;
	}
	*ret = entry;
	return 0;
}

int registry_open_id(const char *mount, uint64_t id, struct handle **ret)
{
	char link[ROOM_ID_LINK];

	id_link(link, id);
	return registry_open(mount, link, ret);
}

int registry_open_root(const char *mount, struct handle **ret)
{
	return registry_open(mount, "IOService", ret);
}

struct handle *registry_open_gone(const char *mount, uint64_t id, const char *path,
				  const char *class_name)
{
	int fd = fd_above_standard(eventfd(0, EFD_CLOEXEC));
	struct handle *entry = handle_new(sizeof(*entry), HANDLE_ENTRY, fd);

	if (!entry)
		return NULL;
	entry->id = id;
	entry->mount = strdup(mount);
	entry->path = strdup(path);
	entry->class_name = strdup(class_name);
	if (!entry->mount || !entry->path || !entry->class_name) {
		handle_put(entry);
		return NULL;
	}
	return entry;
}

/*
 * fsd was restarted: everything of the old mount is dead, but the entry is there
 * again. The number of the handle stays.
 */
static int find_again(struct handle *entry)
{
	struct handle *fresh;
	int r = registry_open_id(entry->mount, entry->id, &fresh);

	if (r < 0)
		return r;
	if (dup3(fresh->fd, entry->fd, O_CLOEXEC) < 0)
		r = -errno;
	handle_put(fresh);
	return r;
}

static int connection_file(struct handle *connection, const char *file, int flags)
{
	_cleanup_(freep) char *path = NULL;

	if (!connection->mount || !connection->path)
		return -ENOENT;
	path = text_print("%s/%s", connection->path, file);
	if (!path)
		return -ENOMEM;
	return mount_open(connection->mount, path, flags);
}

int registry_file(struct handle *entry, const char *file, int flags)
{
	int fd;

	if (entry->kind == HANDLE_CONNECTION)
		return connection_file(entry, file, flags);
	fd = file_open(entry->fd, file, flags);
	if (fd == -ENOTCONN) {
		fd = find_again(entry);
		if (fd == 0)
			fd = file_open(entry->fd, file, flags);
	}
	/* The descriptor of nothing, and a directory that was removed. */
	return fd == -ENOTDIR || fd == -ESTALE ? -ENOENT : fd;
}

int registry_read(struct handle *entry, const char *file, char **ret, size_t *ret_size)
{
	_cleanup_(closep) int fd = registry_file(entry, file, O_RDONLY);

	return fd < 0 ? fd : value_read(fd, ret, ret_size);
}

int registry_read_line(struct handle *entry, const char *file, char **ret)
{
	size_t size;
	int r = registry_read(entry, file, ret, &size);

	if (r == 0 && size > 0 && (*ret)[size - 1] == '\n')
		(*ret)[size - 1] = '\0';
	return r;
}

int registry_write(struct handle *entry, const char *file, const char *text, size_t size)
{
	_cleanup_(closep) int fd = registry_file(entry, file, O_WRONLY);

	return fd < 0 ? fd : stream_write(fd, text, size);
}

/* The last line of that plane: those by an alias come after the others, and have no slash. */
static int plane_line(struct handle *entry, const char *plane, const char *start, char **ret)
{
	_cleanup_(freep) char *text = NULL, *prefix = text_print("%s:%s", plane, start);
	const char *found = NULL;
	int r = prefix ? registry_read(entry, "path", &text, NULL) : -ENOMEM;

	if (r < 0)
		return r;
	if (!registry_is_plane(plane))
		return -ENOENT;
	for (char *line, *rest = text; (line = strsep(&rest, "\n"));)
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			found = line + strlen(plane) + 1;
	*ret = found ? strdup(found) : NULL;
	return *ret ? 0 : found ? -ENOMEM : -ENOENT;
}

int registry_plane_path(struct handle *entry, const char *plane, char **ret)
{
	return plane_line(entry, plane, "/", ret);
}

int registry_written_path(struct handle *entry, const char *plane, char **ret)
{
	return plane_line(entry, plane, "", ret);
}

bool registry_split(const char *directory, char name[REGISTRY_NAME_ROOM],
		    char location[REGISTRY_NAME_ROOM])
{
	const char *at = strchr(directory, '@');
	size_t length = at ? (size_t)(at - directory) : strlen(directory);

	if (strpbrk(directory, "%~") || length == 0 || length >= REGISTRY_NAME_ROOM ||
	    (at && (strchr(at + 1, '@') || strlen(at + 1) >= REGISTRY_NAME_ROOM)))
		return false;
	memcpy(name, directory, length);
	name[length] = '\0';
	strcpy(location, at ? at + 1 : "");
	return true;
}

struct handle *registry_get_service(io_object_t object)
{
	struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	if (entry && entry->id == REGISTRY_ROOT_ID) {
		handle_put(entry);
		return NULL;
	}
	return entry;
}
