/* SPDX-License-Identifier: MIT */
/*
 * Paths of entries, to and from text.
 *
 * Without its colon the path of a service is that of its directory in the mount. In other
 * names, a byte that has a meaning in a path is %XX there: a slash, '%', control bytes, a '.' at
 * the start, and '@', which begins the location.
 *
 * Instead of its slash a path may begin with a word, an alias: a property of the entry `aliases`
 * right below the root of the plane.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/entry.h"
#include "service/property.h"
#include "tree/node.h"
#include "util/cleanup.h"

#define HEX_DIGITS "0123456789abcdefABCDEF"
#define ALIASES		"aliases"
#define ALIAS_MAX	31	/* bytes of the word, as in the original */
#define MAX_ALIASES	8	/* that a path goes through */

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
	char *text, *to;

	if (entry->kind == ENTRY_SERVICE && entry->node)
		return strdup(entry->node->name);
	text = malloc(3 * length + sizeof("@"));
	if (!text)
		return NULL;
	to = escape_into(text, entry->name, true, "/%@");
	if (*entry->location) {
		*to++ = '@';
		escape_into(to, entry->location, false, "/%");
	}
	return text;
}

/* How far @entry is below @top, or -1 when it is not. */
static ssize_t depth_below(const struct entry *top, const struct entry *entry,
			   const struct plane *plane)
{
	ssize_t depth = 0;

	while (entry && entry != top) {
		entry = entry_parent(entry, plane);
		depth++;
	}
	return entry ? depth : -1;
}

static int print_components(FILE *out, const struct entry_link **way, size_t n)
{
	while (n-- > 0) {
		const char *name = way[n]->name;
		_cleanup_(freep) char *component = name ? NULL : entry_component(way[n]->child);

		if (!name && !component)
			return -ENOMEM;
		fprintf(out, "/%s", name ? name : component);
	}
	return 0;
}

/* Up to the one that @depth are above it, which is @start. */
static char *print_path(const struct entry *entry, const struct plane *plane, const char *start,
			ssize_t depth)
{
	_cleanup_(freep) const struct entry_link **way = NULL;
	char *text = NULL;
	size_t size, n = 0;
	FILE *out;
	int r;

	if (depth >= 0)
		way = calloc((size_t)depth + 1, sizeof(struct entry_link *));
	out = way ? open_memstream(&text, &size) : NULL;
	if (!out)
		return NULL;
	for (; n < (size_t)depth; entry = way[n++]->parent)
		way[n] = entry_parent_link(entry, plane);
	fprintf(out, "%s:%s", plane->name, start);
	r = print_components(out, way, n);
	if (fclose(out) != 0 || r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *entry_path(const struct entry *entry, const struct plane *plane)
{
	ssize_t depth = depth_below(entry_root(), entry, plane);

	return print_path(entry, plane, depth == 0 ? "/" : "", depth);
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

static bool is_component(const struct entry *entry, const char *component, size_t length)
{
	const char *at = memchr(component, '@', length);
	size_t name_length = at ? (size_t)(at - component) : length;

	if (name_length == 0 && !at)
		return false;
	if (name_length > 0 && !unescapes_to(component, name_length, entry->name))
		return false;
	return !at || location_is(entry->location, at + 1, length - name_length - 1);
}

bool entry_may_end(const struct entry *entry, const char *path)
{
	const char *last = strrchr(path, '/');
	const struct entry_link *link;

	if (!last)
		return true;	/* "IOService:disk" */
	if (!last[1])
		return entry->kind == ENTRY_ROOT;
	list_for_each(link, &entry->parents, of_child)
		if (link->name && strcmp(link->name, last + 1) == 0)
			return true;
	return is_component(entry, last + 1, strlen(last + 1));
}

/* The one whose name it is; else, as in the original, the first for which it can stand. */
static struct entry *find_child(const struct entry *parent, const struct plane *plane,
				const char *component, size_t length)
{
	_cleanup_(freep) char *name = strndup(component, length);
	const struct entry_link *link = name ? entry_find_link(parent, plane, name) : NULL;

	if (link)
		return link->child;
	list_for_each(link, &parent->children, of_parent)
		if (link->plane == plane && is_component(link->child, component, length))
			return link->child;
	return NULL;
}

/* They say what everybody's paths mean: those of root, or of the daemon's user, count alone. */
static json_t *aliases_of(const struct plane *plane)
{
	const struct entry_link *link = entry_find_link(entry_root(), plane, ALIASES);
	const struct node *node = link ? link->child->node : NULL;

	return node && (node->own.uid == 0 || node->own.uid == geteuid()) ?
		link->child->properties : NULL;
}

/* As it stands in a line. (A key with '$' before it has one more as a property.) */
static bool is_alias(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (is_special(word[i], false, "/:"))
			return false;
	return length > 0 && length <= ALIAS_MAX && *word != '$';
}

/* What the property says: a string, or as in a device tree data with the bytes of one. */
static char *meaning_of(const json_t *value)
{
	_cleanup_(freep) unsigned char *bytes = NULL;
	size_t size;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	bytes = property_data(value, &size);
	return bytes ? strndup((const char *)bytes, size) : NULL;
}

static struct entry *find_below(struct entry *entry, const struct plane *plane, const char *path)
{
	while (entry && *path == '/') {
		size_t length = strcspn(++path, "/");

		entry = find_child(entry, plane, path, length);
		path += length;
	}
	return entry;
}

/* As in the original, what an alias says may begin with an alias again. */
static struct entry *find(const struct plane *plane, const char *path, unsigned n_aliases)
{
	size_t length = strcspn(path, "/");
	_cleanup_(freep) char *word = NULL, *meaning = NULL;
	const json_t *aliases;

	if (*path == '/')
		return path[1] ? find_below(entry_root(), plane, path) : entry_root();
	aliases = n_aliases < MAX_ALIASES && is_alias(path, length) ? aliases_of(plane) : NULL;
	word = aliases ? strndup(path, length) : NULL;
	meaning = word ? meaning_of(json_object_get(aliases, word)) : NULL;
	if (!meaning)
		return NULL;
	return find_below(find(plane, meaning, n_aliases + 1), plane, path + length);
}

struct entry *entry_from_path(const char *path)
{
	size_t length = strcspn(path, ":");
	const struct plane *plane = plane_find(path, length);

	return plane && path[length] == ':' ? find(plane, path + length + 1, 0) : NULL;
}

char *entry_path_by_alias(const struct entry *entry, const struct plane *plane)
{
	json_t *aliases = aliases_of(plane), *value;
	const char *word, *best = NULL;
	ssize_t best_depth = 0;

	json_object_foreach(aliases, word, value) {
		const struct entry *target = strchr(word, '/') ? NULL : find(plane, word, 0);
		ssize_t depth = depth_below(target, entry, plane);

		if (depth < 0 || (depth > 0 && target == entry_root()))
			continue;
		if (best && (depth > best_depth ||
			     (depth == best_depth && strlen(word) >= strlen(best))))
			continue;
		best = word;
		best_depth = depth;
	}
	return best ? print_path(entry, plane, best, best_depth) : NULL;
}
