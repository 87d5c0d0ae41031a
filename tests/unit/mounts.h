/* SPDX-License-Identifier: MIT */
/*
 * mounts - mounts of one's own: those that others make and remove make ports
 * readable
 */
#pragma once

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/*
 * The new namespace has all that is mounted now. Let go of each mount of a FUSE
 * daemon: it could not end as long as we have it.
 */
static inline void drop_foreign_mounts(void)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[4096];

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, " - fuse") && sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
			umount2(point, MNT_DETACH);
	if (mounts)
		fclose(mounts);
}

static inline void leave_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return;
	mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
	drop_foreign_mounts();
}
