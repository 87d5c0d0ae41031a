/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "ioreg_entry.h"
#include "json_text.h"

#define ROOM_FILE	512		/* bytes of most files */
#define ROOM_LIST	(32u << 10)	/* of one read of a directory */
#define MAX_FILE	(16u << 20)	/* properties are smaller */

/* Directories of a service that are no entries. */
static const char *const words[] = {
	"buf", "clients", "parents", "prop", "queues", "streams", NULL
};

static const json_t *no_properties(void)
{
	static json_t *none;

	if (!none)
		none = json_object();
	return none;
}

/* Reading */

/* All of @fd into *@text, which grows. Return: bytes, or a negative errno. */
static ssize_t read_all(int fd, char **text)
{
	size_t size = 0, room = ROOM_FILE;

	*text = malloc(room + 1);
	for (;;) {
		char *more;
		ssize_t n = *text ? read(fd, *text + size, room - size) : -1;

		if (n < 0)
			return *text ? -errno : -ENOMEM;
		size += (size_t)n;
		if (size < room)	/* a file gives all it has at once */
			break;
		if (room >= MAX_FILE)
			return -EFBIG;
		more = realloc(*text, 8 * room + 1);
		if (!more)
			return -ENOMEM;
		*text = more;
		room *= 8;
	}
	(*text)[size] = '\0';
	return (ssize_t)size;
}

static char *read_file(int directory, const char *file, size_t *ret_size)
{
	_cleanup_(closep) int fd = openat(directory, file, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *text = NULL;
	char *result;
	ssize_t n = fd < 0 ? -errno : read_all(fd, &text);

	if (n < 0)
		return NULL;
	*ret_size = (size_t)n;
	result = text;
	text = NULL;
	return result;
}

char *entry_text(const struct entry *entry, const char *file)
{
	size_t n;
	char *text = read_file(entry->files, file, &n);

	if (text && n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

uint64_t entry_number(const struct entry *entry, const char *file)
{
	_cleanup_(freep) char *text = entry_text(entry, file);

	return text ? strtoull(text, NULL, 10) : 0;
}

static const char *kept(const struct entry *entry, const char *file, char **text)
{
	if (!*text)
		*text = entry_text(entry, file);
	return *text ? *text : "";
}

const char *entry_class(struct entry *entry)
{
	return kept(entry, "class", &entry->class);
}

const char *entry_classes(struct entry *entry)
{
	return kept(entry, "classes", &entry->classes);
}

static json_t *read_value(const struct entry *entry, const char *file)
{
	size_t n = 0;
	_cleanup_(freep) char *text = read_file(entry->files, file, &n);
	json_t *value = NULL;

	if (!text || json_text_parse(text, n, &value, NULL, 0) < 0)
		return NULL;
	return value;
}

const json_t *entry_properties(struct entry *entry)
{
	if (!entry->properties)
		entry->properties = read_value(entry, "props");
	return json_is_object(entry->properties) ? entry->properties : no_properties();
}

json_t *entry_property(struct entry *entry, const char *key)
{
	_cleanup_(freep) char *file = NULL;

	if (entry->properties)
		return json_incref(json_object_get(entry->properties, key));
	file = text_print("prop/%s", key);
	if (!file)
		return NULL;
	return read_value(entry, file);
}

/* Names */

static bool is_word(const char *name)
{
	for (const char *const *word = words; *word; word++)
		if (strcmp(*word, name) == 0)
			return true;
	return false;
}

/* A directory, or a link to one that stands elsewhere. */
static bool may_be_entry(const struct dirent64 *found)
{
	return (found->d_type == DT_DIR || found->d_type == DT_LNK || found->d_type == DT_UNKNOWN) &&
	       *found->d_name != '.' && !is_word(found->d_name);
}

static int names_add_listed(struct names *names, const char *list, size_t size)
{
	for (size_t at = 0; at < size; ) {
		const struct dirent64 *found = (const void *)(list + at);
		int r = 0;

		if (may_be_entry(found))
			r = names_add(names, found->d_name);
		if (r < 0)
			return r;
		at += found->d_reclen;
	}
	return 0;
}

/* The directories in @fd. readdir(3) would take memory for each level of the tree. */
static int names_read(struct names *names, int fd)
{
	static char list[ROOM_LIST] __attribute__((aligned(8)));
	ssize_t n;

	while ((n = getdents64(fd, list, sizeof(list))) > 0) {
		int r = names_add_listed(names, list, (size_t)n);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Entries */

struct entry *entry_close(struct entry *entry)
{
	if (!entry)
		return NULL;
	if (entry->links != entry->files)
		close_fd(entry->links);
	close_fd(entry->files);
	free(entry->name);
	free(entry->location);
	free(entry->class);
	free(entry->classes);
	json_decref(entry->properties);
	free(entry);
	return NULL;
}

/* The entry of the descriptors, which are its own from now on. */
static struct entry *entry_new(int files, int links)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry) {
		if (links != files)
			close_fd(links);
		close_fd(files);
		return NULL;
	}
	entry->files = files;
	entry->links = links;
	return entry;
}

static int read_id(struct entry *entry)
{
	_cleanup_(freep) char *text = entry_text(entry, "id");

	if (!text || strncmp(text, "0x", 2) != 0)
		return -ENOENT;
	entry->id = strtoull(text, NULL, 16);
	return 0;
}

static int read_names(struct entry *entry)
{
	entry->name = entry_text(entry, "name");
	entry->location = entry_text(entry, "location");
	if (!entry->location)
		entry->location = strdup("");
	return entry->name && entry->location ? 0 : -ENOENT;
}

/*
 * A directory is named name@location. Where that is not plain, by an escape, a suffix that tells
 * two apart, or another @, the files say it; else they need not be read.
 */
static int take_names(struct entry *entry, const char *directory)
{
	const char *at = strchr(directory, '@');

	if (strpbrk(directory, "%~") || (at && (at == directory || !at[1] || strchr(at + 1, '@'))))
		return read_names(entry);
	entry->name = strndup(directory, at ? (size_t)(at - directory) : strlen(directory));
	entry->location = strdup(at ? at + 1 : "");
	return entry->name && entry->location ? 0 : -ENOMEM;
}

int entry_open_root(int mount, const char *plane, struct entry **ret)
{
	int files = openat(mount, "IOService", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int links = files, r;
	struct entry *entry;

	if (files >= 0 && strcmp(plane, "IOService") != 0) {
		links = openat(mount, plane, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (links < 0) {
			r = -errno;
			close(files);
			return r;
		}
	}
	if (files < 0)
		return -errno;
	entry = entry_new(files, links);
	if (!entry)
		return -ENOMEM;
	entry->is_root = true;
	r = read_id(entry);
	if (r == 0)
		r = read_names(entry);
	*ret = r < 0 ? entry_close(entry) : entry;
	return r;
}

/* A directory in the service plane is the entry's own; in another it has a link `entry` to that. */
static struct entry *open_service(const struct entry *parent, const char *name)
{
	bool is_elsewhere = parent->links != parent->files;
	int links, files;

	if (is_elsewhere && strcmp(name, "entry") == 0)
		return NULL;
	files = links = openat(parent->links, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (links < 0)
		return NULL;
	if (is_elsewhere) {
		files = openat(links, "entry", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (files < 0) {
			close(links);
			return NULL;
		}
	}
	return entry_new(files, links);
}

static struct entry *open_client(const struct entry *parent, const char *name)
{
	_cleanup_(freep) char *path = text_print("clients/%s", name);
	int files;

	if (!path)
		return NULL;
	files = openat(parent->files, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return files < 0 ? NULL : entry_new(files, -1);
}

/* Children */

/* -ENOENT for one that is gone, or not ours to see. */
static int open_child(const struct entry *parent, const char *name, bool is_client,
		      struct entry **ret)
{
	struct entry *entry = is_client ? open_client(parent, name) : open_service(parent, name);
	int r = entry ? read_id(entry) : -ENOENT;

	if (r == 0)
		r = is_client ? read_names(entry) : take_names(entry, name);
	*ret = r < 0 ? entry_close(entry) : entry;
	return r;
}

/* Open the next of a kind that can be, if there is one. */
static int advance(struct children *children, struct names *names, bool is_client,
		   struct entry **next)
{
	const char *name;

	*next = NULL;
	while (!*next && (name = names_next(names))) {
		int r;

		errno = 0;
		r = open_child(children->parent, name, is_client, next);
		if (r < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			return -errno;
	}
	return 0;
}

static int list_clients(struct children *children)
{
	_cleanup_(closep) int fd = openat(children->parent->files, "clients",
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? 0 : names_read(&children->clients, fd);
}

int children_open(struct entry *parent, struct children *ret)
{
	int r;

	*ret = (struct children){ .parent = parent };
	if (parent->links < 0)
		return 0;
	/* It may have been listed before. */
	if (lseek(parent->links, 0, SEEK_SET) < 0)
		return -errno;
	r = names_read(&ret->services, parent->links);
	if (r == 0 && parent->links == parent->files)
		r = list_clients(ret);
	if (r == 0)
		r = advance(ret, &ret->services, false, &ret->service);
	return r < 0 ? r : advance(ret, &ret->clients, true, &ret->client);
}

bool children_more(const struct children *children)
{
	return children->service || children->client;
}

int children_next(struct children *children, struct entry **ret)
{
	bool is_client = !children->service ||
			 (children->client && children->client->id < children->service->id);

	if (is_client) {
		*ret = children->client;
		return advance(children, &children->clients, true, &children->client);
	}
	*ret = children->service;
	return advance(children, &children->services, false, &children->service);
}

void children_close(struct children *children)
{
	entry_close(children->service);
	entry_close(children->client);
	names_free(&children->services);
	names_free(&children->clients);
}
