/* SPDX-License-Identifier: MIT */
/*
 * The graph and the properties. What the indexes (index.c) say of an entry is
 * changed in two steps: what is new is put in, which may fail and is then taken
 * out again; after that what is old is taken out, which cannot fail.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/entry.h"
#include "service/index.h"
#include "service/lineage.h"
#include "service/property.h"
#include "util/clock.h"
#include "util/utf8.h"

#define UPPER_CASE	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define USER_PROPERTIES	"IOUserServiceProperties"

struct plane service_plane = { { &planes, &planes }, "IOService" };
struct list planes = { &service_plane.planes, &service_plane.planes };
struct list entries = LIST_INIT(entries);

static struct table by_id, by_name;	/* by_name: links */
static struct entry *root;
static struct entry *last_placed;	/* by place_by_id() */
static uint64_t last_id = ENTRY_FIRST_ID - 1;

/* Planes */

struct plane *plane_find(const char *name, size_t length)
{
	struct plane *plane;

	list_for_each(plane, &planes, planes)
		if (strlen(plane->name) == length && memcmp(plane->name, name, length) == 0)
			return plane;
	return NULL;
}

static bool is_plane_name(const char *name)
{
	size_t length = strspn(name, UPPER_CASE "abcdefghijklmnopqrstuvwxyz0123456789");

	return length <= PLANE_NAME_MAX && name[length] == '\0' && strspn(name, UPPER_CASE) > 0;
}

int plane_new(const char *name, struct plane **ret)
{
	struct plane *plane;

	if (!is_plane_name(name))
		return -EINVAL;
	if (plane_find(name, strlen(name)))
		return -EEXIST;
	plane = calloc(1, sizeof(*plane));
	if (!plane)
		return -ENOMEM;
	strcpy(plane->name, name);
	list_append(&planes, &plane->planes);
	*ret = plane;
	return 0;
}

void planes_free(void)
{
	struct plane *plane;

	list_for_each(plane, &planes, planes)
		if (plane != &service_plane) {
			list_remove(&plane->planes);
			free(plane);
		}
}

/* Classes */

/* It is in no index, and what it becomes is not to be found. */
static bool is_retired(const struct entry *entry)
{
	return list_is_empty(&entry->all);
}

static struct index_key text_key(enum index kind, const char *text)
{
	return (struct index_key){ kind, text, strlen(text) };
}

/* Out with those of @lineage that @other has not. */
static void remove_classes(struct entry *entry, char *const *lineage, char *const *other)
{
	for (; *lineage; lineage++)
		if (!lineage_has(other, *lineage))
			index_remove(entry, text_key(INDEX_CLASS, *lineage));
}

static int add_classes(struct entry *entry, char *const *lineage, char *const *old)
{
	for (char *const *name = lineage; *name; name++) {
		int r = index_add(entry, text_key(INDEX_CLASS, *name));

		if (r < 0) {
			remove_classes(entry, lineage, old);
			return r;
		}
	}
	return 0;
}

int entry_set_class(struct entry *entry, const char *classes)
{
	_cleanup_(lineage_freep) char **lineage = NULL;
	char **old = entry->lineage;
	int r = lineage_new(entry->kind != ENTRY_ROOT, classes, &lineage);

	if (r == 0 && !is_retired(entry))
		r = add_classes(entry, lineage, old);
	if (r < 0)
		return r;
	remove_classes(entry, old, lineage);
	entry->lineage = steal(lineage);
	lineage_free(old);
	return 0;
}

const char *entry_class(const struct entry *entry)
{
	return entry->lineage[0];
}

bool entry_is_a(const struct entry *entry, const char *name)
{
	return lineage_has(entry->lineage, name);
}

/* Properties */

static json_t *user_properties(const struct entry *entry)
{
	json_t *user = json_object_get(entry->properties, USER_PROPERTIES);

	return property_is_dictionary(user) ? user : NULL;
}

json_t *entry_property(const struct entry *entry, const char *key)
{
	json_t *user = user_properties(entry), *value;

	if (!user)
		return json_object_get(entry->properties, key);
	value = json_object_get(user, key);
	if (value)
		return value;
	return strcmp(key, USER_PROPERTIES) != 0 ? json_object_get(entry->properties, key) : NULL;
}

/* As json_copy(), which does not tell when there was no memory for all of it. */
static json_t *copy(json_t *object)
{
	json_auto_t *result = json_object();

	return result && json_object_update(result, object) == 0 ? steal(result) : NULL;
}

static json_t *merged(json_t *properties)
{
	json_t *user = json_object_get(properties, USER_PROPERTIES);
	json_auto_t *all = copy(properties);

	if (!all || !property_is_dictionary(user))
		return steal(all);
	json_object_del(all, USER_PROPERTIES);
	return json_object_update(all, user) == 0 ? steal(all) : NULL;
}

json_t *entry_all_properties(const struct entry *entry)
{
	return merged(entry->properties);
}

/* The key of INDEX_VALUE: the property's, a NUL, property_key(). The caller's bytes. */
static char *value_key(const char *key, const json_t *value, struct index_key *ret)
{
	size_t size, length = strlen(key) + 1;
	_cleanup_(freep) char *of_value = property_key(value, &size);
	char *bytes = of_value ? malloc(length + size) : NULL;

	if (!bytes)
		return NULL;
	memcpy(bytes, key, length);
	memcpy(bytes + length, of_value, size);
	*ret = (struct index_key){ INDEX_VALUE, bytes, length + size };
	return bytes;
}

static int index_property(struct entry *entry, const char *key, const json_t *value)
{
	_cleanup_(freep) char *bytes = NULL;
	struct index_key of_value;
	int r = index_add(entry, text_key(INDEX_KEY, key));

	if (r < 0 || !property_is_scalar(value))
		return r;
	bytes = value_key(key, value, &of_value);
	return bytes ? index_add(entry, of_value) : -ENOMEM;
}

/* @value is no more; @kept stays for the key. Without memory a link stays: see keep_equal(). */
static void unindex_property(struct entry *entry, const char *key, const json_t *value,
			     const json_t *kept)
{
	_cleanup_(freep) char *bytes = NULL, *kept_bytes = NULL;
	struct index_key of_value, of_kept = { INDEX_VALUE, NULL, 0 };

	if (!kept)
		index_remove(entry, text_key(INDEX_KEY, key));
	if (!property_is_scalar(value))
		return;
	bytes = value_key(key, value, &of_value);
	if (property_is_scalar(kept))
		kept_bytes = value_key(key, kept, &of_kept);
	if (!bytes || (property_is_scalar(kept) && !kept_bytes))
		return;
	if (of_kept.size != of_value.size || memcmp(bytes, kept_bytes, of_value.size) != 0)
		index_remove(entry, of_value);
}

static void unindex_properties(struct entry *entry, json_t *gone, json_t *kept)
{
	const char *key;
	json_t *value;

	json_object_foreach(gone, key, value)
		if (json_object_get(kept, key) != value)
			unindex_property(entry, key, value, json_object_get(kept, key));
}

static int index_properties(struct entry *entry, json_t *new, json_t *old)
{
	const char *key;
	json_t *value;

	json_object_foreach(new, key, value) {
		int r = json_object_get(old, key) != value ? index_property(entry, key, value) : 0;

		if (r < 0) {
			unindex_properties(entry, new, old);
			return r;
		}
	}
	return 0;
}

/* @value for @key in @object, or nothing with NULL. */
static int put(json_t *object, const char *key, json_t *value)
{
	if (!value) {
		json_object_del(object, key);
		return 0;
	}
	return json_object_set(object, key, value) < 0 ? -ENOMEM : 0;
}

/* What is seen of @entry at the keys that @key has a bearing on, were it @value. */
static json_t *view(const struct entry *entry, const char *key, json_t *value)
{
	json_t *user = user_properties(entry), *hiding = json_object_get(user, key);
	json_auto_t *result = NULL;

	if (strcmp(key, USER_PROPERTIES) != 0) {
		result = json_object();
		return result && put(result, key, hiding ? hiding : value) == 0 ? steal(result) : NULL;
	}
	result = copy(entry->properties);
	return result && put(result, key, value) == 0 ? merged(result) : NULL;
}

int entry_set_property(struct entry *entry, const char *key, json_t *value)
{
	json_auto_t *old = NULL, *new = NULL;
	int r;

	if ((key[0] == '$' && key[1] != '$') || !utf8_is_valid(key))
		return -EINVAL;
	if (is_retired(entry))
		return put(entry->properties, key, value);
	old = view(entry, key, json_object_get(entry->properties, key));
	new = view(entry, key, value);
	if (!old || !new)
		return -ENOMEM;
	r = index_properties(entry, new, old);
	if (r < 0)
		return r;
	r = put(entry->properties, key, value);
	unindex_properties(entry, r < 0 ? new : old, r < 0 ? old : new);
	return r;
}

/* Being busy */

void entry_set_busy(struct entry *entry, uint32_t busy)
{
	if (entry->busy == 0)
		entry->busy_since = clock_ns();
	else if (busy == 0)
		entry->busy_time = entry_busy_time(entry);
	entry->busy = busy;
}

uint64_t entry_busy_time(const struct entry *entry)
{
	return entry->busy_time + (entry->busy > 0 ? clock_ns() - entry->busy_since : 0);
}

/* Links */

static struct entry_link *find_link(const struct entry *child, const struct entry *parent,
				    const struct plane *plane)
{
	struct entry_link *link;

	list_for_each(link, &child->parents, of_child)
		if (link->parent == parent && link->plane == plane)
			return link;
	return NULL;
}

/* Put the parents of @entry that are not there yet at the end of the walk. */
static void walk_up(const struct entry *entry, const struct plane *plane, struct list *walk)
{
	const struct entry_link *link;

	list_for_each(link, &entry->parents, of_child)
		if (link->plane == plane && list_is_empty(&link->parent->walk))
			list_append(walk, &link->parent->walk);
}

static void walk_end(struct list *walk)
{
	while (!list_is_empty(walk))
		list_remove(walk->next);
}

/* @upper is @entry or above it. Each on the way is looked at once, however many ways there are. */
static bool is_above(const struct entry *upper, struct entry *entry, const struct plane *plane)
{
	struct list walk = LIST_INIT(walk);
	bool found = false;

	if (upper != entry && list_is_empty(&upper->children))
		return false;
	list_append(&walk, &entry->walk);
	for (struct list *at = walk.next; at != &walk && !found; at = at->next) {
		const struct entry *seen = container_of(at, struct entry, walk);

		found = seen == upper;
		walk_up(seen, plane, &walk);
	}
	walk_end(&walk);
	return found;
}

static uint64_t hash_name(const struct entry *parent, const struct plane *plane, const char *name)
{
	uintptr_t both[2] = { (uintptr_t)parent, (uintptr_t)plane };

	return table_hash(both, sizeof(both)) + table_hash(name, strlen(name));
}

struct entry_link *entry_find_link(const struct entry *parent, const struct plane *plane,
				   const char *name)
{
	struct table_item *item = table_find(&by_name, hash_name(parent, plane, name));

	for (; item; item = table_next(item)) {
		struct entry_link *link = container_of(item, struct entry_link, by_name);

		if (link->parent == parent && link->plane == plane && strcmp(link->name, name) == 0)
			return link;
	}
	return NULL;
}

/* The child's name in the parent, which no other has; clients may all have the same. */
static int name_link(struct entry_link *link)
{
	_cleanup_(freep) char *plain = NULL;

	if (link->child->kind == ENTRY_CLIENT)
		return 0;
	plain = entry_component(link->child);
	if (!plain)
		return -ENOMEM;
	if (!entry_find_link(link->parent, link->plane, plain))
		link->name = steal(plain);
	else
		link->name = text_print("%s~0x%" PRIx64, plain, link->child->id);
	if (link->name && table_insert(&by_name, &link->by_name,
				       hash_name(link->parent, link->plane, link->name)) == 0)
		return 0;
	free(link->name);
	return -ENOMEM;
}

int entry_attach(struct entry *child, struct entry *parent, struct plane *plane)
{
	struct entry_link *link;

	if (is_retired(child) || is_retired(parent))
		return -ENODEV;
	if (find_link(child, parent, plane))
		return -EEXIST;
	if (is_above(child, parent, plane))
		return -ELOOP;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->plane = plane;
	link->parent = parent;
	link->child = child;
	if (name_link(link) < 0) {
		free(link);
		return -ENOMEM;
	}
	list_init(&link->of_host);
	if (entry_parent(child, plane))
		list_append(&parent->guests, &link->of_host);
	list_append(&parent->children, &link->of_parent);
	list_append(&child->parents, &link->of_child);
	return 0;
}

static void link_free(struct entry_link *link)
{
	list_remove(&link->of_parent);
	list_remove(&link->of_child);
	list_remove(&link->of_host);
	if (link->name)
		table_remove(&by_name, &link->by_name);
	free(link->name);
	free(link);
}

int entry_detach(struct entry *child, struct entry *parent, struct plane *plane)
{
	struct entry_link *link = find_link(child, parent, plane);

	if (!link)
		return -ENOENT;
	link_free(link);
	return 0;
}

struct entry_link *entry_parent_link(const struct entry *entry, const struct plane *plane)
{
	struct entry_link *link;

	list_for_each(link, &entry->parents, of_child)
		if (link->plane == plane)
			return link;
	return NULL;
}

struct entry *entry_parent(const struct entry *entry, const struct plane *plane)
{
	const struct entry_link *link = entry_parent_link(entry, plane);

	return link ? link->parent : NULL;
}

/* Entries */

static uint64_t hash_id(uint64_t id)
{
	return table_hash(&id, sizeof(id));
}

struct entry *entry_by_id(uint64_t id)
{
	struct table_item *item = table_find(&by_id, hash_id(id));

	for (; item; item = table_next(item)) {
		struct entry *entry = container_of(item, struct entry, by_id);

		if (entry->id == id)
			return entry;
	}
	return NULL;
}

struct entry *entry_root(void)
{
	return root;
}

void entry_ids_above(uint64_t id)
{
	if (id > last_id)
		last_id = id;
}

uint64_t entry_last_id(void)
{
	return last_id;
}

static uint64_t id_of(struct list *link)
{
	return container_of(link, struct entry, all)->id;
}

/* Into the order of ids. Ids mostly come near the one before, so it is looked for from there. */
static void place_by_id(struct entry *entry)
{
	struct list *next = last_placed ? &last_placed->all : &entries;

	if (list_is_empty(&entries) || id_of(entries.previous) < entry->id)
		next = &entries;
	while (next->previous != &entries && id_of(next->previous) > entry->id)
		next = next->previous;
	while (next != &entries && id_of(next) < entry->id)
		next = next->next;
	list_append(next, &entry->all);
	last_placed = entry;
}

static int check_names(const char *name, const char *location)
{
	if (strlen(name) > ENTRY_NAME_MAX || strlen(location) > ENTRY_NAME_MAX)
		return -ENAMETOOLONG;
	return *name && utf8_is_valid(name) && utf8_is_valid(location) ? 0 : -EINVAL;
}

/* What it owns, and into the indexes. */
static int fill(struct entry *entry, const char *name, const char *location)
{
	bool is_service = entry->kind != ENTRY_ROOT;
	int r;

	entry->name = strdup(name);
	entry->location = strdup(location);
	entry->properties = json_object();
	if (!entry->name || !entry->location || !entry->properties)
		return -ENOMEM;
	r = lineage_new(is_service, is_service ? "IOService" : "IORegistryEntry", &entry->lineage);
	if (r == 0)
		r = index_add(entry, text_key(INDEX_NAME, name));
	if (r == 0)
		r = add_classes(entry, entry->lineage, (char *const []){ NULL });
	return r < 0 ? r : table_insert(&by_id, &entry->by_id, hash_id(entry->id));
}

static void empty(struct entry *entry)
{
	index_remove_all(entry);
	json_decref(entry->properties);
	lineage_free(entry->lineage);
	free(entry->location);
	free(entry->name);
}

int entry_init(struct entry *entry, enum entry_kind kind, uint64_t id, const char *name,
	       const char *location)
{
	int r = check_names(name, location);

	if (r < 0)
		return r;
	if (id == 0)
		id = last_id + 1;
	if (id == 0 || entry_by_id(id) || (kind == ENTRY_ROOT && root))
		return -EINVAL;
	*entry = (struct entry){ .id = id, .kind = kind };
	list_init(&entry->parents);
	list_init(&entry->children);
	list_init(&entry->guests);
	list_init(&entry->keys);
	list_init(&entry->all);
	list_init(&entry->walk);
	r = fill(entry, name, location);
	if (r < 0) {
		empty(entry);
		return r;
	}
	place_by_id(entry);
	entry_ids_above(id);
	if (kind == ENTRY_ROOT)
		root = entry;
	return 0;
}

void entry_retire(struct entry *entry)
{
	struct entry_link *link;

	if (is_retired(entry))
		return;
	list_for_each(link, &entry->parents, of_child)
		link_free(link);
	list_for_each(link, &entry->children, of_parent)
		link_free(link);
	if (root == entry)
		root = NULL;
	if (last_placed == entry)
		last_placed = NULL;
	list_remove(&entry->all);
	table_remove(&by_id, &entry->by_id);
	index_remove_all(entry);
}

void entry_deinit(struct entry *entry)
{
	entry_retire(entry);
	empty(entry);
}

/* What the indexes find */

struct entry **entries_with_class(const char *name)
{
	return index_find(text_key(INDEX_CLASS, name));
}

struct entry **entries_with_name(const char *name)
{
	return index_find(text_key(INDEX_NAME, name));
}

struct entry **entries_with_key(const char *key)
{
	return index_find(text_key(INDEX_KEY, key));
}

/* One key of the index stands for more than one value. */
static void keep_equal(struct entry **found, const char *key, const json_t *value)
{
	struct entry **to = found;

	for (; *found; found++)
		if (property_equals(entry_property(*found, key), value))
			*to++ = *found;
	*to = NULL;
}

struct entry **entries_with_property(const char *key, const json_t *value)
{
	struct index_key of_value;
	_cleanup_(freep) char *bytes = value_key(key, value, &of_value);
	struct entry **found = bytes ? index_find(of_value) : NULL;

	if (found)
		keep_equal(found, key, value);
	return found;
}

size_t entries_count_class(const char *name)
{
	return index_count(text_key(INDEX_CLASS, name));
}

size_t entries_count_name(const char *name)
{
	return index_count(text_key(INDEX_NAME, name));
}

size_t entries_count_key(const char *key)
{
	return index_count(text_key(INDEX_KEY, key));
}

size_t entries_count_property(const char *key, const json_t *value)
{
	struct index_key of_value;
	_cleanup_(freep) char *bytes = value_key(key, value, &of_value);

	return bytes ? index_count(of_value) : SIZE_MAX;
}

void entries_each_class(void (*found)(void *user, const char *name), void *user)
{
	index_each(INDEX_CLASS, found, user);
}

void entries_each_name(void (*found)(void *user, const char *name), void *user)
{
	index_each(INDEX_NAME, found, user);
}
