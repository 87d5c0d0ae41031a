/* SPDX-License-Identifier: MIT */
/*
 * handle - what an io_object_t is: a descriptor, and what the library knows of it
 *
 * The number of a handle is that of a descriptor that is open as long as the
 * handle is, so no other file of the process has it. A program has references
 * (IOObjectRetain), and so has a call while it is under way: what another thread
 * releases meanwhile goes when the call is done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <IOKit/IOTypes.h>

enum handle_kind {
	HANDLE_ENTRY		= 1 << 0,	/* of the registry; see entry.h */
	HANDLE_CONNECTION	= 1 << 1,	/* of the registry, too */
	HANDLE_ITERATOR		= 1 << 2,
	HANDLE_NOTIFICATION	= 1 << 3,
	HANDLE_PORT		= 1 << 4,
};

#define HANDLE_OF_REGISTRY	(HANDLE_ENTRY | HANDLE_CONNECTION)
#define HANDLE_ANY		(~0u)

/* Where a kind has more to keep, this is its struct's first member. */
struct handle {
	unsigned n_users;		/* handle.c's, these two: references of the program */
	unsigned n_refs;		/* of calls, and one for all of the program's */

	enum handle_kind kind;
	int fd;				/* owned */
	uint64_t id;			/* of the entry in the registry; 0: it is none */
	char *mount;			/* owned; absolute path of the mount, or NULL */
	char *path;			/* owned; its directory there, "IOService/Bus", or NULL */
	char *class_name;		/* owned; an entry's that was gone already, or NULL */
	const char *lineage;		/* static; "Class:Base:..." of what is no entry */
	void (*free)(struct handle *handle);	/* what the kind's own struct owns; or NULL */
};

/*
 * A new handle in @size bytes, 0 but for what is given; not a number yet. It owns @fd,
 * also when this fails. It has one reference, the caller's.
 * Return: it, or NULL: no memory, or @fd is negative.
 */
void *handle_new(size_t size, enum handle_kind kind, int fd);

/*
 * From now on the program may name it. The caller's reference becomes the program's.
 * Return: the number; or 0 without memory, and the reference is gone.
 */
io_object_t handle_publish(struct handle *handle);

/* A reference to what has the number @object, or NULL: nothing, or not of @kinds. */
void *handle_get(io_object_t object, unsigned kinds);

struct handle *handle_ref(struct handle *handle);
/* Where the caller keeps it from being freed, but not from going. Return: false when it is. */
bool handle_try_ref(struct handle *handle);
void handle_put(struct handle *handle);

/* The program has a reference still. */
bool handle_is_used(struct handle *handle);

/* For _cleanup_(), and variables of any kind's own struct. */
static inline void handle_putp(void *pointer)
{
	struct handle *handle;

	memcpy(&handle, pointer, sizeof(handle));
	handle_put(handle);
}
