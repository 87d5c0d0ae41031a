/* SPDX-License-Identifier: MIT */
/*
 * driver_task - who uses a user client: a process as fsd saw it at the open
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <IOKit/IOUserClient.h>

#include "object.h"

struct IOTask {
	OSObject object;
	pid_t pid;		/* 0: not visible from here */
	uid_t uid;
	gid_t gid;
	uint64_t unique_id;	/* tells it from a later process with that pid; 0: not known */
	char *name, *path;	/* owned; "" for what is not known */
	char *mount;		/* owned; where the console's users are to be read */
	json_t *entitlements;	/* owned; an object */
};

/*
 * The task of a request with uid, gid, pid, comm, exe, ents; each may be missing. The process waits
 * for the answer, so what /proc says of it now is true. Return: a reference, or NULL.
 */
task_t task_new(const json_t *request, const char *mount);

/* `stat` of /proc/PID: when it started; 0: it does not say. The name in it may have any bytes. */
uint64_t task_start_time(const char *stat);

/* The process is still the one that it was. */
bool task_is_alive(task_t task);

/* Is it the process that asks this? */
bool task_asks(task_t task, const json_t *request);

/* Who asks what this thread serves; NULL: nobody, or nothing is served. */
extern _Thread_local task_t task_of_request;

/* The policy denies that process the foreground: fsd tells it of each call. */
extern _Thread_local bool call_is_background;
