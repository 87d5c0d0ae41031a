/* SPDX-License-Identifier: MIT */
/*
 * fields - a JSON object by a table of its keys, and the values that lines between fsd, drivers
 * and clients are made of
 *
 * All that take a value return 0, -ENOMEM, or -EINVAL, said by failure() with the key's name.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <IOKit/IOReturn.h>

struct field {
	const char *name;
	int (*take)(void *to, const char *name, const json_t *value);	/* NULL: not looked at */
	size_t offset;		/* of what it sets */
	bool required;
};

/* An object, a new reference in *@ret. @what is the document's name in messages. -EMSGSIZE, too. */
int fields_parse(const char *what, const char *text, size_t size, json_t **ret);

/*
 * Each member to (char *)@to + its offset. A key that is not in the table, which ends with a
 * NULL, is refused.
 */
int fields_take(const char *what, const json_t *object, const struct field *fields, void *to);

int field_word(void *to_uint64, const char *name, const json_t *value);
int field_word32(void *to_uint32, const char *name, const json_t *value);
int field_bool(void *to_bool, const char *name, const json_t *value);
/* Text that is not empty, the caller's; what was there is freed. */
int field_string(void *to_char_pointer, const char *name, const json_t *value);
/* A code by number, as in C with or without its sign, or by name. */
int field_code(void *to_ioreturn, const char *name, const json_t *value);

/* "kIOReturnBusy". Return: 0 or -EINVAL. */
int code_by_name(const char *name, IOReturn *ret);

/* A list of numbers: the first SCALARS_MAX of them, and how many there are. */
int field_words(const char *name, const json_t *value, uint64_t *words, uint64_t *ret_n);

/* A new array, or NULL. @hex: as "0x..." */
json_t *words_array(const uint64_t *words, uint64_t n, bool hex);
