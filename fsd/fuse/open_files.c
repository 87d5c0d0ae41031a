/* SPDX-License-Identifier: MIT */
/*
 * Requests on open files. What may have to wait is parked.c's.
 */
#include <errno.h>
#include <fcntl.h>

#include "fuse/parked.h"
#include "fuse/requests.h"

static struct fuse_session *session;
static struct list open_files = LIST_INIT(open_files);

void open_files_init(struct fuse_session *fuse_session)
{
	session = fuse_session;
	parked_init();
}

static struct file *file_of(const struct fuse_file_info *info)
{
	return (struct file *)(uintptr_t)info->fh;
}

/* What a row is not for, not even root may: the bits of the map, not those of chmod(1). */
static int check_direction(const struct row *row, int flags)
{
	int access = flags & O_ACCMODE;

	if (access != O_WRONLY && !(row->mode & 0444))
		return -EACCES;
	if (access != O_RDONLY && !(row->mode & 0222))
		return -EACCES;
	return 0;
}

/* One id for all opens of a file at a time. */
static int join_backing(struct file *file)
{
	struct backing *backing = file->row->ops->backing(file);

	if (backing->n_open == 0) {
		_cleanup_(closep) int fd = file->row->ops->backing_open(file);
		int32_t id = fd < 0 ? fd : passthrough_open(session, fd);

		if (id < 0)
			return id;
		backing->id = id;
	}
	backing->n_open++;
	file->is_backed = true;
	return 0;
}

static void leave_backing(struct file *file)
{
	struct backing *backing = file->row->ops->backing(file);

	if (--backing->n_open == 0) {
		passthrough_close(session, backing->id);
		backing->id = 0;
	}
}

void file_free(struct file *file)
{
	const struct file_ops *ops = file->row->ops;

	parked_forget(file);
	list_remove(&file->open_files);
	if (file->is_backed)
		leave_backing(file);
	if (ops->release && file->is_open)
		ops->release(file);
	node_unref(file->node);
	free(file);
}

static struct file *file_new(struct node *node, const struct row *row, int flags)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	*file = (struct file){ .row = row, .node = node_ref(node), .flags = flags };
	waits_init(&file->own);
	list_init(&file->pollers);
	list_init(&file->open_files);
	list_append(&open_files, &file->open_files);
	return file;
}

int file_open(struct file *file, const struct caller *caller)
{
	const struct file_ops *ops = file->row->ops;
	int r = ops->open ? ops->open(file, caller) : 0;

	file->is_open |= r == 0 || r == FILE_WAIT_ALWAYS;
	if (r == 0 && ops->backing && !file->as_link)
		r = join_backing(file);
	return r;
}

static void reply_link(fuse_req_t req, struct file *file)
{
	_cleanup_(freep) char *target = file->row->ops->link(file);

	if (target)
		fuse_reply_readlink(req, target);
	else
		fuse_reply_err(req, ENOMEM);
	file_free(file);
}

void file_reply_open(fuse_req_t req, struct file *file, int r)
{
	const struct file_ops *ops = file->row->ops;
	uint32_t flags = OPEN_DIRECT_IO | (ops->flush ? 0 : OPEN_NOFLUSH) |
			 (ops->stream ? OPEN_STREAM : 0);
	int32_t id = 0;

	if (r < 0) {
		refuse(req, r);
		file_free(file);
		return;
	}
	if (file->as_link) {
		reply_link(req, file);
		return;
	}
	if (file->is_backed) {
		flags |= OPEN_PASSTHROUGH;
		id = ops->backing(file)->id;
	}
	if (passthrough_reply_open(req, (uintptr_t)file, flags, id) < 0)
		file_free(file);	/* nobody is there to have it, or to close it */
}

static void open_row(fuse_req_t req, struct node *node, const struct row *row, int flags,
		     bool as_link)
{
	struct file *file = file_new(node, row, flags);

	if (!file) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	file->as_link = as_link;
	parked_open(req, file);
}

void open_as_link(fuse_req_t req, struct node *node, const struct row *row)
{
	open_row(req, node, row, O_RDONLY, true);
}

void request_open(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	const struct row *row = NULL;
	struct node *node = node_by_inode(inode, &row);
	int r = !node ? -ESTALE : !row ? -EISDIR : !row->ops ? -ENXIO :
		check_direction(row, info->flags);

	if (r < 0)
		refuse(req, r);
	else
		open_row(req, node, row, info->flags, false);
}

void open_files_close(void)
{
	struct list cancelled = LIST_INIT(cancelled);

	/* An answer to an open closes the file, and with it what others' opens may wait for. */
	while (!list_is_empty(&open_files)) {
		struct file *file = container_of(open_files.next, struct file, open_files);

		list_remove(&file->open_files);
		list_append(&cancelled, &file->open_files);
		parked_cancel(file);
	}
	while (!list_is_empty(&cancelled))
		file_free(container_of(cancelled.next, struct file, open_files));
}

void request_release(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	file_free(file_of(info));
	fuse_reply_err(req, 0);
}

void request_flush(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	struct file *file = file_of(info);
	int r = file->row->ops->flush ? file->row->ops->flush(file) : 0;

	(void)inode;
	if (r < 0)
		refuse(req, r);
	else
		fuse_reply_err(req, 0);
}

void request_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t at,
		  struct fuse_file_info *info)
{
	(void)inode;
	parked_read(req, file_of(info), info->flags, size, at);
}

void request_write(fuse_req_t req, fuse_ino_t inode, const char *data, size_t size, off_t at,
		   struct fuse_file_info *info)
{
	(void)inode;
	file_of(info)->flags = info->flags;	/* fcntl(2) may have changed them */
	parked_write(req, file_of(info), info->flags, data, size, at);
}

void request_poll(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info,
		  struct fuse_pollhandle *handle)
{
	(void)inode;
	parked_poll(req, file_of(info), handle);
}
