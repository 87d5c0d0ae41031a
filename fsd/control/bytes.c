/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "control/bytes.h"
#include "util/cleanup.h"
#include "util/utf8.h"

/* Return: a byte by its two digits, or -1. */
static int hex_byte(const char *digits)
{
	static const char values[] = "0123456789abcdef";
	const char *high = digits[0] ? strchr(values, tolower((unsigned char)digits[0])) : NULL;
	const char *low = digits[1] ? strchr(values, tolower((unsigned char)digits[1])) : NULL;

	return high && low ? (int)((high - values) << 4 | (low - values)) : -1;
}

int bytes_from_hex(const char *text, size_t length, void **ret, size_t *ret_size)
{
	_cleanup_(freep) char *bytes = NULL;

	if (length % 2 != 0)
		return -EINVAL;
	bytes = malloc(length / 2 + 1);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < length / 2; i++) {
		int byte = hex_byte(text + 2 * i);

		if (byte < 0)
			return -EINVAL;
		bytes[i] = (char)byte;
	}
	bytes[length / 2] = '\0';
	*ret_size = length / 2;
	*ret = steal(bytes);
	return 0;
}

void bytes_escape(const void *bytes, size_t size, FILE *out)
{
	const unsigned char *at = bytes;

	for (; size > 0; size--, at++) {
		if (*at < 128 && (isalnum(*at) || *at == '.' || *at == '_' || *at == '-'))
			fputc(*at, out);
		else
			fprintf(out, "%%%02X", *at);
	}
}

int bytes_unescape(const char *text, size_t length, void **ret, size_t *ret_size)
{
	_cleanup_(freep) char *bytes = malloc(length + 1);
	size_t n = 0;

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		int byte = (unsigned char)text[i];

		if (byte == '%') {
			byte = length - i > 2 ? hex_byte(text + i + 1) : -1;
			i += 2;
		}
		if (byte < 0)
			return -EINVAL;
		bytes[n++] = (char)byte;
	}
	bytes[n] = '\0';
	*ret_size = n;
	*ret = steal(bytes);
	return 0;
}

json_t *bytes_to_json(const char *bytes)
{
	static const char replacement[] = "\xef\xbf\xbd";
	_cleanup_(freep) char *text = malloc(3 * strlen(bytes) + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	while (*bytes) {
		size_t size = utf8_character(bytes);

		memcpy(text + n, size ? bytes : replacement, size ? size : 3);
		n += size ? size : 3;
		bytes += size ? size : 1;
	}
	return json_stringn(text, n);
}
