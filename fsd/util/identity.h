/* SPDX-License-Identifier: MIT */
/*
 * identity - who a caller is, read once while he waits for us
 *
 * A request names a thread. While the request is under way the thread is there,
 * so what /proc says of it is true of the caller; what is read is kept, and
 * never derived from a pid later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITY_MAX_GROUPS 64

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_MAX_GROUPS];	/* supplementary; more than these do not count */
	unsigned n_groups;
	pid_t pid;		/* of the process; 0: not visible from here */
	uint64_t start_time;	/* tells it from a later process with that pid */
	char comm[64];		/* name of the process, "" when not visible; any bytes */
	char *exe;		/* owned; path of the executable if it is the same file for us, or NULL */
	uint64_t exe_device, exe_inode;	/* which file it is */
	uint32_t session;	/* audit session, UINT32_MAX: none */
	uint64_t capabilities;	/* effective */
	bool frozen;		/* its control group is told to be */
};

/*
 * Fill @ret for the thread @tid that asks with @uid and @gid. A thread that cannot be seen
 * gives only these two; likewise one with other ids of its own, in whose name somebody
 * else asks. Return: 0, -ENOMEM; -EMFILE, -ENFILE: we cannot look; identity_deinit() it in
 * any case.
 */
int identity_read(pid_t tid, uid_t uid, gid_t gid, struct identity *ret);
void identity_deinit(struct identity *identity);

/* Its numbers alone, of which one file tells. */
struct credentials {
	uid_t uid;
	gid_t gid;
	pid_t pid;		/* likewise */
};

struct credentials credentials_read(pid_t tid, uid_t uid, gid_t gid);
struct credentials identity_credentials(const struct identity *identity);

/*
 * A descriptor (O_PATH) of the very file that @exe is, also if something else has its path by now;
 * not of one on a file system that is a program's, which says what it likes. -1: none.
 */
int identity_open_exe(const struct identity *identity);

bool identity_has_group(const struct identity *identity, gid_t group);
