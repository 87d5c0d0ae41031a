/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tree/attribute.h"
#include "util/failure.h"

struct snapshot {
	uint64_t version;
	size_t size;
	char text[];
};

static int snapshot_new(struct node *node, const struct row *row, struct snapshot **ret)
{
	_cleanup_(freep) char *text = NULL;
	struct snapshot *snapshot;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -ENOMEM;
	r = row->show(node, out);
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	snapshot = malloc(sizeof(*snapshot) + size);
	if (!snapshot)
		return -ENOMEM;
	snapshot->size = size;
	snapshot->version = row->version ? row->version(node) : 0;
	memcpy(snapshot->text, text, size);
	*ret = snapshot;
	return 0;
}

static ssize_t attribute_read(struct file *file, void *buffer, size_t size, off_t at)
{
	struct snapshot *snapshot = file->state;

	if (at == 0 || !snapshot) {
		struct snapshot *fresh = NULL;
		int r = snapshot_new(file->node, file->row, &fresh);

		if (r < 0)
			return r;
		free(snapshot);
		file->state = snapshot = fresh;
	}
	return file_copy(buffer, size, at, snapshot->text, snapshot->size);
}

static ssize_t attribute_write(struct file *file, const void *data, size_t size, off_t at,
			       const struct caller *caller)
{
	int r;

	(void)at;
	(void)caller;
	if (size > ATTRIBUTE_MAX_VALUE)
		return failure(-EMSGSIZE, "more than %u bytes", ATTRIBUTE_MAX_VALUE);
	r = file->row->store(file->node, data, size);
	return r < 0 ? r : (ssize_t)size;
}

static void attribute_release(struct file *file)
{
	free(file->state);
}

static short attribute_poll(struct file *file)
{
	const struct snapshot *snapshot = file->state;
	bool changed = !snapshot || snapshot->version != file->row->version(file->node);

	return (short)(POLLIN | POLLOUT | (changed ? POLLPRI | POLLERR : 0));
}

const struct file_ops watched_attribute_ops = {
	.read = attribute_read,
	.poll = attribute_poll,
	.release = attribute_release,
};

const struct file_ops attribute_ops = {
	.read = attribute_read,
	.write = attribute_write,
	.release = attribute_release,
};
