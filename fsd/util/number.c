/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/number.h"

int number_parse(const char *text, size_t size, uint64_t *ret)
{
	uint64_t value = 0;

	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size == 0)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

int number_parse_hex(const char *text, uint64_t *ret)
{
	size_t n = strspn(text, "0123456789abcdef");

	if (n == 0 || n > 16 || text[n] || (*text == '0' && n > 1))
		return -EINVAL;
	*ret = strtoull(text, NULL, 16);
	return 0;
}
