/* SPDX-License-Identifier: MIT */
/*
 * parked - requests that cannot be answered yet, and polls that wait
 *
 * A parked request waits in its file's waits until these change; then it is tried
 * again, in order, each kind for itself. It is answered in one place, once: with
 * the call's result, or with EINTR when its process gave up.
 */
#pragma once

#include "fuse/passthrough.h"
#include "tree/node.h"

/* Make waits_changed() try parked requests again. Once, before any is parked. */
void parked_init(void);

/* Open, read or write now, or park: the request is answered or will be. */
void parked_open(fuse_req_t req, struct file *file);
void parked_read(fuse_req_t req, struct file *file, int flags, size_t size, off_t at);
void parked_write(fuse_req_t req, struct file *file, int flags, const char *data, size_t size,
		  off_t at);

/* Say what @file is ready for; @handle, unless NULL, is ours now, and told of a change. */
void parked_poll(fuse_req_t req, struct file *file, struct fuse_pollhandle *handle);

/* Requests of @file that wait are answered with -ENOTCONN: the mount ends. */
void parked_cancel(struct file *file);

/* @file is closed. */
void parked_forget(struct file *file);

/* open_files.c's, for parked.c: the call, and the answer, after which @file may be gone. */
int file_open(struct file *file, const struct caller *caller);
void file_reply_open(fuse_req_t req, struct file *file, int r);
void file_free(struct file *file);
