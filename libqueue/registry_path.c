/* SPDX-License-Identifier: MIT */
/*
 * registry_path - what an entry is called, where it is, and back
 *
 * A path without its colon is that of a directory, with escapes where a name has bytes
 * that cannot be there. So a path is looked up as a directory first, and only what is
 * not there as such is compared with each entry, as the original does. What an alias
 * stands for is fsd's to know.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

#define HEX_DIGITS "0123456789abcdefABCDEF"

/* Names */

static void copy_cut(char *to, const char *from, size_t room)
{
	size_t n = strnlen(from, room - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* "%2F" and its like, in place. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		char digits[3] = { 0 };

		if (*text == '%' && strspn(text + 1, HEX_DIGITS) >= 2) {
			memcpy(digits, text + 1, 2);
			*to++ = (char)strtoul(digits, NULL, 16);
			text += 3;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* Of an entry that is gone: what its directory was called, before or behind the '@'. */
static int name_of_path(const struct handle *entry, bool wants_location, char **ret)
{
	const char *last = entry->path ? strrchr(entry->path, '/') : NULL;
	char *at;

	*ret = last ? strdup(last + 1) : NULL;
	if (!*ret)
		return -ENOENT;
	at = strchr(*ret, '@');
	if (wants_location)
		memmove(*ret, at ? at + 1 : "", strlen(at ? at + 1 : "") + 1);
	else if (at)
		*at = '\0';
	unescape(*ret);
	return 0;
}

/* Its file `name` or `location`. */
static int read_name(struct handle *entry, const char *file, char **ret)
{
	int r = registry_read_line(entry, file, ret);

	if (r == -ENOENT || r == -ENODEV || r == -ENOTCONN || r == -ECONNABORTED)
		r = name_of_path(entry, strcmp(file, "location") == 0, ret);
	return r;
}

static IOReturn get_name(io_registry_entry_t object, const char *file, io_name_t ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(freep) char *name = NULL;
	int r;

	if (!entry || !ret)
		return kIOReturnBadArgument;
	r = read_name(entry, file, &name);
	if (r < 0)
		return mount_result(entry->mount, r);
	copy_cut(ret, name, sizeof(io_name_t));
	return kIOReturnSuccess;
}

kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name)
{
	return get_name(entry, "name", name);
}

kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry, const char *plane,
					    io_name_t name)
{
	(void)plane;
	return get_name(entry, "name", name);
}

kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry, const char *plane,
						io_name_t location)
{
	IOReturn result = get_name(entry, "location", location);

	(void)plane;
	return result == kIOReturnSuccess && !*location ? kIOReturnNotFound : result;
}

kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t object, uint64_t *ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	if (!ret)
		return kIOReturnBadArgument;
	*ret = entry ? entry->id : 0;
	return *ret != 0 ? kIOReturnSuccess : kIOReturnBadArgument;
}

/* Paths */

/*
 * "PLANE:/...", or "PLANE:alias/..." where there is one, the caller's. Return: 0, -ENOENT, -ENOMEM,
 * or another errno.
 */
static int print_path(struct handle *entry, const char *plane, char **ret)
{
	_cleanup_(freep) char *path = NULL;
	int r = registry_written_path(entry, plane, &path);

	if (r < 0)
		return r;
	*ret = text_print("%s:%s", plane, path);
	return *ret ? 0 : -ENOMEM;
}

kern_return_t IORegistryEntryGetPath(io_registry_entry_t object, const char *plane,
				     io_string_t ret)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!entry || !plane || !ret)
		return kIOReturnBadArgument;
	r = print_path(entry, plane, &path);
	if (r == -ENOENT || (r == 0 && strlen(path) >= sizeof(io_string_t)))
		return kIOReturnBadArgument;
	if (r < 0)
		return mount_result(entry->mount, r);
	strcpy(ret, path);
	return kIOReturnSuccess;
}

char *IORegistryEntryCopyPath(io_registry_entry_t object, const char *plane)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	char *path = NULL;

	if (!entry || !plane || print_path(entry, plane, &path) < 0)
		return NULL;
	if (strlen(path) >= REGISTRY_PATH_MAX) {
		free(path);
		return NULL;
	}
	return path;
}

boolean_t IORegistryEntryInPlane(io_registry_entry_t object, const char *plane)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(freep) char *path = NULL;

	if (!entry || !plane || entry->id == REGISTRY_ROOT_ID)
		return false;
	return registry_plane_path(entry, plane, &path) == 0;
}

/* From a path to an entry */

/* The next number of a list, in hexadecimal digits without zeros before. */
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

static bool locations_equal(const char *one, const char *other)
{
	if (one[strspn(one, HEX_DIGITS ",:")] || other[strspn(other, HEX_DIGITS ",:")])
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

/* Is @component, "name", "name@location" or "@location", that of @entry? */
static bool is_component(struct handle *entry, const char *place, const char *component)
{
	const char *directory = strrchr(place, '/') + 1;
	char name[REGISTRY_NAME_ROOM], location[REGISTRY_NAME_ROOM];
	const char *at = strchr(component, '@');
	size_t length = at ? (size_t)(at - component) : strlen(component);
	_cleanup_(freep) char *read = NULL, *read_location = NULL;

	if (place_is_client(place) || !registry_split(directory, name, location)) {
		if (read_name(entry, "name", &read) < 0 ||
		    read_name(entry, "location", &read_location) < 0)
			return false;
		copy_cut(name, read, sizeof(name));
		copy_cut(location, read_location, sizeof(location));
	}
	if (length > 0 && (strlen(name) != length || memcmp(name, component, length) != 0))
		return false;
	return !at || (*location && locations_equal(location, at + 1));
}

/* The place of the child of @place that @component means, the caller's, or NULL. */
static char *search_child(const char *mount, const struct direction *direction,
			  const char *place, const char *component)
{
	struct level level;
	char *found = NULL;

	if (level_open(mount, direction, place, &level) < 0)
		return NULL;
	while (!found) {
		_cleanup_(handle_putp) struct handle *entry = NULL;
		_cleanup_(freep) char *child = NULL;

		if (level_next(&level, mount, &entry, &child) <= 0)
			break;
		if (is_component(entry, child, component)) {
			found = child;
			child = NULL;
		}
	}
	level_close(&level);
	return found;
}

/* Return: whether an entry stands at @place; a reference to it in *@ret. */
static bool open_place(const char *mount, const struct direction *direction, const char *place,
		       struct handle **ret)
{
	_cleanup_(freep) char *link = NULL;

	if (!direction->is_other)
		return registry_open(mount, place, ret) == 0;
	if (!strchr(place, '/'))
		return registry_has_plane(mount, place) && registry_open_root(mount, ret) == 0;
	link = text_print("%s/entry", place);
	if (!link)
		return false;
	return registry_open(mount, link, ret) == 0;
}

static char *child_place(const char *mount, const struct direction *direction, const char *place,
			 const char *component)
{
	_cleanup_(handle_putp) struct handle *entry = NULL;
	char *child;

	if (registry_is_name(component) && !registry_is_word(component)) {
		child = text_print("%s/%s", place, component);
		if (!child)
			return NULL;
		if (open_place(mount, direction, child, &entry))
			return child;
		free(child);
	}
	return search_child(mount, direction, place, component);
}

/* "PLANE:/a/b@0", which is taken apart. */
static struct handle *find(const char *mount, char *path)
{
	char *rest = strchr(path, ':');
	struct direction direction = { .plane = path };
	_cleanup_(freep) char *place = NULL;
	struct handle *entry;

	if (!rest || rest[1] != '/')
		return NULL;
	*rest = '\0';
	rest += 2;
	if (!registry_is_plane(path))
		return NULL;
	direction.is_other = strcmp(path, kIOServicePlane) != 0;
	place = strdup(path);
	for (rest = *rest ? rest : NULL; place && rest;) {
		char *component = strsep(&rest, "/"), *child;

		child = *component ? child_place(mount, &direction, place, component) : NULL;
		free(place);
		place = child;
	}
	return place && open_place(mount, &direction, place, &entry) ? entry : NULL;
}

/* "PLANE:alias/a" without the alias: "PLANE:/Bus/Dev@0/a", the caller's, or NULL. */
static char *dealias(const char *mount, const char *path)
{
	size_t length = strcspn(path, "/");
	_cleanup_(freep) char *plane = strndup(path, strcspn(path, ":")), *start = NULL;
	_cleanup_(freep) char *link = text_print("id/%.*s", (int)length, path);
	_cleanup_(handle_putp) struct handle *entry = NULL;

	if (!plane || !link || !registry_is_plane(plane) ||
	    registry_open(mount, link, &entry) < 0 || registry_plane_path(entry, plane, &start) < 0)
		return NULL;
	path += length;
	return text_print("%s:%s%s", plane, *path && !start[1] ? "" : start, path);
}

static io_registry_entry_t from_path(mach_port_t mainPort, const char *path, size_t max)
{
	_cleanup_(freep) char *mount = NULL, *copy = NULL;
	const char *colon = path ? strchr(path, ':') : NULL;
	struct handle *entry;

	if (!colon || strlen(path) > max || mount_of_port(mainPort, &mount) != kIOReturnSuccess)
		return IO_OBJECT_NULL;
	copy = colon[1] == '/' ? strdup(path) : dealias(mount, path);
	entry = copy ? find(mount, copy) : NULL;
	return entry ? handle_publish(entry) : IO_OBJECT_NULL;
}

io_registry_entry_t IORegistryEntryFromPath(mach_port_t mainPort, const char *path)
{
	return from_path(mainPort, path, sizeof(io_string_t) - 1);
}

io_registry_entry_t IORegistryEntryCopyFromPath(mach_port_t mainPort, const char *path)
{
	return from_path(mainPort, path, 4u << 20);
}

io_registry_entry_t IORegistryGetRootEntry(mach_port_t mainPort)
{
	_cleanup_(freep) char *mount = NULL;
	struct handle *root;

	if (mount_of_port(mainPort, &mount) != kIOReturnSuccess ||
	    registry_open_root(mount, &root) < 0)
		return IO_OBJECT_NULL;
	return handle_publish(root);
}
