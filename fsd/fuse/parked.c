/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "fuse/parked.h"
#include "util/log.h"

/* All data of parked writes: each process that waits holds up to a transfer's. */
#define MAX_PARKED_BYTES (64u << 20)

struct parked {
	struct list link;		/* node->parked */
	fuse_req_t req;
	struct file *file;		/* open as long as the request is under way */
	char *data;			/* owned: a write's; NULL: a read */
	size_t size;
	off_t at;
};

static size_t n_parked_bytes;
static char transfer[FILE_MAX_TRANSFER];

/* The one place where a read or write is answered. */
static void reply(fuse_req_t req, bool is_write, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (is_write)
		fuse_reply_write(req, (size_t)n);
	else
		fuse_reply_buf(req, transfer, (size_t)n);
}

static ssize_t call(struct file *file, const char *data, size_t size, off_t at)
{
	const struct file_ops *ops = file->row->ops;

	if (data)
		return ops->write ? ops->write(file, data, size) : -EOPNOTSUPP;
	if (size > sizeof(transfer))
		size = sizeof(transfer);
	return ops->read ? ops->read(file, transfer, size, at) : -EOPNOTSUPP;
}

/* Somebody was here before, for the same: the order is kept. */
static bool has_parked(const struct file *file)
{
	struct parked *other;

	list_for_each(other, &file->node->parked, link)
		if (other->file->row == file->row)
			return true;
	return false;
}

static void parked_free(struct parked *parked)
{
	list_remove(&parked->link);
	if (parked->data)
		n_parked_bytes -= parked->size;
	free(parked->data);
	free(parked);
}

static void finish(struct parked *parked, ssize_t n)
{
	fuse_req_t req = parked->req;
	bool is_write = parked->data;

	parked_free(parked);
	reply(req, is_write, n);
}

/* libfuse holds the request's lock here: it must be told nothing but the answer. */
static void on_interrupt(fuse_req_t req, void *user)
{
	struct parked *parked = user;
	struct node *node = node_ref(parked->file->node);

	(void)req;
	finish(parked, -EINTR);
	node_changed(node);		/* who waited behind it may be next */
	node_unref(node);
}

static int copy_data(struct parked *parked, const char *data)
{
	if (n_parked_bytes + parked->size > MAX_PARKED_BYTES) {
		log_limited("too many writes wait for room; one to '%s' is told to try again",
			    parked->file->node->name);
		return -EAGAIN;
	}
	parked->data = malloc(parked->size + 1);
	if (!parked->data)
		return -ENOMEM;
	memcpy(parked->data, data, parked->size);
	n_parked_bytes += parked->size;
	return 0;
}

static int park(fuse_req_t req, struct file *file, const char *data, size_t size, off_t at)
{
	struct parked *parked;
	int r;

	if (fuse_req_interrupted(req))
		return -EINTR;
	parked = calloc(1, sizeof(*parked));
	if (!parked)
		return -ENOMEM;
	*parked = (struct parked){ .req = req, .file = file, .size = size, .at = at };
	r = data ? copy_data(parked, data) : 0;
	if (r < 0) {
		free(parked);
		return r;
	}
	list_append(&file->node->parked, &parked->link);
	fuse_req_interrupt_func(req, on_interrupt, parked);
	return 0;
}

/*
 * Try those that wait, until each kind has one that must go on waiting and has
 * said so. Return: whether some are ready after all, and it must be done again.
 */
static bool retry_requests(struct node *node)
{
	const struct row *waiting = NULL, *also_waiting = NULL;
	struct parked *parked;
	bool again = false;

	list_for_each(parked, &node->parked, link) {
		const struct row *row = parked->file->row;
		ssize_t n;
		int r;

		if (row == waiting || row == also_waiting)
			continue;
		n = call(parked->file, parked->data, parked->size, parked->at);
		if (n != -EAGAIN) {
			finish(parked, n);
			continue;
		}
		also_waiting = waiting;
		waiting = row;
		r = row->ops->wait(parked->file);
		if (r < 0)
			finish(parked, r);
		again |= r != 0;
	}
	return again;
}

static void notify_poller(struct file *file)
{
	struct fuse_pollhandle *handle = steal(file->poll_handle);

	list_remove(&file->pollers);
	fuse_lowlevel_notify_poll(handle);
	fuse_pollhandle_destroy(handle);
}

static void retry_polls(struct node *node)
{
	struct file *file;

	list_for_each(file, &node->pollers, pollers)
		if (file->row->ops->poll(file) != 0 || file->row->ops->wait(file) != 0)
			notify_poller(file);
}

/* Who polls knows what there was. A call has changed that: see to it that what comes next is told. */
static void rearm_polls(struct node *node)
{
	struct file *file;

	list_for_each(file, &node->pollers, pollers)
		if (file->row->ops->poll(file) == 0 && file->row->ops->wait(file) != 0)
			notify_poller(file);
}

static void retry(struct node *node)
{
	node_ref(node);
	while (retry_requests(node))
		;
	retry_polls(node);
	node_unref(node);
}

void parked_init(void)
{
	tree_on_change = retry;
}

static void try_or_park(fuse_req_t req, struct file *file, int flags, const char *data,
			size_t size, off_t at)
{
	ssize_t n = file->row->ops->wait && has_parked(file) ? -EAGAIN : call(file, data, size, at);
	int r;

	if (n != -EAGAIN || (flags & O_NONBLOCK)) {
		reply(req, data, n);
		rearm_polls(file->node);
		return;
	}
	r = park(req, file, data, size, at);
	if (r < 0)
		reply(req, data, r);
	else
		retry(file->node);
}

void parked_read(fuse_req_t req, struct file *file, int flags, size_t size, off_t at)
{
	try_or_park(req, file, flags, NULL, size, at);
}

void parked_write(fuse_req_t req, struct file *file, int flags, const char *data, size_t size)
{
	try_or_park(req, file, flags, data, size, 0);
}

void parked_cancel(struct file *file)
{
	struct parked *parked;

	list_for_each(parked, &file->node->parked, link)
		if (parked->file == file)
			finish(parked, -ENOTCONN);
}

void parked_forget(struct file *file)
{
	if (file->poll_handle)
		fuse_pollhandle_destroy(steal(file->poll_handle));
	list_remove(&file->pollers);
}

void parked_poll(fuse_req_t req, struct file *file, struct fuse_pollhandle *handle)
{
	const struct file_ops *ops = file->row->ops;
	short ready;

	/* The handle first: a change between the look and the answer is then told. */
	parked_forget(file);
	file->poll_handle = handle;
	if (handle)
		list_append(&file->node->pollers, &file->pollers);
	if (!ops->poll) {	/* always ready: there will be nothing to tell */
		parked_forget(file);
		fuse_reply_poll(req, POLLIN | POLLOUT);
		return;
	}
	ready = ops->poll(file);
	if (ready == 0 && handle && ops->wait(file) != 0)
		ready = ops->poll(file);
	fuse_reply_poll(req, (unsigned)ready);
}
