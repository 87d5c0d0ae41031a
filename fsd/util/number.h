/* SPDX-License-Identifier: MIT */
/*
 * number - decimal text to a number, strictly
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * @text of @size bytes: digits alone, and perhaps one newline at the end.
 * Return: 0, or -EINVAL for anything else, 2^64 and above included.
 */
int number_parse(const char *text, size_t size, uint64_t *ret);

/* 1 to 16 lower-case hexadecimal digits without a 0 in front, only. Return: 0 or -EINVAL. */
int number_parse_hex(const char *text, uint64_t *ret);
