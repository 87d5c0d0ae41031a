/* SPDX-License-Identifier: MIT */
#include <IOKit/IOReturn.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "util/failure.h"

static struct failure last;

int failure(int error, const char *format, ...)
{
	va_list arguments;

	last = (struct failure){ .error = error };
	va_start(arguments, format);
	vsnprintf(last.message, sizeof(last.message), format, arguments);
	va_end(arguments);
	for (char *c = last.message; *c; c++)	/* what is named may hold a newline; it is one line */
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return error;
}

int failure_code(uint32_t code)
{
	last = (struct failure){ .error = -IOReturnToErrno((IOReturn)code), .code = code };
	return last.error;
}

int failure_with_code(int error, uint32_t code)
{
	if (last.error != error)
		last = (struct failure){ .error = error };
	last.code = code;
	return error;
}

void failure_repeat(const struct failure *failure)
{
	last = *failure;
}

void failure_take(struct failure *ret)
{
	*ret = last;
	last = (struct failure){ 0 };
}
