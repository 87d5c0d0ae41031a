/* SPDX-License-Identifier: MIT */
/*
 * registry_class - what an object is: its class, what that is derived from, its number
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "cleanup.h"
#include "json_text.h"
#include "mount.h"
#include "registry_entry.h"

boolean_t IOObjectIsEqualTo(io_object_t one, io_object_t other)
{
	_cleanup_(handle_putp) struct handle *first = handle_get(one, HANDLE_ANY);
	_cleanup_(handle_putp) struct handle *second = handle_get(other, HANDLE_ANY);

	if (!first || !second)
		return false;
	return first == second ||
	       (first->id != 0 && first->id == second->id && first->mount && second->mount &&
		strcmp(first->mount, second->mount) == 0);
}

uint32_t IOObjectGetKernelRetainCount(io_object_t object)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(freep) char *text = NULL;

	if (!entry || registry_read_line(entry, "retain", &text) < 0)
		return 0;
	return (uint32_t)strtoul(text, NULL, 10);
}

/* Return: the caller's text, or NULL: no such property, or not text. */
static char *text_property(struct handle *entry, const char *file)
{
	_cleanup_(freep) char *text = NULL;
	json_auto_t *value = NULL;
	size_t size;

	if (registry_read(entry, file, &text, &size) < 0 ||
	    json_text_parse(text, size, &value, NULL, 0) < 0 || !json_is_string(value))
		return NULL;
	return strdup(json_string_value(value));
}

static char *class_override(struct handle *entry)
{
	return text_property(entry, "prop/" kIOClassNameOverrideKey);
}

static char *class_of_entry(struct handle *entry)
{
	char *name = class_override(entry);

	if (!name && registry_read_line(entry, "class", &name) < 0)
		name = entry->class_name ? strdup(entry->class_name) : NULL;
	return name;
}

static char *class_of(struct handle *handle)
{
	if (handle->kind & HANDLE_OF_REGISTRY)
		return class_of_entry(handle);
	return handle->lineage ? strndup(handle->lineage, strcspn(handle->lineage, ":")) : NULL;
}

char *IOObjectCopyClass(io_object_t object)
{
	_cleanup_(handle_putp) struct handle *handle = handle_get(object, HANDLE_ANY);

	return handle ? class_of(handle) : NULL;
}

kern_return_t IOObjectGetClass(io_object_t object, io_name_t ret)
{
	_cleanup_(freep) char *name = IOObjectCopyClass(object);

	if (!name || !ret)
		return kIOReturnBadArgument;
	snprintf(ret, sizeof(io_name_t), "%s", name);
	return kIOReturnSuccess;
}

/* Is @word one of those in @list, with @separator between? Return: what is behind it, or NULL. */
static const char *behind_word(const char *list, const char *word, char separator)
{
	const char separators[] = { separator, '\0' };
	size_t length = strlen(word);

	while (list && *list) {
		size_t n = strcspn(list, separators);

		if (n == length && memcmp(list, word, n) == 0)
			return list + n + (list[n] == separator);
		list += n + (list[n] == separator);
	}
	return NULL;
}

static bool entry_conforms(struct handle *entry, const char *name)
{
	_cleanup_(freep) char *classes = NULL, *other = NULL;

	if (registry_read(entry, "classes", &classes, NULL) < 0)
		return entry->class_name && strcmp(entry->class_name, name) == 0;
	if (behind_word(classes, name, '\n'))
		return true;
	other = class_override(entry);
	return other && strcmp(other, name) == 0;
}

boolean_t IOObjectConformsTo(io_object_t object, const char *className)
{
	_cleanup_(handle_putp) struct handle *handle = handle_get(object, HANDLE_ANY);

	if (!handle || !className || !*className)
		return false;
	if (handle->kind & HANDLE_OF_REGISTRY)
		return entry_conforms(handle, className);
	return handle->lineage && behind_word(handle->lineage, className, ':');
}

/* Classes by name */

/* The number of an entry in the directory @path, or 0. */
static uint64_t any_id(const char *mount, const char *path)
{
	int fd = mount_open(mount, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *found;
	uint64_t id = 0;

	if (!directory) {
		close_fd(fd);
		return 0;
	}
	while (id == 0 && (found = readdir(directory)))
		id = strtoull(found->d_name, NULL, 16);
	closedir(directory);
	return id;
}

/* An entry of the class, of the default mount, or NULL. */
static struct handle *any_of_class(const char *name)
{
	_cleanup_(freep) char *mount = NULL, *path = NULL;
	struct handle *entry;

	if (!name || !registry_is_name(name) ||
	    mount_of_port(MACH_PORT_NULL, &mount) != kIOReturnSuccess)
		return NULL;
	path = text_print("class/%s", name);
	return path && registry_open_id(mount, any_id(mount, path), &entry) == 0 ? entry : NULL;
}

char *IOObjectCopySuperclassForClass(const char *classname)
{
	_cleanup_(handle_putp) struct handle *entry = any_of_class(classname);
	_cleanup_(freep) char *classes = NULL;
	const char *next;

	if (!entry || registry_read(entry, "classes", &classes, NULL) < 0)
		return NULL;
	next = behind_word(classes, classname, '\n');
	return next && *next ? strndup(next, strcspn(next, "\n")) : NULL;
}

char *IOObjectCopyBundleIdentifierForClass(const char *classname)
{
	_cleanup_(handle_putp) struct handle *entry = any_of_class(classname);

	return entry ? text_property(entry, "prop/" kIOBundleIdentifierKey) : NULL;
}
