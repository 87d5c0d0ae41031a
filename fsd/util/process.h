/* SPDX-License-Identifier: MIT */
/*
 * process - who a pid is, told apart from a later process with the same number
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/loop.h"

/* The process that the thread @tid belongs to, or 0 when it cannot be seen. */
pid_t process_of_thread(pid_t tid);

/* Is @tid a thread of process @pid? Costs less than to ask whose it is. */
bool process_has_thread(pid_t pid, pid_t tid);

/* Clock ticks since boot when @pid started, or 0 when there is no such process. */
uint64_t process_start_time(pid_t pid);

/*
 * @source becomes readable when the process ends; its descriptor is a pidfd, and ours.
 * Return: 0, -ESRCH when it has ended already, or why that cannot be seen. The second is harmless
 * when nothing is watched.
 */
int process_watch(struct loop *loop, struct source *source, pid_t pid, uint64_t start_time);
void process_unwatch(struct loop *loop, struct source *source);
