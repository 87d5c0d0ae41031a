/* SPDX-License-Identifier: MIT */
/* test_identity - who a thread, a child, and one who is gone are */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "main.h"
#include "util/cleanup.h"
#include "util/identity.h"
#include "util/process.h"

static bool is_root(void)
{
	return geteuid() == 0;
}

/* A child that does @prepare and then waits to be ended; 0 when it could not. */
static pid_t start(bool (*prepare)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((prepare && !prepare()) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void check_bare(const struct identity *identity, uid_t uid, gid_t gid)
{
	ck_assert_uint_eq(identity->uid, uid);
	ck_assert_uint_eq(identity->gid, gid);
	ck_assert_int_eq(identity->pid, 0);
	ck_assert_uint_eq(identity->n_groups, 0);
	ck_assert_uint_eq(identity->start_time, 0);
	ck_assert_str_eq(identity->comm, "");
	ck_assert_ptr_null(identity->exe);
	ck_assert_uint_eq(identity->session, UINT32_MAX);
	ck_assert_uint_eq(identity->capabilities, 0);
	ck_assert(!identity->frozen);
}

/* A process */

START_TEST(a_process_is_read_whole)
{
	char exe[4096] = "";
	struct identity identity;

	ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	prctl(PR_SET_NAME, "its name");
	ck_assert_int_eq(identity_read(getpid(), geteuid(), getegid(), &identity), 0);
	ck_assert_uint_eq(identity.uid, geteuid());
	ck_assert_uint_eq(identity.gid, getegid());
	ck_assert_int_eq(identity.pid, getpid());
	ck_assert_uint_eq(identity.start_time, process_start_time(getpid()));
	ck_assert_str_eq(identity.comm, "its name");
	ck_assert(identity.capabilities != 0 || !is_root());
	ck_assert(!identity.frozen);
	ck_assert_str_eq(identity.exe, exe);
	identity_deinit(&identity);
	ck_assert_ptr_null(identity.exe);
}
END_TEST

struct looked_at {
	struct identity identity;
	pthread_barrier_t barrier;
	pid_t tid;
};

static void *look_at_me(void *user)
{
	struct looked_at *all = user;

	prctl(PR_SET_NAME, "thread");
	all->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&all->barrier);
	pthread_barrier_wait(&all->barrier);
	return NULL;
}

START_TEST(a_thread_is_of_its_process)
{
	struct looked_at all;
	pthread_t thread;

	prctl(PR_SET_NAME, "process");
	pthread_barrier_init(&all.barrier, NULL, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, look_at_me, &all), 0);
	pthread_barrier_wait(&all.barrier);
	ck_assert_int_ne(all.tid, getpid());
	ck_assert_int_eq(identity_read(all.tid, geteuid(), getegid(), &all.identity), 0);
	pthread_barrier_wait(&all.barrier);
	pthread_join(thread, NULL);

	ck_assert_int_eq(all.identity.pid, getpid());
	ck_assert_uint_eq(all.identity.start_time, process_start_time(getpid()));
	ck_assert_str_eq(all.identity.comm, "process");
	identity_deinit(&all.identity);

	/* The process is there, the thread is not: soon, for it ends after who waits for it goes on. */
	while (syscall(SYS_tgkill, getpid(), all.tid, 0) == 0)
		sched_yield();
	ck_assert_int_eq(identity_read(all.tid, 5, 6, &all.identity), 0);
	check_bare(&all.identity, 5, 6);
}
END_TEST

START_TEST(a_child_is_another_until_it_is_gone)
{
	struct identity identity;
	pid_t pid = start(NULL);

	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	identity_deinit(&identity);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(identity_read(pid, 7, 8, &identity), 0);
	check_bare(&identity, 7, 8);
	identity_deinit(&identity);
}
END_TEST

START_TEST(no_thread_is_nobody_in_particular)
{
	struct identity identity;

	ck_assert_int_eq(identity_read(0, 7, 8, &identity), 0);
	check_bare(&identity, 7, 8);
	ck_assert_int_eq(identity_read(-1, 7, 8, &identity), 0);
	check_bare(&identity, 7, 8);
}
END_TEST

START_TEST(who_asks_with_ids_that_are_not_the_threads_is_not_the_thread)
{
	struct identity identity;

	ck_assert_int_eq(identity_read(getpid(), geteuid() + 1, getegid(), &identity), 0);
	check_bare(&identity, geteuid() + 1, getegid());
	ck_assert_int_eq(identity_read(getpid(), geteuid(), getegid() + 1, &identity), 0);
	check_bare(&identity, geteuid(), getegid() + 1);
}
END_TEST

static bool use_ids_for_files(void)
{
	setfsgid(12);
	setfsuid(11);
	return is_root();
}

START_TEST(ids_are_those_for_files)
{
	struct identity identity;
	pid_t pid = start(use_ids_for_files);

	if (pid == 0)
		return;		/* not root */
	ck_assert_int_eq(identity_read(pid, 11, 12, &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	identity_deinit(&identity);
	ck_assert_int_eq(identity_read(pid, 0, 0, &identity), 0);
	check_bare(&identity, 0, 0);
	end(pid);
}
END_TEST

/* Names */

static const char *const names[] = {
	"", ")", "a) R 1 2 3 (", "a\nTgid: 1", "a\n", "\n", "\377\1\"", "123456789012345",
};
static const char *name;

static bool take_name(void)
{
	return prctl(PR_SET_NAME, name) == 0;
}

START_TEST(a_name_may_hold_any_bytes)
{
	struct identity identity;
	pid_t pid;

	name = names[_i];
	pid = start(take_name);
	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	ck_assert_str_eq(identity.comm, name);
	identity_deinit(&identity);
	end(pid);
}
END_TEST

/* Groups and capabilities */

static bool take_groups(void)
{
	return setgroups(3, (gid_t[]){ 21, 4294967294, 23 }) == 0;
}

START_TEST(groups_are_known)
{
	struct identity identity;
	pid_t pid = start(take_groups);

	if (pid == 0)
		return;		/* not root */
	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_uint_eq(identity.n_groups, 3);
	ck_assert(identity_has_group(&identity, 21) && identity_has_group(&identity, 23) &&
		  identity_has_group(&identity, 4294967294) &&
		  identity_has_group(&identity, getegid()) && !identity_has_group(&identity, 22));
	identity_deinit(&identity);
	end(pid);
}
END_TEST

static bool take_many_groups(void)
{
	static gid_t groups[1000];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = 1000000000 + (gid_t)i;
	return setgroups(ARRAY_SIZE(groups), groups) == 0;
}

START_TEST(many_groups_hide_nothing_behind_them)
{
	struct identity identity;
	pid_t pid = start(take_many_groups);

	if (pid == 0)
		return;		/* not root */
	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_uint_eq(identity.n_groups, IDENTITY_MAX_GROUPS);
	ck_assert(identity_has_group(&identity, 1000000063));
	ck_assert(!identity_has_group(&identity, 1000000064));
	ck_assert(identity.capabilities != 0);
	identity_deinit(&identity);
	end(pid);
}
END_TEST

static bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 && setresgid(33, 33, 33) == 0 && setresuid(33, 33, 33) == 0;
}

START_TEST(another_user_has_no_capabilities)
{
	struct identity identity;
	pid_t pid = start(become_nobody);

	if (pid == 0)
		return;		/* not root */
	ck_assert_int_eq(identity_read(pid, 33, 33, &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	ck_assert_uint_eq(identity.capabilities, 0);
	ck_assert_uint_eq(identity.n_groups, 0);
	identity_deinit(&identity);
	end(pid);
}
END_TEST

/* The executable */

static char folder[] = "/tmp/identity.XXXXXX";
static char program[64];

static void make_program(void)
{
	char command[256];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(program, sizeof(program), "%s/sleep", folder);
	snprintf(command, sizeof(command), "cp /bin/sleep %s", program);
	ck_assert_int_eq(system(command), 0);
}

static void remove_program(void)
{
	unlink(program);
	rmdir(folder);
}

/* Once @pid runs something else than we do. Return: false when it ended before. */
static bool wait_for_exec(pid_t pid)
{
	char link[64], path[4096], ours[4096];
	ssize_t n_ours = readlink("/proc/self/exe", ours, sizeof(ours)), n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	do {
		usleep(1000);
		n = readlink(link, path, sizeof(path));
	} while (n == n_ours && memcmp(path, ours, (size_t)n) == 0);
	return n > 0;
}

static pid_t run(const char *path, bool (*prepare)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!prepare || prepare())
			execl(path, "sleep", "60", NULL);
		_exit(1);
	}
	return pid;
}

START_TEST(an_executable_is_known_while_it_has_its_path)
{
	struct identity identity;
	pid_t pid;

	make_program();
	pid = run(program, NULL);
	ck_assert(wait_for_exec(pid));
	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_str_eq(identity.exe, program);
	identity_deinit(&identity);

	unlink(program);
	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	ck_assert_ptr_null(identity.exe);
	identity_deinit(&identity);
	end(pid);
	remove_program();
}
END_TEST

/* In mounts of our own, our program stands where another is. */
static bool stand_in(void)
{
	return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(program, "/bin/sleep", NULL, MS_BIND, NULL) == 0;
}

START_TEST(a_path_in_mounts_of_ones_own_does_not_count)
{
	struct identity identity;
	pid_t pid;

	make_program();
	pid = run("/bin/sleep", stand_in);
	if (wait_for_exec(pid)) {	/* else it could have no mounts */
		ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
		ck_assert_int_eq(identity.pid, pid);
		ck_assert_ptr_null(identity.exe);
		identity_deinit(&identity);
	}
	end(pid);
	remove_program();
}
END_TEST

/* Freezing */

static const char *const cgroup_roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
static char outer[128], inner[160];

static bool write_file(const char *group, const char *file, const char *text)
{
	_cleanup_(closep) int fd = -1;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A group in a group with @pid in it. Return: false where that is not for us to do. */
static bool make_groups(pid_t pid)
{
	char text[16], path[256];

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < ARRAY_SIZE(cgroup_roots); i++) {
		snprintf(outer, sizeof(outer), "%s/identity-%d", cgroup_roots[i], getpid());
		snprintf(inner, sizeof(inner), "%s/a group", outer);
		snprintf(path, sizeof(path), "%s/cgroup.freeze", inner);
		if (mkdir(outer, 0755) == 0 && mkdir(inner, 0755) == 0 && access(path, W_OK) == 0 &&
		    write_file(inner, "cgroup.procs", text))
			return true;
		rmdir(inner);
		rmdir(outer);
	}
	return false;
}

static void remove_groups(void)
{
	for (int i = 0; i < 1000 && rmdir(inner) < 0 && errno == EBUSY; i++)
		usleep(1000);
	rmdir(outer);
}

static bool is_frozen(pid_t pid)
{
	struct identity identity;

	ck_assert_int_eq(identity_read(pid, geteuid(), getegid(), &identity), 0);
	ck_assert_int_eq(identity.pid, pid);
	identity_deinit(&identity);
	return identity.frozen;
}

START_TEST(a_group_or_one_above_it_freezes)
{
	pid_t pid = start(NULL);

	if (make_groups(pid)) {
		ck_assert(!is_frozen(pid));
		ck_assert(write_file(inner, "cgroup.freeze", "1"));
		ck_assert(is_frozen(pid));
		ck_assert(write_file(inner, "cgroup.freeze", "0"));
		ck_assert(!is_frozen(pid));
		ck_assert(write_file(outer, "cgroup.freeze", "1"));
		ck_assert(is_frozen(pid));
		ck_assert(write_file(outer, "cgroup.freeze", "0"));
		end(pid);
		remove_groups();
	} else {
		end(pid);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_process_is_read_whole);
	tcase_add_test(tests, a_thread_is_of_its_process);
	tcase_add_test(tests, a_child_is_another_until_it_is_gone);
	tcase_add_test(tests, no_thread_is_nobody_in_particular);
	tcase_add_test(tests, who_asks_with_ids_that_are_not_the_threads_is_not_the_thread);
	tcase_add_test(tests, ids_are_those_for_files);
	tcase_add_loop_test(tests, a_name_may_hold_any_bytes, 0, (int)ARRAY_SIZE(names));
	tcase_add_test(tests, groups_are_known);
	tcase_add_test(tests, many_groups_hide_nothing_behind_them);
	tcase_add_test(tests, another_user_has_no_capabilities);
	tcase_add_test(tests, an_executable_is_known_while_it_has_its_path);
	tcase_add_test(tests, a_path_in_mounts_of_ones_own_does_not_count);
	tcase_add_test(tests, a_group_or_one_above_it_freezes);
}
