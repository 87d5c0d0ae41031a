/* SPDX-License-Identifier: MIT */
/*
 * OSObject - objects that live as long as somebody refers to them
 *
 * What a function Class_withX(), Class_Create() or one with Copy in its name
 * hands out is a reference of the caller's, to be given back with
 * OSObject_release(). Every class of this library begins with an OSObject, so its
 * pointers can be passed here as they are.
 *
 * Threads	Any thread, any time, as long as the caller has a reference.
 * Forks	A child has its own copy of each object; releasing it there closes
 *		the child's descriptors and nothing of the parent's.
 */
#pragma once

#include <IOKit/IOTypes.h>

IOKIT_BEGIN_DECLS

typedef struct OSObject OSObject;
typedef struct OSMetaClass OSMetaClass;

/* One reference more. NULL is allowed. Stands for OSObject::retain(). */
void OSObject_retain(const void *object);

/*
 * One reference less; with the last one goes the object. NULL is allowed. Stands
 * for OSObject::release().
 */
void OSObject_release(const void *object);

/* How many references there are; 0 for NULL. Stands for OSObject::getRetainCount(). */
UInt32 OSObject_getRetainCount(const void *object);

/* The class of @object; NULL for NULL. Stands for getMetaClass() of every class. */
const OSMetaClass *OSObject_getMetaClass(const void *object);

/*
 * @object if it is of the class @name, or of one derived from it; else NULL. No
 * reference is taken. Stands for OSDynamicCast().
 */
void *OSObject_metaCast(const void *object, const char *name);

/* The name of a class, "IODataQueue"; and the class it is derived from, or NULL. */
const char *OSMetaClass_getClassName(const OSMetaClass *meta);
const OSMetaClass *OSMetaClass_getSuperClass(const OSMetaClass *meta);

/* Release what a variable refers to, and forget it. */
#define OSSafeReleaseNULL(variable) \
	do { \
		OSObject_release(variable); \
		(variable) = NULL; \
	} while (0)

IOKIT_END_DECLS
