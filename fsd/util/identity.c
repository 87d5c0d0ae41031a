/* SPDX-License-Identifier: MIT */
/*
 * All is read between two looks at when the thread and its process started: what
 * was read in between is of one caller, or it is not used at all.
 *
 * Nothing here may wait for a file system that the caller provides: of his
 * executable only what the kernel has at hand is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/cleanup.h"
#include "util/failure.h"
#include "util/identity.h"
#include "util/proc_text.h"
#include "util/process.h"

#define N_TRIES		8	/* of a walk that others disturb */

static const char *const cgroup_roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

static void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

static int read_status(pid_t tid, struct identity *identity)
{
	_cleanup_(fclosep) FILE *file = open_proc(tid, "status");

	if (!file)
		return failure_is_want(-errno) ? -errno : -ESRCH;
	return proc_status(file, identity);
}

static void read_comm(struct identity *identity)
{
	_cleanup_(fclosep) FILE *file = open_proc(identity->pid, "comm");
	size_t n = file ? fread(identity->comm, 1, sizeof(identity->comm) - 1, file) : 0;

	if (n > 0 && identity->comm[n - 1] == '\n')
		n--;
	identity->comm[n] = '\0';
}

static uint32_t read_session(pid_t tid)
{
	_cleanup_(fclosep) FILE *file = open_proc(tid, "sessionid");

	return file ? proc_session(file) : UINT32_MAX;
}

/* Which file @fd is, or the one at @path when @fd is none; from memory alone. */
static bool stat_cached(int fd, const char *path, struct statx *ret)
{
	unsigned flags = AT_STATX_DONT_SYNC | (fd >= 0 ? AT_EMPTY_PATH : 0);

	return statx(fd >= 0 ? fd : AT_FDCWD, fd >= 0 ? "" : path, (int)flags, STATX_INO | STATX_MNT_ID,
		     ret) == 0;
}

static uint64_t device_of(const struct statx *status)
{
	return (uint64_t)status->stx_dev_major << 32 | status->stx_dev_minor;
}

/* Without a question to any file system: all of a running program's path is in memory. */
static int open_cached(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED };
	long fd = -1;

	for (int i = 0; i < N_TRIES; i++) {
		fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

/*
 * Who has mounts of his own gives any file any path, so a path counts only if it
 * leads to the same file here.
 */
static int read_exe(pid_t tid, struct identity *identity)
{
	_cleanup_(closep) int fd = -1;
	char link[64], path[PATH_MAX];
	struct statx his, ours;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	n = readlink(link, path, sizeof(path));
	if (n <= 0 || (size_t)n == sizeof(path))
		return 0;
	path[n] = '\0';
	fd = open_cached(path);
	if (fd < 0 || !stat_cached(fd, NULL, &ours) || !stat_cached(-1, link, &his) ||
	    his.stx_ino != ours.stx_ino || device_of(&his) != device_of(&ours))
		return 0;
	identity->exe_device = device_of(&ours);
	identity->exe_inode = ours.stx_ino;
	identity->exe = strdup(path);
	return identity->exe ? 0 : -ENOMEM;
}

/* By the table of mounts: statfs(2) would ask the program. */
static bool is_mounted_by_program(uint64_t mount)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");

	return !file || proc_is_program(file, mount);
}

int identity_open_exe(const struct identity *identity)
{
	_cleanup_(closep) int fd = identity->exe ? open_cached(identity->exe) : -1;
	struct statx now;

	if (fd < 0 || !stat_cached(fd, NULL, &now) || now.stx_ino != identity->exe_inode ||
	    device_of(&now) != identity->exe_device || !(now.stx_mask & STATX_MNT_ID) ||
	    is_mounted_by_program(now.stx_mnt_id))
		return -1;
	return steal_fd(&fd);
}

static char *read_cgroup(pid_t tid)
{
	_cleanup_(fclosep) FILE *file = open_proc(tid, "cgroup");

	return file ? proc_cgroup(file) : NULL;
}

static bool is_told_to_freeze(const char *root, const char *group)
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) char *path = text_print("%s%s/cgroup.freeze", root, group);

	if (!path)
		return false;
	file = fopen(path, "re");
	return file && fgetc(file) == '1';
}

/*
 * It, or a group above it. While it waits for us a thread does not freeze, so
 * cgroup.events would not say so.
 */
static bool read_frozen(pid_t tid)
{
	_cleanup_(freep) char *group = read_cgroup(tid);

	while (group && *group) {
		for (size_t i = 0; i < ARRAY_SIZE(cgroup_roots); i++)
			if (is_told_to_freeze(cgroup_roots[i], group))
				return true;
		*strrchr(group, '/') = '\0';
	}
	return false;
}

/* Anybody can make a namespace of users, and has all capabilities in there. */
static bool is_in_our_namespace(pid_t tid)
{
	struct stat his, ours;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", tid);
	return stat(path, &his) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
		his.st_ino == ours.st_ino && his.st_dev == ours.st_dev;
}

static int read_all(pid_t tid, struct identity *identity)
{
	uint64_t thread_start = process_start_time(tid);
	int r = read_status(tid, identity);

	if (r < 0)
		return r;
	if (!is_in_our_namespace(tid))
		identity->capabilities = 0;
	identity->start_time = process_start_time(identity->pid);
	if (thread_start == 0 || identity->start_time == 0)
		return -ESRCH;
	read_comm(identity);
	identity->session = read_session(tid);
	identity->frozen = read_frozen(tid);
	r = read_exe(tid, identity);
	if (r < 0)
		return r;
	return process_start_time(tid) == thread_start &&
	       process_start_time(identity->pid) == identity->start_time ? 0 : -ESRCH;
}

int identity_read(pid_t tid, uid_t uid, gid_t gid, struct identity *ret)
{
	struct identity bare = { .uid = uid, .gid = gid, .session = UINT32_MAX };
	int r = -ESRCH;

	*ret = bare;
	if (tid > 0)
		r = read_all(tid, ret);
	if (r == 0)
		return 0;
	identity_deinit(ret);
	*ret = bare;
	return r == -ESRCH ? 0 : r;
}

void identity_deinit(struct identity *identity)
{
	free(identity->exe);
	identity->exe = NULL;
}

struct credentials credentials_read(pid_t tid, uid_t uid, gid_t gid)
{
	struct identity identity = { .uid = uid, .gid = gid };

	if (tid <= 0 || read_status(tid, &identity) < 0)
		identity.pid = 0;
	return identity_credentials(&identity);
}

struct credentials identity_credentials(const struct identity *identity)
{
	return (struct credentials){ identity->uid, identity->gid, identity->pid };
}

bool identity_has_group(const struct identity *identity, gid_t group)
{
	if (identity->gid == group)
		return true;
	for (unsigned i = 0; i < identity->n_groups; i++)
		if (identity->groups[i] == group)
			return true;
	return false;
}
