/* SPDX-License-Identifier: MIT */
/*
 * ioreg_entry - the registry as ioreg sees it: directories of a mount, and what their files say
 *
 * An entry is a directory that has a file `id`; its children are the directories inside it, and
 * its open clients. A file is read when it is asked for, not before. What goes away
 * while we look is not there: no function complains of it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iterator.h"

#define IOREG_MAX_DEPTH 1000	/* levels of entries; each needs descriptors */

struct entry {
	int files;		/* the directory with its files */
	int links;		/* the directory in the plane; the same one in IOService; -1: a client */
	bool is_root;
	uint64_t id;
	char *name, *location;	/* owned; "": no location */
	char *class, *classes;	/* owned, once read; classes are lines */
	json_t *properties;	/* owned, once read */
};

/* The children that are still to come; the next of either kind is open. */
struct children {
	struct entry *parent;
	struct names services, clients;		/* in their directory's order */
	struct entry *service, *client;
};

/* The root of @plane in the mount whose directory @mount is. Return: 0 or a negative errno. */
int entry_open_root(int mount, const char *plane, struct entry **ret);
struct entry *entry_close(struct entry *entry);

/* Return: 0; -EMFILE, -ENOMEM. Close it in any case. */
int children_open(struct entry *parent, struct children *ret);
/* There are more. */
bool children_more(const struct children *children);
/* The next by id, the caller's. @children must have one. Return: as children_open(). */
int children_next(struct children *children, struct entry **ret);
void children_close(struct children *children);

/* A file's one line, without its newline, the caller's; NULL when it is not there. */
char *entry_text(const struct entry *entry, const char *file);
/* The decimal in a file; 0 when it is not there. */
uint64_t entry_number(const struct entry *entry, const char *file);

/* Borrowed; "" and an empty object when they cannot be had. */
const char *entry_class(struct entry *entry);
const char *entry_classes(struct entry *entry);
const json_t *entry_properties(struct entry *entry);
/* One of them, or NULL: without reading all. The caller's. */
json_t *entry_property(struct entry *entry, const char *key);
