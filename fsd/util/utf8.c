/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "util/utf8.h"

/* By its first byte: how long a character is, and from where to where its second byte goes. */
static const struct {
	unsigned char first, last, low, high;
	size_t length;
} forms[] = {
	{ 0x01, 0x7f, 0x00, 0xff, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },		/* no surrogates */
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_character(const char *bytes)
{
	const unsigned char *text = (const unsigned char *)bytes;
	size_t form = 0, n;

	while (form < sizeof(forms) / sizeof(forms[0]) && *text > forms[form].last)
		form++;
	if (form == sizeof(forms) / sizeof(forms[0]) || *text < forms[form].first ||
	    text[1] < forms[form].low || text[1] > forms[form].high)
		return 0;
	for (n = 2; n < forms[form].length; n++)
		if (text[n] < 0x80 || text[n] > 0xbf)
			return 0;
	return forms[form].length;
}

bool utf8_is_valid(const char *text)
{
	while (*text) {
		size_t length = utf8_character(text);

		if (length == 0)
			return false;
		text += length;
	}
	return true;
}
