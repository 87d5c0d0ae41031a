/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "control/bytes.h"
#include "util/cleanup.h"

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

/* How many bytes a character in UTF-8 has that begins here, or 0. @bytes end with NUL. */
static size_t character_size(const unsigned char *bytes)
{
	/* By the first byte: what the second may be, so that there is one form of each only. */
	static const struct {
		unsigned char first, last, low, high;
		size_t size;
	} forms[] = {
		{ 0x01, 0x7f, 0x00, 0xff, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },	/* no surrogates */
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },	/* up to U+10FFFF */
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t n = 2;

		if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
			continue;
		if (bytes[1] < forms[i].low || bytes[1] > forms[i].high)
			return 0;
		while (n < forms[i].size && (bytes[n] & 0xc0) == 0x80)
			n++;
		return n >= forms[i].size ? forms[i].size : 0;
	}
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
		size_t size = character_size((const unsigned char *)bytes);

		memcpy(text + n, size ? bytes : replacement, size ? size : 3);
		n += size ? size : 3;
		bytes += size ? size : 1;
	}
	return json_stringn(text, n);
}
