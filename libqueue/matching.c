/* SPDX-License-Identifier: MIT */
/*
 * matching - matching dictionaries, and the services that they mean
 *
 * The session `match` takes a dictionary and gives paths, all of which are read at once:
 * an iterator is that text.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "iterator.h"
#include "json_text.h"
#include "matching.h"
#include "mount.h"
#include "registry_entry.h"
#include "registry_level.h"

/* Dictionaries */

static json_t *with_text(const char *key, const char *text)
{
	return text ? json_pack("{s:s}", key, text) : NULL;
}

json_t *IOServiceMatching(const char *name)
{
	return with_text(kIOProviderClassKey, name);
}

json_t *IOServiceNameMatching(const char *name)
{
	return with_text(kIONameMatchKey, name);
}

json_t *IORegistryEntryIDMatching(uint64_t entryID)
{
	return json_pack("{s:I}", kIORegistryEntryIDKey, (json_int_t)entryID);
}

json_t *IOBSDNameMatching(mach_port_t mainPort, uint32_t options, const char *bsdName)
{
	(void)mainPort;
	(void)options;
	return with_text(kIOBSDNameKey, bsdName);
}

json_t *IOOpenFirmwarePathMatching(mach_port_t mainPort, uint32_t options, const char *path)
{
	(void)mainPort;
	(void)options;
	return path ? json_pack("{s:s+}", kIOPathMatchKey, kIODeviceTreePlane ":", path) : NULL;
}

IOReturn matching_print(const json_t *value, char **ret)
{
	size_t size;
	char *text;

	if (!json_is_object(value))
		return kIOReturnBadArgument;
	text = json_text_print(value, true);
	if (!text)
		return kIOReturnUnsupported;
	size = strlen(text);
	if (size > JSON_TEXT_MAX) {
		free(text);
		return kIOReturnMessageTooLarge;
	}
	text[size] = '\n';
	*ret = realloc(text, size + 2);
	if (!*ret) {
		free(text);
		return kIOReturnNoMemory;
	}
	(*ret)[size + 1] = '\0';
	return kIOReturnSuccess;
}

/* Services */

struct found {
	struct iterator iterator;
	char *paths;		/* owned: lines, "IOService:/Bus/Dev@0" */
	const char *at;
};

/* The line at *@at as a path in the mount: without the colon. Return: NULL at the end. */
static char *next_path(const char **at)
{
	size_t length = strcspn(*at, "\n");
	const char *line = *at;
	char *path, *colon;

	if (length == 0)
		return NULL;
	path = strndup(line, length);
	if (!path)
		return NULL;
	*at += length + (line[length] == '\n');
	colon = strchr(path, ':');
	if (colon)
		memmove(colon, colon + 1, strlen(colon));
	return path;
}

/* The next that is there still; after a shortage the same again. */
static struct handle *open_next(const char *mount, const char **at)
{
	for (;;) {
		const char *before = *at;
		_cleanup_(freep) char *path = next_path(at);
		struct handle *entry;
		int r;

		if (!path)
			return NULL;
		r = registry_open(mount, path, &entry);
		if (r == 0)
			return entry;
		if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
			*at = before;
			return NULL;
		}
	}
}

static struct handle *found_next(struct iterator *iterator)
{
	struct found *found = (struct found *)iterator;

	return open_next(iterator->handle.mount, &found->at);
}

static void found_reset(struct iterator *iterator)
{
	struct found *found = (struct found *)iterator;

	found->at = found->paths;
}

static void found_free(struct iterator *iterator)
{
	free(((struct found *)iterator)->paths);
}

static const struct iterator_kind found_kind = {
	.lineage = "IOUserIterator:OSIterator:OSObject",
	.size = sizeof(struct found),
	.next = found_next,
	.reset = found_reset,
	.free = found_free,
};

/* What a session that takes a dictionary says. Return: 0 and the caller's text, or an errno. */
static int ask(int fd, const char *dictionary, char **ret)
{
	int r = stream_write(fd, dictionary, strlen(dictionary));

	return r < 0 ? r : stream_read(fd, ret, NULL);
}

/* Of all mounts that could be asked, the one, and the paths of what matches there. */
static IOReturn find(mach_port_t mainPort, const json_t *matching, char **ret_mount, int *ret_fd,
		     char **ret_paths)
{
	_cleanup_(freep) char *dictionary = NULL;
	IOReturn result = matching_print(matching, &dictionary);
	int r;

	if (result != kIOReturnSuccess)
		return result;
	result = mount_of_port(mainPort, ret_mount);
	if (result != kIOReturnSuccess)
		return result;
	*ret_fd = mount_open(*ret_mount, "match", O_RDWR);
	r = *ret_fd < 0 ? *ret_fd : ask(*ret_fd, dictionary, ret_paths);
	return mount_result(*ret_mount, r);
}

io_service_t IOServiceGetMatchingService(mach_port_t mainPort, json_t *matching)
{
	_cleanup_(freep) char *mount = NULL, *paths = NULL;
	_cleanup_(closep) int fd = -1;
	struct handle *service;
	const char *at;
	IOReturn result = find(mainPort, matching, &mount, &fd, &paths);

	json_decref(matching);
	if (result != kIOReturnSuccess)
		return IO_OBJECT_NULL;
	at = paths;
	service = open_next(mount, &at);
	return service ? handle_publish(service) : IO_OBJECT_NULL;
}

static IOReturn found_publish(const char *mount, int *fd, char **paths, io_iterator_t *ret)
{
	struct found *found;

	*ret = IO_OBJECT_NULL;
	if (!**paths)
		return kIOReturnSuccess;
	found = iterator_new(&found_kind, steal_fd(fd), mount);
	if (!found)
		return kIOReturnNoMemory;
	found->paths = *paths;
	found->at = *paths;
	*paths = NULL;
	*ret = handle_publish(&found->iterator.handle);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IOServiceGetMatchingServices(mach_port_t mainPort, json_t *matching,
					   io_iterator_t *existing)
{
	_cleanup_(freep) char *mount = NULL, *paths = NULL;
	_cleanup_(closep) int fd = -1;
	IOReturn result = kIOReturnBadArgument;

	if (existing)
		result = find(mainPort, matching, &mount, &fd, &paths);
	json_decref(matching);
	return result == kIOReturnSuccess ? found_publish(mount, &fd, &paths, existing) : result;
}

kern_return_t IOServiceMatchPropertyTable(io_service_t object, json_t *matching,
					  boolean_t *matches)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	_cleanup_(freep) char *dictionary = NULL, *answer = NULL;
	_cleanup_(closep) int fd = -1;
	IOReturn result;
	int r;

	if (!service || !matches)
		return kIOReturnBadArgument;
	*matches = false;
	result = matching_print(matching, &dictionary);
	if (result != kIOReturnSuccess)
		return result;
	if (entry_is_client(service))	/* nothing matches it, so it cannot be asked */
		return kIOReturnUnsupported;
	fd = registry_file(service, "match", O_RDWR);
	r = fd < 0 ? fd : ask(fd, dictionary, &answer);
	if (r == 0)
		*matches = *answer == '1';
	return mount_result(service->mount, r);
}
