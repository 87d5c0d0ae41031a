/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "service/agent.h"
#include "service/queue.h"
#include "util/failure.h"
#include "util/log.h"

#define PEEK_TRIES 8

/* Looking at the memory */

int view_open(struct queue *queue, enum role role, struct view *ret)
{
	int flags = role == ROLE_OBSERVER ? O_RDONLY : O_RDWR;
	_cleanup_(closep) int data = -1;
	_cleanup_(closep) int consumer = -1;
	int r;

	if (queue->removed)
		return -ENODEV;
	data = store_open_memory(queue->registry->store, queue->node->id, SIDE_PRODUCER, flags);
	if (data < 0)
		return data;
	consumer = store_open_memory(queue->registry->store, queue->node->id, SIDE_CONSUMER, flags);
	if (consumer < 0)
		return consumer;
	r = mapping_open(data, consumer, role, &ret->memory);
	if (r < 0)
		return r;
	guard_add(&ret->data, ret->memory.data, ret->memory.n_data);
	guard_add(&ret->consumer, ret->memory.consumer, ret->memory.n_consumer);
	return 0;
}

void view_close(struct view *view)
{
	if (view->memory.n_data == 0)
		return;
	guard_remove(&view->data);
	guard_remove(&view->consumer);
	mapping_close(&view->memory);
}

bool view_is_lost(const struct view *view)
{
	return view->data.lost || view->consumer.lost;
}

int queue_observe(struct queue *queue, struct ring_status *ret)
{
	_cleanup_(view_close) struct view view = { 0 };
	int r = view_open(queue, ROLE_OBSERVER, &view);

	*ret = (struct ring_status){ .corrupt = true };
	if (r == -EIO)
		return 0;
	if (r < 0)
		return r;
	ring_observe(&view.memory, &queue->geometry, ret);
	if (view_is_lost(&view))
		*ret = (struct ring_status){ .corrupt = true };
	return 0;
}

/* One look: the entry may be consumed, and overwritten, meanwhile: -EAGAIN. */
static ssize_t peek_once(struct view *view, const struct geometry *geometry,
			 void *buffer, size_t size, size_t at, uint64_t *position)
{
	const struct queue_entry *entry;
	struct ring ring;
	uint64_t found;
	uint32_t n;
	int r = ring_attach(&ring, ROLE_OBSERVER, &view->memory, geometry);

	if (r == 0)
		r = ring_peek(&ring, &entry, &n, &found);
	if (r == -ENODATA)
		return at == 0 ? 0 : -ESTALE;
	if (r < 0)
		return r;
	if (at == 0)
		*position = found;
	else if (found != *position)
		return -ESTALE;
	if (at >= n)
		return 0;
	if (size > n - at)
		size = n - at;
	memcpy(buffer, entry->data + at, size);
	if (ring_attach(&ring, ROLE_OBSERVER, &view->memory, geometry) < 0 ||
	    ring_peek(&ring, &entry, &n, &found) < 0 || found != *position)
		return -EAGAIN;
	return (ssize_t)size;
}

ssize_t queue_peek(struct queue *queue, void *buffer, size_t size, size_t at, uint64_t *position)
{
	_cleanup_(view_close) struct view view = { 0 };
	ssize_t n = view_open(queue, ROLE_OBSERVER, &view);

	for (int i = 0; n == 0 && i < PEEK_TRIES; i++) {
		n = peek_once(&view, &queue->geometry, buffer, size, at, position);
		if (n != -EAGAIN)
			return view_is_lost(&view) ? -EIO : n;
		n = 0;
	}
	return n < 0 ? n : -EBUSY;
}

/* Records */

static int make_record(struct queue *queue, struct record *ret)
{
	struct node *node = queue->node;
	const struct service *service = node->parent->object;

	*ret = (struct record){
		.kind = RECORD_QUEUE,
		.parent = service->node->id,
		.name = strdup(node->name),
		.own = node->own,
		.files = node->files,
		.persist = queue->persist,
		.capacity = queue->geometry.capacity,
		.max_entry = queue->geometry.max_entry,
		.max_entry_is_set = queue->max_entry_is_set,
	};
	for (int i = 0; i < N_SIDES; i++)
		ret->holders[i] = queue->seats[i].holder;
	return ret->name ? record_save_rows(ret, node) : -ENOMEM;
}

int queue_save(struct queue *queue)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	int r;

	if (queue->removed)
		return 0;
	r = make_record(queue, &record);
	return r < 0 ? r : store_save(queue->registry->store, queue->node->id, &record);
}

/* Who may open the backing files is who may open the files that stand for them. */
static int store_attributes(struct queue *queue, const struct row *row,
			    const struct attributes *attributes)
{
	if (row && !row->memory)
		return 0;
	return store_set_attributes(queue->registry->store, queue->node->id,
				    row ? row->name : NULL, attributes);
}

int queue_set_attributes(struct queue *queue, const struct row *row,
			 const struct attributes *attributes)
{
	struct attributes before = node_attributes(queue->node, row);
	int r = store_attributes(queue, row, attributes);

	if (r == 0)
		r = node_keep_attributes(queue->node, row, attributes);
	if (r == 0)
		r = queue_save(queue);
	if (r < 0) {
		store_attributes(queue, row, &before);
		node_keep_attributes(queue->node, row, &before);
	}
	return r;
}

/* Making and finding again */

static int queue_init(struct service *service, const char *name, uint64_t id,
		      const struct attributes *own, struct queue **ret)
{
	struct registry *registry = service->registry;
	struct queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->maker = own->uid;
	r = share_take(&registry->queues_of, queue->maker, 1, SIZE_MAX);
	if (r == 0) {
		r = node_new(service->queues, name, id, registry->layout->queue, own, &queue->node);
		if (r < 0)
			share_give_back(&registry->queues_of, queue->maker, 1);
	}
	if (r < 0) {
		free(queue);
		return r;
	}
	queue->node->object = queue;
	queue->registry = registry;
	for (int i = 0; i < N_SIDES; i++)
		seat_init(&queue->seats[i], queue, (enum side)i);
	registry->n_queues++;
	*ret = queue;
	return 0;
}

/* Out of the tree; freed with the last reference to the node. */
static void queue_leave_tree(struct queue *queue)
{
	queue->removed = true;
	queue->registry->n_queues--;
	share_give_back(&queue->registry->queues_of, queue->maker, 1);
	node_remove(queue->node);
}

void queue_free(struct node *node)
{
	struct queue *queue = node->object;

	if (!queue)
		return;
	queue->agent = agent_free(queue->agent);
	for (int i = 0; i < N_SIDES; i++)
		seat_deinit(&queue->seats[i]);
	free(queue);
}

static int check_size(const struct registry *registry, const char *name,
		      const struct geometry *geometry)
{
	uint64_t max = registry->limits.max_queue_size;

	if (geometry->capacity <= max && geometry->max_entry <= max)
		return 0;
	log_limited("queue '%s' would be larger than max_queue_size=%llu bytes, refused", name,
		    (unsigned long long)max);
	return failure(-ENOSPC, "it would be larger than max_queue_size=%llu bytes",
		       (unsigned long long)max);
}

static int fill_store(struct queue *queue)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	struct attributes memory[N_SIDES];
	struct node *node = queue->node;
	int r = make_record(queue, &record);

	for (int i = 0; i < N_SIDES; i++)
		memory[i] = node_attributes(node, node_row(node, store_memory_name((enum side)i)));
	return r < 0 ? r : store_add(queue->registry->store, node->id, &record, &queue->geometry,
				     memory);
}

int queue_new(struct service *service, const char *name, const struct making *making)
{
	struct registry *registry = service->registry;
	struct geometry geometry;
	struct queue *queue;
	int r = making->max_entry ?
		geometry_make(making->capacity, making->max_entry, &geometry) :
		geometry_with_capacity(making->capacity, &geometry);

	if (r < 0)
		return failure(r, "no ring can have this capacity, or max_entry");
	r = check_size(registry, name, &geometry);
	if (r == 0)
		r = queue_init(service, name, 0, &making->own, &queue);
	if (r < 0)
		return r;
	queue->node->files = making->files;
	queue->geometry = geometry;
	queue->max_entry_is_set = making->max_entry != 0;
	queue->persist = making->persist;
	r = fill_store(queue);
	if (r < 0)
		queue_leave_tree(queue);
	else
		log_debug("queue made name='%s' id=%" PRIu64 " capacity=%" PRIu64 " uid=%u", name,
			  queue->node->id, geometry.capacity, making->own.uid);
	return r;
}

int queue_adopt(struct service *service, uint64_t id, const struct record *record)
{
	struct geometry geometry;
	struct queue *queue;
	int r = geometry_make(record->capacity, record->max_entry, &geometry);

	if (r == 0)
		r = queue_init(service, record->name, id, &record->own, &queue);
	if (r < 0)
		return r;
	queue->node->files = record->files;
	queue->geometry = geometry;
	queue->max_entry_is_set = record->max_entry_is_set;
	queue->persist = record->persist;
	r = record_adopt_rows(record, queue->node);
	/* A crash may have come between them and the record. */
	if (r == 0)
		r = store_attributes(queue, NULL, &queue->node->own);
	for (int i = 0; i < N_SIDES; i++)
		seat_adopt(&queue->seats[i], &record->holders[i]);
	return r;
}

static int write_memory(struct queue *queue, enum side side, const void *bytes, size_t size,
			off_t at)
{
	_cleanup_(closep) int fd = store_open_memory(queue->registry->store, queue->node->id, side,
						     O_WRONLY);

	if (fd < 0)
		return fd;
	return pwrite(fd, bytes, size, at) == (ssize_t)size ? 0 : -EIO;
}

/* Changing */

static bool is_held(struct queue *queue)
{
	return seat_is_held(&queue->seats[SIDE_PRODUCER]) ||
	       seat_is_held(&queue->seats[SIDE_CONSUMER]);
}

/* 0 when nobody holds a role and nothing is in it. */
static int check_idle(struct queue *queue, int if_not_empty, struct ring_status *ret)
{
	int r;

	if (queue->removed)
		return -ENODEV;
	if (is_held(queue))
		return -EBUSY;
	r = queue_observe(queue, ret);
	if (r < 0)
		return r;
	if (ret->corrupt)
		return -EIO;
	return ret->used > 0 ? if_not_empty : 0;
}

int queue_remove(struct queue *queue)
{
	struct ring_status status;
	int r = check_idle(queue, -ENOTEMPTY, &status);

	if (r < 0)
		return r;
	log_debug("queue removed name='%s' id=%" PRIu64, queue->node->name, queue->node->id);
	store_remove(queue->registry->store, queue->node->id);
	queue_leave_tree(queue);
	return 0;
}

void queue_discard(struct queue *queue)
{
	struct node *node = node_ref(queue->node);

	store_remove(queue->registry->store, node->id);
	queue_leave_tree(queue);
	node_changed(node);
	node_unref(node);
}

/* The page of an empty queue of @geometry that goes on where the old one stands. */
static int empty_page(struct queue *queue, const struct geometry *geometry, union page *ret)
{
	struct queue_data *data = (struct queue_data *)ret->bytes;
	_cleanup_(view_close) struct view view = { 0 };
	union page unused;
	int r = view_open(queue, ROLE_OBSERVER, &view);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	layout_format(data, &unused.consumer, geometry);
	data->generation = view.memory.data->generation;
	data->tail = view.memory.data->tail;
	data->enqueued = view.memory.data->enqueued;
	data->overruns = view.memory.data->overruns;
	data->data_sequence = view.memory.data->data_sequence;
	return view_is_lost(&view) ? -EIO : 0;
}

/* Those of `data`; behind a link they are the backing file's own, and chmod(2) goes there. */
static int data_attributes(struct queue *queue, struct attributes *ret)
{
	_cleanup_(closep) int fd = store_open_memory(queue->registry->store, queue->node->id,
						     SIDE_PRODUCER, O_RDONLY);
	struct stat status;

	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0)
		return -errno;
	*ret = (struct attributes){ status.st_uid, status.st_gid, status.st_mode & 0777 };
	return 0;
}

static int set_geometry(struct queue *queue, const struct geometry *geometry, bool max_entry_is_set)
{
	_cleanup_(record_deinit) struct record record = { 0 };
	struct registry *registry = queue->registry;
	struct geometry before = queue->geometry;
	bool was_set = queue->max_entry_is_set;
	struct ring_status status;
	struct attributes attributes;
	union page page;
	int r = check_idle(queue, -EBUSY, &status);

	if (r == 0)
		r = queue->backings[SIDE_PRODUCER].n_open > 0 ? -EBUSY : 0;
	if (r == 0)
		r = check_size(registry, queue->node->name, geometry);
	if (r == 0)
		r = empty_page(queue, geometry, &page);
	if (r == 0)
		r = data_attributes(queue, &attributes);
	if (r < 0)
		return r;

	queue->geometry = *geometry;
	queue->max_entry_is_set = max_entry_is_set;
	r = make_record(queue, &record);
	if (r == 0)
		r = store_replace_data(registry->store, queue->node->id, &record, &page, geometry,
				       &attributes);
	if (r < 0) {
		queue->geometry = before;
		queue->max_entry_is_set = was_set;
	}
	return r;
}

int queue_set_capacity(struct queue *queue, uint64_t capacity)
{
	struct geometry geometry;
	int r;

	if (capacity == 0)
		return -EINVAL;
	r = queue->max_entry_is_set ?
		geometry_make(capacity, queue->geometry.max_entry, &geometry) :
		geometry_with_capacity(capacity, &geometry);
	return r < 0 ? r : set_geometry(queue, &geometry, queue->max_entry_is_set);
}

int queue_set_max_entry(struct queue *queue, uint64_t max_entry)
{
	struct geometry geometry;
	int r = max_entry == 0 ? -EINVAL :
		geometry_make(queue->geometry.capacity, max_entry, &geometry);

	return r < 0 ? r : set_geometry(queue, &geometry, true);
}

static int remake_memory(struct queue *queue, enum side side, uint64_t size)
{
	const struct row *row = node_row(queue->node, side == SIDE_PRODUCER ? "data" : "consumer");
	struct attributes attributes = node_attributes(queue->node, row);

	if (queue->backings[side].n_open > 0)
		return -EBUSY;		/* the kernel has the old one */
	if (tree_memory_is_linked)
		attributes.mode &= 0600;	/* chmod(2) went to the file that is gone */
	return store_remake_memory(queue->registry->store, queue->node->id, side, size, &attributes);
}

/* A file that was cut short or drawn out gets its size, and its reserved bytes, back. */
static int mend_memory(struct queue *queue, enum side side, uint64_t size)
{
	_cleanup_(closep) int fd = store_open_memory(queue->registry->store, queue->node->id, side,
						     O_RDWR);
	int r = fd < 0 ? fd : -posix_fallocate(fd, 0, (off_t)size);

	if (fd == -EIO)
		return remake_memory(queue, side, size);
	if (r == 0 && ftruncate(fd, (off_t)size) < 0)
		r = -errno;
	return r;
}

int queue_reset(struct queue *queue)
{
	union page data = { 0 }, consumer = { 0 };
	struct queue_data *header = (struct queue_data *)data.bytes;
	int r = queue->removed ? -ENODEV : is_held(queue) ? -EBUSY : 0;

	if (r == 0)
		r = mend_memory(queue, SIDE_PRODUCER, geometry_file_size(&queue->geometry));
	if (r == 0)
		r = mend_memory(queue, SIDE_CONSUMER, QUEUE_PAGE);
	if (r < 0)
		return r;
	layout_format(header, &consumer.consumer, &queue->geometry);
	header->generation = store_generation(queue->registry->store);
	r = write_memory(queue, SIDE_PRODUCER, &data, sizeof(data), 0);
	if (r == 0)
		r = write_memory(queue, SIDE_CONSUMER, &consumer, sizeof(consumer), 0);
	node_changed(queue->node);
	return r;
}
