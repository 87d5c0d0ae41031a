/* SPDX-License-Identifier: MIT */
/*
 * guard - mappings of files that somebody else may cut short
 *
 * A load from a page that the file has lost raises SIGBUS. For a guarded range
 * the page is then replaced by one of zeros and the range marked as lost: the
 * access goes on, and whoever made it looks at the mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/list.h"

struct guard {
	struct list link;
	char *start;
	size_t size;
	volatile bool lost;
};

/* Take SIGBUS over; once, at start. Return: 0 or the errno of sigaction(2). */
int guard_install(void);

/* One thread alone, the one that touches the ranges, may call these. */
void guard_add(struct guard *guard, void *start, size_t size);
void guard_remove(struct guard *guard);
