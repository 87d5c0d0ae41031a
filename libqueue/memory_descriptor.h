/* SPDX-License-Identifier: MIT */
/*
 * memory_descriptor - a piece of memory that can be handed to somebody
 */
#pragma once

#include <IOKit/IOMemoryDescriptor.h>

/*
 * A descriptor of the @length bytes of the file @fd, which stays the caller's.
 * Return: a reference of the caller's, or NULL and errno.
 */
IOMemoryDescriptor *memory_descriptor_new(int fd, IOByteCount length);

/* The same of the file `data` in a queue's @directory, to look at. */
IOMemoryDescriptor *memory_descriptor_of_queue(const char *directory);
