/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/proc_text.h"
#include "util/process.h"

/* The beginning of a file of @pid's; false when there is none. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t room)
{
	_cleanup_(closep) int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, room - 1);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

pid_t process_of_thread(pid_t tid)
{
	char text[512];

	return tid > 0 && read_proc(tid, "status", text, sizeof(text)) ? proc_process(text) : 0;
}

bool process_has_thread(pid_t pid, pid_t tid)
{
	char path[64];

	if (pid <= 0 || tid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return access(path, F_OK) == 0;
}

uint64_t process_start_time(pid_t pid)
{
	char text[1024];

	return pid > 0 && read_proc(pid, "stat", text, sizeof(text)) ? proc_start_time(text) : 0;
}

int process_watch(struct loop *loop, struct source *source, pid_t pid, uint64_t start_time)
{
	uint64_t start;
	int r;

	source->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (source->fd < 0)	/* these two: it is a thread's number now */
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	/*
	 * Looked at with the pidfd in hand: the number cannot change owners now. One that has ended
	 * since is told of by the pidfd.
	 */
	start = process_start_time(pid);
	r = start == start_time || start == 0 ? loop_watch(loop, source, EPOLLIN) : -ESRCH;
	if (r < 0)
		source->fd = close_fd(source->fd);
	return r;
}

void process_unwatch(struct loop *loop, struct source *source)
{
	loop_unwatch(loop, source);
	source->fd = close_fd(source->fd);
}
