/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/proc_text.h"

#define STAT_START_TIME 22	/* field of `stat`, from 1 */

/* The last of the four ids of a line "Uid:": that of file accesses. */
static bool is_id(const char *text, unsigned id)
{
	unsigned fs_id;

	return sscanf(text, "%*u %*u %*u %u", &fs_id) == 1 && fs_id == id;
}

static void read_groups(const char *text, struct identity *identity)
{
	char *end;

	identity->n_groups = 0;
	while (identity->n_groups < IDENTITY_MAX_GROUPS) {
		unsigned long group = strtoul(text, &end, 10);

		if (end == text)
			break;
		identity->groups[identity->n_groups++] = (gid_t)group;
		text = end;
	}
}

int proc_status(FILE *file, struct identity *identity)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;
	bool is_he = true;

	while (getline(&line, &room, file) > 0) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "Tgid") == 0)
			identity->pid = (pid_t)strtol(value, NULL, 10);
		else if (strcmp(line, "Uid") == 0)
			is_he = is_he && is_id(value, identity->uid);
		else if (strcmp(line, "Gid") == 0)
			is_he = is_he && is_id(value, identity->gid);
		else if (strcmp(line, "Groups") == 0)
			read_groups(value, identity);
		else if (strcmp(line, "CapEff") == 0)
			identity->capabilities = strtoull(value, NULL, 16);
	}
	return identity->pid > 0 && is_he ? 0 : -ESRCH;
}

pid_t proc_process(const char *status)
{
	const char *line = strstr(status, "\nTgid:");
	pid_t pid = 0;

	if (line)
		sscanf(line, "\nTgid: %d", &pid);
	return pid;
}

uint64_t proc_start_time(const char *stat)
{
	const char *at = strrchr(stat, ')');	/* the name before it may hold anything */
	unsigned long long start = 0;

	for (int field = 2; at && field < STAT_START_TIME; field++)
		at = strchr(at + 1, ' ');
	if (at)
		sscanf(at, "%llu", &start);
	return start;
}

uint32_t proc_session(FILE *file)
{
	uint32_t session;

	return fscanf(file, "%" SCNu32, &session) == 1 ? session : UINT32_MAX;
}

char *proc_cgroup(FILE *file)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0)
			return strncmp(line + 3, "/..", 3) == 0 ? NULL : strdup(line + 3);
	}
	return NULL;
}

bool proc_is_program(FILE *file, uint64_t mount)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;
	uint64_t id;

	while (getline(&line, &room, file) > 0) {
		const char *type = strstr(line, " - ");

		if (sscanf(line, "%" SCNu64, &id) == 1 && id == mount)
			return !type || strncmp(type, " - fuse", 7) == 0;
	}
	return true;
}
