/* SPDX-License-Identifier: MIT */
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

static void file_free(struct file *file)
{
	const struct file_ops *ops = file->row->ops;

	parked_forget(file);
	list_remove(&file->open_files);
	if (ops->backing)
		leave_backing(file);
	if (ops->release)
		ops->release(file);
	node_unref(file->node);
	free(file);
}

static int file_new(struct node *node, const struct row *row, int flags,
		    const struct caller *caller, struct file **ret)
{
	_cleanup_(freep) struct file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	*file = (struct file){ .row = row, .node = node, .flags = flags };
	list_init(&file->open_files);
	list_init(&file->pollers);
	r = row->ops->open ? row->ops->open(file, caller) : 0;
	if (r < 0)
		return r;
	r = row->ops->backing ? join_backing(file) : 0;
	if (r < 0) {
		if (row->ops->release)
			row->ops->release(file);
		return r;
	}
	node_ref(node);
	list_append(&open_files, &file->open_files);
	*ret = steal(file);
	return 0;
}

static int open_file(fuse_req_t req, fuse_ino_t inode, int flags, struct file **ret)
{
	struct caller caller = request_caller(req);
	const struct row *row = NULL;
	struct node *node = node_by_inode(inode, &row);
	int r;

	if (!node)
		return -ESTALE;
	if (!row)
		return -EISDIR;
	if (!row->ops)
		return -ENXIO;
	r = check_direction(row, flags);
	return r < 0 ? r : file_new(node, row, flags, &caller, ret);
}

void request_open(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	uint32_t flags = OPEN_DIRECT_IO | OPEN_NOFLUSH;
	struct file *file;
	int32_t id = 0;
	int r = open_file(req, inode, info->flags, &file);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (file->row->ops->stream)
		flags |= OPEN_STREAM;
	if (file->row->ops->backing) {
		flags |= OPEN_PASSTHROUGH;
		id = file->row->ops->backing(file)->id;
	}
	if (passthrough_reply_open(req, (uintptr_t)file, flags, id) < 0)
		file_free(file);	/* nobody is there to have it, or to close it */
}

void open_files_close(void)
{
	struct file *file;

	list_for_each(file, &open_files, open_files)
		parked_cancel(file);
	while (!list_is_empty(&open_files))
		file_free(container_of(open_files.next, struct file, open_files));
}

void request_release(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	file_free(file_of(info));
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
	(void)at;
	file_of(info)->flags = info->flags;	/* fcntl(2) may have changed them */
	parked_write(req, file_of(info), info->flags, data, size);
}

void request_poll(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info,
		  struct fuse_pollhandle *handle)
{
	(void)inode;
	parked_poll(req, file_of(info), handle);
}
