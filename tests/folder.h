/* SPDX-License-Identifier: MIT */
/*
 * folder - what a test made on disk goes again
 */
#pragma once

#include <ftw.h>
#include <stdio.h>

static inline int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

/* With all that is in it. Return: 0, or -1 with errno. */
static inline int remove_folder(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
