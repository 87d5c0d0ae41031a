/* SPDX-License-Identifier: MIT */
/*
 * kernel - the kernel's membarrier, as a test wants it
 *
 * Include it in a program that is linked with --wrap=syscall.
 */
#pragma once

#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>

static bool register_fails, membarrier_fails;
static unsigned n_membarriers;
static void (*at_membarrier)(void);	/* called in the middle of arming */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* Return: false when the call is to fail. */
static bool membarrier_works(int command)
{
	if (command == MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
		return !register_fails;

	n_membarriers++;
	if (at_membarrier)
		at_membarrier();
	return !membarrier_fails;
}

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);

	if (number == SYS_membarrier && !membarrier_works((int)a[0])) {
		errno = EPERM;
		return -1;
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
