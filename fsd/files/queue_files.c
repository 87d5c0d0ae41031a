/* SPDX-License-Identifier: MIT */
/*
 * A queue: its memory, an entry a write or a read, and its numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>

#include "files/files.h"
#include "service/agent.h"
#include "util/failure.h"
#include "util/number.h"

static struct queue *queue_of(const struct file *file)
{
	return file->node->object;
}

/* data, consumer: memory to map; open for writing, the role that writes it */

static enum side side_of(const struct file *file)
{
	return file->row->ops == &queue_data_ops ? SIDE_PRODUCER : SIDE_CONSUMER;
}

static bool is_writing(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

static int memory_open(struct file *file, const struct caller *caller)
{
	if (queue_of(file)->removed)
		return -ENODEV;
	if (file->flags & O_TRUNC)
		return -EPERM;
	return is_writing(file) ? seat_take(&queue_of(file)->seats[side_of(file)], caller) : 0;
}

static void memory_release(struct file *file)
{
	if (is_writing(file))
		seat_release(&queue_of(file)->seats[side_of(file)]);
}

static int memory_open_backing(struct file *file)
{
	struct queue *queue = queue_of(file);

	return store_open_memory(queue->registry->store, queue->node->id, side_of(file), O_RDWR);
}

static struct backing *memory_backing(struct file *file)
{
	return &queue_of(file)->backings[side_of(file)];
}

static ssize_t memory_read(struct file *file, void *buffer, size_t size, off_t at)
{
	_cleanup_(closep) int fd = memory_open_backing(file);
	ssize_t n = fd < 0 ? -1 : pread(fd, buffer, size, at);

	if (fd < 0)
		return fd;
	return n < 0 ? -errno : n;
}

const struct file_ops queue_data_ops = {
	.open = memory_open,
	.read = memory_read,
	.release = memory_release,
	.backing = memory_backing,
	.backing_open = memory_open_backing,
};

const struct file_ops queue_consumer_ops = {
	.open = memory_open,
	.read = memory_read,
	.release = memory_release,
	.backing = memory_backing,
	.backing_open = memory_open_backing,
};

static char *memory_target(struct node *node, enum side side)
{
	struct queue *queue = node->object;

	return store_memory_path(queue->registry->store, node->id, side);
}

char *queue_data_target(struct node *node)
{
	return memory_target(node, SIDE_PRODUCER);
}

char *queue_consumer_target(struct node *node)
{
	return memory_target(node, SIDE_CONSUMER);
}

uint64_t queue_data_size(struct node *node)
{
	const struct queue *queue = node->object;

	return geometry_file_size(&queue->geometry);
}

uint64_t queue_consumer_size(struct node *node)
{
	(void)node;
	return QUEUE_PAGE;
}

/* enqueue: each write is an entry. `state` is the size that found no room. */

static size_t wanted_size(const struct file *file)
{
	return (uintptr_t)file->state;
}

static int enqueue_open(struct file *file, const struct caller *caller)
{
	(void)caller;
	return agent_join(queue_of(file), SIDE_PRODUCER);
}

static ssize_t enqueue_write(struct file *file, const void *data, size_t size, off_t at,
			     const struct caller *caller)
{
	(void)at;
	(void)caller;
	int r;

	if (size > FILE_MAX_WHOLE)
		return -EMSGSIZE;	/* perhaps the first piece of a longer write */
	/* Who waits for room is not refused, and no overrun. */
	r = file->flags & O_NONBLOCK ? 0 : agent_can_enqueue(queue_of(file), size);
	if (r == 0)
		r = agent_enqueue(queue_of(file), data, size);
	file->state = r == -EOVERFLOW ? (void *)(uintptr_t)size : NULL;
	if (r == -EOVERFLOW)
		return -EAGAIN;
	return r < 0 ? r : (ssize_t)size;
}

static short enqueue_poll(struct file *file)
{
	int r = agent_can_enqueue(queue_of(file), wanted_size(file));

	return r == -EOVERFLOW ? 0 : r < 0 ? POLLERR : POLLOUT;
}

static int enqueue_wait(struct file *file)
{
	return agent_wait(queue_of(file), SIDE_PRODUCER, wanted_size(file));
}

static void enqueue_release(struct file *file)
{
	agent_leave(queue_of(file), SIDE_PRODUCER);
}

const struct file_ops queue_enqueue_ops = {
	.stream = true,
	.apart = true,
	.open = enqueue_open,
	.write = enqueue_write,
	.poll = enqueue_poll,
	.wait = enqueue_wait,
	.release = enqueue_release,
};

/*
 * dequeue: each read is an entry. It can be seeked in, which means nothing, so that
 * bash's read and head(1) may take more than a byte at a time and "give back" the rest.
 */

static int dequeue_open(struct file *file, const struct caller *caller)
{
	(void)caller;
	return agent_join(queue_of(file), SIDE_CONSUMER);
}

static ssize_t dequeue_read(struct file *file, void *buffer, size_t size, off_t at)
{
	/* A full piece would make the kernel ask for the next, which is another entry. */
	uint32_t n = (uint32_t)(size < FILE_MAX_WHOLE ? size : FILE_MAX_WHOLE);
	int r = agent_dequeue(queue_of(file), buffer, &n);

	(void)at;
	if (r == -ENODATA)
		return -EAGAIN;
	if (r == -ENOSPC)
		return -EMSGSIZE;
	return r < 0 ? r : (ssize_t)n;
}

static short dequeue_poll(struct file *file)
{
	int r = agent_can_dequeue(queue_of(file));

	return r == -ENODATA ? 0 : r < 0 ? POLLERR : POLLIN;
}

static int dequeue_wait(struct file *file)
{
	return agent_wait(queue_of(file), SIDE_CONSUMER, 0);
}

static void dequeue_release(struct file *file)
{
	agent_leave(queue_of(file), SIDE_CONSUMER);
}

const struct file_ops queue_dequeue_ops = {
	.open = dequeue_open,
	.read = dequeue_read,
	.poll = dequeue_poll,
	.wait = dequeue_wait,
	.release = dequeue_release,
};

/* peek: the next entry, from offset 0 on; `state` is its position */

static ssize_t peek_read(struct file *file, void *buffer, size_t size, off_t at)
{
	if (!file->state && !(file->state = calloc(1, sizeof(uint64_t))))
		return -ENOMEM;
	return queue_peek(queue_of(file), buffer, size, (size_t)at, file->state);
}

static void peek_release(struct file *file)
{
	free(file->state);
}

const struct file_ops queue_peek_ops = {
	.read = peek_read,
	.release = peek_release,
};

/* Attributes */

static int store_bytes(struct node *node, const char *text, size_t size,
		       int (*set)(struct queue *queue, uint64_t bytes))
{
	uint64_t bytes;
	int r = number_parse(text, size, &bytes);

	if (r == 0)
		r = set(node->object, bytes);
	return r == -EINVAL ? failure(r, "a number of bytes is wanted that a ring can have") : r;
}

int queue_capacity_show(struct node *node, FILE *out)
{
	const struct queue *queue = node->object;

	fprintf(out, "%" PRIu64 "\n", queue->geometry.capacity);
	return 0;
}

int queue_capacity_store(struct node *node, const char *text, size_t size)
{
	return store_bytes(node, text, size, queue_set_capacity);
}

int queue_max_entry_show(struct node *node, FILE *out)
{
	const struct queue *queue = node->object;

	fprintf(out, "%" PRIu32 "\n", queue->geometry.max_entry);
	return 0;
}

int queue_max_entry_store(struct node *node, const char *text, size_t size)
{
	return store_bytes(node, text, size, queue_set_max_entry);
}

int queue_entries_show(struct node *node, FILE *out)
{
	struct ring_status status;
	int r = queue_observe(node->object, &status);

	fprintf(out, "%" PRIu64 "\n", status.entries);
	return r;
}

int queue_used_show(struct node *node, FILE *out)
{
	struct ring_status status;
	int r = queue_observe(node->object, &status);

	fprintf(out, "%" PRIu64 "\n", status.used);
	return r;
}

int queue_free_show(struct node *node, FILE *out)
{
	struct ring_status status;
	int r = queue_observe(node->object, &status);

	fprintf(out, "%" PRIu64 "\n", status.free);
	return r;
}

int queue_stats_show(struct node *node, FILE *out)
{
	struct ring_status status;
	int r = queue_observe(node->object, &status);

	fprintf(out, "enqueued %" PRIu64 "\ndequeued %" PRIu64 "\noverruns %" PRIu64 "\n"
		"data_notifications %" PRIu32 "\nspace_notifications %" PRIu32 "\ncorrupt %d\n",
		status.enqueued, status.dequeued, status.overruns,
		status.data_notifications, status.space_notifications, status.corrupt);
	return r;
}

static int pid_show(struct node *node, enum side side, FILE *out)
{
	struct queue *queue = node->object;

	seat_show(&queue->seats[side], out);
	return 0;
}

int queue_producer_pid_show(struct node *node, FILE *out)
{
	return pid_show(node, SIDE_PRODUCER, out);
}

int queue_consumer_pid_show(struct node *node, FILE *out)
{
	return pid_show(node, SIDE_CONSUMER, out);
}

int queue_reset_store(struct node *node, const char *text, size_t size)
{
	uint64_t value;
	int r = number_parse(text, size, &value);

	if (r < 0 || value != 1)
		return failure(-EINVAL, "1 is what is written to reset");
	return queue_reset(node->object);
}

int queue_dir_set_attributes(struct node *node, const struct row *row,
			     const struct attributes *attributes)
{
	return queue_set_attributes(node->object, row, attributes);
}
