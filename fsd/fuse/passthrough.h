/* SPDX-License-Identifier: MIT */
/*
 * passthrough - a mapping of a file in the mount reaches memory of ours
 *
 * libfuse has it from 3.17 on. Before, what the kernel wants to hear is added
 * to libfuse's answer to INIT from outside. The one file that knows the version.
 */
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <stdint.h>

/* Ask for it when INIT comes. Call after fuse_session_mount(). Return: 0 or an errno. */
int passthrough_request(struct fuse_session *session);

/*
 * libfuse's init operation must call this; the session's user data is not used.
 *
 * It also declines asynchronous I/O, which nobody can interrupt: who waits for room would
 * survive SIGKILL, and what is asked in the background, such as to close, would wait behind him.
 */
void passthrough_init(struct fuse_conn_info *connection);

/*
 * Let files of the mount be backed by the file @fd, which may be closed then.
 * Return: an id above 0, or a negative errno: -EPERM when we may not,
 * -EOPNOTSUPP when the kernel cannot.
 */
int32_t passthrough_open(struct fuse_session *session, int fd);
void passthrough_close(struct fuse_session *session, int32_t id);

#define OPEN_DIRECT_IO		(1u << 0)	/* read and write come to us */
#define OPEN_STREAM		(1u << 4)	/* no position, and no lock on it */
#define OPEN_NOFLUSH		(1u << 5)
#define OPEN_PASSTHROUGH	(1u << 7)

/*
 * Answer OPEN with flags that libfuse has no fields for.
 * Return: 0, or an errno when nobody waits for the answer any more.
 */
int passthrough_reply_open(fuse_req_t req, uint64_t handle, uint32_t flags, int32_t backing_id);
