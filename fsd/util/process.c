/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
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
