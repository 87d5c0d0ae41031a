/* SPDX-License-Identifier: MIT */
/*
 * The graph and the properties. What the indexes (index.c) say of an entry is
 * changed in two steps: what is new is put in, which may fail and is then taken
 * out again; after that what is old is taken out, which cannot fail.
 *
 * In a path, a byte of a name that has a meaning there is %XX: a slash, '%',
 * control bytes, a '.' at the start, and in a name '@', which begins the
 * location. Without its colon the path is that of the directory in the mount.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/entry.h"
#include "service/index.h"
#include "service/property.h"

#define USER_PROPERTIES	"IOUserServiceProperties"
#define HEX_DIGITS	"0123456789abcdefABCDEF"

/* What each lineage ends with; a root's without the first. */
static const char *const base_classes[] = { "IOService", "IORegistryEntry", "OSObject", NULL };

struct plane service_plane = { { &planes, &planes }, "IOService" };
struct list planes = { &service_plane.planes, &service_plane.planes };
struct list entries = LIST_INIT(entries);

static struct table by_id;
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

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alphanumeric(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_plane_name(const char *name)
{
	size_t n = 0;

	while (n <= PLANE_NAME_MAX && is_alphanumeric(name[n]))
		n++;
	return n <= PLANE_NAME_MAX && name[n] == '\0' && is_upper(*name);
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

/* Lineages */

static char **lineage_free(char **lineage)
{
	for (char **name = lineage; name && *name; name++)
		free(*name);
	free(lineage);
	return NULL;
}

static void lineage_freep(char ***lineage)
{
	lineage_free(*lineage);
}

static bool is_class_name(const char *name, size_t length)
{
	if (length == 0 || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

static bool has_class(char *const *lineage, const char *name)
{
	for (; *lineage; lineage++)
		if (strcmp(*lineage, name) == 0)
			return true;
	return false;
}

/* One more at the end of @lineage, which has room. */
static int add_class(char **lineage, const char *name, size_t length)
{
	_cleanup_(freep) char *copy = NULL;

	if (length > ENTRY_NAME_MAX)
		return -ENAMETOOLONG;
	if (!is_class_name(name, length))
		return -EINVAL;
	copy = strndup(name, length);
	if (!copy)
		return -ENOMEM;
	if (has_class(lineage, copy))
		return -EINVAL;
	while (*lineage)
		lineage++;
	*lineage = steal(copy);
	return 0;
}

static size_t count_colons(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, ':')) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* The names of @classes, which may end with those of @base or leave them out. */
static int parse_lineage(const char *classes, const char *const *base, char **lineage)
{
	bool more = true;

	while (more) {
		size_t length = strcspn(classes, ":");
		bool is_base = *base && strlen(*base) == length && memcmp(*base, classes, length) == 0;
		int r = add_class(lineage, classes, length);

		if (r < 0)
			return r;
		base += is_base;
		more = classes[length] == ':';
		classes += length + 1;
	}
	for (; *base; base++) {
		int r = add_class(lineage, *base, strlen(*base));

		if (r < 0)
			return r;
	}
	return 0;
}

/* A class of the base comes before no other class: then base_classes would not be the end. */
static bool ends_with(char *const *lineage, const char *const *base)
{
	while (*lineage && strcmp(*lineage, *base) != 0)
		lineage++;
	for (; *lineage && *base; lineage++, base++)
		if (strcmp(*lineage, *base) != 0)
			return false;
	return !*lineage && !*base;
}

static int new_lineage(enum entry_kind kind, const char *classes, char ***ret)
{
	const char *const *base = base_classes + (kind == ENTRY_ROOT);
	size_t n = count_colons(classes);
	_cleanup_(lineage_freep) char **lineage = NULL;
	int r;

	if (n >= ENTRY_LINEAGE_MAX)
		return -ENAMETOOLONG;
	lineage = calloc(n + ARRAY_SIZE(base_classes) + 1, sizeof(*lineage));
	if (!lineage)
		return -ENOMEM;
	r = parse_lineage(classes, base, lineage);
	if (r < 0)
		return r;
	if (!ends_with(lineage, base))
		return -EINVAL;
	*ret = steal(lineage);
	return 0;
}

static struct index_key text_key(enum index kind, const char *text)
{
	return (struct index_key){ kind, text, strlen(text) };
}

/* Out with those of @lineage that @other has not. */
static void remove_classes(struct entry *entry, char *const *lineage, char *const *other)
{
	for (; *lineage; lineage++)
		if (!has_class(other, *lineage))
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
	int r = new_lineage(entry->kind, classes, &lineage);

	if (r == 0)
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
	return has_class(entry->lineage, name);
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

static json_t *merged(json_t *properties)
{
	json_t *user = json_object_get(properties, USER_PROPERTIES);
	json_auto_t *all = json_copy(properties);

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
	struct index_key of_value, of_kept;

	if (!kept)
		index_remove(entry, text_key(INDEX_KEY, key));
	if (!property_is_scalar(value))
		return;
	bytes = value_key(key, value, &of_value);
	if (property_is_scalar(kept))
		kept_bytes = value_key(key, kept, &of_kept);
	if (bytes && !(kept_bytes && of_kept.size == of_value.size &&
		       memcmp(bytes, kept_bytes, of_value.size) == 0))
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
	result = json_copy(entry->properties);
	return result && put(result, key, value) == 0 ? merged(result) : NULL;
}

/* JSON can hold it: it is UTF-8. */
static bool is_text(const char *text)
{
	json_auto_t *value = json_string(text);

	return value;
}

int entry_set_property(struct entry *entry, const char *key, json_t *value)
{
	json_auto_t *old = NULL, *new = NULL;
	int r;

	if ((key[0] == '$' && key[1] != '$') || !is_text(key))
		return -EINVAL;
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

int entry_attach(struct entry *child, struct entry *parent, struct plane *plane)
{
	struct entry_link *link;

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
	list_append(&parent->children, &link->of_parent);
	list_append(&child->parents, &link->of_child);
	return 0;
}

static void link_free(struct entry_link *link)
{
	list_remove(&link->of_parent);
	list_remove(&link->of_child);
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

struct entry *entry_parent(const struct entry *entry, const struct plane *plane)
{
	const struct entry_link *link;

	list_for_each(link, &entry->parents, of_child)
		if (link->plane == plane)
			return link->parent;
	return NULL;
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
	return *name && is_text(name) && is_text(location) ? 0 : -EINVAL;
}

/* What it owns, and into the indexes. */
static int fill(struct entry *entry, const char *name, const char *location)
{
	const char *const *base = base_classes + (entry->kind == ENTRY_ROOT);
	int r;

	entry->name = strdup(name);
	entry->location = strdup(location);
	entry->properties = json_object();
	entry->lineage = calloc(1, sizeof(*entry->lineage));
	if (!entry->name || !entry->location || !entry->properties || !entry->lineage)
		return -ENOMEM;
	r = index_add(entry, text_key(INDEX_NAME, name));
	if (r == 0)
		r = entry_set_class(entry, *base);
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

	if (list_is_empty(&entry->all))		/* done already */
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

/* Paths */

static bool is_special(char c, bool first, const char *specials)
{
	unsigned char byte = (unsigned char)c;

	return byte < ' ' || byte == 0x7f || (first && c == '.') || strchr(specials, c);
}

static char *escape_into(char *to, const char *from, bool first, const char *specials)
{
	for (; *from; from++, first = false)
		if (is_special(*from, first, specials))
			to += sprintf(to, "%%%02X", (unsigned char)*from);
		else
			*to++ = *from;
	*to = '\0';
	return to;
}

char *entry_component(const struct entry *entry)
{
	size_t length = strlen(entry->name) + strlen(entry->location);
	char *text = malloc(3 * length + sizeof("@")), *to;

	if (!text)
		return NULL;
	to = escape_into(text, entry->name, true, "/%@");
	if (*entry->location) {
		*to++ = '@';
		escape_into(to, entry->location, false, "/%");
	}
	return text;
}

/* How many are above @entry, or -1 when that is not up to the root. */
static ssize_t depth_of(const struct entry *entry, const struct plane *plane)
{
	ssize_t depth = 0;

	while (entry && entry->kind != ENTRY_ROOT) {
		entry = entry_parent(entry, plane);
		depth++;
	}
	return entry ? depth : -1;
}

static int print_components(FILE *out, const struct entry **way, size_t n)
{
	while (n-- > 0) {
		_cleanup_(freep) char *component = entry_component(way[n]);

		if (!component)
			return -ENOMEM;
		fprintf(out, "/%s", component);
	}
	return 0;
}

char *entry_path(const struct entry *entry, const struct plane *plane)
{
	ssize_t depth = depth_of(entry, plane);
	_cleanup_(freep) const struct entry **way = NULL;
	char *text = NULL;
	size_t size, n = 0;
	FILE *out;
	int r;

	if (depth >= 0)
		way = calloc((size_t)depth + 1, sizeof(struct entry *));
	out = way ? open_memstream(&text, &size) : NULL;
	if (!out)
		return NULL;
	for (; n < (size_t)depth; entry = entry_parent(entry, plane))
		way[n++] = entry;
	fprintf(out, "%s:%s", plane->name, n == 0 ? "/" : "");
	r = print_components(out, way, n);
	if (fclose(out) != 0 || r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The byte that @part begins with, as such or as %XX. Return: how long that is. */
static size_t unescape_byte(const char *part, size_t length, char *ret)
{
	char digits[3] = { 0 };

	*ret = *part;
	if (*part != '%' || length < 3)
		return 1;
	memcpy(digits, part + 1, 2);
	if (strspn(digits, HEX_DIGITS) != 2)
		return 1;
	*ret = (char)strtoul(digits, NULL, 16);
	return 3;
}

/* A part of a component is @text, with or without escapes. */
static bool unescapes_to(const char *part, size_t length, const char *text)
{
	for (; length > 0 && *text; text++) {
		char byte;
		size_t n = unescape_byte(part, length, &byte);

		if (byte != *text)
			return false;
		part += n;
		length -= n;
	}
	return length == 0 && !*text;
}

/* The next number of a list, in hexadecimal digits without zeros before; past the last, 0. */
static const char *next_number(const char **list, size_t *ret_length)
{
	const char *number;

	*list += strspn(*list, "0");
	number = *list;
	*ret_length = strspn(number, HEX_DIGITS);
	*list += *ret_length;
	if (**list == ',' || **list == ':')
		++*list;
	return number;
}

static bool is_number_list(const char *text)
{
	return text[strspn(text, HEX_DIGITS ",:")] == '\0';
}

bool entry_location_equals(const char *one, const char *other)
{
	if (!is_number_list(one) || !is_number_list(other))
		return strcmp(one, other) == 0;
	while (*one || *other) {
		size_t length, other_length;
		const char *number = next_number(&one, &length);
		const char *other_number = next_number(&other, &other_length);

		if (length != other_length || strncasecmp(number, other_number, length) != 0)
			return false;
	}
	return true;
}

static bool location_is(const char *location, const char *part, size_t length)
{
	char text[ENTRY_NAME_MAX + 1];

	if (!*location)
		return false;
	if (unescapes_to(part, length, location))
		return true;
	if (length > ENTRY_NAME_MAX)
		return false;
	memcpy(text, part, length);
	text[length] = '\0';
	return entry_location_equals(text, location);
}

bool entry_is_component(const struct entry *entry, const char *component, size_t length)
{
	const char *at = memchr(component, '@', length);
	size_t name_length = at ? (size_t)(at - component) : length;

	if (name_length == 0 && !at)
		return false;
	if (name_length > 0 && !unescapes_to(component, name_length, entry->name))
		return false;
	return !at || location_is(entry->location, at + 1, length - name_length - 1);
}

static struct entry *find_child(const struct entry *parent, const struct plane *plane,
				const char *component, size_t length)
{
	const struct entry_link *link;

	list_for_each(link, &parent->children, of_parent)
		if (link->plane == plane && entry_is_component(link->child, component, length))
			return link->child;
	return NULL;
}

struct entry *entry_from_path(const char *path)
{
	size_t length = strcspn(path, ":");
	const struct plane *plane = plane_find(path, length);
	struct entry *entry = root;

	if (!plane || path[length] != ':' || path[length + 1] != '/')
		return NULL;
	path += length + 1;
	if (path[1] == '\0')
		return root;
	while (entry && *path == '/') {
		length = strcspn(++path, "/");
		entry = find_child(entry, plane, path, length);
		path += length;
	}
	return entry;
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
