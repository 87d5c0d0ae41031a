/* SPDX-License-Identifier: MIT */
/*
 * leftovers - what a test may leave behind: open descriptors, and files
 */
#pragma once

#include <check.h>
#include <dirent.h>
#include <stdio.h>

#include "tests/folder.h"

/* But for the one that looks. */
static inline unsigned n_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n - 3;
}

/* A directory, with all that is in it. */
static inline void remove_all(const char *path)
{
	ck_assert_int_eq(remove_folder(path), 0);
}
