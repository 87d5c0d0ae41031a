/* SPDX-License-Identifier: MIT */
/*
 * registry_walk - iterators over the registry
 *
 * A walk is a stack of levels. Entering an entry puts the level below (or above) it
 * on top. One that recurses enters what it gave last when it is asked for
 * the next, unless it was there before: entries may be below more than one.
 */
#include <errno.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

#define ALL_OPTIONS	(kIORegistryIterateRecursively | kIORegistryIterateParents)

/* Numbers of entries, in a table that is never more than half full. */
struct id_set {
	uint64_t *ids;		/* owned; 0: free */
	size_t n, room;		/* room: a power of 2 */
};

struct walk {
	struct iterator iterator;
	struct direction direction;
	char *plane;			/* owned */
	bool recursive;
	char *start;			/* owned: place of what it is below; NULL: nowhere */
	struct level *levels;		/* owned */
	size_t n_levels, room;
	char *last;			/* owned: place of what was given last, or NULL */
	uint64_t last_id;
	struct id_set entered;
};

static size_t id_slot(const struct id_set *set, uint64_t id)
{
	size_t slot = (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (set->room - 1);

	while (set->ids[slot] != 0 && set->ids[slot] != id)
		slot = (slot + 1) & (set->room - 1);
	return slot;
}

static int id_set_grow(struct id_set *set)
{
	struct id_set larger = { .n = set->n, .room = set->room ? 2 * set->room : 64 };

	larger.ids = calloc(larger.room, sizeof(*larger.ids));
	if (!larger.ids)
		return -ENOMEM;
	for (size_t i = 0; i < set->room; i++)
		if (set->ids[i] != 0)
			larger.ids[id_slot(&larger, set->ids[i])] = set->ids[i];
	free(set->ids);
	*set = larger;
	return 0;
}

static bool id_set_has(const struct id_set *set, uint64_t id)
{
	return set->n > 0 && set->ids[id_slot(set, id)] == id;
}

static int id_set_add(struct id_set *set, uint64_t id)
{
	if (2 * set->n >= set->room && id_set_grow(set) < 0)
		return -ENOMEM;
	set->ids[id_slot(set, id)] = id;
	set->n++;
	return 0;
}

static void forget_last(struct walk *walk)
{
	free(walk->last);
	walk->last = NULL;
}

static int push(struct walk *walk, const char *place)
{
	struct level level;
	int r = level_open(walk->iterator.handle.mount, &walk->direction, place, &level);

	if (r < 0)
		return r;
	if (walk->n_levels == walk->room) {
		size_t room = 2 * walk->room + 4;
		struct level *levels = realloc(walk->levels, room * sizeof(*levels));

		if (!levels) {
			level_close(&level);
			return -ENOMEM;
		}
		walk->levels = levels;
		walk->room = room;
	}
	walk->levels[walk->n_levels++] = level;
	return 0;
}

static void pop(struct walk *walk)
{
	level_close(&walk->levels[--walk->n_levels]);
}

/* For one that recurses. Return: 0, or a shortage, and it can be tried again. */
static int enter_last(struct walk *walk)
{
	size_t n = walk->n_levels;
	int r = 0;

	if (!id_set_has(&walk->entered, walk->last_id)) {
		r = push(walk, walk->last);
		if (!level_is_shortage(r) && id_set_add(&walk->entered, walk->last_id) < 0)
			r = -ENOMEM;
	}
	if (!level_is_shortage(r)) {
		forget_last(walk);
		return 0;
	}
	if (walk->n_levels > n)
		pop(walk);
	return r;
}

static struct handle *walk_next(struct iterator *iterator)
{
	struct walk *walk = (struct walk *)iterator;
	struct handle *found;
	int r = 0;

	if (walk->last && walk->recursive && enter_last(walk) < 0)
		return NULL;
	forget_last(walk);
	while (walk->n_levels > 0) {
		r = level_next(&walk->levels[walk->n_levels - 1], iterator->handle.mount, &found,
			       &walk->last);
		if (r != 0 || !walk->recursive || walk->n_levels == 1)
			break;
		pop(walk);
	}
	if (r <= 0)
		return NULL;
	walk->last_id = found->id;
	return found;
}

static int start(struct walk *walk)
{
	while (walk->n_levels > 0)
		pop(walk);
	forget_last(walk);
	free(walk->entered.ids);
	walk->entered = (struct id_set){ 0 };
	return walk->start ? push(walk, walk->start) : -ENOENT;
}

static void walk_reset(struct iterator *iterator)
{
	start((struct walk *)iterator);
}

static void walk_free(struct iterator *iterator)
{
	struct walk *walk = (struct walk *)iterator;

	while (walk->n_levels > 0)
		pop(walk);
	free(walk->levels);
	free(walk->entered.ids);
	free(walk->last);
	free(walk->start);
	free(walk->plane);
}

static const struct iterator_kind walk_kind = {
	.lineage = "IOUserIterator:OSIterator:OSObject",
	.size = sizeof(struct walk),
	.next = walk_next,
	.reset = walk_reset,
	.free = walk_free,
};

static int walk_fill(struct walk *walk, struct handle *entry, const char *plane,
		     IOOptionBits options)
{
	int r;

	walk->plane = strdup(plane);
	if (!walk->plane)
		return -ENOMEM;
	walk->recursive = options & kIORegistryIterateRecursively;
	walk->direction = (struct direction){
		.plane = walk->plane,
		.is_other = strcmp(plane, kIOServicePlane) != 0,
		.upwards = options & kIORegistryIterateParents,
	};
	r = place_of(entry, &walk->direction, &walk->start);
	if (r == 0)
		r = start(walk);
	/* What is in no plane, or gone, has nothing above or below it. */
	return r == -ENOENT ? 0 : r;
}

static IOReturn walk_new(struct handle *entry, const char *plane, IOOptionBits options,
			 struct walk **ret)
{
	struct walk *walk = iterator_new(&walk_kind, -EBADF, entry->mount);
	int r;

	if (!walk)
		return kIOReturnNoMemory;
	r = walk_fill(walk, entry, plane, options);
	if (r < 0) {
		handle_put(&walk->iterator.handle);
		return mount_result(entry->mount, r);
	}
	*ret = walk;
	return kIOReturnSuccess;
}

/* The documented functions */

static IOReturn create(struct handle *entry, const char *plane, IOOptionBits options,
		       io_iterator_t *ret)
{
	struct walk *walk;
	IOReturn result;

	if (!entry || !entry->mount || !plane || !ret || !registry_is_plane(plane))
		return kIOReturnBadArgument;
	result = walk_new(entry, plane, options, &walk);
	if (result != kIOReturnSuccess)
		return result;
	*ret = handle_publish(&walk->iterator.handle);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

static IOReturn create_checked(struct handle *entry, const char *plane, IOOptionBits options,
			       io_iterator_t *ret)
{
	if (!entry || !entry->mount || !plane || options & ~(IOOptionBits)ALL_OPTIONS ||
	    !registry_has_plane(entry->mount, plane))
		return kIOReturnBadArgument;
	return create(entry, plane, options, ret);
}

kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t object, const char *plane,
					    IOOptionBits options, io_iterator_t *ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	return create_checked(entry, plane, options, ret);
}

kern_return_t IORegistryCreateIterator(mach_port_t mainPort, const char *plane,
				       IOOptionBits options, io_iterator_t *ret)
{
	_cleanup_(handle_putp) struct handle *root = NULL;
	_cleanup_(freep) char *mount = NULL;
	IOReturn result = mount_of_port(mainPort, &mount);
	int r;

	if (result != kIOReturnSuccess)
		return result;
	r = registry_open_root(mount, &root);
	return r < 0 ? mount_result(mount, r) : create_checked(root, plane, options, ret);
}

/* Where there is no such plane, nothing is above or below. */
static IOReturn create_flat(io_registry_entry_t object, const char *plane, IOOptionBits options,
			    io_iterator_t *ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	return create(entry, plane, options, ret);
}

kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const char *plane,
					      io_iterator_t *ret)
{
	return create_flat(entry, plane, 0, ret);
}

kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry, const char *plane,
					       io_iterator_t *ret)
{
	return create_flat(entry, plane, kIORegistryIterateParents, ret);
}

static IOReturn first(io_registry_entry_t object, const char *plane, IOOptionBits options,
		      io_registry_entry_t *ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(handle_putp) struct walk *walk = NULL;
	struct handle *found;
	IOReturn result;

	if (ret)
		*ret = IO_OBJECT_NULL;
	if (!entry || !entry->mount || !plane || !ret || !registry_is_plane(plane))
		return kIOReturnBadArgument;
	result = walk_new(entry, plane, options, &walk);
	if (result != kIOReturnSuccess)
		return result;
	found = walk_next(&walk->iterator);
	if (!found)
		return kIOReturnNoDevice;
	*ret = handle_publish(found);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry, const char *plane,
					   io_registry_entry_t *child)
{
	return first(entry, plane, 0, child);
}

kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry, const char *plane,
					    io_registry_entry_t *parent)
{
	return first(entry, plane, kIORegistryIterateParents, parent);
}

/* @object as a walk, or NULL. */
static struct walk *get_walk(io_iterator_t object)
{
	struct walk *walk = handle_get(object, HANDLE_ITERATOR);

	if (walk && walk->iterator.kind != &walk_kind) {
		handle_put(&walk->iterator.handle);
		return NULL;
	}
	return walk;
}

static IOReturn enter(struct walk *walk)
{
	int r;

	if (!walk->last)
		return kIOReturnNoDevice;
	r = push(walk, walk->last);
	forget_last(walk);
	return mount_result(walk->iterator.handle.mount, r);
}

kern_return_t IORegistryIteratorEnterEntry(io_iterator_t object)
{
	_cleanup_(handle_putp) struct walk *walk = get_walk(object);
	IOReturn result;

	if (!walk)
		return kIOReturnBadArgument;
	pthread_mutex_lock(&walk->iterator.lock);
	result = enter(walk);
	pthread_mutex_unlock(&walk->iterator.lock);
	return result;
}

kern_return_t IORegistryIteratorExitEntry(io_iterator_t object)
{
	_cleanup_(handle_putp) struct walk *walk = get_walk(object);
	bool was_inside;

	if (!walk)
		return kIOReturnBadArgument;
	pthread_mutex_lock(&walk->iterator.lock);
	was_inside = walk->n_levels > 1;
	if (was_inside)
		pop(walk);
	forget_last(walk);
	pthread_mutex_unlock(&walk->iterator.lock);
	return was_inside ? kIOReturnSuccess : kIOReturnNoDevice;
}
