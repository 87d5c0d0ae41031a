/* SPDX-License-Identifier: MIT */
/*
 * OSData - bytes as an object
 *
 * Threads	Any thread, any time: the bytes never change.
 */
#pragma once

#include <IOKit/OSObject.h>

IOKIT_BEGIN_DECLS

typedef struct OSData OSData;

/*
 * A copy of @numBytes bytes at @bytes, which may be NULL when there are none. Stands
 * for OSData::withBytes(). Return: a reference of the caller's; NULL without memory,
 * or for NULL bytes.
 */
OSData *OSData_withBytes(const void *bytes, size_t numBytes);

/*
 * The bytes, as long as the object lives; NULL for NULL or none. Stands for
 * OSData::getBytesNoCopy().
 */
const void *OSData_getBytesNoCopy(const OSData *data);

/* How many; 0 for NULL. Stands for OSData::getLength(). */
size_t OSData_getLength(const OSData *data);

IOKIT_END_DECLS
