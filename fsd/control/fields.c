/* SPDX-License-Identifier: MIT */
#include <IOKit/IOReturn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/fields.h"
#include "libqueue/json_text.h"
#include "service/methods.h"
#include "util/cleanup.h"
#include "util/failure.h"

#define ROOM_KEY 40

int fields_parse(const char *what, const char *text, size_t size, json_t **ret)
{
	json_auto_t *value = NULL;
	char problem[160] = "";
	int r = json_text_parse(text, size, &value, problem, sizeof(problem));

	if (r == -EMSGSIZE)
		return failure(r, "%s: longer than %u bytes", what, JSON_TEXT_MAX);
	if (r == -EINVAL)
		return failure(r, "%s: %s", what, problem);
	if (r < 0)
		return r;
	if (!json_is_object(value))
		return failure(-EINVAL, "%s: must be a JSON object, {...}", what);
	*ret = steal(value);
	return 0;
}

/* The start of a key, fit to be shown on a line. */
static const char *shown(const char *key, char room[ROOM_KEY])
{
	size_t n = 0;

	for (; key[n] && n < ROOM_KEY - 1; n++)
		room[n] = key[n] < ' ' || key[n] == 0x7f ? '?' : key[n];
	room[n] = '\0';
	return room;
}

static int unknown_key(const char *what, const char *key, const struct field *fields)
{
	char known[200] = "", room[ROOM_KEY];
	size_t n = 0;

	for (; fields->name; fields++) {
		if (!fields->take || n + strlen(fields->name) + 3 > sizeof(known))
			continue;
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
				      fields->name);
	}
	return failure(-EINVAL, "%s: unknown key \"%s\"; known are %s", what,
		       shown(key, room), known);
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	while (fields->name && strcmp(fields->name, name) != 0)
		fields++;
	return fields->name ? fields : NULL;
}

int fields_take(const char *what, const json_t *object, const struct field *fields, void *to)
{
	const char *key;
	json_t *value;

	for (const struct field *field = fields; field->name; field++)
		if (field->required && !json_object_get(object, field->name))
			return failure(-EINVAL, "%s: \"%s\" is missing", what, field->name);
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		const struct field *field = find_field(fields, key);
		int r;

		if (!field)
			return unknown_key(what, key, fields);
		r = field->take ? field->take((char *)to + field->offset, key, value) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int field_word(void *to, const char *name, const json_t *value)
{
	if (json_text_word(value, to) < 0)
		return failure(-EINVAL, "\"%s\" must be a whole number of 64 bits, "
			       "or one as a string such as \"0x1f\"", name);
	return 0;
}

int field_word32(void *to, const char *name, const json_t *value)
{
	uint64_t word;

	if (json_text_word(value, &word) < 0 || word > UINT32_MAX)
		return failure(-EINVAL, "\"%s\" must be a whole number from 0 to 4294967295, "
			       "or one as a string such as \"0x1f\"", name);
	*(uint32_t *)to = (uint32_t)word;
	return 0;
}

int field_bool(void *to, const char *name, const json_t *value)
{
	if (!json_is_boolean(value))
		return failure(-EINVAL, "\"%s\" must be true or false", name);
	*(bool *)to = json_is_true(value);
	return 0;
}

int field_string(void *to, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);
	char **place = to;

	if (!text || !*text)
		return failure(-EINVAL, "\"%s\" must be a string that is not empty", name);
	free(*place);
	*place = strdup(text);
	return *place ? 0 : -ENOMEM;
}

int code_by_name(const char *name, IOReturn *ret)
{
	static const IOReturn others[] = {
		kIOReturnSuccess, kIOReturnInvalid, MIG_ARRAY_TOO_LARGE, MACH_SEND_INVALID_DEST,
		MACH_SEND_TIMED_OUT, MACH_SEND_NO_BUFFER, MACH_RCV_PORT_DIED,
	};
	const uint32_t first = (uint32_t)kIOReturnError, last = (uint32_t)kIOReturnNotFound;

	for (size_t i = 0; i < ARRAY_SIZE(others) + last - first + 1; i++) {
		size_t n = ARRAY_SIZE(others);
		IOReturn code = i < n ? others[i] : (IOReturn)(first + (uint32_t)(i - n));
		const char *known = IOReturnName(code);

		if (known && strcmp(known, name) == 0) {
			*ret = code;
			return 0;
		}
	}
	return -EINVAL;
}

int field_code(void *to, const char *name, const json_t *value)
{
	uint64_t word;

	if (json_text_word(value, &word) == 0) {
		/* A negative one has all its upper bits set. */
		if (word > UINT32_MAX && word < (uint64_t)INT32_MIN)
			return failure(-EINVAL, "\"%s\" must fit in 32 bits", name);
		*(IOReturn *)to = (IOReturn)(uint32_t)word;
		return 0;
	}
	if (json_is_string(value) && code_by_name(json_string_value(value), to) == 0)
		return 0;
	return failure(-EINVAL, "\"%s\" must be a number such as 0 or \"0xe00002d8\", "
		       "or a name such as \"kIOReturnNotReady\"", name);
}

int field_words(const char *name, const json_t *value, uint64_t *words, uint64_t *ret_n)
{
	if (!json_is_array(value))
		return failure(-EINVAL, "\"%s\" must be a list of numbers, [...]", name);
	*ret_n = json_array_size(value);
	for (size_t i = 0; i < json_array_size(value); i++) {
		uint64_t word;
		int r = field_word(&word, name, json_array_get(value, i));

		if (r < 0)
			return r;
		if (i < SCALARS_MAX)
			words[i] = word;
	}
	return 0;
}

json_t *words_array(const uint64_t *words, uint64_t n, bool hex)
{
	json_auto_t *array = json_array();

	for (uint64_t i = 0; array && i < n; i++) {
		char text[24];
		json_t *word;

		snprintf(text, sizeof(text), "0x%" PRIx64, words[i]);
		word = hex ? json_string(text) : json_integer((json_int_t)words[i]);
		if (json_array_append_new(array, word) < 0)
			return NULL;
	}
	return steal(array);
}
