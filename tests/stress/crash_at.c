/* SPDX-License-Identifier: MIT */
/*
 * crash_at - preloaded into fsd, kills it before its Nth change of a file
 *
 * N stands in the file that CRASH_AT names; while there is none, nothing
 * happens. Each call below that changes the state directory counts it down;
 * with CRASH_REPLIES set, each answer to the kernel does instead.
 */
/* Both names that the C library gives a function with an offset. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void count_down(void)
{
	const char *path = getenv("CRASH_AT");
	char text[16] = "";
	long fd, n;

	fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR) : -1;
	if (fd < 0)
		return;
	syscall(SYS_pread64, fd, text, sizeof(text) - 1, 0L);
	n = strtol(text, NULL, 10) - 1;
	syscall(SYS_pwrite64, fd, text, (size_t)snprintf(text, sizeof(text), "%-10ld\n", n), 0L);
	if (n == 0)
		kill(getpid(), SIGKILL);
	syscall(SYS_close, fd);
}

static void count(void)
{
	if (!getenv("CRASH_REPLIES"))
		count_down();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int mkdirat(int folder, const char *path, mode_t mode)
{
	count();
	return NEXT(mkdirat)(folder, path, mode);
}

int renameat(int from, const char *old, int to, const char *new)
{
	count();
	return NEXT(renameat)(from, old, to, new);
}

int unlinkat(int folder, const char *path, int flags)
{
	count();
	return NEXT(unlinkat)(folder, path, flags);
}

int fchmodat(int folder, const char *path, mode_t mode, int flags)
{
	count();
	return NEXT(fchmodat)(folder, path, mode, flags);
}

int fchmod(int fd, mode_t mode)
{
	count();
	return NEXT(fchmod)(fd, mode);
}

int fchownat(int folder, const char *path, uid_t owner, gid_t group, int flags)
{
	count();
	return NEXT(fchownat)(folder, path, owner, group, flags);
}

int fchown(int fd, uid_t owner, gid_t group)
{
	count();
	return NEXT(fchown)(fd, owner, group);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
	count();
	return NEXT(posix_fallocate)(fd, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size)
{
	count();
	return NEXT(posix_fallocate64)(fd, at, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	count();
	return NEXT(pwrite)(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	count();
	return NEXT(pwrite64)(fd, bytes, size, at);
}

/*
 * Not those to pipes: they cannot be seeked in. To fstat() one of its own mount, fsd would have to
 * answer.
 */
ssize_t write(int fd, const void *bytes, size_t size)
{
	if (lseek(fd, 0, SEEK_CUR) >= 0)
		count();
	return syscall(SYS_write, fd, bytes, size);
}

/* libfuse's way to answer. */
ssize_t writev(int fd, const struct iovec *parts, int n_parts)
{
	if (getenv("CRASH_REPLIES"))
		count_down();
	return syscall(SYS_writev, fd, parts, n_parts);
}

static mode_t mode_argument(int flags, va_list arguments)
{
	if (!(flags & O_CREAT))
		return 0;
	count();
	return va_arg(arguments, mode_t);
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_argument(flags, arguments);
	va_end(arguments);
	return NEXT(openat)(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_argument(flags, arguments);
	va_end(arguments);
	return NEXT(openat64)(folder, path, flags, mode);
}
