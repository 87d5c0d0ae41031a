/* SPDX-License-Identifier: MIT */
/*
 * Files of memory in the folder of an object, by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/objects.h"
#include "util/escape.h"

#define BUFFER_PREFIX "buffer-"

static int buffer_file_name(const char *name, char ret[NAME_MAX + 1])
{
	_cleanup_(freep) char *escaped = escape(name);

	if (!escaped)
		return -ENOMEM;
	if (strlen(escaped) > 200)
		return -ENAMETOOLONG;
	snprintf(ret, NAME_MAX + 1, BUFFER_PREFIX "%s", escaped);
	return 0;
}

int store_let_into_object(struct store *store, uint64_t id, mode_t mode)
{
	_cleanup_(closep) int folder = store_open_object(store, id);

	return folder < 0 ? folder : fchmod(folder, mode) < 0 ? -errno : 0;
}

int store_add_buffer(struct store *store, uint64_t id, const char *name,
		     const struct attributes *attributes)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	_cleanup_(closep) int fd = -1;
	char file[NAME_MAX + 1], from[32];
	int r = folder < 0 ? folder : buffer_file_name(name, file);

	if (r < 0)
		return r;
	fd = openat(folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* It has a name once it is all it is to be: a restart finds nothing half made. */
	r = store_set_open_file_attributes(fd, attributes, 0600);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (r == 0 && linkat(AT_FDCWD, from, folder, file, AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	return r;
}

int store_open_buffer(struct store *store, uint64_t id, const char *name, int flags)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	_cleanup_(closep) int fd = -1;
	char file[NAME_MAX + 1];
	struct stat status;
	int r = folder < 0 ? folder : buffer_file_name(name, file);

	if (r < 0)
		return r;
	fd = openat(folder, file, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)
		return -EIO;
	return steal_fd(&fd);
}

int store_set_buffer_attributes(struct store *store, uint64_t id, const char *name,
				const struct attributes *attributes)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	char file[NAME_MAX + 1];
	int r = folder < 0 ? folder : buffer_file_name(name, file);

	return r < 0 ? r : store_set_file_attributes(folder, file, attributes, 0600);
}

void store_remove_buffer(struct store *store, uint64_t id, const char *name)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	char file[NAME_MAX + 1];

	if (folder >= 0 && buffer_file_name(name, file) == 0)
		unlinkat(folder, file, 0);
}

char *store_buffer_path(struct store *store, uint64_t id, const char *name)
{
	char file[NAME_MAX + 1];

	return buffer_file_name(name, file) < 0 ? NULL :
		text_print("%s/%" PRIu64 "/%s", store_path(store), id, file);
}

int store_each_buffer(struct store *store, uint64_t id,
		      int (*found)(void *user, const char *name, const struct attributes *attributes),
		      void *user)
{
	_cleanup_(closep) int folder = store_open_object(store, id);
	_cleanup_(closedirp) DIR *dir = folder < 0 ? NULL :
		fdopendir(fcntl(folder, F_DUPFD_CLOEXEC, 0));
	struct dirent *item;
	int r = folder < 0 ? folder : dir ? 0 : -errno;

	while (r == 0 && (item = readdir(dir))) {
		_cleanup_(freep) char *name = NULL;
		struct stat status;

		if (strncmp(item->d_name, BUFFER_PREFIX, strlen(BUFFER_PREFIX)) != 0 ||
		    fstatat(folder, item->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		name = unescape(item->d_name + strlen(BUFFER_PREFIX));
		if (name)
			r = found(user, name, &(struct attributes){ status.st_uid, status.st_gid,
								     status.st_mode & 0777 });
	}
	return r;
}
