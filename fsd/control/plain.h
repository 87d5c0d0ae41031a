/* SPDX-License-Identifier: MIT */
/*
 * plain - JSON objects of plain numbers, without jansson
 *
 * Nearly all method calls and their answers are such. What is not is not understood here, and
 * is for json_text_parse() to say; what is means the same there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One key: a number, or with @n a list of up to SCALARS_MAX numbers. */
struct plain_key {
	const char *name;
	uint64_t *words, *n;
	bool is_there;
};

/*
 * Fill in @keys, up to one without a name, from all of @text. Return: whether it is nothing but
 * these keys, each once at most; if not, what they have is of no use.
 */
bool plain_parse(const char *text, size_t size, struct plain_key *keys);
