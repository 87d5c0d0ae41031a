/* SPDX-License-Identifier: MIT */
/*
 * plain_tree - a registry as plain files, as it looks in a mount; and the default one
 *
 * The numbers of entries are from 0x100000101 on, in the order of making.
 */
#pragma once

#include <IOKit/IOKitLib.h>

#include "main.h"
#include "plain_files.h"

#define FIRST_ID 0x100000101ull

static char tree[] = "/tmp/tree-XXXXXX";
static uint64_t next_id;
static unsigned n_open_at_first;

/* A path in the tree, as printf() writes it; good for some calls. */
__attribute__((format(printf, 1, 2)))
static inline const char *in_tree(const char *format, ...)
{
	const char *path;
	va_list arguments;

	va_start(arguments, format);
	path = path_in(tree, format, arguments);
	va_end(arguments);
	return path;
}

/* The number, and links by it. */
static inline void number_entry(const char *place, uint64_t id)
{
	char text[32], target[1200];

	snprintf(text, sizeof(text), "0x%llx\n", (unsigned long long)id);
	put_text(in_tree("%s/id", place), text);
	snprintf(target, sizeof(target), "../%s", place);
	ck_assert_int_eq(symlink(target, in_tree("id/0x%llx", (unsigned long long)id)), 0);
}

/* An entry in the service plane, "IOService/Bus/Dev@0". Return: its number. */
static inline uint64_t make_entry(const char *place)
{
	char path[1200], name[600], location[600], link[64], parent[32];
	const char *last = strrchr(place, '/') + 1, *at = strchr(last, '@'), *above_id;
	size_t above = (size_t)(last - place - 1);
	uint64_t id = next_id++;

	make_directory(in_tree("%s", place));
	number_entry(place, id);
	snprintf(name, sizeof(name), "%.*s\n", at ? (int)(at - last) : (int)strlen(last), last);
	snprintf(location, sizeof(location), "%s\n", at ? at + 1 : "");
	snprintf(path, sizeof(path), "IOService:%s\n", place + strlen("IOService"));
	put_text(in_tree("%s/name", place), name);
	put_text(in_tree("%s/location", place), location);
	put_text(in_tree("%s/path", place), path);
	make_directory(in_tree("%s/parents", place));
	make_directory(in_tree("%s/prop", place));
	snprintf(path, sizeof(path), "%.*s/id", (int)above, place);
	above_id = text_in(in_tree("%s", path));
	snprintf(parent, sizeof(parent), "%.*s", (int)strcspn(above_id, "\n"), above_id);
	snprintf(link, sizeof(link), "../../%s", parent);
	ck_assert_int_eq(symlink(link, in_tree("%s/parents/%s", place, parent)), 0);
	return id;
}

static inline void set_file(const char *place, const char *file, const char *text)
{
	put_text(in_tree("%s/%s", place, file), text);
}

static inline void new_tree(void)
{
	n_open_at_first = n_open();
	next_id = FIRST_ID;
	ck_assert_ptr_nonnull(mkdtemp(tree));
	put_text(in_tree("version"), "fsd 0.1\n");
	make_directory(in_tree("id"));
	make_directory(in_tree("class"));
	make_directory(in_tree("err"));
	make_directory(in_tree("IOService"));
	number_entry("IOService", FIRST_ID - 1);
	set_file("IOService", "name", "Root\n");
	set_file("IOService", "location", "\n");
	set_file("IOService", "path", "IOService:/\nIOPower:/\n");
	set_file("IOService", "class", "IORegistryEntry\n");
	make_directory(in_tree("IOService/prop"));
	make_directory(in_tree("IOService/parents"));
	setenv("FSD_MOUNT", tree, 1);
}

/* Whatever a test did, it released. */
static inline void remove_tree(void)
{
	remove_all(tree);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}

static inline io_registry_entry_t entry_at(const char *path)
{
	io_registry_entry_t entry = IORegistryEntryFromPath(kIOMainPortDefault, path);

	ck_assert_msg(entry > 0, "there is no %s", path);
	return entry;
}
