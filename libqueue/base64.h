/* SPDX-License-Identifier: MIT */
/*
 * base64 - bytes as text, in place: the standard alphabet, with padding
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of text for @size bytes; without a NUL. */
static inline size_t base64_length(size_t size)
{
	return (size + 2) / 3 * 4;
}

/* Return: behind the text at @out, which has room for base64_length(@size). */
char *base64_put(char *out, const void *bytes, size_t size);

/* Return: how many bytes the text stands for, or SIZE_MAX for a length that no text has. */
size_t base64_size(const char *text, size_t length);

/*
 * The bytes of @text to @out, which has room for base64_size(). Bits that stand for
 * nothing must be 0. Return: 0, or -EINVAL, with something at @out all the same.
 */
int base64_take(const char *text, size_t length, void *out);
