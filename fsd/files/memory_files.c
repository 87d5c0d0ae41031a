/* SPDX-License-Identifier: MIT */
/*
 * Memory of a driver's: `buf/NAME`, which it makes and sizes, and `mem/T`, by which
 * a client maps it. Where memory is linked both are links to the file behind;
 * else they are files whose pages are that file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "files/files.h"
#include "service/buffer.h"
#include "util/failure.h"

/* buf/NAME */

static struct buffer *buffer_of(const struct file *file)
{
	return file->node->object;
}

static struct backing *buffer_backing(struct file *file)
{
	return &buffer_of(file)->backing;
}

static int buffer_backing_open(struct file *file)
{
	return buffer_open(buffer_of(file), O_RDWR);
}

static uint64_t buffer_row_size(struct node *node)
{
	return buffer_size(node->object);
}

static int buffer_row_resize(struct node *node, uint64_t size)
{
	return buffer_resize(node->object, size);
}

static char *buffer_row_target(struct node *node)
{
	return buffer_path(node->object);
}

static ssize_t read_backing(struct file *file, void *data, size_t size, off_t at)
{
	_cleanup_(closep) int fd = file->row->ops->backing_open(file);
	ssize_t n = fd < 0 ? fd : pread(fd, data, size, at);

	return fd < 0 ? fd : n < 0 ? -errno : n;
}

static ssize_t write_backing(struct file *file, const void *data, size_t size, off_t at)
{
	_cleanup_(closep) int fd = file->row->ops->backing_open(file);
	ssize_t n = fd < 0 ? fd : pwrite(fd, data, size, at);

	return fd < 0 ? fd : n < 0 ? -errno : n;
}

/* It grows by what is written behind its end, as any file does, up to what a buffer may have. */
static ssize_t buffer_write(struct file *file, const void *data, size_t size, off_t at,
			    const struct caller *caller)
{
	uint64_t end = (uint64_t)at + size;
	int r = end > buffer_size(buffer_of(file)) ? buffer_resize(buffer_of(file), end) : 0;

	(void)caller;
	return r < 0 ? r : write_backing(file, data, size, at);
}

static const struct file_ops buffer_ops = {
	.read = read_backing, .write = buffer_write,
	.backing = buffer_backing, .backing_open = buffer_backing_open,
};

static const struct row buffer_row = {
	"", S_IFREG | 0666, .ops = &buffer_ops, .memory = true, .target = buffer_row_target,
	.size = buffer_row_size, .resize = buffer_row_resize,
};

/* Where memory is linked: who makes the file has it open as a file, for once. */
static const struct file_ops made_ops = {
	.read = read_backing, .write = buffer_write, .backing_open = buffer_backing_open,
};

static const struct row made_rows[] = {
	{ "made", S_IFREG | 0666, .ops = &made_ops, .size = buffer_row_size,
	  .resize = buffer_row_resize },
	{ .name = NULL },
};

static int buffer_leaf_set_attributes(struct node *node, const struct row *row,
				      const struct attributes *attributes)
{
	(void)row;
	return buffer_set_attributes(node->object, attributes);
}

const struct node_def buffer_leaf = {
	.rows = made_rows, .leaf = &buffer_row, .set_attributes = buffer_leaf_set_attributes,
	.free = buffer_free,
};

static int buffers_create(struct node *node, const char *name, mode_t mode,
			  const struct caller *caller, struct node **ret)
{
	struct service *service = node->object;
	struct attributes own = { caller->uid, caller->gid, mode & 0777 };
	struct buffer *buffer;
	int r;

	if (!service_is_active(service))
		return -ENODEV;
	if (service->is_nub)
		return failure(-EPERM, "the memory of a stream is in its directory, in `streams`");
	r = buffer_new(service, node, name, &own, &buffer);
	if (r == 0)
		*ret = buffer->node;
	return r;
}

static int buffers_unlink(struct node *node, const char *name, const struct caller *caller)
{
	struct buffer *buffer = buffer_find(node->object, name);

	(void)caller;
	if (!buffer)
		return -ENOENT;
	buffer_remove(buffer);
	return 0;
}

const struct node_def buffers_dir = {
	.rows = node_no_rows, .create = buffers_create, .unlink = buffers_unlink,
};

/* What a memory type stands for */

static const struct binding *find_binding(const struct client *client, uint32_t type)
{
	return client->service ? methods_memory(client->service->methods, type) : NULL;
}

static bool is_queue(const struct binding *binding)
{
	return binding && strncmp(binding->target, "queues/", 7) == 0;
}

char *binding_queue(const struct binding *binding, bool whole)
{
	int length = whole ? (int)strlen(binding->target) : (int)strcspn(binding->target + 7, "/") + 7;

	return text_print("../../../%.*s", length, binding->target);
}

/* mem/T: found out when it is opened */

struct mapping_of {
	struct list mappings;
	struct question question;
	struct file *file;
	struct buffer *buffer;		/* counted, by its node */
	bool read_only;
	bool is_done;
	bool is_drivers;		/* the code: the driver's answer */
	IOReturn code;
};

/* All that have a buffer: fstat(2) names the node, not the open file. */
static struct list mappings = LIST_INIT(mappings);

static struct client *client_of(const struct file *file)
{
	return file->node->object;
}

/* Of a queue, or nothing of that name: no memory of this type. */
static int use_buffer(struct mapping_of *mapping, const char *name, bool read_only)
{
	struct client *client = client_of(mapping->file);
	struct buffer *buffer = client->service && name ? buffer_find(client->service, name) : NULL;

	if (!buffer)
		return failure_code((uint32_t)kIOReturnBadArgument);
	mapping->buffer = buffer;
	node_ref(buffer->node);
	list_append(&mappings, &mapping->mappings);
	mapping->read_only = read_only;
	return 0;
}

static void on_answer(struct question *question, IOReturn code, struct driver_line *line)
{
	struct mapping_of *mapping = container_of(question, struct mapping_of, question);

	mapping->is_done = true;
	mapping->is_drivers = line;
	mapping->code = code;
	if (code == kIOReturnSuccess &&
	    use_buffer(mapping, line ? line->buffer : NULL, line && line->read_only) < 0) {
		mapping->is_drivers = false;
		mapping->code = kIOReturnBadArgument;
	}
	waits_changed(&mapping->file->own);
}

static int ask_driver(struct mapping_of *mapping, const struct caller *caller)
{
	struct client *client = client_of(mapping->file);
	const struct methods *methods = client->service->methods;
	int r;

	mapping->question = (struct question){
		.request = { .op = REQUEST_MEMORY, .connection = client->number,
			     .type = (uint32_t)mapping->file->node->number,
			     .asks = credentials_read(caller->pid, caller->uid, caller->gid) },
		.lock = !methods || methods->lock_default ? LOCKED_WRITE : LOCKED_NOT,
		.answered = on_answer,
	};
	r = question_ask(&mapping->question, client->service, client);
	return r < 0 ? failure_code((uint32_t)kIOReturnBadArgument) : FILE_WAIT_ALWAYS;
}

static int start_open(struct file *file, struct mapping_of *mapping, const struct caller *caller)
{
	struct client *client = client_of(file);
	const struct binding *binding = find_binding(client, (uint32_t)file->node->number);
	int r = client_check(client);

	if (r < 0)
		return r;
	if (!binding)
		return ask_driver(mapping, caller);
	mapping->is_done = true;
	return use_buffer(mapping, binding->target, binding->read_only);
}

static int check_writing(const struct file *file, const struct mapping_of *mapping)
{
	bool writing = (file->flags & O_ACCMODE) != O_RDONLY || (file->flags & O_TRUNC);

	return writing && mapping->read_only ?
		failure(-EACCES, "this memory type is read-only") : 0;
}

/* Every refusal of a map is this one; libqueue's unmap has the driver's code from the sentence. */
static int refused(const struct mapping_of *mapping)
{
	const char *name = mapping->is_drivers ? IOReturnName(mapping->code) : NULL;

	if (!mapping->is_drivers)
		return failure_code((uint32_t)kIOReturnBadArgument);
	return failure(-EINVAL, "the driver refused this memory type: 0x%08x%s%s",
		       (unsigned)mapping->code, name ? " " : "", name ? name : "");
}

static int memory_open(struct file *file, const struct caller *caller)
{
	struct mapping_of *mapping = file->state;
	int r;

	if (mapping) {
		r = !mapping->is_done ? FILE_WAIT_ALWAYS :
		    mapping->code != kIOReturnSuccess ? refused(mapping) : 0;
	} else {
		mapping = calloc(1, sizeof(*mapping));
		if (!mapping)
			return -ENOMEM;
		mapping->file = file;
		list_init(&mapping->mappings);
		file->state = mapping;
		file->is_open = true;
		r = start_open(file, mapping, caller);
	}
	return r == 0 ? check_writing(file, mapping) : r;
}

static void memory_release(struct file *file)
{
	struct mapping_of *mapping = file->state;

	if (!mapping)
		return;
	question_withdraw(&mapping->question);
	list_remove(&mapping->mappings);
	if (mapping->buffer)
		node_unref(mapping->buffer->node);
	free(mapping);
}

static struct backing *memory_backing(struct file *file)
{
	const struct mapping_of *mapping = file->state;

	return &mapping->buffer->backing;
}

static int memory_backing_open(struct file *file)
{
	const struct mapping_of *mapping = file->state;

	return buffer_open(mapping->buffer, O_RDWR);
}

static char *memory_link(struct file *file)
{
	const struct mapping_of *mapping = file->state;

	return buffer_path(mapping->buffer);
}

static const struct buffer *mapped_buffer(const struct node *node)
{
	const struct mapping_of *mapping;
	const struct buffer *buffer = NULL;

	list_for_each(mapping, &mappings, mappings)
		if (mapping->file->node == node)
			buffer = mapping->buffer;
	return buffer;
}

/* Where `methods` does not say what it is, it is what was opened last. */
static uint64_t memory_size(struct node *node)
{
	const struct client *client = node->object;
	const struct binding *binding = find_binding(client, (uint32_t)node->number);
	const struct buffer *buffer = binding ? buffer_find(client->service, binding->target) :
						mapped_buffer(node);

	return buffer ? buffer_size(buffer) : 0;
}

static uint64_t opened_size(struct file *file)
{
	const struct mapping_of *mapping = file->state;

	return mapping && mapping->buffer ? buffer_size(mapping->buffer) : 0;
}

/* Its size is the driver's to say. */
static ssize_t memory_write(struct file *file, const void *data, size_t size, off_t at,
			    const struct caller *caller)
{
	uint64_t end = opened_size(file);

	(void)caller;
	if ((uint64_t)at >= end)
		return -ENOSPC;
	return write_backing(file, data, size < end - (uint64_t)at ? size : end - (uint64_t)at, at);
}

static const struct file_ops memory_ops = {
	.own_waits = true, .apart = true, .open = memory_open, .release = memory_release,
	.read = read_backing, .write = memory_write, .size = opened_size,
	.backing = memory_backing, .backing_open = memory_backing_open, .link = memory_link,
};

static const struct row memory_row = {
	"", S_IFREG | 0600, .ops = &memory_ops, .memory = true, .size = memory_size,
};
static const struct node_def memory_leaf = { .rows = node_no_rows, .leaf = &memory_row };

static char *queue_data_link(struct node *node)
{
	const struct binding *binding = find_binding(node->object, (uint32_t)node->number);

	return binding ? binding_queue(binding, true) : NULL;
}

static char *queue_link(struct node *node)
{
	const struct binding *binding = find_binding(node->object, (uint32_t)node->number);

	return binding ? binding_queue(binding, false) : NULL;
}

static const struct row queue_data_row = { "", S_IFLNK | 0777, .target = queue_data_link };
static const struct node_def queue_data_leaf = { .rows = node_no_rows, .leaf = &queue_data_row };
static const struct row queue_link_row = { "", S_IFLNK | 0777, .target = queue_link };
static const struct node_def queue_link_leaf = { .rows = node_no_rows, .leaf = &queue_link_row };

static int new_leaf(struct node *node, const char *name, const struct node_def *leaf,
		    uint32_t type, struct node **ret)
{
	const struct client *client = node->object;
	struct attributes own = { client->opener.uid, client->opener.gid, 0600 };

	return node_new_leaf(node, name, leaf, &own, type, ret);
}

static const struct node_def *leaf_of(const struct client *client, uint32_t type)
{
	const struct node_def *own = own_link(client, OWN_MEMORY, type);

	return own ? own : is_queue(find_binding(client, type)) ? &queue_data_leaf : &memory_leaf;
}

static bool memory_is_stale(const struct node *child)
{
	return child->def != leaf_of(child->object, (uint32_t)child->number);
}

static int memory_find(struct node *node, const char *name, struct node **ret)
{
	const struct client *client = node->object;
	uint32_t type;

	if (!client->service || !methods_number(name, &type))
		return -ENOENT;
	return new_leaf(node, name, leaf_of(client, type), type, ret);
}

static int queues_find(struct node *node, const char *name, struct node **ret)
{
	uint32_t type;

	if (!methods_number(name, &type) || !is_queue(find_binding(node->object, type)))
		return -ENOENT;
	return new_leaf(node, name, &queue_link_leaf, type, ret);
}

static int list(struct node *node, bool only_queues, struct names *names)
{
	const struct client *client = node->object;
	const struct methods *methods = client->service ? client->service->methods : NULL;
	int r = 0;

	for (size_t i = 0; methods && i < methods->n_memory && r == 0; i++) {
		bool queue = is_queue(&methods->memory[i]);
		char name[16];

		snprintf(name, sizeof(name), "%u", methods->memory[i].type);
		if (queue || !only_queues)
			r = names_add(names, name, queue || tree_memory_is_linked ? S_IFLNK : S_IFREG);
	}
	return r;
}

static int memory_list(struct node *node, struct names *names)
{
	int r = list(node, false, names);

	return r < 0 ? r : own_links_list(node->object, OWN_MEMORY, names);
}

static int queues_list(struct node *node, struct names *names)
{
	return list(node, true, names);
}

const struct node_def memory_dir = { .rows = node_no_rows, .find = memory_find, .list = memory_list,
				     .is_stale = memory_is_stale };
const struct node_def bound_queues_dir = { .rows = node_no_rows, .find = queues_find,
					   .list = queues_list };
