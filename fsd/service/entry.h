/* SPDX-License-Identifier: MIT */
/*
 * entry - what is in the registry: the root, services, and their open clients
 *
 * An entry has a name, a class with its lineage, properties, a state, and
 * links to entries above and below it in one or more planes. All entries are in
 * the indexes of this module, by id, name, class and property, so that to find
 * some costs by what is found, not by what there is.
 *
 * Nothing of directories, sessions or JSON text here. Values are json_t in
 * the form that property.h says.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/list.h"
#include "util/table.h"

#define ENTRY_FIRST_ID	0x100000100ull	/* the root's */
#define ENTRY_NAME_MAX	127		/* bytes, also of a location */
#define PLANE_NAME_MAX	32
#define ENTRY_MAX_BUSY	1023u		/* that is shown */

/* Bits of a state, with the original's values. */
#define ENTRY_INACTIVE		0x01u
#define ENTRY_REGISTERED	0x02u
#define ENTRY_MATCHED		0x04u
#define ENTRY_FIRST_PUBLISHED	0x08u
#define ENTRY_FIRST_MATCHED	0x10u

enum entry_kind { ENTRY_ROOT, ENTRY_SERVICE, ENTRY_CLIENT };

struct node;

/* A named set of links. There is one from the start: the service plane. */
struct plane {
	struct list planes;
	char name[PLANE_NAME_MAX + 1];
};

/* @child is below @parent in @plane. */
struct entry_link {
	struct plane *plane;
	struct entry *parent, *child;
	char *name;				/* owned; the child's in the parent; NULL: a client's */
	struct table_item by_name;
	struct list of_parent, of_child;	/* in the order of attaching */
	struct list of_host;			/* when the child had a parent in this plane before */
};

struct entry {
	uint64_t id;
	enum entry_kind kind;
	char *name;			/* owned */
	char *location;			/* owned; "": none */
	char **lineage;			/* owned, NULL-ended: most derived first, "OSObject" last */
	json_t *properties;		/* owned object; change it by entry_set_property() only */
	uint32_t state;
	uint32_t busy;			/* change it by entry_set_busy() only */
	uint64_t busy_since, busy_time;	/* ns: the one of now began; those before took */
	struct list parents, children;	/* entry_link.of_child, entry_link.of_parent */
	struct list guests;		/* entry_link.of_host: children that are also below others */
	struct node *node;		/* borrowed: its directory in the mount */

	struct list all;		/* in the order of ids */
	struct list keys;		/* the indexes' */
	struct table_item by_id;
	struct list walk;		/* in a list only while a function of entry.c walks */
};

extern struct plane service_plane;		/* "IOService" */
extern struct list planes;			/* plane.planes: all, service_plane first */
extern struct list entries;			/* entry.all */

/* Return: the plane, or NULL. */
struct plane *plane_find(const char *name, size_t length);
/*
 * Return: 0; -EINVAL for no name of 1 to 32 letters and digits that begins upper-case; -EEXIST,
 * -ENOMEM.
 */
int plane_new(const char *name, struct plane **ret);
/* All but the service plane; at the end. */
void planes_free(void);

/*
 * A new entry with no links, indexed; lineage "IOService:IORegistryEntry:OSObject"
 * (a root's without the first; there is one root). @id 0: the next one.
 * Return: 0; -EINVAL for an id that is taken, no name, or no UTF-8; -ENAMETOOLONG, -ENOMEM.
 */
int entry_init(struct entry *entry, enum entry_kind kind, uint64_t id, const char *name,
	       const char *location);
/* Nobody finds it any more: out of all links and indexes. What it is, it can still tell. */
void entry_retire(struct entry *entry);
void entry_deinit(struct entry *entry);

/* Ids from now on are above @id. */
void entry_ids_above(uint64_t id);
uint64_t entry_last_id(void);

/* "C:Base:..." as the new lineage, as lineage_new() takes it. Return: what that returns. */
int entry_set_class(struct entry *entry, const char *classes);
const char *entry_class(const struct entry *entry);
/* Its class is or derives from @name. */
bool entry_is_a(const struct entry *entry, const char *name);

/*
 * @value (borrowed, in the form of property.h) for @key, or none with NULL. Keys are written as
 * those of a dictionary there: with one '$' more when they begin with '$'.
 * Return: 0; -EINVAL for a key that is not written so or not UTF-8; -ENOMEM.
 */
int entry_set_property(struct entry *entry, const char *key, json_t *value);
/*
 * With "IOUserServiceProperties", when that is a dictionary, merged over the rest and itself not
 * to be seen. Return: a borrowed value, or NULL.
 */
json_t *entry_property(const struct entry *entry, const char *key);
/* A new object with all of them, merged like that; the values are shared. NULL: no memory. */
json_t *entry_all_properties(const struct entry *entry);

/* It is busy while that is not 0; for how long it was, up to now, in nanoseconds. */
void entry_set_busy(struct entry *entry, uint32_t busy);
uint64_t entry_busy_time(const struct entry *entry);

/*
 * Return: 0; -EEXIST when it is already there, -ELOOP for one that is above @parent, -ENODEV when
 * one of them is retired, -ENOMEM.
 */
int entry_attach(struct entry *child, struct entry *parent, struct plane *plane);
/* Return: 0 or -ENOENT. */
int entry_detach(struct entry *child, struct entry *parent, struct plane *plane);
/* The first in the order of attaching, or NULL. */
struct entry_link *entry_parent_link(const struct entry *entry, const struct plane *plane);
struct entry *entry_parent(const struct entry *entry, const struct plane *plane);

/*
 * "name" or "name@location" as it stands in a path: its directory's name, or escaped likewise; the
 * caller's, or NULL. Where a parent has another child of that name, its link adds "~0xID".
 */
char *entry_component(const struct entry *entry);
/* A client's link has no name. Return: the link, or NULL. */
struct entry_link *entry_find_link(const struct entry *parent, const struct plane *plane,
				   const char *name);
/*
 * "IOService:/Bus/Dev@0", each component escaped (path.c says how). Return: the caller's; NULL
 * when it is not in the plane, and for no memory.
 */
char *entry_path(const struct entry *entry, const struct plane *plane);
/*
 * "IOService:disk/Part@1": with a word for what is nearest above @entry, or itself, of those that
 * the plane's aliases lead to; of its words, one of the shortest. As in the original the root's is
 * for the root alone. Return: the caller's; NULL for none, and for no memory.
 */
char *entry_path_by_alias(const struct entry *entry, const struct plane *plane);
/*
 * By plane path, whole or with an alias, as the original looks it up (userclient 4.1). Return: the
 * entry or NULL.
 */
struct entry *entry_from_path(const char *path);
/* The last of @path, "name", "name@location", "@location" or an alias, may mean @entry. */
bool entry_may_end(const struct entry *entry, const char *path);
/* Locations are equal as lists of hexadecimal numbers; others, byte by byte. */
bool entry_location_equals(const char *one, const char *other);

struct entry *entry_by_id(uint64_t id);
/* The root, or NULL. */
struct entry *entry_root(void);

/*
 * All with a key, in the order of ids: NULL-ended, the caller's array; NULL: no memory.
 * A scalar @value finds those whose property equals it (property_equals()).
 */
struct entry **entries_with_class(const char *name);	/* lineage */
struct entry **entries_with_name(const char *name);
struct entry **entries_with_property(const char *key, const json_t *value);
struct entry **entries_with_key(const char *key);	/* the property exists */
size_t entries_count_class(const char *name);		/* cheap: no walk */
size_t entries_count_name(const char *name);
size_t entries_count_property(const char *key, const json_t *value);	/* or some more */
size_t entries_count_key(const char *key);

/* Each class, or name, that some entry has, in no order. @found changes no entry. */
void entries_each_class(void (*found)(void *user, const char *name), void *user);
void entries_each_name(void (*found)(void *user, const char *name), void *user);
