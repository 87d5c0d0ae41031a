/* SPDX-License-Identifier: MIT */
/*
 * object - what every class begins with: its class, and a count of references
 */
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "object.h"

void *object_new(const OSMetaClass *meta)
{
	OSObject *object = calloc(1, meta->size);

	if (object)
		*object = (OSObject){ .meta = meta, .n_references = 1 };
	return object;
}

/* The documented functions take any class's pointers, and const ones too. */
static OSObject *object_of(const void *pointer)
{
	return (OSObject *)(uintptr_t)pointer;
}

void OSObject_retain(const void *object)
{
	if (object)
		__atomic_fetch_add(&object_of(object)->n_references, 1, __ATOMIC_RELAXED);
}

void OSObject_release(const void *pointer)
{
	OSObject *object = object_of(pointer);

	/* Whatever another thread did to the object before it let go, is done. */
	if (!object || __atomic_fetch_sub(&object->n_references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	if (object->meta->free)
		object->meta->free(object);
	free(object);
}

bool object_try_retain(void *pointer)
{
	OSObject *object = pointer;
	uint32_t n = load_relaxed(&object->n_references);

	while (n > 0)
		if (__atomic_compare_exchange_n(&object->n_references, &n, n + 1, true,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

UInt32 OSObject_getRetainCount(const void *object)
{
	return object ? load_relaxed(&object_of(object)->n_references) : 0;
}

const OSMetaClass *OSObject_getMetaClass(const void *object)
{
	return object ? object_of(object)->meta : NULL;
}

void *OSObject_metaCast(const void *object, const char *name)
{
	const OSMetaClass *meta = OSObject_getMetaClass(object);

	while (meta && name && strcmp(meta->name, name) != 0)
		meta = meta->super;
	return meta && name ? object_of(object) : NULL;
}

const char *OSMetaClass_getClassName(const OSMetaClass *meta)
{
	return meta ? meta->name : NULL;
}

const OSMetaClass *OSMetaClass_getSuperClass(const OSMetaClass *meta)
{
	return meta ? meta->super : NULL;
}
