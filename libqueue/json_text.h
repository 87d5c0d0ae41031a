/* SPDX-License-Identifier: MIT */
/*
 * json_text - JSON as text and as values, with whole numbers of 64 bits
 *
 * A number in a property or a scalar is an unsigned word of 64 bits. A json_t
 * has signed ones: the word's bits are kept, so 2^64 - 1 is held as -1 and
 * printed as 18446744073709551615. -1 in a text means the same word.
 *
 * Also where one value ends in a stream of bytes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_MAX	(4u << 20)	/* bytes of a document */

/*
 * One value, and nothing but blanks around it. Refused are keys given twice,
 * bad UTF-8, NUL, numbers outside of 64 bits, and nesting deeper than 512.
 * Return: 0 and a new reference in *@ret; -ENOMEM, -EMSGSIZE, or -EINVAL with
 * what is wrong and where in @problem (@room bytes; may be NULL).
 */
int json_text_parse(const char *text, size_t size, json_t **ret, char *problem, size_t room);

/* Short, or with blanks after commas and colons. Return: the caller's text, or NULL. */
char *json_text_print(const json_t *value, bool compact);

/* A whole number, or a string "0x..." or of digits that is one. Return: 0 or -EINVAL. */
int json_text_word(const json_t *value, uint64_t *ret);

/*
 * Where the first value of a stream ends. Keep one from the start of the stream
 * on, and give it each piece once.
 */
struct json_scan {
	unsigned depth;
	bool in_string, escaped, in_word;
	bool started;		/* more than blanks came since the last value */
};

/*
 * Return: how many bytes of @text belong to the value up to and with its end, or 0
 * when it goes on after all of them. After its end the scan starts anew.
 * Blanks before a value are counted with it. A value that is neither object, array nor
 * string ends with the blank behind it, which may be the first byte of a piece.
 */
size_t json_scan(struct json_scan *scan, const char *text, size_t size);
