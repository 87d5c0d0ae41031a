/* SPDX-License-Identifier: MIT */
/*
 * proc_text - what the kernel's text files of a process, and of mounts, say
 *
 * The names in them are anybody's: of a program, of a control group, of a mount.
 */
#pragma once

#include <stdio.h>

#include "util/identity.h"

/*
 * `status` of a thread: the process, its groups and capabilities, into @identity.
 * Return: 0, or -ESRCH when it is not there, or is of somebody else than who asks: then
 * somebody asks in his name.
 */
int proc_status(FILE *file, struct identity *identity);

/* The process in the beginning of `status`; 0: none. */
pid_t proc_process(const char *status);

/* `stat`: when it started, in ticks since the boot; 0: it does not say. */
uint64_t proc_start_time(const char *stat);

/* `sessionid`; UINT32_MAX: none. */
uint32_t proc_session(FILE *file);

/* `cgroup`: its path below the root of control groups, the caller's; NULL: none that we see. */
char *proc_cgroup(FILE *file);

/* `mountinfo`: is the file system of @mount a program, or is there no such? */
bool proc_is_program(FILE *file, uint64_t mount);
