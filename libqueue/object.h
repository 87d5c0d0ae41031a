/* SPDX-License-Identifier: MIT */
/*
 * object - what every class begins with: its class, and a count of references
 */
#pragma once

#include <stdbool.h>

#include <IOKit/OSObject.h>

struct OSMetaClass {
	const char *name;
	const OSMetaClass *super;	/* NULL: derived from nothing but OSObject */
	size_t size;			/* bytes of an object */
	void (*free)(void *object);	/* gives up what it owns, but its own memory */
};

struct OSObject {
	const OSMetaClass *meta;
	uint32_t n_references;
};

/* A new object, all 0 but its OSObject, with one reference. NULL without memory. */
void *object_new(const OSMetaClass *meta);

/*
 * One reference more, unless the last one is being given up. The memory must be
 * there still: the caller holds the lock that free() takes first.
 * Return: false when the object is on its way out.
 */
bool object_try_retain(void *object);
