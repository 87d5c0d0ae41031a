/* SPDX-License-Identifier: MIT */
/*
 * mount - which mount is meant, its files, and what a refusal says
 *
 * Every descriptor from here is closed on exec, and none is one of the first
 * three: they are handed to programs, and a program that has closed its standard
 * output must not print into a session.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <IOKit/IOReturn.h>

/*
 * The mount that a main port means: a descriptor of its root, or 0 for the default
 * one, which is $FSD_MOUNT or else the first there is.
 * Return: kIOReturnSuccess and its absolute path in *@ret, the caller's;
 * kIOReturnNotPrivileged when @port is no mount's; kIOReturnNoDevice when there is no mount;
 * kIOReturnNoMemory.
 */
IOReturn mount_of_port(mach_port_t port, char **ret);

/*
 * The mount that @directory, an absolute path, is in the service plane of; the caller's, or NULL.
 */
char *mount_of_directory(const char *directory);

/*
 * The path of the mount that a line of mountinfo tells of, if fsd's, and made by root or us; the
 * caller's, or NULL: "36 35 0:42 / /mnt/x rw - fuse.fsd fsd rw,user_id=0".
 */
char *mount_of_line(const char *line);

/* Is there one at @mount, now? */
bool mount_is_there(const char *mount);

/* What a system call returned as a new descriptor. Return: one of ours, or the negative errno. */
int fd_above_standard(int fd);

/* $M/@file. Return: a descriptor, or a negative errno. */
int mount_open(const char *mount, const char *file, int flags);

/* Likewise, below the directory @at, or by an absolute path. */
int file_open(int at, const char *file, int flags);

/*
 * All of a file that is a value or a document, ended by NUL, the caller's; @ret_size may be
 * NULL. A signal does not end a read that waits. Return: 0, -EMSGSIZE for more than 256 MiB, or
 * what failed.
 */
int file_read(int at, const char *file, char **ret, size_t *ret_size);

/* Likewise, and less the newline at its end. */
int file_read_line(int at, const char *file, char **ret);

/* All in one write. Return: 0 or a negative errno. */
int file_write(int at, const char *file, const char *text, size_t size);

/* The same of an open file: of a session up to its end, or of one that is a value. */
int stream_read(int fd, char **ret, size_t *ret_size);
int value_read(int fd, char **ret, size_t *ret_size);
int stream_write(int fd, const char *text, size_t size);

/*
 * The result for a negative errno that a file of @mount gave: fsd knows the exact code, in
 * err/PID; else the errno's own. 0 or more: kIOReturnSuccess. Where fsd has ended:
 * MACH_SEND_INVALID_DEST.
 */
IOReturn mount_result(const char *mount, int r);

/* The code of fsd's last refusal of this process in @mount, or 0: err/PID. */
IOReturn mount_last_refusal(const char *mount);

/*
 * A memory type of @mount was refused to this process just now. Return: the code that the driver
 * gave, or kIOReturnBadArgument where it was not the driver.
 */
IOReturn mount_memory_refusal(const char *mount);
