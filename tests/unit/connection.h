/* SPDX-License-Identifier: MIT */
/*
 * connection - a mount as plain files, for tests of connections; no descriptor is left open
 */
#pragma once

#include "plain_mount.h"

#include <poll.h>

#include <IOKit/IODataQueueClient.h>

static struct plain_mount mount;
static unsigned n_open_at_first;

static void set_up(void)
{
	n_open_at_first = n_open();
	new_mount(&mount);
}

/* Whatever a test did, it released. */
static void tear_down(void)
{
	remove_mount(&mount);
	ck_assert_uint_eq(n_open(), n_open_at_first);
}

static inline void *word(uint64_t value)
{
	return (void *)(uintptr_t)value;
}

static inline bool is_readable(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	return poll(&readable, 1, 0) == 1;
}

