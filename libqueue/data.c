/* SPDX-License-Identifier: MIT */
/*
 * data - bytes as an object
 */
#include <stdlib.h>
#include <string.h>

#include <IOKit/OSData.h>

#include "object.h"

struct OSData {
	OSObject object;
	void *bytes;		/* owned */
	size_t size;
};

static void data_free(void *object)
{
	OSData *data = object;

	free(data->bytes);
}

static const OSMetaClass data_class = {
	.name = "OSData",
	.size = sizeof(OSData),
	.free = data_free,
};

OSData *OSData_withBytes(const void *bytes, size_t numBytes)
{
	OSData *data;

	if (!bytes && numBytes > 0)
		return NULL;
	data = object_new(&data_class);
	if (!data || numBytes == 0)
		return data;

	data->bytes = malloc(numBytes);
	if (!data->bytes) {
		OSObject_release(data);
		return NULL;
	}
	memcpy(data->bytes, bytes, numBytes);
	data->size = numBytes;
	return data;
}

const void *OSData_getBytesNoCopy(const OSData *data)
{
	return data ? data->bytes : NULL;
}

size_t OSData_getLength(const OSData *data)
{
	return data ? data->size : 0;
}
