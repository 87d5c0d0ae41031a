/* SPDX-License-Identifier: MIT */
/*
 * mount - a mount as plain files with one service in it, whose files say what the input says
 *
 * The library and ioreg take a directory for a mount that has what a mount has.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "tests/folder.h"

#define SERVICE_ID	"0x100000107"

static char mount_path[] = "/dev/shm/fuzz-mount.XXXXXX";

static inline const char *in_mount(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", mount_path, name);
	return path;
}

static inline void put_file(const char *name, const void *bytes, size_t n)
{
	int fd = open(in_mount(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

static inline void put_text(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

static inline void put_folder(const char *name)
{
	CHECK(mkdir(in_mount(name), 0700) == 0 || errno == EEXIST);
}

static void remove_mount(void)
{
	remove_folder(mount_path);
}

/* The root of a registry, unless it is there. */
static inline void make_mount(void)
{
	static bool is_made;

	if (is_made)
		return;
	is_made = true;
	CHECK(mkdtemp(mount_path) && atexit(remove_mount) == 0);
	CHECK(setenv("FSD_MOUNT", mount_path, 1) == 0);
	put_text("version", "fsd 1\n");
	put_folder("IOService");
	put_text("IOService/id", "0x100000100\n");
	put_text("IOService/name", "Root\n");
	put_text("IOService/path", "IOService:/\n");
	put_folder("id");
	put_folder("err");
}
