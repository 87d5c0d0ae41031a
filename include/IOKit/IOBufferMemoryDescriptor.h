/* SPDX-License-Identifier: MIT */
/*
 * IOBufferMemoryDescriptor - memory of this process that can be handed to somebody
 *
 * It is an IOMemoryDescriptor (IOKit/IOMemoryDescriptor.h) of a memory file that can neither be
 * cut nor grow.
 *
 * Threads	Any thread, any time.
 */
#pragma once

#include <IOKit/IOMemoryDescriptor.h>

IOKIT_BEGIN_DECLS

/*
 * New memory of @capacity bytes, all 0. Stands for IOBufferMemoryDescriptor::withCapacity().
 * Return: a reference of the caller's; NULL for a capacity of 0, and without memory or descriptors.
 */
IOMemoryDescriptor *IOBufferMemoryDescriptor_withCapacity(IOByteCount capacity);

/*
 * Where the memory of any descriptor is in this process, for reading and writing, or where that
 * is not allowed, for reading: it is mapped at the first call, and as long as the object
 * lives. Stands for IOBufferMemoryDescriptor::getBytesNoCopy().
 * Return: its first byte; NULL for NULL, and where it cannot be mapped.
 */
void *IOBufferMemoryDescriptor_getBytesNoCopy(IOMemoryDescriptor *descriptor);

IOKIT_END_DECLS
