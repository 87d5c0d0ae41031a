/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proc - any text as a file of /proc; and, in what the kernel writes, any name
 *
 * The first byte says which file. Of /proc the kernel's words are believed, but a program is
 * called what its author wants, and so is a mount, and who made it.
 */
#include <ctype.h>
#include <unistd.h>

#include "check.h"
#include "libqueue/driver_task.h"
#include "libqueue/mount.h"
#include "util/proc_text.h"

#define STARTED		4242
#define PID		77
#define MOUNT		36

static FILE *open_text(const char *text)
{
	FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");

	CHECK(file);
	return file;
}

static void check_stat(const char *name)
{
	char *stat;

	CHECK(asprintf(&stat, "%d (%s) S 1 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 "
		       "18446744073709551615\n", PID, name, STARTED) > 0);
	CHECK(proc_start_time(stat) == STARTED && task_start_time(stat) == STARTED);
	free(stat);
	proc_start_time(name);
	task_start_time(name);
}

/* As the kernel has it in `status`. */
static void put_name(const char *name, FILE *out)
{
	for (; *name; name++) {
		if (*name == '\n' || *name == '\\')
			fputs(*name == '\n' ? "\\n" : "\\\\", out);
		else
			fputc(*name, out);
	}
}

static void check_status(const char *name)
{
	static struct identity whose;
	char *status = NULL;
	size_t size;
	FILE *file = open_memstream(&status, &size);

	CHECK(file);
	fputs("Name:\t", file);
	put_name(name, file);
	fprintf(file, "\nUmask:\t0022\nTgid:\t%d\nUid:\t1\t2\t3\t1000\nGid:\t1\t2\t3\t100\n"
		"Groups:\t4 24 \nCapEff:\t00000000a80425fb\n", PID);
	CHECK(fclose(file) == 0);
	CHECK(proc_process(status) == PID);
	file = open_text(status);
	whose = (struct identity){ .uid = 1000, .gid = 100 };
	CHECK(proc_status(file, &whose) == 0 && whose.pid == PID);
	CHECK(whose.capabilities == 0xa80425fb);
	CHECK(whose.n_groups == 2 && whose.groups[0] == 4 && whose.groups[1] == 24);
	fclose(file);
	free(status);

	proc_process(name);
	if (!*name)
		return;
	file = open_text(name);
	whose = (struct identity){ .uid = 1000, .gid = 100 };
	CHECK(proc_status(file, &whose) < 0 || whose.pid > 0);
	CHECK(whose.n_groups <= IDENTITY_MAX_GROUPS);
	fclose(file);
}

static void check_cgroup(const char *text)
{
	FILE *file = open_text(text);
	char *group = proc_cgroup(file);

	CHECK(!group || (*group == '/' && !strchr(group, '\n') && strncmp(group, "/..", 3) != 0));
	free(group);
	rewind(file);
	proc_session(file);
	fclose(file);
}

/* As the kernel has it in the table of mounts. */
static void put_path(const char *path, FILE *out)
{
	for (; *path; path++)
		fprintf(out, strchr(" \t\n\\", *path) ? "\\%03o" : "%c", (unsigned char)*path);
}

/* A mount at @path, from @source, of the user @uid. */
static char *mount_line(const char *path, const char *source, const char *type, unsigned uid)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	CHECK(out);
	fprintf(out, "%d 35 0:42 / /", MOUNT);
	put_path(path, out);
	fprintf(out, " rw,nosuid shared:1 - %s ", type);
	put_path(source, out);
	fprintf(out, " rw,user_id=%u,group_id=%u\n", uid, uid);
	CHECK(fclose(out) == 0);
	return line;
}

/* Whatever it calls itself: it is taken if it is fsd's, and root's or ours. */
static void check_mount(const char *path, const char *source, const char *type, unsigned uid)
{
	bool is_taken = strcmp(type, "fuse.fsd") == 0 && (uid == 0 || uid == geteuid());
	char *line = mount_line(path, source, type, uid), *found = mount_of_line(line);
	FILE *file = open_text(line);

	CHECK((found != NULL) == is_taken);
	CHECK(!found || (*found == '/' && strcmp(found + 1, path) == 0));
	CHECK(proc_is_program(file, MOUNT) == (strncmp(type, "fuse", 4) == 0));
	rewind(file);
	CHECK(proc_is_program(file, MOUNT + 1));	/* one that is not there */
	fclose(file);
	free(found);
	free(line);
}

static void check_mounts(const char *text)
{
	FILE *file = open_text(text);

	check_mount(text, "fsd", "fuse.fsd", 0);
	check_mount("mnt", text, "fuse.fsd", 0);
	check_mount("mnt", text, "fuse.fsd", geteuid() + 1);
	check_mount(text, text, "tmpfs", 0);
	proc_is_program(file, MOUNT);
	free(mount_of_line(text));
	fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const checks[])(const char *text) = {
		check_stat, check_status, check_cgroup, check_mounts,
	};
	struct input input = { bytes, n };
	size_t which = take_byte(&input) % 4;
	char *text = strndup((const char *)input.bytes, input.n);

	CHECK(text);
	if (*text)
		checks[which](text);
	free(text);
	return 0;
}
