/* SPDX-License-Identifier: MIT */
/*
 * IOMemoryDescriptor - a piece of memory that can be handed to somebody
 *
 * Here it is a file descriptor and a length: map it, or send it over a socket.
 *
 * Threads	Any thread, any time.
 */
#pragma once

#include <IOKit/OSObject.h>

IOKIT_BEGIN_DECLS

typedef struct IOMemoryDescriptor IOMemoryDescriptor;

/* Bytes; 0 for NULL. Stands for IOMemoryDescriptor::getLength(). */
IOByteCount IOMemoryDescriptor_getLength(const IOMemoryDescriptor *descriptor);

/*
 * The memory as a file: for mmap(2) with MAP_SHARED, from offset 0. It is the
 * object's, and closed with it; dup(2) what is to live longer. New; it stands for
 * IOMemoryDescriptor::map().
 *
 * Return: the file descriptor, or -1 for NULL.
 */
int IOMemoryDescriptor_getDescriptor(const IOMemoryDescriptor *descriptor);

IOKIT_END_DECLS
