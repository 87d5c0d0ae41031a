/* SPDX-License-Identifier: MIT */
/*
 * registry_properties - the property table of an entry
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOKitLib.h>

#include "base64.h"
#include "cleanup.h"
#include "json_text.h"
#include "mount.h"
#include "registry_entry.h"

/* Return: 0 and a new reference, or a negative errno. */
static int read_json(struct handle *entry, const char *file, json_t **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r = registry_read(entry, file, &text, &size);

	if (r == 0 && json_text_parse(text, size, ret, NULL, 0) < 0)
		r = -EIO;
	return r;
}

static int read_table(struct handle *entry, json_t **ret)
{
	int r = read_json(entry, "props", ret);

	if (r == 0 && !json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;	/* whoever asked gives it back, too */
		return -EIO;
	}
	return r;
}

kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t object, json_t **ret,
						const void *allocator, IOOptionBits options)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	(void)allocator;
	(void)options;
	if (!entry || !ret)
		return kIOReturnBadArgument;
	return mount_result(entry->mount, read_table(entry, ret));
}

/* A key as it is written in a document: '$' at its start is doubled. The caller's, or NULL. */
static char *written_key(const char *key)
{
	return text_print("%s%s", *key == '$' ? "$" : "", key);
}

/* A new reference, or NULL. */
static json_t *all_keys(struct handle *entry)
{
	json_auto_t *table = NULL, *keys = json_array();
	const char *key;
	json_t *value;

	if (!keys || read_table(entry, &table) < 0)
		return NULL;
	json_object_foreach(table, key, value)
		if (json_array_append_new(keys, json_string(key + (*key == '$'))) < 0)
			return NULL;
	return json_incref(keys);
}

/* Some keys cannot be the name of a file: those are looked up in the table. */
static bool is_plain_key(const char *key)
{
	if (!registry_is_name(key) || strchr(key, '%'))
		return false;
	for (; *key; key++)
		if ((unsigned char)*key < ' ' || *key == 0x7f)
			return false;
	return true;
}

/* A new reference, or NULL. */
static json_t *property_of_table(struct handle *entry, const char *key)
{
	_cleanup_(freep) char *written = written_key(key);
	json_auto_t *table = NULL;

	if (!written || read_table(entry, &table) < 0)
		return NULL;
	return json_incref(json_object_get(table, written));
}

static json_t *property_of(struct handle *entry, const char *key)
{
	_cleanup_(freep) char *file = NULL;
	json_t *value;

	if (strcmp(key, kIORegistryEntryPropertyKeysKey) == 0)
		return all_keys(entry);
	if (!is_plain_key(key))
		return property_of_table(entry, key);
	file = text_print("prop/%s", key);
	if (!file)
		return NULL;
	return read_json(entry, file, &value) < 0 ? NULL : value;
}

static json_t *property_of_object(io_registry_entry_t object, const char *key)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);

	return entry && key ? property_of(entry, key) : NULL;
}

json_t *IORegistryEntryCreateCFProperty(io_registry_entry_t object, const char *key,
					const void *allocator, IOOptionBits options)
{
	(void)allocator;
	(void)options;
	return property_of_object(object, key);
}

json_t *IORegistryEntrySearchCFProperty(io_registry_entry_t object, const char *plane,
					const char *key, const void *allocator,
					IOOptionBits options)
{
	json_t *value = property_of_object(object, key);
	io_iterator_t iterator;
	io_object_t next;

	(void)allocator;
	if (value || !key || !(options & kIORegistryIterateRecursively) ||
	    IORegistryEntryCreateIterator(object, plane, options, &iterator) != kIOReturnSuccess)
		return value;
	while (!value && (next = IOIteratorNext(iterator))) {
		value = property_of_object(next, key);
		IOObjectRelease(next);
	}
	IOObjectRelease(iterator);
	return value;
}

/* As bytes */

/* Return: kIOReturnSuccess, or kIOReturnIPCError where there is not that much room. */
static IOReturn put(const void *bytes, size_t n, char *buffer, uint32_t *size)
{
	if (n > *size)
		return kIOReturnIPCError;
	memcpy(buffer, bytes, n);
	*size = (uint32_t)n;
	return kIOReturnSuccess;
}

static IOReturn put_number(uint64_t word, char *buffer, uint32_t *size)
{
	uint32_t half = (uint32_t)word;

	return word <= UINT32_MAX ? put(&half, sizeof(half), buffer, size) :
		put(&word, sizeof(word), buffer, size);
}

static IOReturn put_data(const char *text, char *buffer, uint32_t *size)
{
	size_t length = strlen(text), n = base64_size(text, length);
	_cleanup_(freep) char *bytes = n == SIZE_MAX ? NULL : malloc(n + 1);

	if (n == SIZE_MAX)
		return kIOReturnBadArgument;
	if (!bytes)
		return kIOReturnNoMemory;
	if (base64_take(text, length, bytes) < 0)
		return kIOReturnBadArgument;
	return put(bytes, n, buffer, size);
}

static IOReturn put_value(const json_t *value, char *buffer, uint32_t *size)
{
	const json_t *data = json_object_get(value, "$data");

	if (json_is_string(value))
		return put(json_string_value(value), json_string_length(value) + 1, buffer, size);
	if (json_is_boolean(value))
		return json_is_true(value) ? put("Yes", 4, buffer, size) :
			put("No", 3, buffer, size);
	if (json_is_integer(value))
		return put_number((uint64_t)json_integer_value(value), buffer, size);
	if (json_object_size(value) == 1 && json_is_string(data))
		return put_data(json_string_value(data), buffer, size);
	return kIOReturnBadArgument;
}

kern_return_t IORegistryEntryGetProperty(io_registry_entry_t object, const char *propertyName,
					 char *buffer, uint32_t *size)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	json_auto_t *value = NULL;

	if (!entry || !propertyName || !buffer || !size)
		return kIOReturnBadArgument;
	value = property_of(entry, propertyName);
	return value ? put_value(value, buffer, size) : kIOReturnNoResources;
}

/* Setting them */

static IOReturn set(io_registry_entry_t object, const json_t *value)
{
	_cleanup_(handle_putp) struct handle *entry = handle_get(object, HANDLE_OF_REGISTRY);
	_cleanup_(freep) char *text = NULL;
	size_t size;

	if (!entry)
		return kIOReturnBadArgument;
	text = json_text_print(value, true);
	if (!text)
		return kIOReturnBadArgument;
	size = strlen(text);
	if (size > JSON_TEXT_MAX)
		return kIOReturnMessageTooLarge;
	/* Its NUL becomes what ends the value. */
	text[size] = '\n';
	return mount_result(entry->mount, registry_write(entry, "props", text, size + 1));
}

kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry, json_t *properties)
{
	return properties ? set(entry, properties) : kIOReturnBadArgument;
}

kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry, const char *propertyName,
					   json_t *property)
{
	_cleanup_(freep) char *key = propertyName ? written_key(propertyName) : NULL;
	json_auto_t *table = NULL;

	if (!key || !property)
		return kIOReturnBadArgument;
	table = json_pack("{s:O}", key, property);
	return table ? set(entry, table) : kIOReturnBadArgument;
}
