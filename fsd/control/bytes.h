/* SPDX-License-Identifier: MIT */
/*
 * bytes - any bytes in text: as hexadecimal digits, percent-escaped, and as JSON text
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* "00ff": the bytes are the caller's, with a NUL behind them. Return: 0, -EINVAL, -ENOMEM. */
int bytes_from_hex(const char *text, size_t length, void **ret, size_t *ret_size);

/* escape() and unescape() for what may hold NUL; bytes that are no escape stand for themselves. */
void bytes_escape(const void *bytes, size_t size, FILE *out);
int bytes_unescape(const char *text, size_t length, void **ret, size_t *ret_size);

/* A new string: what is not UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *bytes_to_json(const char *bytes);
