/* SPDX-License-Identifier: MIT */
/*
 * attribute - files of one value: text out of show(), text into store()
 *
 * The one mechanism for all of them; a new attribute is a row with these
 * operations. A read at offset 0 takes a snapshot, which the same open file then
 * serves to reads of any size; a write is one whole value.
 */
#pragma once

#include "tree/node.h"

#define ATTRIBUTE_MAX_VALUE 4096u	/* bytes of one write */

extern const struct file_ops attribute_ops;

/* As sysfs has it: POLLPRI and POLLERR when the value has changed since it was read at 0. */
extern const struct file_ops watched_attribute_ops;

#define ATTRIBUTE(name_, mode_, show_, store_) \
	{ .name = (name_), .mode = S_IFREG | (mode_), .ops = &attribute_ops, \
	  .show = (show_), .store = (store_) }
#define WATCHED_ATTRIBUTE(name_, mode_, show_, version_) \
	{ .name = (name_), .mode = S_IFREG | (mode_), .ops = &watched_attribute_ops, \
	  .show = (show_), .version = (version_) }
