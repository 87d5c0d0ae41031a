/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "fuse/parked.h"
#include "fuse/requests.h"
#include "util/log.h"
#include "util/share.h"

/* All data of a user's parked writes: each process that waits holds up to a transfer's. */
#define MAX_PARKED_BYTES (64u << 20)

enum call { CALL_OPEN, CALL_READ, CALL_WRITE };

struct parked {
	struct list link;		/* waits.parked */
	fuse_req_t req;
	struct file *file;		/* there as long as the request is under way */
	enum call call;
	char *data;			/* owned: a write's */
	size_t size;
	off_t at;
	struct caller caller;
};

static struct shares parked_bytes = SHARES_INIT(parked_bytes);
static char transfer[FILE_MAX_TRANSFER];

/* The one place where an open, a read or a write is answered. */
static void reply(fuse_req_t req, struct file *file, enum call call, ssize_t n)
{
	if (call == CALL_OPEN)
		file_reply_open(req, file, (int)n);
	else if (n < 0)
		refuse(req, (int)n);
	else if (call == CALL_WRITE)
		fuse_reply_write(req, (size_t)n);
	else
		fuse_reply_buf(req, transfer, (size_t)n);
}

static ssize_t try(const struct parked *call)
{
	const struct file_ops *ops = call->file->row->ops;
	size_t size = call->size;

	if (call->call == CALL_OPEN)
		return file_open(call->file, &call->caller);
	if (call->call == CALL_WRITE)
		return ops->write ? ops->write(call->file, call->data, size, call->at, &call->caller)
				  : -EOPNOTSUPP;
	if (size > sizeof(transfer))
		size = sizeof(transfer);
	return ops->read ? ops->read(call->file, transfer, size, call->at) : -EOPNOTSUPP;
}

/* Not now, says the operation. */
static bool must_wait(const struct file *file, ssize_t n)
{
	return n == FILE_WAIT || n == FILE_WAIT_ALWAYS || (n == -EAGAIN && file->row->ops->wait);
}

/* Somebody was here before, for the same: the order is kept. */
static bool has_parked(struct file *file)
{
	struct parked *other;

	list_for_each(other, &file_waits(file)->parked, link)
		if (other->file->row == file->row)
			return true;
	return false;
}

static void parked_free(struct parked *parked)
{
	list_remove(&parked->link);
	if (parked->data)
		share_give_back(&parked_bytes, parked->caller.uid, parked->size);
	free(parked->data);
	free(parked);
}

static void finish(struct parked *parked, ssize_t n)
{
	fuse_req_t req = parked->req;
	struct file *file = parked->file;
	enum call call = parked->call;

	parked_free(parked);
	reply(req, file, call, n);
}

/* libfuse holds the request's lock here: it must be told nothing but the answer. */
static void on_interrupt(fuse_req_t req, void *user)
{
	struct parked *parked = user;
	struct node *node = node_ref(parked->file->node);
	const struct file_ops *ops = parked->file->row->ops;
	size_t done = 0;

	(void)req;
	if (parked->call == CALL_WRITE && ops->interrupted)
		done = ops->interrupted(parked->file);
	finish(parked, done ? (ssize_t)done : -EINTR);
	if (!ops->own_waits)
		node_changed(node);	/* who waited behind it may be next */
	node_unref(node);
}

static int copy_data(struct parked *parked, const char *data)
{
	int r = share_take(&parked_bytes, parked->caller.uid, parked->size, MAX_PARKED_BYTES);

	if (r == -EDQUOT) {
		log_limited("too many writes wait for room; one to '%s' is told to try again",
			    parked->file->node->name);
		return -EAGAIN;
	}
	if (r < 0)
		return r;
	parked->data = malloc(parked->size + 1);
	if (!parked->data) {
		share_give_back(&parked_bytes, parked->caller.uid, parked->size);
		return -ENOMEM;
	}
	memcpy(parked->data, data, parked->size);
	return 0;
}

static int park(const struct parked *call)
{
	struct parked *parked;
	int r;

	if (fuse_req_interrupted(call->req))
		return -EINTR;
	parked = malloc(sizeof(*parked));
	if (!parked)
		return -ENOMEM;
	*parked = *call;
	parked->data = NULL;
	r = call->call == CALL_WRITE ? copy_data(parked, call->data) : 0;
	if (r < 0) {
		free(parked);
		return r;
	}
	list_append(&file_waits(call->file)->parked, &parked->link);
	fuse_req_interrupt_func(call->req, on_interrupt, parked);
	return 0;
}

/* See to it that there will be a change. Return: as file_ops.wait. */
static int wait_for_change(struct file *file)
{
	return file->row->ops->wait ? file->row->ops->wait(file) : 0;
}

/* One that must go on waiting: who is behind it for the same need not try. */
struct kind {
	const struct row *row;
	enum call call;
};

static bool is_of_kind(const struct parked *parked, const struct kind *kind)
{
	return parked->file->row == kind->row && parked->call == kind->call;
}

/*
 * Try those that wait, until each kind has one that must go on waiting and has
 * said so. Return: whether some are ready after all, and it must be done again.
 */
static bool retry_requests(struct waits *waits)
{
	struct kind waiting = { 0 }, also_waiting = { 0 };
	struct parked *parked;
	bool again = false;

	list_for_each(parked, &waits->parked, link) {
		const struct row *row = parked->file->row;
		ssize_t n;
		int r;

		if (is_of_kind(parked, &waiting) || is_of_kind(parked, &also_waiting))
			continue;
		n = try(parked);
		if (!must_wait(parked->file, n)) {
			finish(parked, n);
			continue;
		}
		if (!row->ops->own_waits) {
			also_waiting = waiting;
			waiting = (struct kind){ row, parked->call };
		}
		r = wait_for_change(parked->file);
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

static void retry_polls(struct waits *waits)
{
	struct file *file;

	list_for_each(file, &waits->pollers, pollers)
		if (file->row->ops->poll(file) != 0 || wait_for_change(file) != 0)
			notify_poller(file);
}

/* Who polls knows what there was. A call has changed that: see to it that what follows is told. */
static void rearm_polls(struct waits *waits)
{
	struct file *file;

	list_for_each(file, &waits->pollers, pollers)
		if (file->row->ops->poll(file) == 0 && wait_for_change(file) != 0)
			notify_poller(file);
}

/* An open that waits on the file's own waits is alone there, and its answer may free them. */
static bool retry_open(struct waits *waits)
{
	struct parked *parked = container_of(waits->parked.next, struct parked, link);
	ssize_t n;

	if (list_is_empty(&waits->parked) || parked->call != CALL_OPEN ||
	    waits != &parked->file->own)
		return false;
	do {
		waits->changed = false;
		n = try(parked);
	} while (must_wait(parked->file, n) && waits->changed);
	waits->is_retried = false;
	if (!must_wait(parked->file, n))
		finish(parked, n);
	return true;
}

/* What is tried may change its own waits, as a line that ends the connection does: then again. */
static void retry(struct waits *waits)
{
	waits->changed = true;
	if (waits->is_retried)
		return;
	waits->is_retried = true;
	if (retry_open(waits))
		return;
	while (waits->changed) {
		waits->changed = false;
		waits->changed |= retry_requests(waits);
	}
	waits->is_retried = false;
	retry_polls(waits);
}

void parked_init(void)
{
	tree_on_change = retry;
}

static void try_or_park(struct parked *call, int flags)
{
	struct file *file = call->file;
	struct node *node = node_ref(file->node);
	bool wait_in_line = call->call != CALL_OPEN && file->row->ops->wait && has_parked(file);
	ssize_t n = wait_in_line ? FILE_WAIT : try(call);
	bool may_park = n == FILE_WAIT_ALWAYS || !(flags & O_NONBLOCK);
	int r;

	if (!must_wait(file, n) || !may_park) {
		struct waits *waits = file_waits(file);
		bool is_gone = call->call == CALL_OPEN;		/* it may be */

		reply(call->req, file, call->call, must_wait(file, n) ? -EAGAIN : n);
		if (!is_gone)
			rearm_polls(waits);
	} else {
		r = park(call);
		if (r < 0 && call->call == CALL_WRITE && file->row->ops->interrupted)
			file->row->ops->interrupted(file);
		if (r < 0)
			reply(call->req, file, call->call, r);
		else if (file->row->ops->wait)
			retry(file_waits(file));
	}
	node_unref(node);
}

void parked_open(fuse_req_t req, struct file *file)
{
	struct parked call = { .req = req, .file = file, .call = CALL_OPEN,
			       .caller = request_caller(req) };

	try_or_park(&call, 0);
}

void parked_read(fuse_req_t req, struct file *file, int flags, size_t size, off_t at)
{
	struct parked call = { .req = req, .file = file, .call = CALL_READ, .size = size, .at = at };

	try_or_park(&call, flags);
}

void parked_write(fuse_req_t req, struct file *file, int flags, const char *data, size_t size,
		  off_t at)
{
	union { const char *in; char *out; } text = { .in = data };	/* only looked at */
	struct parked call = { .req = req, .file = file, .call = CALL_WRITE, .data = text.out,
			       .size = size, .at = at, .caller = request_caller(req) };

	try_or_park(&call, flags);
}

void parked_cancel(struct file *file)
{
	struct parked *parked;

	list_for_each(parked, &file_waits(file)->parked, link)
		if (parked->file == file && parked->call != CALL_OPEN)
			finish(parked, -ENOTCONN);
	list_for_each(parked, &file_waits(file)->parked, link)
		if (parked->file == file) {	/* answering frees the file, and its waits */
			finish(parked, -ENOTCONN);
			return;
		}
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
		list_append(&file_waits(file)->pollers, &file->pollers);
	if (!ops->poll) {	/* always ready: there will be nothing to tell */
		parked_forget(file);
		fuse_reply_poll(req, POLLIN | POLLOUT);
		return;
	}
	ready = ops->poll(file);
	if (ready == 0 && handle && wait_for_change(file) != 0)
		ready = ops->poll(file);
	fuse_reply_poll(req, (unsigned)ready);
}
