/* SPDX-License-Identifier: MIT */
/*
 * session - the mount: the kernel's requests in, replies out
 *
 * The only folder that includes libfuse. A request is a node and a row, found
 * by inode number, and a call of theirs.
 */
#pragma once

#include "service/registry.h"

struct session;

enum memory_mode { MEMORY_AUTO, MEMORY_PASSTHROUGH, MEMORY_LINK };

/*
 * Mount at @mountpoint with the FUSE options @options (a list as after -o, or
 * NULL), find out whether passthrough is to be had, and set the memory mode.
 * What is wrong is logged. Return: 0, -EOPNOTSUPP when @mode is
 * MEMORY_PASSTHROUGH and it is not to be had, or what stopped us.
 */
int session_new(struct registry *registry, const char *mountpoint, const char *options,
		enum memory_mode mode, struct session **ret);

/* Answer requests from the loop, until it is unmounted; the loop is then stopped. */
int session_start(struct session *session);

/* Unmount, unless somebody else did. All requests under way end. */
struct session *session_free(struct session *session);
