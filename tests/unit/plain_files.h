/* SPDX-License-Identifier: MIT */
/*
 * plain_files - what stands in a test for the files of a mount
 */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leftovers.h"

/* What is called @format in @directory, as vprintf() writes it; good for some calls. */
__attribute__((format(printf, 2, 0)))
static inline const char *path_in(const char *directory, const char *format, va_list arguments)
{
	static char paths[4][1200];
	static unsigned at;
	char *path = paths[at++ % 4];
	int n = snprintf(path, sizeof(paths[0]), "%s/", directory);

	vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, format, arguments);
	return path;
}

static inline void make_directory(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0777), 0);
}

static inline void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* What is in a file; good until the next. */
static inline char *text_in(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_ge(n, 0);
	close(fd);
	text[n] = '\0';
	return text;
}

/* A new file of @size bytes, all 0, mapped. */
static inline void *map_new(const char *path, size_t size)
{
	int fd;
	void *map;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	map = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}
