/* SPDX-License-Identifier: MIT */
/*
 * driver_task - who uses a user client: a process as fsd saw it at the open
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "driver_task.h"
#include "json_text.h"

#define PID_BITS	22	/* of the largest that Linux has */
#define START_TIME	20	/* which word behind the name says when a process started */

_Thread_local task_t task_of_request;
_Thread_local bool call_is_background;

static void task_free(void *object)
{
	task_t task = object;

	free(task->name);
	free(task->path);
	free(task->mount);
	json_decref(task->entitlements);
}

static const OSMetaClass task_class = {
	.name = "IOTask",
	.size = sizeof(struct IOTask),
	.free = task_free,
};

/* A word and the blanks behind it. */
static const char *behind_word(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

uint64_t task_start_time(const char *stat)
{
	const char *rest = strrchr(stat, ')');

	for (int i = 0; rest && i < START_TIME; i++)
		rest = behind_word(rest);
	return rest ? strtoull(rest, NULL, 10) : 0;
}

static uint64_t start_time(pid_t pid)
{
	char path[32], text[1024];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return task_start_time(text);
}

static uint64_t unique_id(pid_t pid)
{
	uint64_t ticks = pid > 0 ? start_time(pid) : 0;

	return ticks ? ticks << PID_BITS | (uint64_t)pid : 0;
}

static uint64_t word_of(const json_t *request, const char *key, uint64_t otherwise)
{
	uint64_t word;

	return json_text_word(json_object_get(request, key), &word) < 0 ? otherwise : word;
}

static char *text_of(const json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return strdup(text ? text : "");
}

task_t task_new(const json_t *request, const char *mount)
{
	task_t task = object_new(&task_class);
	json_t *entitlements = json_object_get(request, "ents");

	if (!task)
		return NULL;
	task->pid = (pid_t)word_of(request, "pid", 0);
	task->uid = (uid_t)word_of(request, "uid", (uid_t)-1);
	task->gid = (gid_t)word_of(request, "gid", (gid_t)-1);
	task->unique_id = unique_id(task->pid);
	task->name = text_of(request, "comm");
	task->path = text_of(request, "exe");
	task->mount = strdup(mount ? mount : "");
	task->entitlements = json_is_object(entitlements) ? json_incref(entitlements) :
							    json_object();
	if (!task->name || !task->path || !task->mount || !task->entitlements) {
		OSObject_release(task);
		return NULL;
	}
	return task;
}

bool task_is_alive(task_t task)
{
	return task->unique_id && unique_id(task->pid) == task->unique_id;
}

bool task_asks(task_t task, const json_t *request)
{
	pid_t pid = (pid_t)word_of(request, "pid", 0);

	if (pid == 0 && task->gid != (gid_t)word_of(request, "gid", (gid_t)-1))
		return false;	/* of whom the ids are all that is known */
	return task->pid == pid && task->uid == (uid_t)word_of(request, "uid", (uid_t)-1) &&
	       task->unique_id == unique_id(pid);
}

task_t IOTaskGetCurrent(void)
{
	return task_of_request;
}

pid_t IOTaskGetPID(task_t task)
{
	return task ? task->pid : 0;
}

uid_t IOTaskGetUID(task_t task)
{
	return task ? task->uid : (uid_t)-1;
}

gid_t IOTaskGetGID(task_t task)
{
	return task ? task->gid : (gid_t)-1;
}

const char *IOTaskGetName(task_t task)
{
	return task ? task->name : "";
}

const char *IOTaskGetPath(task_t task)
{
	return task ? task->path : "";
}

uint64_t IOTaskGetUniqueID(task_t task)
{
	return task ? task->unique_id : 0;
}
