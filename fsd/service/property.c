/* SPDX-License-Identifier: MIT */
/*
 * A value is made canonical once, when it comes in. After that equal data have
 * equal text, a set has an order, and nothing needs to be checked any more.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "libqueue/base64.h"
#include "service/property.h"
#include "util/cleanup.h"
#include "util/failure.h"
#include "util/table.h"

#define MAX_DEPTH	512	/* of values in values */
#define MAX_SET_DEPTH	4	/* of sets in sets: each is sorted by the text of what it has */
#define MAX_KEY_BYTES	64	/* of a property_key(): beyond, a hash stands for them */

/* Base64 */

char *base64_encode(const void *data, size_t size)
{
	char *text = malloc(base64_length(size) + 1);

	if (text)
		*base64_put(text, data, size) = '\0';
	return text;
}

int base64_decode(const char *text, size_t length, unsigned char **ret, size_t *ret_size)
{
	size_t size = base64_size(text, length);
	_cleanup_(freep) unsigned char *bytes = size == SIZE_MAX ? NULL : malloc(size + 1);
	int r;

	if (!bytes)
		return size == SIZE_MAX ? -EINVAL : -ENOMEM;
	r = base64_take(text, length, bytes);
	if (r < 0)
		return r;
	*ret = steal(bytes);
	*ret_size = size;
	return 0;
}

/* What a canonical value is */

/* The text of {"$data": TEXT}, or NULL. */
static const char *data_text(const json_t *value)
{
	return json_string_value(json_object_get(value, "$data"));
}

static size_t data_size(const char *text)
{
	return base64_size(text, strlen(text));
}

unsigned char *property_data(const json_t *value, size_t *ret_size)
{
	const char *text = data_text(value);
	unsigned char *bytes = NULL;

	return text && base64_decode(text, strlen(text), &bytes, ret_size) == 0 ? bytes : NULL;
}

json_t *property_set(const json_t *value)
{
	return json_object_get(value, "$set");
}

bool property_is_dictionary(const json_t *value)
{
	return json_is_object(value) && !data_text(value) && !property_set(value);
}

bool property_is_scalar(const json_t *value)
{
	return json_is_string(value) || json_is_integer(value) || json_is_boolean(value) ||
		data_text(value);
}

/* Keys of scalars */

static char *bytes_key(char type, const void *bytes, size_t size, size_t *ret_size)
{
	char *key = malloc(size + 1);

	if (!key)
		return NULL;
	key[0] = type;
	memcpy(key + 1, bytes, size);
	*ret_size = size + 1;
	return key;
}

/* Data may have a NUL more than the string that they equal: NULs at the end do not count. */
static char *text_key(const void *bytes, size_t size, size_t *ret_size)
{
	const char *text = bytes;

	while (size > 0 && text[size - 1] == '\0')
		size--;
	return bytes_key('s', bytes, size, ret_size);
}

static char *whole_key(const json_t *value, size_t *ret_size)
{
	_cleanup_(freep) unsigned char *bytes = NULL;
	json_int_t number = json_integer_value(value);
	size_t size;

	if (json_is_string(value))
		return text_key(json_string_value(value), json_string_length(value), ret_size);
	if (json_is_integer(value))
		return bytes_key('n', &number, sizeof(number), ret_size);
	if (json_is_boolean(value))
		return bytes_key(json_is_true(value) ? 'y' : 'x', "", 0, ret_size);
	bytes = property_data(value, &size);
	return bytes ? text_key(bytes, size, ret_size) : NULL;
}

char *property_key(const json_t *value, size_t *ret_size)
{
	_cleanup_(freep) char *key = whole_key(value, ret_size);
	uint64_t digest[2];

	if (!key || *ret_size <= MAX_KEY_BYTES)
		return steal(key);
	digest[0] = *ret_size;
	digest[1] = table_hash(key, *ret_size);
	return bytes_key('h', digest, sizeof(digest), ret_size);
}

/* To the canonical form */

struct depth {
	unsigned values, sets;
};

static int canonical(const json_t *value, struct depth depth, json_t **ret);

static int new_value(json_t *value, json_t **ret)
{
	*ret = value;
	return value ? 0 : -ENOMEM;
}

static int new_data(const void *bytes, size_t size, json_t **ret)
{
	_cleanup_(freep) char *text = base64_encode(bytes, size);

	return text ? new_value(json_pack("{ss}", "$data", text), ret) : -ENOMEM;
}

static int canonical_data(const json_t *value, struct depth depth, json_t **ret)
{
	const char *text = json_string_value(value);
	_cleanup_(freep) unsigned char *bytes = NULL;
	size_t size;
	int r = text ? base64_decode(text, json_string_length(value), &bytes, &size) : -EINVAL;

	(void)depth;
	if (r == -EINVAL)
		return failure(r, "\"$data\" needs a string of base64 with padding");
	return r < 0 ? r : new_data(bytes, size, ret);
}

static int hex_value(char digit)
{
	const char *digits = "0123456789abcdefABCDEF", *at = digit ? strchr(digits, digit) : NULL;

	if (!at)
		return -1;
	return (int)(at - digits < 16 ? at - digits : at - digits - 6);
}

static int canonical_hex(const json_t *value, struct depth depth, json_t **ret)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	_cleanup_(freep) unsigned char *bytes = malloc(length / 2 + 1);

	(void)depth;
	if (!bytes)
		return -ENOMEM;
	if (!text || length % 2 != 0)
		return failure(-EINVAL, "\"$hex\" needs a string of two digits a byte");
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_value(text[i]), low = hex_value(text[i + 1]);

		if (high < 0 || low < 0)
			return failure(-EINVAL, "\"$hex\" needs hexadecimal digits alone");
		bytes[i / 2] = (unsigned char)(high << 4 | low);
	}
	return new_data(bytes, length / 2, ret);
}

struct member {
	json_t *value;			/* borrowed */
	char *key;			/* owned; equal members have equal ones */
	size_t size;
};

static char *member_key(const json_t *value, size_t *ret_size)
{
	char *text;

	if (property_is_scalar(value))
		return whole_key(value, ret_size);
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	*ret_size = text ? strlen(text) : 0;
	return text;
}

static int compare_members(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	size_t n = one->size < other->size ? one->size : other->size;
	int order = memcmp(one->key, other->key, n);

	return order ? order : (one->size > other->size) - (one->size < other->size);
}

/* Those of @members, in their order, but each once. */
static int append_members(json_t *array, const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && json_equal(members[i].value, members[i - 1].value))
			continue;
		if (json_array_append(array, members[i].value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int fill_members(struct member *members, const json_t *array)
{
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value) {
		members[i].value = value;
		members[i].key = member_key(value, &members[i].size);
		if (!members[i].key)
			return -ENOMEM;
	}
	return 0;
}

/* A new array of what is in @array, sorted. */
static int sort_members(const json_t *array, json_t **ret)
{
	size_t n = json_array_size(array);
	_cleanup_(freep) struct member *members = calloc(n + 1, sizeof(*members));
	json_auto_t *sorted = json_array();
	int r = members && sorted ? fill_members(members, array) : -ENOMEM;

	if (r == 0) {
		qsort(members, n, sizeof(*members), compare_members);
		r = append_members(sorted, members, n);
	}
	for (size_t i = 0; members && i < n; i++)
		free(members[i].key);
	if (r == 0)
		*ret = steal(sorted);
	return r;
}

static int canonical_set(const json_t *value, struct depth depth, json_t **ret)
{
	json_auto_t *array = NULL;
	json_t *sorted = NULL;
	int r;

	if (!json_is_array(value))
		return failure(-EINVAL, "\"$set\" needs an array");
	if (++depth.sets > MAX_SET_DEPTH)
		return failure(-EINVAL, "more than %d sets in one another", MAX_SET_DEPTH);
	r = canonical(value, depth, &array);
	if (r == 0)
		r = sort_members(array, &sorted);
	return r < 0 ? r : new_value(json_pack("{so}", "$set", sorted), ret);
}

/* A number may come as text, "0x..." or digits, from tools that have none of 64 bits. */
static int parse_number(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);
	char *end = NULL;

	*ret = (uint64_t)json_integer_value(value);
	if (json_is_integer(value))
		return 0;
	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	return errno || *end ? -EINVAL : 0;
}

static int canonical_number(const json_t *object, json_t **ret)
{
	const json_t *width = json_object_get(object, "bits");
	json_int_t bits = width ? json_integer_value(width) : 64;
	uint64_t number;

	if (json_object_size(object) != (width ? 2 : 1) || bits < 1 || bits > 64 ||
	    parse_number(json_object_get(object, "$num"), &number) < 0)
		return failure(-EINVAL, "\"$num\" needs a number, and \"bits\" beside it from 1 to 64");
	if (bits < 64)
		number &= ((uint64_t)1 << bits) - 1;
	return new_value(json_integer((json_int_t)number), ret);
}

static const struct {
	const char *key;
	int (*canonical)(const json_t *value, struct depth depth, json_t **ret);
} forms[] = {
	{ "$data", canonical_data },
	{ "$hex",  canonical_hex },
	{ "$set",  canonical_set },
};

/* One that has a key with one '$'. */
static int canonical_form(const json_t *object, const char *key, struct depth depth, json_t **ret)
{
	if (strcmp(key, "$num") == 0)
		return canonical_number(object, ret);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(key, forms[i].key) == 0 && json_object_size(object) == 1)
			return forms[i].canonical(json_object_get(object, key), depth, ret);
	return failure(-EINVAL, "\"%.64s\" is no form of a value; a key that begins with '$' is "
		       "written with one '$' more", key);
}

static int canonical_dictionary(const json_t *object, struct depth depth, json_t **ret)
{
	json_auto_t *result = json_object();
	void *at = json_object_iter((json_t *)(uintptr_t)object);

	if (!result)
		return -ENOMEM;
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
		const char *key = json_object_iter_key(at);
		json_t *value;
		int r;

		if (key[0] == '$' && key[1] != '$')
			return canonical_form(object, key, depth, ret);
		if (strlen(key) != json_object_iter_key_len(at))
			return failure(-EINVAL, "a key has a NUL in it");
		r = canonical(json_object_iter_value(at), depth, &value);
		if (r < 0)
			return r;
		if (json_object_set_new(result, key, value) < 0)
			return -ENOMEM;
	}
	*ret = steal(result);
	return 0;
}

static int canonical_array(const json_t *array, struct depth depth, json_t **ret)
{
	json_auto_t *result = json_array();
	const json_t *item;
	size_t i;

	if (!result)
		return -ENOMEM;
	json_array_foreach(array, i, item) {
		json_t *value;
		int r = canonical(item, depth, &value);

		if (r < 0)
			return r;
		if (json_array_append_new(result, value) < 0)
			return -ENOMEM;
	}
	*ret = steal(result);
	return 0;
}

static int canonical_string(const json_t *value, json_t **ret)
{
	const char *text = json_string_value(value);

	if (strlen(text) != json_string_length(value))
		return failure(-EINVAL, "a string has a NUL in it; bytes are written as \"$data\"");
	return new_value(json_string(text), ret);
}

static int canonical(const json_t *value, struct depth depth, json_t **ret)
{
	if (++depth.values > MAX_DEPTH)
		return failure(-EINVAL, "more than %d values in one another", MAX_DEPTH);
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		return canonical_dictionary(value, depth, ret);
	case JSON_ARRAY:
		return canonical_array(value, depth, ret);
	case JSON_STRING:
		return canonical_string(value, ret);
	case JSON_INTEGER:
		return new_value(json_integer(json_integer_value(value)), ret);
	case JSON_TRUE:
	case JSON_FALSE:
		return new_value(json_boolean(json_is_true(value)), ret);
	case JSON_REAL:
		return failure(-EINVAL, "a number must be whole");
	default:
		return failure(-EINVAL, "null is no value");
	}
}

int property_canonical(const json_t *value, json_t **ret)
{
	return canonical(value, (struct depth){ 0 }, ret);
}

/* Equality */

static bool text_equals_data(const char *text, size_t length, const json_t *data)
{
	size_t size = data_size(data_text(data));
	_cleanup_(freep) unsigned char *bytes = NULL;

	if (size != length && size != length + 1)
		return false;
	bytes = property_data(data, &size);
	return bytes && memcmp(bytes, text, length) == 0 && (size == length || bytes[length] == '\0');
}

static bool string_equals(const json_t *string, const json_t *other)
{
	if (json_is_string(other))
		return json_equal(string, other);
	return data_text(other) &&
		text_equals_data(json_string_value(string), json_string_length(string), other);
}

/* Also of sets: they are sorted. */
static bool arrays_equal(const json_t *one, const json_t *other)
{
	const json_t *item;
	size_t i;

	if (json_array_size(one) != json_array_size(other))
		return false;
	json_array_foreach(one, i, item)
		if (!property_equals(item, json_array_get(other, i)))
			return false;
	return true;
}

static bool dictionaries_equal(const json_t *one, const json_t *other)
{
	json_t *object = (json_t *)(uintptr_t)one, *item;
	const char *key;

	if (json_object_size(one) != json_object_size(other))
		return false;
	json_object_foreach(object, key, item)
		if (!property_equals(item, json_object_get(other, key)))
			return false;
	return true;
}

static bool objects_equal(const json_t *one, const json_t *other)
{
	if (data_text(one) || data_text(other))
		return json_equal(one, other);
	if (property_set(one) || property_set(other))
		return arrays_equal(property_set(one), property_set(other)) &&
			property_set(one) && property_set(other);
	return dictionaries_equal(one, other);
}

bool property_equals(const json_t *one, const json_t *other)
{
	if (!one || !other)
		return false;
	if (json_is_string(one))
		return string_equals(one, other);
	if (json_is_string(other))
		return string_equals(other, one);
	if (json_typeof(one) != json_typeof(other))
		return false;
	if (json_is_array(one))
		return arrays_equal(one, other);
	return json_is_object(one) ? objects_equal(one, other) : json_equal(one, other);
}
