/* SPDX-License-Identifier: MIT */
/*
 * property - values of properties: which there are, and when two are equal
 *
 * The original's types as json_t, in one canonical form each:
 *	string, true, false	themselves
 *	number			an integer, its bits those of an unsigned word
 *	data			{"$data": BASE64}
 *	array, set		[...], {"$set": [...]} without doubles, in an order of our own
 *	dictionary		{...}, a key that begins with '$' with one '$' more
 * Taken on input as well: {"$num": N, "bits": W}, which keeps W bits of N, and
 * {"$hex": "00ff"}.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/*
 * Return: 0 and a new reference to the canonical form in *@ret; -EINVAL, said by failure(), for
 * null, a real number, a wrong '$' form, nesting deeper than 512 (sets: 4); -ENOMEM.
 */
int property_canonical(const json_t *value, json_t **ret);

/*
 * As the original compares (userclient 4.2): numbers by value, a string also with data of its
 * bytes, ... Both are canonical.
 */
bool property_equals(const json_t *one, const json_t *other);

/* The bytes of a {"$data"} value, the caller's, and how many; NULL: no such value, or no memory. */
unsigned char *property_data(const json_t *value, size_t *ret_size);

/* What entries_with_property() can find: a string, a number, a boolean or data. */
bool property_is_scalar(const json_t *value);
/*
 * The same bytes for scalars that are equal, now and then also for others; not the same at each
 * start. The caller's; NULL: no scalar, or no memory.
 */
char *property_key(const json_t *value, size_t *ret_size);

/* In the canonical form: a dictionary, not data or a set. */
bool property_is_dictionary(const json_t *value);
/* The borrowed array of a {"$set"} value, or NULL. */
json_t *property_set(const json_t *value);

/* Base64, the standard alphabet with padding. Return: the caller's, or NULL. */
char *base64_encode(const void *data, size_t size);
/* Return: 0, -EINVAL, -ENOMEM. The bytes are the caller's. */
int base64_decode(const char *text, size_t length, unsigned char **ret, size_t *ret_size);
