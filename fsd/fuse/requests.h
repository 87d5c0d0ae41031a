/* SPDX-License-Identifier: MIT */
/*
 * requests - what the kernel may ask for, as libfuse's table of operations
 *
 * directories.c has those on names and attributes, open_files.c those on open
 * files.
 */
#pragma once

#include "fuse/passthrough.h"
#include "store/store.h"
#include "tree/node.h"

extern const struct fuse_lowlevel_ops requests;

/* For open_files.c: the session, to make backing ids with; set once. */
void requests_init(struct fuse_session *session, struct store *store);

struct caller request_caller(fuse_req_t req);

/* Answer with the negative errno @error, and keep for the process why (service/refusal.h). */
void refuse(fuse_req_t req, int error);

/* Of a link that stands for a file: open it, say where it leads, close it. */
void open_as_link(fuse_req_t req, struct node *node, const struct row *row);

void request_open(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info);
void request_release(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info);
void request_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t at,
		  struct fuse_file_info *info);
void request_write(fuse_req_t req, fuse_ino_t inode, const char *data, size_t size, off_t at,
		   struct fuse_file_info *info);
void request_poll(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info,
		  struct fuse_pollhandle *handle);
void request_flush(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info);
void open_files_init(struct fuse_session *session);

/* Close what the kernel has not: at the end, when it will not ask any more. */
void open_files_close(void);
