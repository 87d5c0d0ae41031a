/* SPDX-License-Identifier: MIT */
/*
 * bench - two processes on two CPUs, for the programs of this folder
 *
 * run_pair() makes them: a child produces on the first CPU that we may use, the
 * parent consumes on the second. Each gets ready, then calls meet(), and both
 * are past it at the same time. When one fails, the other ends too.
 *
 * For C and for C++.
 */
#pragma once

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CACHE_LINES	128	/* bytes: two lines, as the prefetcher takes them */

/* Into each caller, so that what is passed as a function is inlined there. */
#define bench_inline	static inline __attribute__((always_inline))

__attribute__((noreturn, unused))
static void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Seconds. */
__attribute__((unused))
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bench_inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

__attribute__((unused))
static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

/* To the @index-th CPU of those that we have. */
__attribute__((unused))
static void pin(int index)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		fail("sched_getaffinity");
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed) && index-- == 0) {
			CPU_SET((size_t)cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
		}
	}
}

static int *n_ready;	/* shared: how many are in meet() */

/* Wait for the other side; without a system call, which would be counted. */
__attribute__((unused))
static void meet(void)
{
	__atomic_add_fetch(n_ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(n_ready, __ATOMIC_ACQUIRE) < 2)
		relax();
}

static void child_ended(int signal_number)
{
	int status;

	(void)signal_number;
	if (waitpid(-1, &status, WNOHANG) > 0 && status != 0)
		_exit(1);
}

typedef void side(void *arg);

__attribute__((unused))
static void run_pair(side *produce, side *consume, void *arg)
{
	struct sigaction action;
	pid_t child;

	memset(&action, 0, sizeof(action));
	action.sa_handler = child_ended;
	action.sa_flags = SA_RESTART;
	sigaction(SIGCHLD, &action, NULL);

	n_ready = (int *)shared_memory(sizeof(*n_ready));
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(0);
		produce(arg);
		_exit(0);
	}
	pin(1);
	consume(arg);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

__attribute__((unused))
static double median(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), compare_doubles);
	return samples[n / 2];
}
