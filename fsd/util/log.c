/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

static int log_level = LOG_INFO;

void log_set_level(int level)
{
	log_level = level;
}

__attribute__((format(printf, 2, 0)))
static void print(int level, const char *format, va_list arguments, const char *detail)
{
	char line[1024];

	if (level > log_level)
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	for (char *c = line; *c; c++)	/* a name may hold a newline, and a line of its own */
		if (iscntrl((unsigned char)*c))
			*c = '?';
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "fsd: %s%s%s\n", line, detail ? ": " : "", detail ? detail : "");
	else
		fprintf(stderr, "<%d>fsd: %s%s%s\n", level, line, detail ? ": " : "",
			detail ? detail : "");
}

void log_print(int level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(level, format, arguments, NULL);
	va_end(arguments);
}

int log_errno(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(LOG_ERR, format, arguments, strerror(-error));
	va_end(arguments);
	return error;
}

void log_limited(const char *format, ...)
{
	static time_t last;
	static unsigned n_held_back;
	struct timespec now;
	va_list arguments;
	char more[48];

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (last != 0 && now.tv_sec == last) {
		n_held_back++;
		return;
	}
	snprintf(more, sizeof(more), "%u more like it before", n_held_back);
	va_start(arguments, format);
	print(LOG_WARNING, format, arguments, n_held_back ? more : NULL);
	va_end(arguments);
	last = now.tv_sec;
	n_held_back = 0;
}
