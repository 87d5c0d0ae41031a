/* SPDX-License-Identifier: MIT */
/*
 * Three bytes are four characters: a group.
 */
#include <errno.h>

#include "base64.h"

#define NO_GROUP	UINT32_MAX

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* By character: its six bits, and 1 more, for 0 is what is not in the alphabet. */
static const uint8_t known[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7,
	['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
	['/'] = 64,
};

/* Four characters for the 24 bits of @group. */
static char *put_group(char *out, uint32_t group)
{
	*out++ = alphabet[group >> 18];
	*out++ = alphabet[group >> 12 & 63];
	*out++ = alphabet[group >> 6 & 63];
	*out++ = alphabet[group & 63];
	return out;
}

char *base64_put(char *out, const void *bytes, size_t size)
{
	const uint8_t *in = bytes;

	for (; size >= 3; size -= 3, in += 3)
		out = put_group(out, (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2]);
	if (size == 0)
		return out;
	out = put_group(out, (uint32_t)in[0] << 16 | (size == 2 ? (uint32_t)in[1] << 8 : 0));
	out[-1] = '=';
	if (size == 1)
		out[-2] = '=';
	return out;
}

size_t base64_size(const char *text, size_t length)
{
	size_t size = length / 4 * 3;

	if (length % 4 != 0)
		return SIZE_MAX;
	if (length > 0 && text[length - 1] == '=')
		size -= text[length - 2] == '=' ? 2 : 1;
	return size;
}

/* The 24 bits of four characters, the last @n_padding of which stand for 0; or NO_GROUP. */
static uint32_t take_group(const char *text, unsigned n_padding)
{
	uint32_t group = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint32_t sextet = i < 4 - n_padding ? known[(uint8_t)text[i]] : 1;

		if (sextet == 0)
			return NO_GROUP;
		group = group << 6 | (sextet - 1);
	}
	return group;
}

int base64_take(const char *text, size_t length, void *out)
{
	size_t size = base64_size(text, length);
	uint8_t *to = out;

	if (size == SIZE_MAX)
		return -EINVAL;
	for (; size > 0; text += 4) {
		unsigned n = size < 3 ? (unsigned)size : 3;
		uint32_t group = take_group(text, 3 - n);

		if (group == NO_GROUP || (n < 3 && (group & (0xffffffu >> 8 * n)) != 0))
			return -EINVAL;
		for (unsigned i = 0; i < n; i++)
			*to++ = (uint8_t)(group >> (16 - 8 * i));
		size -= n;
	}
	return 0;
}
