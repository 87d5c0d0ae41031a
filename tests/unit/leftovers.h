/* SPDX-License-Identifier: MIT */
/*
 * leftovers - what a test may leave behind: open descriptors, and files
 */
#pragma once

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>

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

static inline int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

/* A directory, with all that is in it. */
static inline void remove_all(const char *path)
{
	ck_assert_int_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
