/* SPDX-License-Identifier: MIT */
/*
 * folder - what a target made on disk goes again
 */
#pragma once

#include <ftw.h>
#include <stdio.h>

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

/* With all that is in it. */
static inline void remove_folder(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
