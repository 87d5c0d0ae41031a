/* SPDX-License-Identifier: MIT */
/*
 * registry_level - entries that are beside each other: the children of one, or its parents
 *
 * A place is where an entry stands in a plane: its directory in the mount, "IOService/Bus" or
 * "IOPower/Bus". In planes other than IOService, the entry itself is what a link there
 * leads to. A list is taken at once, as names; an entry is opened when its turn comes, so a
 * long list holds no descriptors.
 */
#pragma once

#include "iterator.h"

struct direction {
	const char *plane;	/* borrowed */
	bool is_other;		/* not IOService */
	bool upwards;
};

struct level {
	char *directory;	/* owned: where the names are; "": the mount itself */
	bool is_other;		/* they are places of another plane */
	struct names names;
};

/* Where @entry stands. Return: 0 and the caller's place; -ENOENT: not in the plane; or an errno. */
int place_of(struct handle *entry, const struct direction *direction, char **ret);

/* It is a connection's: nothing is below it, and its directory is not called as it is. */
bool place_is_client(const char *place);
bool entry_is_client(const struct handle *entry);

/* What is below, or above, @place. Return: 0, -ENOENT when it is not there, or an errno. */
int level_open(const char *mount, const struct direction *direction, const char *place,
	       struct level *ret);
void level_close(struct level *level);

/*
 * The next entry that is there still, and, where @ret_place is not NULL, its place, the
 * caller's. Return: 1; 0 at the end; or a negative errno, and it is the next one still.
 */
int level_next(struct level *level, const char *mount, struct handle **ret, char **ret_place);

/* What the program may do something about; after any other errno a thing is as good as gone. */
bool level_is_shortage(int r);
