/* SPDX-License-Identifier: MIT */
/*
 * plain_mount - a service and a connection as plain files, as they look in a mount
 *
 * Sessions are terminals, whose other end the test has: it says beforehand what is
 * answered, and looks afterwards at what was asked.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <IOKit/IOKitLib.h>
#include <IOKit/IOConnect.h>

#include "main.h"
#include "directory.h"
#include "plain_files.h"

#include "handle.h"
#include "registry_entry.h"

/* A session: what it leads to in the mount, and the test's end. */
struct terminal {
	int master, slave;
};

struct plain_mount {
	char path[32];
	char connection[64];		/* the directory of connection 7 */
	struct terminal clone, call;
	int async, port;		/* for writing */
	struct directory queue;		/* queues/q */
	io_service_t service;
};

static inline const char *in_connection(const struct plain_mount *mount, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", mount->connection, name);
	return path;
}

static inline void make_terminal(struct terminal *terminal, const char *path)
{
	struct termios settings;

	terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(terminal->master, 0);
	ck_assert_int_eq(grantpt(terminal->master), 0);
	ck_assert_int_eq(unlockpt(terminal->master), 0);
	terminal->slave = open(ptsname(terminal->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(terminal->slave, 0);
	tcgetattr(terminal->slave, &settings);
	cfmakeraw(&settings);
	tcsetattr(terminal->slave, TCSANOW, &settings);
	ck_assert_int_eq(symlink(ptsname(terminal->master), path), 0);
}

static inline void close_terminal(struct terminal *terminal)
{
	if (terminal->master < 0)
		return;
	close(terminal->master);
	close(terminal->slave);
	terminal->master = -1;
}

static inline void make_text(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline int make_fifo(const char *path)
{
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void make_memory(const char *path, size_t size, mode_t mode)
{
	make_text(path, "first bytes", mode);
	ck_assert_int_eq(truncate(path, (off_t)size), 0);
}

/* "it's" for "it\"s" */
static inline void say(const struct terminal *terminal, const char *text)
{
	char line[512];

	strcpy(line, text);
	for (char *at = line; *at; at++)
		if (*at == '\'')
			*at = '"';
	ck_assert_int_eq(write(terminal->master, line, strlen(line)), (ssize_t)strlen(line));
}

static inline void heard(const struct terminal *terminal, const char *text)
{
	char line[512];
	size_t n = 0;

	do {	/* a terminal gives several writes at once, or one by one */
		ssize_t more = read(terminal->master, line + n, sizeof(line) - 1 - n);

		ck_assert_int_ge(more, 0);
		n += (size_t)more;
	} while (n < strlen(text) && n < sizeof(line) - 1);
	line[n] = '\0';
	for (char *at = line; *at; at++)
		if (*at == '"')
			*at = '\'';
	ck_assert_str_eq(line, text);
}

static inline void make_connection(struct plain_mount *mount)
{
	static const char *const folders[] = { "", "mem", "port", "queues" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		ck_assert_int_eq(mkdir(in_connection(mount, folders[i]), 0700), 0);
	make_text(in_connection(mount, "id"), "0x100000107\n", 0600);
	make_text(in_connection(mount, "props"), "", 0600);
	make_terminal(&mount->call, in_connection(mount, "call"));
	mount->async = make_fifo(in_connection(mount, "async"));
	mount->port = make_fifo(in_connection(mount, "port/3"));
	make_memory(in_connection(mount, "mem/0"), 8192, 0600);
	/* As in link mode: a link to a file that root can write. */
	make_memory(in_connection(mount, "rom"), 4096, 0600);
	ck_assert_int_eq(symlink("../rom", in_connection(mount, "mem/1")), 0);
	ck_assert_int_eq(symlink("../..", in_connection(mount, "service")), 0);
	make_text(in_connection(mount, "../../methods"),
		  "{\"memory\":{\"0\":\"ram\",\"0x1\":{\"buf\":\"rom\",\"ro\":true}}}\n", 0600);
	make_memory(in_connection(mount, "mem/9"), 0, 0600);
	new_directory(&mount->queue, 4096, 1000);
	ck_assert_int_eq(symlink(mount->queue.path, in_connection(mount, "queues/2")), 0);
	ck_assert_int_eq(symlink(file_in(&mount->queue, "notify"),
				 in_connection(mount, "port/2")), 0);
}

static inline void new_mount(struct plain_mount *mount)
{
	struct handle *service;
	char path[64];

	strcpy(mount->path, "/tmp/mount-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(mount->path));
	static const char *const folders[] = {
		"IOService", "IOService/Svc", "IOService/Svc/clients", "IOService/Other",
	};
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", mount->path, folders[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/IOService/Svc/id", mount->path);
	make_text(path, "0x100000101\n", 0600);
	snprintf(path, sizeof(path), "%s/IOService/Other/id", mount->path);
	make_text(path, "0x100000102\n", 0600);
	snprintf(path, sizeof(path), "%s/IOService/Svc/clone", mount->path);
	make_terminal(&mount->clone, path);
	snprintf(mount->connection, sizeof(mount->connection), "%s/IOService/Svc/clients/7",
		 mount->path);
	make_connection(mount);
	ck_assert_int_eq(registry_open(mount->path, "IOService/Svc", &service), 0);
	mount->service = handle_publish(service);
	ck_assert_int_gt(mount->service, 0);
}

/* Connection 7 */
static inline io_connect_t open_connection(const struct plain_mount *mount)
{
	io_connect_t connect = IO_OBJECT_NULL;

	say(&mount->clone, "7\n");
	ck_assert_int_eq(IOServiceOpen(mount->service, mach_task_self(), 0, &connect),
			 kIOReturnSuccess);
	ck_assert_int_gt(connect, 0);
	return connect;
}

/* The service was terminated. */
static inline void terminate(struct plain_mount *mount)
{
	close_terminal(&mount->clone);
	close_terminal(&mount->call);
}

static inline void remove_mount(struct plain_mount *mount)
{
	IOObjectRelease(mount->service);
	close_terminal(&mount->clone);
	close_terminal(&mount->call);
	close(mount->async);
	close(mount->port);
	remove_directory(&mount->queue);
	remove_all(mount->path);
}
