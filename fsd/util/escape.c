/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/escape.h"

char *escape(const char *bytes)
{
	char *text = malloc(3 * strlen(bytes) + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (; *bytes; bytes++) {
		unsigned char byte = (unsigned char)*bytes;

		if (byte < 128 && (isalnum(byte) || strchr("._-", byte)))
			*to++ = (char)byte;
		else
			to += sprintf(to, "%%%02X", byte);
	}
	*to = '\0';
	return text;
}

/* The value of two hexadecimal digits, or 0: no name holds a NUL. */
static char hex_pair(const char *digits)
{
	char pair[3] = { digits[0], digits[0] ? digits[1] : '\0' };

	if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
		return '\0';
	return (char)strtoul(pair, NULL, 16);
}

char *unescape(const char *text)
{
	char *bytes = malloc(strlen(text) + 1);
	char *to = bytes;

	while (bytes && *text) {
		char byte = *text == '%' ? hex_pair(text + 1) : *text;

		if (byte == '\0') {
			free(bytes);
			return NULL;
		}
		text += *text == '%' ? 3 : 1;
		*to++ = byte;
	}
	if (bytes)
		*to = '\0';
	return bytes;
}

char *unescape_name(const char *name)
{
	char *bytes = malloc(strlen(name) + 1);
	char *to = bytes;

	while (bytes && *name) {
		char byte = *name == '%' ? hex_pair(name + 1) : '\0';

		*to++ = byte ? byte : *name;
		name += byte ? 3 : 1;
	}
	if (bytes)
		*to = '\0';
	return bytes;
}

char *escape_name(const char *name)
{
	char *text = malloc(3 * strlen(name) + 1), *to = text;

	for (const char *from = name; text && *from; from++) {
		unsigned char byte = (unsigned char)*from;

		if (byte < ' ' || byte == 0x7f || byte == '/' || byte == '%' ||
		    (byte == '.' && from == name))
			to += sprintf(to, "%%%02X", byte);
		else
			*to++ = *from;
	}
	if (text)
		*to = '\0';
	return text;
}
