/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <mntent.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/mountpoint.h"
#include "util/cleanup.h"
#include "util/log.h"

#define MAX_LINKS 40		/* as many as the kernel follows */
#define MAX_DEAD_MOUNTS 16	/* one on another: a daemon killed again and again */

extern char **environ;

/* A dead mount may be at the end, where realpath(3) does not get: links there are followed here. */
static int resolve(const char *path, int n_links, char **ret)
{
	_cleanup_(freep) char *copy = strdup(path), *other_copy = strdup(path), *folder = NULL;
	_cleanup_(freep) char *found = NULL, *next = NULL;
	char link[PATH_MAX];
	const char *name;
	ssize_t n;

	if (!copy || !other_copy)
		return -ENOMEM;
	name = basename(copy);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0) {
		*ret = realpath(path, NULL);
		return *ret ? 0 : -errno;
	}
	folder = realpath(dirname(other_copy), NULL);
	if (!folder)
		return -errno;
	found = text_print("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
	if (!found)
		return -ENOMEM;
	n = readlink(found, link, sizeof(link));
	if (n <= 0) {
		*ret = steal(found);
		return 0;
	}
	if (n_links >= MAX_LINKS)
		return -ELOOP;
	next = text_print("%s/%.*s", *link == '/' ? "" : folder, (int)n, link);
	return next ? resolve(next, n_links + 1, ret) : -ENOMEM;
}

int mountpoint_resolve(const char *path, char **ret)
{
	return resolve(path, 0, ret);
}

static void endmntentp(FILE **table)
{
	if (*table)
		endmntent(*table);
}

/* The topmost mount on @path is one of fsd's. */
static bool is_ours(const char *path)
{
	_cleanup_(endmntentp) FILE *table = setmntent("/proc/self/mounts", "r");
	const struct mntent *entry;
	bool ours = false;

	while (table && (entry = getmntent(table)))
		if (strcmp(entry->mnt_dir, path) == 0)
			ours = strcmp(entry->mnt_type, "fuse.fsd") == 0;
	return ours;
}

static int run_fusermount(const char *path)
{
	/* posix_spawn(3) changes none of its arguments, whatever its type says. */
	static char program[] = "fusermount3", unmount[] = "-u", lazy[] = "-z";
	union { const char *in; char *out; } text = { .in = path };
	char *arguments[] = { program, unmount, lazy, text.out, NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) != 0 ||
	    waitpid(pid, &status, 0) < 0)
		return -errno;
	return status == 0 ? 0 : -EPERM;
}

static int take_away(const char *path)
{
	int r;

	if (!is_ours(path)) {
		log_error("'%s' has a dead mount on it that is not fsd's; unmount it first", path);
		return -EBUSY;
	}
	r = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	if (r == -EPERM)
		r = run_fusermount(path);
	if (r < 0)
		return log_errno(r, "cannot take the dead mount on '%s' away", path);
	log_info("took the dead mount on '%s' away", path);
	return 0;
}

static bool is_mounted(const char *path, const struct stat *status)
{
	_cleanup_(freep) char *copy = strdup(path);
	struct stat parent;

	return copy && stat(dirname(copy), &parent) == 0 && parent.st_dev != status->st_dev;
}

int mountpoint_prepare(const char *path)
{
	for (int i = 0; i < MAX_DEAD_MOUNTS; i++) {
		struct stat status;
		int r;

		if (stat(path, &status) == 0) {
			if (!S_ISDIR(status.st_mode)) {
				log_error("mount point '%s' is no directory", path);
				return -ENOTDIR;
			}
			if (!is_mounted(path, &status))
				return 0;
			log_error("mount point '%s' is in use: something is mounted there", path);
			return -EBUSY;
		}
		if (errno == ECONNABORTED)
			continue;	/* it died while we looked */
		if (errno != ENOTCONN)
			return log_errno(-errno, "cannot use mount point '%s'", path);
		r = take_away(path);
		if (r < 0)
			return r;
	}
	return -EBUSY;
}
